"""Layers and losses as single operations: fewer nodes, fewer temporaries.

Beside each stands its `_reference`, the plain composition that says what it computes; the tests hold
the two together at orders 1 to 3.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..primitive import ShapeError, constant, primitive
from ..tensor import Tensor
from .elementwise import leaky_relu, leaky_relu_slope, sigmoid, softplus, square
from .linalg import matmul, product
from .reductions import log_softmax, mean, sum
from .shape import broadcast_to, reshape, swapaxes

# -- linear: x (N, I) times the transpose of w (O, I), plus b (O,) ---------------------------------

_linear = primitive("linear", lambda xp, x, w, b: _affine(xp, x, w, b),
                    lambda g, w: product(g, w),
                    lambda g, x: product(g.T, x),
                    lambda g: column_sum(g))

_linear_relu = primitive("linear_relu", lambda xp, x, w, b, slope: xp.biased_relu(xp.dot(x, w.T), b, slope),
                         lambda g, w: product(g, w),
                         lambda g, x: product(g.T, x),
                         lambda g: column_sum(g),
                         through=lambda g, y, slope: leaky_relu_slope(g, y, slope) if slope else g * (y > 0))

column_sum = primitive("column_sum", lambda xp, x: xp.column_sum(x),
                       lambda g, x_shape: broadcast_to(g, x_shape),
                       doc="The sum over the first axis of a matrix.")


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight.T + bias: (..., out_features).

    Args:
        x: (..., in_features). weight: (out_features, in_features). bias: (out_features,) or None.

    Raises:
        ValueError: the shapes do not fit each other.
    """
    _check_features("linear", x, weight)
    if bias is not None and x.ndim == 2:
        return _linear(x, weight, bias)
    if bias is None:
        return matmul(x, swapaxes(weight, 0, 1))
    y = _linear(reshape(x, (-1, x.shape[-1])), weight, bias)
    return reshape(y, (*x.shape[:-1], weight.shape[0]))


def linear_relu(x: Any, weight: Any, bias: Any, slope: float = 0.0) -> Any:
    """The rectifier of a linear layer, leaky where `slope` > 0, without its input in memory.

    Args:
        x: (..., in_features). weight: (out_features, in_features). bias: (out_features,).

    Returns:
        (..., out_features).

    Raises:
        ValueError: the shapes do not fit each other.
    """
    _check_features("linear_relu", x, weight)
    if x.ndim == 2:
        return _linear_relu(x, weight, bias, slope)
    y = _linear_relu(reshape(x, (-1, x.shape[-1])), weight, bias, slope)
    return reshape(y, (*x.shape[:-1], weight.shape[0]))


def linear_relu_reference(x: Any, weight: Any, bias: Any, slope: float = 0.0) -> Any:
    """What `linear_relu` computes."""
    return leaky_relu(linear_reference(x, weight, bias), slope)


def _check_features(name: str, x: Any, weight: Any) -> None:
    if x.shape[-1] != weight.shape[1]:
        raise ShapeError(
            f"{name}: the input has {x.shape[-1]} features, the weight expects {weight.shape[1]} "
            f"(input {x.shape}, weight {weight.shape})."
        )


def linear_reference(x: Any, weight: Any, bias: Any) -> Any:
    """What `linear` computes."""
    return x @ swapaxes(weight, 0, 1) + bias


def _affine(xp: Any, x: Any, w: Any, b: Any) -> Any:
    y = xp.dot(x, w.T)
    y += b
    return y


# -- losses ------------------------------------------------------------------------------------------

_bce = primitive("bce_with_logits", lambda xp, x, target: xp.bce_with_logits(x, target),
                 lambda g, x, target: _bce_slope(x, target, g),
                 lambda g, x: x * (g * (-1.0 / x.size)))

_bce_slope = primitive("bce_slope", lambda xp, x, target, s: xp.bce_slope(x, target, s),
                       lambda g, x, s: _sigmoid_slope(g, sigmoid(x)) * (s * (1.0 / x.size)),
                       lambda g, s: g * (s * (-1.0 / g.size)),
                       lambda g, x, target: sum(g * (sigmoid(x) - target)) * (1.0 / x.size))

# Cross-entropy is two operations on purpose. log_softmax keeps its own output, and exp(output) is the
# softmax that its rule needs; a single operation would have to compute that anew from the logits.
_class_loss = primitive("class_loss", lambda xp, logs, labels: _mean_of_classes(xp, logs, labels),
                        lambda g, labels, logs_shape: _at_classes(g, labels, logs_shape))

