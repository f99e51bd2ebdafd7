"""A generator from an autoencoder (founding system D2): seconds to what a GAN reaches without.

Two ways: the generator begins with a trained decoder's weights, or it ends in the decoder itself,
and what is learned is to draw its codes.

`tinygen reproduce generator-from-autoencoder` runs it and judges it by its mark; with `--quick` one
only sees that it works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, median
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..data import BatchLoader, Dataset, load
from ..metrics import ImageSuite, judge_of
from ..models.gan import R1, GANTrainer, mlp, start_from_decoder, whiten_decoder
from ..models.vae import (
    VAE,
    BernoulliOutput,
    LatentGANTrainer,
    VAETrainer,
    dense_vae,
    start_at_mean,
)
from ..optim.optimizer import Schedule
from ..optim.schedules import linear
from ..random import Generator
from .families import dbn_of, run_steps
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]

BATCH = 64
LOOKS = 20
"""At the samples in the course of a training, whose time is not counted."""
LAST = 3
"""Of them, whose mean is the quality at the end."""

SCALED_BY = 5_000
"""Training rows by whose codes decoders are whitened, and codes scaled."""


class Course(NamedTuple):
    """Seconds of one processor at each look, and the Frechet distance there."""

    seconds: np.ndarray
    distances: np.ndarray

    @property
    def quality(self) -> float:
        """At the end."""
        return fmean(self.distances[-LAST:])

    def seconds_to(self, distance: float) -> float:
        """Until it is as near; inf if it never is."""
        there = np.flatnonzero(self.distances <= distance)
        return float(self.seconds[there[0]]) if len(there) else float("inf")


class Size(NamedTuple):
    """Of all networks, and of both trainings."""

    hidden: int
    latent: int
    pretraining: int
    steps: int
    code: int
    code_steps: int


class Settings(NamedTuple):
    """Of a GAN: Adam's rate, the weight of R1, between how many steps, the slope in G below 0."""

    lr: float
    r1: float
    every: int
    slope: float


USUAL, LIGHT = Settings(5e-4, 0.5, 4, 0.0), Settings(1e-3, 0.1, 8, 0.2)
"""Those of the first baseline, and those of the second and of all other ways."""


def gan(generator: nn.Module, features: int, latent: int, size: Size, seed: int,
        settings: Settings) -> GANTrainer:  # fmt: skip
    """Of rows (N, features), by a generator that is there already."""
    hidden = size.hidden
    return GANTrainer(
        generator,
        mlp([features, hidden, hidden, 1], Generator(seed, stream=6, device="cpu"), slope=0.2),
        rng=Generator(seed, stream=1, device="cpu"),
        noise_shape=latent,
        regularizers=[R1(settings.r1, settings.every)],
        lr=settings.lr,
        ema_decay=0.999,
    )


def from_nothing(rows: np.ndarray, size: Size, seed: int, slope: float) -> nn.Module:
    """A generator in the shapes of a decoder."""
    sizes = [size.latent, size.hidden, size.hidden, rows.shape[1]]
    rng = Generator(seed, device="cpu")
    return mlp(sizes, rng, slope=slope, output=nn.Sigmoid())


def autoencoder(
    rows: np.ndarray,
    latent: int,
    size: Size,
    seed: int,
    activation: Callable[[], nn.Module] = nn.ReLU,
) -> VAE:
    """Not trained yet."""
    hidden = (size.hidden, size.hidden)
    rng = Generator(seed, stream=5, device="cpu")
    output = BernoulliOutput()
    model = dense_vae(rows.shape[1], hidden, latent, output, rng=rng, activation=activation)
    start_at_mean(model, rows)
    return model


def falling(size: Size) -> Schedule:
    """The rate of all autoencoders."""
    return linear(2e-3, 2e-4, size.pretraining)


def from_autoencoder(objective: str, rows: np.ndarray, size: Size, seed: int) -> nn.Module:
    """A generator that begins as a trained decoder from N(0, I)."""
    leaky = partial(nn.LeakyReLU, LIGHT.slope)
    model = autoencoder(rows, size.latent, size, seed, leaky)
    rng = Generator(seed, stream=7, device="cpu")
    warm_up = size.pretraining // 4 if objective == "elbo" else 0
    trainer = VAETrainer(model, rng=rng, objective=objective, warm_up=warm_up, lr=falling(size))
    run_steps(trainer, rows, size.pretraining, seed, batch=BATCH)
    if objective == "autoencoder":
        whiten_decoder(model.decoder, trainer.encode(rows[:SCALED_BY]).numpy())
    generator = from_nothing(rows, size, seed, LIGHT.slope)
    start_from_decoder(generator, model.decoder)
    return generator


def from_rbms(rows: np.ndarray, size: Size, seed: int) -> nn.Module:
    """A generator that is three RBMs unrolled, with their sigmoids between the layers."""
    rng = Generator(seed, stream=5, device="cpu")
    sizes = [rows.shape[1], size.hidden, size.hidden, size.latent]
    dbn = dbn_of(rows, sizes, steps=size.pretraining, rng=rng, seed=seed, batch=BATCH).dbn
    generator = dbn.decoder()
    whiten_decoder(generator, dbn.up((rows[:SCALED_BY] > 0.5).astype("float32")))
    return generator


