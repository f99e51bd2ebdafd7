"""Summing over all states of a layer: exact partition functions of small models.

    log_likelihood(rbm, data, exact_log_z(rbm))          # in nats; one layer of at most 2^25 states

log Z = log sum_h exp(-F(h)), where the other layer is summed out in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

from ...backend import Array
from ...ops import logsumexp
from .model import RBM
from .units import Units

__all__ = ["all_states", "exact_log_z", "log_weights", "state_blocks"]

LIMIT = 2**25
"""The most states that are summed over."""

BLOCK = 2**20
"""About how many numbers a block of states brings to the other layer."""


def all_states(units: Units, where: str, limit: int = LIMIT) -> Array:
    """Every state of the layer: (n_states, n)."""
    _require_few(units, where, limit)
    return units.states(0, int(units.n_states))


def state_blocks(units: Units, where: str, width: int) -> Iterator[Array]:
    """Every state of the layer, in blocks (M, n) for which (M, width) is not too much memory."""
    _require_few(units, where, LIMIT)
    total = int(units.n_states)
    rows = max(1, BLOCK // max(width, units.n))
    for start in range(0, total, rows):
        yield units.states(start, min(start + rows, total))


def exact_log_z(rbm: RBM) -> float:
    """log Z by summing over the states of the smaller layer, in float64, in nats.

    Up to 2^25 states, which are never in memory at once.

    Raises:
        ValueError: there are more, or the units define no exact distribution.

    >>> rbm = RBM(6, 4, rng=rng, std=0.0)  # each of its 2^10 states has energy 0
    >>> round(float(exact_log_z(rbm) / np.log(2.0)), 6)
    10.0
    """
    rbm.require_likelihood("exact_log_z")
    model = rbm.arrays("float64")
    energy: Callable[[Array], Array]
    if model.hidden.n_states <= model.visible.n_states:
        units, energy, width = model.hidden, model.free_energy_of_hidden, model.visible.n
    else:
        units, energy, width = model.visible, model.free_energy, model.hidden.n
    parts = [logsumexp(-energy(states)) for states in state_blocks(units, "exact_log_z", width)]
    return float(logsumexp(units.xp.stack(parts)))


def log_weights(x: Array) -> Array:
    """x - logsumexp(x): (N,)."""
    return x - logsumexp(x)


def _require_few(units: Units, where: str, limit: int) -> None:
    if units.n_states > limit:
        count = "infinitely many" if math.isinf(units.n_states) else f"{units.n_states:.3g}"
        raise ValueError(
            f"{where}: {type(units).__name__}({units.n}) has {count} states, and at most {limit:,} "
            "are enumerated; take fewer units, or sample (annealed importance sampling for log Z)."
        )
