"""Pseudo-likelihood: how likely each visible unit is given all others. No partition function.

    log PL(v) = sum_i log p(v_i | v_rest)

Besag 1975. Every type of visible units has it: a site is a unit, or a group of softmax units, and
`Units.alternatives` says which values it can take.
"""

from __future__ import annotations

from typing import Any

from ...backend import Array
from ...ops import logsumexp
from ...random import Generator
from .gibbs import at_least
from .model import RBM

__all__ = ["pseudo_log_likelihood"]

BLOCK = 2**21
"""About how many hidden inputs are computed at once."""


def pseudo_log_likelihood(
    rbm: RBM, data: Array, *, rng: Generator | None = None, sites: int | None = None
) -> Array:
    """log PL of each row (N, n_visible): (N,), in nats. Besag 1975, as above.

    Args:
        rng, sites: so many sites, drawn at random, stand for all; an unbiased estimate. None for
            all sites, which costs as much as evaluating twice as many rows as there are units.

    Raises:
        DataError: the rows are no states of the visible units.
        ValueError: the hidden units define no exact distribution, or sites come without an rng.

    >>> rbm, v = RBM(6, 4, rng=rng, std=0.0), np.ones((2, 6), "float32")
    >>> (pseudo_log_likelihood(rbm, v) / np.log(2.0)).round(6)
    array([-6., -6.])
    """
    rbm.require_likelihood("pseudo_log_likelihood")
    rows = rbm.check(data)
    model = rbm.arrays("float64")
    chosen = list(range(model.visible.n_sites))
    if sites is not None:
        at_least("pseudo_log_likelihood", "sites", sites, 1)
        if rng is None:
            raise ValueError("pseudo_log_likelihood: drawing sites at random takes an rng.")
        chosen = [int(i) for i in rng.permutation(len(chosen))[:sites]]
    most = max(1, BLOCK // (2 * model.hidden.n))
    parts = [
        _of_rows(model, rows[i : i + most].astype("float64"), chosen)
        for i in range(0, len(rows), most)
    ]
    return model.visible.xp.concatenate(parts) * (model.visible.n_sites / len(chosen))


def _of_rows(rbm: RBM, v: Array, sites: list[int]) -> Array:
    x = rbm.hidden_input(v)
    total: Any = 0.0
    for site in sites:
        columns = rbm.visible.columns(site)
        values, log_measure = rbm.visible.alternatives(site, _reach(rbm, columns))
        energies = [_free_energy_with(rbm, v, x, columns, value) for value in values]
        own = rbm.visible.self_energy(v) - rbm.hidden.cumulant(x)
        log_sum = logsumexp(-rbm.visible.xp.stack(energies), axis=0)
        total = total - own - log_sum - log_measure
    return total


def _free_energy_with(rbm: RBM, v: Array, x: Array, columns: slice, value: Array) -> Array:
    """F of the rows with `value` in these columns; x are their hidden inputs without it."""
    changed = v.copy()
    changed[:, columns] = value
    difference = rbm.visible.coupled(changed)[:, columns] - rbm.visible.coupled(v)[:, columns]
    inputs = x + difference @ rbm.weight[:, columns].T
    return rbm.visible.self_energy(changed) - rbm.hidden.cumulant(inputs)


def _reach(rbm: RBM, columns: slice) -> tuple[float, float]:
    """The least and greatest field that binary hidden units can bring to one unit."""
    w = rbm.weight[:, columns]
    positive = rbm.visible.xp.sum(rbm.visible.xp.maximum(w, 0.0))
    return float(rbm.visible.xp.sum(w)) - float(positive), float(positive)
