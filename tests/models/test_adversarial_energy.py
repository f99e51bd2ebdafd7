"""Contrastive divergence and its adversaries: identities, brute force, projections, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_same
from hypothesis import given
from hypothesis import strategies as st
from rbm_cases import make_rbm, numeric_gradient, states_of

import tinygen as tg
from tinygen.backend import host
from tinygen.models.adversarial_energy import (
    AdversarialEnergyTrainer,
    FreeEnergyCritic,
    NearestNeighbourCritic,
    contrast,
    time_reversal_loss,
    time_reversal_odds,
)
from tinygen.models.gan import GANTrainer, mlp
from tinygen.models.gan.rounds import Round
from tinygen.models.rbm import (
    RBM,
    ContrastiveDivergence,
    Exact,
    Particles,
    PersistentChains,
    RBMTrainer,
    exact_log_z,
    mean_log_likelihood,
)

KINDS = ("bernoulli", "softmax", "gaussian")


def one_step_after(rbm: RBM, v, rng: tg.Generator) -> Particles:
    """States one Gibbs step after the data."""
    arrays = rbm.arrays()
    return ContrastiveDivergence(1).draw(arrays, Particles(v, arrays.hidden_input(v)), rng)


def arrays_of(gradients) -> dict[str, np.ndarray]:
    return {name: np.array(host(g)) for name, g in gradients.items()}


# -- one loss --------------------------------------------------------------------------------------


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_with_one_gibbs_step_from_the_data_it_is_cd_1_bit_for_bit(kind, centred, backend):
    options = {"lr": 0.1, "momentum": 0.5, "weight_decay": 0.01, "centred": centred}
    plain = RBMTrainer(make_rbm(kind), rng=tg.Generator(3), **options)
    ours = AdversarialEnergyTrainer(
        make_rbm(kind),
        rng=tg.Generator(3),
        negative_sampler=ContrastiveDivergence(1),
        **options,
    )
    for seed in range(5):
        batch = states_of(plain.rbm, 6, seed)
        plain.step(batch)
        ours.step(batch)
    assert_same(plain, ours)


@pytest.mark.parametrize("kind", KINDS)
def test_the_critics_loss_has_the_gradient_of_the_update(kind, backend):
    """F as critic, by autograd; and in a GAN's discriminator, with a Gibbs step for generator."""
    rbm = make_rbm(kind)
    v = states_of(rbm, 7)
    trainer = AdversarialEnergyTrainer(make_rbm(kind), rng=tg.Generator(4), lr=0.0)
    trainer.step(v)
    expected = arrays_of(trainer.optimizer.gradients)
    after = one_step_after(rbm, v, tg.Generator(4))
    loss = contrast(rbm.free_energy, tg.Tensor(v), tg.Tensor(after.visible))
    names, params = zip(*rbm.named_parameters(), strict=True)
    for name, g in zip(names, tg.grad(loss, list(params)), strict=True):
        np.testing.assert_allclose(g.numpy(), expected[name], rtol=1e-9, atol=1e-12)

    n = rbm.visible.n
    g, critic = mlp([2, 4, n], tg.Generator(0)), FreeEnergyCritic(rbm)
    gan = GANTrainer(g, critic, rng=tg.Generator(0), noise_shape=2, objective="wasserstein")
    seen = Round(tg.Tensor(v), tg.Tensor(after.visible), v, ())
    (term,) = gan.discriminator_terms(seen).values()
    for name, found in zip(names, tg.grad(term, list(params)), strict=True):
        np.testing.assert_allclose(found.numpy(), expected[name], rtol=1e-9, atol=1e-12)


def test_weights_of_the_negative_phase_are_felt():
    rbm = make_rbm()
    v, u = states_of(rbm, 3), states_of(rbm, 4, 2)
    share = np.array([0.1, 0.2, 0.3, 0.4])
    expected = rbm.arrays().free_energy(v).mean() - share @ rbm.arrays().free_energy(u)
    found = contrast(rbm.free_energy, tg.Tensor(v), tg.Tensor(u), share)
    assert found.item() == pytest.approx(expected, rel=1e-12)


