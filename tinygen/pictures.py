"""Samples as pictures: grids of images, clouds of points, and films of how they came about.

    image_grid(images).save("samples.png")               # (N, H, W) in [0, 1]
    point_cloud(samples, data).save("samples.png")       # (N, 2) each
    Path("film.gif").write_bytes(film_bytes([image_grid(images) for images in history], "GIF"))

Pillow is imported as a picture is made, not before.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

__all__ = [
    "bars",
    "film_bytes",
    "image_grid",
    "labelled_cloud",
    "png_bytes",
    "point_cloud",
    "side_by_side",
]

HUES = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd",
        "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")  # fmt: skip
"""Ten colours that are told apart: Tableau's."""

FRAME_MS = 400
LAST_FRAME_MS = 2_500


def image_grid(
    images: np.ndarray, *, columns: int | None = None, scale: int | None = None, gap: int = 1
) -> Image.Image:
    """Images side by side, row by row.

    Args:
        images: (N, H, W) or (N, 1, H, W) grey, (N, 3, H, W) in red, green and blue, in [0, 1];
            values outside are clipped, as a display does, and nan is black.
        columns: images in a row; None makes as square a grid as their number allows.
        scale: pixels on the screen for each pixel; None makes an image about 56 wide.
        gap: dark pixels between images, before scaling.
    """
    from PIL import Image

    if images.ndim == 4:
        images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    n, height, width, *channels = images.shape
    if n == 0:
        raise ValueError("image_grid: there are no images.")
    columns = math.ceil(math.sqrt(n)) if columns is None else columns
    rows = math.ceil(n / columns)
    scale = max(1, round(56 / width)) if scale is None else scale
    extent = (rows * (height + gap) + gap, columns * (width + gap) + gap, *channels)
    canvas = np.full(extent, 40, np.uint8)
    pixels = np.rint(np.clip(np.nan_to_num(images), 0.0, 1.0) * 255).astype(np.uint8)
    for i, image in enumerate(pixels):
        top = gap + i // columns * (height + gap)
        left = gap + i % columns * (width + gap)
        canvas[top : top + height, left : left + width] = image
    picture = Image.fromarray(canvas)
    return picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)


def point_cloud(samples: np.ndarray, real: np.ndarray, *, size: int = 480) -> Image.Image:
    """Points in the plane: real ones grey, samples blue over them, on the real ones' scale.

    Args:
        samples, real: (N, 2).
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(picture)
    centre = (real.max(0) + real.min(0)) / 2
    reach = 1.25 * float(np.abs(real - centre).max()) or 1.0
    for points, colour in ((real[:2000], (190, 190, 190)), (samples, (31, 90, 200))):
        places = (points - centre) / reach * (size / 2) * (1, -1) + size / 2
        # A comparison with nan is false: only finite points near the canvas are left.
        for x, y in places[(np.abs(places - size / 2) < size).all(1)]:
            draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=colour)
    return picture


def labelled_cloud(points: np.ndarray, labels: np.ndarray, *, size: int = 480) -> Image.Image:
    """Points in the plane (N, 2), whose colours go round with their labels (N,)."""
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (size, size), "white")
    draw = ImageDraw.Draw(picture)
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    reach = 0.55 * float((high - low).max()) or 1.0
    places = (points - (low + high) / 2) / reach * (size / 2) * (1, -1) + size / 2
    for (x, y), label in zip(places, labels, strict=True):
        draw.ellipse((x - 1.5, y - 1.5, x + 1.5, y + 1.5), fill=HUES[label % len(HUES)])
    return picture


def bars(values: np.ndarray, *, size: int = 480) -> Image.Image:
    """Values of at least 0 as bars from left to right; the picture's height is the greatest.

    Args:
        values: (N,); nan is no bar.
    """
    from PIL import Image, ImageDraw

    picture = Image.new("RGB", (size, size // 2), "white")
    draw = ImageDraw.Draw(picture)
    heights = np.nan_to_num(values, posinf=0.0)
    scale = (size // 2 - 1) / max(float(heights.max(initial=0.0)), 1e-12)
    for i, height in enumerate(heights):
        left, right = (round(j * size / len(heights)) for j in (i, i + 1))
        top = size // 2 - round(float(height) * scale)
        draw.rectangle((left, top, max(left, right - 2), size // 2), fill=(31, 90, 200))
    return picture


def side_by_side(pictures: Mapping[str, bytes]) -> Image.Image:
    """PNGs in a row, each under its name."""
    from PIL import Image, ImageDraw

    opened = [Image.open(io.BytesIO(png)).convert("RGB") for png in pictures.values()]
    heading, gap = 16, 8
    width = sum(picture.width + gap for picture in opened) - gap
    row = Image.new("RGB", (width, heading + max(p.height for p in opened)), "white")
    left = 0
    for name, picture in zip(pictures, opened, strict=True):
        ImageDraw.Draw(row).text((left + 2, 2), name, fill="black")
        row.paste(picture, (left, heading))
        left += picture.width + gap
    return row


def png_bytes(picture: Image.Image) -> bytes:
    """The picture as a PNG file's content."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def film_bytes(frames: Sequence[Image.Image], kind: str) -> bytes:
    """Pictures one after another, for ever, as an animated "GIF" or "WEBP" file's content.

    The last one is shown longest. Raises ValueError for none, or for pictures of several sizes.
    """
    if not frames or len({frame.size for frame in frames}) > 1:
        raise ValueError("film_bytes: give at least one picture, all of one size.")
    durations = [FRAME_MS] * (len(frames) - 1) + [LAST_FRAME_MS]
    buffer = io.BytesIO()
    lossless = {"lossless": True} if kind == "WEBP" else {}
    first, *rest = (frame if frame.mode == "L" else frame.convert("RGB") for frame in frames)
    first.save(
        buffer, kind, save_all=True, append_images=rest, duration=durations, loop=0, **lossless
    )
    return buffer.getvalue()