def gan_of_codes(rows: np.ndarray, size: Size, seed: int) -> LatentGANTrainer:
    """The autoencoder, and then a GAN of its codes."""
    code, hidden = size.code, size.hidden
    generator = mlp([code, hidden, hidden, code], Generator(seed, device="cpu"), slope=LIGHT.slope)
    return LatentGANTrainer(
        autoencoder(rows, code, size, seed),
        gan(generator, code, code, size, seed, LIGHT),
        rows[:SCALED_BY],
        first=size.pretraining,
        rng=Generator(seed, stream=7, device="cpu"),
        lr=falling(size),
    )


BASELINES = {"nothing": USUAL, "nothing, lightly penalised": LIGHT}
BEGINNINGS: dict[str, Callable[[np.ndarray, Size, int], nn.Module]] = {
    "weights of an autoencoder": partial(from_autoencoder, "autoencoder"),
    "weights of a VAE": partial(from_autoencoder, "elbo"),
    "weights of RBMs": from_rbms,
}
CODES = "an autoencoder's codes"


def trainer_of(way: str, rows: np.ndarray, size: Size, seed: int) -> GANTrainer | LatentGANTrainer:
    """Ready for its first step."""
    if way == CODES:
        return gan_of_codes(rows, size, seed)
    settings = BASELINES.get(way, LIGHT)
    if way in BEGINNINGS:
        generator = BEGINNINGS[way](rows, size, seed)
    else:
        generator = from_nothing(rows, size, seed, settings.slope)
    return gan(generator, rows.shape[1], size.latent, size, seed, settings)


def course(
    trainer: GANTrainer | LatentGANTrainer,
    rows: np.ndarray,
    steps: int,
    seed: int,
    spent: float,
    measure: Callable[[GANTrainer | LatentGANTrainer], float],
) -> Course:
    """Train, and look from time to time; the first look is before the first step.

    Args:
        spent: seconds that went into the beginning.
    """
    loader = BatchLoader((rows,), BATCH, Generator(seed, stream=2, device="cpu"))
    seconds, distances = [spent], [measure(trainer)]
    for _ in range(LOOKS):
        started = process_time()
        for _ in range(steps // LOOKS):
            trainer.step(loader.next_batch()[0])
        seconds.append(seconds[-1] + process_time() - started)
        distances.append(measure(trainer))
    return Course(np.array(seconds), np.array(distances))


def courses(data: Dataset, size: Size, seed: int) -> dict[str, Course]:
    """Of every way."""
    rows, _ = data.flat()
    suite = ImageSuite(data, judge_of(data), seed)

    def measure(trainer: GANTrainer | LatentGANTrainer) -> float:
        return suite.values(trainer.sample(suite.n))["Frechet distance"]

    found = {}
    for way in (*BASELINES, *BEGINNINGS, CODES):
        started = process_time()
        trainer = trainer_of(way, rows, size, seed)
        spent = process_time() - started
        steps = size.pretraining + size.code_steps if way == CODES else size.steps
        found[way] = course(trainer, rows, steps, seed, spent, measure)
    return found


def run(seed: int, quick: bool) -> Figures:
    """Seconds, those of the decoder's training included, as shares of the baseline's."""
    data = load("digits" if quick else "mnist")
    size = Size(64, 16, 300, 400, 8, 400) if quick else Size(256, 32, 8_000, 30_000, 16, 20_000)
    found = courses(data, size, seed)
    base = min((found[way] for way in BASELINES), key=lambda its: its.quality)
    needed = base.seconds_to(base.quality)
    figures: dict[str, Any] = {"seconds of the better baseline": needed}
    for way, its in found.items():
        if way not in BASELINES:
            figures[f"{way}: share of the seconds"] = its.seconds_to(base.quality) / needed
        figures[f"{way}: Frechet distance at first"] = its.distances[0]
        figures[f"{way}: Frechet distance at the end"] = its.quality
        figures[f"{way}: seconds in all"] = its.seconds[-1]
    return figures


def verdict(found: Sequence[Figures]) -> Verdict:
    """The best way, by medians."""
    ways = (*BEGINNINGS, CODES)
    shares = {way: median(f[f"{way}: share of the seconds"] for f in found) for way in ways}
    best = min(shares, key=shares.__getitem__)
    return Verdict(shares[best] <= 0.5, None, f"median share {shares[best]:.2f}, by {best}")


ROWS = (
    Row(
        "generator-from-autoencoder",
        "GANs on MNIST whose generator begins as a trained decoder, or ends in one, against one "
        "from nothing",
        "none: the founding article D2 proposes it without a figure",
        "G 32-256-256-784, D 784-256-256-1, 30,000 steps, from nothing or from the decoder of an "
        "autoencoder or of RBMs, their codes whitened, or of a VAE; and G 16-256-256-16, "
        "D 16-256-256-1 of an autoencoder's codes, 20,000 steps. Adam 1e-3, R1 0.1 each 8 steps, "
        "leaky G (of RBMs: sigmoids); the first baseline: 5e-4, 0.5 each 4 steps. All decoders "
        "after 8,000 steps, whose seconds count; batches of 64; looks at every twentieth of the "
        "steps; quality is the Frechet distance in the judge's features, of the last looks; the "
        "better baseline counts",
        "the best needs at most half of the seconds to the final quality of the one from nothing",
        "none",
        3,
        run,
        verdict,
    ),
)
