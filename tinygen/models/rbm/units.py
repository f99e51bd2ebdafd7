"""What a layer of units is: its energy, its conditional distribution, its share of the free energy.

A layer s of n units meets the other layer through an input x = bias + field, an array (N, n) whose
field is what the other layer's state brings through the weights. One class says all there is to
know of a type of units; a new type is one class.

Everything here is written with tinygen's operations: with Tensors as parameters it can be
differentiated, and with raw arrays (see `RBM.arrays`) it computes at their speed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ... import nn
from ...backend import BACKEND_OF, Array, backend_for
from ...random import Generator
from ...tensor import Tensor

__all__ = ["Units", "raw"]


class Units(nn.Module):
    """A layer of n units with biases.

    Args:
        n: how many.
        dtype: of the parameters, "float32" or "float64".
        device: where they are; None for the default device.

    Raises:
        ValueError: there are no units.

    >>> [units.exact for units in (Bernoulli(2), Gaussian(2), NoisyRectified(2))]
    [True, True, False]
    """

    exact: bool = True
    """Whether `sample` draws from the very distribution that `cumulant` normalises."""
    values: str = "numbers"
    """What a state holds, for messages."""
    n_states: float = math.inf
    """How many states the layer has."""
    further: tuple[str, ...] = ()
    """The names of visible units' parameters beside the biases."""

    def __init__(self, n: int, *, dtype: str = "float32", device: str | None = None) -> None:
        if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or n < 1:
            raise ValueError(f"{type(self).__name__}: a layer has at least 1 unit, not {n!r}.")
        self.n = int(n)
        self.bias = self._parameter(dtype, device)

    def _parameter(self, dtype: str, device: str | None) -> Tensor:
        backend = backend_for(device)
        return nn.Parameter(backend.from_host(np.zeros(self.n, dtype)))

    def with_parameters(self, **parameters: Any) -> Units:
        """A copy with these in the place of its own."""
        other = copy.copy(self)
        vars(other).update(parameters)
        return other

    def mapped(self, change: Callable[[Any], Any]) -> Units:
        """A copy whose parameters are `change` of its own."""
        return self.with_parameters(**{
            name: change(value) for name, value in vars(self).items() if hasattr(value, "dtype")
        })  # fmt: skip

    # -- the distribution ----------------------------------------------------------------------

    def coupled(self, s: Any) -> Any:
        """What the weights see of a state (N, n)."""
        return s

    def self_energy(self, s: Any) -> Any:
        """The energy of states (N, n) but for what the weights add: (N,)."""
        return -(s @ self.bias)

    def mean(self, x: Any) -> Any:
        """The expectation given the input: (N, n)."""
        raise NotImplementedError

    def sample(self, x: Array, rng: Generator) -> Array:
        """A draw given the input: (N, n)."""
        raise NotImplementedError

    def cumulant(self, x: Any) -> Any:
        """log of the sum (or integral) over all states s of exp(field . s - self_energy(s)): (N,).

        Its derivative in the field is `mean`.
        """
        raise NotImplementedError

    def blend(self, base: Units, beta: Any) -> tuple[Units, Any]:
        """Units of energy (1 - beta) base + beta self, and what to multiply the field by for them.

        Args:
            base: of the same type.
            beta: a number, or a column (N, 1) with one for each state.
        """
        return self.with_parameters(bias=(1.0 - beta) * base.bias + beta * self.bias), beta

    def states(self, start: int, stop: int) -> Array:
        """The states of these numbers, of 0..n_states-1: (stop - start, n)."""
        raise NotImplementedError

    def base_rate(self, s: Array) -> Units:
        """Such units alone, without weights, fitted to states (N, n)."""
        raise NotImplementedError

    def further_gradients(
        self, parts: Sequence[tuple[Array, Array]], shift: Any, coupling: Array
    ) -> dict[str, Array]:
        """The gradients of the parameters in `further`, of minus the log-likelihood.

        Args:
            parts: states (N, n) and minus the weights (N,) of the data, and of the model.
            shift: (n,), what the hidden units' offsets bring to the biases.
            coupling: (n,), the sum over the hidden units of weight times its gradient.
        """
        return {}

    # -- one site at a time: what pseudo-likelihood asks ---------------------------------------

    @property
    def n_sites(self) -> int:
        """How many groups of columns take their values together."""
        return self.n

    def columns(self, site: int) -> slice:
        """The columns of one site."""
        return slice(site, site + 1)

    def alternatives(self, site: int, reach: tuple[float, float]) -> tuple[Array, float]:
        """All values that a site may take, (A, width), and the log of the measure of each.

        Args:
            reach: the least and greatest field that the weights can bring to it.
        """
        raise NotImplementedError

    # -- refusing --------------------------------------------------------------------------------

    def check(self, s: np.ndarray, where: str) -> None:
        """Raise DataError unless these finite rows (N, n) on the host are states."""

    def extra_repr(self) -> str:
        """Their number."""
        return str(self.n)

    @property
    def xp(self) -> Any:
        """The backend of the parameters."""
        return BACKEND_OF[type(raw(self.bias))]


def raw(p: Any) -> Array:
    """The array of a Tensor, or the array that it is."""
    return p.data if isinstance(p, Tensor) else p
