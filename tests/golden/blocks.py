#!/usr/bin/env python3
"""Writes blocks.json: logits, losses and gradients of small causal language models made of the blocks of Switch
Transformer, Mixtral, OLMoE, DeepSeekMoE and DeepSeek-V3, by PyTorch in double, for tests/test_blocks.c.

    python3 tests/golden/blocks.py > tests/golden/blocks.json     (PyTorch 2.13.0)

What is of the papers here is the sparse half: the affinity, the choice, the gates, the shared experts and the losses.
Written from their formulas, every expert for every token and a mask. All else is the same in all of them: RMSNorm
before each half, rotary grouped-query attention, SwiGLU experts, one table for reading and writing. Weights are not
stored: both sides make them by fill().
"""
import json
import math
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
VOCAB, LENGTHS = 13, [6, 1, 9, 4]
ROWS = sum(LENGTHS)


def fill(seed, shape, scale, shift):
    """A linear congruence's high 53 bits, in [-1, 1), times scale, plus shift."""
    state, values = seed, []
    for _ in range(math.prod(shape)):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append(shift + scale * ((state >> 11) / 2**52 - 1))
    return torch.tensor(values).reshape(shape).requires_grad_()


class Weights:
    """Tensors by name, made when they are first asked for."""

    def __init__(self):
        self.tensors = {}

    def get(self, name, shape, scale, shift=0.0):
        if name not in self.tensors:
            seed = len(self.tensors) + 1
            self.tensors[name] = (seed, scale, shift, fill(seed, shape, scale, shift))
        return self.tensors[name][3]

    def matrix(self, name, *shape):
        return self.get(name, shape, math.sqrt(3 / shape[-2]))

    def norm(self, name, x):
        return F.rms_norm(x, (x.shape[-1],), self.get(name, (x.shape[-1],), 0.3, 1.0), 1e-6)


def turn(t):
    """Rotary positions of t (heads, length, hd), halves convention."""
    half = t.shape[2] // 2
    angle = torch.arange(t.shape[1]).double()[:, None] * 10000.0 ** (-2.0 * torch.arange(half) / t.shape[2])
    low, high, c, s = t[..., :half], t[..., half:], angle.cos(), angle.sin()
    return torch.cat((low * c - high * s, high * c + low * s), -1)


def attention(qkv, heads, kv_heads):
    outs = []
    for rows in qkv.split(LENGTHS):
        q, k, v = rows.reshape(len(rows), heads + 2 * kv_heads, -1).transpose(0, 1).split((heads, kv_heads, kv_heads))
        out = F.scaled_dot_product_attention(turn(q)[None], turn(k)[None], v[None], is_causal=True, enable_gqa=True)
        outs.append(out[0].transpose(0, 1).reshape(len(rows), -1))
    return torch.cat(outs)


def swiglu(x, w13, w2):
    a, b = (x @ w13).chunk(2, -1)
    return (F.silu(a) * b) @ w2


def switch_gates(logits, c):
    """Fedus et al. 2021: the one expert's probability is its gate."""
    prob = logits.softmax(-1)
    chosen = F.one_hot(prob.argmax(-1), c["experts"]).double()
    return prob * chosen, chosen, prob


def mixtral_gates(logits, c):
    """Jiang et al. 2024: the softmax over the chosen logits alone."""
    top = logits.topk(c["topk"])
    gates = torch.zeros_like(logits).scatter(1, top.indices, top.values.softmax(-1))
    return gates, torch.zeros_like(logits).scatter(1, top.indices, 1.0), logits.softmax(-1)


def plain_gates(logits, c):
    """OLMoE (Muennighoff et al. 2024) and DeepSeekMoE (Dai et al. 2024): probabilities of the chosen, as they are."""
    prob = logits.softmax(-1)
    chosen = torch.zeros_like(prob).scatter(1, prob.topk(c["topk"]).indices, 1.0)
    return prob * chosen, chosen, prob


def sigmoid_gates(logits, c):
    """DeepSeek-V3 (2024): affinities by sigmoid, the chosen ones' shares times a factor; the loss by shares of all."""
    s = logits.sigmoid()
    chosen = torch.zeros_like(s).scatter(1, s.topk(c["topk"]).indices, 1.0)
    gates = s * chosen / (s * chosen).sum(-1, keepdim=True) * c["gate_scale"]
    return gates, chosen, s / s.sum(-1, keepdim=True)


