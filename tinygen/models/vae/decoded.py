"""log p(x | z) of very many z, of which no gradient is wanted.

    log_prob = decoded_log_prob(model)
    log_prob(x, None, z)             # (n, D), no labels, (n, k, latent): to (n, k), in nats

`importance_sampled` needs thousands of z for each x, which this makes cheaper for binary data.
"""

from __future__ import annotations

from collections.abc import Callable

from ... import nn
from ...backend import BACKEND_OF, Array
from ...ops import concatenate
from ...tensor import Tensor
from .model import VAE
from .outputs import BernoulliOutput

__all__ = ["Score", "decoded_log_prob"]

Score = Callable[[Array, "Array | None", Array], Array]
"""x (n, D), the labels (n,) if the model has classes, and z (n, k, latent) to (n, k), in nats."""


def decoded_log_prob(model: VAE) -> Score:
    """log p(x | z) under a model whose weights do not change meanwhile."""
    decoder = model.decoder
    if type(model.output) is BernoulliOutput and type(decoder) is nn.Sequential and len(decoder):
        *_, last = decoder
        if type(last) is nn.Linear and last.bias is not None:
            return _of_linear_logits(model, decoder[:-1], last)

    def log_prob(x: Array, labels: Array | None, z: Array) -> Array:
        return model.likelihood(Tensor(z), labels).log_prob(Tensor(x[:, None])).data

    return log_prob


def _of_linear_logits(model: VAE, hidden: nn.Sequential, last: nn.Linear) -> Score:
    """Of zeros and ones whose log-odds s = W h + b are linear in the hidden units.

        log p(x | z) = sum(x s - softplus(s)) = (W^T x) . h + b . x - sum softplus(s)

    The first two terms need no logits. Those of the third are made feature by feature, b being one
    more column of W for a hidden unit that is always 1, and are read once.
    """
    assert last.bias is not None
    weight = concatenate([last.weight.data, last.bias.data[:, None]], 1)

    def log_prob(x: Array, labels: Array | None, z: Array) -> Array:
        n, k, _ = z.shape
        h = hidden(model.decoder_rows(Tensor(z), labels)).data
        xp = BACKEND_OF[type(h)]
        h = xp.concatenate([h, xp.ones((n * k, 1), dtype=h.dtype)], 1)
        of_x = xp.matmul(x, weight)[:, :, None]
        linear = xp.matmul(h.reshape(n, k, -1), of_x)[:, :, 0]
        return linear - xp.softplus_sum(xp.matmul(weight, h.T)).reshape(n, k)

    return log_prob
