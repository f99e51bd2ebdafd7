"""GANs of images at several scales: LAPGAN, progressive growing, MSG-GAN, several D, SAGAN.

    scales = Scales(sizes=(8, 16, 32), channels=(64, 32, 16), features="recurrent")
    trainer = MODELS["msg-gan"](scales, noise=64, weights=weights, rng=rng)
    losses = trainer.step(images)                      # (N, 1, 32, 32) in [0, 1]
    small, middle, large = trainer.sample_scales(16)

Read `pyramid.py`, `features.py` and `trunks.py`, which all share; then `single.py`, the baseline;
then any of the models, a page each.
"""

from collections.abc import Callable
from typing import Any

from .cost import multiplications
from .discriminators import (
    FeatureMatchingTrainer,
    MultiscaleDiscriminator,
    multiscale_discriminators,
)
from .features import FEATURES, Attention, Convolutional, Recurrent, features
from .kits import EqualizedKit, Kit, SpectralKit
from .lapgan import LaplacianDiscriminator, LaplacianGenerator, LaplacianTrainer, lapgan
from .msg import MSGDiscriminator, MSGGenerator, MSGTrainer, msg_gan
from .progressive import (
    GrowingDiscriminator,
    GrowingGenerator,
    ProgressiveTrainer,
    progress_at,
    progressive,
)
from .pyramid import Pyramid
from .sagan import sagan
from .single import ImageDiscriminator, ImageGenerator, single_scale
from .trainer import MultiscaleTrainer
from .trunks import Scales

__all__ = [
    "Attention",
    "Convolutional",
    "EqualizedKit",
    "FEATURES",
    "FeatureMatchingTrainer",
    "GrowingDiscriminator",
    "GrowingGenerator",
    "ImageDiscriminator",
    "ImageGenerator",
    "Kit",
    "LaplacianDiscriminator",
    "LaplacianGenerator",
    "LaplacianTrainer",
    "MODELS",
    "MSGDiscriminator",
    "MSGGenerator",
    "MSGTrainer",
    "MultiscaleDiscriminator",
    "MultiscaleTrainer",
    "ProgressiveTrainer",
    "Pyramid",
    "Recurrent",
    "Scales",
    "SpectralKit",
    "features",
    "lapgan",
    "msg_gan",
    "multiplications",
    "multiscale_discriminators",
    "progress_at",
    "progressive",
    "sagan",
    "single_scale",
]

MODELS: dict[str, Callable[..., Any]] = {
    "single-scale": single_scale,
    "lapgan": lapgan,
    "progressive": progressive,
    "msg-gan": msg_gan,
    "multiscale-d": multiscale_discriminators,
    "sagan": sagan,
}
"""Each takes (scales, noise=, weights=, rng=, ...) and returns its trainer."""
