"""Small RBMs of every kind, in float64, that several test files share."""

from __future__ import annotations

from typing import Any

import numpy as np

import tinygen as tg
from tinygen.backend import Array
from tinygen.models.rbm import RBM, Bernoulli, Gaussian, NoisyRectified, Softmax

LAYERS = {
    "bernoulli": lambda dtype: (Bernoulli(5, dtype=dtype), Bernoulli(4, dtype=dtype)),
    "softmax": lambda dtype: (Softmax(2, 3, dtype=dtype), Bernoulli(4, dtype=dtype)),
    "gaussian": lambda dtype: (Gaussian(5, dtype=dtype), Bernoulli(4, dtype=dtype)),
    "rectified": lambda dtype: (Gaussian(5, dtype=dtype), NoisyRectified(4, dtype=dtype)),
}
DISCRETE = ("bernoulli", "softmax")
LIKELY = ("bernoulli", "softmax", "gaussian")
"""Kinds that have a likelihood."""


def make_rbm(kind: str = "bernoulli", seed: int = 0, dtype: str = "float64") -> RBM:
    """Random weights and biases of order 1, on the default device."""
    rng = tg.Generator(seed)
    rbm = RBM(*LAYERS[kind](dtype), rng=rng, std=0.7)
    for name, p in rbm.named_parameters():
        if name != "weight":
            p[...] = rng.normal(p.shape, std=0.5, dtype=dtype)
    return rbm


def states_of(rbm: RBM, n: int, seed: int = 1) -> Array:
    """Random states of the visible units, (n, n_visible)."""
    rng = tg.Generator(seed)
    model = rbm.arrays()
    noise = rng.normal((n, model.visible.n), dtype=str(model.weight.dtype))
    return model.visible.sample(noise, rng)


def numeric_gradient(f: Any, parameter: tg.Tensor, step: float = 1e-6) -> np.ndarray:
    """Central differences of a function of no argument in one parameter, entry by entry."""
    values = parameter.numpy().copy()
    found = np.zeros_like(values)
    place = tg.backend.backend_for(parameter.device).from_host
    for index in np.ndindex(values.shape):
        ends = []
        for sign in (1.0, -1.0):
            moved = values.copy()
            moved[index] += sign * step
            parameter[...] = place(moved)
            ends.append(f())
        found[index] = (ends[0] - ends[1]) / (2.0 * step)
    parameter[...] = place(values)
    return found