def sparse_half(w, layer, x, c):
    """The block's sparse half and its losses."""
    name, d, f = f"trunk.{layer}.", c["d"], c["hidden"]
    logits = x @ w.get(name + "router", (d, c["experts"]), 3 / math.sqrt(d))
    gates, chosen, prob = c["gates"](logits, c)
    each = swiglu(x, w.matrix(name + "experts.w13", c["experts"], d, 2 * f),
                  w.matrix(name + "experts.w2", c["experts"], f, d))
    out = torch.einsum("te,etd->td", gates, each)
    if c["shared"]:
        out = out + swiglu(x, w.matrix(name + "shared.w13", d, 2 * f * c["shared"]),
                           w.matrix(name + "shared.w2", f * c["shared"], d))
    share = chosen.detach().sum(0) / (c["topk"] * ROWS)
    balance = c["balance"] * c["experts"] * (share * prob.mean(0)).sum()
    return out, balance + c["zloss"] * logits.logsumexp(-1).pow(2).mean()


def model(w, ids, c):
    """Logits (T, vocab), and the layers' losses together."""
    table, aux = w.get("embed", (VOCAB, c["d"]), 1.0), 0
    x, d = table[ids], c["d"]
    for layer in range(c["layers"]):
        name = f"trunk.{layer}."
        width = (c["heads"] + 2 * c["kv_heads"]) * d // c["heads"]
        qkv = w.norm(name + "norm1", x) @ w.matrix(name + "qkv", d, width)
        x = x + attention(qkv, c["heads"], c["kv_heads"]) @ w.matrix(name + "out", d, d)
        half, loss = sparse_half(w, layer, w.norm(name + "norm2", x), c)
        x, aux = x + half, aux + loss
    return w.norm("trunk.norm", x) @ table.T, aux


def numbers(t):
    return [float(f"{v:.12g}") for v in t.detach().reshape(-1).tolist()]


def case(name, **c):
    w, c = Weights(), {"sigmoid": False, "gate_scale": 1.0, **c}
    ids = [(7 * i * i + 3 * i + 1) % VOCAB for i in range(ROWS)]
    target = [(5 * i * i + 2 * i) % VOCAB for i in range(ROWS)]
    logits, aux = model(w, torch.tensor(ids), c)
    loss = F.cross_entropy(logits, torch.tensor(target))
    (loss + aux).backward()
    c.pop("gates")
    tensors = [dict(name=key, seed=seed, scale=scale, shift=shift, grad=numbers(t.grad))
               for key, (seed, scale, shift, t) in w.tensors.items()]
    return dict(name=name, vocab=VOCAB, lengths=LENGTHS, ids=ids, target=target, **c, loss=loss.item(), aux=aux.item(),
                logits=numbers(logits), tensors=tensors)


print(json.dumps([
    case("switch", gates=switch_gates, d=8, layers=2, heads=2, kv_heads=2, experts=4, topk=1, hidden=6, shared=0,
         renormalise=False, balance=0.01, zloss=0.0),
    case("mixtral", gates=mixtral_gates, d=8, layers=2, heads=4, kv_heads=2, experts=8, topk=2, hidden=6, shared=0,
         renormalise=True, balance=0.02, zloss=0.0),
    case("olmoe", gates=plain_gates, d=8, layers=1, heads=2, kv_heads=2, experts=64, topk=8, hidden=2, shared=0,
         renormalise=False, balance=0.01, zloss=0.001),
    case("deepseekmoe", gates=plain_gates, d=8, layers=2, heads=2, kv_heads=2, experts=12, topk=3, hidden=3, shared=2,
         renormalise=False, balance=0.01, zloss=0.0),
    case("deepseek_v3", gates=sigmoid_gates, d=8, layers=2, heads=2, kv_heads=2, experts=12, topk=3, hidden=3, shared=1,
         renormalise=True, sigmoid=True, gate_scale=2.5, balance=0.01, zloss=0.0),
], separators=(",", ":")).replace("],", "],\n"))
