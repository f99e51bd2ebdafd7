"""Filling in: clamped Gibbs against the exact conditional, importance weights against a linear
model's, and the search against a generator whose inverse is known."""

from __future__ import annotations

import numpy as np
import pytest
from rbm_cases import make_rbm

from tinygen import Generator, Tensor, nn
from tinygen.backend import host
from tinygen.models.filling import Proposals, by_gibbs, by_importance, by_search
from tinygen.models.gan import GANTrainer, mlp
from tinygen.models.latent_search import search
from tinygen.models.rbm import gibbs_samples
from tinygen.models.vae import VAE, GaussianOutput

stats = pytest.importorskip("scipy.stats", reason="needs SciPy")

KNOWN = np.array([1.0, 0.0, 1.0, 0.0, 0.0])
VALUES = np.array([1.0, 0.0, 0.0, 0.0, 0.0])
CHAINS = 4_000


def conditional(rbm) -> tuple[np.ndarray, np.ndarray]:
    """All states (8, 5) that agree with what is known, and their exact probabilities."""
    states = host(rbm.arrays().visible.states(0, 32))
    states = states[(states[:, KNOWN == 1] == VALUES[KNOWN == 1]).all(1)]
    log_p = -host(rbm.arrays().free_energy(rbm.visible.xp.from_host(states)))
    p = np.exp(log_p - log_p.max())
    return states, p / p.sum()


def p_value(rbm, drawn: np.ndarray) -> float:
    """Of Pearson's chi-square test that these draws (N, 5) are of the exact conditional."""
    states, p = conditional(rbm)
    counts = (drawn[:, None] == states).all(2).sum(0)
    assert counts.sum() == len(drawn), "what is known has changed"
    return float(stats.chisquare(counts, p * len(drawn)).pvalue)


def clamped(rbm, seed: int, burn_in: int = 60) -> np.ndarray:
    values = rbm.visible.xp.from_host(np.tile(VALUES, (CHAINS, 1)))
    known = rbm.visible.xp.from_host(KNOWN)
    drawn = gibbs_samples(rbm, rng=Generator(seed), known=known, values=values, burn_in=burn_in)
    return host(drawn[0])


@pytest.mark.parametrize("seed", range(3))
def test_clamped_gibbs_draws_from_the_exact_conditional(backend, seed):
    rbm = make_rbm(seed=seed)
    assert p_value(rbm, clamped(rbm, seed)) > 1e-3


def test_the_chi_square_test_would_see_a_wrong_conditional():
    """Draws of the joint distribution, of which the known values are put in afterwards."""
    rbm = make_rbm(seed=1)
    free = host(gibbs_samples(rbm, CHAINS, rng=Generator(0), burn_in=60)[0])
    assert p_value(rbm, np.where(KNOWN == 1, VALUES, free)) < 1e-6


def test_means_of_clamped_chains_are_the_exact_expectations(backend):
    rbm = make_rbm(seed=2)
    states, p = conditional(rbm)
    place = rbm.visible.xp.from_host
    values, known = (np.tile(row, (200, 1)) for row in (VALUES, KNOWN))
    filled = by_gibbs(rbm, place(values), place(known), rng=Generator(0), draws=100)
    np.testing.assert_allclose(host(filled).mean(0), p @ states, atol=0.01)
    np.testing.assert_array_equal(host(filled)[:, KNOWN == 1], values[:, KNOWN == 1])


def linear_vae(rng: Generator, features: int = 6, latent: int = 2) -> VAE:
    """x = W z + b + noise of variance 0.3, in float64; its encoder is not the posterior."""
    encoder = nn.Linear(features, 2 * latent, rng=rng, dtype="float64")
    encoder.weight[...] = encoder.weight * 0.1
    encoder.bias[...] = encoder.bias * 0.0
    decoder = nn.Linear(latent, features, rng=rng, dtype="float64")
    return VAE(encoder, decoder, GaussianOutput(0.3, rng=rng, dtype="float64"), latent)


