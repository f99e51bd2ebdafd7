"""The one VAE whose likelihood is known: a linear decoder with Gaussian output.

    p(x) = N(bias, W W^T + variance I)

which is probabilistic principal component analysis. Tipping & Bishop, "Probabilistic principal
component analysis" (1999). Lucas et al., "Don't blame the ELBO!" (2019), show that the ELBO of such
a model reaches the greatest likelihood there is. Everything here is on the host, in float64.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from ... import nn
from .model import VAE
from .outputs import GaussianOutput

__all__ = ["LinearGaussian", "exact_log_likelihood", "principal_components"]


class LinearGaussian(NamedTuple):
    """x = W z + bias + noise. weight: (D, latent). bias: (D,). variance: of the noise."""

    weight: np.ndarray
    bias: np.ndarray
    variance: float

    def log_likelihood(self, x: np.ndarray) -> np.ndarray:
        """log p(x) of rows (N, D), in nats: (N,)."""
        features = len(self.bias)
        covariance = self.weight @ self.weight.T + self.variance * np.eye(features)
        root = np.linalg.cholesky(covariance)
        whitened = np.linalg.solve(root, (x.astype(np.float64) - self.bias).T)
        log_determinant = 2.0 * np.log(np.diag(root)).sum()
        squares = (whitened * whitened).sum(0)
        return -0.5 * (squares + log_determinant + features * math.log(2.0 * math.pi))


def principal_components(x: np.ndarray, latent: int) -> LinearGaussian:
    """The linear-Gaussian model of the greatest likelihood on rows (N, D): the paper's eq. 7, 8.

    The variance is the mean of the eigenvalues of the covariance that are left out.
    """
    features = x.shape[1]
    if not 1 <= latent < features:
        raise ValueError(
            f"principal_components: latent must be from 1 to {features - 1}, not {latent}."
        )
    x = x.astype(np.float64)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    variance = float(values[:-latent].mean())
    kept = np.sqrt(np.maximum(values[-latent:] - variance, 0.0))
    return LinearGaussian(vectors[:, -latent:] * kept, x.mean(0), variance)


def exact_log_likelihood(model: VAE, x: np.ndarray) -> np.ndarray:
    """log p(x) of rows (N, D) under a VAE whose decoder is one linear layer: (N,).

    Raises:
        ValueError: the decoder is not a single linear layer with Gaussian output.
    """
    layers = list(model.decoder) if isinstance(model.decoder, nn.Sequential) else [model.decoder]
    layer: Any = layers[0]
    output = model.output
    is_linear = len(layers) == 1 and isinstance(layer, nn.Linear)
    if not is_linear or not isinstance(output, GaussianOutput):
        raise ValueError(
            "exact_log_likelihood: only a decoder of one linear layer with Gaussian output has one "
            "in closed form; take importance_sampled for this model."
        )
    weight = layer.weight.numpy().astype(np.float64)
    bias = np.zeros(len(weight)) if layer.bias is None else layer.bias.numpy().astype(np.float64)
    log_variance = output.fixed if output.log_variance is None else output.log_variance.item()
    assert log_variance is not None
    return LinearGaussian(weight, bias, math.exp(log_variance)).log_likelihood(x)
