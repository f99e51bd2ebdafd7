"""Nonlinearities as modules, for use in Sequential; the functions are in `tinygen.ops`."""

from __future__ import annotations

from typing import Any

from .. import ops
from .module import Module

__all__ = ["ELU", "GELU", "Identity", "LeakyReLU", "ReLU", "SiLU", "Sigmoid", "Softmax",
           "Softplus", "Tanh"]  # fmt: skip


class _Elementwise(Module):
    """A function without settings."""

    function: Any

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return self.function(x)


class ReLU(_Elementwise):
    """max(x, 0)."""

    function = staticmethod(ops.relu)


class Tanh(_Elementwise):
    """The hyperbolic tangent."""

    function = staticmethod(ops.tanh)


class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x))."""

    function = staticmethod(ops.sigmoid)


class Softplus(_Elementwise):
    """log(1 + exp(x))."""

    function = staticmethod(ops.softplus)


class GELU(_Elementwise):
    """x times the normal distribution function of x, exact (Hendrycks & Gimpel 2016)."""

    function = staticmethod(ops.gelu)


class SiLU(_Elementwise):
    """x sigmoid(x), also called swish (Ramachandran et al. 2017)."""

    function = staticmethod(ops.silu)


class Identity(Module):
    """x."""

    def forward(self, x: Any) -> Any:
        """The argument itself."""
        return x


class LeakyReLU(Module):
    """x where positive, slope * x elsewhere (Maas et al. 2013)."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.leaky_relu(x, self.slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"slope={self.slope}"


class ELU(Module):
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016)."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The scale of the negative part."""
        return f"alpha={self.alpha}"


class Softmax(Module):
    """exp(x) over its sum along `axis`."""

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """The same shape; sums along `axis` are 1."""
        return ops.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"
