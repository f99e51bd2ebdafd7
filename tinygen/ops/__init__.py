"""The mathematics: each operation's forward computation and its derivative rules, side by side.

Read `arithmetic.py` first, then `elementwise.py`, `reductions.py`, `shape.py` and `indexing.py`;
`linalg.py`, `einsum.py` and `fused.py` build on them.
"""

from . import methods as methods
from .arithmetic import (
    add, clip, divide, equal, floor_divide, greater, greater_equal, less, less_equal, logical_and,
    logical_not, logical_or, maximum, minimum, multiply, negative, not_equal, power, subtract, where,
)
from .einsum import einsum
from .elementwise import (
    absolute, arccos, arcsin, arctan, astype, ceil, cos, cosh, elu, erf, exp, expm1, floor, gelu,
    isfinite, isnan, leaky_relu, log, log1p, ones_like, reciprocal, relu, round_, sigmoid, sign, silu,
    sin, sinh, softplus, sqrt, square, tan, tanh, zeros_like,
)
from .fused import (
    bce_with_logits, bce_with_logits_reference, linear, linear_reference, mse, mse_reference, one_hot,
    softmax_cross_entropy, softmax_cross_entropy_reference,
)
from .indexing import diagonal, getitem, scatter_add, take, tril, triu
from .linalg import (
    cholesky, dot, inv, logdet, matmul, outer, qr, solve, tensordot, trace,
)
from .reductions import (
    argmax, argmin, cumsum, log_softmax, logsumexp, max, mean, min, norm, prod, softmax, std, sum, var,
)
from .shape import (
    broadcast_to, concatenate, expand_dims, flip, pad, repeat, reshape, split, squeeze, stack, sum_to,
    swapaxes, transpose,
)  # fmt: skip

abs = absolute
round = round_

__all__ = [
    "abs", "absolute", "add", "arccos", "arcsin", "arctan", "argmax", "argmin", "astype",
    "bce_with_logits", "bce_with_logits_reference", "broadcast_to", "ceil", "cholesky", "clip",
    "concatenate", "cos", "cosh", "cumsum", "diagonal", "divide", "dot", "einsum", "elu",
    "equal", "erf", "exp", "expand_dims", "expm1", "flip", "floor", "floor_divide", "gelu",
    "getitem", "greater", "greater_equal", "inv", "isfinite", "isnan", "leaky_relu", "less",
    "less_equal", "linear", "linear_reference", "log", "log1p", "log_softmax", "logdet",
    "logical_and", "logical_not", "logical_or", "logsumexp", "matmul", "max", "maximum", "mean",
    "min", "minimum", "mse", "mse_reference", "multiply", "negative", "norm", "not_equal",
    "one_hot", "ones_like", "outer", "pad", "power", "prod", "qr", "reciprocal", "relu",
    "repeat", "reshape", "round", "scatter_add", "sigmoid", "sign", "silu", "sin", "sinh",
    "softmax", "softmax_cross_entropy", "softmax_cross_entropy_reference", "softplus", "solve",
    "split", "sqrt", "square", "squeeze", "stack", "std", "subtract", "sum", "sum_to",
    "swapaxes", "take", "tan", "tanh", "tensordot", "trace", "transpose", "tril", "triu", "var",
    "where", "zeros_like",
]
