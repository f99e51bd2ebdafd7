"""Augmentation with few labels (founding system D3): a conditional GAN against one-pixel shifts.

`tinygen reproduce augmentation` runs it and judges it by its mark; with `--quick` one only sees
that it works.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import nn
from ..data import BatchLoader, Dataset, load
from ..metrics.representation.card import over_draws
from ..models.gan import R1, Conditional, GANTrainer, ProjectionDiscriminator, mlp
from ..models.vae import dense
from ..random import Generator
from .pretraining import Labelled, Start, fine_tuned, labelled
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]

LABELS = 100
MADE = 10
"""Generated images for each labelled one."""
NOISE = 32
STEPS, CLASSIFIED = 4_000, 600
RATE, DROPPED = 1e-3, 0.5

GAN, SHIFTS, BOTH = "GAN's samples", "one-pixel shifts", "both"


def generated(few: Labelled, classes: int, steps: int, seed: int) -> Labelled:
    """Samples of all classes alike, by a GAN that has seen these images alone."""
    rng, d = Generator(seed, device="cpu"), few.rows.shape[1]
    trunk = mlp([d, 128], rng, output=nn.LeakyReLU(0.2))
    trainer = GANTrainer(
        Conditional(
            mlp([NOISE + classes, 128, 128, d], rng, slope=0.2, output=nn.Sigmoid()), classes
        ),
        ProjectionDiscriminator(
            trunk, nn.Linear(128, 1, rng=rng), classes=classes, width=128, rng=rng
        ),
        rng=Generator(seed, stream=1, device="cpu"),
        noise_shape=NOISE,
        classes=classes,
        regularizers=[R1(1.0, 4)],
        lr=5e-4,
        ema_decay=0.999,
    )
    loader = BatchLoader(
        tuple(few), min(50, len(few.rows)), Generator(seed, stream=2, device="cpu")
    )
    for _ in range(steps):
        trainer.step(*loader.next_batch())
    labels = np.arange(MADE * len(few.rows)) % classes
    return Labelled(trainer.sample(len(labels), labels=labels), labels)


def shifted(few: Labelled, shape: tuple[int, ...]) -> Labelled:
    """Each image moved by a pixel up, down, left and right; what comes in is black."""
    height, width = shape
    padded = np.pad(few.rows.reshape(-1, height, width), ((0, 0), (1, 1), (1, 1)))
    moved = [
        padded[:, top : top + height, left : left + width].reshape(len(few.rows), -1)
        for top, left in ((0, 1), (2, 1), (1, 0), (1, 2))
    ]
    return Labelled(np.concatenate(moved), np.tile(few.labels, 4))


def joined(*parts: Labelled) -> Labelled:
    """One after another."""
    rows, labels = zip(*parts, strict=True)
    return Labelled(np.concatenate(rows), np.concatenate(labels))


def accuracies(data: Dataset, seed: int, quick: bool) -> dict[str, float]:
    """In percent on the test images, after as many updates each."""
    few = labelled(data, LABELS, seed)
    made = generated(few, data.n_classes, 300 if quick else STEPS, seed)
    shifts = shifted(few, data.shape)
    test = Labelled(data.flat()[1], data.test_labels)
    sets = {
        "nothing": few,
        GAN: joined(few, made),
        SHIFTS: joined(few, shifts),
        BOTH: joined(few, shifts, made),
    }
    network = dense([data.n_features, 256], Generator(seed, stream=6, device="cpu"))
    first = network[0]
    assert isinstance(first, nn.Linear)
    assert first.bias is not None
    start = Start([(first.weight.numpy(), first.bias.numpy())], nn.ReLU)
    steps = 200 if quick else CLASSIFIED
    return {
        name: 100.0
        * test.accuracy(fine_tuned(start, rows, data.n_classes, steps, RATE, DROPPED, seed))
        for name, rows in sets.items()
    }


def run(seed: int, quick: bool) -> Figures:
    """Points gained over the labelled images alone: one draw of them."""
    found = accuracies(load("digits" if quick else "mnist"), seed, quick)
    gained = {
        f"points gained by {name}": found[name] - found["nothing"] for name in (GAN, SHIFTS, BOTH)
    }
    over_shifts = found[GAN] - found[SHIFTS]
    return {
        **gained,
        "points of the GAN's samples over shifts": over_shifts,
        "accuracy with nothing added, %": found["nothing"],
    }


def verdict(found: Sequence[Figures]) -> Verdict:
    """Nothing is promised: the interval and the sign, whatever they are."""
    told = []
    for name in (f"points gained by {GAN}", "points of the GAN's samples over shifts"):
        estimate = over_draws([f[name] for f in found])
        low, high = estimate.low, estimate.high
        sign = "+" if low > 0 else "-" if high < 0 else "no sign"
        told.append(f"{name} {estimate.value:+.2f} ({low:+.2f} to {high:+.2f}: {sign})")
    return Verdict(True, None, "; ".join(told))


ROWS = (
    Row(
        "augmentation",
        "100 labels of MNIST: a classifier with and without a conditional GAN's samples, trained "
        "on these 100 images alone, against one-pixel shifts",
        "none: the founding article D3 proposes it without a figure",
        "G 42-128-128-784, projection D, R1, 4,000 steps; 1,000 samples; classifier 784-256-10, "
        "dropout 0.5, 600 updates by Adam on each set",
        "none: the 95% interval over the draws of labels and its sign are told, whatever they are",
        "none",
        10,
        run,
        verdict,
    ),
)
