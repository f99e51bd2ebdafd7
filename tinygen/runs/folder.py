"""A training run's folder, which holds all that it left behind.

    config.json      what was asked for          env.json       on what it ran
    metrics.jsonl    a line of numbers           history.jsonl  a line per resumption: where it ran,
                     per report, and how                        and which settings changed
                     training goes
    samples/         step-000100.png, ...        checkpoints/step-001000/   see checkpoints.py

What a killed process did not finish begins with a dot; the next process here removes it.
"""

from __future__ import annotations

import errno
import json
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from .checkpoints import CheckpointError, as_json, pack, score_of, unpack
from .environment import environment, gpu
from .files import RunError, TakenError, explained, sync, write_whole
from .lock import locked

__all__ = ["RunFolder"]

UNFINISHED = (".writing-", ".discarded-")


class RunFolder:
    """One run's files. Each is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, config: dict[str, Any]) -> RunFolder:
        """A new folder with config.json and env.json; an existing one is never written into."""
        with explained(f"cannot make the run folder {path}"):
            if path.exists() and not (path.is_dir() and _never_begun(path)):
                raise TakenError(f"{path} exists already; name another folder with --out.")
            made: list[Path] = []
            try:
                _make(path, made)
                with locked(path):
                    if not _never_begun(path):  # another process was faster
                        raise TakenError(f"{path} exists already; name another folder with --out.")
                    cls._fill(path, config)
            except TakenError:  # then what was made here is not ours any more
                raise
            except BaseException:
                for new in reversed(made):
                    with suppress(OSError):
                        new.rmdir()
                raise
        return cls(path)

    @staticmethod
    def _fill(path: Path, config: dict[str, Any]) -> None:
        """The first files; config.json comes last, for it makes the folder a run's."""
        files = {
            "env.json": as_json(environment(config.get("device"))),
            "config.json": as_json(config),
        }
        try:
            for name, content in files.items():
                write_whole(path / name, content)
        except BaseException:
            for name in files:
                with suppress(OSError):
                    (path / name).unlink(missing_ok=True)
            raise

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of an earlier run."""
        with explained(f"cannot open {path}"):
            if not (path / "config.json").is_file():
                raise RunError(f"{path} is not a run folder: it holds no config.json.")
        return cls(path)

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Hold the folder for this process alone, and remove what a killed one did not finish.

        Raises:
            TakenError: another process trains here.
        """
        with locked(self.path):
            for prefix in UNFINISHED:
                for leftover in list(self.path.rglob(f"{prefix}*")):
                    _remove(leftover)
            yield

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

    def write(self, name: str, content: bytes, then: str | None = None) -> Path:
        """Write a file under a temporary name, and give it its own name when it is complete.

        Args:
            then: how the remedy of an error goes on; None: by resuming the run.
        """
        target = self.path / name
        with self._explained(f"cannot write {target}", then):
            sync(self.path)  # an error if the folder has vanished, instead of a new one
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
        return target

    def show(self, step: int, shown: Mapping[str, bytes]) -> None:
        """Write NAME/step-000100.png of each; or .json, of a name such as latents.json."""
        for name, content in shown.items():
            folder, _, suffix = name.partition(".")
            self.write(f"{folder}/step-{step:06d}.{suffix or 'png'}", content)

    # -- lines ---------------------------------------------------------------------------------

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl; what JSON has no number for (nan, inf) becomes null.

        Beside its numbers a line may hold the "verdict", a text.
        """
        known = {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in record.items()
        }
        self._append("metrics.jsonl", known)

    def cut_log(self, step: int) -> None:
        """Drop what metrics.jsonl says of later steps, and a line that was never finished."""
        path = self.path / "metrics.jsonl"
        with self._explained(f"cannot write {path}"):
            if path.exists():
                lines = path.read_bytes().splitlines(keepends=True)
                kept = [line for line in lines if _is_until(step, line)]
                if kept != lines:
                    write_whole(path, b"".join(kept))

    def record_resumption(self, step: int, changed: dict[str, list], config: dict) -> None:
        """Add to history.jsonl what goes on from which step; config.json gets the new settings.

        Args:
            changed: setting to [before, now].
        """
        found = environment(config.get("device"))
        path = self.path / "history.jsonl"
        if path.is_file() and not path.read_bytes().endswith(b"\n"):  # killed within a line
            with self._explained(f"cannot write {path}"), open(path, "ab") as file:
                file.write(b"\n")
        self._append("history.jsonl", {"step": step, "changed": changed, **found})
        if changed:
            self.write("config.json", as_json(config))

    def record_memory(self) -> None:
        """Renew what env.json says of the GPU, if on one: its pool's `reserved` is the peak now."""
        if now := gpu(self.config.get("device")):
            try:
                saved = json.loads((self.path / "env.json").read_bytes())
            except (OSError, ValueError):
                saved = environment(self.config.get("device"))
            self.write("env.json", as_json({**saved, "gpu": now}))

    def history(self) -> list[dict[str, Any]]:
        """The lines of history.jsonl that can be read: {"step", "changed", ...}."""
        try:
            lines = (self.path / "history.jsonl").read_bytes().splitlines()
        except OSError:
            return []
        records = []
        for line in lines:
            with suppress(ValueError, RecursionError):
                records.append(json.loads(line))
        return [r for r in records if isinstance(r, dict) and r.keys() >= {"step", "changed"}]

    def _append(self, name: str, record: dict[str, Any]) -> None:
        path = self.path / name
        line = (json.dumps(record, allow_nan=False) + "\n").encode()
        with self._explained(f"cannot write {path}"), open(path, "ab", buffering=0) as file:
            size = file.tell()
            if file.write(line) < len(line):  # the disk filled up within the line
                file.truncate(size)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    # -- checkpoints ---------------------------------------------------------------------------

    def save_checkpoint(
        self, step: int, state: dict[str, Any], keep: int = 2, score: float | None = None
    ) -> Path:
        """Write a checkpoint, then drop all but the newest `keep` and the best by its score."""
        files = pack(step, state, score)
        parent = self.path / "checkpoints"
        target = parent / f"step-{step:06d}"
        temporary = parent / f".writing-{os.getpid()}"
        with self._explained(f"cannot write the checkpoint {target}"):
            try:
                self._sync_log()  # what a checkpoint stands for must last as long as it
                parent.mkdir(exist_ok=True)
                shutil.rmtree(temporary, ignore_errors=True)
                temporary.mkdir()
                for name, content in files.items():
                    (temporary / name).write_bytes(content)
                    sync(temporary / name)
                sync(temporary)
                _discard(target)
                os.replace(temporary, target)
                sync(parent)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                with suppress(OSError):
                    parent.rmdir()  # where this was to be the first
                raise
        self.drop_checkpoints(keep)
        return target

    def drop_checkpoints(self, keep: int) -> None:
        """Remove all but the newest `keep` and the best one."""
        kept = {*self.checkpoints()[-keep:], self.best_checkpoint()}
        with self._explained(f"cannot remove old checkpoints in {self.path}"):
            for old in self.checkpoints():
                if old not in kept:
                    _discard(old)

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        found = (self.path / "checkpoints").glob("step-*")
        complete = [p for p in found if re.fullmatch(r"step-\d+", p.name)]
        return sorted(complete, key=lambda p: int(p.name.removeprefix("step-")))

    def best_checkpoint(self) -> Path | None:
        """The one with the highest score, the latest of equals; None where none has a score."""
        best, highest = None, -math.inf
        for path in self.checkpoints():
            score = score_of(path)
            if score is not None and score >= highest:
                best, highest = path, score
        return best

    def standing(self) -> str:
        """What an interrupted run leaves behind, for a message."""
        kept = self.checkpoints()
        return f"{kept[-1]} stands" if kept else "there was no checkpoint yet"

    def load_checkpoint(self, path: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Step and state of a checkpoint (default: the newest)."""
        if path is None:
            if not self.checkpoints():
                raise RunError(
                    f"{self.path} holds no checkpoint: the run ended before its first; go on with "
                    f"tinygen train --resume {self.path}."
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

    def _sync_log(self) -> None:
        if (self.path / "metrics.jsonl").is_file():
            sync(self.path / "metrics.jsonl")

    @contextmanager
    def _explained(self, failure: str, then: str | None = None) -> Iterator[None]:
        """Tell an error of the file system as one sentence: what stands, and how to go on."""
        try:
            yield
        except OSError:
            again = f"and go on with tinygen train --resume {self.path} ({self.standing()})"
            gone = f"for {self.path} is gone; name another place with --out"
            with explained(failure, (then or again) if self.path.is_dir() else gone):
                raise


def _make(path: Path, made: list[Path]) -> None:
    """Make a folder and those above it; `made` gets those that no other process made."""
    for folder in (*reversed(path.parents), path):
        if not folder.is_dir():
            with suppress(FileExistsError):
                folder.mkdir()
                made.append(folder)


def _never_begun(path: Path) -> bool:
    """Whether a folder holds nothing but what a process killed in `create` may have left."""
    names = {p.name for p in path.iterdir()}
    return all(name == "env.json" or name.startswith(UNFINISHED) for name in names)


def _is_until(step: int, line: bytes) -> bool:
    """Whether a line is complete and speaks of `step` or an earlier one."""
    try:
        return line.endswith(b"\n") and json.loads(line)["step"] <= step
    except (ValueError, LookupError, TypeError, RecursionError):
        return False


def _discard(folder: Path) -> None:
    """Remove a folder so that, at any instant, its name stands for all of it or for nothing."""
    if folder.exists():
        gone = folder.with_name(f".discarded-{folder.name}")
        shutil.rmtree(gone, ignore_errors=True)
        os.replace(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
