r"""Variational autoencoders: models, objectives, training, likelihoods, and their relatives.

    model = dense_vae(784, (256,), 20, BernoulliOutput(), rng=rng)
    trainer = VAETrainer(model, rng=rng)

The encoder says $q(z \mid x)$, the decoder $p(x \mid z)$; what is made large is a bound:

$$\log p(x) \ge \mathbb{E}_{q(z \mid x)} \log p(x \mid z) -
\mathrm{KL}\left(q(z \mid x) \,\|\, p(z)\right)$$

Read `outputs.py`, `model.py`, `objectives.py` and `trainer.py`, in this order.
"""

from .adversarial import AAETrainer
from .latent_gan import LatentGANTrainer
from .likelihood import Bounds, importance_sampled
from .model import VAE, convolutional_vae, dense, dense_vae, start_at_mean
from .objectives import (
    OBJECTIVES,
    View,
    autoencoder,
    doubly_reparameterised,
    importance_weighted,
    negative_elbo,
    sticking_the_landing,
)
from .outputs import BernoulliOutput, DiscretisedLogisticOutput, GaussianOutput, Output
from .trainer import Latents, PosteriorCollapse, VAETrainer
from .vae_gan import VAEGANTrainer
from .vq import VQVAE, CodePrior, VQTrainer

__all__ = [
    "OBJECTIVES",
    "VAE",
    "VQVAE",
    "AAETrainer",
    "BernoulliOutput",
    "Bounds",
    "CodePrior",
    "DiscretisedLogisticOutput",
    "GaussianOutput",
    "LatentGANTrainer",
    "Latents",
    "Output",
    "PosteriorCollapse",
    "VAEGANTrainer",
    "VAETrainer",
    "VQTrainer",
    "View",
    "autoencoder",
    "convolutional_vae",
    "dense",
    "dense_vae",
    "doubly_reparameterised",
    "importance_sampled",
    "importance_weighted",
    "negative_elbo",
    "start_at_mean",
    "sticking_the_landing",
]
