"""GANs with an energy for a critic, or an RBM for a prior."""

from __future__ import annotations

import math

import numpy as np
import pytest
from checks import assert_replays, assert_resumes

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.models.adversarial_energy import (
    Encoded,
    EnergyGANTrainer,
    NearestNeighbourEntropy,
    RBMPriorGANTrainer,
    VariationalEntropy,
)
from tinygen.models.adversarial_energy.prior import AssociativeMemory
from tinygen.models.gan import R1, R2, Discriminator, Extra, mlp
from tinygen.models.gan.rounds import Round
from tinygen.models.rbm import RBM, Bernoulli, Gaussian


def seen_of(x, noise=None) -> Round:
    """A round whose generated examples are x."""
    return Round(x, x, noise, ())


# -- entropies -------------------------------------------------------------------------------------


def test_neighbours_tell_the_entropy_of_a_gaussian():
    """Of 4,000 draws; the constant of Kozachenko and Leonenko for the plane put back in."""
    rng = np.random.default_rng(0)
    for scale in (0.1, 3.0):
        x = tg.Tensor(scale * rng.normal(size=(2_000, 2)))
        found = -NearestNeighbourEntropy(1.0)(seen_of(x)).item()
        found += math.log(math.pi) + math.log(1_999) + np.euler_gamma
        assert found == pytest.approx(math.log(2 * math.pi * math.e * scale**2), abs=0.1)


def test_the_entropys_slope_is_that_of_finite_differences(backend):
    """At points in general position, where no neighbour changes."""
    x = tg.Tensor(backend.from_host(np.random.default_rng(1).normal(size=(7, 3))), True)
    tg.gradcheck(lambda x: NearestNeighbourEntropy(0.7)(seen_of(x)), [x], order=1)


def test_an_encoder_tells_the_entropy_up_to_its_own_error(backend):
    """With the true posterior the bound is H(z) - H(z | x), a Gaussian channel's information."""
    n, noise_std = 20_000, 0.5
    rng = np.random.default_rng(0)
    z = rng.normal(size=(n, 1))
    x = z + noise_std * rng.normal(size=(n, 1))
    gain = 1.0 / (1.0 + noise_std**2)
    variance = noise_std**2 * gain

    class Posterior(nn.Module):
        def forward(self, x):
            return tg.concatenate([gain * x, 0.0 * x + math.log(variance)], 1)

    extra = VariationalEntropy(Encoded(nn.Identity(), Posterior()), 2.0)
    seen = seen_of(tg.Tensor(backend.from_host(x)), backend.from_host(z))
    # E log r + H(z), each with constants that cancel.
    information = 0.5 - extra(seen).item() / 2.0
    assert information == pytest.approx(0.5 * math.log(1 + 1 / noise_std**2), abs=0.02)


# -- the critic as a log-density -------------------------------------------------------------------


def energy_gan(seed: int, **options) -> EnergyGANTrainer:
    rng = tg.Generator(seed)
    return EnergyGANTrainer(
        mlp([4, 8, 2], rng), mlp([2, 8, 1], rng), rng=rng, noise_shape=4, lr=1e-3, **options
    )


def points(seed: int, n: int = 12, width: int = 2):
    return tg.Generator(seed).normal((n, width))


def test_the_best_generators_loss_is_a_divergence():
    """G's terms are E F - H: what is left of KL(G || exp(-F) / Z) without log Z."""
    trainer = energy_gan(0, entropy=0.5)
    seen = trainer._round(points(1), ())
    terms = {name: term.item() for name, term in trainer.terms_of_g(seen).items()}
    energy = -trainer.discriminator(seen.fake).numpy().mean()
    assert terms["loss_g"] == pytest.approx(energy, rel=1e-5)
    expected = NearestNeighbourEntropy(0.5)(seen).item()
    assert terms["negative_entropy_g"] == pytest.approx(expected, rel=1e-6)


def test_the_log_density_is_that_of_the_averaged_critic_by_the_price_of_entropy(backend):
    trainer = energy_gan(0, entropy=0.5, critic_ema=0.9)
    x = points(3)
    before = trainer.log_density(x)
    for seed in range(4):
        trainer.step(points(seed))
    last = host(trainer.discriminator(tg.Tensor(x)).data)[:, 0] / 0.5
    with trainer.rested.swapped():
        rested = host(trainer.discriminator(tg.Tensor(x)).data)[:, 0] / 0.5
    np.testing.assert_allclose(trainer.log_density(x), rested, rtol=1e-6)
    assert abs(rested - last).max() > 1e-4
    assert abs(rested - before).max() > 1e-4


@pytest.mark.slow
def test_the_critic_learns_the_log_density_of_a_gaussian():
    rng = tg.Generator(0)
    trainer = EnergyGANTrainer(
        mlp([4, 32, 2], rng), mlp([2, 64, 64, 1], rng, slope=0.2), rng=rng, noise_shape=4,
        lr=(2e-3, 5e-4), betas=(0.0, 0.99), regularizers=[R1(0.03, every=4), R2(0.03, every=4)],
    )  # fmt: skip
    scale = np.array([1.0, 2.0], "float32")
    for _ in range(3_000):
        trainer.step(scale * rng.normal((128, 2)))
    x = scale * points(9, 1_000)
    expected = -0.5 * ((x / scale) ** 2).sum(1)
    found = trainer.log_density(x)
    assert np.corrcoef(found, expected)[0, 1] > 0.9


