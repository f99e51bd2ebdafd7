"""`python -m benchmarks convolution [--threads 1,2] [--rounds 15]`: DCGAN-32's layers, one by one.

Milliseconds of a layer's forward, input gradient and weight gradient at batch 64, beside PyTorch in
both of its memory layouts and beside nothing but the matrix product in it. A transposed convolution
is the input gradient of the convolution in the same row, and the other way round.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygen.backend import NUMPY
from tinygen.backend.convolution import Geometry
from tinygen.bench.timing import Summary, threads

from .timing import interleave

BATCH = 64
LAYERS = {
    # name: (channels in, channels out, size of the input, kernel, stride, padding)
    "1 to 64 at 32x32, 4x4 stride 2": (1, 64, 32, 4, 2, 1),
    "64 to 128 at 16x16, 4x4 stride 2": (64, 128, 16, 4, 2, 1),
    "128 to 256 at 8x8, 4x4 stride 2": (128, 256, 8, 4, 2, 1),
    "256 to 1 at 4x4, 4x4": (256, 1, 4, 4, 1, 0),
    "256 to 100 at 4x4, 4x4": (256, 100, 4, 4, 1, 0),
    "3 to 64 at 32x32, 4x4 stride 2": (3, 64, 32, 4, 2, 1),
    "64 to 64 at 16x16, 3x3 stride 1": (64, 64, 16, 3, 1, 1),
    "256 to 256 at 8x8, 3x3 stride 1": (256, 256, 8, 3, 1, 1),
    "128 to 64 at 16x16, 1x1": (128, 64, 16, 1, 1, 0),
}
PASSES = ("forward", "input gradient", "weight gradient")
Pass = dict[str, Callable[[int], Any]]


class Layer:
    """One convolution: random channels-last arrays and what it computes."""

    def __init__(self, c: int, out: int, size: int, kernel: int, stride: int, pad: int) -> None:
        rng = np.random.default_rng(0)
        small = (size + 2 * pad - kernel) // stride + 1
        rest = (size + 2 * pad - kernel) % stride
        self.stride, self.pad = stride, pad
        self.geometry = Geometry((stride, stride), ((pad, pad - rest),) * 2, (1, 1), 1)
        shapes = (BATCH, size, size, c), (BATCH, small, small, out)
        self.x, self.g = (
            rng.standard_normal(shape, dtype="float32").transpose(0, 3, 1, 2) for shape in shapes
        )
        self.w = rng.standard_normal((out, c, kernel, kernel), dtype="float32")
        self.gigaflop = 2e-9 * self.g.size * self.w[0].size

    def tinygen(self) -> dict[str, Callable[[int], Any]]:
        """Ours."""
        x, w, g, geometry = self.x, self.w, self.g, self.geometry
        return {
            "forward": lambda i: NUMPY.conv2d(x, w, geometry),
            "input gradient": lambda i: NUMPY.conv2d_input(g, w, geometry),
            "weight gradient": lambda i: NUMPY.conv2d_weight(x, g, geometry),
        }

    def product(self) -> dict[str, Callable[[int], Any]]:
        """The matrix product alone, on arrays that lie as it wants them."""
        rng = np.random.default_rng(0)
        depth, out = self.w[0].size, len(self.w)
        g = np.ascontiguousarray(self.g.transpose(0, 2, 3, 1)).reshape(-1, out)
        columns = rng.standard_normal((len(g), depth), dtype="float32")
        filters = self.w.reshape(out, depth)
        return {
            "forward": lambda i: columns @ filters.T,
            "input gradient": lambda i: g @ filters,
            "weight gradient": lambda i: g.T @ columns,
        }

    def pytorch(self, torch: Any, channels_last: bool) -> dict[str, Callable[[int], Any]]:
        """PyTorch's, on arrays in the layout that it is named after."""
        layout = torch.channels_last if channels_last else torch.contiguous_format
        x, w, g = (
            torch.from_numpy(a).contiguous(memory_format=layout) for a in (self.x, self.w, self.g)
        )
        rest = None, [self.stride] * 2, [self.pad] * 2, [1, 1], False, [0, 0], 1

        def gradient(of_input: bool) -> Any:
            wanted = [of_input, not of_input, False]
            return torch.ops.aten.convolution_backward(g, x, w, *rest, wanted)

        return {
            "forward": lambda i: torch.conv2d(x, w, None, self.stride, self.pad),
            "input gradient": lambda i: gradient(True),
            "weight gradient": lambda i: gradient(False),
        }


def measure(count: int, rounds: int, with_torch: bool) -> list[dict[str, Any]]:
    """Of each layer: its name, Gflop of one pass and {pass: {competitor: median milliseconds}}."""
    torch = importlib.import_module("torch") if with_torch else None
    with threads(count):
        return [
            {"layer": name, "gigaflop": layer.gigaflop, "ms": _passes(layer, torch, count, rounds)}
            for name, layer in ((name, Layer(*shape)) for name, shape in LAYERS.items())
        ]


def _passes(layer: Layer, torch: Any, count: int, rounds: int) -> dict[str, dict[str, float]]:
    """All competitors turn by turn."""
    peers = {"tinygen": layer.tinygen(), "product alone": layer.product()}
    if torch is not None:
        peers["PyTorch"] = layer.pytorch(torch, channels_last=False)
        peers["PyTorch, channels-last"] = layer.pytorch(torch, channels_last=True)
    found: dict[str, dict[str, float]] = {}
    for name in PASSES:
        steps: Pass = {peer: passes[name] for peer, passes in peers.items()}
        seconds = interleave(steps, rounds, several=count > 1)
        found[name] = {peer: Summary.of(1e3 * s).median for peer, s in seconds.items()}
    return found
