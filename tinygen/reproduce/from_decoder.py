"""A generator from an autoencoder (founding system D2): seconds to what a GAN reaches without.

`tinygen reproduce generator-from-autoencoder` runs it and judges it by its mark; with `--quick` one
only sees that it works.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean, median
from time import process_time
from typing import Any, NamedTuple

import numpy as np

from .. import nn
from ..data import BatchLoader, Dataset, load
from ..metrics import ImageSuite, judge_of
from ..models.gan import R1, GANTrainer, mlp
from ..models.gan.from_decoder import start_from_decoder, whitened
from ..models.vae import BernoulliOutput, VAETrainer, dense_vae, start_at_mean
from ..random import Generator
from .families import run_steps
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]

LOOKS = 20
"""At the samples in the course of a training, whose time is not counted."""
LAST = 3
"""Of them, whose mean is the quality at the end."""

OBJECTIVES = {"autoencoder": "autoencoder", "VAE": "elbo"}


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


def gan(features: int, size: Size, seed: int, decoder: nn.Module | None = None) -> GANTrainer:
    """Whose generator has the shapes of a decoder, and begins as this one."""
    rng, hidden = Generator(seed, device="cpu"), size.hidden
    generator = mlp([size.latent, hidden, hidden, features], rng, output=nn.Sigmoid())
    discriminator = mlp([features, hidden, hidden, 1], rng, slope=0.2)
    if decoder is not None:
        start_from_decoder(generator, decoder)
    return GANTrainer(
        generator,
        discriminator,
        rng=Generator(seed, stream=1, device="cpu"),
        noise_shape=size.latent,
        regularizers=[R1(0.5, 4)],
        lr=5e-4,
        ema_decay=0.999,
    )


def decoder_of(objective: str, rows: np.ndarray, size: Size, seed: int) -> nn.Module:
    """A trained decoder from N(0, I) to log-odds of pixels."""
    rng = Generator(seed, stream=5, device="cpu")
    hidden = (size.hidden, size.hidden)
    model = dense_vae(rows.shape[1], hidden, size.latent, BernoulliOutput(), rng=rng)
    start_at_mean(model, rows)
    warm_up = size.pretraining // 4 if objective == "elbo" else 0
    trainer = VAETrainer(model, rng=rng, objective=objective, warm_up=warm_up)
    run_steps(trainer, rows, size.pretraining, seed)
    if objective == "autoencoder":
        whitened(model.decoder, trainer.encode(rows[:5_000]).numpy())
    return model.decoder


def course(
    trainer: GANTrainer,
    rows: np.ndarray,
    steps: int,
    seed: int,
    spent: float,
    measure: Callable[[GANTrainer], float],
) -> Course:
    """Train, and look from time to time; the first look is before the first step.

    Args:
        spent: seconds that went into the beginning.
    """
    loader = BatchLoader((rows,), 64, Generator(seed, stream=2, device="cpu"))
    seconds, distances = [spent], [measure(trainer)]
    for _ in range(LOOKS):
        started = process_time()
        for _ in range(steps // LOOKS):
            trainer.step(loader.next_batch()[0])
        seconds.append(seconds[-1] + process_time() - started)
        distances.append(measure(trainer))
    return Course(np.array(seconds), np.array(distances))


def courses(data: Dataset, size: Size, seed: int) -> dict[str, Course]:
    """Of a generator from nothing, and of one from each decoder."""
    rows, _ = data.flat()
    suite = ImageSuite(data, judge_of(data), seed)

    def measure(trainer: GANTrainer) -> float:
        return suite.values(trainer.sample(suite.n))["Frechet distance"]

    found = {}
    for name in ("nothing", *OBJECTIVES):
        started = process_time()
        decoder = None
        if name in OBJECTIVES:
            decoder = decoder_of(OBJECTIVES[name], rows, size, seed)
        trainer = gan(rows.shape[1], size, seed, decoder)
        spent = process_time() - started
        found[name] = course(trainer, rows, size.steps, seed, spent, measure)
    return found


def run(seed: int, quick: bool) -> Figures:
    """Seconds, those of the decoder's training included, as shares of the baseline's."""
    data = load("digits" if quick else "mnist")
    size = Size(64, 16, 300, 400) if quick else Size(256, 32, 4_000, 30_000)
    found = courses(data, size, seed)
    base = found.pop("nothing")
    figures: dict[str, Any] = {}
    needed = base.seconds_to(base.quality)
    for name, its in found.items():
        figures[f"from the {name}: share of the seconds"] = its.seconds_to(base.quality) / needed
        figures[f"from the {name}: Frechet distance before the first step"] = its.distances[0]
        figures[f"from the {name}: Frechet distance at the end"] = its.quality
        figures[f"from the {name}: seconds of its own training"] = its.seconds[0]
    figures["from nothing: Frechet distance at the end"] = base.quality
    figures["from nothing: seconds to it"] = needed
    return figures


def verdict(found: Sequence[Figures]) -> Verdict:
    """The better decoder, by medians."""
    shares = {name: median(f[f"from the {name}: share of the seconds"] for f in found)
              for name in OBJECTIVES}  # fmt: skip
    best = min(shares, key=shares.__getitem__)
    return Verdict(shares[best] <= 0.5, None, f"median share {shares[best]:.2f}, from the {best}")


ROWS = (
    Row(
        "generator-from-autoencoder",
        "a GAN on MNIST whose generator begins as a trained decoder, against one from nothing",
        "none: the founding article D2 proposes it without a figure",
        "G 32-256-256-784, D 784-256-256-1, R1, 30,000 steps, looks at every twentieth of them; "
        "decoders of an autoencoder, its codes whitened, and of a VAE, after 4,000 steps, whose "
        "seconds count; quality is the Frechet distance in the judge's features, of the last looks",
        "the better one needs at most half of the seconds to the baseline's final quality",
        "none",
        3,
        run,
        verdict,
    ),
)
