"""What `tinygen train` does otherwise where mpiexec started it several times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from .. import recipes, runs
from ..backend import backend_for
from ..parallel import team
from ..parallel.launch import on_device
from ..parallel.witness import witnessed
from .gpu_memory import limit_gpu_memory

__all__ = ["built", "held"]


@contextmanager
def built(
    recipe: recipes.Recipe, config: recipes.RunConfig, gpu_memory_limit: str | None
) -> Iterator[recipes.Experiment]:
    """This rank's share of the experiment, on its device; inside, the ranks train together."""
    with on_device(config.device) as device:
        backend_for(device).make_current()
        limit_gpu_memory(gpu_memory_limit, device)
        mine = replace(config, device=device)
        if team().rank:
            team().barrier()  # data that is downloaded is so by rank 0, for all of a machine
        experiment = recipe.build(mine)
        if team().rank == 0:
            team().barrier()
        yield recipes.spread(experiment, mine)


@contextmanager
def held(folder: runs.RunFolder) -> Iterator[None]:
    """Hold the folder for this run alone; where it has several ranks, their death is told."""
    ranks = team()
    watched = ranks.size > 1 and ranks.rank == 0
    with folder.taken(), witnessed(folder.path, ranks.size) if watched else nullcontext():
        yield
