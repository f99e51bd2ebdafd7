"""Image pyramids: the same images at several sizes, or what each size adds to the one below it.

pyramid = Pyramid((8, 16, 32))
small, middle, large = pyramid.gaussian(images)
coarse, residual_16, residual_32 = pyramid.laplacian(images)
pyramid.reconstruct([coarse, residual_16, residual_32])        # the images again
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ...ops import avg_pool2d, concatenate, reshape, upsample_bilinear2d

__all__ = ["Pyramid"]

SMALLEST = 4
"""Pixels a side: below that there is nothing to look at."""


class Pyramid:
    """Burt & Adelson, "The Laplacian pyramid as a compact image code" (1983), sections II and III.

        g_k = down(g_{k+1})            h_0 = g_0,  h_k = g_k - up(g_{k-1})

    with levels counted from the smallest. The article blurs by a binomial filter; here down is the
    mean of 2 x 2 pixels and up is bilinear, and h_k + up(g_{k-1}) = g_k holds for any such pair.

    All methods take raw arrays, and then give raw arrays, or Tensors.

    Args:
        sizes: pixels a side, from the smallest: each twice the one before it.

    Raises:
        ValueError: they are not; in the methods, images, levels or rows have other shapes.

    >>> pyramid = Pyramid((4, 8, 16))
    >>> images = rng.uniform((3, 1, 16, 16))
    >>> levels = pyramid.laplacian(images)
    >>> [level.shape for level in levels]
    [(3, 1, 4, 4), (3, 1, 8, 8), (3, 1, 16, 16)]
    >>> np.allclose(pyramid.reconstruct(levels), images, atol=1e-6)
    True
    """

    def __init__(self, sizes: Sequence[int]) -> None:
        sizes = tuple(sizes)
        doubled = all(b == 2 * a for a, b in pairwise(sizes))
        if not sizes or not doubled or sizes[0] < SMALLEST or sizes[0] % 2:
            raise ValueError(
                f"Pyramid: sizes must be even, at least {SMALLEST}, and each twice the one before "
                f"it, such as 8, 16, 32, not {', '.join(map(str, sizes)) or 'none'}."
            )
        self.sizes = sizes

    def gaussian(self, images: Any) -> list[Any]:
        """Images (N, C, S, S), S the last size, at every size: smallest first."""
        size = self.sizes[-1]
        if images.ndim != 4 or images.shape[2:] != (size, size):
            raise ValueError(
                f"Pyramid: images must be (N, C, {size}, {size}), not {tuple(images.shape)}; "
                "resize them first (tinygen.data.resized)."
            )
        levels = [images]
        while len(levels) < len(self.sizes):
            levels.append(down(levels[-1]))
        return levels[::-1]

    def laplacian(self, images: Any) -> list[Any]:
        """The smallest images, and then the residual of each size."""
        levels = self.gaussian(images)
        return [levels[0], *(large - up(small) for small, large in pairwise(levels))]

    def reconstruct(self, levels: Sequence[Any]) -> Any:
        """The images (N, C, S, S) whose `laplacian` this is."""
        if len(levels) != len(self.sizes):
            raise ValueError(
                f"Pyramid: it has {len(self.sizes)} levels, one for each size, not {len(levels)}."
            )
        images, *residuals = levels
        for residual in residuals:
            images = up(images) + residual
        return images

    # -- all levels in one row -------------------------------------------------------------------

    def join(self, levels: Sequence[Any]) -> Any:
        """Levels (N, C, s, s) of each size as rows (N, C * (8^2 + 16^2 + 32^2)), smallest first.

        What a GAN's players then exchange is one array, as everywhere: penalties on D's slope,
        noise on what it sees and recorded steps need not know that an example has several sizes.
        """
        return concatenate([reshape(level, (len(level), -1)) for level in levels], 1)

    def split(self, rows: Any) -> list[Any]:
        """The levels of which `join` made these rows."""
        pixels = sum(size * size for size in self.sizes)
        if rows.ndim != 2 or rows.shape[1] % pixels:
            raise ValueError(
                f"Pyramid: rows must be (N, C * {pixels}), not {tuple(rows.shape)}; make them by "
                "Pyramid.join."
            )
        colours = rows.shape[1] // pixels
        levels, start = [], 0
        for size in self.sizes:
            end = start + colours * size * size
            levels.append(reshape(rows[:, start:end], (len(rows), colours, size, size)))
            start = end
        return levels


def down(images: Any) -> Any:
    """Half the size: the mean of 2 x 2 pixels."""
    return avg_pool2d(images, 2)


def up(images: Any) -> Any:
    """Twice the size, bilinearly."""
    return upsample_bilinear2d(images, 2)
