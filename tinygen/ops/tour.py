"""Every operation once, on numbers small enough to check in the head; `help(tg.tanh)` ends with its line.

The tests run the examples. They stand here, and not beside the rules, so that an operation and its
derivative stay two lines that are read together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

TOUR = """
Arithmetic and comparison (arithmetic.py), with broadcasting:

>>> tg.add(tg.tensor([1.0, 2.0]), 10.0)
Tensor([11., 12.])
>>> tg.subtract(tg.tensor([1.0, 2.0]), 10.0)
Tensor([-9., -8.])
>>> tg.multiply(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
Tensor([3., 8.])
>>> tg.divide(tg.tensor([1.0, 2.0]), 2.0)
Tensor([0.5, 1. ])
>>> tg.floor_divide(tg.tensor([7.0, -7.0]), 2.0)
Tensor([ 3., -4.])
>>> tg.negative(tg.tensor([1.0, -2.0]))
Tensor([-1.,  2.])
>>> tg.power(tg.tensor([2.0, 3.0]), 2)
Tensor([4., 9.])
>>> tg.maximum(tg.tensor([1.0, 5.0]), 2.0)
Tensor([2., 5.])
>>> tg.minimum(tg.tensor([1.0, 5.0]), 2.0)
Tensor([1., 2.])
>>> tg.where(tg.tensor([True, False]), tg.tensor([1.0, 2.0]), 0.0)
Tensor([1., 0.])
>>> tg.clip(tg.tensor([-3.0, 0.5, 3.0]), -1.0, 1.0)
Tensor([-1. ,  0.5,  1. ])
>>> tg.less(tg.tensor([1, 2]), 2)
Tensor([ True, False], dtype=bool)
>>> tg.less_equal(tg.tensor([1, 2]), 1)
Tensor([ True, False], dtype=bool)
>>> tg.greater(tg.tensor([1, 2]), 1)
Tensor([False,  True], dtype=bool)
>>> tg.greater_equal(tg.tensor([1, 2]), 2)
Tensor([False,  True], dtype=bool)
>>> tg.equal(tg.tensor([1, 2]), 2)
Tensor([False,  True], dtype=bool)
>>> tg.not_equal(tg.tensor([1, 2]), 2)
Tensor([ True, False], dtype=bool)
>>> tg.logical_and(tg.tensor([True, True]), tg.tensor([True, False]))
Tensor([ True, False], dtype=bool)
>>> tg.logical_or(tg.tensor([True, False]), tg.tensor([False, False]))
Tensor([ True, False], dtype=bool)
>>> tg.logical_not(tg.tensor([True, False]))
Tensor([False,  True], dtype=bool)

One array, element by element (elementwise.py):

>>> tg.exp(tg.tensor([0.0, 1.0]))
Tensor([1.    , 2.7183])
>>> tg.expm1(tg.tensor([0.0, 1.0]))
Tensor([0.    , 1.7183])
>>> tg.log(tg.tensor([1.0, 10.0]))
Tensor([0.    , 2.3026])
>>> tg.log1p(tg.tensor([0.0, 9.0]))
Tensor([0.    , 2.3026])
>>> tg.sqrt(tg.tensor([4.0, 2.0]))
Tensor([2.    , 1.4142])
>>> tg.square(tg.tensor([2.0, -3.0]))
Tensor([4., 9.])
>>> tg.reciprocal(tg.tensor([2.0, 4.0]))
Tensor([0.5 , 0.25])
>>> tg.sin(tg.tensor([0.0, np.pi / 2]))
Tensor([0., 1.])
>>> tg.cos(tg.tensor([0.0, np.pi]))
Tensor([ 1., -1.])
>>> tg.tan(tg.tensor([0.0, 1.0]))
Tensor([0.    , 1.5574])
>>> tg.arcsin(tg.tensor([0.0, 1.0]))
Tensor([0.    , 1.5708])
>>> tg.arccos(tg.tensor([1.0, 0.0]))
Tensor([0.    , 1.5708])
>>> tg.arctan(tg.tensor([0.0, 1.0]))
Tensor([0.    , 0.7854])
>>> tg.sinh(tg.tensor([0.0, 1.0]))
Tensor([0.    , 1.1752])
>>> tg.cosh(tg.tensor([0.0, 1.0]))
Tensor([1.    , 1.5431])
>>> tg.tanh(tg.tensor([0.0, 1.0]))
Tensor([0.    , 0.7616])
>>> tg.sigmoid(tg.tensor([0.0, 2.0]))
Tensor([0.5   , 0.8808])
>>> tg.softplus(tg.tensor([0.0, 100.0]))
Tensor([  0.6931, 100.    ])
>>> tg.erf(tg.tensor([0.0, 1.0]))
Tensor([0.    , 0.8427])
>>> tg.abs(tg.tensor([-2.0, 3.0]))
Tensor([2., 3.])
>>> tg.relu(tg.tensor([-2.0, 3.0]))
Tensor([0., 3.])
>>> tg.leaky_relu(tg.tensor([-2.0, 3.0]), 0.1)
Tensor([-0.2,  3. ])
>>> tg.elu(tg.tensor([-1.0, 3.0]))
Tensor([-0.6321,  3.    ])
>>> tg.silu(tg.tensor([-1.0, 3.0]))
Tensor([-0.2689,  2.8577])
>>> tg.gelu(tg.tensor([-1.0, 3.0]))
Tensor([-0.1587,  2.996 ])
>>> tg.sign(tg.tensor([-2.0, 0.0, 3.0]))
Tensor([-1.,  0.,  1.])
>>> tg.floor(tg.tensor([-1.5, 1.5]))
Tensor([-2.,  1.])
>>> tg.ceil(tg.tensor([-1.5, 1.5]))
Tensor([-1.,  2.])
>>> tg.round(tg.tensor([0.5, 1.5, 1.7]))
Tensor([0., 2., 2.])
>>> tg.zeros_like(tg.tensor([1.0, 2.0]))
Tensor([0., 0.])
>>> tg.ones_like(tg.tensor([1.0, 2.0]))
Tensor([1., 1.])
>>> tg.isfinite(tg.tensor([1.0, np.inf]))
Tensor([ True, False], dtype=bool)
>>> tg.isnan(tg.tensor([1.0, np.nan]))
Tensor([False,  True], dtype=bool)
>>> tg.astype(tg.tensor([1, 2]), "float32")
Tensor([1., 2.])

Sums and extremes (reductions.py):

>>> tg.sum(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 0)
Tensor([4., 6.])
>>> tg.mean(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), 1, keepdims=True)
Tensor([[1.5],
        [3.5]])
