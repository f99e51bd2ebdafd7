"""Convolution and pooling written out, one number after the other: slow, and hard to get wrong."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np


def conv2d_loops(
    x: Any, w: Any, stride: Any = (1, 1), padding: Any = (0, 0), dilation: Any = (1, 1),
    groups: int = 1,
) -> Any:  # fmt: skip
    """Seven loops: image, output channel, row, column, input channel, kernel row, kernel column."""
    (n, c, h, width), (o, per_group, kh, kw) = x.shape, w.shape
    oh = (h + 2 * padding[0] - dilation[0] * (kh - 1) - 1) // stride[0] + 1
    ow = (width + 2 * padding[1] - dilation[1] * (kw - 1) - 1) // stride[1] + 1
    y = np.zeros((n, o, oh, ow), x.dtype)
    for image, out, i, j in product(range(n), range(o), range(oh), range(ow)):
        group = out // (o // groups)
        for channel, k, m in product(range(c // groups), range(kh), range(kw)):
            row = i * stride[0] - padding[0] + k * dilation[0]
            column = j * stride[1] - padding[1] + m * dilation[1]
            if 0 <= row < h and 0 <= column < width:
                pixel = x[image, group * per_group + channel, row, column]
                y[image, out, i, j] += w[out, channel, k, m] * pixel
    return y


def conv_transpose2d_loops(
    x: Any, w: Any, stride: Any = (1, 1), padding: Any = (0, 0), output_padding: Any = (0, 0),
    dilation: Any = (1, 1), groups: int = 1,
) -> Any:  # fmt: skip
    """Each element of x adds the kernel, times itself, to its place in the output."""
    (n, c, h, width), (_, per_group, kh, kw) = x.shape, w.shape
    size = [
        (length - 1) * s - 2 * p + d * (k - 1) + more + 1
        for length, s, p, d, k, more in zip(
            (h, width), stride, padding, dilation, (kh, kw), output_padding, strict=True
        )
    ]
    y = np.zeros((n, per_group * groups, *size), x.dtype)
    for image, channel, i, j in product(range(n), range(c), range(h), range(width)):
        group = channel // (c // groups)
        for out, k, m in product(range(per_group), range(kh), range(kw)):
            row = i * stride[0] - padding[0] + k * dilation[0]
            column = j * stride[1] - padding[1] + m * dilation[1]
            if 0 <= row < size[0] and 0 <= column < size[1]:
                pixel = x[image, channel, i, j]
                y[image, group * per_group + out, row, column] += w[channel, out, k, m] * pixel
    return y


def conv2d_weight_loops(x: Any, g: Any, kernel: Any) -> Any:
    """The gradient of <g, x * w> in w, for stride 1 and no padding."""
    w = np.zeros((g.shape[1], x.shape[1], *kernel), x.dtype)
    for k, m in product(range(kernel[0]), range(kernel[1])):
        seen = x[:, :, k : k + g.shape[2], m : m + g.shape[3]]
        w[:, :, k, m] = np.einsum("noij,ncij->oc", g, seen)
    return w
