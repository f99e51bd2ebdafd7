"""Linear, Sequential, Dropout and Flatten.

    net = nn.Sequential(nn.Flatten(), nn.Linear(784, 128, rng=rng), nn.ReLU(), nn.Dropout(rng=rng))

A linear layer with a bias and the rectifier after it are computed as one operation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import Any

from .. import ops
from ..random import Generator
from ..tensor import Tensor
from .activations import LeakyReLU, ReLU
from .init import uniform_parameter
from .module import Module

__all__ = ["Dropout", "Flatten", "Linear", "Sequential"]


class Linear(Module):
    """x @ weight.T + bias: (..., in_features) to (..., out_features).

    Args:
        rng: the weights are drawn from it, on the host: the same on every device.
        device: where the weights live; None for where `rng` delivers.

    Raises:
        ValueError: there is no feature in or out, or the input has another number of them.

    Weight (out, in) and bias (out,) start as U(-1/sqrt(in), 1/sqrt(in)), as in PyTorch, where it
    is written kaiming_uniform_(a=sqrt(5)).

    >>> layer = nn.Linear(3, 2, rng=rng)
    >>> layer(tg.zeros(5, 3)).shape, layer.weight.shape
    ((5, 2), (2, 3))
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if in_features < 1 or out_features < 1:
            raise ValueError(
                f"Linear: needs at least one feature in and out, not {in_features} and "
                f"{out_features}."
            )
        bound = 1.0 / math.sqrt(in_features)
        self.weight = uniform_parameter(
            (out_features, in_features), bound, rng=rng, dtype=dtype, device=device
        )
        self.bias: Tensor | None = None
        if bias:
            self.bias = uniform_parameter(
                (out_features,), bound, rng=rng, dtype=dtype, device=device
            )

    def forward(self, x: Any) -> Any:
        """(..., in_features) to (..., out_features)."""
        return self.apply(x, self.weight, self.bias)

    def apply(self, x: Any, weight: Any, bias: Any) -> Any:
        """The operation; its errors name the layer too."""
        try:
            return ops.linear(x, weight, bias)
        except ValueError as error:
            raise ValueError(f"{self!r}: {error}") from error

    def extra_repr(self) -> str:
        """The arguments."""
        out_features, in_features = self.weight.shape
        bias = self.bias is not None
        return f"in_features={in_features}, out_features={out_features}, bias={bias}"


class Sequential(Module):
    """Layers one after the other; their names are "0", "1", ...

    A slice of it is a Sequential of the same layers. Raises TypeError for what cannot be called.

    >>> net = nn.Sequential(nn.Linear(4, 8, rng=rng), nn.ReLU(), nn.Linear(8, 1, rng=rng))
    >>> net(tg.zeros(5, 4)).shape, len(list(net.parameters()))
    ((5, 1), 4)
    """

    def __init__(self, *layers: Module) -> None:
        for i, layer in enumerate(layers):
            if not callable(layer):
                raise TypeError(
                    f"Sequential: layer {i} is a {type(layer).__name__}, which cannot be called; "
                    "pass the layers one by one, as in Sequential(*layers)."
                )
        self._layers = layers
        self._calls = _calls(layers)

    def forward(self, x: Any) -> Any:
        """The last layer's output."""
        for call in self._calls:
            x = call(x)
        return x

    def _parts(self) -> Iterable[tuple[str, Any]]:
        numbered = ((str(i), layer) for i, layer in enumerate(self._layers))
        return chain(numbered, super()._parts())

    def __getitem__(self, index: int | slice) -> Any:
        chosen = self._layers[index]
        return Sequential(*chosen) if isinstance(chosen, tuple) else chosen

    def __iter__(self) -> Iterator[Module]:
        return iter(self._layers)

    def __len__(self) -> int:
        return len(self._layers)


def _calls(layers: tuple[Module, ...]) -> list[Callable[[Any], Any]]:
    """What Sequential calls in turn: a linear layer and its rectifier are one operation."""
    calls: list[Callable[[Any], Any]] = list(layers)
    for i in reversed(range(len(layers) - 1)):
        layer, rectifier = layers[i], layers[i + 1]
        biased = type(layer) is Linear and layer.bias is not None
        if biased and type(rectifier) in (ReLU, LeakyReLU):
            calls[i : i + 2] = [_Rectified(layer, rectifier)]
    return calls


class _Rectified:
    """A linear layer and its rectifier: an object, not a closure, so that a copy has its own."""

    def __init__(self, layer: Module, rectifier: Module) -> None:
        self.layer: Any = layer
        self.rectifier: Any = rectifier

    def __call__(self, x: Any) -> Any:
        slope = self.rectifier.slope if type(self.rectifier) is LeakyReLU else 0.0
        layer = self.layer
        try:
            return ops.linear_relu(x, layer.weight, layer.bias, slope)
        except ValueError as error:
            raise ValueError(f"{layer!r}: {error}") from error


class Dropout(Module):
    """In training, zero each element with probability `p` and scale the others by 1 / (1 - p).

    In evaluation the identity. Srivastava et al. 2014, "Dropout: a simple way to prevent neural
    networks from overfitting", in its inverted form (section 10).

    Args:
        p: in [0, 1), else ValueError.
        rng: where the masks are drawn, in the shape of the input; it delivers to its device.

    >>> dropout = nn.Dropout(0.5, rng=rng)
    >>> set(dropout(tg.ones(100)).numpy().tolist()) == {0.0, 2.0}
    True
    >>> dropout.eval()(tg.ones(2))
    Tensor([1., 1.])
    """

    def __init__(self, p: float = 0.5, *, rng: Generator) -> None:
        if not 0.0 <= p < 1.0:
            raise ValueError(f"Dropout: p must lie in [0, 1), not {p}.")
        self.p = p
        self.rng = rng

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if not self.training or self.p == 0.0:
            return x
        keep = (self.rng.uniform(x.shape) >= self.p).astype(x.dtype)
        keep *= 1.0 / (1.0 - self.p)
        return x * keep

    def extra_repr(self) -> str:
        """The probability."""
        return f"p={self.p}"


class Flatten(Module):
    """(N, ...) to (N, product of the rest).

    >>> nn.Flatten()(tg.zeros(2, 3, 4, 4)).shape
    (2, 48)
    """

    def forward(self, x: Any) -> Any:
        """(N, ...) to (N, product of the rest)."""
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))
