"""Smaller and larger maps, without parameters: pooling, Upsample, PixelShuffle.

    nn.MaxPool2d(2)(x), nn.AdaptiveAvgPool2d(1)(x)                 # sides of a half, and of 1
    nn.Upsample(scale_factor=2)(x), nn.PixelShuffle(2)(x)          # sides twice as long

The functions behind them are `tg.max_pool2d`, `tg.avg_pool2d`, `tg.pixel_shuffle` and so on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import ops
from .module import Module

__all__ = ["AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "AvgPool1d", "AvgPool2d",
           "MaxPool1d", "MaxPool2d", "PixelShuffle", "Upsample"]  # fmt: skip


class _Resizing(Module):
    """Errors of the operation name the layer too."""

    def forward(self, x: Any) -> Any:
        """A map of another size."""
        try:
            return self.resize(x)
        except ValueError as error:
            raise ValueError(f"{self!r}: {error}") from error

    def resize(self, x: Any) -> Any:
        """What the layer computes."""
        raise NotImplementedError


class _Windows(_Resizing):
    operation: Callable[..., Any]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self._more: dict[str, Any] = {}

    def resize(self, x: Any) -> Any:
        """(N, C, ...) to (N, C, ...)."""
        return self.operation(
            x, self.kernel_size, stride=self.stride, padding=self.padding, **self._more
        )

    def extra_repr(self) -> str:
        """The arguments that are not the default."""
        parts = [f"kernel_size={self.kernel_size}"]
        parts += [f"stride={self.stride}"] if self.stride is not None else []
        parts += [f"padding={self.padding}"] if self.padding != 0 else []
        return ", ".join([*parts, *(f"{name}={value}" for name, value in self._more.items())])


class MaxPool2d(_Windows):
    """The largest element of each window: (N, C, H, W) to (N, C, OH, OW); see `tg.max_pool2d`.

    OH = (H + 2 padding - kernel) // stride + 1; the stride is the kernel's size unless given.

    Raises:
        ValueError: when called, the input is no image, the kernel does not fit on it, or more than
            half of the kernel would be padding.

    >>> nn.MaxPool2d(2)(tg.ones(5, 3, 28, 28)).shape
    (5, 3, 14, 14)
    """

    operation = staticmethod(ops.max_pool2d)


class MaxPool1d(_Windows):
    """(N, C, L) to (N, C, OL); see `MaxPool2d`.

    >>> nn.MaxPool1d(2)(tg.tensor([[[1.0, 3.0, 7.0, 5.0]]]))
    Tensor([[[3., 7.]]])
    """

    operation = staticmethod(ops.max_pool1d)


class _Average(_Windows):
    def __init__(
        self, kernel_size: Any, stride: Any = None, padding: Any = 0,
        count_include_pad: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(kernel_size, stride, padding)
        if not count_include_pad:
            self._more["count_include_pad"] = False


class AvgPool2d(_Average):
    """The mean of each window: (N, C, H, W) to (N, C, OH, OW); see `MaxPool2d`.

    Args:
        count_include_pad: whether the zeros of the padding count in the divisor.

    >>> nn.AvgPool2d(3, stride=2, padding=1)(tg.ones(1, 1, 8, 8)).shape
    (1, 1, 4, 4)
    """

    operation = staticmethod(ops.avg_pool2d)


class AvgPool1d(_Average):
    """(N, C, L) to (N, C, OL); see `AvgPool2d`.

    >>> nn.AvgPool1d(2)(tg.tensor([[[1.0, 3.0, 5.0, 7.0]]]))
    Tensor([[[2., 6.]]])
    """

    operation = staticmethod(ops.avg_pool1d)


class _Adaptive(_Resizing):
    operation: Callable[..., Any]

    def __init__(self, output_size: Any) -> None:
        self.output_size = output_size

    def resize(self, x: Any) -> Any:
        """(N, C, H, W) to (N, C, *output_size)."""
        return self.operation(x, self.output_size)

    def extra_repr(self) -> str:
        """The size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool2d(_Adaptive):
    """The means of windows that cover the map: (N, C, H, W) to (N, C, *output_size).

    Args:
        output_size: an int, or (height, width); 1 for the mean of each channel.

    Raises:
        ValueError: when called, the input is no image, or a size is below 1.

    >>> nn.AdaptiveAvgPool2d(1)(tg.ones(2, 3, 5, 7)).shape
    (2, 3, 1, 1)
    """

    operation = staticmethod(ops.adaptive_avg_pool2d)


class AdaptiveMaxPool2d(_Adaptive):
    """The largest elements of the windows of `AdaptiveAvgPool2d`; shapes and errors as there.

    >>> nn.AdaptiveMaxPool2d((2, 1))(tg.ones(2, 3, 5, 7)).shape
    (2, 3, 2, 1)
    """

    operation = staticmethod(ops.adaptive_max_pool2d)


