"""One training loop for every model.

It knows none of them: it drives anything with `step()`, `state_dict()`, `load_state_dict(state)`,
`pictures()`, `measure()` and `remark(losses)`, such as a recipe's `Experiment`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, Protocol

import numpy as np

from .files import RunError
from .folder import RunFolder
from .guards import first_nonfinite, nonfinite, repeat_watched, skipping
from .progress import Progress, shown
from .signals import Stopped, StopRequest, stop_requests

__all__ = ["Trainable", "growing_steps", "resume", "train"]


class Trainable(Protocol):
    """What the loop asks of an experiment."""

    trainer: Any
    """What holds the optimizers, whose names there are used in messages."""

    def step(self) -> Mapping[str, Any]:
        """Train on the next batch; returns named 0-d results, which are read only when reported."""

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs: host arrays and plain values, nested by name."""

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue where `state_dict` was taken."""

    def pictures(self) -> Mapping[str, bytes]:
        """PNGs by name of what the model shows now; training goes on as if none had been made.

        Numbers that belong to them too: `RunFolder.show` says how such a name tells its kind.
        """

    def measure(self) -> dict[str, float]:
        """The score by its name, the greater the better; {} where there is none."""

    def remark(self, losses: Mapping[str, float]) -> tuple[dict[str, float], str]:
        """More numbers to report and how training goes, in a line; {} and "" for nothing to say."""


def train(
    run: Trainable,
    folder: RunFolder,
    *,
    steps: int,
    report_every: int,
    checkpoint_every: int,
    keep: int = 2,
    draw_at: frozenset[int] = frozenset(),
    on_nonfinite: str = "stop",
    progress: Progress | None = None,
    also_report: Callable[[int, dict[str, float]], None] | None = None,
    agree: Callable[[int | None], int | None] = lambda signal: signal,
) -> Progress:
    """Train until `steps` steps are done, and return where the run then stands.

    Args:
        report_every: steps between lines of metrics.jsonl, and looks at the losses.
        checkpoint_every: steps between checkpoints; the last step is always saved.
        keep: newest checkpoints that stay, besides the best by `run.measure`.
        draw_at: the steps at which pictures are saved.
        on_nonfinite: "stop", or "skip" to leave out updates by gradients that are not finite.
        progress: where the run stands, from `resume`; None for its beginning.
        also_report: given the step and the numbers of each line of metrics.jsonl.
        agree: told before each step which signal came, if one did; says which one counts. Several
            processes that train together must stop after the same step.

    Raises:
        RunError: the disk is full, or numbers that are not finite came up; earlier checkpoints
            stand.
        Stopped: a signal asked for it; the step was finished and saved.
        KeyboardInterrupt: a second Ctrl-C did.
    """
    loop = _Loop(
        run, folder, steps, report_every, checkpoint_every, keep, draw_at,
        on_nonfinite == "skip", progress or Progress(), also_report, agree,
    )  # fmt: skip
    return loop.run_to_the_end()


def resume(run: Trainable, folder: RunFolder, keep: int = 2) -> Progress:
    """Bring a freshly built run to its newest checkpoint, if it has one, and the folder with it.

    Raises:
        RunError: the checkpoint is damaged, or of another experiment.
    """
    if not folder.checkpoints():
        folder.cut_log(0)
        return Progress()
    step, state = folder.load_checkpoint()
    try:
        run.load_state_dict(state)
        progress = Progress(**state["progress"])
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = str(error).rstrip(".")
        raise RunError(
            f"the checkpoint of step {step} does not fit the settings ({reason}): go on with those "
            "it was made with, or train anew."
        ) from None
    folder.cut_log(step)
    folder.drop_checkpoints(keep)
    return progress


def growing_steps(steps: int) -> frozenset[int]:
    """Steps at which a picture is worth its place: 1, 2, 5, 10, 20, 50, ... and the last."""
    marks = {m * 10**e for e in range(len(str(steps))) for m in (1, 2, 5)}
    return frozenset({m for m in marks if m <= steps} | {steps})


@dataclass
class _Loop:
    run: Trainable
    folder: RunFolder
    steps: int
    report_every: int
    checkpoint_every: int
    keep: int
    draw_at: frozenset[int]
    skips: bool
    progress: Progress
    also_report: Callable[[int, dict[str, float]], None] | None
    agree: Callable[[int | None], int | None]

    def __post_init__(self) -> None:
        self.stop = StopRequest()
        self.ending: int | None = None
        self.results: Mapping[str, Any] = {}
        self.remarked = ""
        self.saved: int | None = None
        self.begun = time.perf_counter() - self.progress.seconds
        # Where to repeat from until there is a checkpoint.
        self.beginning = None if self.folder.checkpoints() else self._state()

    def run_to_the_end(self) -> Progress:
        # Numbers that overflow are found in the losses; NumPy's warnings would come in between.
        with (
            stop_requests() as self.stop,
            shown(self.progress.step, self.steps) as show,
            np.errstate(all="ignore"),
            self._guarding(),
        ):
            while not self._asked_to_stop() and self.progress.step < self.steps:
                self.results = self.run.step()
                self.progress.step += 1
                self._after_step(show)
            if self.ending is not None:
                if self.saved != self.progress.step:
                    self._check(self._losses())
                    self._save(None)
                raise Stopped(self.ending)
        self.progress.seconds = self._elapsed()
        return self.progress

    def _after_step(self, show: Callable) -> None:
        step = self.progress.step
        last = step == self.steps
        saves = step % self.checkpoint_every == 0 or last
        reports = step % self.report_every == 0 or last
        values = self._losses() if saves or reports else {}
        score = self.run.measure() if saves else {}
        numbers, remark = self.run.remark(values) if reports else ({}, "")
        if reports or score:
            self._report(values | score | numbers, remark)
        self._check(values)
        show(step, values, remark if remark != self.remarked else "")
        self.remarked = remark or self.remarked
        if step in self.draw_at:
            self.folder.show(step, self.run.pictures())
        if saves:
            self._save(next(iter(score.values()), None))

    def _losses(self) -> dict[str, float]:
        """Those of the latest step; reading them waits for the device."""
        return {name: float(value) for name, value in self.results.items()}

    def _check(self, values: dict[str, float]) -> None:
        if not self.skips and nonfinite(values):
            self._fail(nonfinite(values)[0], deep=False)

    def _report(self, values: dict[str, float], remark: str) -> None:
        if self.skips:
            values["skipped"] = self.progress.skipped
        step = self.progress.step
        told = {"verdict": remark} if remark else {}
        self.folder.log({"step": step, "seconds": round(self._elapsed(), 3), **values, **told})
        if self.also_report is not None:
            self.also_report(step, values)

    def _save(self, score: float | None) -> None:
        self.progress.seconds = self._elapsed()
        state = self._state()
        broken = first_nonfinite(state)
        if broken is not None:
            self._fail(f"{broken} became nan or infinite", deep=True)
        self.folder.save_checkpoint(self.progress.step, state, self.keep, score)
        self.saved = self.progress.step
        self.beginning = None

    def _state(self) -> dict[str, Any]:
        return {**self.run.state_dict(), "progress": asdict(self.progress)}

    def _elapsed(self) -> float:
        return time.perf_counter() - self.begun

    def _guarding(self) -> AbstractContextManager[None]:
        return skipping(self.run.trainer, self.progress) if self.skips else nullcontext()

    def _fail(self, symptom: str, deep: bool) -> NoReturn:
        """Raise a RunError that names the step at which it began, and the operation."""
        told = f"{symptom} by step {self.progress.step}"
        with suppress(RunError):  # a checkpoint that cannot be read any more
            told = self._repeat(symptom, deep) or told
        raise RunError(
            f"{told}, so training stopped ({self.folder.standing()}): try a smaller learning rate, "
            "--set lr=..."
        )

    def _repeat(self, symptom: str, deep: bool) -> str | None:
        last = self.progress.step
        state = self.beginning or self.folder.load_checkpoint()[1]
        self.run.load_state_dict(state)
        first = state["progress"]["step"] + 1
        print(
            f"step {last}/{self.steps}  {symptom}: repeating from step {first}, with every "
            "operation watched, to find out why ...",
            file=sys.stderr, flush=True,
        )  # fmt: skip
        steps = range(first, last + 1)
        return repeat_watched(self.run, self.run.trainer, steps, deep, given_up=self._asked_to_stop)

    def _asked_to_stop(self) -> bool:
        # A signal that comes while the ranks agree counts next time: only this one knows of it.
        self.ending = self.agree(self.stop.signal)
        return self.ending is not None