>>> tg.var(tg.tensor([1.0, 3.0]))
Tensor(1.)
>>> tg.std(tg.tensor([1.0, 3.0]), ddof=1)
Tensor(1.4142)
>>> tg.max(tg.tensor([[1.0, 2.0], [4.0, 3.0]]), 1)
Tensor([2., 4.])
>>> tg.min(tg.tensor([[1.0, 2.0], [4.0, 3.0]]))
Tensor(1.)
>>> tg.argmax(tg.tensor([1.0, 4.0, 3.0]))
Tensor(1, dtype=int64)
>>> tg.argmin(tg.tensor([1.0, 4.0, 3.0]))
Tensor(0, dtype=int64)
>>> tg.prod(tg.tensor([2.0, 3.0, 4.0]))
Tensor(24.)
>>> tg.cumsum(tg.tensor([1.0, 2.0, 3.0]))
Tensor([1., 3., 6.])
>>> tg.norm(tg.tensor([3.0, 4.0]))
Tensor(5.)
>>> tg.logsumexp(tg.tensor([1000.0, 1000.0]))
Tensor(1000.6932)
>>> tg.softmax(tg.tensor([1.0, 1.0, 2.0]))
Tensor([0.2119, 0.2119, 0.5761])
>>> tg.log_softmax(tg.tensor([1.0, 1.0, 2.0]))
Tensor([-1.5514, -1.5514, -0.5514])

