"""One table of operations: what to call, on which inputs, and what NumPy or SciPy makes of them.

Every primitive of `tinygen.ops` has at least one case here; `test_derivatives.py` fails otherwise.
Inputs are drawn away from kinks and ties, so that finite differences of any order exist.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
import scipy.special

import tinygen as tg
from tinygen.backend import BACKEND_OF
from tinygen.primitive import PRIMITIVES

Maker = Callable[[np.random.Generator], list[np.ndarray]]


@dataclass(frozen=True)
class Case:
    """`function` of tensors, `oracle` of arrays; `op` must appear in the graph of the result."""

    name: str
    op: str | None
    function: Callable[..., Any]
    maker: Maker
    oracle: Callable[..., Any]

    def inputs(self) -> list[np.ndarray]:
        """Float64 arrays, the same at every call."""
        return self.maker(np.random.default_rng(zlib.crc32(self.name.encode())))


# -- inputs ----------------------------------------------------------------------------


def normal(*shapes: tuple[int, ...]) -> Maker:
    return lambda rng: [rng.normal(size=shape) for shape in shapes]


def within(low: float, high: float, *shapes: tuple[int, ...]) -> Maker:
    return lambda rng: [rng.uniform(low, high, size=shape) for shape in shapes]


def spread(*shapes: tuple[int, ...]) -> Maker:
    """Elements 0.1 or more apart across all the inputs, and away from integers and halves."""

    def make(rng: np.random.Generator) -> list[np.ndarray]:
        total = sum(math.prod(shape) for shape in shapes)
        grid = rng.permutation((np.arange(total) - total // 2) * 0.5 + 0.2)
        parts = np.split(grid, np.cumsum([math.prod(shape) for shape in shapes])[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    return make


def well_conditioned(*shapes: tuple[int, ...]) -> Maker:
    """Square matrices near twice the identity; other shapes are normal."""

    def make(rng: np.random.Generator) -> list[np.ndarray]:
        return [
            0.3 * rng.normal(size=s) + (2.0 * np.eye(s[-1]) if s[-2:-1] == s[-1:] else 0.0)
            for s in shapes
        ]

    return make


def like(x: tg.Tensor, array: Any) -> Any:
    """A constant array on the device of `x`, in its dtype if it is of floats."""
    array = np.asarray(array)
    array = array.astype(x.dtype) if array.dtype.kind == "f" else array
    return BACKEND_OF[type(x.data)].from_host(array)


# -- the table -------------------------------------------------------------------------

UNARY = [
    # name, inputs, oracle
    ("negative", normal((2, 3)), np.negative),
    ("exp", normal((2, 3)), np.exp),
    ("expm1", normal((2, 3)), np.expm1),
    ("log", within(0.5, 2, (2, 3)), np.log),
    ("log1p", within(-0.5, 2, (2, 3)), np.log1p),
    ("sqrt", within(0.5, 2, (2, 3)), np.sqrt),
    ("square", normal((2, 3)), np.square),
    ("reciprocal", within(0.5, 2, (2, 3)), np.reciprocal),
    ("sin", normal((2, 3)), np.sin),
    ("cos", normal((2, 3)), np.cos),
    ("tan", within(-1, 1, (2, 3)), np.tan),
    ("arcsin", within(-0.7, 0.7, (2, 3)), np.arcsin),
    ("arccos", within(-0.7, 0.7, (2, 3)), np.arccos),
    ("arctan", normal((2, 3)), np.arctan),
    ("sinh", normal((2, 3)), np.sinh),
    ("cosh", normal((2, 3)), np.cosh),
    ("tanh", normal((2, 3)), np.tanh),
    ("sigmoid", normal((2, 3)), scipy.special.expit),
    ("softplus", normal((2, 3)), lambda x: np.logaddexp(x, 0)),
    ("erf", normal((2, 3)), scipy.special.erf),
    ("silu", normal((2, 3)), lambda x: x * scipy.special.expit(x)),
    ("gelu", normal((2, 3)), lambda x: x * scipy.special.ndtr(x)),
    ("absolute", spread((2, 3)), np.abs),
    ("relu", spread((2, 3)), lambda x: np.maximum(x, 0)),
    ("sign", spread((2, 3)), np.sign),
    ("floor", spread((2, 3)), np.floor),
    ("ceil", spread((2, 3)), np.ceil),
    ("round", spread((2, 3)), np.round),
    ("log_or_zero", within(0.5, 2, (2, 3)), np.log),
]
BINARY = [
    ("add", normal((2, 3), (2, 3)), np.add),
    ("subtract", normal((2, 3), (2, 3)), np.subtract),
    ("multiply", normal((2, 3), (2, 3)), np.multiply),
    ("divide", within(0.5, 2, (2, 3), (2, 3)), np.divide),
    ("power", within(0.5, 2, (2, 3), (2, 3)), np.power),
    ("maximum", spread((2, 3), (2, 3)), np.maximum),
    ("minimum", spread((2, 3), (2, 3)), np.minimum),
]
MASK = np.array([[True, False, True], [False, False, True]])
ROWS = np.array([[2, 0], [2, 1]])  # row 2 twice
TARGET = np.array([[0.2, 0.8, 0.0], [0.5, 0.25, 0.25], [0.0, 0.0, 1.0], [0.1, 0.1, 0.8]])
LABELS = np.array([0, 2, 1, 2])


def _softmax_loss(x: Any, t: Any) -> Any:
    return -np.mean(np.sum(t * scipy.special.log_softmax(x, axis=1), axis=1))


def _scatter(values: Any, index: Any, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape)
    np.add.at(out, index, values)
    return out


def _symmetric(a: Any) -> Any:
    return a @ tg.swapaxes(a, -1, -2)


def _qr_both(q: Any, r: Any) -> Any:
    return np.concatenate([q, r], axis=-2)


OTHERS = [
    # name, primitive in its graph (None: a composite), function, inputs, oracle
    ("power_square", "power_number", lambda x: x**2, normal((2, 3)), lambda x: x**2),
    ("power_five", "power_number", lambda x: x**5, normal((2, 3)), lambda x: x**5),
    ("power_half", "power_number", lambda x: x**1.5, within(0.5, 2, (4,)), lambda x: x**1.5),
    ("power_inverse", "power_number", lambda x: x**-2, within(0.5, 2, (4,)), lambda x: x**-2.0),
    ("power_of_two", "power", lambda x: 2.0**x, normal((4,)), lambda x: 2.0**x),
    ("scalar_minus", "subtract", lambda x: 1.5 - x, normal((4,)), lambda x: 1.5 - x),
    ("scalar_over", "divide", lambda x: 1.5 / x, within(0.5, 2, (4,)), lambda x: 1.5 / x),
    ("where", "where", lambda a, b: tg.where(like(a, MASK), a, b), normal((2, 3), (2, 3)),
     lambda a, b: np.where(MASK, a, b)),
    ("where_row", "where", lambda a, b: tg.where(like(a, MASK), a, b * b), normal((3,), ()),
     lambda a, b: np.where(MASK, a, b * b)),
    ("clip", "clip", lambda x: tg.clip(x, -0.5, 0.6), spread((2, 3)),
     lambda x: np.clip(x, -0.5, 0.6)),
    ("clip_below", "clip", lambda x: tg.clip(x * x, low=0.9), spread((5,)),
     lambda x: np.maximum(x * x, 0.9)),
    ("leaky_relu", "leaky_relu", lambda x: tg.leaky_relu(x, 0.2), spread((2, 3)),
     lambda x: np.where(x > 0, x, 0.2 * x)),
    ("elu", "elu", lambda x: tg.elu(x, 1.3), spread((2, 3)),
     lambda x: np.where(x > 0, x, 1.3 * np.expm1(x))),
    ("astype", "astype", lambda x: tg.astype(tg.astype(x, "float64") ** 3, x.dtype), normal((4,)),
     lambda x: x**3),
    # -- indexing
    ("getitem_slice", "getitem", lambda x: x[1:, ::2] ** 2, normal((3, 4)),
     lambda x: x[1:, ::2] ** 2),
    ("getitem_new_axis", "getitem", lambda x: x[None, -1, ..., ::-1] ** 2, normal((3, 2, 4)),
     lambda x: x[None, -1, ..., ::-1] ** 2),
    ("getitem_rows", "getitem", lambda x: x[ROWS] ** 2, normal((3, 2)), lambda x: x[ROWS] ** 2),
    ("getitem_mask", "getitem", lambda x: x[MASK] ** 2, normal((2, 3)), lambda x: x[MASK] ** 2),
    ("take", "getitem", lambda x: tg.take(x, ROWS, axis=1), normal((2, 3)),
     lambda x: np.take(x, ROWS, axis=1)),
    ("scatter_add", "scatter_add", lambda v: tg.scatter_add(v, ROWS, (4, 3)) ** 2,
     normal((2, 2, 3)), lambda v: _scatter(v, ROWS, (4, 3)) ** 2),
    ("scatter_add_slice", "scatter_add", lambda v: tg.scatter_add(v, slice(1, 3), (4,)) ** 2,
     normal((2,)), lambda v: _scatter(v, slice(1, 3), (4,)) ** 2),
    ("tril", "tril", lambda x: tg.tril(x * x), normal((2, 3, 3)), lambda x: np.tril(x * x)),
    ("triu", "triu", lambda x: tg.triu(x * x, 1), normal((3, 4)), lambda x: np.triu(x * x, 1)),
    ("diagonal", None, lambda x: tg.diagonal(x) ** 2, normal((2, 3, 4)),
     lambda x: np.diagonal(x, axis1=-2, axis2=-1) ** 2),
    # -- shape
    ("reshape", "reshape", lambda x: tg.reshape(x, 3, -1) ** 2, normal((2, 6)),
     lambda x: x.reshape(3, -1) ** 2),
    ("expand_dims", "reshape", lambda x: tg.expand_dims(x, -1), normal((2, 3)),
     lambda x: x[..., None]),
    ("squeeze", "reshape", lambda x: tg.squeeze(x), normal((2, 1, 3, 1)), np.squeeze),
    ("transpose", "transpose", lambda x: tg.transpose(x) ** 2, normal((2, 3, 4)),
     lambda x: x.T**2),
    ("transpose_axes", "transpose", lambda x: tg.transpose(x, 1, -1, 0) ** 2, normal((2, 3, 4)),
     lambda x: x.transpose(1, 2, 0) ** 2),
    ("swapaxes", "transpose", lambda x: tg.swapaxes(x, 0, -1), normal((2, 3, 4)),
     lambda x: x.swapaxes(0, -1)),
    ("broadcast_to", "broadcast_to", lambda x: tg.broadcast_to(x * x, (2, 4, 3)), normal((4, 1)),
     lambda x: np.broadcast_to(x * x, (2, 4, 3))),
    ("sum_to", "sum_to", lambda x: tg.sum_to(x * x, (3, 1)), normal((2, 3, 4)),
     lambda x: np.sum(x * x, axis=(0, 2))[:, None]),
    ("flip", "flip", lambda x: tg.flip(x * x, 1), normal((2, 3)), lambda x: np.flip(x * x, 1)),
    ("repeat", "repeat", lambda x: tg.repeat(x * x, 3, axis=0), normal((2, 3)),
     lambda x: np.repeat(x * x, 3, axis=0)),
    ("pad", "pad", lambda x: tg.pad(x, ((1, 0), (2, 1)), 0.5) ** 2, normal((2, 3)),
     lambda x: np.pad(x, ((1, 0), (2, 1)), constant_values=0.5) ** 2),
    ("concatenate", "concatenate", lambda a, b, c: tg.concatenate([a, b, c], axis=-1) ** 2,
     normal((2, 1), (2, 3), (2, 2)), lambda a, b, c: np.concatenate([a, b, c], axis=-1) ** 2),
    ("concatenate_same", "concatenate", lambda a: tg.concatenate([a, a * a]), normal((3,)),
     lambda a: np.concatenate([a, a * a])),
    ("stack", "concatenate", lambda a, b: tg.stack([a, b], axis=1) ** 2, normal((3,), (3,)),
     lambda a, b: np.stack([a, b], axis=1) ** 2),
    ("split", "getitem", lambda x: tg.split(x, [1, 3], axis=1)[1] ** 2, normal((2, 4)),
     lambda x: np.split(x, [1, 3], axis=1)[1] ** 2),
    # -- reductions
    ("sum", "sum", lambda x: tg.sum(x * x), normal((2, 3)), lambda x: np.sum(x * x)),
    ("sum_axes", "sum", lambda x: tg.sum(x * x, (0, -1)), normal((2, 3, 4)),
     lambda x: np.sum(x * x, (0, -1))),
    ("sum_kept", "sum", lambda x: tg.sum(x * x, 1, keepdims=True), normal((2, 3)),
     lambda x: np.sum(x * x, 1, keepdims=True)),
    ("mean", "sum", lambda x: tg.mean(x * x, 0), normal((2, 3)), lambda x: np.mean(x * x, 0)),
    ("var", "sum", lambda x: tg.var(x, (0, 2), ddof=1), normal((2, 3, 4)),
     lambda x: np.var(x, (0, 2), ddof=1)),
    ("std", "sum", lambda x: tg.std(x, 1), spread((2, 5)), lambda x: np.std(x, 1)),
    ("max", "max", lambda x: tg.max(x, 1) ** 2, spread((2, 3)), lambda x: np.max(x, 1) ** 2),
    ("max_all", "max", lambda x: tg.max(x * x * x, keepdims=True), spread((2, 3)),
     lambda x: np.max(x**3, keepdims=True)),
    ("min", "min", lambda x: tg.min(x, (0, 1)) ** 2, spread((2, 3, 2)),
     lambda x: np.min(x, (0, 1)) ** 2),
    ("prod", None, lambda x: tg.prod(x, 1), normal((2, 5)), lambda x: np.prod(x, 1)),
    ("prod_all", None, lambda x: tg.prod(x, keepdims=True), normal((2, 3)),
     lambda x: np.prod(x, keepdims=True)),
    ("cumsum", "cumsum", lambda x: tg.cumsum(x * x, 1), normal((2, 4)),
     lambda x: np.cumsum(x * x, 1)),
    ("logsumexp", "logsumexp", lambda x: tg.logsumexp(x, 1), normal((2, 4)),
     lambda x: scipy.special.logsumexp(x, 1)),
    ("logsumexp_all", "logsumexp", lambda x: tg.logsumexp(x, keepdims=True), normal((2, 3)),
     lambda x: scipy.special.logsumexp(x, keepdims=True)),
    ("softmax", "softmax", lambda x: tg.softmax(x, 0), normal((4, 2)),
     lambda x: scipy.special.softmax(x, 0)),
    ("log_softmax", "log_softmax", lambda x: tg.log_softmax(x), normal((2, 4)),
     lambda x: scipy.special.log_softmax(x, -1)),
    ("norm", "norm", lambda x: tg.norm(x, 1), normal((3, 4)), lambda x: np.linalg.norm(x, axis=1)),
    ("norm_all", "norm", lambda x: tg.norm(x, keepdims=True), normal((2, 3)),
     lambda x: np.linalg.norm(x, keepdims=True)),
    ("norm_one", None, lambda x: tg.norm(x, 1, ord=1) ** 2, spread((2, 4)),
     lambda x: np.linalg.norm(x, axis=1, ord=1) ** 2),
    ("norm_three", None, lambda x: tg.norm(x, 1, ord=3), spread((2, 4)),
     lambda x: np.linalg.norm(x, axis=1, ord=3)),
    ("norm_largest", None, lambda x: tg.norm(x, 1, ord=math.inf) ** 2, spread((2, 4)),
     lambda x: np.linalg.norm(x, axis=1, ord=np.inf) ** 2),
    # -- matrices
    ("matmul", "matmul", lambda a, b: a @ b, normal((2, 3), (3, 4)), np.matmul),
    ("matmul_stack", "matmul", lambda a, b: a @ b, normal((2, 1, 2, 3), (4, 3, 2)), np.matmul),
    ("matmul_stack_matrix", "matmul", lambda a, b: a @ b, normal((2, 2, 3), (3, 2)), np.matmul),
    ("matmul_vectors", "matmul", lambda a, b: a @ b, normal((3,), (3,)), np.matmul),
    ("matmul_row", "matmul", lambda a, b: a @ b, normal((3,), (2, 3, 4)), np.matmul),
    ("matmul_column", "matmul", lambda a, b: a @ b, normal((2, 4, 3), (3,)), np.matmul),
    ("dot", None, tg.dot, normal((4,), (4,)), np.dot),
    ("outer", None, tg.outer, normal((2,), (3,)), np.outer),
    ("trace", None, lambda a: tg.trace(a * a), normal((2, 3, 3)),
     lambda a: np.trace(a * a, axis1=-2, axis2=-1)),
    ("tensordot", "matmul", lambda a, b: tg.tensordot(a, b, ([0, 2], [1, 0])),
     normal((2, 3, 4), (4, 2, 2)), lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0]))),
    ("inv", "inv", tg.inv, well_conditioned((2, 3, 3)), np.linalg.inv),
    ("solve", "solve", tg.solve, well_conditioned((3, 3), (3, 2)), np.linalg.solve),
    ("solve_vector", "solve", tg.solve, well_conditioned((3, 3), (3,)), np.linalg.solve),
    ("cholesky", "cholesky", lambda a: tg.cholesky(_symmetric(a)), well_conditioned((2, 3, 3)),
     lambda a: np.linalg.cholesky(a @ np.swapaxes(a, -1, -2))),
    ("logdet", "logdet", tg.logdet, well_conditioned((2, 3, 3)), lambda a: np.linalg.slogdet(a)[1]),
    ("qr", "qr", lambda a: tg.concatenate(tg.qr(a), -2), well_conditioned((3, 3)),
     lambda a: _qr_both(*np.linalg.qr(a))),
    ("qr_tall", "qr", lambda a: tg.concatenate(tg.qr(a), -2), normal((2, 4, 2)),
     lambda a: _qr_both(*np.linalg.qr(a))),
    *(
        (f"einsum_{formula}", "einsum", lambda *x, f=formula: tg.einsum(f, *x), normal(*shapes),
         lambda *x, f=formula: np.einsum(f, *x))
        for formula, shapes in (
            ("ij,jk->ik", [(2, 3), (3, 4)]), ("ij,kj", [(2, 3), (4, 3)]),
            ("...ij,...jk->...ik", [(2, 1, 2, 3), (4, 3, 2)]), ("i,i,i->i", [(3,), (3,), (3,)]),
            ("bi,bij,bj->b", [(2, 3), (2, 3, 2), (2, 2)]), ("ii,i->", [(3, 3), (3,)]),
            ("ab,c->ca", [(2, 3), (2,)]), ("ij,ij->ij", [(2, 3), (1, 3)]),
        )
    ),
    ("einsum_alone", None, lambda a: tg.einsum("iji->j", a * a), normal((2, 3, 2)),
     lambda a: np.einsum("iji->j", a * a)),
    # -- fused
    ("linear", "linear", tg.linear, normal((4, 3), (2, 3), (2,)), lambda x, w, b: x @ w.T + b),
    ("linear_stack", "linear", tg.linear, normal((2, 2, 3), (2, 3), (2,)),
     lambda x, w, b: x @ w.T + b),
    ("linear_plain", "matmul", tg.linear, normal((4, 3), (2, 3)), lambda x, w: x @ w.T),
    ("column_sum", "column_sum", lambda x: PRIMITIVES["column_sum"](x * x), normal((4, 3)),
     lambda x: np.sum(x * x, 0)),
    ("bce_with_logits", "bce_with_logits", tg.bce_with_logits, normal((2, 3), (2, 3)),
     lambda x, t: np.mean(np.logaddexp(x, 0) - x * t)),
    ("bce_with_logits_number", "bce_with_logits", lambda x: tg.bce_with_logits(x, 0.9),
     normal((2, 3)), lambda x: np.mean(np.logaddexp(x, 0) - x * 0.9)),
    ("cross_entropy_weights", "softmax_cross_entropy", tg.softmax_cross_entropy,
     normal((4, 3), (4, 3)), _softmax_loss),
    ("cross_entropy_labels", "softmax_cross_entropy",
     lambda x: tg.softmax_cross_entropy(x, like(x, LABELS)), normal((4, 3)),
     lambda x: _softmax_loss(x, np.eye(3)[LABELS])),
    ("mse", "mse", tg.mse, normal((2, 3), (2, 3)), lambda a, b: np.mean((a - b) ** 2)),
]  # fmt: skip

CASES = [
    *(Case(name, name, PRIMITIVES[name], maker, oracle) for name, maker, oracle in UNARY),
    *(Case(name, name, PRIMITIVES[name], maker, oracle) for name, maker, oracle in BINARY),
    *(Case(*row) for row in OTHERS),
]

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
    "one_hot": (lambda x: tg.one_hot(tg.argmax(x, 1), 3, x), lambda x: np.eye(3)[np.argmax(x, 1)]),
}  # fmt: skip
