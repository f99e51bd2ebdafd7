"""An example of every operation: what to call, on which inputs. `tinygen gradcheck` walks it.

Inputs are drawn away from kinks and ties, so that finite differences of any order exist. What NumPy
or SciPy makes of the same inputs stands in `tests/cases.py`.
"""

from __future__ import annotations

import functools
import math
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import ops
from .backend import BACKEND_OF
from .backend.convolution import Geometry
from .primitive import PRIMITIVES
from .tensor import Tensor

Maker = Callable[[np.random.Generator], list[np.ndarray]]


@dataclass(frozen=True)
class Example:
    """`function` of tensors; `op` is the primitive that it is for (None: it only composes)."""

    name: str
    op: str | None
    function: Callable[..., Any]
    maker: Maker

    def inputs(self) -> list[np.ndarray]:
        """Float64 arrays, the same at every call."""
        rng = np.random.default_rng(zlib.crc32(self.name.encode()))
        return [np.asarray(a) for a in self.maker(rng)]


# -- inputs ----------------------------------------------------------------------------------------


def normal(*shapes: tuple[int, ...]) -> Maker:
    """Normal arrays of these shapes."""
    return lambda rng: [rng.normal(size=shape) for shape in shapes]


def within(low: float, high: float, *shapes: tuple[int, ...]) -> Maker:
    """Uniform arrays."""
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


def like(x: Tensor, array: Any) -> Any:
    """A constant array on the device of `x`, in its dtype if it is of floats."""
    array = np.asarray(array)
    array = array.astype(x.dtype) if array.dtype.kind == "f" else array
    return BACKEND_OF[type(x.data)].from_host(array)


# -- the table -------------------------------------------------------------------------------------

# name of the primitive, inputs
ONE_ARGUMENT: list[tuple[str, Maker]] = [
    ("negative", normal((2, 3))),
    ("exp", normal((2, 3))),
    ("expm1", normal((2, 3))),
    ("log", within(0.5, 2, (2, 3))),
    ("log1p", within(-0.5, 2, (2, 3))),
    ("sqrt", within(0.5, 2, (2, 3))),
    ("square", normal((2, 3))),
    ("reciprocal", within(0.5, 2, (2, 3))),
    ("sin", normal((2, 3))),
    ("cos", normal((2, 3))),
    ("tan", within(-1, 1, (2, 3))),
    ("arcsin", within(-0.7, 0.7, (2, 3))),
    ("arccos", within(-0.7, 0.7, (2, 3))),
    ("arctan", normal((2, 3))),
    ("sinh", normal((2, 3))),
    ("cosh", normal((2, 3))),
    ("tanh", normal((2, 3))),
    ("sigmoid", normal((2, 3))),
    ("softplus", normal((2, 3))),
    ("erf", normal((2, 3))),
    ("silu", normal((2, 3))),
    ("gelu", normal((2, 3))),
    ("absolute", spread((2, 3))),
    ("relu", spread((2, 3))),
    ("sign", spread((2, 3))),
    ("floor", spread((2, 3))),
    ("ceil", spread((2, 3))),
    ("round", spread((2, 3))),
    ("log_or_zero", within(0.5, 2, (2, 3))),
]
TWO_ARGUMENTS: list[tuple[str, Maker]] = [
    ("add", normal((2, 3), (2, 3))),
    ("subtract", normal((2, 3), (2, 3))),
    ("multiply", normal((2, 3), (2, 3))),
    ("divide", within(0.5, 2, (2, 3), (2, 3))),
    ("power", within(0.5, 2, (2, 3), (2, 3))),
    ("maximum", spread((2, 3), (2, 3))),
    ("minimum", spread((2, 3), (2, 3))),
]
EINSUM: dict[str, list[tuple[int, ...]]] = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,kj": [(2, 3), (4, 3)],
    "...ij,...jk->...ik": [(2, 1, 2, 3), (4, 3, 2)],
    "i,i,i->i": [(3,), (3,), (3,)],
    "bi,bij,bj->b": [(2, 3), (2, 3, 2), (2, 2)],
    "ii,i->": [(3, 3), (3,)],
    "ab,c->ca": [(2, 3), (2,)],
    "ij,ij->ij": [(2, 3), (1, 3)],
}
MASK = np.array([[True, False, True], [False, False, True]])
SIGNED = np.array([[0.5, -1.0, 2.0], [-0.3, 0.7, -2.0]])
ROWS = np.array([[2, 0], [2, 1]])  # row 2 twice
LABELS = np.array([0, 2, 1, 2])
OVERLAPPING = ((-1, 1), (0, 2), (1, 4))  # windows of an axis of length 4
CHOSEN = np.array([[[[1, 1], [0, 1], [2, 0]]]])