# -- the direction of time -------------------------------------------------------------------------


@given(seed=st.integers(0, 10_000), n=st.integers(1, 6), kind=st.sampled_from(KINDS))
def test_the_update_of_cd_is_the_gradient_of_the_classifier_of_time(seed, n, kind):
    rbm = make_rbm(kind, seed)
    v = states_of(rbm, n, seed + 1)
    u = one_step_after(rbm, v, tg.Generator(seed)).visible
    params = rbm.parameters()
    loss = time_reversal_loss(rbm.free_energy, tg.Tensor(v), tg.Tensor(u))
    assert loss.item() == pytest.approx(2.0 * np.log(2.0), rel=1e-12)
    expected = tg.grad(contrast(rbm.free_energy, tg.Tensor(v), tg.Tensor(u)), params)
    for a, b in zip(tg.grad(loss, params), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-8, atol=1e-12)


def test_away_from_the_chains_weights_it_is_another_gradient():
    """Or the identity would hold for any pair of models, and say nothing of time."""
    rbm, other = make_rbm(), make_rbm(seed=5)
    v = tg.Tensor(states_of(rbm, 5))
    u = tg.Tensor(one_step_after(rbm, v.data, tg.Generator(1)).visible)
    loss = time_reversal_loss(rbm.free_energy, v, u, other.free_energy)
    first, second = (tg.grad(x, rbm.weight).numpy() for x in (
        loss, contrast(rbm.free_energy, v, u)
    ))  # fmt: skip
    assert abs(first - second).max() > 1e-3


def test_detailed_balance_leaves_nothing_to_classify():
    """With pairs from p itself, summed over all states, the odds of the true model are the best."""
    rbm = make_rbm()
    a, b = states_of(rbm, 6), states_of(rbm, 6, 3)
    odds = time_reversal_odds(rbm.free_energy, rbm.free_energy, tg.Tensor(a), tg.Tensor(b))
    assert not odds.numpy().any()


# -- the adversary's gradient ----------------------------------------------------------------------


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize("kind", ["bernoulli", "softmax"])
def test_the_covariance_is_the_slope_of_what_the_adversary_says_of_the_model(
    kind, centred, backend
):
    """-E_p T by all states, differentiated numerically, for an arbitrary T."""
    rbm = make_rbm(kind)
    trainer = AdversarialEnergyTrainer(rbm, rng=tg.Generator(0), lr=0.0, centred=centred)
    model = Exact().draw(rbm.arrays(), None, tg.Generator(0))
    verdict = np.random.default_rng(0).normal(size=len(model.visible))
    found = arrays_of(trainer.write_covariance(model, backend.from_host(verdict)))

    def loss() -> float:
        energy = host(rbm.arrays().free_energy(model.visible))
        p = np.exp(energy.min() - energy)
        return -float(verdict @ p / p.sum())

    plain = {name: numeric_gradient(loss, p) for name, p in rbm.named_parameters()}
    if centred:  # the gradient in the centred parameters, written in the plain ones
        mu, lam = (host(o) for o in trainer.offsets)
        weight = plain["weight"] - np.outer(plain["hidden.bias"], mu)
        weight -= np.outer(lam, plain["visible.bias"])
        # d/dW' at fixed b', c', for b = b' - lam W and c = c' - W mu
        plain["visible.bias"] = plain["visible.bias"] - lam @ weight
        plain["hidden.bias"] = plain["hidden.bias"] - weight @ mu
        plain["weight"] = weight
    for name, expected in plain.items():
        np.testing.assert_allclose(found[name], expected, rtol=1e-5, atol=1e-8, err_msg=name)


