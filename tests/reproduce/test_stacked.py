"""Stacked digits: how modes are drawn, counted and judged; the row in its quick form."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest

import tinygen as tg
from tinygen.data import Dataset, load
from tinygen.reproduce import ROWS, stacked
from tinygen.reproduce.row import reproduce

SIDE = stacked.SIDE


@dataclass
class ByBrightness:
    """A judge of images whose every pixel is a tenth of their class."""

    accuracy: float = 1.0

    def probabilities(self, rows: np.ndarray) -> np.ndarray:
        assert rows.shape[1:] == (2 * SIDE, 2 * SIDE)
        return np.eye(10)[np.rint(10 * rows.mean((1, 2))).astype(int)]


def flat_digits() -> tuple[np.ndarray, np.ndarray]:
    labels = np.repeat(np.arange(10), 3)
    images = np.ones((30, SIDE, SIDE), "float32") * (labels / 10).astype("float32")[:, None, None]
    return images, labels


def stacks(seed: int = 0) -> stacked.Stacks:
    return stacked.Stacks(*flat_digits(), tg.Generator(seed))


def test_stacks_of_a_mode_are_of_its_digits():
    modes = np.array([0, 7, 42, 905, 999, 905])
    rows = stacks().of_modes(modes).reshape(-1, 3, SIDE, SIDE)
    digits = np.rint(10 * rows.mean((2, 3))).astype(int)
    np.testing.assert_array_equal(
        digits, [[0, 0, 0], [0, 0, 7], [0, 4, 2], [9, 0, 5], [9, 9, 9], [9, 0, 5]]
    )


def test_stacks_of_a_mode_are_drawn_from_all_digits_of_a_class():
    images, labels = flat_digits()
    images = images + np.arange(30, dtype="float32")[:, None, None] / 1000  # told apart
    order = np.random.default_rng(0).permutation(30)
    made = stacked.Stacks(images[order], labels[order], tg.Generator(0))
    rows = made.of_modes(np.full(400, 123)).reshape(400, 3, -1)[:, :, 0]
    for channel, digit in enumerate((1, 2, 3)):
        seen = np.unique(rows[:, channel])
        np.testing.assert_allclose(seen, images[3 * digit : 3 * digit + 3, 0, 0])


def test_modes_are_counted_by_the_judge_channel_by_channel():
    modes = np.array([123, 123, 5, 999] * 700)  # more than are judged at once
    counts = stacked.modes_of(ByBrightness(), stacks().of_modes(modes))
    assert counts.shape == (1000,)
    assert (counts[123], counts[5], counts[999], counts.sum()) == (1400, 700, 700, 2800)


def test_any_digits_reach_all_modes_evenly():
    counts = stacked.modes_of(ByBrightness(), stacks().draw(26_000))
    figures = stacked.described("x", counts)
    assert figures["x: modes"] == figures["x: modes with 5 samples"] == 1000
    assert figures["x: KL"] == pytest.approx(1000 / 52_000, rel=0.1)


def test_divergence_from_uniform():
    assert stacked.kl_to_uniform(np.full(1000, 26)) == pytest.approx(0.0, abs=1e-12)
    assert stacked.kl_to_uniform(np.eye(1000)[3] * 500) == pytest.approx(math.log(1000))
    assert stacked.kl_to_uniform(np.repeat([2, 0], 500)) == pytest.approx(math.log(2))


def test_pixels_are_averaged_and_shown_doubled(monkeypatch):
    digits = np.random.default_rng(0).random((20, 28, 28)).astype("float32")
    labels = np.arange(20) % 10
    data = Dataset("made-up", digits, labels, digits, labels, 10)
    monkeypatch.setattr(stacked, "load", lambda name: data)
    stacked.small_mnist.cache_clear()
    small = stacked.small_mnist()
    stacked.small_mnist.cache_clear()
    assert small.train.shape[1:] == (SIDE, SIDE)
    np.testing.assert_allclose(small.train[0, 3, 5], data.train[0, 6:8, 10:12].mean(), rtol=1e-6)
    large = stacked.doubled(small.train)
    np.testing.assert_array_equal(large[:, ::2, 1::2], small.train)


FIGURES = {
    f"{name}: {figure}": value
    for name in stacked.METHODS
    for figure, value in (("modes", 400.0), ("modes with 5 samples", 100.0), ("KL", 2.0))
}
BEST = next(iter(stacked.METHODS))


@pytest.mark.parametrize(
    ("changed", "passed", "stretch"),
    [
        ({}, False, False),
        ({"modes": 950.0, "modes with 5 samples": 899.0}, False, False),
        ({"modes": 990.0, "modes with 5 samples": 900.0, "KL": 0.05}, True, False),
        ({"modes": 1000.0, "modes with 5 samples": 990.0, "KL": 0.05}, True, True),
    ],
)
def test_the_best_method_must_have_900_modes_of_five_samples(changed, passed, stretch):
    found = {**FIGURES, **{f"{BEST}: {name}": value for name, value in changed.items()}}
    verdict = stacked.verdict([found])
    assert (verdict.passed, verdict.stretch) == (passed, stretch)


def test_the_row_says_nothing_of_a_method_if_the_plain_gan_does_as_well():
    every = dict.fromkeys(FIGURES, 1000.0)
    assert not stacked.verdict([every]).passed


def test_the_row_runs_quickly(monkeypatch):
    """On the embedded digits, enlarged: what the figures are does not matter here."""
    digits = load("digits")
    train, test = (np.pad(x, ((0, 0), (3, 3), (3, 3))) for x in (digits.train, digits.test))
    small = replace(digits, name="digits-14", train=train, test=test)
    monkeypatch.setattr(stacked, "small_mnist", lambda: small)
    outcome = reproduce(ROWS["stacked-digits"], quick=True)
    (figures,) = outcome.figures
    assert all(math.isfinite(value) for value in figures.values())
    assert all(figures[f"{name}: steps"] >= 1 for name in stacked.METHODS)
    assert figures["real images: modes"] > figures["real images of 100 triples: modes"]
    assert outcome.verdict is None
    assert isinstance(stacked.verdict(outcome.figures), stacked.Verdict)
