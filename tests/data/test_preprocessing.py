"""Cleaning and standardising, and the way back."""

import json

import numpy as np
import pytest

from tinygen.data import DataError
from tinygen.data.preprocessing import LEAST_SPREAD, preprocess


def rows(n: int = 50, features: int = 4) -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.random((n, features), dtype="float32")


def test_features_are_standardised_and_undone():
    x = rows() * [1.0, 2.0, 3.0, 4.0] + 5.0
    x = x.astype("float32")
    made, done = preprocess(x)
    np.testing.assert_allclose(made.mean(0), 0.0, atol=1e-5)
    np.testing.assert_allclose(made.std(0), 1.0, rtol=1e-5)
    np.testing.assert_allclose(done.undo(made), x, rtol=1e-5)
    assert made.dtype == done.undo(made).dtype == np.float32


def test_a_pixel_that_hardly_varies_is_not_blown_up():
    x = rows()
    x[:, 1] = 0.0
    x[0, 1] = 0.01
    made, done = preprocess(x)
    assert done.std[1] == pytest.approx(LEAST_SPREAD * done.std.max(), rel=1e-5)
    assert abs(made[:, 1]).max() < 1.0


def test_repeated_and_constant_examples_are_left_out_and_the_order_kept():
    x = rows(6)
    dirty = np.concatenate([x[:3], np.zeros((1, 4), "float32"), x[1:2], x[3:], np.ones_like(x[:2])])
    made, done = preprocess(dirty)
    assert done.dropped == 4
    np.testing.assert_allclose(made, preprocess(x)[0], rtol=1e-6)


def test_undone_samples_keep_to_the_bounds():
    _, done = preprocess(rows(), (0.0, 1.0))
    far = done.undo(np.array([[100.0] * 4, [-100.0] * 4], "float32"))
    np.testing.assert_array_equal(far, [[1.0] * 4, [0.0] * 4])


def test_what_was_done_is_recorded_as_json_holds_it():
    record = json.loads(json.dumps(preprocess(rows(), (0.0, 1.0))[1].record()))
    assert record["dropped"] == 0
    assert record["bounds"] == [0.0, 1.0]
    assert len(record["mean"]) == len(record["std"]) == 4


def test_one_number_an_example_is_not_constant():
    assert len(preprocess(rows(9, 1))[0]) == 9


def test_too_little_left_is_refused():
    with pytest.raises(DataError, match="of 5 examples cleaning leaves 1: give varied ones"):
        preprocess(np.tile(rows(1), (5, 1)))
