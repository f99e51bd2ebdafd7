"""Restricted Boltzmann machines: founding system A1, Gaussian units, and a deep belief network.

    tinygen train rbm --data mnist

Its recipes are `rbm`, `rbm-gaussian` and `dbn`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..backend import host, use_device
from ..config import ConfigError, setting
from ..data import BatchLoader, Dataset, load
from ..models.rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    DBNTrainer,
    DeepBeliefNetwork,
    FastPersistentChains,
    Gaussian,
    NegativeSampler,
    PersistentChains,
    RBMTrainer,
    TemperedChains,
    gibbs_samples,
    pseudo_log_likelihood,
)
from ..pictures import image_grid, png_bytes
from ..random import Generator
from .recipe import WIDEST, Experiment, Recipe, RunConfig, Score, picture_maker, streams

__all__ = ["RECIPES", "RBMConfig", "binary_rows", "negative_phase", "one_rbm"]

SHOWN = 64
"""Samples, filters, and rows that are reconstructed, in a picture."""

SCORED = 200
"""Held-out rows whose pseudo-likelihood scores a checkpoint, over as many sites at most."""

NEGATIVE = ("cd", "pcd", "fpcd", "tempered")


@dataclass(frozen=True)
class RBMConfig(RunConfig):
    """Settings of one RBM."""

    steps: int = setting(10_000, "updates", low=1, high=10**9)
    batch: int = setting(50, "examples in an update", low=1, high=2**24)
    hidden: int = setting(128, "units", low=1, high=WIDEST)
    lr: float = setting(0.05, "at first: lr / (1 + t / decay) at step t", low=1e-12, high=1e3)
    decay: int = setting(3_000, "steps until the rate is half of it", low=1, high=10**9)
    momentum: float = setting(0.0, low=0, high=0.9999)
    weight_decay: float = setting(0.0, "of the weights", low=0, high=1e3)
    negative: str = setting("cd", "cd, pcd, fpcd or tempered chains", choices=NEGATIVE)
    k: int = setting(1, "Gibbs steps for each update", low=1, high=10**6)
    chains: int = setting(100, "of pcd, fpcd and tempered", low=1, high=2**20)
    centred: bool = setting(True, "the gradient does not depend on which value is called 1")
    burn_in: int = setting(300, "Gibbs steps to a sample", low=1, high=10**7)


@dataclass(frozen=True)
class DBNConfig(RunConfig):
    """Settings of the deep belief network."""

    steps: int = setting(15_000, "updates, shared evenly by the layers", low=1, high=10**9)
    batch: int = setting(50, "examples in an update", low=1, high=2**24)
    hidden: tuple[int, ...] = setting((128, 64), "units of each layer", low=1, high=WIDEST)
    lr: float = setting(0.05, "of each RBM", low=1e-12, high=1e3)
    momentum: float = setting(0.5, low=0, high=0.9999)
    burn_in: int = setting(300, "Gibbs steps in the top RBM to a sample", low=1, high=10**7)


def build_rbm(config: RBMConfig) -> Experiment:
    """Bernoulli units on images, whose pixels are thresholded at a half."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, test = binary_rows(data, "rbm")
    return one_rbm(config, data, rows, test, Bernoulli, random, thresholded)


def build_gaussian(config: RBMConfig) -> Experiment:
    """Gaussian visible units of learned variance, on any data, standardised feature by feature."""
    random = streams(config)
    data = load(config.data, random["data"])
    rows, test = data.flat()
    # A tenth of the whole variance is added, or pixels that hardly vary would rule the energy.
    mean, scale = rows.mean(0), np.sqrt(rows.var(0) + 0.1 * rows.var()) + 1e-12

    def standardised(rows: np.ndarray) -> np.ndarray:
        return (rows - mean) / scale

    return one_rbm(
        config, data, standardised(rows), standardised(test), Gaussian, random, standardised,
        restore=lambda z: z * scale + mean,
    )  # fmt: skip