def test_importance_weights_give_the_exact_conditional_mean_of_a_linear_model(backend):
    """p(missing | known) of a linear Gaussian model in closed form."""
    rng = Generator(0)
    model = linear_vae(rng)
    w, b = (host(p.data) for p in (model.decoder.weight, model.decoder.bias))
    covariance = w @ w.T + 0.3 * np.eye(6)
    x = np.random.default_rng(0).multivariate_normal(b, 0.5 * covariance, 4)
    mask = np.array([1, 1, 0, 1, 0, 0], bool)
    gain = covariance[np.ix_(~mask, mask)] @ np.linalg.inv(covariance[np.ix_(mask, mask)])
    exact = b[~mask] + (x[:, mask] - b[mask]) @ gain.T
    known = np.tile(mask.astype(float), (4, 1))
    place = rng.backend.from_host
    values = place(np.where(known == 1, x, 0.0))
    found = by_importance(model, values, place(known), rng=rng, chains=4, draws=10_000)
    np.testing.assert_allclose(host(found.mean())[:, ~mask], exact, atol=0.05)
    np.testing.assert_array_equal(host(found.mean())[:, mask].round(9), x[:, mask].round(9))
    unweighted = host(found.rows).mean(1)[:, ~mask]
    assert np.abs(unweighted - exact).max() > 0.1, "the weights have something to do here"


def test_rows_are_resampled_by_weight(backend):
    rng = Generator(0)
    place = rng.backend.from_host
    rows = place(np.tile(np.arange(3.0)[:, None], (9_000, 1, 1)))
    weights = np.array([0.5, 0.2, 0.3])
    drawn = Proposals(rows, place(np.log(np.tile(weights, (9_000, 1))))).draw(rng)
    shares = np.bincount(host(drawn)[:, 0].astype(int)) / 9_000
    np.testing.assert_allclose(shares, weights, atol=0.02)


def linear_gan(rng: Generator, ema: float = 0.0) -> GANTrainer:
    return GANTrainer(mlp([2, 5], rng), mlp([5, 4, 1], rng), rng=rng, noise_shape=2, ema_decay=ema)


def test_the_search_finds_the_noise_that_made_an_example():
    rng = Generator(0)
    trainer = linear_gan(rng)
    x = trainer.sample(6)
    known = np.tile(np.array([1, 1, 1, 0, 0], "float32"), (6, 1))
    start = np.where(known == 1, x, 9.0).astype("float32")
    found = by_search(trainer, start, known, steps=400, starts=3, variance=1e-4)
    np.testing.assert_allclose(np.exp(found.log_weights).sum(1), 1.0, rtol=1e-5)
    np.testing.assert_allclose(found.mean(), x, atol=0.02)


def test_searches_are_weighted_by_the_posterior_of_where_they_ended():
    trainer = linear_gan(Generator(0))
    x = trainer.sample(4)
    known = np.tile(np.array([1, 0, 1, 0, 0], "float32"), (4, 1))
    noises = [trainer.noise(4) for _ in range(3)]
    given = iter(noises)
    trainer.noise = lambda n: next(given)
    found = by_search(trainer, x, known, steps=0, starts=3, variance=0.7)
    with trainer.evaluating():
        made = np.stack([trainer.generator(Tensor(z)).data for z in noises], 1)
    square = (known[:, None] * (made - x[:, None]) ** 2).sum(2) / 1.4
    log_p = -square - np.stack([0.5 * (z**2).sum(1) for z in noises], 1)
    wanted = np.exp(log_p - log_p.max(1, keepdims=True))
    np.testing.assert_allclose(
        np.exp(found.log_weights), wanted / wanted.sum(1, keepdims=True), rtol=1e-4
    )
    kept = known[:, None] * x[:, None] + (1 - known[:, None]) * made
    np.testing.assert_allclose(found.rows, kept, rtol=1e-5)


def test_no_row_of_a_search_depends_on_another():
    trainer = linear_gan(Generator(0))
    target = Tensor(trainer.noise(1) @ np.ones((2, 5), "float32"))
    start = trainer.noise(3)

    def loss(made, z):
        return ((made - target) ** 2).sum(axis=1)

    together, least = search(trainer, loss, start, steps=20)
    alone, least_alone = search(trainer, loss, start[1:2], steps=20)
    np.testing.assert_allclose(together[1:2], alone, atol=1e-5)
    np.testing.assert_allclose(least[1:2], least_alone, rtol=1e-4)


def test_a_search_returns_the_best_it_has_seen_and_leaves_the_trainer_alone():
    trainer = linear_gan(Generator(0), ema=0.5)
    before = trainer.generator.state_dict()
    z, least = search(trainer, lambda made, z: (z**2).sum(axis=1), trainer.noise(4) * 0, steps=5)
    np.testing.assert_array_equal(z, 0.0)  # where it began: every step leads away or back
    np.testing.assert_array_equal(least, 0.0)
    assert trainer.generator.training
    for name, value in trainer.generator.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
