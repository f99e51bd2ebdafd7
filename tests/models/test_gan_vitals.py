"""What is measured of a GAN while it trains: accuracy, pull, diversity, coverage, weights."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from test_gan import FEATURES, batches, make_trainer

import tinygen as tg
from tinygen import nn
from tinygen.data import from_arrays, load
from tinygen.models.gan import (
    GANTrainer,
    mlp,
    vitals,
)
from tinygen.models.gan.vitals import Vitals, landmarks_of, measure

ROOT = Path(__file__).resolve().parents[2]


def some_data(n_classes: int = 3):
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(60, FEATURES)).astype("float32")
    return from_arrays("own", rows, np.arange(60) % n_classes)


# -- what is measured ------------------------------------------------------------------------------


class Fixed(nn.Module):
    """C(x) = slope x_0 + bias."""

    def __init__(self, slope: float, bias: float) -> None:
        self.weight = nn.Parameter(np.float32([[slope] + [0.0] * (FEATURES - 1)]))
        self.bias = nn.Parameter(np.float32([bias]))

    def forward(self, x):
        return tg.linear(x, self.weight, self.bias)


class Around(nn.Module):
    """Noise, scaled, around a point."""

    def __init__(self, centre: float, scale: float = 1.0) -> None:
        self.centre = nn.Parameter(np.full(FEATURES, centre, "float32"))
        self.scale = scale

    def forward(self, z):
        return self.centre + self.scale * z


def fixed(slope=1.0, bias=0.0, centre=0.0, scale=1.0, **options) -> GANTrainer:
    return GANTrainer(
        Around(centre, scale), Fixed(slope, bias), rng=tg.Generator(0), noise_shape=FEATURES,
        **options,
    )  # fmt: skip


def look(trainer: GANTrainer, data=None, n: int = 200) -> Vitals:
    real = np.random.default_rng(4).normal(size=(n, FEATURES)).astype("float32")
    return measure(trainer, landmarks_of(data or some_data(1)), real)


@pytest.mark.parametrize(
    ("slope", "centre", "share"), [(1.0, -50.0, 1.0), (-1.0, -50.0, 0.0), (0.0, 9.0, 0.5)]
)
def test_accuracy_is_the_share_of_pairs_in_order(slope, centre, share):
    assert look(fixed(slope, centre=centre)).d_accuracy == share


def test_accuracy_is_half_where_there_is_nothing_to_tell():
    assert look(fixed(), n=4000).d_accuracy == pytest.approx(0.5, abs=0.03)


def test_pairs_are_counted_as_one_by_one():
    rng = np.random.default_rng(0)
    above, below = rng.integers(0, 5, 23) * 1.0, rng.integers(0, 4, 17) * 1.0
    pairs = above[:, None] - below
    expected = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert vitals._share_in_order(above, below) == pytest.approx(expected, abs=1e-12)


SLOPE, BIAS = 1e-3, -6.0
D = 1.0 / (1.0 + math.exp(-BIAS))


@pytest.mark.parametrize(
    ("objective", "pull"),
    [("minimax", D), ("non-saturating", 1 - D), ("hinge", 1.0), ("wasserstein", 1.0),
     ("least-squares", 1 - BIAS), ("relativistic", 0.5)],
)  # fmt: skip
def test_the_pull_is_how_much_the_loss_heeds_a_logit(objective, pull):
    """All logits are -6, or so."""
    assert look(fixed(SLOPE, BIAS, objective=objective)).pull == pytest.approx(pull, rel=0.02)


def test_the_gradient_is_that_of_the_generators_loss():
    """Of -E C(x~) with respect to the centre: the slope."""
    seen = look(fixed(0.75, objective="wasserstein"))
    assert seen.gradient == pytest.approx(0.75, rel=1e-5)


def test_a_discriminator_without_slope_pulls_at_nothing():
    seen = look(fixed(0.0))
    assert (seen.pull, seen.gradient) == (0.0, 0.0)


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 20.0])
def test_diversity_is_relative_to_the_data(scale):
    """The data is N(0, 1), and so is the noise."""
    assert look(fixed(scale=scale)).diversity == pytest.approx(scale, rel=0.2)


def test_data_that_is_all_the_same_has_no_diversity_to_be_compared_with():
    same = from_arrays("own", np.ones((20, FEATURES), "float32"))
    assert look(fixed(), same).diversity == 1.0


def test_weights_have_the_length_of_one_vector(backend):
    trainer = make_trainer()
    seen = measure(trainer, landmarks_of(some_data()), batches(backend, 1)[0])
    for player, length in zip(
        (trainer.generator, trainer.discriminator), seen.weights, strict=True
    ):
        values = np.concatenate([p.numpy().ravel() for p in player.parameters()])
        assert length == pytest.approx(np.linalg.norm(values), rel=1e-5)


class Drawn(nn.Module):
    """Any noise to the next of these points."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = nn.Parameter(points.astype("float32"))

    def forward(self, z):
        return self.points[np.arange(len(z)) % len(self.points)]