def test_it_is_a_covariance_term_by_term():
    """Equal weights, as chains have them: against numpy.cov."""
    rbm = make_rbm()
    v = states_of(rbm, 9)
    arrays = rbm.arrays()
    trainer = AdversarialEnergyTrainer(rbm, rng=tg.Generator(0), lr=0.0)
    verdict = np.random.default_rng(1).normal(size=9)
    found = trainer.write_covariance(Particles(v, arrays.hidden_input(v)), verdict)
    h = arrays.hidden_mean(v)
    expected = [[-np.cov(verdict, h[:, j] * v[:, i], bias=True)[0, 1] for i in range(5)]
                for j in range(4)]  # fmt: skip
    np.testing.assert_allclose(found["weight"], expected, rtol=1e-9, atol=1e-12)


def test_a_log_ratio_for_verdict_descends_the_reverse_divergence():
    """With T = log p_data / p the covariance is the gradient of KL(p || p_data)."""
    rbm = make_rbm()
    target = np.random.default_rng(2).normal(size=32)
    target -= np.log(np.exp(target).sum())
    model = Exact().draw(rbm.arrays(), None, tg.Generator(0))
    trainer = AdversarialEnergyTrainer(rbm, rng=tg.Generator(0), lr=0.0)

    def log_p() -> np.ndarray:
        energy = rbm.arrays().free_energy(model.visible)
        return -energy - exact_log_z(rbm)

    found = arrays_of(trainer.write_covariance(model, target - log_p()))
    expected = numeric_gradient(lambda: float(np.exp(log_p()) @ (log_p() - target)), rbm.weight)
    np.testing.assert_allclose(found["weight"], expected, rtol=1e-5, atol=1e-8)


def test_both_parts_are_joined_as_gamma_says():
    rbm = make_rbm()
    v = states_of(rbm, 8)
    plain, beam = (
        AdversarialEnergyTrainer(
            rbm, rng=tg.Generator(2), negative_sampler=PersistentChains(7), lr=0.0, **options
        )
        for options in ({}, {"adversary": NearestNeighbourCritic(3), "gamma": 0.3})
    )
    plain.step(v), beam.step(v)
    for name, g in beam.optimizer.gradients.items():
        expected = 0.3 * plain.optimizer.gradients[name] + 0.7 * beam._against[name]
        np.testing.assert_allclose(g, expected, rtol=1e-9, atol=1e-12)
        assert abs(beam._against[name]).max() > 1e-4


# -- nearest neighbours ----------------------------------------------------------------------------


def brute_verdict(data, model, weights, k, softness) -> list[float]:
    found = []
    for i, x in enumerate(model):
        others = [(np.linalg.norm(x - y), 1, 1 / len(data)) for y in data]
        others += [(np.linalg.norm(x - y), -1, weights[j])
                   for j, y in enumerate(model) if j != i]  # fmt: skip
        nearest = sorted(others)[:k]
        parts = [(kind, share / (d + softness)) for d, kind, share in nearest]
        found.append(sum(k * w for k, w in parts) / sum(w for _, w in parts))
    return found


@pytest.mark.parametrize("weighted", [False, True])
def test_the_verdict_is_that_of_a_loop_over_neighbours(weighted, backend):
    rng = np.random.default_rng(0)
    data, model = rng.random((7, 4)), rng.random((9, 4))
    weights = rng.dirichlet(np.ones(9)) if weighted else np.full(9, 1 / 9)
    critic = NearestNeighbourCritic(4, 0.05)
    place = backend.from_host
    found = critic(place(data), place(model), place(weights) if weighted else None)
    expected = brute_verdict(data, model, weights, 4, 0.05)
    np.testing.assert_allclose(host(found), expected, rtol=1e-7)


def test_states_among_data_are_told_from_states_that_are_far_off():
    rng = np.random.default_rng(0)
    data = rng.random((50, 3)) * 0.1
    model = np.concatenate([rng.random((10, 3)) * 0.1, 5.0 + rng.random((10, 3)) * 0.1])
    verdict = NearestNeighbourCritic(5)(data, model)
    assert verdict[:10].mean() > 0.2
    assert verdict[10:].max() == -1.0


