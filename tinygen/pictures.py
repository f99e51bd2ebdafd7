"""Samples as PNG files: grids of images, clouds of points."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["image_grid", "png_bytes", "point_cloud"]


def image_grid(images: np.ndarray, *, scale: int | None = None, gap: int = 1) -> Image.Image:
    """Images side by side, in as square a grid as their number allows.

    Args:
        images: (N, H, W) or (N, 1, H, W) grey, (N, 3, H, W) in red, green and blue, in [0, 1];
            values outside are clipped, as a display does, and nan is black.
        scale: pixels on the screen for each pixel; None makes an image about 56 wide.
        gap: dark pixels between images, before scaling.
    """
    from PIL import Image

    if images.ndim == 4:
        images = images[:, 0] if images.shape[1] == 1 else images.transpose(0, 2, 3, 1)
    n, height, width, *channels = images.shape
    if n == 0:
        raise ValueError("image_grid: there are no images.")
    columns = math.ceil(math.sqrt(n))
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


def png_bytes(picture: Image.Image) -> bytes:
    """The picture as a PNG file's content."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
