#!/usr/bin/env python3
"""Writes route.json: a Mixtral-style (top 2, gates renormalised, balance loss) and a Switch-style (top 1, balance loss and
z-loss) layer of experts, computed by PyTorch in double from the formulas, every expert for every token and a mask.

    python3 tests/golden/route.py > tests/golden/route.json     (PyTorch 2.13.0)
"""
import json
import torch
from torch.nn.functional import silu

torch.set_default_dtype(torch.float64)


def layer(x, router, w13, w2, k, renormalise, balance, zloss):
    """Returns output, logits, gates (0 where not chosen), balance loss, z-loss."""
    tokens, experts = x.shape[0], router.shape[1]
    logits = x @ router
    prob = logits.softmax(-1)
    mask = torch.zeros_like(prob).scatter(1, logits.topk(k).indices, 1.0)
    gate = prob * mask
    if renormalise:
        gate = gate / gate.sum(-1, keepdim=True)
    share = mask.sum(0) / (k * tokens)
    balance_loss = balance * experts * (share * prob.mean(0)).sum()
    z_loss = zloss * logits.logsumexp(-1).pow(2).mean()
    a, b = (x @ w13).chunk(2, -1)                       # (E, T, f) each
    each = (silu(a) * b) @ w2                           # (E, T, d)
    return (gate.T.unsqueeze(-1) * each).sum(0), logits, gate, balance_loss, z_loss


def case(name, seed, k, renormalise, balance, zloss, tokens=7, d=4, f=3, experts=4):
    torch.manual_seed(seed)
    leaf = {"x": torch.randn(tokens, d), "router": torch.randn(d, experts), "w13": torch.randn(experts, d, 2 * f),
            "w2": torch.randn(experts, f, d)}
    for tensor in leaf.values():
        tensor.requires_grad_()
    out, logits, gate, balance_loss, z_loss = layer(*leaf.values(), k, renormalise, balance, zloss)
    dout = torch.randn(tokens, d)
    ((out * dout).sum() + balance_loss + z_loss).backward()
    flat = {"dout": dout, "out": out, "logits": logits, "gate": gate}
    flat.update(leaf)
    flat.update({"d" + name: tensor.grad for name, tensor in leaf.items()})
    numbers = {key: tensor.detach().flatten().tolist() for key, tensor in flat.items()}
    return dict(name=name, tokens=tokens, d=d, f=f, experts=experts, topk=k, renormalise=renormalise, balance=balance,
                zloss=zloss, balance_loss=balance_loss.item(), z_loss=z_loss.item(), **numbers)


print(json.dumps([case("mixtral", 1, 2, True, 0.01, 0.0), case("switch", 2, 1, False, 0.01, 0.001)],
                 separators=(",", ":")).replace("],", "],\n"))
