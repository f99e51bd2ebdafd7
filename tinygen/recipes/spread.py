"""An experiment on several ranks: each has its rows of every batch, and rank 0 looks at the model.

    experiment = spread(recipe.build(config), config)      # as it is, where there is one rank

`batch` and `chains` stay what the settings say: of all ranks together. So a run is the same on any
number of ranks, but for rounding, and can go on with another number.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from ..config import ConfigError
from ..models.when_read import WhenRead
from ..parallel import joined, team
from ..parallel.team import ALONE
from ..runs import RunError
from ..runs.checkpoints import pack, restored
from .recipe import Experiment, RunConfig

__all__ = ["spread"]


def spread(experiment: Experiment, config: RunConfig) -> Experiment:
    """This rank's share of an experiment that all ranks have built alike.

    Raises:
        ConfigError: a setting does not go with so many ranks.
    """
    ranks = team()
    if ranks.size == 1:
        return experiment
    _check(experiment, config, ranks.size)
    experiment.streams["noise"].divide()
    mine = _Spread(**{f.name: getattr(experiment, f.name) for f in fields(Experiment)})
    mine.meet()
    return mine


class _Spread(Experiment):
    """An experiment of which this process is one of the ranks."""

    def meet(self) -> None:
        """Begin where rank 0 does, to the last bit: other machines' logarithms may differ."""
        files = pack(0, super().state_dict())
        told = {name: team().tell(content) for name, content in files.items()}
        if team().rank:
            _, state = restored(told["state.json"], told["arrays.safetensors"])
            super().load_state_dict(state)

    def step(self) -> dict[str, Any]:
        """Train on this rank's rows; the results are means over the ranks, which all must read."""
        return {name: WhenRead(partial(_mean, value)) for name, value in super().step().items()}

    def state_dict(self) -> dict[str, Any]:
        """That of the whole run, the same on all ranks.

        Raises:
            RunError: the ranks have different weights, so their steps were not the same.
        """
        state = super().state_dict()
        for loss in state["trainer"].get("losses", {}).values():
            team().average(loss)  # what each rank has is of its own rows
        arrays = pack(0, state["trainer"])["arrays.safetensors"]
        sums = team().gather(np.array([zlib.crc32(arrays)], "int64"))
        if (sums != sums[0]).any():
            raise RunError(
                "the ranks do not hold the same weights any more, so something in the steps was "
                "not the same on all of them: go on from the last checkpoint, on machines of one "
                "kind."
            )
        return state

    def pictures(self) -> Mapping[str, bytes]:
        """Of rank 0; {} elsewhere."""
        if team().rank:
            return {}
        with joined(ALONE):
            return super().pictures()

    def measure(self) -> dict[str, float]:
        """Of rank 0; {} elsewhere."""
        if team().rank:
            return {}
        with joined(ALONE):
            return super().measure()

    def remark(self, losses: Mapping[str, float]) -> tuple[dict[str, float], str]:
        """Of rank 0; nothing elsewhere."""
        if team().rank:
            return {}, ""
        with joined(ALONE):
            return super().remark(losses)


def _mean(value: Any) -> float:
    """The mean of what the ranks have read."""
    number = np.array([float(value)])
    team().average(number)
    return float(number[0])


def _check(experiment: Experiment, config: RunConfig, ranks: int) -> None:
    negative = getattr(experiment.trainer, "negative", None)
    pack = getattr(config, "pack", 1)
    for name, count, unit in (
        ("batch", config.batch, ranks * pack),
        ("chains", getattr(negative, "chains", ranks), ranks),
    ):
        if count % unit:
            packed = f" in packs of {pack}" if unit != ranks else ""
            raise ConfigError(
                f"{name}={count} cannot be shared evenly by {ranks} ranks{packed}: take a multiple "
                f"of {unit}, --set {name}={-(-count // unit) * unit}."
            )
    if config.capture:
        raise ConfigError(
            "a recorded step cannot talk to other ranks: leave capture out, or run on one rank."
        )
