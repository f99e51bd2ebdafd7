"""GANs by the articles that named them: `gan` with other objectives, penalties and remedies.

Each differs from `tinygen train gan` by the settings that its article is about, so that
`tinygen compare gan wgan-gp ...` shows what these change.
"""

from __future__ import annotations

from .gan import MIXTURE, MNIST, GANConfig, build_gan
from .recipe import Recipe

__all__ = ["RECIPES"]

ON_ALL = {"mnist": MNIST, "fashion-mnist": MNIST, "ring": MIXTURE, "grid": MIXTURE}

RECIPES = (
    Recipe(
        "wgan-gp",
        "Wasserstein distance, its critic held 1-Lipschitz by a gradient penalty (2017)",
        GANConfig(
            objective="wasserstein",
            penalty="gradient-penalty",
            penalty_weight=10.0,
            penalty_every=1,
            d_steps=5,
            steps=30_000,
        ),
        build_gan,
        {},
    ),
    Recipe(
        "sngan",
        "hinge loss, D's weights divided by their largest singular values (2018)",
        GANConfig(objective="hinge", spectral_norm=True, penalty="none", steps=30_000),
        build_gan,
        {},
    ),
    Recipe(
        "lsgan",
        "least squares (2017), with `gan`'s penalty",
        GANConfig(objective="least-squares"),
        build_gan,
        ON_ALL,
    ),
    Recipe(
        "hinge",
        "hinge loss (2017), with `gan`'s penalty",
        GANConfig(objective="hinge"),
        build_gan,
        ON_ALL,
    ),
    Recipe(
        "pacgan",
        "D judges two examples of a kind together (2018)",
        GANConfig(pack=2),
        build_gan,
        ON_ALL,
    ),
    Recipe(
        "unrolled-gan",
        "G looks three steps of D ahead (2017), with `gan`'s penalty",
        GANConfig(unroll=3, lr=2e-3, steps=6_000),
        build_gan,
        {},
    ),
    Recipe(
        "gan-wide",
        "founding system D1: G 100-4096-4096-784, D 784-4096-4096-1, on standardised data",
        GANConfig(
            noise=100,
            generator=(4096, 4096),
            discriminator=(4096, 4096),
            preprocess=True,
            penalty_weight=10.0,  # of slopes per deviation: 1.0 of slopes per grey level
            penalty_every=8,
            steps=800,
            checkpoint_every=400,
            ema=0.99,
            lr=1.3e-4,  # the wider the layers, the more a step of Adam moves their outputs
        ),
        build_gan,
        {"mnist": {"steps": 5_000, "checkpoint_every": 1_000, "ema": 0.995}},
    ),
)
