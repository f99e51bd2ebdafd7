"""How strange an example is to a model that has seen normal ones only: the greater the stranger.

    free_energy(rbm, x)         negative_bound(vae, x, rng=rng)
    bigan_score(trainer, x)     anogan_score(trainer, x)

Each (N, D) to (N,) on the host.
"""

from __future__ import annotations

import numpy as np

from ..backend import Array, host
from ..ops import abs, concatenate, reshape, softplus, sum
from ..random import Generator
from ..tensor import Tensor
from .features import hidden_layers
from .gan import BiGANTrainer, GANTrainer
from .latent_search import best_of, search
from .rbm import RBM
from .vae import VAE, importance_sampled

__all__ = ["anogan_score", "bigan_score", "free_energy", "negative_bound"]


def free_energy(rbm: RBM, x: Array) -> np.ndarray:
    """F(x), which is -log p(x) but for one constant, in nats: (N, n_visible) to (N,).

    >>> from tinygen.models.rbm import RBM
    >>> free_energy(RBM(6, 4, rng=rng), np.ones((5, 6), "float32")).shape
    (5,)
    """
    return host(rbm.arrays().free_energy(x))


def negative_bound(model: VAE, x: Array, *, rng: Generator, samples: int = 10) -> np.ndarray:
    """-L_k of each example, in nats, of zeros and ones that are drawn from grey pixels first.

    An and Cho, "Variational autoencoder based anomaly detection using reconstruction probability"
    (2015) leave out the KL term; the bound has it. (N, D) to (N,); `samples` is k, the draws of z.
    Raises as `importance_sampled`.

    >>> from tinygen.models.vae import BernoulliOutput, dense_vae
    >>> model = dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng)
    >>> negative_bound(model, np.ones((5, 8), "float32"), rng=rng).shape
    (5,)
    """
    drawn = rng.bernoulli(x) if model.output.binary else x
    return -importance_sampled(model, drawn, rng=rng, samples=samples).values[samples]


def bigan_score(
    trainer: BiGANTrainer, x: Array, *, weight: float = 0.1, steps: int = 0, lr: float = 0.1
) -> np.ndarray:
    """(1 - weight) |x - G(z)| + weight * (D's loss of the pair x, z as a real one), z = E(x).

    Zenati et al., "Efficient GAN-based anomaly detection" (2018), eq. 1, with their weights: the
    first part is the sum over pixels, and the second the cross-entropy, their L_D "sigma".

    An encoder that errs makes all examples strange. With `steps` its codes are where a descent of
    |x - G(z)| begins (Zhu et al., "Generative visual manipulation on the natural image manifold"
    (2016), section 3.1, who do so to edit pictures), and z is the best on the way.

    Args:
        x: (N, D); the scores are (N,).
        steps, lr: of Adam, see `latent_search.search`; 0 takes the codes as they are.

    >>> from tinygen.models.gan import BiGANTrainer, mlp
    >>> trainer = BiGANTrainer(
    ...     mlp([3, 8, 2], rng), mlp([2, 8, 3], rng), mlp([2 + 3, 8, 1], rng), latent=3, rng=rng
    ... )
    >>> bigan_score(trainer, np.ones((5, 2), "float32")).shape
    (5,)
    """

    def residuals(made: Tensor, z: Tensor) -> Tensor:
        return sum(abs(made - Tensor(x)), axis=1)

    with trainer.evaluating():
        start = trainer.encode(x).data
    codes, residual = search(trainer, residuals, start, steps=steps, lr=lr)
    with trainer.evaluating():
        logits = trainer.discriminator(concatenate([Tensor(x), Tensor(codes)], 1))
        doubt = host(_cross_entropy_of_real(logits).data)
    return (1.0 - weight) * residual + weight * doubt


def anogan_score(
    trainer: GANTrainer,
    x: Array,
    *,
    weight: float = 0.1,
    steps: int = 200,
    restarts: int = 1,
    lr: float = 0.1,
) -> np.ndarray:
    """The least of (1 - weight) |x - G(z)| + weight |f(x) - f(G(z))| over z, by descent.

    Schlegl et al., "Unsupervised anomaly detection with generative adversarial networks to guide
    marker discovery" (2017), eqs. 3 to 6, with their weight; f is D's last hidden layer.

    Args:
        x: (N, D). steps, restarts, lr: see `latent_search.best_of`.

    Raises:
        ValueError: D does not say which of its layers are features.

    >>> from tinygen.models.gan import Discriminator, GANTrainer, mlp
    >>> D = Discriminator(mlp([2, 8], rng), mlp([8, 1], rng))
    >>> trainer = GANTrainer(mlp([4, 8, 2], rng), D, rng=rng, noise_shape=4)
    >>> anogan_score(trainer, np.ones((5, 2), "float32"), steps=3).shape
    (5,)
    """
    inside = hidden_layers(trainer.discriminator)
    with trainer.evaluating():
        wanted = inside(Tensor(x)).detach()

    def loss(made: Tensor, z: Tensor) -> Tensor:
        residual = sum(abs(made - Tensor(x)), axis=1)
        return (1.0 - weight) * residual + weight * sum(abs(inside(made) - wanted), axis=1)

    return best_of(trainer, loss, len(x), restarts=restarts, steps=steps, lr=lr)[1]


def _cross_entropy_of_real(logits: Tensor) -> Tensor:
    """-log sigmoid of each logit (N, 1): (N,)."""
    return reshape(softplus(-logits), (len(logits),))
