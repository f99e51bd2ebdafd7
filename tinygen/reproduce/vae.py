"""Variational autoencoders: likelihoods on MNIST, and bounds against a likelihood that is known.

`tinygen reproduce vae-nll`, `iwae-vs-vae` and `vae-bounds` run them and judge them by their marks;
with `--quick` one only sees that they work.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from .. import nn
from ..data import load
from ..models.vae import (
    VAE,
    BernoulliOutput,
    Bounds,
    GaussianOutput,
    VAETrainer,
    dense_vae,
    importance_sampled,
    start_at_mean,
)
from ..models.vae.linear import exact_log_likelihood, principal_components
from ..optim import schedules
from ..random import Generator
from .row import Figures, Row, Verdict
from .training import train

__all__ = ["ROWS"]

SAMPLES = 5_000
TESTED = 1_000
"""Test images, drawn at random: the first 300 score 2 nats better than the rest."""


def trained(objective: str, samples: int, epochs: int, seed: int) -> VAETrainer:
    """784-200-200-50-200-200-784 with tanh on MNIST, as in Burda et al. 2016, appendix B."""
    rows, _ = load("mnist").flat()
    rng = Generator(seed, device="cpu")
    model = dense_vae(784, (200, 200), 50, BernoulliOutput(), rng=rng, activation=nn.Tanh)
    steps = epochs * (len(rows) // 100)
    trainer = VAETrainer(
        start_at_mean(model, rows),
        rng=Generator(seed, stream=1, device="cpu"),
        objective=objective,
        samples=samples,
        lr=schedules.linear(1e-3, 1e-4, steps),
        eps=1e-4,
    )
    train(trainer, rows, 100, epochs, Generator(seed, stream=2, device="cpu"))
    return trainer


def measured(
    trainer: VAETrainer, seed: int, images: int, samples: int, also: Sequence[int]
) -> tuple[Bounds, Figures]:
    """Bounds on images of the test set chosen at random, and what the latent vector carries."""
    rng = Generator(seed, stream=3, device="cpu")
    _, test = load("mnist").flat()
    bits = rng.bernoulli(test[rng.permutation(len(test))[:images]])
    bounds = importance_sampled(trainer.model, bits, rng=rng, samples=samples, also=also)
    latents = trainer.latents(bits)
    return bounds, {"KL": float(latents.kl.sum()), "active units": float(latents.active.sum())}


# -- vae-nll, iwae-vs-vae --------------------------------------------------------------------------


def run_nll(seed: int, quick: bool) -> Figures:
    """Both bounds of a VAE after 50 epochs."""
    trainer = trained("elbo", 1, 1 if quick else 50, seed)
    images, samples = (100, 100) if quick else (TESTED, SAMPLES)
    bounds, latents = measured(trainer, seed, images, samples, also=(1,))
    return {
        f"-L_{samples}": -bounds.mean(),
        "its standard error": bounds.standard_error(),
        "-ELBO": -bounds.mean(1),
        **latents,
    }


def judge_nll(found: Sequence[Figures]) -> Verdict:
    """Each part by its median over the seeds."""
    nll, elbo, kl, active = (
        median(f[n] for f in found) for n in ("-L_5000", "-ELBO", "KL", "active units")
    )
    parts = {
        "-L_5000": nll <= 93.0,
        "-ELBO": elbo <= 98.5,
        "KL": kl > 20.0,
        "active units": 17 <= active <= 25,
    }
    told = ", ".join(f"{name} {'yes' if met else 'NO'}" for name, met in parts.items())
    return Verdict(all(parts.values()), nll <= 87.3, f"median -L_5000 {nll:.2f}; {told}")


def run_iwae(seed: int, quick: bool) -> Figures:
    """Two trainings of k = 5 and as many epochs, which differ in where the logarithm stands.

    The gradient of the importance-weighted bound is the doubly reparameterised one (Tucker et al.
    2019): that of Burda et al., for the encoder, is noise that outlasts 50 epochs.
    """
    epochs, images, samples = (1, 100, 100) if quick else (50, TESTED, SAMPLES)
    found = {}
    for objective in ("elbo", "dreg"):
        trainer = trained(objective, 5, epochs, seed)
        found[objective] = measured(trainer, seed, images, samples, ())
    (vae, of_vae), (iwae, of_iwae) = found["elbo"], found["dreg"]
    paired = iwae.values[samples] - vae.values[samples]
    return {
        "nats better": float(paired.mean()),
        "its standard error": float(paired.std(ddof=1)) / math.sqrt(len(paired)),
        f"IWAE -L_{samples}": -iwae.mean(),
        f"VAE -L_{samples}": -vae.mean(),
        "IWAE active units": of_iwae["active units"],
        "VAE active units": of_vae["active units"],
    }


def judge_iwae(found: Sequence[Figures]) -> Verdict:
    """The medians."""
    better = median(f["nats better"] for f in found)
    more = median(f["IWAE active units"] - f["VAE active units"] for f in found)
    nll = median(f["IWAE -L_5000"] for f in found)
    because = f"median {better:.2f} nats better, {more:.0f} more active units"
    return Verdict(better >= 0.7 and more > 0, nll <= 85.54, because)


# -- vae-bounds ------------------------------------------------------------------------------------


def run_bounds(seed: int, quick: bool) -> Figures:
    """A linear VAE of the digits against its exact likelihood; and how the bounds rise with k."""
    linear = linear_against_exact(seed, 500 if quick else 3_000)
    trainer = trained("elbo", 1, 1 if quick else 5, seed)
    images, samples = (50, 500) if quick else (300, SAMPLES)
    bounds, _ = measured(trainer, seed, images, samples, also=(1, 5, 50))
    steps = {}
    for low, high in ((1, 5), (5, 50), (50, samples)):
        rise = bounds.values[high] - bounds.values[low]
        steps[f"L_{high} - L_{low}"] = float(rise.mean())
        steps[f"that in standard errors, L_{high}"] = float(
            rise.mean() / (rise.std(ddof=1) / math.sqrt(images))
        )
    return {**linear, **steps}


def linear_against_exact(seed: int, steps: int) -> Figures:
    """Of a linear VAE with 5 latent numbers, trained on the digits in float64."""
    rows = load("digits").flat()[0].astype("float64")
    rng = Generator(seed, device="cpu")
    output = GaussianOutput(rng=rng, dtype="float64")
    model: VAE = dense_vae(64, (), 5, output, rng=rng, dtype="float64")
    trainer = VAETrainer(
        start_at_mean(model, rows),
        rng=Generator(seed, stream=1, device="cpu"),
        lr=schedules.cosine(0.01, steps),
    )
    for _ in range(steps):
        trainer.step(rows)
    exact = float(exact_log_likelihood(model, rows).mean())
    best = float(principal_components(rows, 5).log_likelihood(rows).mean())
    few = rows[:200]
    bounds = importance_sampled(model, few, rng=rng, samples=500)
    few_exact = exact_log_likelihood(model, few)
    return {
        "linear VAE: below probabilistic PCA": best - exact,
        "linear VAE: exact - L_500": float(few_exact.mean()) - bounds.mean(),
    }


def judge_bounds(found: Sequence[Figures]) -> Verdict:
    """All of it, on every seed."""
    exact = all(abs(f[n]) <= 0.05 for f in found for n in f if n.startswith("linear"))
    rising = all(f[n] >= 0.0 for f in found for n in f if n.startswith("L_"))
    because = f"exact within 0.05: {_yes(exact)}; L_1 <= L_5 <= L_50 <= L_5000: {_yes(rising)}"
    return Verdict(exact and rising, None, because)


def _yes(met: bool) -> str:
    return "yes" if met else "NO"


NETWORK = "784-200-200-50-200-200-784 with tanh, pixels drawn afresh at each use"

ROWS = (
    Row(
        "vae-nll",
        "a VAE on MNIST; nats, by 5,000 importance samples",
        "-L_5000 86.76 after 3,280 epochs (Burda et al. 2016, Table 1, VAE k=1)",
        f"{NETWORK}; 50 epochs, batch 100, Adam, rate 1e-3 to 1e-4; 1,000 random test images",
        "-L_5000 at most 93.0, -ELBO at most 98.5, KL above 20, 17 to 25 active units",
        "-L_5000 at most 87.3",
        1,
        run_nll,
        judge_nll,
    ),
    Row(
        "iwae-vs-vae",
        "importance weighting against averaging, both with 5 samples; nats",
        "-L_5000 85.54 against 86.47 after 3,280 epochs (Burda et al. 2016, Table 1, k=5)",
        f"{NETWORK}; 50 epochs of each, batch 100, Adam, rate 1e-3 to 1e-4; importance weighting "
        "by the doubly reparameterised gradient (Tucker et al. 2019)",
        "0.7 nats better, and more active units",
        "-L_5000 at most 85.54",
        1,
        run_iwae,
        judge_iwae,
    ),
    Row(
        "vae-bounds",
        "bounds by importance sampling against exact likelihoods, and against each other; nats",
        "no figure: a linear VAE's likelihood is probabilistic PCA's (Tipping & Bishop 1999), and "
        "L_k never falls with k (Burda et al. 2016, Theorem 1)",
        "a linear VAE of the digits with 5 latent numbers; the VAE of vae-nll after 5 epochs, "
        "300 random test images",
        "within 0.05 of probabilistic PCA; L_1 <= L_5 <= L_50 <= L_5000 on the same draws",
        "none",
        1,
        run_bounds,
        judge_bounds,
    ),
)
