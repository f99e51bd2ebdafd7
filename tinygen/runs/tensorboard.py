"""The numbers of a run for TensorBoard, in the run's folder: `tensorboard --logdir RUN`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .files import RunError

__all__ = ["event_writer", "summary_writer"]


def summary_writer() -> Any:
    """The class that writes events; raises RunError where tensorboardX is not installed."""
    try:
        from tensorboardX import SummaryWriter
    except ImportError:
        raise RunError(
            "--tensorboard needs the package tensorboardX: pip install 'tinygen[tensorboard]', or "
            "leave it out (metrics.jsonl has the same numbers)."
        ) from None
    return SummaryWriter


@contextmanager
def event_writer(folder: Path, after: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A function that adds the numbers of a step.

    Args:
        after: what an earlier process wrote of later steps is not shown.
    """
    where = {"logdir": str(folder / "tensorboard"), "filename_suffix": f".after-{after}"}
    with summary_writer()(**where, purge_step=after + 1) as events:

        def add(step: int, values: dict[str, float]) -> None:
            for name, value in values.items():
                events.add_scalar(name, value, step)

        yield add