Shapes (shape.py):

>>> tg.reshape(tg.arange(4), 2, -1)
Tensor([[0, 1],
        [2, 3]], dtype=int64)
>>> tg.transpose(tg.tensor([[1, 2], [3, 4]]))
Tensor([[1, 3],
        [2, 4]], dtype=int64)
>>> tg.swapaxes(tg.zeros(2, 3, 4), 0, -1).shape
(4, 3, 2)
>>> tg.expand_dims(tg.zeros(2, 3), 1).shape
(2, 1, 3)
>>> tg.squeeze(tg.zeros(2, 1, 3)).shape
(2, 3)
>>> tg.broadcast_to(tg.tensor([1.0, 2.0]), (2, 2))
Tensor([[1., 2.],
        [1., 2.]])
>>> tg.sum_to(tg.ones(2, 3), (3,))
Tensor([2., 2., 2.])
>>> tg.concatenate([tg.tensor([1.0]), tg.tensor([2.0, 3.0])])
Tensor([1., 2., 3.])
>>> tg.stack([tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0])])
Tensor([[1., 2.],
        [3., 4.]])
>>> tg.split(tg.arange(4), 2)
[Tensor([0, 1], dtype=int64), Tensor([2, 3], dtype=int64)]
>>> tg.flip(tg.arange(3))
Tensor([2, 1, 0], dtype=int64)
>>> tg.repeat(tg.tensor([1.0, 2.0]), 2, 0)
Tensor([1., 1., 2., 2.])
>>> tg.pad(tg.tensor([1.0, 2.0]), 1)
Tensor([0., 1., 2., 0.])

Indexing (indexing.py, fused.py):

>>> tg.getitem(tg.tensor([1.0, 2.0, 3.0]), slice(1, None))
Tensor([2., 3.])
>>> tg.take(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), [1, 1])
Tensor([[3., 4.],
        [3., 4.]])
