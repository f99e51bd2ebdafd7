"""Negative phases that are generators or mixtures: weights, bounds, resuming, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_resumes, assert_same
from rbm_cases import make_rbm, states_of

import tinygen as tg
from tinygen.backend import host
from tinygen.models.adversarial_energy import (
    AdversarialEnergyTrainer,
    GeneratorSampler,
    MixtureSampler,
    NearestNeighbourCritic,
)
from tinygen.models.gan import mlp
from tinygen.models.rbm import (
    RBM,
    Bernoulli,
    ContrastiveDivergence,
    Exact,
    Particles,
    PersistentChains,
)


def generator(rng: tg.Generator, units: int = 5, **options) -> GeneratorSampler:
    networks = [mlp(sizes, rng).to(rng.backend.device_of(rng.uniform(1)))
                for sizes in ([3, 7, units], [units, 7, 3])]  # fmt: skip
    for network in networks:
        for p in network.parameters():
            p._data = p._data.astype("float64")
    return GeneratorSampler(*networks, noise=3, particles=6, **options)


# -- a generator for the negative phase ------------------------------------------------------------


@pytest.mark.parametrize("layer", ["visible", "hidden"])
def test_weights_make_the_generators_draws_stand_for_the_model(layer):
    """Whatever the networks say: E_p of a function of the states, by importance sampling."""
    rng = tg.Generator(1)
    rbm = make_rbm(seed=3)
    sampler = generator(rng, 5 if layer == "visible" else 4, layer=layer, lr=0.0)
    sampler.particles = 40_000
    found = sampler.draw(rbm.arrays(), None, rng)
    exact = Exact().draw(rbm.arrays(), None, rng)
    assert found.weights.sum() == pytest.approx(1.0)
    means = found.weights @ found.visible
    np.testing.assert_allclose(means, exact.weights @ exact.visible, atol=0.03)
    unweighted = found.visible.mean(0)
    assert abs(unweighted - exact.weights @ exact.visible).max() > 0.05


def test_the_generators_bound_is_its_divergence_where_the_encoder_is_right():
    """With no bits told apart, H is that of the units, and r the prior: F - H - log r, exactly."""
    rng = tg.Generator(0)
    sampler = generator(rng)
    for p in sampler.networks.parameters():
        p[...] = 0.0 * p.data
    rbm = make_rbm().arrays()
    bits, logits, states = sampler._drawn(rbm, rng)
    found = sampler.bound(rbm, bits, logits, states).numpy()
    expected = rbm.free_energy(states) - 5 * np.log(2) + 3 * np.log(2)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_generator_learns_what_the_rbm_has():
    """With the RBM at rest its divergence falls, and its means become the RBM's."""
    rng = tg.Generator(0)
    rbm = make_rbm(seed=3).arrays()
    sampler = generator(rng, lr=5e-3)
    sampler.particles = 200
    for _ in range(600):
        sampler.draw(rbm, None, rng)
    exact = Exact().draw(rbm, None, rng)
    means = sampler.sample(rbm, rng, 5_000).mean(0)
    np.testing.assert_allclose(means, exact.weights @ exact.visible, atol=0.08)


def test_a_mixture_weighs_its_parts(backend):
    rbm = make_rbm().arrays()
    v = states_of(make_rbm(), 4)
    mixture = MixtureSampler([ContrastiveDivergence(1), PersistentChains(6)], [3.0, 1.0])
    found = mixture.draw(rbm, Particles(v, rbm.hidden_input(v)), tg.Generator(0))
    np.testing.assert_allclose(host(found.weights), [0.75 / 4] * 4 + [0.25 / 6] * 6)
    assert found.visible.shape == (10, 5)
    np.testing.assert_allclose(host(found.inputs), host(rbm.hidden_input(found.visible)))


# -- going on where it stopped ---------------------------------------------------------------------


def samplers(which: str):
    if which == "generator":
        return generator(tg.Generator(8))
    if which == "hidden":
        return generator(tg.Generator(8), 4, layer="hidden")
    if which == "mixture":
        return MixtureSampler([generator(tg.Generator(8)), PersistentChains(5)])
    return PersistentChains(6)


@pytest.mark.parametrize("which", ["chains", "generator", "hidden", "mixture"])
def test_training_resumes_bit_for_bit_with_every_negative_phase(which, backend):
    def make(seed: int) -> AdversarialEnergyTrainer:
        return AdversarialEnergyTrainer(
            make_rbm(seed=seed), rng=tg.Generator(seed), negative_sampler=samplers(which), lr=0.05,
            adversary=NearestNeighbourCritic(3), gamma=0.6, projected=True, centred=True,
        )  # fmt: skip

    batches = [(states_of(make_rbm(), 6, seed),) for seed in range(6)]
    assert_resumes(make(0), make(1), batches)


@pytest.mark.parametrize("which", ["chains", "generator", "hidden", "mixture"])
def test_replayed_steps_are_the_same_steps(which, device):
    """Losses of an RBM are computed when they are read, so only the states are compared."""

    def make() -> AdversarialEnergyTrainer:
        return AdversarialEnergyTrainer(
            make_rbm(), rng=tg.Generator(0), negative_sampler=samplers(which), lr=0.05,
            adversary=NearestNeighbourCritic(3), gamma=0.6, projected=True,
        )  # fmt: skip

    plain, captured = make(), make()
    captured.capture()
    for seed in range(6):
        batch = states_of(plain.rbm, 6, seed)
        plain.step(batch), captured.step(batch)
    assert_same(plain, captured)


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call", "message"), [
    (lambda: NearestNeighbourCritic(0), "neighbours must be at least 1"),
    (lambda: NearestNeighbourCritic(3, 0.0), "softness must be positive"),
    (lambda: NearestNeighbourCritic(9)(np.zeros((4, 2)), np.zeros((5, 2))), "among 4 . 5 states"),
    (lambda: MixtureSampler([PersistentChains(3)]), "give two samplers or more"),
    (lambda: MixtureSampler([PersistentChains(3)] * 2, [1.0]), "a share for each"),
    (lambda: MixtureSampler([PersistentChains(3)] * 2, [1.0, 0.0]), "must be positive"),
    (lambda: generator(tg.Generator(0), layer="middle"), "'visible' or 'hidden', not 'middle'"),
    (lambda: generator(tg.Generator(0), 4).draw(make_rbm().arrays(), None, tg.Generator(0)),
     "there are 5 visible units"),
    (lambda: generator(tg.Generator(0)).draw(
        make_rbm("gaussian").arrays(), None, tg.Generator(0)), "units are Gaussian"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as raised:
        call()
    assert "\n" not in str(raised.value)


def test_bernoulli_units_of_float32_stay_float32(backend):
    rng = tg.Generator(0)
    rbm = RBM(Bernoulli(6), Bernoulli(4), rng=rng)
    sampler = GeneratorSampler(mlp([3, 6], rng), mlp([6, 3], rng), noise=3, particles=5)
    trainer = AdversarialEnergyTrainer(
        rbm, rng=rng, negative_sampler=MixtureSampler([sampler, ContrastiveDivergence(1)]),
        adversary=NearestNeighbourCritic(2), gamma=0.5,
    )  # fmt: skip
    trainer.step(backend.from_host(np.eye(6, dtype="float32")))
    assert {str(p.dtype) for p in rbm.parameters()} == {"float32"}
    assert {str(g.dtype) for g in trainer.optimizer.gradients.values()} == {"float32"}
