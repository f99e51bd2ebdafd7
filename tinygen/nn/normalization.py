"""Normalisation: BatchNorm1d, BatchNorm2d, LayerNorm, GroupNorm, InstanceNorm2d, PixelNorm.

All are right at every order of derivative, for a weight of 0 and for constant inputs as well.
"""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..backend import BACKEND_OF, backend_for
from ..parallel import team
from ..tensor import Tensor, note_write
from .module import Module

__all__ = ["BatchNorm1d", "BatchNorm2d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "PixelNorm"]


def _filled(shape: tuple[int, ...], value: float, dtype: Any, device: str | None) -> Tensor:
    return Tensor(backend_for(device).full(shape, value, dtype=dtype))


class _Affine(Module):
    """A weight of ones and a bias of zeros, or neither."""

    def _start(self, shape: tuple[int, ...], affine: bool, dtype: Any, device: str | None) -> None:
        self.weight: Tensor | None = None
        self.bias: Tensor | None = None
        if affine:
            self.weight = _filled(shape, 1.0, dtype, device)
            self.bias = _filled(shape, 0.0, dtype, device)
            self.weight.requires_grad = self.bias.requires_grad = True

    def _refuse(self, x: Any, expected: str) -> None:
        raise ValueError(f"{self!r}: the input must be {expected}, not {x.shape}.")


class _BatchNorm(_Affine):
    ranks: tuple[int, ...]
    expected: str

    def __init__(
        self, num_features: int, eps: float = 1e-5, momentum: float | None = 0.1,
        affine: bool = True, track_running_stats: bool = True,
        *, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self._start((num_features,), affine, dtype, device)
        self.running_mean: Tensor | None = None
        self.running_var: Tensor | None = None
        if track_running_stats:
            self.running_mean = _filled((num_features,), 0.0, dtype, device)
            self.running_var = _filled((num_features,), 1.0, dtype, device)
            self.num_batches_tracked = _filled((), 0, "int64", device)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if x.ndim not in self.ranks or x.shape[1] != self.num_features:
            self._refuse(x, self.expected.replace("C", str(self.num_features)))
        mean, var = self.running_mean, self.running_var
        if not self.training and mean is not None and var is not None:
            return ops.batch_norm_with(x, mean, var, self.weight, self.bias, self.eps)
        count = x.shape[0] * math.prod(x.shape[2:]) * team().size
        if count < 2:
            raise ValueError(
                f"{self!r}: needs more than one value per channel to take a mean of, the input "
                f"{x.shape} has {count}; use a larger batch, or, to use a trained model, call "
                "model.eval() before model(x)."
            )
        normalise = ops.batch_norm if team().size == 1 else ops.batch_norm_across
        y, batch_mean, squares = normalise(x, self.weight, self.bias, self.eps)
        if self.training and mean is not None:
            self._track(batch_mean, squares, count)
        return y

    def _track(self, mean: Any, squares: Any, count: int) -> None:
        """Move the running statistics towards a batch's, in place and without waiting."""
        assert self.running_mean is not None
        assert self.running_var is not None
        kept = self.running_mean._data, self.running_var._data, self.num_batches_tracked._data
        BACKEND_OF[type(mean)].track(*kept, mean, squares, count, self.momentum)
        for array in kept:
            note_write(array)

    def extra_repr(self) -> str:
        """The arguments."""
        text = f"{self.num_features}, eps={self.eps}, momentum={self.momentum}"
        text += "" if self.weight is not None else ", affine=False"
        return text if self.running_mean is not None else f"{text}, track_running_stats=False"


class BatchNorm2d(_BatchNorm):
    """Each channel standardised over the batch and the image: (N, C, H, W) to the same shape.

    y = (x - mean) / sqrt(var + eps) * weight + bias: Ioffe & Szegedy 2015, "Batch normalization",
    algorithms 1 and 2. In training, mean and (biased) variance are the batch's, gradients flow
    through both, and running_mean and the (unbiased) running_var move by `momentum` towards them;
    in evaluation the running ones are used and the layer is linear. Each training-mode call
    counts as a batch, also one made again for `checkpoint` or under `no_grad`. Where several ranks
    train together, the batch is that of all of them.

    Args:
        momentum: weight of the newest batch (1 minus what the article would call momentum); None
            for the plain average over all batches.
        affine: have a weight and a bias, (C,), which start at 1 and 0.
        track_running_stats: without, the batch's statistics serve in evaluation too.

    Raises:
        ValueError: the input does not fit, or has one value per channel in training.

    >>> norm = nn.BatchNorm2d(3)
    >>> norm(tg.ones(4, 3, 8, 8)).shape, norm.running_mean
    ((4, 3, 8, 8), Tensor([0.1, 0.1, 0.1]))
    """

    ranks = (4,)
    expected = "(N, C, H, W)"


class BatchNorm1d(_BatchNorm):
    """Each feature standardised over the batch: (N, C) or (N, C, L); see `BatchNorm2d`.

    >>> nn.BatchNorm1d(1)(tg.tensor([[1.0], [3.0]]))
    Tensor([[-1.],
            [ 1.]], op=scale_shift)
    """

    ranks = (2, 3)
    expected = "(N, C) or (N, C, L)"


class LayerNorm(_Affine):
    """Each example standardised over its last axes: (..., *normalized_shape) to the same shape.

    Ba, Kiros & Hinton 2016, "Layer normalization", eq. 4; the variance is the biased one.

    Args:
        normalized_shape: lengths of the axes to standardise over; an int for the last one.
        elementwise_affine: have a weight and (if `bias`) a bias in that shape.

    Raises:
        ValueError: a length is below 1, or the input's last axes have others.

    >>> nn.LayerNorm(2)(tg.tensor([[1.0, 3.0], [0.0, 8.0]]))
    Tensor([[-1.,  1.],
            [-1.,  1.]], op=scale_shift)
    """

    def __init__(
        self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5,
        elementwise_affine: bool = True, bias: bool = True,
        *, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        if not self.normalized_shape or min(self.normalized_shape) < 1:
            raise ValueError(
                f"LayerNorm: normalized_shape must be positive, not {normalized_shape}."
            )
        self.eps = eps
        self._start(self.normalized_shape, elementwise_affine, dtype, device)
        if not bias:
            self.bias = None

    def forward(self, x: Any) -> Any:
        """The same shape."""
        axes = len(self.normalized_shape)
        if tuple(x.shape[-axes:]) != self.normalized_shape:
            self._refuse(x, f"(..., {', '.join(map(str, self.normalized_shape))})")
        return ops.layer_norm(x, self.weight, self.bias, axes=axes, eps=self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        text = f"{self.normalized_shape}, eps={self.eps}"
        return text if self.weight is not None else f"{text}, elementwise_affine=False"


class GroupNorm(_Affine):
    """Each group of channels of each example standardised: (N, C, ...) to the same shape.

    Wu & He 2018, "Group normalization", section 3.1. It does not depend on the batch.

    Args:
        affine: have a weight and a bias, (C,), which start at 1 and 0.

    Raises:
        ValueError: the groups do not divide the channels, or the input has others.

    >>> nn.GroupNorm(num_groups=2, num_channels=6)(tg.ones(4, 6, 8, 8)).shape
    (4, 6, 8, 8)
    """

    def __init__(
        self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True,
        *, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(
                f"GroupNorm: num_groups must divide num_channels, not {num_groups} groups of "
                f"{num_channels} channels."
            )
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self._start((num_channels,), affine, dtype, device)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            self._refuse(x, f"(N, {self.num_channels}, ...)")
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        text = f"{self.num_groups}, {self.num_channels}, eps={self.eps}"
        return text if self.weight is not None else f"{text}, affine=False"


class InstanceNorm2d(_Affine):
    """Each channel of each image standardised: (N, C, H, W) to the same shape.

    Ulyanov, Vedaldi & Lempitsky 2016, "Instance normalization: the missing ingredient for fast
    stylization", eq. 3. As in PyTorch there is no weight and bias, (C,), unless `affine`. Running
    statistics, which PyTorch offers, are not.

    Raises:
        ValueError: the input has another shape, or images of one pixel.

    >>> nn.InstanceNorm2d(3)(tg.ones(4, 3, 8, 8)).shape
    (4, 3, 8, 8)
    """

    def __init__(
        self, num_features: int, eps: float = 1e-5, *, affine: bool = False,
        dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        self.num_features, self.eps = num_features, eps
        self._start((num_features,), affine, dtype, device)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if x.ndim != 4 or x.shape[1] != self.num_features:
            self._refuse(x, f"(N, {self.num_features}, H, W)")
        if x.shape[2] * x.shape[3] < 2:
            self._refuse(x, f"images of more than one pixel (N, {self.num_features}, H, W)")
        return ops.group_norm(x, self.num_features, self.weight, self.bias, eps=self.eps)

    def extra_repr(self) -> str:
        """The arguments."""
        affine = self.weight is not None
        return f"{self.num_features}, eps={self.eps}" + (", affine=True" if affine else "")


class PixelNorm(Module):
    """The channels of each pixel, divided by their root mean square: (N, C, ...), any C.

    Karras et al. 2018, "Progressive growing of GANs", section 4.2; it has no parameters. Raises
    ValueError for fewer than two axes.

    >>> nn.PixelNorm()(tg.tensor([[3.0, 4.0]]))
    Tensor([[0.8485, 1.1314]])
    """

    def __init__(self, eps: float = 1e-8) -> None:
        self.eps = eps

    def forward(self, x: Any) -> Any:
        """The same shape."""
        if x.ndim < 2:
            raise ValueError(f"{self!r}: the input must be (N, C, ...), not {x.shape}.")
        return ops.pixel_norm(x, self.eps)

    def extra_repr(self) -> str:
        """The constant under the root."""
        return f"eps={self.eps}"
