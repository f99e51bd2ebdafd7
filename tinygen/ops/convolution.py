"""Convolution: one family of three, each one's derivative being the other two.

With x * w the convolution (in the field's sense: no kernel is flipped), <a, b> the sum of products,
and g any cotangent of x * w, the other two are defined by

    <x * w, g>  =  <x, input(g, w)>  =  <w, weight(x, g)>.

All three are linear in both of their arguments, so these equations are their rules too, and every
order of derivative stays in the family. `input(g, w)` is the transposed convolution. The geometry
(stride, padding, dilation, groups) fits the arrays exactly, so no rule needs a size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend.convolution import Geometry
from ..primitive import primitive
from .fused import column_sum
from .shape import reshape, transpose

_conv = primitive("conv2d", lambda xp, x, w, b, geometry: _plus(xp.conv2d(x, w, geometry), b),
                  lambda g, w, geometry: _conv_input(g, w, None, geometry),
                  lambda g, x, geometry: _conv_weight(x, g, geometry),
                  lambda g: _channel_sum(g))

_conv_input = primitive("conv_transpose2d", lambda xp, x, w, b, geometry: _plus(xp.conv2d_input(x, w, geometry), b),
                        lambda g, w, geometry: _conv(g, w, None, geometry),
                        lambda g, x, geometry: _conv_weight(g, x, geometry),
                        lambda g: _channel_sum(g))

_conv_weight = primitive("conv2d_weight", lambda xp, x, u, geometry: xp.conv2d_weight(x, u, geometry),
                         lambda g, u, geometry: _conv_input(u, g, None, geometry),
                         lambda g, x, geometry: _conv(x, g, None, geometry))


def conv2d(x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0,
           dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """y[n, o, i, j] = bias[o] + sum over c, k, l of weight[o, c, k, l] * x[n, c, i + k, j + l].

    With stride s, padding p and dilation d, x is read at (s i - p + d k, s j - p + d l), and is zero
    outside. With groups, output channel o reads the input channels of its own group only.

    Args:
        x: (N, C, H, W). weight: (O, C / groups, KH, KW). bias: (O,) or None.
        stride, dilation: an int, or (height, width).
        padding: the same, or "valid" (none), or "same" (for stride 1: the output is as large as x).

    Returns:
        (N, O, OH, OW) with OH = (H + 2 p - d (KH - 1) - 1) // s + 1.

    Raises:
        ValueError: the shapes do not fit each other, or the kernel does not fit on the input.
    """
    return _convolve("conv2d", 2, x, weight, bias, stride, padding, dilation, groups)


def conv1d(x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0,
           dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """As `conv2d` with one axis: x (N, C, L), weight (O, C / groups, K), result (N, O, OL)."""
    return _convolve("conv1d", 1, x, weight, bias, stride, padding, dilation, groups)


def conv_transpose2d(x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """The gradient of `conv2d` in its input, as an operation: each element of x spreads the kernel.

    Args:
        x: (N, I, H, W). weight: (I, O / groups, KH, KW). bias: (O,) or None.
        stride, padding, dilation: those of the convolution that it is the gradient of.
        output_padding: rows and columns more at the end, less than the stride or the dilation, since
            several sizes of input give a convolution the same size of output.

    Returns:
        (N, O, OH, OW) with OH = (H - 1) s - 2 p + d (KH - 1) + output_padding + 1.

    Raises:
        ValueError: the shapes do not fit each other, or the output would have no elements.
    """
    return _spread("conv_transpose2d", 2, x, weight, bias, stride, padding, output_padding, dilation, groups)


def conv_transpose1d(x: Any, weight: Any, bias: Any = None, *, stride: Any = 1, padding: Any = 0,
                     output_padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:  # fmt: skip
    """As `conv_transpose2d` with one axis: x (N, I, L), weight (I, O / groups, K), result (N, O, OL)."""
    return _spread("conv_transpose1d", 1, x, weight, bias, stride, padding, output_padding, dilation, groups)


# -- from what a caller says to a geometry that fits exactly -----------------------------------------


def _convolve(name: str, axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any,
              dilation: Any, groups: int) -> Any:  # fmt: skip
    _check_ranks(name, axes, x, weight)
    channels, expected = x.shape[1], weight.shape[1] * groups
    if channels != expected:
        of_groups = "" if groups == 1 else f" in {groups} groups"
        raise ValueError(f"{name}: input has {channels} channels, weight expects {expected}{of_groups} "
                         f"({_shapes(x, weight)}){_channels_first(x, expected)}.")  # fmt: skip
    _check_groups_and_bias(name, groups, x, weight, bias, weight.shape[0])
    stride = per_axis(name, "stride", stride, axes, 1)
    dilation = per_axis(name, "dilation", dilation, axes, 1)
    kernel, size = weight.shape[2:], x.shape[2:]
    pads = _padding(name, padding, axes, kernel, stride, dilation)
    exact = []
    for n, k, s, d, (before, after) in zip(size, kernel, stride, dilation, pads, strict=True):
        room = n + before + after - d * (k - 1) - 1
        if room < 0 or k < 1:
            raise ValueError(f"{name}: the kernel does not fit on the input: it spans {d * (k - 1) + 1}, the input "
                             f"with its padding {n + before + after} ({_shapes(x, weight)}).")  # fmt: skip
        exact.append((before, after - room % s))
    return _apply(_conv, x, weight, bias, stride, exact, dilation, groups)


def _spread(name: str, axes: int, x: Any, weight: Any, bias: Any, stride: Any, padding: Any,
            output_padding: Any, dilation: Any, groups: int) -> Any:  # fmt: skip
    _check_ranks(name, axes, x, weight)
    if x.shape[1] != weight.shape[0]:
        raise ValueError(f"{name}: input has {x.shape[1]} channels, weight expects {weight.shape[0]} "
                         f"({_shapes(x, weight)}){_channels_first(x, weight.shape[0])}.")  # fmt: skip
    _check_groups_and_bias(name, groups, x, weight, bias, weight.shape[1] * groups)
    stride = per_axis(name, "stride", stride, axes, 1)
    dilation = per_axis(name, "dilation", dilation, axes, 1)
    pads = per_axis(name, "padding", padding, axes, 0)
    more = per_axis(name, "output_padding", output_padding, axes, 0)
    for n, k, s, d, p, m in zip(x.shape[2:], weight.shape[2:], stride, dilation, pads, more, strict=True):
        if m >= max(s, d):
            raise ValueError(f"{name}: output_padding {m} must be smaller than the stride {s} or the dilation {d}.")
        size = (n - 1) * s - 2 * p + d * (k - 1) + m + 1
        if size < 1 or n < 1:
            raise ValueError(f"{name}: the output would have length {size} along an axis of length {n} "
                             f"({_shapes(x, weight)}, padding {p}).")  # fmt: skip
    exact = [(p, p - m) for p, m in zip(pads, more, strict=True)]
    return _apply(_conv_input, x, weight, bias, stride, exact, dilation, groups)


def _apply(operation: Any, x: Any, weight: Any, bias: Any, stride: tuple, padding: Sequence, dilation: tuple,
           groups: int) -> Any:  # fmt: skip
    """One axis is two, the first of length 1."""
    if len(stride) == 2:
        return operation(x, weight, bias, Geometry(stride, tuple(padding), dilation, groups))
    geometry = Geometry((1, *stride), ((0, 0), *padding), (1, *dilation), groups)
    n, c, length = x.shape
    y = operation(reshape(x, (n, c, 1, length)), reshape(weight, (*weight.shape[:2], 1, weight.shape[2])), bias, geometry)
    return reshape(y, (n, y.shape[1], y.shape[3]))


def per_axis(name: str, what: str, value: Any, axes: int, least: int) -> tuple[int, ...]:
    """An int for all axes, or a sequence with one for each, none below `least`."""
    whole = (int, np.integer)
    values = (value,) * axes if isinstance(value, whole) else tuple(value) if isinstance(value, (tuple, list)) else ()
    if len(values) != axes or not all(isinstance(v, whole) and v >= least for v in values):
        raise ValueError(f"{name}: {what} must be an int of {least} or more"
                         f"{('', ' or a pair of them', '', ' or 4 of them')[axes - 1]}, not {value!r}.")  # fmt: skip
    return tuple(map(int, values))


def _padding(name: str, padding: Any, axes: int, kernel: tuple, stride: tuple, dilation: tuple) -> list[tuple]:
    """(before, after) for each axis."""
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ValueError(f'{name}: padding "same" needs stride 1, not {stride}.')
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    if isinstance(padding, str) and padding != "valid":
        raise ValueError(f'{name}: padding must be ints, "same" or "valid", not {padding!r}.')
    return [(p, p) for p in per_axis(name, "padding", 0 if padding == "valid" else padding, axes, 0)]


def _check_ranks(name: str, axes: int, x: Any, weight: Any) -> None:
    letters = "(N, C, H, W)" if axes == 2 else "(N, C, L)"
    for a in (x, weight):
        if not hasattr(a, "ndim"):
            raise TypeError(f"{name}: takes tensors and arrays, not {type(a).__name__}; make a tensor with tg.tensor.")
    if x.ndim != axes + 2 or weight.ndim != axes + 2:
        single = "; for one example write x[None], not x" if x.ndim == axes + 1 else ""
        raise ValueError(f"{name}: input must be {letters} and weight have {axes + 2} axes too "
                         f"({_shapes(x, weight)}){single}.")  # fmt: skip


def _check_groups_and_bias(name: str, groups: int, x: Any, weight: Any, bias: Any, out: int) -> None:
    if groups < 1 or x.shape[1] % groups or weight.shape[0] % groups:
        raise ValueError(f"{name}: groups={groups} must divide the channels of both input and output "
                         f"({_shapes(x, weight)}).")  # fmt: skip
    if bias is not None and bias.shape != (out,):
        raise ValueError(f"{name}: bias must have shape ({out},), not {bias.shape} ({_shapes(x, weight)}).")


def _channels_first(x: Any, expected: int) -> str:
    """What to write where the channels came last, as image files have them."""
    if x.shape[-1] != expected:
        return ""
    order = (0, x.ndim - 1, *range(1, x.ndim - 1))
    return f"; channels come second: write x.transpose({', '.join(map(str, order))}), not x"


def _shapes(x: Any, weight: Any) -> str:
    return f"input {x.shape}, weight {weight.shape}"


# -- shared pieces ---------------------------------------------------------------------------------


def _plus(y: Any, b: Any) -> Any:
    if b is not None:
        y += b.reshape(1, -1, 1, 1)
    return y


def _channel_sum(g: Any) -> Any:
    """The sum over all axes but the channels, as a matrix-vector product on channels-last memory."""
    n, c, h, w = g.shape
    return column_sum(reshape(transpose(g, (0, 2, 3, 1)), (n * h * w, c)))
