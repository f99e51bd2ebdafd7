"""An RBM, a GAN and what joins them, on MNIST for equal seconds of one processor core.

`tinygen reproduce contrastive-adversarial-mnist` runs it and judges it by its mark; with `--quick`
one only sees that it works.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from time import process_time

import numpy as np

from .. import recipes
from ..data import Dataset, load
from ..metrics import ImageSuite, judge_of, sliced_wasserstein
from ..models.rbm import RBM, annealed_importance_sampling, mean_log_likelihood, temperatures
from ..random import Generator
from .row import Figures, Row, Verdict

__all__ = ["ROWS", "RECIPES", "SECONDS"]

RECIPES = ("rbm", "gan", "beam", "amortised-cd", "rbm-prior-gan", "energy-gan")
SECONDS = 30.0
SHOWN = ("precision", "coverage", "Frechet distance", "classifier score")
IMAGES = 2_500


def run(seed: int, quick: bool) -> Figures:
    """Of each recipe: steps, measures of samples, and a likelihood where there is one."""
    name = "digits" if quick else "mnist"
    data = load(name)
    suite = None if quick else ImageSuite(data, judge_of(data), seed)
    figures: dict[str, float] = {}
    for recipe in RECIPES:
        experiment = _trained(recipe, name, seed, 0.2 if quick else SECONDS)
        trainer = experiment.trainer
        figures[f"{recipe}: steps"] = float(trainer.steps)
        if suite is not None:
            rows = trainer.sample(IMAGES).reshape(IMAGES, -1)
            found = suite.values(rows)
            figures |= {f"{recipe}: {what}": found[what] for what in SHOWN}
            figures[f"{recipe}: sliced Wasserstein, x 1000"] = _sliced(rows, data, seed)
        rbm = getattr(trainer, "rbm", None)
        if isinstance(rbm, RBM):
            figures[f"{recipe}: test log-likelihood"] = _likelihood(rbm, data, seed, quick)
    if suite is not None:
        real = suite.floor
        figures |= {f"real data: {what}": real[what] for what in SHOWN}
        chance = np.random.default_rng(seed).permutation(len(data.train))[:IMAGES]
        rows = data.train[chance].reshape(IMAGES, -1)
        figures["real data: sliced Wasserstein, x 1000"] = _sliced(rows, data, seed)
    return figures


def _trained(recipe: str, data: str, seed: int, seconds: float) -> recipes.Experiment:
    """For so many seconds of processor time."""
    found = recipes.find(recipe)
    experiment = found.build(recipes.resolve(found, {"data": data, "seed": seed}))
    end = process_time() + seconds
    while process_time() < end:
        experiment.step()
    return experiment


def _sliced(rows: np.ndarray, data: Dataset, seed: int) -> float:
    """The mean over the levels, of as many samples as held-out images."""
    images = np.clip(rows.reshape(-1, *data.shape), 0.0, 1.0)
    held = data.test[np.random.default_rng(seed).permutation(len(data.test))[: len(images)]]
    return float(np.mean(sliced_wasserstein(images, held, seed, directions=128).levels))


def _likelihood(rbm: RBM, data: Dataset, seed: int, quick: bool) -> float:
    """By annealing forward, which flatters."""
    test = (data.flat()[1] > 0.5).astype("float32")
    base = rbm.arrays().visible.base_rate(test)
    found = annealed_importance_sampling(
        rbm,
        base,
        rng=Generator(seed, device="cpu"),
        runs=10 if quick else 50,
        betas=temperatures(20 if quick else 1_000),
    )
    return mean_log_likelihood(rbm, test, found.log_z)


def judge(found: Sequence[Figures]) -> Verdict:
    """A table is not won: it is complete if every number is one."""
    complete = all(math.isfinite(value) for f in found for value in f.values())
    likely = ", ".join(
        f"{name.removesuffix(': test log-likelihood')} {value:.1f}"
        for name, value in found[0].items()
        if name.endswith("test log-likelihood")
    )
    return Verdict(complete, None, f"nats by annealing: {likely}")


ROWS = (
    Row(
        "contrastive-adversarial-mnist",
        "an RBM, a GAN and four ways to join them, after equal seconds on MNIST",
        "no figure is claimed: nobody published this table",
        f"each recipe as `tinygen train` has it, {SECONDS:.0f} seconds of processor time; "
        f"{IMAGES:,} samples judged in the features of a classifier, and by the sliced "
        "Wasserstein distance of images; log-likelihoods of thresholded images by forward "
        "annealing over 1,000 temperatures, which may flatter; `tinygen compare` has the pictures",
        "every number of the table is finite",
        "none",
        1,
        run,
        judge,
    ),
)
