"""The restricted Boltzmann machine: an energy of two layers of units, and what follows from it.

    E(v, h) = E_v(v) + E_h(h) - coupled(v) . W^T h                 for Bernoulli units:
            = -b . v - c . h - v . W^T h

Units of one layer are independent given the other layer, and the hidden ones can be summed out:

    F(v) = -log sum_h exp(-E(v, h)) = E_v(v) - cumulant_h(c + coupled(v) W^T)
    p(v) = exp(-F(v)) / Z

Smolensky 1986; Hinton 2002, "Training products of experts by minimizing contrastive divergence".
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import nn
from ...backend import Array, host
from ...data import DataError
from ...ops import astype, linear, sum
from ...random import Generator
from .discrete import Bernoulli
from .units import Units, raw

__all__ = ["RBM"]


class RBM(nn.Module):
    """Visible and hidden units, and a weight for each pair.

    Args:
        visible, hidden: `Units`, or a number of `Bernoulli` units.
        rng: draws the weights, N(0, std^2); biases are 0 (see `start_at` for better ones).
        std: 0.01 as in section 8 of Hinton 2010, "A practical guide to training RBMs"; None draws
            from U(-r, r), r = 4 sqrt(6 / (n_visible + n_hidden)) (Glorot and Bengio 2010).

    Attributes:
        weight: (n_hidden, n_visible), laid out as in `nn.Linear(n_visible, n_hidden)`.

    Raises:
        ValueError: the two layers have different dtypes, or one has no units.

    >>> rbm = RBM(6, 4, rng=rng)
    >>> v = rng.bernoulli(np.full((10, 6), 0.5, "float32"))
    >>> rbm.free_energy(v).shape, rbm.hidden_mean(v).shape
    ((10,), (10, 4))
    """

    def __init__(
        self, visible: int | Units, hidden: int | Units, *, rng: Generator, std: float | None = 0.01
    ) -> None:
        device = rng.backend.device_of(rng.backend.empty(0, dtype="float32"))
        self.visible = visible if isinstance(visible, Units) else Bernoulli(visible, device=device)
        self.hidden = (
            hidden if isinstance(hidden, Units)
            else Bernoulli(hidden, dtype=str(self.visible.bias.dtype), device=device)
        )  # fmt: skip
        if self.visible.bias.dtype != self.hidden.bias.dtype:
            raise ValueError(
                f"RBM: the visible units are {self.visible.bias.dtype} and the hidden units "
                f"{self.hidden.bias.dtype}; make both of one dtype."
            )
        weight = np.zeros((self.hidden.n, self.visible.n), self.visible.bias.dtype)
        self.weight = nn.Parameter(self.visible.xp.from_host(weight))
        if std is None:
            reach = 4.0 * (6.0 / (self.visible.n + self.hidden.n)) ** 0.5
            nn.init.uniform_(self.weight, -reach, reach, rng=rng)
        else:
            nn.init.normal_(self.weight, 0.0, std, rng=rng)

    def start_at(self, data: Array) -> RBM:
        """Set the biases so that the model fits the mean of the data; returns self.

        For Bernoulli units the visible biases are log(p / (1 - p)) of each mean (Hinton 2010,
        section 8.1), otherwise the mean is the first thing that the weights learn. What the weights
        bring at the means of both layers is taken off, so that hidden units begin undecided, and
        Gaussian units get the data's variances.
        """
        rows = self.as_rows(data)
        model = self.arrays()
        fitted = model.visible.base_rate(rows)
        for name, tensor in self.visible.named_parameters():
            tensor[...] = getattr(fitted, name)
        mean = fitted.coupled(model.visible.xp.sum(rows, 0) * (1.0 / len(rows)))
        undecided = model.hidden.mean(model.hidden.bias.reshape(1, -1) * 0.0)
        self.hidden.bias[...] = -(model.weight @ mean)
        self.visible.bias[...] = fitted.bias - (undecided @ model.weight)[0]
        return self

    # -- the distribution ----------------------------------------------------------------------

    def hidden_input(self, v: Any) -> Any:
        """c + coupled(v) W^T: (N, n_visible) to (N, n_hidden)."""
        return linear(self.visible.coupled(v), self.weight, self.hidden.bias)

    def visible_field(self, h: Any) -> Any:
        """h W, what hidden states (N, n_hidden) bring to the visible units: (N, n_visible)."""
        return h @ self.weight

    def visible_input(self, h: Any) -> Any:
        """b + h W: (N, n_hidden) to (N, n_visible)."""
        x = self.visible_field(h)
        x += self.visible.bias  # in place for arrays; for Tensors, `+` under another name
        return x

    def energy(self, v: Any, h: Any) -> Any:
        """E(v, h) of pairs of states: (N,), in nats."""
        coupling = sum(self.visible.coupled(v) * self.visible_field(h), axis=1)
        return self.visible.self_energy(v) + self.hidden.self_energy(h) - coupling

    def free_energy(self, v: Any) -> Any:
        """F(v): (N, n_visible) to (N,), in nats; log p(v) = -F(v) - log Z.

        Takes Tensors and arrays as they are: `log_likelihood` and `check` refuse what is no state.
        """
        return self.visible.self_energy(v) - self.hidden.cumulant(self.hidden_input(v))

    def free_energy_of_hidden(self, h: Any) -> Any:
        """-log sum_v exp(-E(v, h)): (N, n_hidden) to (N,)."""
        return self.hidden.self_energy(h) - self.visible.cumulant(self.visible_input(h))

    def hidden_mean(self, v: Any) -> Any:
        """E[h | v]: (N, n_hidden)."""
        return self.hidden.mean(self.hidden_input(v))

    def reconstruction(self, v: Any) -> Any:
        """E[v | h = E[h | v]], the mean-field reconstruction: (N, n_visible)."""
        return self.visible.mean(self.visible_input(self.hidden_mean(v)))

    # -- the same model with other parameters ----------------------------------------------------

    def mapped(self, change: Callable[[Any], Any]) -> RBM:
        """A copy whose parameters are `change` of its own."""
        other = copy.copy(self)
        other.visible, other.hidden = self.visible.mapped(change), self.hidden.mapped(change)
        other.weight = change(self.weight)
        return other

    def arrays(self, dtype: str | None = None) -> RBM:
        """This RBM with raw arrays as parameters: all that it computes are arrays, at their speed.

        They are the memory of its own, and follow training; in another `dtype` they are copies.
        """
        if dtype is None:
            return self.mapped(raw)
        return self.arrays().mapped(lambda p: astype(p, dtype))

    # -- checking ----------------------------------------------------------------------------------

    def as_rows(self, data: Any) -> Array:
        """Data (N, n_visible) of any backend, in the dtype and on the device of the parameters.

        Raises DataError for another width, or no rows.
        """
        array = raw(data)
        if array.ndim != 2 or array.shape[1] != self.visible.n or len(array) == 0:
            raise DataError(
                f"the RBM has {self.visible.n} visible units, the data has shape "
                f"{tuple(array.shape)}: give rows (N, {self.visible.n}), N at least 1."
            )
        if not isinstance(array, self.visible.xp.array_type):
            array = self.visible.xp.from_host(host(array))
        return array.astype(self.visible.bias.dtype)

    def check(self, data: Any, where: str = "the data") -> Array:
        """`as_rows`, if they are finite states of the visible units; waits for the device.

        Raises DataError for others: for grey pixels where units are 0 or 1, for instance.
        """
        rows = self.as_rows(data)
        on_host = host(rows)
        if not np.isfinite(on_host).all():
            raise DataError(f"{where} holds NaN or infinite values: remove or replace those rows.")
        self.visible.check(on_host, where)
        return rows

    def require_likelihood(self, where: str) -> None:
        """Raise ValueError where the units define no exact distribution."""
        for units in (self.visible, self.hidden):
            if not units.exact:
                raise ValueError(
                    f"{where}: {type(units).__name__} units define no exact distribution, and so "
                    "no likelihood; take Bernoulli hidden units for one."
                )
