"""Functions of each element in one kernel, in whatever order the elements lie in memory."""

from __future__ import annotations

from ..base import Array
from .launching import Launching, memory_order
from .source import blocks_for

__all__ = ["Activations"]


class Activations(Launching):
    """Activations and their slopes: see activations.cu."""

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x))."""
        return self.elementwise("sigmoid", x) if self.fits(x) else super().sigmoid(x)

    def softplus(self, x: Array) -> Array:
        """log(1 + exp(x)) without overflow."""
        return self.elementwise("softplus", x) if self.fits(x) else super().softplus(x)

    def leaky_relu(self, x: Array, slope: float) -> Array:
        """x where positive, slope * x elsewhere."""
        if not self.fits(x):
            return super().leaky_relu(x, slope)
        return self.elementwise("leaky_relu", x, numbers=(float(slope),))

    def leaky_relu_slope(self, g: Array, x: Array, slope: float) -> Array:
        """g where x is positive, slope * g elsewhere."""
        if not self.fits(g, x) or g.shape != x.shape:
            return super().leaky_relu_slope(g, x, slope)
        return self.elementwise("leaky_relu_slope", g, x, numbers=(float(slope),))

    def elu(self, x: Array, alpha: float) -> Array:
        """x where positive, alpha * (exp(x) - 1) elsewhere."""
        if not self.fits(x):
            return super().elu(x, alpha)
        return self.elementwise("elu", x, numbers=(float(alpha),))

    def silu(self, x: Array) -> Array:
        """x * sigmoid(x)."""
        return self.elementwise("silu", x) if self.fits(x) else super().silu(x)

    def silu_slope(self, g: Array, x: Array) -> Array:
        """g * silu'(x)."""
        if not self.fits(g, x) or g.shape != x.shape:
            return super().silu_slope(g, x)
        return self.elementwise("silu_slope", g, x)

    def gelu(self, x: Array) -> Array:
        """x times the normal distribution function of x."""
        return self.elementwise("gelu", x) if self.fits(x) else super().gelu(x)

    def gelu_slope(self, g: Array, x: Array) -> Array:
        """g * gelu'(x)."""
        if not self.fits(g, x) or g.shape != x.shape:
            return super().gelu_slope(g, x)
        return self.elementwise("gelu_slope", g, x)

    def elementwise(self, name: str, *arrays: Array, numbers: tuple[float, ...] = ()) -> Array:
        """A kernel `(y, *arrays, size, *numbers)` over arrays of one shape.

        The result lies in memory as the first of them does; others are copied where they differ.
        """
        order = memory_order(arrays[0])
        moved = order != tuple(range(len(order)))
        operands = [self.dense(x.transpose(order) if moved else x) for x in arrays]
        y = self.empty(operands[0].shape, dtype=operands[0].dtype)
        self.launch(name, y.dtype, blocks_for(y.size), y, *operands, y.size, *numbers)
        return y.transpose(sorted(range(y.ndim), key=order.__getitem__)) if moved else y
