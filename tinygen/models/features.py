"""What a trained model makes of examples: features that a classifier, say, may build on.

    z = features(trainer, rows)             # (N, D) to (N, F), on the host

Of an RBM the expected hidden states, layer over layer in a deep belief network; of an autoencoder
the codes, which are posterior means where there is a posterior; of a BiGAN what its encoder makes;
of other GANs the last hidden layer of the discriminator (Radford et al., "Unsupervised
representation learning with deep convolutional generative adversarial networks" (2016), section
5.1, who take all layers and pool them).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from functools import singledispatch
from typing import Any

import numpy as np

from .. import nn
from ..backend import BACKEND_OF, Array, host
from ..ops import concatenate, reshape
from ..primitive import no_grad
from ..tensor import Tensor
from .gan import BiGANTrainer, Conditional, Discriminator, GANTrainer, Packed
from .rbm import DBNTrainer, RBMTrainer
from .vae import VAETrainer, VQTrainer
from .vae.base import LatentTrainer

__all__ = ["features"]

AT_ONCE = 1024
"""Examples at a time: the memory of their hidden layers is bounded."""

ACROSS = (nn.MinibatchDiscrimination, nn.MinibatchStdDev)
"""Layers whose answer to an example depends on its neighbours in the batch."""


def features(trainer: Any, examples: np.ndarray) -> np.ndarray:
    """Of examples (N, ...) as the trainer's networks take them, on the host: (N, F), float32.

    Raises:
        ValueError: the model makes none, or none without being told the classes.

    >>> from tinygen.models.rbm import RBM, RBMTrainer
    >>> features(RBMTrainer(RBM(6, 4, rng=rng), rng=rng), np.ones((5, 6), "float32")).shape
    (5, 4)
    """
    extract = extractor(trainer)
    place = trainer.rng.backend.from_host
    inside = trainer.evaluating() if hasattr(trainer, "evaluating") else nullcontext()
    parts = []
    with inside, no_grad():
        for start in range(0, len(examples), AT_ONCE):
            found = host(extract(place(np.ascontiguousarray(examples[start : start + AT_ONCE]))))
            parts.append(found.reshape(len(found), -1))
    return np.concatenate(parts).astype(np.float32, copy=False)


@singledispatch
def extractor(trainer: Any) -> Callable[[Array], Array]:
    """What makes features of a batch on the device."""
    raise ValueError(f"{type(trainer).__name__} makes no features of examples; take another model.")


@extractor.register
def _(trainer: RBMTrainer) -> Callable[[Array], Array]:
    return trainer.rbm.arrays().hidden_mean


@extractor.register
def _(trainer: DBNTrainer) -> Callable[[Array], Array]:
    return trainer.dbn.up


@extractor.register
def _(trainer: LatentTrainer) -> Callable[[Array], Array]:
    encode: Callable[[Array], Tensor] = trainer.encode  # type: ignore[attr-defined]
    return lambda x: encode(x).data


@extractor.register
def _(trainer: VAETrainer) -> Callable[[Array], Array]:
    if trainer.model.classes:
        raise ValueError(
            "a conditional VAE makes no features of its own: its encoder is told the class, which "
            "is what features are judged by; take vae."
        )
    return lambda x: trainer.encode(x).data


@extractor.register
def _(trainer: VQTrainer) -> Callable[[Array], Array]:
    return lambda x: trainer.model.quantise(Tensor(x)).chosen.data


@extractor.register
def _(trainer: BiGANTrainer) -> Callable[[Array], Array]:
    return lambda x: trainer.encode(x).data


@extractor.register
def _(trainer: GANTrainer) -> Callable[[Array], Array]:
    body = hidden_layers(trainer.discriminator)
    return lambda x: body(Tensor(x)).data


def hidden_layers(discriminator: nn.Module) -> Callable[[Tensor], Tensor]:
    """A discriminator without its last layer, and without what looks across a batch.

    One that judges packs sees an example as often as a pack has places; one that is told the class
    is told none, all of whose columns are 0.
    """
    if isinstance(discriminator, Discriminator):
        return discriminator.features
    if isinstance(discriminator, Packed):
        inside, places = hidden_layers(discriminator.discriminator), discriminator.m
        return lambda x: inside(concatenate([x] * places, 1))
    if isinstance(discriminator, Conditional):
        inside, classes = hidden_layers(discriminator.network), discriminator.classes
        return lambda x: inside(concatenate([x, _no_class(x, classes)], 1))
    if isinstance(discriminator, nn.Sequential):
        layers = list(discriminator)
        cut = max(i for i, layer in enumerate(layers) if layer.parameters())
        cut = min([cut, *(i for i, layer in enumerate(layers) if isinstance(layer, ACROSS))])
        body = discriminator[:cut]
        return lambda x: reshape(body(x), (len(x), -1))
    raise ValueError(
        f"{type(discriminator).__name__} does not say which of its layers are features; give it "
        "the form of models.gan.Discriminator."
    )


def _no_class(x: Tensor, classes: int) -> Tensor:
    xp = BACKEND_OF[type(x.data)]
    return Tensor(xp.zeros((len(x), classes, *x.shape[2:]), dtype=x.dtype))
