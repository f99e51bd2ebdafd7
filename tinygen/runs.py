"""A training run: one loop for every model, and one folder that holds all it left behind.

    config.json      what was asked for          env.json    on what it ran
    metrics.jsonl    a line of numbers per report
    samples/         step-000100.png, ...        checkpoints/step-001000/   see checkpoints.py

The loop knows no model: it drives anything with `step(batch)`, `state_dict()` and
`load_state_dict(state)`.
"""

from __future__ import annotations

import errno
import io
import json
import math
import os
import platform
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from .checkpoints import CheckpointError, as_json, pack, unpack

__all__ = ["RunError", "RunFolder", "environment", "growing_steps", "train"]


class RunError(RuntimeError):
    """A run cannot begin or go on; one sentence says why and what to do."""


class Trainer(Protocol):
    """What the loop asks of a model's trainer."""

    def step(self, batch: Any) -> dict[str, Any]:
        """Update on one batch; returns named 0-d results, which are read only when reported."""

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs: host arrays and plain values, nested by name."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""


class RunFolder:
    """One run's files. Each is written whole or not at all."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, config: dict[str, Any]) -> RunFolder:
        """A new folder with config.json and env.json; an existing one is never written into."""
        with _explained(f"cannot make the run folder {path}"):
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
        with _explained(f"cannot open {path}"):
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
        with _explained(f"cannot write {target}"):
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
        with _explained(f"cannot write {path}"), open(path, "ab", buffering=0) as file:
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
        with _explained(f"cannot write the checkpoint {target}"):
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


def train(
    trainer: Trainer,
    next_batch: Callable[[], Any],
    folder: RunFolder,
    *,
    steps: int,
    report_every: int,
    checkpoint_every: int,
    draw: Callable[[], bytes] | None = None,
    draw_at: frozenset[int] = frozenset(),
) -> float:
    """Train for `steps` steps; returns the seconds it took.

    Args:
        next_batch: gives what `trainer.step` takes.
        report_every: steps between lines of metrics.jsonl, and looks at the losses.
        checkpoint_every: steps between checkpoints; the last step is always saved.
        draw: makes the PNG that is saved at the steps `draw_at`.
    """
    started = time.perf_counter()
    # Numbers that overflow are found in the losses; NumPy's warnings would come in between.
    with _progress(steps) as progress, np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            results = trainer.step(next_batch())
            values: dict[str, float] = {}
            reports = step % report_every == 0 or step == steps
            saves = step % checkpoint_every == 0 or step == steps
            if reports or saves:
                values = {name: float(value) for name, value in results.items()}
            if reports:
                seconds = time.perf_counter() - started
                folder.log({"step": step, "seconds": round(seconds, 3), **values})
            _check_finite(values, step, folder)
            progress(step, values)
            if draw is not None and step in draw_at:
                folder.write(f"samples/step-{step:06d}.png", draw())
            if saves:
                folder.save_checkpoint(step, trainer.state_dict())
    return time.perf_counter() - started


def growing_steps(steps: int) -> frozenset[int]:
    """Steps at which a picture is worth its place: 1, 2, 5, 10, 20, 50, ... and the last."""
    marks = {m * 10**e for e in range(len(str(steps))) for m in (1, 2, 5)}
    return frozenset({m for m in marks if m <= steps} | {steps})


def environment() -> dict[str, Any]:
    """Versions, machine and command line, for whoever repeats the run."""
    from . import __version__
    from .backend import cuda_status

    cuda = cuda_status()
    return {
        "tinygen": __version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "cuda": "usable" if cuda is None else cuda,
        "platform": platform.platform(),
        "processors": os.cpu_count(),
        "threads": {k: v for k, v in os.environ.items() if k.endswith("_NUM_THREADS")},
        "command": sys.argv,
        "started": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


# -- shared pieces ---------------------------------------------------------------------------------


def write_file(path: Path, content: bytes) -> None:
    """Write a file of the user's naming, whole or not at all."""
    with _explained(f"cannot write {path}"):
        write_whole(path, content)


def npz_bytes(**arrays: np.ndarray) -> bytes:
    """Named arrays as an .npz file's content."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def write_whole(path: Path, content: bytes) -> None:
    """The file with all of `content`, or, after an error, as it was before."""
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name[-100:]}")
    try:
        with open(temporary, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise


@contextmanager
def _explained(failure: str) -> Iterator[None]:
    """Tell an error of the file system as one sentence."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = "free some space or" if full else "check the path, or"
        reason = error.strerror or str(error)
        raise RunError(f"{failure} ({reason}): {remedy} name another place with --out.") from error


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A bar with the losses on a terminal; elsewhere some twenty plain lines."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=steps, unit="step", dynamic_ncols=True) as bar:

            def show(step: int, values: dict[str, float]) -> None:
                if values:
                    bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()}, refresh=False)
                bar.update(step - bar.n)

            yield show
        return
    printed = 0

    def line(step: int, values: dict[str, float]) -> None:
        nonlocal printed
        if values and (step * 20 // steps > printed or step == steps):
            printed = step * 20 // steps
            numbers = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
            print(f"step {step}/{steps}  {numbers}", file=sys.stderr, flush=True)

    yield line


def _check_finite(values: dict[str, float], step: int, folder: RunFolder) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise RunError(
                f"{name} became {value} by step {step}, so training stopped ({folder.standing()}): "
                "try a smaller learning rate, --set lr=..."
            )
