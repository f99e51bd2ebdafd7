"""Nonlinearities as modules, for use in Sequential; the functions are in `tinygen.ops`.

    nn.Sequential(nn.Linear(784, 128, rng=rng), nn.LeakyReLU(0.2), nn.Linear(128, 1, rng=rng))

All keep the shape of their input.
"""

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
    """max(x, 0); the shape stays.

    >>> nn.ReLU()(tg.tensor([-1.0, 2.0]))
    Tensor([0., 2.])
    """

    function = staticmethod(ops.relu)


class Tanh(_Elementwise):
    """The hyperbolic tangent; the shape stays.

    >>> nn.Tanh()(tg.tensor([0.0, 2.0]))
    Tensor([0.   , 0.964])
    """

    function = staticmethod(ops.tanh)


class Sigmoid(_Elementwise):
    """1 / (1 + exp(-x)); the shape stays.

    >>> nn.Sigmoid()(tg.tensor([0.0, 2.0]))
    Tensor([0.5   , 0.8808])
    """

    function = staticmethod(ops.sigmoid)


class Softplus(_Elementwise):
    """log(1 + exp(x)); the shape stays.

    >>> nn.Softplus()(tg.tensor([0.0, 2.0]))
    Tensor([0.6931, 2.1269])
    """

    function = staticmethod(ops.softplus)


class GELU(_Elementwise):
    """x times the normal distribution function of x, exact; the shape stays.

    Hendrycks & Gimpel 2016, "Gaussian error linear units".

    >>> nn.GELU()(tg.tensor([-1.0, 0.0, 2.0]))
    Tensor([-0.1587,  0.    ,  1.9545])
    """

    function = staticmethod(ops.gelu)


class SiLU(_Elementwise):
    """x sigmoid(x), also called swish (Ramachandran et al. 2017); the shape stays.

    >>> nn.SiLU()(tg.tensor([-1.0, 0.0, 2.0]))
    Tensor([-0.2689,  0.    ,  1.7616])
    """

    function = staticmethod(ops.silu)


class Identity(Module):
    """x.

    >>> nn.Identity()(tg.tensor([1.0]))
    Tensor([1.])
    """

    def forward(self, x: Any) -> Any:
        """The argument itself."""
        return x


class LeakyReLU(Module):
    """x where positive, slope * x elsewhere (Maas et al. 2013); the shape stays.

    Raises ValueError, when called, unless 0 <= slope <= 1.

    >>> nn.LeakyReLU(0.2)(tg.tensor([-1.0, 2.0]))
    Tensor([-0.2,  2. ])
    """

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.leaky_relu(x, self.slope)

    def extra_repr(self) -> str:
        """The slope."""
        return f"slope={self.slope}"


class ELU(Module):
    """x where positive, alpha * (exp(x) - 1) elsewhere (Clevert et al. 2016); the shape stays.

    >>> nn.ELU()(tg.tensor([-1.0, 0.0, 2.0]))
    Tensor([-0.6321,  0.    ,  2.    ])
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.elu(x, self.alpha)

    def extra_repr(self) -> str:
        """The scale of the negative part."""
        return f"alpha={self.alpha}"


class Softmax(Module):
    """exp(x) over its sum along `axis`; the shape stays.

    >>> nn.Softmax()(tg.tensor([0.0, 0.0]))
    Tensor([0.5, 0.5])
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = axis

    def forward(self, x: Any) -> Any:
        """The same shape; sums along `axis` are 1."""
        return ops.softmax(x, self.axis)

    def extra_repr(self) -> str:
        """The axis."""
        return f"axis={self.axis}"