def reached(name: str, points: np.ndarray) -> Vitals:
    data = load(name, tg.Generator(0))
    n = data.n_features
    trainer = GANTrainer(
        Drawn(points), mlp([n, 4, 1], tg.Generator(0)), rng=tg.Generator(0), noise_shape=2
    )
    return measure(trainer, landmarks_of(data), data.flat()[0][:64])


@pytest.mark.parametrize("modes", [1, 2, 5, 8])
def test_modes_of_the_ring_are_counted_and_their_shares_compared(modes):
    seen = reached("ring", landmarks_of(load("ring", tg.Generator(0))).points[:modes])
    assert seen.modes == modes
    assert seen.coverage == pytest.approx(modes / 8, abs=0.01)


def test_a_mode_with_next_to_no_samples_is_not_reached():
    """All but 7 of 256 samples go to one mode, and one to each of the others."""
    centres = landmarks_of(load("ring", tg.Generator(0))).points
    seen = reached("ring", np.concatenate([np.repeat(centres[:1], 249, 0), centres[1:]]))
    assert seen.modes == 1


@pytest.mark.parametrize("classes", [[3], [0, 7], [1, 2, 3, 4, 5], range(10)])
def test_classes_of_the_digits_are_counted(classes):
    landmarks = landmarks_of(load("digits", tg.Generator(0)))
    rows = [landmarks.points[landmarks.modes == k][:15] for k in classes]
    seen = reached("digits", np.stack(rows, 1).reshape(-1, landmarks.points.shape[1]))
    assert seen.modes == len(classes)
    assert seen.coverage == pytest.approx(len(classes) / 10, abs=0.03)


def test_the_nearest_landmark_is_of_the_right_class_mostly():
    data = load("digits", tg.Generator(0))
    landmarks = landmarks_of(data)
    held = data.flat()[1]
    squares = ((held[:, None] - landmarks.points) ** 2).sum(2)
    assert (landmarks.modes[squares.argmin(1)] == data.test_labels).mean() > 0.9


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_regions_of_unlabelled_data_are_covered_by_as_much_of_it(share):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3000, 2)).astype("float32")
    landmarks = landmarks_of(from_arrays("own", rows))
    assert landmarks.kind == ""
    nearest = ((rows[:, None] - landmarks.points) ** 2).sum(2).argmin(1)
    wanted = round(share * len(landmarks.points))
    chosen = rows[nearest < wanted][:256]
    found = vitals._shares(chosen, landmarks.points, landmarks.modes, len(landmarks.shares))
    expected = landmarks.shares[:wanted].sum()
    assert np.minimum(found, landmarks.shares).sum() == pytest.approx(expected, abs=0.12)


def test_many_classes_are_not_counted():
    rows = np.random.default_rng(0).normal(size=(300, FEATURES)).astype("float32")
    many = from_arrays("own", rows, np.arange(300) % 60)
    assert landmarks_of(many).kind == ""
