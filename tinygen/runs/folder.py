"""A training run's folder, which holds all that it left behind.

    config.json      what was asked for          env.json    on what it ran
    metrics.jsonl    a line of numbers per report
    samples/         step-000100.png, ...        checkpoints/step-001000/   see checkpoints.py
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from .checkpoints import CheckpointError, as_json, pack, unpack
from .environment import environment
from .files import RunError, explained, write_whole

__all__ = ["RunFolder"]


class RunFolder:
    """One run's files. Each is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, config: dict[str, Any]) -> RunFolder:
        """A new folder with config.json and env.json; an existing one is never written into."""
        with explained(f"cannot make the run folder {path}"):
            if path.exists() and (not path.is_dir() or any(path.iterdir())):
                raise RunError(f"{path} exists already; name another folder with --out.")
            new_folders = [p for p in (path, *path.parents) if not p.exists()]
        folder = cls(path)
        try:
            folder.write("config.json", as_json(config))
            folder.write("env.json", as_json(environment()))
        except BaseException:
            with suppress(OSError):
                (path / "config.json").unlink(missing_ok=True)
            for new in new_folders:
                with suppress(OSError):
                    new.rmdir()
            raise
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of an earlier run."""
        with explained(f"cannot open {path}"):
            if not (path / "config.json").is_file():
                raise RunError(f"{path} is not a run folder: it holds no config.json.")
        return cls(path)

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for."""
        path = self.path / "config.json"
        try:
            config = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise RunError(f"{path} cannot be read ({error}); restore it or train anew.") from None
        if not isinstance(config, dict):
            raise RunError(f"{path} holds no settings by name; restore it or train anew.")
        return config

    def write(self, name: str, content: bytes) -> Path:
        """Write a file under a temporary name, and give it its own name when it is complete."""
        target = self.path / name
        with explained(f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
        return target

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl; what JSON has no number for (nan, inf) becomes null."""
        path = self.path / "metrics.jsonl"
        known = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in record.items()
        }
        line = (json.dumps(known, allow_nan=False) + "\n").encode()
        with explained(f"cannot write {path}"), open(path, "ab", buffering=0) as file:
            size = file.tell()
            if file.write(line) < len(line):  # the disk filled up within the line
                file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def save_checkpoint(self, step: int, state: dict[str, Any], keep: int = 2) -> Path:
        """Write a checkpoint, then drop all but the newest `keep`."""
        files = pack(step, state)
        parent = self.path / "checkpoints"
        target = parent / f"step-{step:06d}"
        temporary = parent / f".writing-{os.getpid()}"
        with explained(f"cannot write the checkpoint {target}"):
            try:
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir(parents=True)
                for name, content in files.items():
                    write_whole(temporary / name, content)
                if target.exists():
                    shutil.rmtree(target)
                os.replace(temporary, target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                with suppress(OSError):
                    parent.rmdir()  # where this was to be the first
                raise
            for old in self.checkpoints()[:-keep]:
                shutil.rmtree(old, ignore_errors=True)
        return target

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        found = (self.path / "checkpoints").glob("step-*")
        complete = [p for p in found if re.fullmatch(r"step-\d+", p.name)]
        return sorted(complete, key=lambda p: int(p.name.removeprefix("step-")))

    def standing(self) -> str:
        """What an interrupted run leaves behind, for a message."""
        kept = self.checkpoints()
        return f"{kept[-1]} stands" if kept else "there was no checkpoint yet"

    def load_checkpoint(self, path: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Step and state of a checkpoint (default: the newest)."""
        if path is None:
            if not self.checkpoints():
                raise RunError(
                    f"{self.path} holds no checkpoint: the run ended before its first; train anew."
                )
            path = self.checkpoints()[-1]
        try:
            return unpack(path)
        except (OSError, CheckpointError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise RunError(
                f"the checkpoint {path} cannot be used ({reason}): restore it, or remove it to "
                "use the one before."
            ) from None
