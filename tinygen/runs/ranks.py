"""The folder of a run that several ranks train together: rank 0 writes it, all know what is in it.

Only rank 0 needs to see the disk. What it reads of a checkpoint it tells the others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..parallel import team
from .checkpoints import as_json, pack, restored
from .folder import RunFolder

__all__ = ["shared"]


def shared(make: Callable[[], RunFolder]) -> RunFolder:
    """The folder that `make` makes or opens on rank 0, for each rank; all must ask at once."""
    ranks = team()
    if ranks.size == 1:
        return make()
    if ranks.rank == 0:
        made = make()
        kept = [str(path) for path in made.checkpoints()]
        ranks.tell(as_json({"path": str(made.path), "config": made.config, "kept": kept}))
        return _Writer(made.path)
    known = json.loads(ranks.tell(None))
    return _Onlooker(Path(known["path"]), known["config"], list(map(Path, known["kept"])))


class _Writer(RunFolder):
    """Rank 0's: an ordinary folder, whose checkpoints are read for all."""

    def load_checkpoint(self, path: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Step and state; all ranks must ask at once."""
        step, state = super().load_checkpoint(path)
        for content in pack(step, state).values():
            team().tell(content)
        return step, state


class _Onlooker(RunFolder):
    """Another rank's: it writes nothing, and knows what rank 0 tells."""

    def __init__(self, path: Path, config: dict[str, Any], kept: list[Path]) -> None:
        super().__init__(path)
        self._config, self._kept = config, kept

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for, as the run began or went on."""
        return self._config

    def checkpoints(self) -> list[Path]:
        """Those that rank 0 has written or found; it may have dropped some since."""
        return self._kept

    def load_checkpoint(self, path: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Step and state, as rank 0 reads them; all ranks must ask at once."""
        arrays, text = team().tell(None), team().tell(None)
        return restored(text, arrays)

    def save_checkpoint(
        self, step: int, state: dict[str, Any], keep: int = 2, score: float | None = None
    ) -> Path:
        """Rank 0 does it, of the same state."""
        self._kept = [self.path / f"checkpoints/step-{step:06d}"]
        return self._kept[0]

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Rank 0 holds the folder for all."""
        yield

    def write(self, name: str, content: bytes, then: str | None = None) -> Path:
        """Rank 0 does it."""
        return self.path / name

    def show(self, step: int, shown: Mapping[str, bytes]) -> None:
        """Rank 0 does it."""

    def log(self, record: dict[str, Any]) -> None:
        """Rank 0 does it."""

    def cut_log(self, step: int) -> None:
        """Rank 0 does it."""

    def record_resumption(self, step: int, changed: dict[str, list], config: dict) -> None:
        """Rank 0 does it."""

    def record_memory(self) -> None:
        """Rank 0 does it."""

    def drop_checkpoints(self, keep: int) -> None:
        """Rank 0 does it."""
