"""A generator that starts as a trained decoder: what little data teaches it need not be forgotten.

    start_from_decoder(generator, vae.decoder)

The founding article D2 asks for it: an autoencoder, a VAE or a stack of RBMs is trained first, and
its decoder's weights are where the generator begins. The noise must then be what the decoder was
trained to take: N(0, I) for a VAE; for an autoencoder without a prior, codes have another spread,
which `whiten_decoder` moves into the decoder's first layer.
"""

from __future__ import annotations

import numpy as np

from ... import nn
from ...tensor import Tensor

__all__ = ["start_from_decoder", "whiten_decoder"]


def start_from_decoder(generator: nn.Module, decoder: nn.Module) -> None:
    """Copy the weights of the decoder's dense layers into the generator's, in their order.

    What stands between the layers should do the same in both: G's last activation may be a sigmoid
    where the decoder's numbers are log-odds.

    Raises:
        ValueError: the layers are of other shapes, or of another number.

    >>> decoder = mlp([3, 16, 8], rng)
    >>> generator = mlp([3, 16, 8], rng, output=nn.Sigmoid())
    >>> start_from_decoder(generator, decoder)
    >>> bool((generator[0].weight.numpy() == decoder[0].weight.numpy()).all())
    True
    """
    ours, theirs = _dense_layers(generator), _dense_layers(decoder)
    shapes = [[tuple(layer.weight.shape) for layer in layers] for layers in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ValueError(
            f"start_from_decoder: the generator's layers are {shapes[0]}, the decoder's "
            f"{shapes[1]}; give both the same."
        )
    for mine, other in zip(ours, theirs, strict=True):
        mine.weight[...] = other.weight.detach()
        if mine.bias is not None and other.bias is not None:
            mine.bias[...] = other.bias.detach()


def whiten_decoder(decoder: nn.Module, codes: np.ndarray) -> None:
    """Let a decoder that takes such codes (N, latent) take N(0, I) in their stead, in place.

    With codes = mean + L z and L L^T their covariance, W codes + b = (W L) z + (W mean + b); W and
    b are those of its first dense layer.

    >>> decoder = mlp([2, 4], rng)
    >>> codes = np.random.default_rng(0).normal([3.0, -1.0], 0.5, (1000, 2))
    >>> before = decoder(tg.tensor(codes.mean(0, keepdims=True).astype("float32"))).numpy()
    >>> whiten_decoder(decoder, codes)
    >>> bool(np.allclose(decoder(tg.zeros(1, 2)).numpy(), before, atol=1e-5))
    True
    """
    first = _dense_layers(decoder)[0]
    codes = codes.astype(np.float64)
    covariance = np.atleast_2d(np.cov(codes.T))
    least = 1e-9 * max(float(np.trace(covariance)), 1e-12)
    factor = np.linalg.cholesky(covariance + least * np.eye(len(covariance)))
    weight = first.weight.numpy().astype(np.float64)
    assert first.bias is not None
    bias = first.bias.numpy() + weight @ codes.mean(0)
    for parameter, value in ((first.weight, weight @ factor), (first.bias, bias)):
        parameter[...] = Tensor(value.astype(parameter.dtype)).to(parameter.device)


def _dense_layers(network: nn.Module) -> list[nn.Linear]:
    return [module for module in network.modules() if isinstance(module, nn.Linear)]
