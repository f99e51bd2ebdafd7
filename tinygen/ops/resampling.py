"""Changing the size of images: upsampling, pixel shuffling, borders.

Everything is composed of other operations. What is linear and separable (bilinear interpolation,
average pooling) is a constant matrix for each axis, applied by two matrix products; the matrices
are sparse, but at the sizes of images a product with a dense one costs no more than a few passes.

Arrays are (N, C, H, W) in shape and treated as channels-last in memory, as convolution leaves them.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ..backend import BACKEND_OF
from ..tensor import Tensor
from .convolution import per_axis
from .indexing import getitem
from .linalg import matmul
from .shape import broadcast_to, concatenate, flip, pad, reshape, transpose


def upsample_nearest2d(x: Any, factor: Any) -> Any:
    """Each pixel `factor` (an int, or (height, width)) times along both axes.

    (N, C, H, W) to (N, C, H factor, W factor). Raises ValueError for another rank, or a factor
    below 1.
    """
    check_images("upsample_nearest2d", x)
    fh, fw = per_axis("upsample_nearest2d", "factor", factor, 2, 1)
    n, c, h, w = x.shape
    y = reshape(channels_last(x), (n, h, 1, w, 1, c))
    y = broadcast_to(y, (n, h, fh, w, fw, c))
    return channels_first(reshape(y, (n, h * fh, w * fw, c)))


def upsample_bilinear2d(x: Any, factor: Any, *, align_corners: bool = False) -> Any:
    """Linear interpolation along both axes to `factor` times the size: see `resize_bilinear2d`.

    (N, C, H, W) to (N, C, H factor, W factor), the factor an int or (height, width). Raises
    ValueError for another rank, or a factor below 1.
    """
    check_images("upsample_bilinear2d", x)
    fh, fw = per_axis("upsample_bilinear2d", "factor", factor, 2, 1)
    return resize_bilinear2d(x, (x.shape[2] * fh, x.shape[3] * fw), align_corners=align_corners)


def resize_bilinear2d(x: Any, size: Any, *, align_corners: bool = False) -> Any:
    """Linear interpolation along both axes.

    Args:
        x: (N, C, H, W).
        size: an int, or (height, width) of the result.
        align_corners: pixels are points, and the corner points stay where they are; otherwise pixels
            are squares, and the borders of the image stay where they are (PyTorch's meaning).

    Returns:
        (N, C, height, width).

    Raises:
        ValueError: x is no image or has no pixels, or a size is below 1.
    """
    check_images("resize_bilinear2d", x)
    oh, ow = per_axis("resize_bilinear2d", "size", size, 2, 1)
    _, _, h, w = x.shape
    if 0 in (h, w):
        raise ValueError(f"resize_bilinear2d: there are no pixels in an input of shape {x.shape}.")
    return separable(x, (_linear_weights, h, oh, align_corners), (_linear_weights, w, ow, align_corners))


def pixel_shuffle(x: Any, factor: int) -> Any:
    """(N, C factor^2, H, W) to (N, C, H factor, W factor): channels become pixels.

    Channel c factor^2 + i factor + j of pixel (h, w) goes to channel c of (h factor + i, w factor + j).
    Shi et al. 2016, "Real-time single image and video super-resolution ...", section 3.2. Raises
    ValueError unless factor^2 divides the channels.
    """
    check_images("pixel_shuffle", x)
    n, c, h, w = x.shape
    if factor < 1 or c % factor**2:
        raise ValueError(f"pixel_shuffle: the channels must divide by factor^2, which {c} do not by {factor}^2 "
                         f"(input {x.shape}).")  # fmt: skip
    c //= factor**2
    y = reshape(channels_last(x), (n, h, w, c, factor, factor))
    y = reshape(transpose(y, (0, 1, 4, 2, 5, 3)), (n, h * factor, w * factor, c))
    return channels_first(y)


def pixel_unshuffle(x: Any, factor: int) -> Any:
    """(N, C, H factor, W factor) to (N, C factor^2, H, W): the inverse of `pixel_shuffle`.

    Raises ValueError unless the factor divides height and width.
    """
    check_images("pixel_unshuffle", x)
    n, c, h, w = x.shape
    if factor < 1 or h % factor or w % factor:
        raise ValueError(f"pixel_unshuffle: height and width must divide by the factor, which {h} and {w} do not by "
                         f"{factor} (input {x.shape}).")  # fmt: skip
    h, w = h // factor, w // factor
    y = reshape(channels_last(x), (n, h, factor, w, factor, c))
    y = reshape(transpose(y, (0, 1, 3, 5, 2, 4)), (n, h, w, c * factor**2))
    return channels_first(y)


def pad2d(x: Any, padding: Any, mode: str = "constant", value: float = 0.0) -> Any:
    """A border around images.

    Args:
        x: (N, C, H, W).
        padding: an int, or (left, right, top, bottom).
        mode: "constant" (filled with `value`), "reflect" (mirrored, the edge itself not repeated),
            "replicate" (the edge repeated) or "circular" (the opposite side).

    Returns:
        (N, C, top + H + bottom, left + W + right).

    Raises:
        ValueError: the mode is unknown, or has not so many pixels to put there.
    """
    check_images("pad2d", x)
    left, right, top, bottom = per_axis("pad2d", "padding", padding, 4, 0)
    if mode == "constant":
        widths = ((0, 0), (top, bottom), (left, right), (0, 0))
        return channels_first(pad(channels_last(x), widths, value))
    if mode not in _EDGES:
        raise ValueError(f'pad2d: mode must be "constant", "reflect", "replicate" or "circular", not {mode!r}.')
    sides = (2, top, bottom), (3, left, right)
    for axis, before, after in sides:
        room = {"reflect": x.shape[axis] - 1, "circular": x.shape[axis]}.get(mode, before + after)
        if max(before, after) > room or x.shape[axis] == 0:
            raise ValueError(f'pad2d: mode "{mode}" can add at most {max(room, 0)} on a side of length '
                             f"{x.shape[axis]}, not {max(before, after)} (input {x.shape}).")  # fmt: skip
    for axis, before, after in sides:
        x = _EDGES[mode](x, before, after, axis)
    return x


# -- shared pieces ---------------------------------------------------------------------------------


def check_images(name: str, x: Any) -> None:
    """An error unless x has the four axes of images."""
    if not hasattr(x, "ndim"):
        raise TypeError(f"{name}: takes tensors and arrays, not {type(x).__name__}; make a tensor with tg.tensor.")
    if x.ndim != 4:
        raise ValueError(f"{name}: input must be (N, C, H, W), not of shape {x.shape}.")


def channels_last(x: Any) -> Any:
    """(N, C, H, W) seen as (N, H, W, C)."""
    return transpose(x, (0, 2, 3, 1))


def channels_first(x: Any) -> Any:
    """(N, H, W, C) seen as (N, C, H, W)."""
    return transpose(x, (0, 3, 1, 2))


def separable(x: Any, rows: tuple, columns: tuple) -> Any:
    """rows @ x @ columns.T for each image and channel, by constant matrices.

    Args:
        x: (N, C, H, W).
        rows, columns: a function and its arguments, which give (OH, H) and (OW, W), or None for
            the identity.
    """
    raw = x._data if type(x) is Tensor else x
    left, right = (_matrix(BACKEND_OF[type(raw)], raw.dtype, *maker) for maker in (rows, columns))
    n, c, h, w = x.shape
    y = channels_last(x)
    if left is not None:
        y, h = matmul(left, reshape(y, (n, h, w * c))), len(left)
    if right is not None:
        y, w = matmul(right, reshape(y, (n * h, w, c))), len(right)
    return channels_first(reshape(y, (n, h, w, c)))


@functools.cache  # for good, as graphs that were recorded read it
def _matrix(xp: Any, dtype: Any, make: Any, *arguments: Any) -> Any:
    """make(*arguments) on a device, kept: while a step is being recorded nothing may be copied there."""
    matrix = make(*arguments)
    return None if matrix is None else xp.from_host(matrix.astype(dtype))


def _linear_weights(size: int, out: int, align_corners: bool) -> np.ndarray:
    """(out, size): each row holds the weights of the two neighbours of one new pixel."""
    if align_corners:
        places = np.linspace(0, size - 1, out)
    else:
        places = np.maximum((np.arange(out) + 0.5) * (size / out) - 0.5, 0)
    low = np.minimum(places.astype(int), size - 1)
    share = places - low
    weights = np.zeros((out, size))
    weights[np.arange(out), low] = 1 - share
    weights[np.arange(out), np.minimum(low + 1, size - 1)] += share
    return weights


def _cut(x: Any, axis: int, start: int, stop: int) -> Any:
    return getitem(x, (slice(None),) * axis + (slice(start, stop),))


def _reflected(x: Any, before: int, after: int, axis: int) -> Any:
    n = x.shape[axis]
    mirrored = [flip(_cut(x, axis, *ends), axis) for ends in ((1, before + 1), (n - 1 - after, n - 1))]
    return concatenate([mirrored[0], x, mirrored[1]], axis)


def _replicated(x: Any, before: int, after: int, axis: int) -> Any:
    def times(edge: Any, count: int) -> Any:
        return broadcast_to(edge, (*x.shape[:axis], count, *x.shape[axis + 1 :]))

    n = x.shape[axis]
    return concatenate([times(_cut(x, axis, 0, 1), before), x, times(_cut(x, axis, n - 1, n), after)], axis)


def _wrapped(x: Any, before: int, after: int, axis: int) -> Any:
    n = x.shape[axis]
    return concatenate([_cut(x, axis, n - before, n), x, _cut(x, axis, 0, after)], axis)


_EDGES = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}
