"""The classifier score and the memorisation ratio, on known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tinygen.metrics import classifier_score, memorisation_ratio, nearest_training_distances

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("classes", [2, 10])
def test_clear_and_even_samples_score_the_number_of_classes(classes):
    assert classifier_score(np.eye(classes)[np.arange(70) % classes]) == pytest.approx(classes)


def test_samples_that_are_all_judged_alike_score_1():
    assert classifier_score(np.tile([0.2, 0.5, 0.3], (40, 1))) == pytest.approx(1)
    assert classifier_score(np.eye(3)[[1] * 40]) == pytest.approx(1)


def test_by_its_definition():
    p = RNG.dirichlet(np.ones(5), 200)
    wanted = math.exp(np.mean([(row * np.log(row / p.mean(0))).sum() for row in p]))
    assert classifier_score(p) == pytest.approx(wanted, rel=1e-12)
    assert classifier_score(p.astype("float32")) == pytest.approx(wanted, rel=1e-5)


def test_three_classes_of_ten():
    assert classifier_score(np.eye(10)[[0] * 50 + [4] * 50 + [7] * 50]) == pytest.approx(3)


@pytest.mark.parametrize(
    ("p", "message"),
    [
        (np.full((3, 2), np.nan), "nan"),
        (np.array([[0.5, 0.6]]), "sum to 1"),
        (np.array([[1.5, -0.5]]), "sum to 1"),
        (np.empty((0, 3)), "holds 0 examples; give at least 1"),
    ],
)
def test_what_is_no_distribution_is_refused(p, message):
    with pytest.raises(ValueError, match=message):
        classifier_score(p)


TRAIN, TEST = RNG.random((400, 30), "float32"), RNG.random((100, 30), "float32")


def ratio(samples):
    return memorisation_ratio(
        nearest_training_distances(samples, TRAIN), nearest_training_distances(TEST, TRAIN)
    )


def test_copies_of_training_images_are_found_out():
    assert ratio(TRAIN[::3]) == 0
    assert ratio(TRAIN[:200] + RNG.normal(0, 1e-3, (200, 30)).astype("float32")) < 0.02


def test_new_examples_are_as_near_as_other_new_examples():
    assert ratio(RNG.random((100, 30), "float32")) == pytest.approx(1, abs=0.05)
    assert ratio(RNG.random((100, 30), "float32") * 3) > 1.3


def test_held_out_examples_that_are_training_examples():
    zero, some = np.zeros(5), np.ones(5)
    assert memorisation_ratio(zero, zero) == 1
    assert memorisation_ratio(some, zero) == math.inf


def test_images_of_another_size_are_refused():
    with pytest.raises(ValueError, match="30 and 29 numbers an example"):
        nearest_training_distances(TRAIN, TRAIN[:, 1:])
