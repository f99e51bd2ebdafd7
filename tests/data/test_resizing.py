"""Images of another size: bordered, enlarged, or refused in a sentence."""

from dataclasses import replace

import numpy as np
import pytest

import tinygen as tg
from tinygen.data import DataError, load, resized


def digits(*shape):
    """The embedded digits, their values in images of another shape."""
    data = load("digits")
    values = np.random.default_rng(0).random((2, 3, *shape)).astype("float32")
    return replace(data, train=values[0], test=values[1], train_labels=data.train_labels[:3],
                   test_labels=data.test_labels[:3])  # fmt: skip


def test_images_nearly_as_large_get_a_border():
    data = digits(28, 28)
    found = resized(data, 32)
    np.testing.assert_array_equal(found.test[:, 2:-2, 2:-2], data.test)
    assert found.train.shape == (3, 32, 32)
    assert found.train.sum() == pytest.approx(data.train.sum(), rel=1e-6)


@pytest.mark.parametrize("shape", [(8, 8), (3, 8, 8)])
def test_small_ones_are_enlarged_bilinearly(shape):
    data = digits(*shape)
    found = resized(data, 16).train
    with_channels = tg.tensor(data.train.reshape(3, -1, 8, 8))
    expected = tg.upsample_bilinear2d(with_channels, 2).numpy().reshape(found.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_what_is_no_smaller_image_is_refused():
    with pytest.raises(DataError, match="28 x 28 are larger than 16 x 16"):
        resized(digits(28, 28), 16)
    with pytest.raises(DataError, match="rows of 7 numbers are no images"):
        resized(digits(7), 16)
