"""The mathematics: each operation's forward computation and its derivative rules, side by side.

Read `arithmetic.py` first, then `elementwise.py`, `reductions.py`, `shape.py` and `indexing.py`;
`linalg.py`, `einsum.py` and `fused.py` build on them. `tour.py` shows each operation once.

They take tensors, arrays and numbers, and raise ValueError for shapes that do not fit, IndexError
for an axis or index that is not there. Functions of elements keep the shape of their argument, and
broadcast several as NumPy does.
"""

from . import methods as methods
from .across import batch_norm_across, mean_across, std_across
from .arithmetic import (
    add, clip, divide, equal, floor_divide, greater, greater_equal, less, less_equal, logical_and,
    logical_not, logical_or, maximum, minimum, multiply, negative, not_equal, power, subtract, where,
)
from .attention import scaled_dot_product_attention
from .convolution import conv1d, conv2d, conv_transpose1d, conv_transpose2d
from .einsum import einsum
from .elementwise import (
    absolute, arccos, arcsin, arctan, astype, ceil, cos, cosh, elu, erf, exp, expm1, floor, gelu,
    isfinite, isnan, leaky_relu, log, log1p, ones_like, reciprocal, relu, round_, sigmoid, sign, silu,
    sin, sinh, softplus, sqrt, square, tan, tanh, zeros_like,
)
from .fused import (
    bce_with_logits, bce_with_logits_reference, linear, linear_reference, linear_relu, linear_relu_reference,
    mse, mse_reference, one_hot,
    softmax_cross_entropy, softmax_cross_entropy_reference,
)
from .indexing import diagonal, getitem, scatter_add, take, tril, triu
from .likelihoods import (
    bernoulli_log_prob, bernoulli_log_prob_reference, normal_kl, normal_kl_reference, reparameterised,
    reparameterised_reference,
)
from .linalg import (
    cholesky, dot, inv, logdet, matmul, outer, qr, solve, tensordot, trace,
)
from .normalization import batch_norm, batch_norm_with, group_norm, layer_norm, pixel_norm
from .pooling import (
    adaptive_avg_pool2d, adaptive_max_pool2d, avg_pool1d, avg_pool2d, global_avg_pool2d, global_max_pool2d,
    max_pool1d, max_pool2d,
)
from .reductions import (
    argmax, argmin, cumsum, log_softmax, logsumexp, max, mean, min, norm, prod, softmax, std, sum, var,
)
from .recurrent import gru_sequence, gru_sequence_reference
from .resampling import (
    pad2d, pixel_shuffle, pixel_unshuffle, resize_bilinear2d, upsample_bilinear2d, upsample_nearest2d,
)
from .shape import (
    broadcast_to, concatenate, expand_dims, flip, pad, repeat, reshape, split, squeeze, stack, sum_to,
    swapaxes, transpose,
)
from .tour import show_examples  # fmt: skip

abs = absolute
round = round_

__all__ = [
    "abs", "absolute", "adaptive_avg_pool2d", "adaptive_max_pool2d", "add", "arccos", "arcsin",
    "arctan", "argmax", "argmin", "astype", "avg_pool1d", "avg_pool2d", "batch_norm",
    "batch_norm_across", "batch_norm_with", "bce_with_logits", "bce_with_logits_reference", "bernoulli_log_prob", "bernoulli_log_prob_reference", "broadcast_to", "ceil",
    "cholesky", "clip", "concatenate", "conv1d", "conv2d", "conv_transpose1d", "conv_transpose2d",
    "cos", "cosh", "cumsum", "diagonal", "divide", "dot", "einsum", "elu", "equal", "erf", "exp",
    "expand_dims", "expm1", "flip", "floor", "floor_divide", "gelu", "getitem", "global_avg_pool2d",
    "global_max_pool2d", "greater", "greater_equal", "group_norm", "gru_sequence", "gru_sequence_reference", "inv", "isfinite", "isnan",
    "layer_norm", "leaky_relu", "less", "less_equal", "linear", "linear_reference",
    "linear_relu", "linear_relu_reference", "log", "log1p",
    "log_softmax", "logdet", "logical_and", "logical_not", "logical_or", "logsumexp", "matmul",
    "max", "max_pool1d", "max_pool2d", "maximum", "mean", "mean_across", "min", "minimum", "mse", "mse_reference",
    "multiply", "negative", "norm", "normal_kl", "normal_kl_reference", "not_equal", "one_hot", "ones_like", "outer", "pad", "pad2d",
    "pixel_norm", "pixel_shuffle", "pixel_unshuffle", "power", "prod", "qr", "reciprocal", "relu",
    "reparameterised", "reparameterised_reference",
    "repeat", "reshape", "resize_bilinear2d", "round", "scaled_dot_product_attention",
    "scatter_add", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softmax_cross_entropy",
    "softmax_cross_entropy_reference", "softplus", "solve", "split", "sqrt", "square", "squeeze",
    "stack", "std", "std_across", "subtract", "sum", "sum_to", "swapaxes", "take", "tan", "tanh", "tensordot",
    "trace", "transpose", "tril", "triu", "upsample_bilinear2d", "upsample_nearest2d", "var",
    "where", "zeros_like",
]

show_examples(globals())
