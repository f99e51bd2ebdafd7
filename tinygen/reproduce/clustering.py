"""Clusters without labels: a mixture of Gaussians in a VAE's latent space, against the pixels.

The mixture is fitted to the codes themselves, and to a map of them in the plane.

`tinygen reproduce clustering` runs it and judges it by its mark; with `--quick` one only sees that
it works.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import numpy as np

from ..data import load
from ..metrics.representation.clustering import clustering, clustering_of_map
from ..metrics.representation.view import View
from ..models.features import features
from .families import vae_of
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]

LATENT, HIDDEN, STEPS = 10, 512, 20_000


def run(seed: int, quick: bool) -> Figures:
    """Agreement with the classes of held-out images, in percent, for both ways and both spaces."""
    data = load("digits" if quick else "mnist")
    train, test = data.flat()
    steps = 200 if quick else STEPS
    trainer = vae_of(train, hidden=HIDDEN, latent=LATENT, steps=steps, seed=seed)
    seen = {
        "VAE": (features(trainer, train), features(trainer, test)),
        "pixels": (train, test),
    }
    figures: dict[str, float] = {}
    for space, (fit, held) in seen.items():
        view = View(
            fit.astype(np.float64), train, data.train_labels,
            held.astype(np.float64), test, data.test_labels, data.n_classes, seed,
        )  # fmt: skip
        found = clustering(view) | clustering_of_map(view)
        figures |= {f"{space}: {name}": 100.0 * v for name, v in found.items()}
    return figures


def verdict(found: Sequence[Figures]) -> Verdict:
    """The medians over the seeds."""
    means, codes, map_of_codes, map_of_pixels = (
        median(f[f"{name}, ACC"] for f in found)
        for name in ("pixels: k-means", "VAE: mixture",
                     "VAE: mixture on a map", "pixels: mixture on a map")
    )  # fmt: skip
    because = (
        f"a mixture in the latent space {codes:.1f}%, k-means on pixels {means:.1f}%; a mixture on "
        f"a map of the latent space {map_of_codes:.1f}%, of the pixels {map_of_pixels:.1f}%"
    )
    stretch = map_of_codes >= 90.0 and map_of_codes > map_of_pixels
    return Verdict(codes >= 70.0 and codes > means, stretch, because)


ROWS = (
    Row(
        "clustering",
        "digits grouped without labels: a mixture of 10 Gaussians in a VAE's latent space",
        "none for this: jointly trained mixtures reach 94% (Jiang et al., VaDE, 2017)",
        f"VAE 784-{HIDDEN}-{LATENT}, {STEPS:,} updates on batches of 100 training images; mixture "
        "and k-means fitted to the posterior means of all of them (pixels: 20 principal components "
        "for the mixture), and the mixture to t-SNE's map of 10,000 of them (perplexity 30), where "
        "a test image goes with most of its 5 nearest; accuracy of the best pairing of clusters "
        "with classes on test images",
        "70% in the latent space itself and above k-means on pixels (median)",
        "90%, by way of the map and above the map of the pixels",
        3,
        run,
        verdict,
    ),
)
