"""GANs with an energy in them: a critic that is a log-density, noise that an RBM draws.

`tinygen reproduce contrastive-adversarial-critic` and `contrastive-adversarial-prior` run them and
judge them by their marks; with `--quick` one only sees that they work.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np

from .. import recipes
from ..backend import host
from ..data import MIXTURES, Mixture
from ..metrics import mode_coverage
from ..metrics.modes import SAMPLES
from ..models.gan import GANTrainer
from ..ops import logsumexp
from ..random import Generator
from ..recipes.gan_modes import Scaling
from ..tensor import Tensor
from .modes import PLAIN, TUNED
from .row import Figures, Row, Verdict

__all__ = ["ROWS", "log_density", "places", "spearman"]

POINTS = 2_500


def log_density(mixture: Mixture, x: np.ndarray) -> np.ndarray:
    """Of points (N, 2), up to the constant: (N,), in nats."""
    squares = ((x[:, None].astype("float64") - mixture.centres) ** 2).sum(2)
    return logsumexp(-0.5 * squares / mixture.std**2, 1)


def spearman(x: np.ndarray, y: np.ndarray) -> float:
    """The correlation of the ranks of x and y, (N,); those of equal values are their mean."""
    return float(np.corrcoef(_ranks(x), _ranks(y))[0, 1])


def _ranks(x: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(x, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - 0.5 * (counts - 1))[place]


def places(mixture: Mixture, rng: Generator) -> Mapping[str, np.ndarray]:
    """Where a critic is asked: points (N, 2) by the name of the place."""
    low, high = (end(mixture.centres, 0) for end in (np.min, np.max))
    reach = 3.0 * mixture.std
    low, high = low - reach, high + reach
    drawn = mixture.sample(POINTS, rng)[0]
    box = low + (high - low) * host(rng.uniform((POINTS, 2)))
    # Every distance from a mode is as frequent as any other, on a scale of factors.
    factor = host(rng.uniform((POINTS, 1), 0.0, float(np.log((high - low).max() / mixture.std))))
    around = drawn + mixture.std * np.exp(factor) * host(rng.normal((POINTS, 2)))
    return {
        "data": drawn,
        "box": box.astype("float32"),
        "half data, half box": np.concatenate([drawn, box]).astype("float32"),
        "all distances": around.astype("float32"),
    }


# -- the critic ------------------------------------------------------------------------------------

STEPS = 8_000
CRITIC = {"steps": STEPS}


def run_critic(seed: int, quick: bool) -> Figures:
    """Rank correlations of -F with the data's log-density, and of a plain GAN's critic."""
    figures: dict[str, float] = {}
    for name in ("ring", "grid"):
        steps = 40 if quick else STEPS
        ours = _trained("energy-gan", {"data": name, "seed": seed, "steps": steps})
        plain = _trained(f"gan-{name}", {"seed": seed, **PLAIN, **TUNED[name], "steps": steps})
        of_plain = partial(_logits, plain.trainer)
        for who, experiment, critic in (
            ("energy GAN", ours, ours.trainer.log_density),
            ("plain GAN", plain, of_plain),
        ):
            figures |= {
                f"{name}, {who}: {where}": value
                for where, value in _correlations(experiment, MIXTURES[name], critic).items()
            }
            covered = mode_coverage(experiment.trainer.sample(SAMPLES), MIXTURES[name])
            figures[f"{name}, {who}: modes"] = float(covered.modes)
    return figures


def _correlations(
    experiment: recipes.Experiment, mixture: Mixture, critic: Callable[[np.ndarray], np.ndarray]
) -> dict[str, float]:
    """By place, at the same points for each critic."""
    scaling = Scaling.of(experiment.data.flat()[0])
    return {
        where: spearman(critic(scaling.apply(x).astype("float32")), log_density(mixture, x))
        for where, x in places(mixture, Generator(0, device="cpu")).items()
    }


def _logits(trainer: GANTrainer, x: np.ndarray) -> np.ndarray:
    """What D says of points (N, 2): (N,)."""
    with trainer.evaluating():
        return host(trainer.discriminator(Tensor(x)).data)[:, 0]


def _trained(name: str, settings: Mapping[str, Any]) -> recipes.Experiment:
    recipe = recipes.find(name)
    config = recipes.resolve(recipe, settings)
    experiment = recipe.build(config)
    for _ in range(config.steps):
        experiment.step()
    return experiment


def judge_critic(found: Sequence[Figures]) -> Verdict:
    """By the means, half at data and half in the box around it."""
    where = "half data, half box"
    means = {
        (name, who): fmean(f[f"{name}, {who}: {where}"] for f in found)
        for name in ("ring", "grid")
        for who in ("energy GAN", "plain GAN")
    }
    ours = [value for (_, who), value in means.items() if who == "energy GAN"]
    told = ", ".join(f"{name} {who} {value:.2f}" for (name, who), value in means.items())
    return Verdict(min(ours) >= 0.8, min(ours) >= 0.95, f"{where}: {told}")


# -- the prior -------------------------------------------------------------------------------------

PRIOR_STEPS = 6_000


def run_prior(seed: int, quick: bool) -> Figures:
    """Modes of the grid by the recipe, and by the same networks and settings on normal noise."""
    steps = 40 if quick else PRIOR_STEPS
    recipe = recipes.find("rbm-prior-gan")
    config = recipes.resolve(recipe, {"seed": seed, "steps": steps})
    figures: dict[str, float] = {}
    for who, name, settings in (
        ("RBM", "rbm-prior-gan", {}),
        ("normal", "gan-grid", _same_but_for_the_prior(config)),
    ):
        trainer = _trained(name, {"seed": seed, "steps": steps, **settings}).trainer
        covered = mode_coverage(trainer.sample(SAMPLES), MIXTURES["grid"])
        figures[f"{who} prior: modes"] = float(covered.modes)
        figures[f"{who} prior: high quality, %"] = 100.0 * covered.high_quality
        figures[f"{who} prior: reverse KL"] = covered.reverse_kl
    return figures


def _same_but_for_the_prior(config: Any) -> dict[str, Any]:
    """Settings of `gan-grid` that make it `rbm-prior-gan` on normal noise."""
    other = recipes.find("gan-grid").defaults
    shared = {name: getattr(config, name) for name in vars(other) if hasattr(config, name)}
    return {**shared, "discriminator": (*config.discriminator, config.noise)}


def judge_prior(found: Sequence[Figures]) -> Verdict:
    """By the means."""
    modes, kl = (
        {who: fmean(f[f"{who} prior: {what}"] for f in found) for who in ("RBM", "normal")}
        for what in ("modes", "reverse KL")
    )
    because = (
        f"{modes['RBM']:.1f} modes and KL {kl['RBM']:.3f}; normal noise {modes['normal']:.1f} and "
        f"{kl['normal']:.3f}"
    )
    passed = modes["RBM"] >= modes["normal"] and kl["RBM"] < kl["normal"]
    return Verdict(passed, None, because)


ROWS = (
    Row(
        "contrastive-adversarial-critic",
        "does the critic of an energy GAN rank points as the data's log-density does?",
        "no figure is claimed: Dai et al. (2017) show the energies of such mixtures as pictures",
        f"{STEPS:,} steps of `energy-gan` and of the tuned plain GAN with the same networks but "
        f"for D's first hyperplanes; Spearman's correlation at {POINTS:,} draws of the data, as "
        "many uniform in the box around it, both together, and draws moved by all distances",
        "0.8 half at data, half in the box, on ring and grid",
        "0.95",
        5,
        run_critic,
        judge_critic,
    ),
    Row(
        "contrastive-adversarial-prior",
        "a GAN whose noise an RBM of D's features draws, on the grid of 25 modes",
        "no figure is claimed: Arici and Celikyilmaz (2016) show pictures",
        f"{PRIOR_STEPS:,} steps, the same networks and settings with normal noise beside it; "
        f"{SAMPLES:,} samples",
        "no fewer modes and a lower KL than with normal noise, on average",
        "none",
        5,
        run_prior,
        judge_prior,
    ),
)
