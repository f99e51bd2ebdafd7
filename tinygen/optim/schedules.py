"""Learning rates as functions of the step number: 0 for the first step, then 1, 2, ...

    optimizer = tg.optim.Adam(params, lr=schedules.cosine(3e-4, steps=10_000, warmup=500))

Any function of an int will do; these are the usual ones. They hold their last value for ever. Steps
are counted in updates of the optimizer; numbers that must be positive and are not raise ValueError.
"""

from __future__ import annotations

import math

from .optimizer import Schedule

__all__ = ["constant", "cosine", "exponential", "linear", "step_decay", "warmup"]


def constant(lr: float) -> Schedule:
    """lr.

    >>> optim.schedules.constant(0.1)(1000)
    0.1
    """
    return lambda step: lr


def linear(start: float, end: float, steps: int) -> Schedule:
    """From `start` at step 0 in a straight line to `end` at step `steps`; ValueError below 1.

    >>> optim.schedules.linear(1.0, 0.0, steps=10)(5)
    0.5
    """
    _positive("linear", steps=steps)
    return lambda step: start + (end - start) * min(step / steps, 1.0)


def cosine(lr: float, steps: int, floor: float = 0.0, warmup: int = 0) -> Schedule:
    """From `lr` along half a cosine to `floor` at step `steps`, after `warmup` rising steps.

    floor + (lr - floor) (1 + cos(pi s)) / 2, where s goes from 0 to 1 after the warm-up.
    Loshchilov & Hutter 2017, "SGDR: stochastic gradient descent with warm restarts", eq. 5,
    without the restarts. The warm-up is that of `warmup`. Raises ValueError unless
    0 <= warmup < steps.

    >>> rate = optim.schedules.cosine(0.1, steps=100)
    >>> [round(rate(step), 3) for step in (0, 50, 100)]
    [0.1, 0.05, 0.0]
    """
    if not 0 <= warmup < steps:
        raise ValueError(
            f"cosine: warmup must lie in [0, steps), not {warmup} of {steps}; both count steps."
        )

    def schedule(step: int) -> float:
        if step < warmup:
            return lr * (step + 1) / warmup
        done = min((step - warmup) / (steps - warmup), 1.0)
        return floor + (lr - floor) * 0.5 * (1.0 + math.cos(math.pi * done))

    return schedule


def exponential(lr: float, decay: float) -> Schedule:
    """lr * decay^step, with a positive decay, else ValueError.

    >>> optim.schedules.exponential(8.0, decay=0.5)(3)
    1.0
    """
    _positive("exponential", decay=decay)
    return lambda step: lr * decay**step


def step_decay(lr: float, factor: float, every: int) -> Schedule:
    """lr * factor^(step // every): multiplied by `factor` every so many steps.

    Raises ValueError unless both are positive.

    >>> rate = optim.schedules.step_decay(8.0, factor=0.5, every=10)
    >>> rate(9), rate(10)
    (8.0, 4.0)
    """
    _positive("step_decay", factor=factor, every=every)
    return lambda step: lr * factor ** (step // every)


def warmup(schedule: float | Schedule, steps: int) -> Schedule:
    """`schedule` multiplied by 1/steps, 2/steps, ..., 1 in the first steps.

    Not by 0 in the first: that step would be wasted. `schedule` is a function of the step, or one
    rate; `steps` is at least 1, else ValueError.

    >>> rate = optim.schedules.warmup(optim.schedules.constant(1.0), steps=4)
    >>> [rate(step) for step in range(5)]
    [0.25, 0.5, 0.75, 1.0, 1.0]
    """
    _positive("warmup", steps=steps)
    full = schedule if callable(schedule) else constant(schedule)
    return lambda step: full(step) * min((step + 1) / steps, 1.0)


def _positive(where: str, **values: float) -> None:
    for name, value in values.items():
        if not value > 0:
            raise ValueError(f"{where}: {name} must be positive, not {value}.")
