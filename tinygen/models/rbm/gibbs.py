"""Block Gibbs sampling: all hidden units given the visible ones, then all visible ones, in turn.

    images = gibbs_samples(rbm, 64, rng=rng, burn_in=1000)
    filled = gibbs_samples(rbm, known=known, values=images, rng=rng)        # inpainting

Chains run side by side, as rows of one array. Nothing here waits for a device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...backend import BACKEND_OF, Array
from ...ops import exp, minimum
from ...random import Generator
from .model import RBM
from .units import Units

__all__ = ["Clamp", "alone", "at_least", "gibbs", "gibbs_samples", "swap_neighbours",
           "tempered_sweep"]  # fmt: skip


class Clamp(NamedTuple):
    """Visible units that keep their values: known (N, n) or (n,), 1 or 0; values (N, n)."""

    known: Array
    values: Array

    def on(self, v: Array) -> Array:
        """v with the known values put in, in place."""
        v *= 1.0 - self.known
        v += self.known * self.values
        return v


def gibbs(rbm: RBM, hidden: Array, steps: int, rng: Generator) -> tuple[Array, Array]:
    """Visible states after so many steps from hidden states, and the input that they give.

    Args:
        rbm: with raw arrays, from `RBM.arrays()`.
        hidden: (N, n_hidden).
        steps: at least 1; between two of them hidden states are drawn.

    Returns:
        Visible states (N, n_visible) and hidden inputs (N, n_hidden).
    """
    for _ in range(steps - 1):
        visible = rbm.visible.sample(rbm.visible_input(hidden), rng)
        hidden = rbm.hidden.sample(rbm.hidden_input(visible), rng)
    visible = rbm.visible.sample(rbm.visible_input(hidden), rng)
    return visible, rbm.hidden_input(visible)


def gibbs_samples(
    rbm: RBM,
    chains: int | None = None,
    *,
    rng: Generator,
    burn_in: int = 1000,
    draws: int = 1,
    thin: int = 1,
    start: Array | None = None,
    known: Array | None = None,
    values: Array | None = None,
    base: Units | None = None,
    means: bool = False,
) -> Array:
    """Samples of the visible units: (draws, chains, n_visible).

    Args:
        chains: how many side by side; None for as many as `start` or `values` has rows.
        burn_in: steps before the first draw.
        thin: steps from one draw to the next.
        start: (chains, n_visible) where chains begin; None draws from `base`.
        known: 1 where a visible unit is clamped to `values`, else 0: (n_visible,) or (chains,
            n_visible). The rest is drawn from its conditional distribution: what is missing in
            incomplete observations is filled in.
        base: units such as `rbm.visible.base_rate(data)`. With them the burn-in is annealed: the
            temperature falls from that of the base, where there are no weights, to 1 in even
            steps, which finds modes that a cold chain does not reach.
        means: return the visible units' expectations given the last hidden states, which are
            smoother to look at but no samples.

    Raises:
        ValueError: a count is too small, chains, start and values are all missing, or known and
            values do not go together.
        DataError: start or values are no rows of the visible units.

    >>> gibbs_samples(RBM(6, 4, rng=rng), chains=3, rng=rng, burn_in=10, draws=2).shape
    (2, 3, 6)
    """
    at_least("gibbs_samples", "chains", 1 if chains is None else chains, 1)
    at_least("gibbs_samples", "burn_in", burn_in, 0)
    at_least("gibbs_samples", "draws", draws, 1)
    at_least("gibbs_samples", "thin", thin, 1)
    model = rbm.arrays()
    clamp = _clamp(model, known, values)
    origin = base if base is not None else model.visible.mapped(lambda p: 0.0 * p)
    v = _start(model, chains, start, values, origin, rng)
    v = v if clamp is None else clamp.on(v)
    for i in range(burn_in):
        if base is None:
            v, h = _sweep(model, v, rng, clamp)
        else:
            v, h = tempered_sweep(model, v, (i + 1) / burn_in, base, rng, clamp)
    found = []
    for i in range(draws):
        for _ in range(thin if i else int(burn_in == 0)):
            v, h = _sweep(model, v, rng, clamp)
        found.append(model.visible.mean(model.visible_input(h)) if means else v.copy())
    return model.visible.xp.stack(found)


def _sweep(rbm: RBM, v: Array, rng: Generator, clamp: Clamp | None) -> tuple[Array, Array]:
    """The next visible states, and the hidden ones between."""
    h = rbm.hidden.sample(rbm.hidden_input(v), rng)
    v = rbm.visible.sample(rbm.visible_input(h), rng)
    return (v if clamp is None else clamp.on(v)), h


def tempered_sweep(
    rbm: RBM, v: Array, beta: Any, base: Units, rng: Generator, clamp: Clamp | None = None
) -> tuple[Array, Array]:
    """One step of Gibbs sampling at inverse temperature beta: visible and hidden states.

    The energy is (1 - beta) E_base(v) + beta E(v, h): Salakhutdinov and Murray 2008, "On the
    quantitative analysis of deep belief networks", eq. 13 to 16.

    Args:
        beta: a number, or a column (N, 1) with one for each chain.
    """
    h = rbm.hidden.sample(beta * rbm.hidden_input(v), rng)
    units, scale = rbm.visible.blend(base, beta)
    v = units.sample(scale * rbm.visible_field(h) + units.bias, rng)
    return (v if clamp is None else clamp.on(v)), h


def swap_neighbours(states: Sequence[Array], gain: Array, rng: Generator) -> None:
    """Exchange neighbours, in place, where Metropolis's rule accepts it.

    Args:
        states: arrays (pairs, 2, chains, ...), exchanged together.
        gain: (pairs, chains), the logarithm of what the rule compares with a uniform number.
    """
    accepted = rng.bernoulli(exp(minimum(gain, 0.0))) > 0.5
    for array in states:
        xp = BACKEND_OF[type(array)]
        here = accepted.reshape(*accepted.shape, *(1,) * (array.ndim - 3))
        first = array[:, 0].copy()
        array[:, 0] = xp.where(here, array[:, 1], first)
        array[:, 1] = xp.where(here, first, array[:, 1])


def _start(
    rbm: RBM, chains: int | None, start: Array | None, values: Array | None, origin: Units,
    rng: Generator,
) -> Array:  # fmt: skip
    """Where the chains begin: (chains, n_visible)."""
    if start is not None:
        rows = rbm.as_rows(start)
        return rows.copy() if rows is start else rows
    if chains is None and values is None:
        raise ValueError("gibbs_samples: say how many chains, or pass start or values.")
    count = len(values) if chains is None else chains  # type: ignore[arg-type]
    return alone(origin, count, rng)


def alone(units: Units, count: int, rng: Generator) -> Array:
    """Draws (count, n) of units without weights."""
    zeros = units.xp.zeros((count, units.n), dtype=units.bias.dtype)
    return units.sample(zeros + units.bias, rng)


def _clamp(rbm: RBM, known: Array | None, values: Array | None) -> Clamp | None:
    if known is None and values is None:
        return None
    if known is None or values is None:
        raise ValueError("gibbs_samples: known and values go together; pass both or neither.")
    if known.shape[-1] != rbm.visible.n:
        raise ValueError(
            f"gibbs_samples: known has shape {tuple(known.shape)}; give 1 or 0 for each of the "
            f"{rbm.visible.n} visible units."
        )
    return Clamp(known.astype(rbm.visible.bias.dtype), rbm.as_rows(values))


def at_least(where: str, name: str, value: int, least: int) -> int:
    """The value, unless it is smaller."""
    if value < least:
        raise ValueError(f"{where}: {name} must be at least {least}, not {value}.")
    return value
