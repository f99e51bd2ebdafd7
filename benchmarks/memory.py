"""Peak memory of the gan-784 step against what its arrays need at the least."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

from tinygen.bench.ours import trainer
from tinygen.bench.problems import Gan, Layers, gan_784

MARK = 1.5
FLOAT32 = 4


def measure(steps: int = 3) -> dict[str, Any]:
    """Bytes at the peak (NumPy reports its arrays to tracemalloc), needed bytes, their ratio."""
    needed = requirement(gan_784())
    gc.collect()
    tracemalloc.start()
    try:
        problem = gan_784()
        own = _bytes(problem.generator) + _bytes(problem.discriminator)
        idle = sum(x.nbytes for x in problem.batches[1:])
        train = trainer(problem)
        train.step(problem.batches[0])
        tracemalloc.reset_peak()
        for _ in range(steps):
            train.step(problem.batches[0])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    peak -= own + idle  # the problem's own weights and the batches that wait are no part of it
    total = sum(needed.values())
    return {"peak": peak, "needed": total, "parts": needed, "ratio": peak / total, "mark": MARK}


def requirement(problem: Gan) -> dict[str, int]:
    """Bytes that any reverse-mode step of this algorithm holds at one time, part by part.

    Gradients and moments have the size of the parameters. An activation must be kept when some
    gradient reads it: the input of every layer whose weights are trained, and the output of every
    rectifier (the next layer's input: counted once); outputs that nothing reads are not counted.
    """
    n = len(problem.batches[0])
    g, d = problem.generator, problem.discriminator
    parameters = _bytes(g) + _bytes(d)
    # D's step: its input, real and generated in one batch, and the rest for 2n examples.
    d_step = 2 * n * (_widths(d)[0] + _kept(d))
    # G's step: the noise, G's hidden layers and D's, whose weights are not trained.
    g_step = n * (_widths(g)[0] + _kept(g) + _kept(d))
    return {
        "parameters": parameters,
        "gradients": parameters,
        "Adam's two moments": 2 * parameters,
        "activations of the larger step": FLOAT32 * max(d_step, g_step),
        "batch": problem.batches[0].nbytes,
    }


def _widths(layers: Layers) -> list[int]:
    return [layers[0][0].shape[1], *(len(bias) for _, bias in layers)]


def _kept(layers: Layers) -> int:
    """Hidden features for each example; the logit too where there is only one output."""
    *hidden, outputs = _widths(layers)[1:]
    return sum(hidden) + (outputs if outputs == 1 else 0)


def _bytes(layers: Layers) -> int:
    return sum(weight.nbytes + bias.nbytes for weight, bias in layers)