>>> tg.scatter_add(tg.tensor([1.0, 2.0]), np.array([0, 0]), (3,))
Tensor([3., 0., 0.])
>>> tg.diagonal(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
Tensor([1., 4.])
>>> tg.tril(tg.ones(2, 2))
Tensor([[1., 0.],
        [1., 1.]])
>>> tg.triu(tg.ones(2, 2), 1)
Tensor([[0., 1.],
        [0., 0.]])
>>> tg.one_hot(tg.tensor([2, 0]), 3)
Tensor([[0., 0., 1.],
        [1., 0., 0.]])

Matrices (linalg.py, einsum.py):

>>> tg.matmul(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0], [4.0]]))
Tensor([[11.]])
>>> tg.dot(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
Tensor(11.)
>>> tg.outer(tg.tensor([1.0, 2.0]), tg.tensor([3.0, 4.0]))
Tensor([[3., 4.],
        [6., 8.]])
>>> tg.tensordot(tg.ones(2, 3), tg.ones(3, 4), 1).shape
(2, 4)
>>> tg.einsum("ij,j->i", tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.ones(2))
Tensor([3., 7.])
>>> tg.trace(tg.tensor([[1.0, 2.0], [3.0, 4.0]]))
Tensor(5.)
>>> tg.inv(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
Tensor([[0.5 , 0.  ],
        [0.  , 0.25]])
>>> tg.solve(tg.tensor([[2.0, 0.0], [0.0, 4.0]]), tg.tensor([2.0, 8.0]))
Tensor([1., 2.])
>>> tg.cholesky(tg.tensor([[4.0, 2.0], [2.0, 5.0]]))
Tensor([[2., 0.],
        [1., 2.]])
>>> tg.logdet(tg.tensor([[2.0, 0.0], [0.0, 4.0]]))
Tensor(2.0794)
>>> [part.shape for part in tg.qr(tg.ones(3, 2))]
[(3, 2), (2, 2)]

Layers (fused.py, convolution.py, pooling.py, resampling.py, normalization.py, attention.py, recurrent.py):

>>> tg.linear(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0, 4.0]]), tg.tensor([0.5]))
Tensor([[11.5]])
>>> tg.linear_relu(tg.tensor([[1.0, 2.0]]), tg.tensor([[3.0, -4.0]]), tg.tensor([0.5]))
Tensor([[0.]])
>>> tg.conv1d(tg.tensor([[[1.0, 2.0, 4.0]]]), tg.tensor([[[-1.0, 1.0]]]))
Tensor([[[1., 2.]]])
>>> tg.conv2d(tg.zeros(5, 3, 8, 8), tg.zeros(16, 3, 4, 4), stride=2, padding=1).shape
(5, 16, 4, 4)
>>> tg.conv_transpose1d(tg.tensor([[[1.0, 2.0]]]), tg.tensor([[[1.0, 1.0]]]), stride=2)
Tensor([[[1., 1., 2., 2.]]])
>>> tg.conv_transpose2d(tg.zeros(5, 16, 4, 4), tg.zeros(16, 3, 4, 4), stride=2, padding=1).shape
(5, 3, 8, 8)
>>> tg.max_pool1d(tg.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
Tensor([[[3., 2.]]])
>>> tg.max_pool2d(tg.zeros(5, 3, 8, 8), 2).shape
(5, 3, 4, 4)
>>> tg.avg_pool1d(tg.tensor([[[1.0, 3.0, 2.0, 0.0]]]), 2)
Tensor([[[2., 1.]]])
>>> tg.avg_pool2d(tg.zeros(5, 3, 8, 8), 3, stride=2, padding=1).shape
(5, 3, 4, 4)
>>> tg.adaptive_avg_pool2d(tg.zeros(5, 3, 7, 9), (2, 3)).shape
(5, 3, 2, 3)
>>> tg.adaptive_max_pool2d(tg.zeros(5, 3, 7, 9), (2, 3)).shape
(5, 3, 2, 3)
>>> tg.global_avg_pool2d(tg.tensor([[[[1.0, 3.0]]]]))
Tensor([[2.]])
>>> tg.global_max_pool2d(tg.tensor([[[[1.0, 3.0]]]]))
Tensor([[3.]])
>>> tg.pad2d(tg.tensor([[[[1.0, 2.0]]]]), (0, 1, 0, 0), mode="reflect")
Tensor([[[[1., 2., 1.]]]])
>>> tg.upsample_nearest2d(tg.tensor([[[[1.0, 2.0]]]]), (1, 2))
Tensor([[[[1., 1., 2., 2.]]]])
>>> tg.upsample_bilinear2d(tg.tensor([[[[1.0, 2.0]]]]), (1, 2))
Tensor([[[[1.  , 1.25, 1.75, 2.  ]]]])
>>> tg.resize_bilinear2d(tg.zeros(5, 3, 8, 8), (6, 10)).shape
(5, 3, 6, 10)
>>> tg.pixel_shuffle(tg.zeros(5, 12, 4, 4), 2).shape
(5, 3, 8, 8)
>>> tg.pixel_unshuffle(tg.zeros(5, 3, 8, 8), 2).shape
(5, 12, 4, 4)
>>> tg.batch_norm(tg.tensor([[1.0], [3.0]]), tg.ones(1), tg.zeros(1))
(Tensor([[-1.],
        [ 1.]]), array([2.], dtype=float32), array([2.], dtype=float32))
>>> tg.batch_norm_with(tg.tensor([[1.0], [3.0]]), tg.zeros(1), tg.ones(1), tg.ones(1), tg.zeros(1))
Tensor([[1.],
        [3.]])
>>> tg.batch_norm_across(tg.tensor([[1.0], [3.0]]), None, None)
(Tensor([[-1.],
        [ 1.]]), array([2.], dtype=float32), array([2.], dtype=float32))
>>> tg.mean_across(tg.tensor([1.0, 3.0]))
Tensor([1., 3.])
>>> tg.std_across(tg.tensor([1.0, 3.0]))
Tensor(1.)
>>> tg.layer_norm(tg.tensor([[1.0, 3.0], [0.0, 8.0]]))
Tensor([[-1.,  1.],
        [-1.,  1.]])
>>> tg.group_norm(tg.zeros(5, 6, 8, 8), 2).shape
(5, 6, 8, 8)
>>> tg.pixel_norm(tg.tensor([[3.0, 4.0]]))
Tensor([[0.8485, 1.1314]])
>>> tg.scaled_dot_product_attention(tg.zeros(2, 5, 8), tg.zeros(2, 7, 8), tg.zeros(2, 7, 8)).shape
(2, 5, 8)
>>> tg.gru_sequence(tg.zeros(7, 2, 15), tg.zeros(15, 5), tg.zeros(15), tg.zeros(2, 5)).shape
(7, 2, 5)

Losses and likelihoods, in nats (fused.py, likelihoods.py):

>>> tg.mse(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
Tensor(2.)
>>> tg.bce_with_logits(tg.tensor([0.0, 0.0]), 1.0)
Tensor(0.6931)
>>> tg.softmax_cross_entropy(tg.tensor([[0.0, 0.0], [0.0, 0.0]]), tg.tensor([0, 1]))
Tensor(0.6931)
>>> tg.bernoulli_log_prob(tg.zeros(1, 3), tg.ones(1, 3))
Tensor([-2.0794])
>>> tg.normal_kl(tg.tensor([0.0, 1.0]), tg.tensor([0.0, 0.0]))
Tensor([0. , 0.5])
>>> tg.reparameterised(tg.tensor([1.0]), tg.tensor([0.0]), tg.tensor([0.5]))
Tensor([1.5])

The same by single operations: what the fused ones are compared with:

>>> tg.linear_reference(tg.ones(1, 2), tg.ones(3, 2), tg.zeros(3))
Tensor([[2., 2., 2.]])
>>> tg.linear_relu_reference(tg.ones(1, 2), tg.ones(3, 2), tg.zeros(3))
Tensor([[2., 2., 2.]])
>>> tg.gru_sequence_reference(tg.zeros(7, 2, 15), tg.zeros(15, 5), tg.zeros(15), tg.zeros(2, 5)).shape
(7, 2, 5)
>>> tg.mse_reference(tg.tensor([1.0, 2.0]), tg.tensor([1.0, 4.0]))
Tensor(2.)
>>> tg.bce_with_logits_reference(tg.tensor([0.0, 0.0]), 1.0)
Tensor(0.6931)
>>> tg.softmax_cross_entropy_reference(tg.zeros(1, 2), tg.tensor([[0.0, 1.0]]))
Tensor(0.6931)
>>> tg.bernoulli_log_prob_reference(tg.zeros(1, 3), tg.ones(1, 3))
Tensor([-2.0794])
>>> tg.normal_kl_reference(tg.tensor([0.0, 1.0]), tg.tensor([0.0, 0.0]))
Tensor([0. , 0.5])
>>> tg.reparameterised_reference(tg.tensor([1.0]), tg.tensor([0.0]), tg.tensor([0.5]))
Tensor([1.5])
"""


def show_examples(operations: Mapping[str, Any]) -> None:
    """Let the docstring of each operation end with its example."""
    for example in TOUR.split("\n>>> ")[1:]:
        lines = example.partition("\n\n")[0].rstrip().split("\n")
        operation = operations[re.findall(r"tg\.(\w+)\(", example)[0]]
        operation.__doc__ = "\n    ".join([f"{operation.__doc__.rstrip()}\n", f">>> {lines[0]}", *lines[1:]])