_at_classes = primitive("class_loss_slope", lambda xp, s, labels, shape: xp.class_loss_slope(s, labels, shape),
                        lambda g, labels: _class_loss(g, labels))

_weighted_loss = primitive("weighted_loss", lambda xp, logs, target: xp.sum(logs * target) * (-1.0 / len(logs)),
                           lambda g, target: target * (g * (-1.0 / len(target))),
                           lambda g, logs: logs * (g * (-1.0 / len(logs))))

_mse = primitive("mse", lambda xp, a, b: _mse_forward(xp, a, b),
                 lambda g, a, b: (a - b) * (g * (2.0 / a.size)),
                 lambda g, a, b: (b - a) * (g * (2.0 / a.size)))


def bce_with_logits(logits: Any, target: Any) -> Any:
    """Binary cross-entropy: the mean of softplus(x) - target * x over all elements, 0-d, in nats.

    Args:
        logits: x, the log-odds; sigmoid(x) is the probability.
        target: in [0, 1]: one number, or an array of the shape of `logits`.

    Raises:
        ValueError: the two shapes differ.
    """
    _same_shape("bce_with_logits", logits, target)
    return _bce(logits, target)


def bce_with_logits_reference(logits: Any, target: Any) -> Any:
    """What `bce_with_logits` computes."""
    return mean(softplus(logits) - logits * target)


def softmax_cross_entropy(logits: Any, target: Any) -> Any:
    """The mean over rows of -sum(target * log_softmax(logits)), 0-d, in nats.

    Args:
        logits: (N, C).
        target: (N,) integer classes in 0..C-1 (checked on the host only: a GPU would have to be
            waited for), or (N, C) weights of the classes.

    Raises:
        TypeError: the target is no tensor or array.
        ValueError: the shapes are others.
        IndexError: on the host, a class is not in 0..C-1.
    """
    if not hasattr(target, "dtype"):
        raise TypeError(
            "softmax_cross_entropy: the target is a tensor or an array, not "
            f"{type(target).__name__}; make a tensor with tg.tensor."
        )
    if target.dtype.kind in "iu":
        return _class_loss(log_softmax(logits), target._data if type(target) is Tensor else target)
    _same_shape("softmax_cross_entropy", logits, target)
    return _weighted_loss(log_softmax(logits), target)


def softmax_cross_entropy_reference(logits: Any, target: Any) -> Any:
    """What `softmax_cross_entropy` computes, for (N, C) targets."""
    return -mean(sum(log_softmax(logits) * target, 1))


def mse(a: Any, b: Any) -> Any:
    """The mean of (a - b)^2, 0-d; both of one shape (broadcasting is nearly always a mistake here).

    Raises:
        ValueError: the shapes differ.
    """
    _same_shape("mse", a, b)
    return _mse(a, b)


def mse_reference(a: Any, b: Any) -> Any:
    """What `mse` computes."""
    return mean(square(a - b))


_one_hot = constant("one_hot", lambda xp, labels, classes, like: _marks(xp, labels, classes).astype(like.dtype))


def one_hot(labels: Any, classes: int, like: Any = None) -> Any:
    """Rows of zeros with a one at each label: (N,) integers to (N, classes), typed as `like`.

    float32 if `like` is None. Raises IndexError, on the host, for a label that is not in
    0..classes-1.
    """
    return _one_hot(labels, classes, np.zeros(0, "float32") if like is None else like)


def _marks(xp: Any, labels: Any, classes: int) -> Any:
    xp.check_labels(labels, classes)
    return labels[:, None] == xp.arange(classes)


def _same_shape(name: str, a: Any, b: Any) -> None:
    shape = getattr(b, "shape", ())
    if shape != a.shape and (name == "mse" or shape != ()):
        raise ValueError(f"{name}: the two shapes must be equal, not {a.shape} and {shape}.")


def _mean_of(xp: Any, x: Any, count: int) -> Any:
    return xp.sum(x) * (1.0 / count)


def _sigmoid_slope(g: Any, p: Any) -> Any:
    return g * (p * (1.0 - p))


def _mean_of_classes(xp: Any, logs: Any, labels: Any) -> Any:
    if logs.ndim != 2 or labels.shape != logs.shape[:1]:
        raise ShapeError(
            f"softmax_cross_entropy: logits must be (N, C) and labels (N,), not {logs.shape} and "
            f"{labels.shape}."
        )
    xp.check_labels(labels, logs.shape[1])
    return xp.class_loss(logs, labels)


def _mse_forward(xp: Any, a: Any, b: Any) -> Any:
    d = a - b
    d *= d
    return _mean_of(xp, d, d.size)
