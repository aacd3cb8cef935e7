"""Writes optimizer.json: weights after steps of AdamW and of Adafactor, by PyTorch in double precision.

    python3 tests/golden/optimizer.py > tests/golden/optimizer.json

AdamW is torch.optim.AdamW. Adafactor is written out here with momentum and relative steps; without momentum it is
checked against torch.optim.Adafactor.
"""
import json
import torch

torch.set_default_dtype(torch.float64)
STEPS, LR = 12, 0.01
SHAPES = {"matrix": (5, 7), "vector": (6,), "expert": (4, 9)}


def fill(seed, shape, scale):
    state, out = seed, []
    for _ in range(int(torch.tensor(shape).prod())):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append(scale * ((state >> 11) / 2**52 - 1))
    return torch.tensor(out).reshape(shape)


def weights(name):
    return fill(100 + list(SHAPES).index(name), SHAPES[name], 0.5)


def gradient(name, step):
    return fill(1000 * step + list(SHAPES).index(name), SHAPES[name], 10.0 ** -(step % 4))


def adamw(name):
    w = torch.nn.Parameter(weights(name))
    decay = 0.1 if name != "vector" else 0
    optimizer = torch.optim.AdamW([w], lr=LR, betas=(0.9, 0.98), eps=1e-8, weight_decay=decay)
    for step in range(1, STEPS + 1):
        w.grad = gradient(name, step)
        optimizer.step()
    return w.detach()


def adafactor(name, b1=0.9, decays=True):
    w = weights(name)
    m, row, col, v = torch.zeros_like(w), 0, 0, 0
    for step in range(1, STEPS + 1):
        g, b2 = gradient(name, step), 1 - step**-0.8
        square = g * g + 1e-30
        if w.ndim > 1:
            row = b2 * row + (1 - b2) * square.mean(1, keepdim=True)
            col = b2 * col + (1 - b2) * square.mean(0, keepdim=True)
            u = g / torch.sqrt(row * col / row.mean())
        else:
            v = b2 * v + (1 - b2) * square
            u = g / torch.sqrt(v)
        u = u / max(1.0, float((u * u).mean().sqrt()))
        m = b1 * m + (1 - b1) * LR * max(1e-3, float((w * w).mean().sqrt())) * u
        w = w * (1 - LR * LR * (decays and name != "vector")) - m
    return w


def check(name):
    w = torch.nn.Parameter(weights(name))
    optimizer = torch.optim.Adafactor([w], lr=LR, eps=(None, 1e-3), weight_decay=0)
    for step in range(1, STEPS + 1):
        w.grad = gradient(name, step)
        optimizer.step()
    assert (adafactor(name, 0, False) - w.detach()).abs().max() < 1e-12


for name in SHAPES:
    check(name)
print(json.dumps({rule.__name__: {name: rule(name).flatten().tolist() for name in SHAPES} for rule in (adamw, adafactor)},
                 indent=1))
