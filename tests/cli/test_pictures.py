"""Pictures, looked at pixel by pixel."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from tinygen.pictures import image_grid, png_bytes, point_cloud


def test_images_stand_side_by_side_with_gaps_between():
    images = np.linspace(0, 1, 3)[:, None, None] * np.ones((3, 2, 2))
    pixels = np.asarray(image_grid(images, scale=1))
    dark = 40
    assert pixels.tolist() == [
        [dark, dark, dark, dark, dark, dark, dark],
        [dark, 0, 0, dark, 128, 128, dark],
        [dark, 0, 0, dark, 128, 128, dark],
        [dark, dark, dark, dark, dark, dark, dark],
        [dark, 255, 255, dark, dark, dark, dark],
        [dark, 255, 255, dark, dark, dark, dark],
        [dark, dark, dark, dark, dark, dark, dark],
    ]


def test_values_outside_are_clipped_and_nan_is_black():
    images = np.array([[[-3.0, 7.0], [np.nan, np.inf]]])
    assert np.asarray(image_grid(images, scale=1))[1:3, 1:3].tolist() == [[0, 255], [0, 255]]


def test_one_channel_is_grey_and_three_are_colours():
    grey = image_grid(np.ones((2, 1, 4, 4)))
    assert (grey.mode, grey.width) == ("L", 14 * 11)
    red = np.zeros((1, 3, 2, 2))
    red[:, 0] = 1
    picture = image_grid(red, scale=1)
    assert picture.mode == "RGB"
    assert picture.getpixel((1, 1)) == (255, 0, 0)


def test_no_images_make_no_picture():
    with pytest.raises(ValueError, match="no images"):
        image_grid(np.zeros((0, 2, 2)))


def test_points_lie_where_the_plane_has_them_on_the_scale_of_the_real_ones():
    real = np.array([[-1.0, -1.0], [1.0, 1.0]])
    picture = point_cloud(np.array([[1.0, -1.0]]), real, size=100)
    grey, blue = (190, 190, 190), (31, 90, 200)
    assert picture.getpixel((10, 90)) == grey  # lower left
    assert picture.getpixel((90, 10)) == grey  # upper right: y points up
    assert picture.getpixel((90, 90)) == blue
    assert picture.getpixel((50, 50)) == (255, 255, 255)


def test_points_far_away_or_nowhere_are_left_out():
    wild = np.array([[np.nan, 0], [np.inf, 0], [1e30, -1e30], [1e300, 0]])
    real = np.array([[-1.0, 0], [1.0, 0]])
    empty = point_cloud(np.zeros((0, 2)), real)
    assert point_cloud(wild, real).tobytes() == empty.tobytes()


def test_real_points_that_coincide_are_still_a_picture():
    assert point_cloud(np.zeros((3, 2)), np.ones((5, 2))).size == (480, 480)


def test_a_png_holds_the_same_pixels():
    picture = image_grid(np.random.default_rng(0).random((4, 3, 3)))
    with Image.open(io.BytesIO(png_bytes(picture))) as stored:
        assert stored.format == "PNG"
        assert stored.tobytes() == picture.tobytes()
