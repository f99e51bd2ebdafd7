"""From "Progressive growing of GANs": equalised learning rates, minibatch standard deviation.

(Its pixelwise normalisation is `nn.PixelNorm`.)
"""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..random import Generator
from ..tensor import Tensor
from .convolution import Conv2d
from .init import normal_, zeros_
from .layers import Linear
from .module import Module

__all__ = ["EqualizedConv2d", "EqualizedLinear", "MinibatchStdDev"]

GAIN = math.sqrt(2.0)


class EqualizedLinear(Linear):
    """Linear, computing with weight * gain / sqrt(in_features) where the weight starts as N(0, 1).

    Karras et al. 2018, "Progressive growing of GANs", section 4.1: He's scaling, applied at every
    call and not once at the start. Then an optimizer such as Adam, whose steps do not depend on the
    scale of the gradient, changes all layers at the same relative speed.

    Args:
        gain: sqrt(2) before a (leaky) ReLU; the authors' code takes 1 for the last layers.
        lr_mul: the layer learns at so many times the learning rate. (Karras et al. 2019,
            "A style-based generator", appendix C: 0.01 in the mapping network.)

    The bias starts at 0, and is not scaled but by lr_mul. Raises as `Linear`.

    >>> nn.EqualizedLinear(64, 10, rng=rng)(tg.zeros(2, 64)).shape
    (2, 10)
    """

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, gain: float = GAIN,
        lr_mul: float = 1.0,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(in_features, out_features, bias, rng=rng, dtype=dtype, device=device)
        self.gain, self.lr_mul = gain, lr_mul
        _start(self.weight, self.bias, lr_mul, rng)

    def forward(self, x: Any) -> Any:
        """(..., in_features) to (..., out_features)."""
        factor = self.gain * self.lr_mul / math.sqrt(self.weight.shape[1])
        bias = self.bias if self.bias is None or self.lr_mul == 1.0 else self.bias * self.lr_mul
        return self.apply(x, self.weight * factor, bias)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"{super().extra_repr()}{_extra(self)}"


class EqualizedConv2d(Conv2d):
    """Conv2d with an equalised learning rate, for a fan in of in_channels * KH * KW / groups.

    (N, in_channels, H, W) to (N, out_channels, OH, OW). Args, sizes and errors: as `Conv2d`; `gain`
    and `lr_mul` as `EqualizedLinear`, which tells the source.

    >>> nn.EqualizedConv2d(1, 8, 3, padding=1, rng=rng)(tg.zeros(2, 1, 8, 8)).shape
    (2, 8, 8, 8)
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1,
        padding: Any = 0, dilation: Any = 1, groups: int = 1, bias: bool = True,
        gain: float = GAIN, lr_mul: float = 1.0,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding, dilation, groups, bias,
            rng=rng, dtype=dtype, device=device,
        )  # fmt: skip
        self.gain, self.lr_mul = gain, lr_mul
        _start(self.weight, self.bias, lr_mul, rng)

    def forward(self, x: Any) -> Any:
        """(N, in_channels, H, W) to (N, out_channels, OH, OW)."""
        factor = self.gain * self.lr_mul / math.sqrt(math.prod(self.weight.shape[1:]))
        bias = self.bias if self.bias is None or self.lr_mul == 1.0 else self.bias * self.lr_mul
        return self.apply(x, self.weight * factor, bias)

    def extra_repr(self) -> str:
        """The arguments that are not the default."""
        return f"{super().extra_repr()}{_extra(self)}"


def _start(weight: Tensor, bias: Tensor | None, lr_mul: float, rng: Generator) -> None:
    normal_(weight, std=1.0 / lr_mul, rng=rng)
    if bias is not None:
        zeros_(bias)


def _extra(layer: EqualizedLinear | EqualizedConv2d) -> str:
    return f", gain={layer.gain:.4g}" + ("" if layer.lr_mul == 1.0 else f", lr_mul={layer.lr_mul}")


class MinibatchStdDev(Module):
    """Append how much the images of a group differ: (N, C, H, W) to (N, C + num_features, H, W).

    Karras et al. 2018, "Progressive growing of GANs", section 3: standard deviations over a group,
    averaged over channels and pixels, repeated as constant planes. A critic sees by it when a
    generator has lost variety. Groups are, as in the authors' code, of images N / group_size apart.

    Args:
        group_size: it must divide the batch, unless the batch is smaller: then it is one group.
        num_features: the channels are averaged in so many parts, each its own plane.
        eps: added to the variance (the authors' code; the article has none), which keeps the
            derivative finite where all images are equal.

    Raises:
        ValueError: group_size or num_features is below 1, or does not divide the batch or channels.

    >>> nn.MinibatchStdDev()(tg.zeros(8, 16, 4, 4)).shape
    (8, 17, 4, 4)
    """

    def __init__(self, group_size: int = 4, num_features: int = 1, eps: float = 1e-8) -> None:
        if group_size < 1 or num_features < 1:
            raise ValueError(
                f"MinibatchStdDev: group_size and num_features must be positive, not {group_size} "
                f"and {num_features}."
            )
        self.group_size, self.num_features, self.eps = group_size, num_features, eps

    def forward(self, x: Any) -> Any:
        """(N, C, H, W) to (N, C + num_features, H, W)."""
        size, parts = self.group_size, self.num_features
        if x.ndim != 4 or x.shape[0] < 1 or x.shape[1] % parts:
            raise ValueError(
                f"{self!r}: the input must be (N, C, H, W) with C divisible by {parts}, not "
                f"{x.shape}."
            )
        n, channels, height, width = x.shape
        size = min(size, n)
        if n % size:
            raise ValueError(
                f"{self!r}: a batch of {n} does not divide into groups of {size}; drop the last, "
                "smaller batch, or choose another group_size."
            )
        groups = ops.reshape(x, (size, n // size, parts, channels // parts, height, width))
        std = ops.sqrt(ops.var(groups, 0) + self.eps)
        means = ops.reshape(ops.mean(std, (2, 3, 4)), (1, n // size, parts, 1, 1))
        planes = ops.broadcast_to(means, (size, n // size, parts, height, width))
        return ops.concatenate([x, ops.reshape(planes, (n, parts, height, width))], 1)

    def extra_repr(self) -> str:
        """The arguments."""
        return f"group_size={self.group_size}, num_features={self.num_features}"