def build_dbn(config: DBNConfig) -> Experiment:
    """RBMs of Bernoulli units on one another, each trained for its share of the steps."""
    if not config.hidden:
        raise ConfigError("hidden must name at least one layer, such as 128,64.")
    random = streams(config)
    data = load(config.data, random["data"])
    rows, _ = binary_rows(data, "dbn")
    with use_device(config.device):
        dbn = DeepBeliefNetwork([data.n_features, *config.hidden], rng=random["weights"])
        dbn.rbms[0].start_at(random["noise"].backend.from_host(rows))
        trainer = DBNTrainer(
            dbn,
            rng=random["noise"],
            steps_per_layer=max(1, config.steps // len(config.hidden)),
            make=lambda rbm, rng: RBMTrainer(rbm, rng=rng, lr=config.lr, momentum=config.momentum),
            burn_in=config.burn_in,
        )
    picture = picture_maker(data)

    def draw() -> Mapping[str, bytes]:
        shown = {"samples": picture(trainer.sample(SHOWN))}
        return {**shown, **_filters(dbn.rbms[0], data)}

    return _experiment(config, trainer, data, rows, random, draw, thresholded)


def negative_phase(config: RBMConfig) -> NegativeSampler:
    """The sampler that the settings name."""
    if config.negative == "cd":
        return ContrastiveDivergence(config.k)
    if config.negative == "pcd":
        return PersistentChains(config.chains, config.k)
    if config.negative == "fpcd":
        return FastPersistentChains(config.chains, config.lr)
    return TemperedChains(config.chains, k=config.k)


# -- shared pieces ---------------------------------------------------------------------------------


def one_rbm(
    config: RBMConfig,
    data: Dataset,
    rows: np.ndarray,
    test: np.ndarray,
    units: type[Bernoulli] | type[Gaussian],
    random: dict[str, Generator],
    inputs: Callable[[np.ndarray], np.ndarray],
    restore: Callable[[np.ndarray], np.ndarray] = lambda rows: rows,
    kind: Callable[..., RBMTrainer] | None = None,
) -> Experiment:
    """One RBM on rows (N, n_features), of which `restore` makes rows in the data's units.

    `inputs` is its inverse, as near as there is one.

    Args:
        kind: makes the trainer of the RBM and what all of them are told; None for the plain one.
    """
    place = random["noise"].backend.from_host
    with use_device(config.device):
        visible = units(data.n_features)
        rbm = RBM(visible, Bernoulli(config.hidden), rng=random["weights"]).start_at(place(rows))
        base = rbm.arrays().visible.base_rate(place(rows))
        make: Callable[..., RBMTrainer] = kind or partial(
            _Restoring, restore=restore, negative=negative_phase(config)
        )
        trainer = make(
            rbm,
            rng=random["noise"],
            lr=lambda t: config.lr / (1.0 + t / config.decay),
            momentum=config.momentum,
            weight_decay=config.weight_decay,
            centred=config.centred,
            base=base,
            burn_in=config.burn_in,
        )
    held = place(test[:SCORED])
    picture = picture_maker(data)

    def draw() -> Mapping[str, bytes]:
        shown = {"samples": picture(trainer.sample(SHOWN))}
        if data.is_image:
            again = host(rbm.arrays().reconstruction(held))
            shown["reconstructions"] = _pairs(restore(test), restore(again), data)
            shown["chains"] = _chains(rbm, random["noise"], data, restore)
        return {**shown, **_filters(rbm, data)}

    def score() -> float:
        sites = min(SCORED, rbm.visible.n_sites)
        found = pseudo_log_likelihood(rbm, held, rng=random["pictures"], sites=sites)
        return float(found.mean())

    return _experiment(
        config, trainer, data, rows, random, draw, inputs, Score("pseudo_log_likelihood", score)
    )


class _Restoring(RBMTrainer):
    """A trainer whose samples are in the data's units."""

    def __init__(
        self, rbm: RBM, *, restore: Callable[[np.ndarray], np.ndarray], **options: Any
    ) -> None:
        super().__init__(rbm, **options)
        self.restore = restore

    def sample(self, n: int) -> np.ndarray:
        """n samples on the host, (n, n_features)."""
        return self.restore(super().sample(n))


def _experiment(
    config: RunConfig,
    trainer: Any,
    data: Dataset,
    rows: np.ndarray,
    random: dict[str, Generator],
    draw: Callable[[], Mapping[str, bytes]],
    inputs: Callable[[np.ndarray], np.ndarray],
    score: Score | None = None,
) -> Experiment:
    backend = random["noise"].backend
    return Experiment(
        trainer,
        data,
        BatchLoader((rows,), config.batch, random["order"]),
        prepare=lambda batch: tuple(map(backend.move, batch)),
        draw=draw,
        picture=picture_maker(data),
        streams=random,
        device=config.device,
        score=score,
        inputs=inputs,
    )


def binary_rows(data: Dataset, recipe: str) -> tuple[np.ndarray, np.ndarray]:
    """Training and test rows of 0 and 1."""
    if not data.is_image:
        raise ConfigError(
            f"{recipe} needs images, whose pixels it thresholds, and {data.name} has examples of "
            f"shape {data.shape}: take rbm-gaussian for these."
        )
    train, test = data.flat()
    return thresholded(train), thresholded(test)


def thresholded(rows: np.ndarray) -> np.ndarray:
    """Zeros and ones."""
    return (rows > 0.5).astype("float32")


def _as_images(rows: np.ndarray, data: Dataset) -> np.ndarray:
    """Rows as grey images; colours lie side by side."""
    return rows.reshape(len(rows), -1, data.shape[-1])


def _filters(rbm: RBM, data: Dataset) -> dict[str, bytes]:
    """The weights of the first hidden units as images, each on its own scale."""
    if not data.is_image:
        return {}
    w = rbm.weight.numpy()[:SHOWN]
    reach = np.abs(w).max(1, keepdims=True) + 1e-12
    return {"filters": png_bytes(image_grid(_as_images(0.5 + 0.5 * w / reach, data)))}


def _pairs(rows: np.ndarray, reconstructed: np.ndarray, data: Dataset) -> bytes:
    """Held-out rows, each beside its reconstruction."""
    count = min(SHOWN // 2, len(rows))
    both = np.stack([rows[:count], reconstructed[:count]], axis=1).reshape(2 * count, -1)
    return png_bytes(image_grid(_as_images(both, data), columns=8))


def _chains(
    rbm: RBM, rng: Generator, data: Dataset, restore: Callable[[np.ndarray], np.ndarray]
) -> bytes:
    """Eight chains, one a row, with ten Gibbs steps from one image to the next."""
    drawn = host(gibbs_samples(rbm, 8, rng=rng, burn_in=10, draws=8, thin=10))
    rows = restore(drawn.transpose(1, 0, 2).reshape(64, -1))
    return png_bytes(image_grid(_as_images(rows, data), columns=8))


MNIST = {"steps": 12_000, "hidden": 500, "batch": 100, "negative": "pcd"}

RECIPES = (
    Recipe(
        "rbm",
        "founding system A1: binary pixels, contrastive divergence; 784 visible units on MNIST",
        RBMConfig(),
        build_rbm,
        {"mnist": MNIST, "fashion-mnist": MNIST},
    ),
    Recipe(
        "rbm-gaussian",
        "the same with Gaussian visible units of learned variance, for any real data",
        RBMConfig(steps=5_000, lr=0.002),
        build_gaussian,
        {"mnist": {"hidden": 500, "batch": 100}, "fashion-mnist": {"hidden": 500, "batch": 100}},
    ),
    Recipe(
        "dbn",
        "a deep belief network: RBMs on one another, trained layer by layer",
        DBNConfig(),
        build_dbn,
        {"mnist": {"steps": 18_000, "hidden": (500, 250), "batch": 100}},
    ),
)
