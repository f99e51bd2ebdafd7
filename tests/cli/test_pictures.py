"""Pictures, looked at pixel by pixel."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygen.pictures import film_bytes, image_grid, png_bytes, point_cloud


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


def test_a_row_may_be_of_any_length():
    images = np.ones((6, 2, 3))
    for columns, rows in ((6, 1), (2, 3), (4, 2), (9, 1)):
        picture = image_grid(images, columns=columns, scale=1)
        assert picture.size == (columns * (3 + 1) + 1, rows * (2 + 1) + 1)


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


# -- films -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_film_shows_its_pictures_in_order_and_the_last_one_longest(kind, mode):
    frames = [Image.new(mode, (8, 6), 40 * i if mode == "L" else (40 * i,) * 3) for i in range(5)]
    with Image.open(io.BytesIO(film_bytes(frames, kind))) as film:
        assert (film.format, film.n_frames, film.info["loop"]) == (kind, 5, 0)
        shown, durations = [], []
        for i in range(5):
            film.seek(i)
            film.load()
            durations.append(film.info["duration"])
            shown.append(film.convert("L").getpixel((3, 3)))
    assert shown == [0, 40, 80, 120, 160]
    if kind == "GIF":  # Pillow tells a WebP's durations as they end
        assert durations == [400] * 4 + [2500]


def test_a_film_of_nothing_or_of_several_sizes_is_refused():
    for frames in ([], [Image.new("L", (2, 2)), Image.new("L", (2, 3))]):
        with pytest.raises(ValueError, match="at least one picture, all of one size"):
            film_bytes(frames, "GIF")


def test_animate_makes_a_film_of_a_run(run):
    run.train()
    result = run("animate", "runs/gan-digits-1")
    assert "3 pictures, to step 4" in result.out
    with Image.open("runs/gan-digits-1/samples.gif") as film:
        assert film.n_frames == 3
    assert run("animate", "runs/gan-digits-1", "--out", "x.webp").code == 0
    with Image.open("x.webp") as film:
        assert film.format == "WEBP"
    assert ".gif or .webp" in run("animate", "runs/gan-digits-1", "--out", "x.mp4").sentence


def test_pictures_of_a_run_that_are_none_are_named(run):
    run.train()
    picture = Path("runs/gan-digits-1/samples/step-000002.png")
    picture.write_bytes(picture.read_bytes()[:50])
    assert "step-000002.png: damaged" in run("animate", "runs/gan-digits-1").sentence
    Image.new("L", (3, 3)).save(picture)
    assert "differ in size" in run("animate", "runs/gan-digits-1").sentence
    for path in Path("runs/gan-digits-1/samples").iterdir():
        path.unlink()
    assert "no pictures" in run("animate", "runs/gan-digits-1").sentence
