#!/usr/bin/env python3
"""Writes nn.json: outputs and gradients of the layers by PyTorch in double, for tests/test_nn_golden.c.

Inputs are not stored: both sides make them by fill(). The loss whose gradients stand here is the sum of the output
times fill(seed 9), but for the losses, which are their own.
"""
import json
import math
import os
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def fill(seed, shape, scale=1.0, shift=0.0):
    n = math.prod(shape)
    values = [shift + scale * math.sin(12.9898 * (i + 1) + 78.233 * seed) for i in range(n)]
    return torch.tensor(values).reshape(shape).requires_grad_()


def numbers(t):
    return [float(f"{v:.15g}") for v in t.detach().reshape(-1).tolist()]


def entry(out, leaves, loss=None):
    if loss is None:
        loss = (out * fill(9, out.shape).detach()).sum()
    loss.backward()
    return {"out": numbers(out), "grad": {name: numbers(t.grad) for name, t in leaves.items()}}


def rmsnorm():
    x, w = fill(1, (5, 7)), fill(2, (7,))
    return entry(F.rms_norm(x, (7,), w, 1e-6), {"in": x, "w": w})


def layernorm():
    x, w, b = fill(1, (5, 7)), fill(2, (7,)), fill(3, (7,))
    return entry(F.layer_norm(x, (7,), w, b, 1e-5), {"in": x, "w": w, "b": b})


def dense():
    x, w, b = fill(1, (5, 7)), fill(2, (7, 3)), fill(3, (3,))
    return entry(x @ w + b, {"in": x, "w": w, "b": b})


def bag():
    start, index, table = [0, 2, 2, 5], [3, 1, 3, 0, 3], fill(2, (4, 3))
    value = fill(1, (5,)).detach()
    rows = [sum((value[j] * table[index[j]] for j in range(start[i], start[i + 1])), torch.zeros(3)) for i in range(3)]
    return entry(torch.stack(rows), {"w": table})


def turn(t):
    """Rotary positions of t (heads, length, hd), halves convention."""
    half = t.shape[2] // 2
    angle = torch.arange(t.shape[1]).double()[:, None] * 10000.0 ** (-2.0 * torch.arange(half) / t.shape[2])
    low, high, c, s = t[..., :half], t[..., half:], angle.cos(), angle.sin()
    return torch.cat((low * c - high * s, high * c + low * s), -1)


def attention(heads, kv_heads, hd, lengths, prefixes):
    qkv = fill(1, (sum(lengths), (heads + 2 * kv_heads) * hd))
    outs, first = [], 0
    for length, prefix in zip(lengths, prefixes):
        rows = qkv[first:first + length].reshape(length, heads + 2 * kv_heads, hd).transpose(0, 1)
        first += length
        q, k, v = rows.split((heads, kv_heads, kv_heads))
        sees = torch.arange(length)[None, :] < torch.clamp(torch.arange(length)[:, None] + 1, min=prefix)
        out = F.scaled_dot_product_attention(turn(q)[None], turn(k)[None], v[None], attn_mask=sees, enable_gqa=True)
        outs.append(out[0].transpose(0, 1).reshape(length, heads * hd))
    return entry(torch.cat(outs), {"in": qkv})


def conv(n, h, w, c_in, c_out):
    x, kernel = fill(1, (n, h, w, c_in)), fill(2, (3, 3, c_in, c_out), 0.3)
    gain, norm_w, norm_b = fill(3, (c_out,)), fill(4, (c_out,)), fill(5, (c_out,))
    mean, var = kernel.mean((0, 1, 2)), kernel.var((0, 1, 2), correction=0)
    standard = (kernel - mean) / torch.sqrt(var + 1e-5) * gain
    z = F.conv2d(x.permute(0, 3, 1, 2), standard.permute(3, 2, 0, 1), padding=1)
    z = F.relu(F.group_norm(z, c_out // 8, norm_w, norm_b, 1e-5))
    out = F.max_pool2d(z, 2, ceil_mode=True).permute(0, 2, 3, 1)
    return entry(out, {"in": x, "w": kernel, "gain": gain, "gn_gain": norm_w, "gn_bias": norm_b})


def softmax_xent():
    x, weight = fill(1, (4, 5), 3), fill(2, (4,)).detach()
    out = F.cross_entropy(x, torch.tensor([2, -1, 0, 4]), reduction="none", ignore_index=-1)
    return entry(out, {"in": x}, (out * weight).sum())


def sigmoid_xent():
    x, weight = fill(1, (3, 4), 3), fill(2, (3,)).detach()
    target = torch.tensor([[1, 0, 0, 1], [0, 0, 0, 0], [1, 1, 0, 1]]).double()
    out = F.binary_cross_entropy_with_logits(x, target, reduction="none").mean(1)
    return entry(out, {"in": x}, (out * weight).sum())


def squared():
    x, target, weight = fill(1, (4,)), fill(2, (4,)).detach(), fill(3, (4,)).detach()
    out = (x - target) ** 2 / 2
    return entry(out, {"in": x}, (out * weight).sum())


golden = {
    "rmsnorm": rmsnorm(), "layernorm": layernorm(), "dense": dense(), "bag": bag(),
    "attention": attention(2, 2, 4, [3, 1, 5], [0, 0, 5]),
    "attention_grouped": attention(4, 2, 6, [0, 6, 2], [0, 4, 1]),
    "conv": conv(2, 5, 4, 3, 8), "conv_wide": conv(1, 3, 3, 2, 16),
    "softmax_xent": softmax_xent(), "sigmoid_xent": sigmoid_xent(), "squared": squared(),
}
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "nn.json"), "w") as f:
    json.dump(golden, f, separators=(",", ":"))
    f.write("\n")