def _symmetric(a: Any) -> Any:
    return a @ ops.swapaxes(a, -1, -2)


# name, primitive in its graph, function, inputs
OTHERS: list[tuple[str, str | None, Callable, Maker]] = [
    ("power_square", "power_number", lambda x: x**2, normal((2, 3))),
    ("power_five", "power_number", lambda x: x**5, normal((2, 3))),
    ("power_half", "power_number", lambda x: x**1.5, within(0.5, 2, (4,))),
    ("power_inverse", "power_number", lambda x: x**-2, within(0.5, 2, (4,))),
    ("power_of_two", "power", lambda x: 2.0**x, normal((4,))),
    ("scalar_minus", "subtract", lambda x: 1.5 - x, normal((4,))),
    ("scalar_over", "divide", lambda x: 1.5 / x, within(0.5, 2, (4,))),
    ("where", "where", lambda a, b: ops.where(like(a, MASK), a, b), normal((2, 3), (2, 3))),
    ("where_row", "where", lambda a, b: ops.where(like(a, MASK), a, b * b), normal((3,), ())),
    ("clip", "clip", lambda x: ops.clip(x, -0.5, 0.6), spread((2, 3))),
    ("clip_below", "clip", lambda x: ops.clip(x * x, low=0.9), spread((5,))),
    ("leaky_relu", "leaky_relu", lambda x: ops.leaky_relu(x, 0.2), spread((2, 3))),
    ("leaky_relu_slope", "leaky_relu_slope",
     lambda g: PRIMITIVES["leaky_relu_slope"](g * g, like(g, SIGNED), 0.2), normal((2, 3))),
    ("elu", "elu", lambda x: ops.elu(x, 1.3), spread((2, 3))),
    ("silu_slope", "silu_slope", PRIMITIVES["silu_slope"], normal((2, 3), (2, 3))),
    ("gelu_slope", "gelu_slope", PRIMITIVES["gelu_slope"], normal((2, 3), (2, 3))),
    ("astype", "astype", lambda x: ops.astype(ops.astype(x, "float64") ** 3, x.dtype),
     normal((4,))),
    # -- indexing
    ("getitem_slice", "getitem", lambda x: x[1:, ::2] ** 2, normal((3, 4))),
    ("getitem_new_axis", "getitem", lambda x: x[None, -1, ..., ::-1] ** 2, normal((3, 2, 4))),
    ("getitem_rows", "getitem", lambda x: x[ROWS] ** 2, normal((3, 2))),
    ("getitem_mask", "getitem", lambda x: x[MASK] ** 2, normal((2, 3))),
    ("take", "getitem", lambda x: ops.take(x, ROWS, axis=1), normal((2, 3))),
    ("scatter_add", "scatter_add", lambda v: ops.scatter_add(v, ROWS, (4, 3)) ** 2,
     normal((2, 2, 3))),
    ("scatter_add_slice", "scatter_add", lambda v: ops.scatter_add(v, slice(1, 3), (4,)) ** 2,
     normal((2,))),
    ("tril", "tril", lambda x: ops.tril(x * x), normal((2, 3, 3))),
    ("triu", "triu", lambda x: ops.triu(x * x, 1), normal((3, 4))),
    ("diagonal", None, lambda x: ops.diagonal(x) ** 2, normal((2, 3, 4))),
    # -- shape
    ("reshape", "reshape", lambda x: ops.reshape(x, 3, -1) ** 2, normal((2, 6))),
    ("expand_dims", "reshape", lambda x: ops.expand_dims(x, -1), normal((2, 3))),
    ("squeeze", "reshape", lambda x: ops.squeeze(x), normal((2, 1, 3, 1))),
    ("transpose", "transpose", lambda x: ops.transpose(x) ** 2, normal((2, 3, 4))),
    ("transpose_axes", "transpose", lambda x: ops.transpose(x, 1, -1, 0) ** 2, normal((2, 3, 4))),
    ("swapaxes", "transpose", lambda x: ops.swapaxes(x, 0, -1), normal((2, 3, 4))),
    ("broadcast_to", "broadcast_to", lambda x: ops.broadcast_to(x * x, (2, 4, 3)), normal((4, 1))),
    ("sum_to", "sum_to", lambda x: ops.sum_to(x * x, (3, 1)), normal((2, 3, 4))),
    ("flip", "flip", lambda x: ops.flip(x * x, 1), normal((2, 3))),
    ("repeat", "repeat", lambda x: ops.repeat(x * x, 3, axis=0), normal((2, 3))),
    ("pad", "pad", lambda x: ops.pad(x, ((1, 0), (2, 1)), 0.5) ** 2, normal((2, 3))),
    ("concatenate", "concatenate", lambda a, b, c: ops.concatenate([a, b, c], axis=-1) ** 2,
     normal((2, 1), (2, 3), (2, 2))),
    ("concatenate_same", "concatenate", lambda a: ops.concatenate([a, a * a]), normal((3,))),
    ("stack", "concatenate", lambda a, b: ops.stack([a, b], axis=1) ** 2, normal((3,), (3,))),
    ("split", "getitem", lambda x: ops.split(x, [1, 3], axis=1)[1] ** 2, normal((2, 4))),
    # -- reductions
    ("sum", "sum", lambda x: ops.sum(x * x), normal((2, 3))),
    ("sum_axes", "sum", lambda x: ops.sum(x * x, (0, -1)), normal((2, 3, 4))),
    ("sum_kept", "sum", lambda x: ops.sum(x * x, 1, keepdims=True), normal((2, 3))),
    ("mean", "sum", lambda x: ops.mean(x * x, 0), normal((2, 3))),
    ("var", "sum", lambda x: ops.var(x, (0, 2), ddof=1), normal((2, 3, 4))),
    ("std", "sum", lambda x: ops.std(x, 1), spread((2, 5))),
    ("max", "max", lambda x: ops.max(x, 1) ** 2, spread((2, 3))),
    ("max_all", "max", lambda x: ops.max(x * x * x, keepdims=True), spread((2, 3))),
    ("min", "min", lambda x: ops.min(x, (0, 1)) ** 2, spread((2, 3, 2))),
    ("prod", None, lambda x: ops.prod(x, 1), normal((2, 5))),
    ("prod_all", None, lambda x: ops.prod(x, keepdims=True), normal((2, 3))),
    ("cumsum", "cumsum", lambda x: ops.cumsum(x * x, 1), normal((2, 4))),
    ("logsumexp", "logsumexp", lambda x: ops.logsumexp(x, 1), normal((2, 4))),
    ("logsumexp_all", "logsumexp", lambda x: ops.logsumexp(x, keepdims=True), normal((2, 3))),
    ("softmax", "softmax", lambda x: ops.softmax(x, 0), normal((4, 2))),
    ("log_softmax", "log_softmax", lambda x: ops.log_softmax(x), normal((2, 4))),
    ("softmax_slope", "softmax_slope", lambda g, y: PRIMITIVES["softmax_slope"](g, y, 0),
     normal((4, 2), (4, 2))),
    ("log_softmax_slope", "log_softmax_slope",
     lambda g, y: PRIMITIVES["log_softmax_slope"](g, y, -1), normal((2, 4), (2, 4))),
    ("norm", "norm", lambda x: ops.norm(x, 1), normal((3, 4))),
    ("norm_all", "norm", lambda x: ops.norm(x, keepdims=True), normal((2, 3))),
    ("norm_one", None, lambda x: ops.norm(x, 1, ord=1) ** 2, spread((2, 4))),
    ("norm_three", None, lambda x: ops.norm(x, 1, ord=3), spread((2, 4))),
    ("norm_largest", None, lambda x: ops.norm(x, 1, ord=math.inf) ** 2, spread((2, 4))),
    # -- matrices
    ("matmul", "matmul", lambda a, b: a @ b, normal((2, 3), (3, 4))),
    ("matmul_stack", "matmul", lambda a, b: a @ b, normal((2, 1, 2, 3), (4, 3, 2))),
    ("matmul_stack_matrix", "matmul", lambda a, b: a @ b, normal((2, 2, 3), (3, 2))),
    ("matmul_vectors", "matmul", lambda a, b: a @ b, normal((3,), (3,))),
    ("matmul_row", "matmul", lambda a, b: a @ b, normal((3,), (2, 3, 4))),
    ("matmul_column", "matmul", lambda a, b: a @ b, normal((2, 4, 3), (3,))),
    ("dot", None, ops.dot, normal((4,), (4,))),
    ("outer", None, ops.outer, normal((2,), (3,))),
    ("trace", None, lambda a: ops.trace(a * a), normal((2, 3, 3))),
    ("tensordot", "matmul", lambda a, b: ops.tensordot(a, b, ([0, 2], [1, 0])),
     normal((2, 3, 4), (4, 2, 2))),
    ("inv", "inv", ops.inv, well_conditioned((2, 3, 3))),
    ("solve", "solve", ops.solve, well_conditioned((3, 3), (3, 2))),
    ("solve_vector", "solve", ops.solve, well_conditioned((3, 3), (3,))),
    ("cholesky", "cholesky", lambda a: ops.cholesky(_symmetric(a)), well_conditioned((2, 3, 3))),
    ("logdet", "logdet", ops.logdet, well_conditioned((2, 3, 3))),
    ("qr", "qr", lambda a: ops.concatenate(ops.qr(a), -2), well_conditioned((3, 3))),
    ("qr_tall", "qr", lambda a: ops.concatenate(ops.qr(a), -2), normal((2, 4, 2))),
    ("einsum_alone", None, lambda a: ops.einsum("iji->j", a * a), normal((2, 3, 2))),
    # -- fused
    ("linear", "linear", ops.linear, normal((4, 3), (2, 3), (2,))),
    ("linear_stack", "linear", ops.linear, normal((2, 2, 3), (2, 3), (2,))),
    ("linear_relu", "linear_relu", ops.linear_relu, normal((4, 3), (2, 3), (2,))),
    ("linear_leaky_relu", "linear_relu", lambda x, w, b: ops.linear_relu(x, w, b, 0.2),
     normal((4, 3), (2, 3), (2,))),
    ("linear_plain", "matmul", ops.linear, normal((4, 3), (2, 3))),
    ("gru_sequence", "gru_sequence", ops.gru_sequence, normal((3, 2, 6), (6, 2), (6,), (2, 2))),
    ("column_sum", "column_sum", lambda x: PRIMITIVES["column_sum"](x * x), normal((4, 3))),
    ("bce_with_logits", "bce_with_logits", ops.bce_with_logits, normal((2, 3), (2, 3))),
    ("bce_with_logits_number", "bce_with_logits", lambda x: ops.bce_with_logits(x, 0.9),
     normal((2, 3))),
    ("bce_slope", "bce_slope", PRIMITIVES["bce_slope"], normal((2, 3), (2, 3), ())),
    ("bce_slope_number", "bce_slope", lambda x, s: PRIMITIVES["bce_slope"](x, 0.9, s),
     normal((2, 3), ())),
    ("cross_entropy_weights", "weighted_loss", ops.softmax_cross_entropy, normal((4, 3), (4, 3))),
    ("cross_entropy_labels", "class_loss", lambda x: ops.softmax_cross_entropy(x, like(x, LABELS)),
     normal((4, 3))),
    ("class_loss_slope", "class_loss_slope",
     lambda s: PRIMITIVES["class_loss_slope"](s, like(s, LABELS), (4, 3)), normal(())),
    ("mse", "mse", ops.mse, normal((2, 3), (2, 3))),
    # -- likelihoods
    ("bernoulli_log_prob", "bernoulli_log_prob", ops.bernoulli_log_prob, normal((2, 5), (2, 5))),
    ("bernoulli_log_prob_stack", "bernoulli_log_prob", ops.bernoulli_log_prob,
     normal((2, 3, 4), (2, 1, 4))),
    ("bernoulli_slope", "bernoulli_slope", PRIMITIVES["bernoulli_slope"],
     normal((2,), (2, 3), (2, 3))),
    ("reparameterised", "reparameterised", ops.reparameterised, normal((2, 3), (2, 3), (2, 3))),
    ("normal_kl", "normal_kl", ops.normal_kl, normal((2, 3), (2, 3))),
    # -- convolution
    ("conv2d", "conv2d", ops.conv2d, normal((2, 2, 4, 3), (3, 2, 2, 2), (3,))),
    ("conv2d_geometry", "conv2d",
     lambda x, w: ops.conv2d(x, w, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
     normal((1, 4, 6, 3), (2, 2, 2, 3))),
    ("conv2d_pointwise", "conv2d", ops.conv2d, normal((2, 2, 2, 2), (3, 2, 1, 1))),
    ("conv1d", "conv2d", lambda x, w: ops.conv1d(x, w, stride=2, padding=1),
     normal((2, 2, 5), (3, 2, 2))),
    ("conv_transpose2d", "conv_transpose2d",
     lambda x, w, b: ops.conv_transpose2d(x, w, b, stride=2, padding=1, output_padding=(1, 0)),
     normal((2, 2, 2, 3), (2, 3, 3, 2), (3,))),
    ("conv_transpose2d_groups", "conv_transpose2d",
     lambda x, w: ops.conv_transpose2d(
         x, w, stride=(1, 2), padding=1, output_padding=(1, 1), dilation=2, groups=2),
     normal((1, 2, 3, 2), (2, 2, 2, 2))),
    ("conv_transpose1d", "conv_transpose2d", lambda x, w: ops.conv_transpose1d(x, w, stride=2),
     normal((2, 2, 3), (2, 3, 3))),
    ("conv2d_weight", "conv2d_weight",
     lambda x, g: PRIMITIVES["conv2d_weight"](x, g, Geometry((1, 1), ((0, 0), (0, 0)), (1, 1), 1)),
     normal((2, 2, 4, 3), (2, 3, 3, 2))),
    # -- pooling
    ("window_max", "window_max", lambda x: PRIMITIVES["window_max"](x, OVERLAPPING, 3) ** 2,
     spread((1, 2, 2, 4))),
    ("into_windows", "into_windows",
     lambda v: PRIMITIVES["into_windows"](v, like(v, CHOSEN), OVERLAPPING, 2, 4) ** 2,
     normal((1, 1, 3, 2))),
    ("from_windows", "from_windows",
     lambda x: PRIMITIVES["from_windows"](x, like(x, CHOSEN), OVERLAPPING, 2) ** 2,
     normal((1, 1, 4, 2))),
    # -- normalisation
    ("centre", "centre", lambda x: PRIMITIVES["centre"](x, (3, 1), None) ** 2, normal((2, 3, 4))),
    ("sum_across", "sum_across", lambda x: PRIMITIVES["sum_across"](x * x) ** 2, normal((3, 2))),
    ("inverse_std", "inverse_std", lambda x: PRIMITIVES["inverse_std"](x, 5, 0.01),
     within(0.5, 2, (3, 1))),
    ("inverse_std_slope", "inverse_std_slope",
     lambda g, y: PRIMITIVES["inverse_std_slope"](g, y, 5), within(0.5, 2, (3, 1), (3, 1))),
    ("scale", "scale", PRIMITIVES["scale"], normal((2, 3, 4), (3, 1))),
    ("scale_shift", "scale_shift", PRIMITIVES["scale_shift"], normal((2, 3, 4), (2, 1, 1), (4,))),
    ("sum_products", "sum_products", lambda a, b: PRIMITIVES["sum_products"](a, b, (3, 1)) ** 2,
     normal((2, 3, 4), (2, 3, 4))),
    ("sum_over", "sum_over", lambda x: PRIMITIVES["sum_over"](x * x, (2, 1, 1)), normal((2, 3, 4))),
    # -- transforms
    ("identity", "identity", lambda x: PRIMITIVES["identity"](x * x), normal((2, 3))),
]  # fmt: skip

EXAMPLES: list[Example] = [
    *(Example(op, op, PRIMITIVES[op], maker) for op, maker in (*ONE_ARGUMENT, *TWO_ARGUMENTS)),
    *(Example(name, op, f, maker) for name, op, f, maker in OTHERS),
    *(
        Example(f"einsum_{f}", "einsum", functools.partial(ops.einsum, f), normal(*shapes))
        for f, shapes in EINSUM.items()
    ),
]