class AdaptiveAvgPool1d(_Adaptive):
    """(N, C, L) to (N, C, output_size); see `AdaptiveAvgPool2d`, also for errors.

    >>> nn.AdaptiveAvgPool1d(2)(tg.tensor([[[1.0, 3.0, 5.0, 7.0]]]))
    Tensor([[[2., 6.]]])
    """

    def resize(self, x: Any) -> Any:
        """(N, C, L) to (N, C, output_size)."""
        if x.ndim != 3:
            raise ValueError(f"the input must be (N, C, L), not {x.shape}.")
        y = ops.adaptive_avg_pool2d(ops.expand_dims(x, 2), (1, self.output_size))
        return ops.squeeze(y, 2)


class Upsample(_Resizing):
    """Larger images: (N, C, H, W) to (N, C, OH, OW).

    Args:
        size: OH and OW, an int or a pair; for "nearest" whole multiples of H and W.
        scale_factor: in place of `size`: a whole number, or a pair of them.
        mode: "nearest" (each pixel repeated) or "bilinear" (interpolated).
        align_corners: of "bilinear": corner pixels stay in place (see `tg.resize_bilinear2d`).

    Raises:
        ValueError: size and scale_factor are both given or both missing, the mode is unknown, or
            does not go with the other arguments or with the input's size.

    >>> nn.Upsample(scale_factor=2)(tg.tensor([[[[1.0, 2.0]]]]))
    Tensor([[[[1., 1., 2., 2.],
              [1., 1., 2., 2.]]]])
    """

    def __init__(
        self, size: Any = None, scale_factor: Any = None, mode: str = "nearest",
        align_corners: bool | None = None,
    ) -> None:  # fmt: skip
        if (size is None) == (scale_factor is None):
            raise ValueError("Upsample: pass either size or scale_factor.")
        if mode not in ("nearest", "bilinear"):
            raise ValueError(f"Upsample: mode must be nearest or bilinear, not {mode!r}.")
        if align_corners is not None and mode == "nearest":
            raise ValueError("Upsample: align_corners belongs to bilinear; leave it out.")
        factors = scale_factor if isinstance(scale_factor, (tuple, list)) else (scale_factor,)
        if scale_factor is not None and any(f < 1 or f != int(f) for f in factors):
            raise ValueError(
                f"Upsample: scale_factor must be whole numbers, not {scale_factor}; use size."
            )
        self.size, self.scale_factor = size, scale_factor
        self.mode, self.align_corners = mode, align_corners

    def resize(self, x: Any) -> Any:
        """(N, C, H, W) to (N, C, OH, OW)."""
        if x.ndim != 4:
            raise ValueError(f"the input must be (N, C, H, W), not {x.shape}.")
        size = self.size
        if size is None:
            factors = _pair(self.scale_factor)
            size = [int(f) * n for f, n in zip(factors, x.shape[2:], strict=True)]
        height, width = _pair(size)
        if self.mode == "bilinear":
            align = bool(self.align_corners)
            return ops.resize_bilinear2d(x, (height, width), align_corners=align)
        rows, columns = x.shape[2:]
        if height % rows or width % columns:
            raise ValueError(
                f"nearest needs whole multiples of the input's {rows} x {columns}, not {height} x "
                f"{width}."
            )
        return ops.upsample_nearest2d(x, (height // rows, width // columns))

    def extra_repr(self) -> str:
        """The arguments."""
        text = f"size={self.size}" if self.size is not None else f"scale_factor={self.scale_factor}"
        text += f", mode={self.mode!r}"
        return text if not self.align_corners else f"{text}, align_corners=True"


class PixelShuffle(_Resizing):
    """Channels become pixels: (N, C r^2, H, W) to (N, C, H r, W r), r the upscale factor.

    Shi et al. 2016, "Real-time single image and video super-resolution using an efficient
    sub-pixel convolutional neural network", section 3.2; see `tg.pixel_shuffle`. Raises ValueError,
    when called, unless r^2 divides the channels.

    >>> nn.PixelShuffle(2)(tg.zeros(1, 12, 4, 4)).shape
    (1, 3, 8, 8)
    """

    def __init__(self, upscale_factor: int) -> None:
        self.upscale_factor = upscale_factor

    def resize(self, x: Any) -> Any:
        """(N, C r^2, H, W) to (N, C, H r, W r)."""
        return ops.pixel_shuffle(x, self.upscale_factor)

    def extra_repr(self) -> str:
        """The factor."""
        return f"upscale_factor={self.upscale_factor}"


def _pair(value: Any) -> tuple[Any, Any]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value, value)
