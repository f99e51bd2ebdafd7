"""What NumPy or SciPy makes of every example of `tinygen.examples`, and the constant operations.

A new operation gets its example there and its oracle here; `test_derivatives.py` fails otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special
from convolution_loops import conv2d_loops, conv2d_weight_loops, conv_transpose2d_loops

import tinygen as tg
from tinygen.examples import EINSUM, EXAMPLES, LABELS, MASK, OVERLAPPING, ROWS, SIGNED, Example
from tinygen.primitive import PRIMITIVES


@dataclass(frozen=True)
class Case(Example):
    """An example and its `oracle` on arrays; `op` must appear in the graph of the result."""

    oracle: Callable[..., Any]


# -- the table -------------------------------------------------------------------------

UNARY = [
    # name, oracle
    ("negative", np.negative),
    ("exp", np.exp),
    ("expm1", np.expm1),
    ("log", np.log),
    ("log1p", np.log1p),
    ("sqrt", np.sqrt),
    ("square", np.square),
    ("reciprocal", np.reciprocal),
    ("sin", np.sin),
    ("cos", np.cos),
    ("tan", np.tan),
    ("arcsin", np.arcsin),
    ("arccos", np.arccos),
    ("arctan", np.arctan),
    ("sinh", np.sinh),
    ("cosh", np.cosh),
    ("tanh", np.tanh),
    ("sigmoid", scipy.special.expit),
    ("softplus", lambda x: np.logaddexp(x, 0)),
    ("erf", scipy.special.erf),
    ("silu", lambda x: x * scipy.special.expit(x)),
    ("gelu", lambda x: x * scipy.special.ndtr(x)),
    ("absolute", np.abs),
    ("relu", lambda x: np.maximum(x, 0)),
    ("sign", np.sign),
    ("floor", np.floor),
    ("ceil", np.ceil),
    ("round", np.round),
    ("log_or_zero", np.log),
]
BINARY = [
    ("add", np.add),
    ("subtract", np.subtract),
    ("multiply", np.multiply),
    ("divide", np.divide),
    ("power", np.power),
    ("maximum", np.maximum),
    ("minimum", np.minimum),
]


_sigmoid = scipy.special.expit


def _gru(x: Any, w: Any, b: Any, h: Any) -> Any:
    """Gate by gate, as `nn.GRU` documents them."""
    states = []
    for of_input in x:
        (xr, xz, xn), (hr, hz, hn) = (np.split(a, 3, 1) for a in (of_input, h @ w.T + b))
        r, z = _sigmoid(xr + hr), _sigmoid(xz + hz)
        h = (1.0 - z) * np.tanh(xn + r * hn) + z * h
        states.append(h)
    return np.stack(states)


def _softmax_loss(x: Any, t: Any) -> Any:
    return -np.mean(np.sum(t * scipy.special.log_softmax(x, axis=1), axis=1))


def _scatter(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape)
    np.add.at(out, index, values)
    return out


def _qr_both(q: Any, r: Any) -> Any:
    return np.concatenate([q, r], axis=-2)


ORACLES = {
    **dict(UNARY),
    **dict(BINARY),
    "power_square": lambda x: x**2,
    "power_five": lambda x: x**5,
    "power_half": lambda x: x**1.5,
    "power_inverse": lambda x: x**-2.0,
    "power_of_two": lambda x: 2.0**x,
    "scalar_minus": lambda x: 1.5 - x,
    "scalar_over": lambda x: 1.5 / x,
    "where": lambda a, b: np.where(MASK, a, b),
    "where_row": lambda a, b: np.where(MASK, a, b * b),
    "clip": lambda x: np.clip(x, -0.5, 0.6),
    "clip_below": lambda x: np.maximum(x * x, 0.9),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.2 * x),
    "leaky_relu_slope": lambda g: g * g * np.where(SIGNED > 0, 1.0, 0.2),
    "elu": lambda x: np.where(x > 0, x, 1.3 * np.expm1(x)),
    "silu_slope": lambda g, x: g * _sigmoid(x) * (1 + x * _sigmoid(-x)),
    "gelu_slope": lambda g, x: g * (
        scipy.special.ndtr(x) + x * np.exp(-x * x / 2) / np.sqrt(2 * np.pi)),
    "astype": lambda x: x**3,
    # -- indexing
    "getitem_slice": lambda x: x[1:, ::2] ** 2,
    "getitem_new_axis": lambda x: x[None, -1, ..., ::-1] ** 2,
    "getitem_rows": lambda x: x[ROWS] ** 2,
    "getitem_mask": lambda x: x[MASK] ** 2,
    "take": lambda x: np.take(x, ROWS, axis=1),
    "scatter_add": lambda v: _scatter(v, ROWS, (4, 3)) ** 2,
    "scatter_add_slice": lambda v: _scatter(v, slice(1, 3), (4,)) ** 2,
    "tril": lambda x: np.tril(x * x),
    "triu": lambda x: np.triu(x * x, 1),
    "diagonal": lambda x: np.diagonal(x, axis1=-2, axis2=-1) ** 2,
    # -- shape
    "reshape": lambda x: x.reshape(3, -1) ** 2,
    "expand_dims": lambda x: x[..., None],
    "squeeze": np.squeeze,
    "transpose": lambda x: x.T**2,
    "transpose_axes": lambda x: x.transpose(1, 2, 0) ** 2,
    "swapaxes": lambda x: x.swapaxes(0, -1),
    "broadcast_to": lambda x: np.broadcast_to(x * x, (2, 4, 3)),
    "sum_to": lambda x: np.sum(x * x, axis=(0, 2))[:, None],
    "flip": lambda x: np.flip(x * x, 1),
    "repeat": lambda x: np.repeat(x * x, 3, axis=0),
    "pad": lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=0.5) ** 2,
    "concatenate": lambda a, b, c: np.concatenate([a, b, c], axis=-1) ** 2,
    "concatenate_same": lambda a: np.concatenate([a, a * a]),
    "stack": lambda a, b: np.stack([a, b], axis=1) ** 2,
    "split": lambda x: np.split(x, [1, 3], axis=1)[1] ** 2,
    # -- reductions
    "sum": lambda x: np.sum(x * x),
    "sum_axes": lambda x: np.sum(x * x, (0, -1)),
    "sum_kept": lambda x: np.sum(x * x, 1, keepdims=True),
    "mean": lambda x: np.mean(x * x, 0),
    "var": lambda x: np.var(x, (0, 2), ddof=1),
    "std": lambda x: np.std(x, 1),
    "max": lambda x: np.max(x, 1) ** 2,
    "max_all": lambda x: np.max(x**3, keepdims=True),
    "min": lambda x: np.min(x, (0, 1)) ** 2,
    "prod": lambda x: np.prod(x, 1),
    "prod_all": lambda x: np.prod(x, keepdims=True),
    "cumsum": lambda x: np.cumsum(x * x, 1),
    "logsumexp": lambda x: scipy.special.logsumexp(x, 1),
    "logsumexp_all": lambda x: scipy.special.logsumexp(x, keepdims=True),
    "softmax": lambda x: scipy.special.softmax(x, 0),
    "log_softmax": lambda x: scipy.special.log_softmax(x, -1),
    "softmax_slope": lambda g, y: y * (g - np.sum(g * y, 0)),
    "log_softmax_slope": lambda g, y: g - np.exp(y) * np.sum(g, -1, keepdims=True),
    "norm": lambda x: np.linalg.norm(x, axis=1),
    "norm_all": lambda x: np.linalg.norm(x, keepdims=True),
    "norm_one": lambda x: np.linalg.norm(x, axis=1, ord=1) ** 2,
    "norm_three": lambda x: np.linalg.norm(x, axis=1, ord=3),
    "norm_largest": lambda x: np.linalg.norm(x, axis=1, ord=np.inf) ** 2,
    # -- matrices
    "matmul": np.matmul,
    "matmul_stack": np.matmul,
    "matmul_stack_matrix": np.matmul,
    "matmul_vectors": np.matmul,
    "matmul_row": np.matmul,
    "matmul_column": np.matmul,
    "dot": np.dot,
    "outer": np.outer,
    "trace": lambda a: np.trace(a * a, axis1=-2, axis2=-1),
    "tensordot": lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0])),
    "inv": np.linalg.inv,
    "solve": np.linalg.solve,
    "solve_vector": np.linalg.solve,
    "cholesky": lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2)),
    "logdet": lambda a: np.linalg.slogdet(a)[1],
    "qr": lambda a: _qr_both(*np.linalg.qr(a)),
    "qr_tall": lambda a: _qr_both(*np.linalg.qr(a)),
    **{f"einsum_{f}": lambda *x, f=f: np.einsum(f, *x) for f in EINSUM},
    "einsum_alone": lambda a: np.einsum("iji->j", a * a),
    # -- fused
    "linear": lambda x, w, b: x @ w.T + b,
    "linear_relu": lambda x, w, b: np.maximum(x @ w.T + b, 0),
    "linear_leaky_relu": lambda x, w, b: np.maximum(x @ w.T + b, 0.2 * (x @ w.T + b)),
    "linear_stack": lambda x, w, b: x @ w.T + b,
    "linear_plain": lambda x, w: x @ w.T,
    "gru_sequence": _gru,
    "column_sum": lambda x: np.sum(x * x, 0),
    "bce_with_logits": lambda x, t: np.mean(np.logaddexp(x, 0) - x * t),
    "bce_with_logits_number": lambda x: np.mean(np.logaddexp(x, 0) - x * 0.9),
    "bce_slope": lambda x, t, s: (_sigmoid(x) - t) * s / 6.0,
    "bce_slope_number": lambda x, s: (_sigmoid(x) - 0.9) * s / 6.0,
    "cross_entropy_weights": _softmax_loss,
    "cross_entropy_labels": lambda x: _softmax_loss(x, np.eye(3)[LABELS]),
    "class_loss_slope": lambda s: s * np.eye(3)[LABELS] / -4.0,
    "mse": lambda a, b: np.mean((a - b) ** 2),
    # -- likelihoods
    "bernoulli_log_prob": lambda x, t: np.sum(x * t - np.logaddexp(x, 0), -1),
    "bernoulli_log_prob_stack": lambda x, t: np.sum(x * t - np.logaddexp(x, 0), -1),
    "bernoulli_slope": lambda u, x, t: u[:, None] * (t - _sigmoid(x)),
    "reparameterised": lambda m, v, e: m + np.exp(v / 2) * e,
    "normal_kl": lambda m, v: (m**2 + np.exp(v) - 1 - v) / 2,
    # -- convolution
    "conv2d": lambda x, w, b: conv2d_loops(x, w) + b[:, None, None],
    "conv2d_geometry": lambda x, w: conv2d_loops(x, w, (2, 1), (1, 2), (1, 2), 2),
    "conv2d_pointwise": conv2d_loops,
    "conv1d": lambda x, w: conv2d_loops(x[:, :, None], w[:, :, None], (1, 2), (0, 1))[:, :, 0],
    "conv_transpose2d":
        lambda x, w, b: conv_transpose2d_loops(x, w, (2, 2), (1, 1), (1, 0)) + b[:, None, None],
    "conv_transpose2d_groups":
        lambda x, w: conv_transpose2d_loops(x, w, (1, 2), (1, 1), (1, 1), (2, 2), 2),
    "conv_transpose1d":
        lambda x, w: conv_transpose2d_loops(x[:, :, None], w[:, :, None], (1, 2))[:, :, 0],
    "conv2d_weight": lambda x, g: conv2d_weight_loops(x, g, (2, 2)),
    # -- normalisation
    "centre": lambda x: (x - x.mean((0, 2), keepdims=True)) ** 2,
    "window_max": lambda x: np.stack(
        [x[..., max(a, 0) : b].max(3) for a, b in OVERLAPPING], 3) ** 2,
    "into_windows": lambda v: np.stack(
        [v[:, :, 0] + v[:, :, 1] * [1, 0], (v[:, :, 1] + v[:, :, 2]) * [0, 1], 0 * v[:, :, 0],
         v[:, :, 2] * [1, 0]], 2) ** 2,
    "from_windows": lambda x: x[:, :, [[0, 0], [0, 1], [3, 1]], [0, 1]] ** 2,
    "sum_across": lambda x: x**4,  # over one rank; over more: tests/parallel
    "inverse_std": lambda x: 1 / np.sqrt(x / 5 + 0.01),
    "inverse_std_slope": lambda g, y: -0.5 / 5 * g * y**3,
    "scale": np.multiply,
    "scale_shift": lambda x, s, b: x * s + b,
    "sum_products": lambda a, b: np.sum(a * b, (0, 2))[:, None] ** 2,
    "sum_over": lambda x: np.sum(x * x, (1, 2), keepdims=True),
    # -- transforms
    "identity": lambda x: x * x,
}  # fmt: skip

CASES = [Case(*vars(example).values(), ORACLES[example.name]) for example in EXAMPLES]

# -- operations that are constant: their results never require gradients --------------------

CONSTANTS = {
    # name: (function of a tensor, oracle)
    **{
        name: (lambda x, name=name: PRIMITIVES[name](x, 0.2), lambda x, f=f: f(x, 0.2))
        for name, f in {
            "less": np.less, "less_equal": np.less_equal, "greater": np.greater,
            "greater_equal": np.greater_equal, "equal": np.equal, "not_equal": np.not_equal,
            "floor_divide": np.floor_divide,
        }.items()
    },
    "zeros_like": (tg.zeros_like, np.zeros_like),
    "ones_like": (tg.ones_like, np.ones_like),
    "isfinite": (lambda x: tg.isfinite(1.0 / (x - 0.2)), lambda x: x != 0.2),
    "isnan": (lambda x: tg.isnan(tg.log(x)), lambda x: x < 0),
    "argmax": (lambda x: tg.argmax(x, 1), lambda x: np.argmax(x, 1)),
    "argmin": (tg.argmin, np.argmin),
    "bitwise_and": (lambda x: (x > -0.4) & (x < 0.4), lambda x: np.abs(x) < 0.4),
    "bitwise_or": (lambda x: (x < -0.4) | (x > 0.4), lambda x: np.abs(x) > 0.4),
    "invert": (lambda x: ~(x > 0.4), lambda x: x <= 0.4),
    "share": (lambda x: PRIMITIVES["share"](x > 0.2, x == 0.2, x),
              lambda x: (x > 0.2) + 0.5 * (x == 0.2)),
    "extreme_shares": (lambda x: PRIMITIVES["extreme_shares"](x, tg.max(x, 1, True), 1),
                       lambda x: x == x.max(1, keepdims=True)),
    "window_argmax": (lambda x: PRIMITIVES["window_argmax"](
        tg.reshape(x, 1, 1, 2, 3), ((0, 2), (1, 3)), 3),
        lambda x: np.stack([np.argmax(x[:, i : i + 2], 1) for i in (0, 1)], 1)[None, None]),
    "one_hot": (lambda x: tg.one_hot(tg.argmax(x, 1), 3, x), lambda x: np.eye(3)[np.argmax(x, 1)]),
}  # fmt: skip