def test_noise_on_pixels_is_seen_in_the_visible_units_only():
    """Units that no hidden one is joined to: half of the states differ from data by them."""
    rbm = make_rbm()
    rbm.weight[:, 3:] = 0.0
    data = states_of(rbm, 8)
    data[:, 3:] = 0.0
    noisy = np.tile([0.0, 1.0], 4)[:, None]
    model = np.concatenate([data[:, :3], np.tile(noisy, 2)], axis=1)
    arrays, verdicts = rbm.arrays(), {}
    for units in ("hidden", "visible", "both"):
        critic = NearestNeighbourCritic(1, units=units)
        seen = (critic.features(v, arrays.hidden_mean(v)) for v in (data, model))
        verdict = critic(*seen)
        verdicts[units] = verdict[0::2].min() - verdict[1::2].max()
    assert verdicts["hidden"] <= 0
    assert verdicts["visible"] > 0 < verdicts["both"]


# -- the projection --------------------------------------------------------------------------------


@given(seed=st.integers(0, 1_000))
def test_to_first_order_the_likelihood_does_not_fall(seed):
    """With the exact negative phase, for any verdict: here one that opposes the likelihood."""
    rbm = make_rbm(seed=seed)
    v = states_of(rbm, 6, seed + 1)

    class Contrary(NearestNeighbourCritic):
        def __call__(self, data, model, weights=None):
            return np.random.default_rng(seed).normal(size=len(model)) * 50.0

    slopes = {}
    for projected in (False, True):
        trainer = AdversarialEnergyTrainer(
            make_rbm(seed=seed), rng=tg.Generator(0), lr=0.0, negative_sampler=Exact(),
            adversary=Contrary(), gamma=0.2, projected=projected,
        )  # fmt: skip
        trainer.step(v)
        step = np.concatenate([g.ravel() for g in trainer.optimizer.gradients.values()])
        plain = AdversarialEnergyTrainer(
            make_rbm(seed=seed), rng=tg.Generator(0), lr=0.0, negative_sampler=Exact()
        )
        plain.step(v)
        uphill = np.concatenate([g.ravel() for g in plain.optimizer.gradients.values()])
        slopes[projected] = uphill @ step, uphill @ uphill
    along, length = slopes[True]
    assert along >= 0.2 * length * (1 - 1e-9)
    opposed = slopes[False][0] < 0.2 * length
    assert (abs(along - slopes[False][0]) > 1e-12 * length) == opposed


def prefers_what_is_no_row_of(v):
    """A verdict on all states, in the order of `Exact`."""
    states = Exact().draw(make_rbm().arrays(), None, None).visible
    seen = (states[:, None] == v).all(2).any(1)

    class Prejudiced(NearestNeighbourCritic):
        def __call__(self, data, model, weights=None):
            return 500.0 * (1.0 - seen)

    return Prejudiced()


def test_a_small_projected_step_raises_the_likelihood_where_the_other_lowers_it():
    rises = {}
    for projected in (False, True):
        rbm = make_rbm(seed=1)
        v = states_of(rbm, 6, 2)
        before = mean_log_likelihood(rbm, v, exact_log_z(rbm))

        trainer = AdversarialEnergyTrainer(
            rbm, rng=tg.Generator(0), lr=1e-6, negative_sampler=Exact(),
            adversary=prefers_what_is_no_row_of(v), gamma=0.5, projected=projected,
        )  # fmt: skip
        trainer.step(v)
        rises[projected] = mean_log_likelihood(rbm, v, exact_log_z(rbm)) - before
    assert rises[True] > 0 > rises[False]


# -- refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("options", "message"), [
    ({"gamma": 0.0}, r"gamma must lie in \(0, 1\], not 0.0"),
    ({"gamma": 0.5}, "a part, and there is none"),
    ({"adversary": NearestNeighbourCritic()}, "no part, and there is one"),
    ({"projected": True}, "has no adversary to project"),
])  # fmt: skip
def test_a_trainer_without_sense_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AdversarialEnergyTrainer(make_rbm(), rng=tg.Generator(0), **options)
