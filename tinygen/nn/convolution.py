"""Convolutions: Conv1d, Conv2d, ConvTranspose1d, ConvTranspose2d.

    down = nn.Conv2d(1, 64, kernel_size=4, stride=2, padding=1, rng=rng)           # 28 to 14 pixels
    up = nn.ConvTranspose2d(64, 1, kernel_size=4, stride=2, padding=1, rng=rng)    # and back

A transposed convolution is the gradient of a convolution in its input, and enlarges images.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import ops
from ..random import Generator
from ..tensor import Tensor
from .init import uniform_parameter
from .module import Module

__all__ = ["Conv1d", "Conv2d", "ConvTranspose1d", "ConvTranspose2d"]


class _Convolution(Module):
    """What the four share: settings, weights, errors that name the layer."""

    axes: int
    operation: Callable[..., Any]
    transposed = False

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        name = type(self).__name__
        kernel = (kernel_size,) * self.axes if isinstance(kernel_size, int) else tuple(kernel_size)
        if len(kernel) != self.axes or min(kernel) < 1:
            raise ValueError(
                f"{name}: kernel_size must be a positive integer or {self.axes} of them, not "
                f"{kernel_size}."
            )
        if min(in_channels, out_channels, groups) < 1 or any(
            channels % groups for channels in (in_channels, out_channels)
        ):
            raise ValueError(
                f"{name}: groups must divide the channels, which is not so for {in_channels} in, "
                f"{out_channels} out and {groups} groups."
            )
        self.in_channels, self.out_channels, self.kernel_size = in_channels, out_channels, kernel
        self._settings = {
            "stride": stride, "padding": padding, "dilation": dilation, "groups": groups,
        }  # fmt: skip
        lead = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (lead[0], lead[1] // groups, *kernel)
        bound = 1.0 / math.sqrt(math.prod(shape[1:]))
        self.weight = uniform_parameter(shape, bound, rng=rng, dtype=dtype, device=device)
        self.bias: Tensor | None = None
        if bias:
            self.bias = uniform_parameter(
                (out_channels,), bound, rng=rng, dtype=dtype, device=device
            )

    def forward(self, x: Any) -> Any:
        """(N, in_channels, ...) to (N, out_channels, ...)."""
        return self.apply(x, self.weight, self.bias)

    def apply(self, x: Any, weight: Any, bias: Any) -> Any:
        """The operation with these settings; its errors name the layer too."""
        try:
            return self.operation(x, weight, bias, **self._settings)
        except ValueError as error:
            raise ValueError(f"{self!r}: {error}") from error

    def extra_repr(self) -> str:
        """The arguments that are not the default."""
        usual = {"stride": 1, "padding": 0, "output_padding": 0, "dilation": 1, "groups": 1}
        first, *others = self.kernel_size
        kernel = first if all(k == first for k in others) else self.kernel_size
        parts = [f"{self.in_channels}, {self.out_channels}, kernel_size={kernel}"]
        parts += [f"{name}={v}" for name, v in self._settings.items() if v != usual[name]]
        return ", ".join(parts if self.bias is not None else [*parts, "bias=False"])


class Conv2d(_Convolution):
    """Convolution of images: (N, in_channels, H, W) to (N, out_channels, OH, OW).

    OH = (H + 2 padding - dilation (kernel - 1) - 1) // stride + 1; see `tg.conv2d`.

    Args:
        kernel_size, stride, padding, dilation: an int, or (height, width).
        groups: input and output channels are split into so many independent convolutions.
        rng: the weights are drawn from it, on the host: the same on every device.
        device: where the weights live; None for where `rng` delivers.

    Raises:
        ValueError: groups do not divide the channels, or the input does not fit the layer.

    Weight (out, in / groups, KH, KW) and bias (out,) start as U(-b, b), b = 1/sqrt(fan in), as in
    PyTorch. (`nn.init.dcgan_` gives the start that DCGANs use.)

    >>> nn.Conv2d(1, 16, kernel_size=4, stride=2, padding=1, rng=rng)(tg.zeros(5, 1, 28, 28)).shape
    (5, 16, 14, 14)
    """

    axes = 2
    operation = staticmethod(ops.conv2d)


class Conv1d(_Convolution):
    """Convolution of sequences: (N, in_channels, L) to (N, out_channels, OL); see `Conv2d`.

    >>> nn.Conv1d(2, 4, kernel_size=3, padding=1, rng=rng)(tg.zeros(5, 2, 9)).shape
    (5, 4, 9)
    """

    axes = 1
    operation = staticmethod(ops.conv1d)


class _Transposed(_Convolution):
    transposed = True

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, output_padding: Any = 0, groups: int = 1, bias: bool = True,
        dilation: Any = 1,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            rng=rng, dtype=dtype, device=device,
        )  # fmt: skip
        self._settings["output_padding"] = output_padding


class ConvTranspose2d(_Transposed):
    """The gradient of a convolution: (N, in_channels, H, W) to (N, out_channels, OH, OW).

    OH = (H - 1) stride - 2 padding + dilation (kernel - 1) + output_padding + 1; kernel 4, stride 2
    and padding 1 double an image's sides. See `tg.conv_transpose2d`.

    Args: as `Conv2d`, and `output_padding` rows and columns more at the end. The order of the
        arguments is PyTorch's: `dilation` comes last. Raises as `Conv2d`.

    Weight (in, out / groups, KH, KW) and bias (out,) start as U(-b, b), as in PyTorch with
    b = 1/sqrt(weight.size / in).

    >>> up = nn.ConvTranspose2d(16, 1, kernel_size=4, stride=2, padding=1, rng=rng)
    >>> up(tg.zeros(5, 16, 14, 14)).shape
    (5, 1, 28, 28)
    """

    axes = 2
    operation = staticmethod(ops.conv_transpose2d)


class ConvTranspose1d(_Transposed):
    """(N, in_channels, L) to (N, out_channels, OL); see `ConvTranspose2d`.

    >>> nn.ConvTranspose1d(4, 2, kernel_size=2, stride=2, rng=rng)(tg.zeros(5, 4, 9)).shape
    (5, 2, 18)
    """

    axes = 1
    operation = staticmethod(ops.conv_transpose1d)
