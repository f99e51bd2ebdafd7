"""A variational autoencoder: an encoder to q(z | x) and a decoder to p(x | z), with p(z) = N(0, 1).

    model = dense_vae(784, (256,), 20, BernoulliOutput(), rng=rng)
    q = model.posterior(x)                    # Normal, (N, 20)
    p = model.likelihood(q.sample(rng))       # Bernoulli, (N, 784)

Kingma & Welling, "Auto-encoding variational Bayes" (2014). The founding article (B1) calls a plain
autoencoder by this name: its code never draws z and has no KL term, so it bounds no likelihood and
defines nothing to sample from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ... import nn
from ...backend import Array
from ...distributions import Normal
from ...ops import concatenate, one_hot, reshape
from ...random import Generator
from ...tensor import Tensor
from .outputs import Output

__all__ = ["VAE", "convolutional_vae", "dense", "dense_vae", "start_at_mean"]


class VAE(nn.Module):
    """Encoder, decoder and the family of p(x | z).

    Args:
        encoder: rows (N, D), with the labels' one-hot columns if there are `classes`, to
            (N, 2 * latent): means, then log-variances.
        decoder: (N, latent), likewise, to (N, D).
        output: what the decoder's numbers mean.
        latent: the length of z, at least 1.
        classes: of a conditional VAE (Sohn et al. 2015, "Learning structured output representation
            using deep conditional generative models"): both networks are told the class; 0: none.

    Kingma & Welling, "Auto-encoding variational Bayes" (2014).

    Raises:
        ValueError: latent or classes is out of range; when called, the encoder makes another number
            of numbers, or labels are given to a model without classes, or the reverse.

    >>> model = VAE(dense([8, 6], rng), dense([3, 8], rng), BernoulliOutput(), latent=3)
    >>> q = model.posterior(tg.zeros(5, 8))
    >>> q.mean.shape, model.likelihood(q.mean).mean.shape
    ((5, 3), (5, 8))
    """

    def __init__(
        self,
        encoder: nn.Module,
        decoder: nn.Module,
        output: Output,
        latent: int,
        classes: int = 0,
    ) -> None:
        if latent < 1:
            raise ValueError(f"VAE: latent must be at least 1, not {latent}.")
        if classes < 0:
            raise ValueError(f"VAE: classes must be at least 0, not {classes}.")
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.latent = latent
        self.classes = classes

    def posterior(self, x: Any, labels: Array | None = None) -> Normal:
        """q(z | x), or q(z | x, label), of rows (N, D): (N, latent)."""
        statistics = self.encoder(self._with_labels(x, labels))
        if statistics.shape[-1] != 2 * self.latent:
            raise ValueError(
                f"VAE: the encoder makes {statistics.shape[-1]} numbers, but a latent vector of "
                f"{self.latent} has a mean and a log-variance for each: {2 * self.latent}."
            )
        return Normal(statistics[:, : self.latent], statistics[:, self.latent :])

    def likelihood(self, z: Any, labels: Array | None = None) -> Any:
        """p(x | z), or p(x | z, label): z (N, latent) to a distribution of (N, D).

        z may also be (N, k, latent), k draws for each row: then it is of (N, k, D).
        """
        if z.ndim == 2:
            return self.output.distribution(self.decoder(self._with_labels(z, labels)))
        decoded = self.decoder(self.decoder_rows(z, labels))
        return self.output.distribution(reshape(decoded, (*z.shape[:2], decoded.shape[-1])))

    def decoder_rows(self, z: Any, labels: Array | None = None) -> Any:
        """What the decoder takes for k draws of each row: z (N, k, latent) to N * k rows."""
        n, k, latent = z.shape
        repeated = None if labels is None else labels.repeat(k)
        return self._with_labels(reshape(z, (n * k, latent)), repeated)

    def _with_labels(self, rows: Any, labels: Array | None) -> Any:
        if (labels is None) != (self.classes == 0):
            needs = f"labels of {self.classes} classes" if self.classes else "no labels"
            raise ValueError(f"VAE: this model takes {needs}.")
        if labels is None:
            return rows
        return concatenate([rows, one_hot(labels, self.classes, rows)], 1)


def dense(
    sizes: Sequence[int],
    rng: Generator,
    activation: Callable[[], nn.Module] = nn.ReLU,
    *,
    dtype: Any = "float32",
) -> nn.Sequential:
    """Dense layers of these sizes, with activations between them.

    (N, sizes[0]) to (N, sizes[-1]). Weights are drawn as Glorot and Bengio 2010 propose (eq. 16),
    biases start at 0.

    >>> dense([8, 16, 6], rng)(tg.zeros(5, 8)).shape
    (5, 6)
    """
    layers: list[nn.Module] = []
    for i, (inputs, outputs) in enumerate(pairwise(sizes)):
        if i:
            layers.append(activation())
        layer = nn.Linear(inputs, outputs, rng=rng, dtype=dtype)
        nn.init.xavier_uniform_(layer.weight, rng=rng)
        assert layer.bias is not None
        nn.init.zeros_(layer.bias)
        layers.append(layer)
    return nn.Sequential(*layers)


def dense_vae(
    features: int,
    hidden: Sequence[int],
    latent: int,
    output: Output,
    *,
    rng: Generator,
    activation: Callable[[], nn.Module] = nn.ReLU,
    classes: int = 0,
    dtype: Any = "float32",
) -> VAE:
    """Dense networks: features - hidden - 2 latent, and latent - hidden reversed - features.

    Arguments and errors as of `VAE`, whose D is `features`.

    >>> model = dense_vae(784, (256,), 20, BernoulliOutput(), rng=rng)
    >>> model.posterior(tg.zeros(5, 784)).mean.shape
    (5, 20)
    """
    if latent < 1:
        raise ValueError(f"VAE: latent must be at least 1, not {latent}.")
    into, out_of = [features + classes, *hidden, 2 * latent], [latent + classes, *hidden[::-1]]
    encoder = dense(into, rng, activation, dtype=dtype)
    decoder = dense([*out_of, features], rng, activation, dtype=dtype)
    return VAE(encoder, decoder, output, latent, classes)


class Reshape(nn.Module):
    """(N, ...) to (N, *shape)."""

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def forward(self, x: Any) -> Any:
        """(N, *shape)."""
        return reshape(x, (len(x), *self.shape))


def convolutional_vae(
    shape: tuple[int, int, int],
    channels: tuple[int, int],
    latent: int,
    output: Output,
    *,
    rng: Generator,
) -> VAE:
    """Two strided convolutions down, two transposed ones up, for images given as rows.

    Args:
        shape: colours, height and width; both sides are multiples of 4.
        channels: of the layers at half and at quarter size.

    Raises:
        ValueError: a side is no multiple of 4.

    >>> model = convolutional_vae((1, 8, 8), (4, 8), 3, BernoulliOutput(), rng=rng)
    >>> model.posterior(tg.zeros(5, 64)).mean.shape
    (5, 3)
    """
    colours, height, width = shape
    if height % 4 or width % 4:
        raise ValueError(
            f"convolutional_vae: images of {height} x {width} do not halve twice; pad them to "
            "multiples of 4."
        )
    first, second = channels
    small = (second, height // 4, width // 4)
    encoder = nn.Sequential(
        Reshape(*shape),
        nn.Conv2d(colours, first, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.Conv2d(first, second, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(math.prod(small), 2 * latent, rng=rng),
    )
    decoder = nn.Sequential(
        nn.Linear(latent, math.prod(small), rng=rng),
        nn.ReLU(),
        Reshape(*small),
        nn.ConvTranspose2d(second, first, 4, 2, 1, rng=rng),
        nn.ReLU(),
        nn.ConvTranspose2d(first, colours, 4, 2, 1, rng=rng),
        nn.Flatten(),
    )
    return VAE(encoder, decoder, output, latent)


def start_at_mean(model: Any, rows: np.ndarray) -> Any:
    """Let a dense decoder's last bias say the mean of the data (N, D), as in Burda et al. 2016.

    Args:
        model: a VAE or VQVAE; it is returned.

    >>> model = dense_vae(2, (16,), 3, GaussianOutput(rng=rng), rng=rng)
    >>> start_at_mean(model, np.array([[1.0, 3.0], [3.0, 5.0]], "float32")) is model
    True
    """
    bias: Tensor = model.decoder[-1].bias
    decoded = model.output.decoded_for(rows.mean(0, dtype=np.float64))
    bias[...] = Tensor(decoded.astype(bias.dtype)).to(bias.device)
    return model
