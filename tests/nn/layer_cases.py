"""One table of layers: how to make each here and in PyTorch, and what to put in.

PyTorch is the oracle, where it is installed; the rest (host syncs, repr, ...) needs no oracle.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen import nn

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Layer:
    """`ours(rng, dtype)` and `theirs(torch)`; `inputs` holds shapes for a call each."""

    ours: Callable[[tg.Generator, str], nn.Module]
    theirs: Callable[[Any], Any] | None
    inputs: Shapes
    second_order: bool = False
    call: Callable[[Any, Any], Any] = lambda layer, x: layer(x)
    call_theirs: Callable[[Any, Any], Any] | None = None


def first(result: Any) -> Any:
    """The output of a layer that returns more."""
    return result[0]


def spectral(torch: Any, layer: Any) -> Any:
    return torch.nn.utils.parametrizations.spectral_norm(layer)


def recurrent(name: str, shapes: Shapes, **options: Any) -> Layer:
    def all_of_it(layer: Any, x: Any) -> Any:
        y, state = layer(x)
        states = state if isinstance(state, tuple) else (state,)
        library = tg if isinstance(x, tg.Tensor) else __import__("torch")
        return library.concatenate([t.reshape(-1) for t in (y, *states)])

    return Layer(
        lambda r, t: getattr(nn, name)(3, 4, **options, rng=r, dtype=t),
        lambda torch: getattr(torch.nn, name)(3, 4, **options),
        shapes, True, all_of_it, all_of_it,
    )  # fmt: skip


def conv(name: str, shapes: Shapes, *args: Any, second_order: bool = True, **options: Any) -> Layer:
    return Layer(
        lambda r, t: getattr(nn, name)(*args, **options, rng=r, dtype=t),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        shapes, second_order,
    )  # fmt: skip


def plain(
    name: str, shapes: Shapes, *args: Any, second_order: bool = False, **options: Any
) -> Layer:
    return Layer(
        lambda r, t: getattr(nn, name)(*args, **options, dtype=t),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        shapes, second_order,
    )  # fmt: skip


def bare(name: str, shapes: Shapes, *args: Any, **options: Any) -> Layer:
    """A layer without weights."""
    return Layer(
        lambda r, t: getattr(nn, name)(*args, **options),
        lambda torch: getattr(torch.nn, name)(*args, **options),
        shapes, True,
    )  # fmt: skip


def attend(layer: Any, x: Any) -> Any:
    return layer(x, x[:, :2] * 1.5, x[:, 1:3])


def attend_theirs(layer: Any, x: Any) -> Any:
    return layer(x, x[:, :2] * 1.5, x[:, 1:3])[0]


MAPS = ((2, 4, 5, 6), (3, 4, 1, 4))
LAYERS: dict[str, Layer] = {
    "Conv1d": conv("Conv1d", ((2, 4, 9), (1, 4, 5)), 4, 6, 3, stride=2, padding=1, groups=2),
    "Conv2d": conv("Conv2d", ((2, 4, 6, 7), (1, 4, 8, 3)), 4, 6, (4, 3), stride=2, padding=1),
    "Conv2d dilated": conv("Conv2d", ((2, 4, 7, 6),), 4, 6, 3, dilation=2, groups=2, bias=False),
    "Conv2d 1x1": conv("Conv2d", ((2, 4, 5, 3),), 4, 2, 1),
    "ConvTranspose1d": conv("ConvTranspose1d", ((2, 4, 5),), 4, 6, 3, stride=2, output_padding=1),
    "ConvTranspose2d": conv(
        "ConvTranspose2d", ((2, 4, 3, 4), (1, 4, 1, 1)), 4, 6, 4, stride=2, padding=1, groups=2
    ),
    "MaxPool1d": bare("MaxPool1d", ((2, 3, 7),), 3, 2, 1),
    "MaxPool2d": bare("MaxPool2d", ((2, 3, 5, 6), (1, 1, 2, 2)), 2),
    "MaxPool2d overlapping": bare("MaxPool2d", ((2, 3, 5, 6),), (3, 2), stride=1, padding=(1, 0)),
    "AvgPool1d": bare("AvgPool1d", ((2, 3, 7),), 3, 2, 1),
    "AvgPool2d": bare("AvgPool2d", ((2, 3, 5, 6),), 3, 2, 1, count_include_pad=False),
    "AdaptiveAvgPool1d": bare("AdaptiveAvgPool1d", ((2, 3, 7),), 3),
    "AdaptiveAvgPool2d": bare("AdaptiveAvgPool2d", ((2, 3, 5, 6), (1, 2, 1, 2)), (3, 2)),
    "AdaptiveMaxPool2d": bare("AdaptiveMaxPool2d", ((2, 3, 5, 6),), 1),
    "Upsample nearest": bare("Upsample", ((2, 3, 2, 3),), scale_factor=2),
    "Upsample to a size": bare("Upsample", ((2, 3, 2, 3),), (4, 9)),
    "Upsample bilinear": bare("Upsample", ((2, 3, 4, 3),), scale_factor=(2, 3), mode="bilinear"),
    "Upsample aligned": bare(
        "Upsample", ((2, 3, 4, 3),), size=(7, 5), mode="bilinear", align_corners=True
    ),
    "PixelShuffle": bare("PixelShuffle", ((2, 8, 3, 2),), 2),
    "BatchNorm1d": plain("BatchNorm1d", ((5, 4), (7, 4)), 4, second_order=True),
    "BatchNorm1d of sequences": plain("BatchNorm1d", ((5, 4, 3),), 4, momentum=None, eps=1e-3),
    "BatchNorm2d": plain("BatchNorm2d", (*MAPS, (1, 4, 2, 2)), 4, second_order=True),
    "BatchNorm2d plain": plain(
        "BatchNorm2d", MAPS, 4, affine=False, track_running_stats=False, second_order=True
    ),
    "LayerNorm": plain("LayerNorm", ((5, 4), (2, 3, 4)), 4, second_order=True),
    "LayerNorm of two axes": plain("LayerNorm", ((5, 3, 4),), (3, 4)),
    "LayerNorm plain": plain("LayerNorm", ((5, 4),), 4, elementwise_affine=False),
    "LayerNorm without bias": plain("LayerNorm", ((5, 4),), 4, bias=False),
    "GroupNorm": plain("GroupNorm", (*MAPS, (3, 4), (2, 4, 5)), 2, 4, second_order=True),
    "GroupNorm plain": plain("GroupNorm", MAPS, 4, 4, affine=False),
    "InstanceNorm2d": plain("InstanceNorm2d", MAPS, 4),
    "InstanceNorm2d affine": plain("InstanceNorm2d", MAPS, 4, affine=True, second_order=True),
    "SpectralNorm Linear": Layer(
        lambda r, t: nn.SpectralNorm(nn.Linear(4, 6, rng=r, dtype=t), rng=r),
        lambda torch: spectral(torch, torch.nn.Linear(4, 6)),
        ((5, 4), (2, 4)), True,
    ),
    "SpectralNorm Conv2d": Layer(
        lambda r, t: nn.SpectralNorm(nn.Conv2d(4, 6, 3, padding=1, rng=r, dtype=t), rng=r),
        lambda torch: spectral(torch, torch.nn.Conv2d(4, 6, 3, padding=1)),
        MAPS, True,
    ),
    "SpectralNorm ConvTranspose2d": Layer(
        lambda r, t: nn.SpectralNorm(nn.ConvTranspose2d(4, 6, 3, 2, rng=r, dtype=t), rng=r),
        lambda torch: spectral(torch, torch.nn.ConvTranspose2d(4, 6, 3, 2)),
        ((2, 4, 3, 2),), True,
    ),
    "MultiheadAttention": Layer(
        lambda r, t: nn.MultiheadAttention(4, 2, rng=r, dtype=t),
        lambda torch: torch.nn.MultiheadAttention(4, 2, batch_first=True),
        ((2, 5, 4), (3, 3, 4)), True, attend, attend_theirs,
    ),
    "MultiheadAttention plain": Layer(
        lambda r, t: nn.MultiheadAttention(4, 1, bias=False, rng=r, dtype=t),
        lambda torch: torch.nn.MultiheadAttention(4, 1, bias=False, batch_first=True),
        ((2, 5, 4),), True, lambda layer, x: layer(x), lambda layer, x: layer(x, x, x)[0],
    ),
    "RNN": recurrent("RNN", ((4, 2, 3), (1, 1, 3))),
    "RNN relu": recurrent("RNN", ((3, 2, 3),), nonlinearity="relu", bias=False, num_layers=2),
    "GRU": recurrent("GRU", ((5, 2, 3),)),
    "GRU deep": recurrent("GRU", ((2, 4, 3),), num_layers=2, bidirectional=True, batch_first=True),
    "LSTM": recurrent("LSTM", ((3, 2, 3),), batch_first=True),
    "LSTM deep": recurrent("LSTM", ((3, 2, 3),), num_layers=2, bidirectional=True, bias=False),
    # -- what PyTorch has not
    "PixelNorm": Layer(lambda r, t: nn.PixelNorm(), None, (*MAPS, (3, 4))),
    "MinibatchDiscrimination": Layer(
        lambda r, t: nn.MinibatchDiscrimination(4, 3, 2, rng=r, dtype=t), None, ((5, 4), (2, 4)),
        True,
    ),
    "MinibatchStdDev": Layer(lambda r, t: nn.MinibatchStdDev(2, 2), None, ((4, 4, 2, 3),)),
    "SelfAttention2d": Layer(lambda r, t: nn.SelfAttention2d(4, 2, rng=r, dtype=t), None, MAPS),
    "EqualizedLinear": Layer(
        lambda r, t: nn.EqualizedLinear(4, 3, lr_mul=0.1, rng=r, dtype=t), None, ((5, 4),)
    ),
    "EqualizedConv2d": Layer(
        lambda r, t: nn.EqualizedConv2d(4, 3, 3, padding=1, rng=r, dtype=t), None, MAPS
    ),
    "SpectralNorm SelfAttention": Layer(
        lambda r, t: nn.Sequential(
            nn.SpectralNorm(nn.Conv2d(4, 8, 1, rng=r, dtype=t), rng=r),
            nn.SelfAttention2d(8, rng=r, dtype=t),
        ), None, MAPS,
    ),
}  # fmt: skip


def twins(case: Layer, torch: Any, dtype: str, seed: int = 0) -> tuple[nn.Module, Any]:
    """The same layer twice, with random weights, in training."""
    torch.manual_seed(seed)
    theirs = case.theirs(torch).to(getattr(torch, dtype))
    with torch.no_grad():
        for p in theirs.parameters():
            p.copy_(torch.randn(p.shape) * 0.7)
    ours = case.ours(tg.Generator(seed, device="cpu"), dtype)
    ours.load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})
    return ours, theirs


def assert_close(ours: Any, theirs: Any, tolerance: float, what: str) -> None:
    """To `tolerance` of the largest element, or of 1: a gradient may be 0 but for rounding."""
    a = ours.numpy() if isinstance(ours, tg.Tensor) else ours
    b = theirs.detach().numpy()
    assert a.shape == b.shape, what
    assert a.dtype == b.dtype, what
    largest = max(1.0, float(np.abs(b).max())) if b.size else 1.0
    assert_allclose(a, b, rtol=0, atol=tolerance * largest, err_msg=what)


def parameter_pairs(ours: nn.Module, theirs: Any) -> list[tuple[str, tg.Tensor, Any]]:
    mine, other = dict(ours.named_parameters()), dict(theirs.named_parameters())
    assert set(mine) == set(other)
    return [(name, mine[name], other[name]) for name in mine]


def as_function(layer: nn.Module, call: Callable[[Any, Any], Any] | None = None) -> Any:
    """A function of the input and of the parameters, for gradcheck; and the parameters."""
    names = [name for name, _ in layer.named_parameters()]
    owners = []
    for name in names:
        *path, last = name.split(".")
        owner: Any = layer
        for part in path:
            owner = owner[int(part)] if part.isdigit() else getattr(owner, part)
        owners.append((owner, last))

    def function(x: tg.Tensor, *parameters: tg.Tensor) -> tg.Tensor:
        for (owner, last), p in zip(owners, parameters, strict=True):
            setattr(owner, last, p)
        return (call or (lambda layer, x: layer(x)))(layer, x)

    return function, layer.parameters()
