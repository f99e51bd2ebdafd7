"""A training run: one loop for every model, and one folder that holds all it left behind.

    config.json      what was asked for          env.json    on what it ran
    metrics.jsonl    a line of numbers per report
    samples/         step-000100.png, ...        checkpoints/   step-001000/{arrays.safetensors, state.json}

The loop knows no model: it drives anything with `step(batch)`, `state_dict()` and
`load_state_dict(state)`.
"""

from __future__ import annotations

import io
import json
import math
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

__all__ = ["RunError", "RunFolder", "environment", "train"]

SCHEMA = 1
"""Of the checkpoints; a reader refuses others."""


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
            made = not path.exists()
            path.mkdir(parents=True, exist_ok=True)
        folder = cls(path)
        try:
            folder.write("config.json", as_json(config))
            folder.write("env.json", as_json(environment()))
        except RunError:
            shutil.rmtree(path, ignore_errors=True)
            if not made:
                path.mkdir(exist_ok=True)
            raise
        return folder

    @classmethod
    def open(cls, path: Path) -> RunFolder:
        """The folder of an earlier run."""
        if not (path / "config.json").is_file():
            raise RunError(f"{path} is not a run folder: it holds no config.json.")
        return cls(path)

    @property
    def config(self) -> dict[str, Any]:
        """What was asked for."""
        try:
            return json.loads((self.path / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{self.path / 'config.json'} cannot be read ({error}).") from None

    def write(self, name: str, content: bytes) -> Path:
        """Write a file under a temporary name, and give it its own name when it is complete."""
        target = self.path / name
        with _explained(f"cannot write {target}"):
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content)
        return target

    def log(self, record: dict[str, Any]) -> None:
        """Append a line to metrics.jsonl."""
        with _explained(f"cannot write {self.path / 'metrics.jsonl'}"):
            with open(self.path / "metrics.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(record) + "\n")

    def save_checkpoint(self, step: int, state: dict[str, Any], keep: int = 2) -> Path:
        """Write a checkpoint, then drop all but the newest `keep`."""
        from safetensors.numpy import save

        arrays: dict[str, np.ndarray] = {}
        plain = _without_arrays(state, arrays)
        parent = self.path / "checkpoints"
        target = parent / f"step-{step:06d}"
        with _explained(f"cannot write the checkpoint {target}; the one before it stands"):
            parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=parent))
            try:
                write_whole(temporary / "arrays.safetensors", save(arrays))
                write_whole(
                    temporary / "state.json",
                    as_json({"schema": SCHEMA, "step": step, "state": plain}),
                )
                if target.exists():
                    shutil.rmtree(target)
                os.replace(temporary, target)
            except BaseException:
                shutil.rmtree(temporary, ignore_errors=True)
                raise
            for old in self.checkpoints()[:-keep]:
                shutil.rmtree(old, ignore_errors=True)
        return target

    def checkpoints(self) -> list[Path]:
        """Complete checkpoints, oldest first."""
        return sorted((self.path / "checkpoints").glob("step-*"))

    def load_checkpoint(self, path: Path | None = None) -> tuple[int, dict[str, Any]]:
        """Step and state of a checkpoint (default: the newest)."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        if path is None:
            if not self.checkpoints():
                raise RunError(f"{self.path} holds no checkpoint; the run ended before its first.")
            path = self.checkpoints()[-1]
        try:
            saved = json.loads((path / "state.json").read_text(encoding="utf-8"))
            arrays = load((path / "arrays.safetensors").read_bytes())
            if saved["schema"] != SCHEMA:
                raise RunError(f"{path} has format {saved['schema']}, this version reads {SCHEMA}.")
            return int(saved["step"]), _with_arrays(saved["state"], arrays)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise RunError(
                f"the checkpoint {path} cannot be read ({type(error).__name__}: {error})."
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
    with _progress(steps) as progress:
        for step in range(1, steps + 1):
            results = trainer.step(next_batch())
            if step % report_every == 0 or step == steps:
                values = {name: float(value) for name, value in results.items()}
                seconds = time.perf_counter() - started
                folder.log({"step": step, "seconds": round(seconds, 3), **values})
                _check_finite(values, step)
                progress(step, values)
            if draw is not None and step in draw_at:
                folder.write(f"samples/step-{step:06d}.png", draw())
            if step % checkpoint_every == 0 or step == steps:
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
    handle, temporary = tempfile.mkstemp(prefix=".writing-", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextmanager
def _explained(failure: str) -> Iterator[None]:
    """Tell an error of the file system as one sentence."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        raise RunError(f"{failure}: {reason}; free some space or name another --out.") from error


@contextmanager
def _progress(steps: int) -> Iterator[Callable[[int, dict[str, float]], None]]:
    """A bar with the losses on a terminal; elsewhere some twenty plain lines."""
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(total=steps, unit="step", dynamic_ncols=True) as bar:

            def show(step: int, values: dict[str, float]) -> None:
                bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()}, refresh=False)
                bar.update(step - bar.n)

            yield show
        return
    printed = 0

    def line(step: int, values: dict[str, float]) -> None:
        nonlocal printed
        if step * 20 // steps > printed or step == steps:
            printed = step * 20 // steps
            numbers = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
            print(f"step {step}/{steps}  {numbers}", file=sys.stderr, flush=True)

    yield line


def _check_finite(values: dict[str, float], step: int) -> None:
    for name, value in values.items():
        if not math.isfinite(value):
            raise RunError(
                f"{name} became {value} by step {step}, so training stopped; the last checkpoint "
                "stands. A smaller learning rate usually helps (--set lr=...)."
            )


def as_json(value: Any) -> bytes:
    return (json.dumps(value, indent=2) + "\n").encode()


def _without_arrays(state: Any, arrays: dict[str, np.ndarray], path: str = "") -> Any:
    """`state` with each array replaced by {"array": its path} and put into `arrays`."""
    if isinstance(state, np.ndarray):
        arrays[path] = np.ascontiguousarray(state)
        return {"array": path}
    if isinstance(state, dict):
        return {
            k: _without_arrays(v, arrays, f"{path}/{k}" if path else k) for k, v in state.items()
        }
    return state


def _with_arrays(state: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(state, dict):
        if state.keys() == {"array"} and isinstance(state["array"], str):
            return arrays[state["array"]]
        return {k: _with_arrays(v, arrays) for k, v in state.items()}
    return state
