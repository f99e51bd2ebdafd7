"""The embedded digits are scikit-learn's, and their split never moves."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygen.data import load
from tinygen.data.digits import load_digits, stratified_split

FIRST_HELD = [3, 7, 13, 19, 36, 38, 43, 48]
HELD_SHA256 = "3530be80b9605f4c4adc46d0ee3006a356c16968a8efcc58f24463bc820d5ef9"


def test_shapes_and_values():
    images, labels = load_digits()
    assert images.shape == (1797, 8, 8)
    assert images.dtype == labels.dtype == np.uint8
    assert images.min() == 0
    assert images.max() == 16
    # Class counts of the UCI description of optdigits.tes.
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_equal_to_scikit_learn():
    datasets = pytest.importorskip("sklearn.datasets")
    images, labels = load_digits()
    expected = datasets.load_digits()
    np.testing.assert_array_equal(images, expected.images)
    np.testing.assert_array_equal(labels, expected.target)


def test_dataset():
    digits = load("digits")
    images, labels = load_digits()
    assert digits.train.dtype == np.float32
    assert digits.train.min() == 0.0
    assert digits.train.max() == 1.0
    assert digits.n_classes == 10
    kept, held = stratified_split(labels)
    np.testing.assert_array_equal(digits.train * 16, images[kept])
    np.testing.assert_array_equal(digits.test * 16, images[held])
    np.testing.assert_array_equal(digits.train_labels, labels[kept])
    np.testing.assert_array_equal(digits.test_labels, labels[held])
    assert digits.describe() == (
        "digits: 1,438 training and 359 test images of 8x8, 10 classes, values in [0, 1]"
    )


def test_the_split_never_moves():
    _, held = stratified_split(load_digits()[1])
    assert held[:8].tolist() == FIRST_HELD
    assert hashlib.sha256(held.astype("<i8").tobytes()).hexdigest() == HELD_SHA256


@settings(deadline=None)
@given(labels=hnp.arrays(np.int64, st.integers(1, 200), elements=st.integers(0, 5)))
def test_split_is_a_stratified_partition(labels):
    kept, held = stratified_split(labels, test_fraction=0.25)
    np.testing.assert_array_equal(np.sort(np.concatenate([kept, held])), np.arange(len(labels)))
    for label in np.unique(labels):
        count = np.sum(labels == label)
        assert np.sum(labels[held] == label) == round(0.25 * count)
