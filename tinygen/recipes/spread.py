"""An experiment on several ranks: each has its rows of every batch, and rank 0 looks at the model.

    experiment = spread(recipe.build(config), config)      # as it is, where there is one rank

`batch` and `chains` stay what the settings say: of all ranks together. So a run is the same on any
number of ranks, but for rounding, and can go on with another number.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from dataclasses import fields
from functools import partial
from typing import Any

import numpy as np

from ..models.when_read import WhenRead
from ..parallel import joined, team
from ..parallel.team import ALONE
from ..runs import RunError
from ..runs.checkpoints import pack, restored
from .recipe import Experiment, RunConfig
from .shareable import check_shareable

__all__ = ["spread"]


def spread(experiment: Experiment, config: RunConfig) -> Experiment:
    """This rank's share of an experiment that all ranks have built alike.

    Raises:
        ConfigError: so many ranks cannot share it: see `shareable.py`.
    """
    ranks = team()
    if ranks.size == 1:
        return experiment
    check_shareable(experiment, config)
    experiment.streams["noise"].divide()
    mine = _Spread(**{f.name: getattr(experiment, f.name) for f in fields(Experiment)})
    mine.meet()
    return mine


class _Spread(Experiment):
    """An experiment of which this process is one of the ranks."""

    def meet(self) -> None:
        """Begin where rank 0 does, to the last bit: other machines' logarithms may differ.

        Rank 0 takes its own state too: a loader that was given one has drawn its first order.
        """
        super().load_state_dict(_told(super().state_dict()))

    def step(self) -> dict[str, Any]:
        """Train on this rank's rows; the results are means over the ranks, which all must read."""
        return {name: WhenRead(partial(_mean, value)) for name, value in super().step().items()}

    def state_dict(self) -> dict[str, Any]:
        """That of the whole run, the same on all ranks.

        Raises:
            RunError: the ranks have different weights, streams or orders of the data.
        """
        state = super().state_dict()
        for loss in _losses(state["trainer"]):
            team().average(loss)  # what each rank has is of its own rows
        alike = {part: state[part] for part in ("trainer", "loader", "streams")}
        # state.json has a checksum of the arrays in it.
        sums = team().gather(np.array([zlib.crc32(pack(0, alike)["state.json"])], "int64"))
        if (sums != sums[0]).any():
            raise RunError(
                "the ranks are not in the same state any more, so something in the steps was "
                "not the same on all of them: go on from the last checkpoint, on machines of one "
                "kind."
            )
        if self.watch is not None:
            state["watch"] = _told(state["watch"])  # only rank 0's looks
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


def _losses(state: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """Those of a trainer, and of the trainers that it is made of."""
    for name, part in state.items():
        if name == "losses":
            yield from part.values()
        elif isinstance(part, Mapping):
            yield from _losses(part)


def _told(state: dict[str, Any]) -> dict[str, Any]:
    """Rank 0's state, everywhere."""
    files = pack(0, state)
    told = {name: team().tell(content) for name, content in files.items()}
    return restored(told["state.json"], told["arrays.safetensors"])[1]


def _mean(value: Any) -> float:
    """The mean of what the ranks have read."""
    number = np.array([float(value)])
    team().average(number)
    return float(number[0])
