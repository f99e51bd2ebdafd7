"""Initial values of weights, written into a Tensor in place.

    nn.init.kaiming_normal_(layer.weight, rng=rng)
    nn.init.orthogonal_(layer.weight, gain=nn.init.gain("tanh"), rng=rng)

Everything is drawn on the host and then moved: one seed gives one initial model on every device.
Weights are laid out (out, in, ...), as in PyTorch; the fans count connections, so that a
convolution's (out, in, height, width) has fan in = in * height * width.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import backend_for
from ..random import Generator
from ..tensor import Tensor

__all__ = ["constant_", "dcgan_", "fans", "gain", "kaiming_normal_", "kaiming_uniform_", "normal_",
           "ones_", "orthogonal_", "uniform_", "uniform_parameter", "xavier_normal_",
           "xavier_uniform_", "zeros_"]  # fmt: skip


def uniform_parameter(
    shape: tuple[int, ...], bound: float, *, rng: Generator, dtype: Any, device: str | None
) -> Tensor:
    """A new parameter of this shape, with values from U(-bound, bound).

    Args:
        device: where it goes; None for where `rng` delivers.

    >>> w = nn.init.uniform_parameter((2, 3), 0.1, rng=rng, dtype="float32", device=None)
    >>> w.shape, w.requires_grad
    ((2, 3), True)
    """
    values = rng.on("cpu").uniform(shape, -bound, bound, dtype=dtype)
    backend = rng.backend if device is None else backend_for(device)
    return Tensor(backend.from_host(values), requires_grad=True)


def uniform_(tensor: Tensor, low: float = 0.0, high: float = 1.0, *, rng: Generator) -> Tensor:
    """U(low, high), of any shape; returns the tensor, as all of these.

    >>> w = nn.init.uniform_(tg.zeros(100), -1.0, 1.0, rng=rng)
    >>> tg.abs(w).max().item() <= 1.0
    True
    """
    return _write(tensor, rng.on("cpu").uniform(tensor.shape, low, high, dtype=tensor.dtype))


def normal_(tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, rng: Generator) -> Tensor:
    """N(mean, std^2), of any shape; `std` is the standard deviation.

    >>> nn.init.normal_(tg.zeros(3, 2), std=0.02, rng=rng).shape
    (3, 2)
    """
    return _write(tensor, rng.on("cpu").normal(tensor.shape, mean, std, dtype=tensor.dtype))


def constant_(tensor: Tensor, value: float) -> Tensor:
    """One value everywhere, in a tensor of any shape.

    >>> nn.init.constant_(tg.zeros(2), 0.5)
    Tensor([0.5, 0.5])
    """
    tensor[...] = value
    return tensor


def zeros_(tensor: Tensor) -> Tensor:
    """Zeros.

    >>> nn.init.zeros_(tg.ones(2))
    Tensor([0., 0.])
    """
    return constant_(tensor, 0.0)


def ones_(tensor: Tensor) -> Tensor:
    """Ones.

    >>> nn.init.ones_(tg.zeros(2))
    Tensor([1., 1.])
    """
    return constant_(tensor, 1.0)


def kaiming_uniform_(
    tensor: Tensor, nonlinearity: str = "relu", slope: float = 0.01, fan: str = "in",
    *, rng: Generator,
) -> Tensor:  # fmt: skip
    """U(-b, b) of standard deviation gain / sqrt(fan).

    He et al. 2015, "Delving deep into rectifiers", eq. 10 and 14: keeps the variance of
    activations (fan "in") or of gradients (fan "out") through layers of this nonlinearity.

    Args:
        tensor: a weight (out, in, ...).
        nonlinearity, slope: see `gain`. fan: "in" or "out".

    Raises:
        ValueError: the nonlinearity or the fan is unknown, or the tensor has fewer than two axes.

    >>> w = nn.init.kaiming_uniform_(tg.zeros(200, 50), rng=rng)
    >>> tg.abs(w).max().item() <= (6 / 50) ** 0.5
    True
    """
    bound = math.sqrt(3.0) * _kaiming_std(tensor, nonlinearity, slope, fan)
    return uniform_(tensor, -bound, bound, rng=rng)


def kaiming_normal_(
    tensor: Tensor, nonlinearity: str = "relu", slope: float = 0.01, fan: str = "in",
    *, rng: Generator,
) -> Tensor:  # fmt: skip
    """N(0, gain^2 / fan): He et al. 2015, eq. 10 and 14; see `kaiming_uniform_`, also for errors.

    >>> w = nn.init.kaiming_normal_(tg.zeros(200, 50), rng=rng)
    >>> abs(w.std().item() - (2 / 50) ** 0.5) < 0.01
    True
    """
    return normal_(tensor, 0.0, _kaiming_std(tensor, nonlinearity, slope, fan), rng=rng)


def xavier_uniform_(tensor: Tensor, gain: float = 1.0, *, rng: Generator) -> Tensor:
    """U(-b, b) with b = gain sqrt(6 / (fan in + fan out)).

    Glorot & Bengio 2010, "Understanding the difficulty of training deep feedforward neural
    networks", eq. 16: a compromise between the variances of activations and of gradients. Raises
    ValueError unless the tensor is a weight (out, in, ...).

    >>> w = nn.init.xavier_uniform_(tg.zeros(60, 40), rng=rng)
    >>> tg.abs(w).max().item() <= (6 / 100) ** 0.5
    True
    """
    bound = gain * math.sqrt(6.0 / sum(fans(tensor.shape)))
    return uniform_(tensor, -bound, bound, rng=rng)


def xavier_normal_(tensor: Tensor, gain: float = 1.0, *, rng: Generator) -> Tensor:
    """N(0, 2 gain^2 / (fan in + fan out)): Glorot & Bengio 2010, eq. 12; see `xavier_uniform_`.

    >>> w = nn.init.xavier_normal_(tg.zeros(60, 40), rng=rng)
    >>> abs(w.std().item() - (2 / 100) ** 0.5) < 0.01
    True
    """
    return normal_(tensor, 0.0, gain * math.sqrt(2.0 / sum(fans(tensor.shape))), rng=rng)


def orthogonal_(tensor: Tensor, gain: float = 1.0, *, rng: Generator) -> Tensor:
    """`gain` times a random matrix with orthonormal rows or columns, whichever are fewer.

    The tensor is seen as a matrix (out, everything else). Saxe et al. 2014, "Exact solutions to
    the nonlinear dynamics of learning in deep linear neural networks", section 3. Raises ValueError
    for fewer than two axes.

    >>> w = nn.init.orthogonal_(tg.zeros(2, 5), rng=rng)
    >>> np.allclose((w @ w.T).numpy(), np.eye(2), atol=1e-6)
    True
    """
    if tensor.ndim < 2:
        raise ValueError(f"orthogonal_: needs at least 2 axes, not shape {tensor.shape}.")
    rows, columns = tensor.shape[0], math.prod(tensor.shape[1:])
    tall = (max(rows, columns), min(rows, columns))
    q, r = np.linalg.qr(rng.on("cpu").normal(tall, dtype="float64"))
    q *= np.where(np.diagonal(r) < 0, -1.0, 1.0)  # without it q is not uniformly distributed
    return _write(tensor, gain * (q if rows >= columns else q.T).reshape(tensor.shape))


def dcgan_(module: Any, *, rng: Generator) -> Any:
    """Every weight of two or more axes N(0, 0.02^2), batch norm's N(1, 0.02^2), every bias 0.

    Radford, Metz & Chintala 2016, "Unsupervised representation learning with deep convolutional
    generative adversarial networks", section 4. (They do not say how batch norm starts; this is
    their code.) Other parameters, such as an attention's gamma, are left. Returns the module.

    >>> net = nn.Sequential(nn.Conv2d(1, 8, 4, rng=rng), nn.BatchNorm2d(8))
    >>> nn.init.dcgan_(net, rng=rng) is net
    True
    """
    for name, tensor in module.named_parameters():
        if tensor.ndim > 1:
            normal_(tensor, 0.0, 0.02, rng=rng)
        elif name.endswith("weight"):
            normal_(tensor, 1.0, 0.02, rng=rng)
        elif name.endswith("bias"):
            zeros_(tensor)
    return module


def fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Fan in and fan out of a weight (out, in, ...): connections into and out of one unit.

    Raises ValueError for fewer than two axes.

    >>> nn.init.fans((10, 4)), nn.init.fans((16, 3, 5, 5))
    ((4, 10), (75, 400))
    """
    if len(shape) < 2:
        raise ValueError(f"fans: a weight has axes (out, in, ...), not shape {shape}.")
    window = math.prod(shape[2:])
    return shape[1] * window, shape[0] * window


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """What a nonlinearity takes from the standard deviation, inverted (PyTorch's table).

    relu halves the second moment: sqrt(2), He et al. 2015. tanh's 5/3 is an empirical value.

    Args:
        nonlinearity: "linear", "sigmoid", "tanh", "relu" or "leaky_relu" (which uses `slope`); else
            ValueError.

    >>> nn.init.gain("tanh"), round(nn.init.gain("relu"), 4)
    (1.6666666666666667, 1.4142)
    """
    known = {
        "linear": 1.0,
        "sigmoid": 1.0,
        "tanh": 5.0 / 3.0,
        "relu": math.sqrt(2.0),
        "leaky_relu": math.sqrt(2.0 / (1.0 + slope * slope)),
    }
    if nonlinearity not in known:
        raise ValueError(f"gain: {nonlinearity!r} is not known; known are {', '.join(known)}.")
    return known[nonlinearity]


def _kaiming_std(tensor: Tensor, nonlinearity: str, slope: float, fan: str) -> float:
    if fan not in ("in", "out"):
        raise ValueError(f"kaiming: fan must be 'in' or 'out', not {fan!r}.")
    return gain(nonlinearity, slope) / math.sqrt(fans(tensor.shape)[fan == "out"])


def _write(tensor: Tensor, values: np.ndarray) -> Tensor:
    tensor[...] = backend_for(tensor.device).from_host(values.astype(tensor.dtype, copy=False))
    return tensor
