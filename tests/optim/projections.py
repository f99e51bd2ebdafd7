"""What the tests of gradient transforms share: parameters, rules, directions to remember."""

from __future__ import annotations

import numpy as np

import tinygen as tg
from tinygen import optim
from tinygen.backend import host

SHAPES = {"dense": (40, 30), "bias": (40,), "kernel": (6, 3, 4, 4), "one": (1, 50), "none": (0, 3)}
RULES = {
    "sgd": lambda p, **o: optim.SGD(p, lr=0.1, **o),
    "momentum": lambda p, **o: optim.SGD(p, lr=0.1, momentum=0.9, **o),
    "adam": lambda p, **o: optim.Adam(p, lr=lambda step: 0.1 / (1 + step), **o),
    "adamw": lambda p, **o: optim.AdamW(p, lr=0.1, **o),
    "muon": lambda p, **o: optim.Muon(
        [(n, x) for n, x in p if x.ndim > 1], [(n, x) for n, x in p if x.ndim < 2], **o
    ),
}


def make_params(seed=0, dtype="float32"):
    rng = tg.Generator(seed)
    return [
        (n, tg.Tensor(rng.normal(s, dtype=dtype), requires_grad=True)) for n, s in SHAPES.items()
    ]


def make_grads(optimizer, seed):
    rng = tg.Generator(1000 + seed)
    return [tg.Tensor(rng.normal(p.shape, dtype=p.dtype)) for p in optimizer.params]


def cosine(a, b):
    a, b = (np.asarray(x, "float64").ravel() for x in (a, b))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


def outputs_along(optimizer, directions):
    """Linear functions of the parameters: their gradients are the directions."""
    found = []
    for direction in directions:
        rest, total = direction, 0.0
        for p in optimizer.params:
            part, rest = rest[: p.size], rest[p.size :]
            if p.size:
                total = total + tg.sum(p * tg.tensor(part.reshape(p.shape)))
        found.append(total)
    return tg.stack(found)


SIZE = sum(int(np.prod(shape)) for shape in SHAPES.values())


def joined(arrays):
    return np.concatenate(
        [np.asarray(host(a) if not isinstance(a, np.ndarray) else a).ravel() for a in arrays]
    ).astype("float64")
