"""A run's pictures, made small enough for one page."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import TYPE_CHECKING

from ..data import DataError
from ..data.pixels import open_image, read_content
from ..pictures import png_bytes

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["Frame", "frames_within"]

FEW = 6

Frame = tuple[int, str]
"""A step, and its picture as a data: address."""


def frames_within(budget: int, pictures: dict[int, Path], notes: list[str]) -> list[Frame]:
    """The pictures in the order of their steps, in at most `budget` bytes.

    Where they are too many, every second one is left out, but never the first and the last; where
    they are few and too large, they are shrunk. A file that is no picture is left out and noted.
    """
    whole: dict[int, Image.Image] = {}
    content: dict[int, bytes] = {}
    for step, path in pictures.items():
        try:
            stored = read_content(path)
            with open_image(stored, path) as image:
                image.load()
                whole[step] = image.copy()
        except DataError as error:
            notes.append(str(error).rstrip("."))
            continue
        # Made anew, so that nothing but pixels is passed on.
        content[step] = png_bytes(whole[step])
    while sum(map(_length, content.values())) > budget:
        steps = list(content)
        if len(steps) > FEW:
            content = {s: content[s] for s in [*steps[:-1:2], steps[-1]]}
            continue
        if max(max(whole[s].size) for s in steps) <= 16:
            notes.append("its pictures are left out, for which there was no room on the page")
            return []
        for s in steps:
            whole[s] = whole[s].reduce(2)
            content[s] = png_bytes(whole[s])
    return [(step, address(png)) for step, png in content.items()]


def address(png: bytes) -> str:
    """A PNG as a data: address."""
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"


def _length(png: bytes) -> int:
    return (len(png) + 2) // 3 * 4
