"""What several ranks can share, and what they cannot: refused in a sentence, before the first step.

Shared are batches, noise and chains, and means over a batch. What compares the rows of a batch with
one another would compare those of one rank only, and in silence be another algorithm.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import nn
from ..config import ConfigError
from ..models.adversarial_energy import (
    GeneratorSampler,
    NearestNeighbourCritic,
    NearestNeighbourEntropy,
)
from ..models.adversarial_energy.prior import AssociativeMemory
from ..parallel import team
from .recipe import Experiment, RunConfig

__all__ = ["check_shareable"]

TOGETHER = (
    nn.MinibatchDiscrimination,
    nn.MinibatchStdDev,
    NearestNeighbourCritic,
    NearestNeighbourEntropy,
    GeneratorSampler,
    AssociativeMemory,
)
"""What is no mean over the rows of a batch, or over all particles, and does not ask the other ranks
for theirs, as batch norms do."""


def check_shareable(experiment: Experiment, config: RunConfig) -> None:
    """Whether this team of ranks can train it as one process would.

    Raises:
        ConfigError: it cannot; the same on all ranks.
    """
    ranks = team().size
    _check_counts(experiment, config, ranks)
    if config.capture:
        raise ConfigError(
            "a recorded step cannot talk to other ranks: leave capture out, or run on one rank."
        )
    for part in _parts(experiment.trainer):
        if isinstance(part, TOGETHER):
            raise ConfigError(
                f"{type(part).__name__} compares all rows of a batch with one another, and each of "
                f"{ranks} ranks has a part of them: train on one rank, without mpiexec, or choose "
                "settings without it."
            )
    _check_data(experiment)


def _check_counts(experiment: Experiment, config: RunConfig, ranks: int) -> None:
    negative = getattr(experiment.trainer, "negative", None)
    pack = getattr(config, "pack", 1)
    for name, count, unit in (
        ("batch", config.batch, ranks * pack),
        ("chains", getattr(negative, "chains", ranks), ranks),
        ("remembered", getattr(config, "remembered", ranks), ranks),
    ):
        if count % unit:
            packed = f" in packs of {pack}" if unit != ranks else ""
            raise ConfigError(
                f"{name}={count} cannot be shared evenly by {ranks} ranks{packed}: take a multiple "
                f"of {unit}, --set {name}={-(-count // unit) * unit}."
            )


def _parts(thing: Any, seen: set[int] | None = None) -> Iterator[Any]:
    """All objects of this package that something is made of, itself first."""
    seen = set() if seen is None else seen
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, dict):
        inside = list(thing.values())
    elif isinstance(thing, (list, tuple)):
        inside = list(thing)
    elif type(thing).__module__.partition(".")[0] == __name__.partition(".")[0]:
        yield thing
        inside = list(getattr(thing, "__dict__", {}).values())
    else:
        return
    for part in inside:
        yield from _parts(part, seen)


def _check_data(experiment: Experiment) -> None:
    """Each rank reads the data by itself: it must be the same everywhere, but for rounding."""
    train = experiment.data.train
    rows = train.reshape(len(train), -1).sum(1, dtype="float64")
    counts = team().gather(np.array([len(rows)], "int64"))
    alike = bool((counts == counts[0]).all())
    if alike:
        first = rows.copy()
        team().broadcast(first)
        alike = np.allclose(rows, first, rtol=1e-4, atol=1e-4)
    if not team().gather(np.array([alike], "int64")).all():
        raise ConfigError(
            "the ranks do not read the same data: give all of them the same files in the same "
            "order."
        )
