"""The sliced Wasserstein distance between patches of images, scale by scale.

Karras et al., "Progressive growing of GANs" (2018), section 5, with the details of their code: each
image becomes a Laplacian pyramid (Burt and Adelson, 1983); 128 patches of 7x7 pixels are taken from
each level, and normalised to mean 0 and variance 1 in each channel, over their set; then the
Wasserstein-1 distance between the two sets of patches is averaged over 4 x 128 random directions:

    1000 * E_direction mean |sort(x . direction) - sort(y . direction)|

A small distance at a coarse level says that the sets agree in their large shapes; at the finest
one, in edges and noise.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

__all__ = ["SlicedWasserstein", "sliced_wasserstein"]

PATCH = 7
PATCHES = 128
DIRECTIONS = 4 * 128
AT_ONCE = 8
"""Directions projected onto at a time: memory is patches x (features + 2 * AT_ONCE) floats."""
COARSEST = 14
"""Pixels of the shorter side of the last level: two of the patch."""
BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16


@dataclass(frozen=True)
class SlicedWasserstein:
    """levels: the distance at each, finest first, times 1000. sides: their (H, W), in pixels.

    >>> sliced_wasserstein(np.zeros((4, 28, 28)), np.ones((4, 28, 28)), seed=0).sides
    ((28, 28), (14, 14))
    """

    levels: tuple[float, ...]
    sides: tuple[tuple[int, int], ...]


def sliced_wasserstein(
    x: np.ndarray, y: np.ndarray, seed: int, *, directions: int = DIRECTIONS
) -> SlicedWasserstein:
    """Between images x and y, both (N, H, W) or both (N, C, H, W), H and W at least 14.

    Karras et al., "Progressive growing of GANs" (2018), section 5.

    Args:
        seed: of the patches' places and of the directions; the same for both sets, so that a set is
            at distance 0 of itself.
        directions: how many are drawn.

    Raises:
        ValueError: the shapes differ, are others, or a pixel is not finite.

    >>> x = np.zeros((4, 28, 28))
    >>> sliced_wasserstein(x, x, seed=0).levels
    (0.0, 0.0)
    """
    x, y = (_checked(images) for images in (x, y))
    if x.shape != y.shape:
        raise ValueError(
            f"sliced_wasserstein: the sets have shapes {x.shape} and {y.shape}; give as many "
            "images of one size."
        )
    levels, sides = [], []
    for number, (of_x, of_y) in enumerate(zip(pyramid(x), pyramid(y), strict=True)):
        patches_x, patches_y = (_patches(level, seed + number) for level in (of_x, of_y))
        levels.append(1e3 * _distance(patches_x, patches_y, seed + number, directions))
        sides.append(of_x.shape[2:])
    return SlicedWasserstein(tuple(levels), tuple(sides))


def pyramid(images: np.ndarray) -> Iterator[np.ndarray]:
    """Laplacian levels of images (N, C, H, W), finest first; the last one is the rest, blurred."""
    while min(images.shape[2:]) >= 2 * COARSEST:
        smaller = _blurred(images)[:, :, ::2, ::2]
        yield images - _enlarged(smaller, images.shape)
        images = smaller
    yield images


def _enlarged(images: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """To twice the size: zeros between the pixels, and blurred."""
    apart = np.zeros(shape, images.dtype)
    apart[:, :, ::2, ::2] = 4 * images
    return _blurred(apart)


def _blurred(images: np.ndarray) -> np.ndarray:
    """By the binomial filter along both axes, mirrored at the border."""
    for axis in (2, 3):
        width = [(2, 2) if a == axis else (0, 0) for a in range(4)]
        padded = np.moveaxis(np.pad(images, width, mode="reflect"), axis, 0)
        n = len(padded) - 4
        images = np.moveaxis(sum(w * padded[i : i + n] for i, w in enumerate(BINOMIAL)), 0, axis)
    return images


def _patches(level: np.ndarray, seed: int) -> np.ndarray:
    """(N * PATCHES, C * 7 * 7), each channel of mean 0 and variance 1 over all of them."""
    n, channels, height, width = level.shape
    rng = np.random.RandomState(seed % 2**32)
    top = rng.randint(0, height - PATCH + 1, (n, PATCHES))
    left = rng.randint(0, width - PATCH + 1, (n, PATCHES))
    windows = np.lib.stride_tricks.sliding_window_view(level, (PATCH, PATCH), axis=(2, 3))
    found = windows[np.arange(n)[:, None], :, top, left].reshape(-1, channels, PATCH * PATCH)
    found = found - found.mean((0, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    spread = np.sqrt((found**2).mean((0, 2), keepdims=True, dtype=np.float64)).astype(np.float32)
    # A channel that is constant stays at 0.
    return (found / np.where(spread > 0, spread, 1)).reshape(len(found), -1)


def _distance(x: np.ndarray, y: np.ndarray, seed: int, directions: int) -> float:
    """The mean over directions of the Wasserstein-1 distance of projections, each of as many."""
    rng = np.random.RandomState(seed % 2**32)
    total = 0.0
    for start in range(0, directions, AT_ONCE):
        chosen = rng.randn(min(AT_ONCE, directions - start), x.shape[1]).astype(np.float32)
        chosen /= np.linalg.norm(chosen, axis=1, keepdims=True)
        of_x, of_y = (chosen @ patches.T for patches in (x, y))
        of_x.sort(axis=1)
        of_y.sort(axis=1)
        total += float(np.abs(of_x - of_y).mean(1, dtype=np.float64).sum())
    return total / directions


def _checked(images: np.ndarray) -> np.ndarray:
    """As (N, C, H, W) in float32."""
    images = np.asarray(images, np.float32)
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or len(images) < 1 or min(images.shape[2:]) < COARSEST:
        raise ValueError(
            f"sliced_wasserstein: images have shape {images.shape}; give (N, H, W) or "
            f"(N, C, H, W) with sides of at least {COARSEST} pixels."
        )
    if not np.isfinite(images).all():
        raise ValueError("sliced_wasserstein: an image holds nan or infinite values; leave it out.")
    return images
