"""Formulas made of several operations of an array library: a device may have a kernel for each.

Every `..._slope` is a derivative times a cotangent g: what the operation's rule asks for.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

Array = Any


class Formulas:
    """Activations, losses, and pieces of normalisation."""

    if TYPE_CHECKING:  # the library's own functions, and what the backend spells for it

        def __getattr__(self, name: str) -> Any: ...

    # -- activations -----------------------------------------------------------------------------

    def relu(self, x: Array) -> Array:
        """max(x, 0), elementwise."""
        return self.maximum(x, 0)

    def leaky_relu(self, x: Array, slope: float) -> Array:
        """x where positive, slope * x elsewhere, for slope <= 1."""
        return self.maximum(x, slope * x)

    def leaky_relu_slope(self, g: Array, x: Array, slope: float) -> Array:
        """g where x is positive, slope * g elsewhere."""
        # Not `where`, which costs ten times as much on masks that cannot be predicted.
        return g * ((x > 0).astype(x.dtype) * (1.0 - slope) + slope)

    def biased_relu(self, y: Array, bias: Array, slope: float) -> Array:
        """The (leaky) rectifier of y + bias, in place, for a matrix y."""
        y += bias
        return self.maximum(y, slope * y if slope else 0, out=y)

    def elu(self, x: Array, alpha: float) -> Array:
        """x where positive, alpha * (exp(x) - 1) elsewhere."""
        return self.where(x > 0, x, alpha * self.expm1(self.minimum(x, 0)))

    def sigmoid(self, x: Array) -> Array:
        """1 / (1 + exp(-x)), exact to the last digits in both tails."""
        # exp(-x) overflows to inf for very negative x, and 1/inf = 0 is the right answer.
        with np.errstate(over="ignore"):
            y = self.exp(-x)
        return 1.0 / (1.0 + y)

    def softplus(self, x: Array) -> Array:
        """log(1 + exp(x)) without overflow. (`logaddexp(x, 0)` is nine times slower.)"""
        y = self.log1p(self.exp(-abs(x)))
        y += self.maximum(x, 0)
        return y

    def softplus_sum(self, x: Array) -> Array:
        """The sum of softplus over the first axis of a matrix."""
        return self.column_sum(self.softplus(x))

    def silu(self, x: Array) -> Array:
        """x * sigmoid(x)."""
        return x * self.sigmoid(x)

    def silu_slope(self, g: Array, x: Array) -> Array:
        """g * silu'(x)."""
        s = self.sigmoid(x)
        return g * (s * (1.0 + x * (1.0 - s)))

    def gelu(self, x: Array) -> Array:
        """x times the normal distribution function of x."""
        return x * (0.5 + 0.5 * self.erf(x * math.sqrt(0.5)))

    def gelu_slope(self, g: Array, x: Array) -> Array:
        """g * gelu'(x)."""
        density = self.exp(x * x * -0.5) * (1.0 / math.sqrt(2.0 * math.pi))
        return g * (0.5 + 0.5 * self.erf(x * math.sqrt(0.5)) + x * density)

    # -- rows of logits ----------------------------------------------------------------------------
    # The largest element is taken out before exp, which then cannot overflow.

    def softmax(self, x: Array, axis: int) -> Array:
        """exp(x) / sum(exp(x)) along an axis."""
        y = x - self.amax(x, axis, True)
        self.exp(y, out=y)
        y /= self.sum(y, axis, True)
        return y

    def softmax_slope(self, g: Array, y: Array, axis: int) -> Array:
        """y * (g - sum(g * y))."""
        return y * (g - self.sum(g * y, axis, True))

    def log_softmax(self, x: Array, axis: int) -> Array:
        """x - log(sum(exp(x))) along an axis."""
        y = x - self.amax(x, axis, True)
        y -= self.log(self.sum(self.exp(y), axis, True))
        return y

    def log_softmax_slope(self, g: Array, y: Array, axis: int) -> Array:
        """g - exp(y) * sum(g)."""
        return g - self.exp(y) * self.sum(g, axis, True)

    # -- losses: means, as arrays without axes -----------------------------------------------------

    def bce_with_logits(self, x: Array, target: Any) -> Array:
        """The mean of softplus(x) - target * x; the target is a number, or as large as x."""
        y = self.softplus(x)
        y -= x * target
        return self.sum(y) * (1.0 / x.size)

    def bce_slope(self, x: Array, target: Any, g: Array) -> Array:
        """(sigmoid(x) - target) * g / size, for g without axes."""
        return (self.sigmoid(x) - target) * (g * (1.0 / x.size))

    def class_loss(self, logs: Array, labels: Array) -> Array:
        """The mean of -logs[i, labels[i]], for logs (N, C) and labels (N,)."""
        return self.sum(logs[self.arange(len(logs)), labels]) * (-1.0 / len(logs))

    def class_loss_slope(self, g: Array, labels: Array, shape: tuple[int, ...]) -> Array:
        """-g / N at [i, labels[i]], else zeros: (N, C), for g without axes."""
        out = self.zeros(shape, dtype=g.dtype)
        out[self.arange(len(out)), labels] = g * (-1.0 / len(out))
        return out

    # -- normalisation -----------------------------------------------------------------------------

    def sum_products(self, a: Array, b: Array | None, axes: tuple[int, ...]) -> Array:
        """Sum of a * b (None: of a) over `axes`, which go; a and b have one shape."""
        return self.sum(a if b is None else a * b, axes)

    def mean_of(self, x: Array, axes: tuple[int, ...], count: int) -> Array:
        """The mean over `axes`, which go, of `count` elements each."""
        return self.sum_products(x, None, axes) * (1.0 / count)

    def inverse_std(self, squares: Array, count: int, eps: float) -> Array:
        """1 / sqrt(squares / count + eps)."""
        return 1.0 / self.sqrt(squares * (1.0 / count) + eps)

    def inverse_std_slope(self, g: Array, y: Array, count: int) -> Array:
        """The slope of y = inverse_std(squares) times g."""
        return g * (y * y * y * (-0.5 / count))

    def track(
        self, mean: Array, var: Array, seen: Array, batch_mean: Array, squares: Array,
        count: int, momentum: float | None,
    ) -> None:  # fmt: skip
        """Move running statistics towards those of one more batch, in place.

        Args:
            mean, var, batch_mean: (C,). seen: the number of batches, without axes.
            squares: the sums of `count` squared distances from the batch's mean, (C,).
            momentum: the weight of this batch; None: all batches count the same.
        """
        seen += 1
        part = (1.0 / seen).astype(mean.dtype) if momentum is None else momentum
        mean += part * (batch_mean - mean)
        var += part * (squares * (1.0 / (count - 1)) - var)

    def scale_shift(self, x: Array, s: Array, shift: Array) -> Array:
        """x * s + shift, broadcast to x."""
        y = x * s
        y += shift
        return y
