"""Images of another size, for networks that have one size only.

    data = resized(load("mnist"), 32)                    # 28 x 28 to 32 x 32

Images become larger, never smaller: by a whole factor where that fits, then by a border of zeros.
"""

from dataclasses import replace

import numpy as np

from ..ops import upsample_bilinear2d
from .dataset import Dataset, Floats
from .errors import DataError

__all__ = ["resized"]


def resized(data: Dataset, size: int) -> Dataset:
    """The dataset with square images of `size` pixels a side, in [0, 1] as before.

    Images that are nearly as large get a border of zeros (MNIST: 28 to 32); smaller ones are first
    enlarged by a whole factor, bilinearly (digits: 8 to 32). (N, H, W) becomes (N, size, size), and
    with channels likewise. Raises DataError for larger ones, and for rows.

    >>> resized(load("digits"), 32).train.shape
    (1438, 32, 32)
    """
    if len(data.shape) < 2:
        raise DataError(
            f"{data.name}: rows of {data.shape[0]} numbers are no images: only images are resized."
        )
    height, width = data.shape[-2:]
    if max(height, width) > size:
        raise DataError(
            f"{data.name}: images of {height} x {width} are larger than {size} x {size}: shrink"
            " them first."
        )
    return replace(data, train=_to_size(data.train, size), test=_to_size(data.test, size))


def _to_size(images: Floats, size: int) -> Floats:
    height, width = images.shape[-2:]
    factor = size // max(height, width)
    if factor > 1:
        with_channels = images.reshape(len(images), -1, height, width)
        large = upsample_bilinear2d(with_channels, factor)
        images = large.reshape(*images.shape[:-2], height * factor, width * factor)
    rows, columns = size - images.shape[-2], size - images.shape[-1]
    border = [(0, 0)] * (images.ndim - 2)
    border += [(rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2)]
    return np.ascontiguousarray(np.clip(np.pad(images, border), 0.0, 1.0))
