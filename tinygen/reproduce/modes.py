"""Mode coverage of GANs on mixtures in the plane, against a plain GAN that was tuned.

`tinygen reproduce gan-ring` and `gan-grid` run them and judge them by their marks; with `--quick`
one only sees that they work.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import count
from math import sqrt
from statistics import fmean, stdev
from time import process_time
from typing import Any, NamedTuple

from .. import recipes
from ..data import MIXTURES
from ..metrics import ModeCoverage, mode_coverage
from ..metrics.modes import SAMPLES
from .row import Figures, Row, Verdict

__all__ = ["PLAIN", "ROWS", "TUNED", "Trained", "train_covering"]

LOOK_EVERY = 10
"""Steps between looks at the clock."""

PLAIN: Mapping[str, Any] = {
    "objective": "non-saturating",
    "penalty": "none",
    "second_penalty": "none",
    "instance_noise": 0.0,
    "ema": 0.0,
    "decay": False,
    "reach": 0.0,
    "beta2": 0.999,
}
"""The same networks and batches without any remedy."""

TUNED: Mapping[str, Mapping[str, float]] = {
    "ring": {"lr": 1e-3, "d_lr": 1e-4, "beta1": 0.5},
    "grid": {"lr": 1e-3, "d_lr": 1e-3, "beta1": 0.0},
}
"""The plain GAN's best settings by `python -m benchmarks.gan_ablation --tune --seconds 16`: of the
rates 1e-4, 3e-4, 1e-3 and 3e-3 for each player, then without momentum."""


class Trained(NamedTuple):
    """What a run gave. seconds: of processor time, training alone."""

    coverage: ModeCoverage
    steps: int
    seconds: float


def train_covering(
    mixture: str, seed: int, settings: Mapping[str, Any], seconds: float | None = None
) -> Trained:
    """Train the recipe of this mixture with other settings, and count modes.

    Args:
        seconds: of processor time, which other programs do not change; None for the steps that the
            settings say.
    """
    recipe = recipes.find(f"gan-{mixture}")
    config = recipes.resolve(recipe, {"seed": seed, **settings})
    experiment = recipe.build(config)
    start = process_time()
    for steps in count(1):
        experiment.step()
        if seconds is None:
            if steps == config.steps:
                break
        elif steps % LOOK_EVERY == 0 and process_time() - start >= seconds:
            break
    used = process_time() - start
    samples = experiment.trainer.sample(SAMPLES)
    return Trained(mode_coverage(samples, MIXTURES[mixture]), steps, used)


def run(mixture: str, seed: int, quick: bool) -> Figures:
    """The recipe, then a tuned plain GAN for as many seconds."""
    best = train_covering(mixture, seed, {"steps": 300} if quick else {})
    plain = train_covering(mixture, seed, {**PLAIN, **TUNED[mixture]}, best.seconds)
    return {
        **_figures("", best),
        **_figures("plain GAN, tuned: ", plain),
    }


def _figures(who: str, trained: Trained) -> Figures:
    return {
        f"{who}modes": float(trained.coverage.modes),
        f"{who}high quality, %": 100.0 * trained.coverage.high_quality,
        f"{who}reverse KL": trained.coverage.reverse_kl,
        f"{who}steps": float(trained.steps),
        f"{who}seconds of processor time": trained.seconds,
    }


def judge(there_are: int, enough: int, found: Sequence[Figures]) -> Verdict:
    """The mark by means, the stretch by each seed."""
    modes, quality, kl = ([f[name] for f in found] for name in list(found[0])[:3])
    every = len(found) >= 10 and min(modes) == there_are
    stretch = every and fmean(quality) >= 95.0 and fmean(kl) <= 0.02
    because = (
        f"{mean_and_error(modes)} of {there_are} modes, {mean_and_error(quality)}% of high "
        f"quality, reverse KL {mean_and_error(kl, 4)}; plain GAN "
        f"{mean_and_error([f['plain GAN, tuned: modes'] for f in found])} modes, "
        f"{mean_and_error([f['plain GAN, tuned: high quality, %'] for f in found])}%"
    )
    return Verdict(fmean(modes) >= enough and fmean(quality) >= 90.0, stretch, because)


def mean_and_error(values: Sequence[float], digits: int = 1) -> str:
    """The mean and its standard error, where there are several."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    error = stdev(values) / sqrt(len(values))
    return f"{fmean(values):.{digits}f} +- {error:.{digits}f}"


PUBLISHED = {
    "ring": "modes, % of high quality, KL: GAN 6.3, 98.2, 0.45; PacGAN2 7.9, 95.6, 0.07 (PacGAN, "
    "table 1); VEEGAN 8, 52.9 (VEEGAN, table 1)",
    "grid": "modes, % of high quality, KL: GAN 17.3, 94.8, 0.70; PacGAN4 24.8, 93.6, 0.04 (PacGAN, "
    "table 1); VEEGAN 24.6, 40 (VEEGAN, table 1)",
}

ROWS = tuple(
    Row(
        f"gan-{mixture}",
        f"modes that a GAN reaches, of {there_are}: `tinygen train gan-{mixture}` and a plain GAN",
        PUBLISHED[mixture],
        f"{SAMPLES:,} samples, of high quality within 3 standard deviations of a mode; the plain "
        "GAN has the same networks and first weights but for D's first hyperplanes, rates tuned "
        "from another seed, and as many seconds of processor time",
        f"{enough} modes on average, 90% of high quality",
        f"{there_are} modes from each of 10 seeds or more, on average 95% and KL 0.02",
        5,
        partial(run, mixture),
        partial(judge, there_are, enough),
    )
    for mixture, there_are, enough in (("ring", 8, 8), ("grid", 25, 24))
)
