"""How far a run has come: what continues with it, and what is shown of it.

    with shown(start=0, steps=1_000) as show:
        show(step, {"loss_d": 0.69, "loss_g": 0.69}, "")

It goes to stderr: a bar on a terminal, some twenty lines elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

__all__ = ["Progress", "shown"]


@dataclass
class Progress:
    """Where a run stands; a checkpoint holds it.

    skipped: updates left out because their gradients were not finite. in_a_row: of each optimizer
    by name, the latest ones without an update between them.
    """

    step: int = 0
    seconds: float = 0.0
    skipped: int = 0
    in_a_row: dict[str, int] = field(default_factory=dict)


@contextmanager
def shown(start: int, steps: int) -> Iterator[Callable[[int, dict[str, float], str], None]]:
    """A bar with the losses, the rate and the time left on a terminal; elsewhere some twenty lines.

    The function given takes the step, the losses where they were read, and a line if there is news.
    """
    if sys.stderr.isatty():
        from tqdm import tqdm

        with tqdm(initial=start, total=steps, unit="step", dynamic_ncols=True) as bar:

            def show(step: int, values: dict[str, float], news: str) -> None:
                if values:
                    bar.set_postfix({k: f"{v:.3f}" for k, v in values.items()}, refresh=False)
                if news:
                    bar.write(f"step {step}/{steps}  {news}", file=sys.stderr)
                bar.update(step - bar.n)

            yield show
        return
    printed = start * 20 // steps

    def line(step: int, values: dict[str, float], news: str) -> None:
        nonlocal printed
        if values and (step * 20 // steps > printed or step == steps):
            printed = step * 20 // steps
            numbers = "  ".join(f"{k} {v:.4f}" for k, v in values.items())
            print(f"step {step}/{steps}  {numbers}", file=sys.stderr, flush=True)
        if news:
            print(f"step {step}/{steps}  {news}", file=sys.stderr, flush=True)

    yield line
