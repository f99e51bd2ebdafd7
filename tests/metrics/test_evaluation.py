"""Energy distance, and the evaluation that suits each kind of data."""

from __future__ import annotations

import json
import math
from functools import partial

import numpy as np
import pytest

import tinygen as tg
from tinygen.data import from_arrays, load
from tinygen.metrics import Judge, energy_distance, evaluate

RNG = np.random.default_rng(0)


def test_energy_distance_by_its_definition():
    x, y = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3)) + 1

    def mean(a, b, same):
        pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if not (same and i == j)]
        return np.mean([np.linalg.norm(a[i] - b[j]) for i, j in pairs])

    wanted = 2 * mean(x, y, False) - mean(x, x, True) - mean(y, y, True)
    assert energy_distance(x, y) == pytest.approx(wanted, rel=1e-9)
    assert energy_distance(y, x) == pytest.approx(wanted, rel=1e-9)
    far = [a.astype("float32") + 1000 for a in (x, y)]
    assert energy_distance(*far) == pytest.approx(wanted, abs=1e-3)


def test_energy_distance_of_one_distribution_is_zero_on_average():
    """Without bias: its mean over many draws is within three standard errors of zero."""
    draws = [energy_distance(*RNG.normal(size=(2, 30, 2))) for _ in range(400)]
    assert abs(np.mean(draws)) < 3 * np.std(draws) / 20
    apart = np.array([0, 1])[:, None, None]
    shifted = [energy_distance(*(RNG.normal(size=(2, 30, 2)) + apart)) for _ in range(50)]
    assert np.mean(shifted) > 5 * np.std(draws)


def test_energy_distance_in_one_dimension_is_twice_cramers():
    """2 * the integral of (F - G)^2, of two uniform distributions a quarter apart: 2 * 1/24."""
    x, y = RNG.random((2, 3000, 1)) + np.array([0, 0.25])[:, None, None]
    grid = np.linspace(-1, 2, 30_001)
    gap = np.clip(grid, 0, 1) - np.clip(grid - 0.25, 0, 1)
    wanted = 2 * (gap**2).sum() * (grid[1] - grid[0])
    assert energy_distance(x, y) == pytest.approx(wanted, rel=0.15)


def test_energy_distance_of_what_is_not_finite_or_too_few():
    assert math.isnan(energy_distance(np.full((3, 2), np.nan), np.zeros((3, 2))))
    with pytest.raises(ValueError, match="at least 2"):
        energy_distance(np.zeros((1, 2)), np.zeros((3, 2)))


@pytest.fixture(autouse=True)
def quick_judge(monkeypatch):
    monkeypatch.setattr("tinygen.metrics.evaluation.Judge", partial(Judge, epochs=8))


def drawn_from(examples):
    return lambda n: examples[RNG.integers(0, len(examples), n)]


def test_mixtures_have_their_modes_counted():
    data = load("ring", tg.Generator(0))
    found = evaluate(data, drawn_from(data.train), 0)
    assert found.results["modes"] == found.results["modes_there_are"] == 8
    assert found.results["high_quality"] > 0.97
    assert abs(found.results["energy_distance"]) < 0.01
    one = evaluate(data, drawn_from(data.train[:1]), 0)
    assert one.results["modes"] <= 1
    assert one.results["energy_distance"] > 0.5
    assert "modes reached" in one.words


def test_labelled_images_have_a_judge_and_others_a_distance():
    digits = load("digits")
    found = evaluate(digits, drawn_from(digits.train), 0)
    assert found.results["classes_present"] == 10
    assert found.results["energy_distance"] < 0.1
    unlabelled = from_arrays("own", digits.train)
    assert set(evaluate(unlabelled, drawn_from(digits.train), 0).results) == {
        "samples", "energy_distance", "energy_distance_of_training_data", "energy_distance_error",
    }  # fmt: skip


def test_samples_that_are_not_numbers_are_null_in_json():
    data = load("ring", tg.Generator(0))
    found = evaluate(data, lambda n: np.full((n, 2), np.nan), 0)
    assert found.results["energy_distance"] is found.results["reverse_kl"] is None
    json.dumps(found.results, allow_nan=False)


def test_too_few_held_out_examples_are_said():
    data = from_arrays("own", RNG.random((5, 2)))
    found = evaluate(data, drawn_from(data.train), 0)
    assert "too few held-out examples (1)" in found.words


def test_own_data_that_is_called_ring_is_no_mixture(tmp_path):
    np.save(tmp_path / "ring.npy", RNG.random((20, 2)))
    data = load(str(tmp_path / "ring.npy"))
    assert data.name == "ring"
    assert "modes" not in evaluate(data, drawn_from(data.train), 0).results
