"""The table of measures: what it holds, for good samples and bad ones, few examples and none."""

from __future__ import annotations

import json
from functools import partial

import numpy as np
import pytest

from tinygen.data import from_arrays, load
from tinygen.metrics import ImageSuite, Judge, evaluate, judge_of

RNG = np.random.default_rng(0)
DIGITS = load("digits")
IN_FEATURES = ["classifier score", "Frechet distance", "precision", "recall", "density", "coverage"]


@pytest.fixture(scope="module")
def suite():
    return ImageSuite(DIGITS, judge_of(DIGITS), 0)


def measured(suite, rows):
    return {measure.name: measure for measure in suite.measure(rows)}


def test_training_data_measures_as_the_floor_does(suite):
    found = measured(suite, DIGITS.flat()[0][RNG.permutation(1438)[:359]])
    assert list(found) == [*IN_FEATURES, "memorisation"]
    for name in IN_FEATURES:
        estimate, floor = found[name].estimate, found[name].floor
        assert abs(estimate.value - floor) < 5 * estimate.error + 0.02, name
        assert estimate.low <= estimate.value <= estimate.high
    assert found["memorisation"].estimate.value == 0
    assert suite.left_out == []


def test_held_out_examples_are_perfect(suite):
    found = measured(suite, suite._held)
    assert found["Frechet distance"].estimate.value == pytest.approx(0, abs=1e-5)
    for name in ("precision", "recall", "coverage"):
        assert found[name].estimate.value == 1
    assert found["memorisation"].estimate.value == 1


def test_one_class_only_is_precise_and_covers_a_tenth(suite):
    threes = DIGITS.flat()[0][DIGITS.train_labels == 3]
    found = measured(suite, np.resize(threes, (359, 64)))
    assert found["classifier score"].estimate.value < 1.2
    assert found["precision"].estimate.value > 0.9
    assert found["coverage"].estimate.value < 0.2
    assert found["Frechet distance"].estimate.value > 20 * found["Frechet distance"].floor


def test_noise_is_nothing_like_digits(suite):
    found = measured(suite, RNG.random((359, 64), "float32"))
    assert found["precision"].estimate.value < 0.1
    assert found["coverage"].estimate.value < 0.1
    assert found["memorisation"].estimate.value > 1.3


def test_the_floor_is_of_training_data(suite):
    """Near what is perfect and yet not there: these are other examples."""
    assert 8 < suite.floor["classifier score"] < 10
    assert 0.1 < suite.floor["Frechet distance"] < 3
    for name in ("precision", "recall", "coverage"):
        assert 0.85 < suite.floor[name] < 1


def test_values_are_those_of_the_table_without_errors(suite):
    rows = DIGITS.flat()[0][np.isin(DIGITS.train_labels, [0, 1, 2, 3])][:400]
    found = measured(suite, rows)
    assert found["precision"].estimate.value > found["recall"].estimate.value + 0.2
    for name, value in suite.values(rows).items():
        assert value == found[name].estimate.value
    broken = suite.values(np.full((400, 64), np.nan, "float32"))
    assert list(broken) == IN_FEATURES
    assert np.isnan(list(broken.values())).all()


@pytest.fixture
def hasty(monkeypatch):
    """Where it does not matter how good the judge is."""
    monkeypatch.setattr("tinygen.metrics.evaluation.Judge", partial(Judge, epochs=2))


def own(held, side=5, train=40):
    """Images of two classes that are easily told apart."""
    labels = np.arange(train + held) % 2
    images = RNG.random((train + held, side, side)) * 0.4 + labels[:, None, None] * 0.5
    return from_arrays("own", images[:train], labels[:train], images[train:], labels[train:])


def said(data, samples=None):
    return evaluate(data, lambda n: np.resize(data.train if samples is None else samples,
                                              (n, *data.shape)), 0)  # fmt: skip


def test_what_few_held_out_examples_do_not_allow_is_left_out_and_said(hasty):
    found = said(own(10))
    assert "memorisation" in found.results
    assert not {"frechet_distance", "precision"} & set(found.results)
    assert "Frechet distance, for want of held-out examples (10 of 286)" in found.words
    assert "coverage, for want of held-out examples (10 of 20)" in found.words
    more = said(own(25))
    assert "precision" in more.results
    assert "frechet_distance" not in more.results
    one = said(own(1))
    assert "classifier_score" not in one.results
    assert "classes present" in one.words


def test_larger_images_have_their_scales_compared(hasty):
    found = said(own(30, side=28))
    assert {"sliced_wasserstein_28x28", "sliced_wasserstein_14x14"} <= set(found.results)
    fine = found.results["sliced_wasserstein_28x28"]
    assert 0 <= fine["interval"][0] <= fine["value"] <= fine["interval"][1]
    assert fine["training_data"] > 0


def test_an_evaluation_names_its_judge_and_shows_the_floor():
    found = said(DIGITS)
    assert found.results["classifier_sha256"] == judge_of(DIGITS).sha256
    assert found.results["classifier_sha256"][:16] in found.words
    assert found.results["measured_against"] == 359
    assert set(found.results["coverage"]) == {"value", "error", "interval", "training_data"}
    lines = found.words.splitlines()
    [header] = [line for line in lines if "training data" in line and "best" in line]
    [row] = [line for line in lines if line.strip().startswith("coverage")]
    assert row.index("+-") > header.index("samples") - 1
    assert "+-" in lines[-1]
    json.dumps(found.results, allow_nan=False)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e20, -1e7])
def test_samples_that_are_no_images_at_all_are_measured_no_further(value):
    found = said(DIGITS, np.full((1, 8, 8), value, "float32"))
    assert "samples are not finite, or far too large" in found.words
    assert "coverage" not in found.results
    json.dumps(found.results, allow_nan=False)


@pytest.mark.parametrize("value", [0.0, 1.0, -9e5])
def test_one_image_again_and_again_is_measured(value):
    found = said(DIGITS, np.full((1, 8, 8), value, "float32")).results
    assert found["coverage"]["value"] == found["recall"]["value"] == 0
    assert found["classifier_score"]["value"] == pytest.approx(1)


def test_one_seed_gives_one_table():
    assert said(DIGITS).results == said(DIGITS).results