@pytest.mark.parametrize("options", [{}, {"critic_ema": 0.0}, {"regularizers": [R1(0.1, every=2)]}])
def test_an_energy_gan_resumes_bit_for_bit(options, backend):
    batches = [(points(seed),) for seed in range(6)]
    assert_resumes(energy_gan(0, **options), energy_gan(1, **options), batches)


def test_one_with_an_encoder_resumes_bit_for_bit(backend):
    def make(seed: int) -> EnergyGANTrainer:
        rng = tg.Generator(seed)
        return EnergyGANTrainer(
            mlp([4, 8, 6], rng), mlp([6, 8, 1], rng), rng=rng, noise_shape=4,
            encoder=mlp([6, 8, 8], rng),
        )  # fmt: skip

    trainer = make(0)
    before = [p.numpy().copy() for p in trainer.generator.encoder.parameters()]
    trainer.step(points(0, width=6))
    for p, old in zip(trainer.generator.encoder.parameters(), before, strict=True):
        assert (p.numpy() != old).any()
    batches = [(points(seed, width=6),) for seed in range(6)]
    assert_resumes(make(2), make(3), batches)


# -- an RBM for a prior ----------------------------------------------------------------------------


def prior_gan(seed: int, **options) -> RBMPriorGANTrainer:
    rng = tg.Generator(seed)
    net = mlp([2, 8, 5], rng)
    discriminator = Discriminator(nn.Sequential(*net, nn.Tanh()), nn.Linear(5, 1, rng=rng))
    rbm = RBM(5, 4, rng=rng, std=0.3)
    return RBMPriorGANTrainer(mlp([5, 8, 2], rng), discriminator, rbm, rng=rng, **options)


def test_a_gan_with_an_rbm_for_a_prior_resumes_bit_for_bit(backend):
    straight, fresh = prior_gan(0, chains=12), prior_gan(1, chains=12)
    assert_resumes(straight, fresh, [(points(seed),) for seed in range(6)])


def test_noise_is_the_chains_states_and_each_draw_a_gibbs_step(backend):
    trainer = prior_gan(0, chains=12)
    first = host(trainer.noise(7))
    assert first.shape == (7, 5)
    assert set(np.unique(first)) <= {-1.0, 1.0}
    np.testing.assert_array_equal(first, 2 * host(trainer.memory.chains.data)[:7] - 1)
    assert (host(trainer.noise(7)) != first).any()
    before = host(trainer.memory.chains.data).copy()
    assert trainer.sample(30).shape == (30, 2)
    np.testing.assert_array_equal(host(trainer.memory.chains.data), before)


def test_the_memory_learns_the_features_of_the_data():
    """Two clusters, told apart by every feature: the chains find both, and nothing between."""
    rng = tg.Generator(0)
    memory_of = prior_gan(0, chains=64, prior_lr=0.1)
    features = np.repeat([[1.0], [-1.0]], 32, 0) * np.array([1, -1, 1, 1, -1.0])
    memory_of.discriminator.features.forward = lambda x: tg.Tensor(features.astype("float32"))
    for _ in range(1_500):
        memory_of.learn_features(np.zeros((64, 2), "float32"))
    found = 2 * memory_of.memory.recall(400, 50, rng) - 1
    agreement = found @ (features[0] / 5)
    assert (abs(agreement) > 0.9).mean() > 0.8
    assert 0.2 < (agreement > 0).mean() < 0.8


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "message"), [
    (lambda: energy_gan(0, objective="hinge"), "leave it at 'wasserstein'"),
    (lambda: energy_gan(0, entropy=-1.0), "weight must be finite and at least 0"),
    (lambda: energy_gan(0, entropy=0.0).log_density(points(0)), "no log-density"),
    (lambda: energy_gan(0).step(points(0, 1)), "a batch of 1 has no neighbours"),
    (lambda: prior_gan(0, chains=0), "chains must be at least 1"),
    (lambda: prior_gan(0, burn_in=-1), "burn_in must be at least 0"),
    (lambda: prior_gan(0, chains=4).step(points(0)), "take as many chains"),
    (lambda: AssociativeMemory(
        RBM(Gaussian(3), Bernoulli(2), rng=tg.Generator(0)), 3, tg.Generator(0)), "are Gaussian"),
    (lambda: prior_gan(0).memory.squashed(np.zeros((3, 4), "float32")), "make them as many"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_entropies_are_further_losses():
    assert issubclass(NearestNeighbourEntropy, Extra)
    assert NearestNeighbourEntropy(0.3).weight == 0.3


# -- as CUDA graphs --------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [energy_gan, prior_gan])
def test_replayed_steps_are_the_same_steps(make, device):
    assert_replays(make(0), make(0), [(points(seed),) for seed in range(6)])
