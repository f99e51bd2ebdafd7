"""Gibbs chains against exact probabilities; clamping, annealing, tempering; what they cost."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
import strict
from rbm_cases import DISCRETE, LIKELY, make_rbm, states_of
from scipy.stats import chisquare

import tinygen as tg
from tinygen.backend import host
from tinygen.models.rbm import (
    RBM,
    Bernoulli,
    FastPersistentChains,
    Gaussian,
    PersistentChains,
    RBMTrainer,
    TemperedChains,
    exact_log_z,
    gibbs_samples,
)
from tinygen.models.rbm.negative import Particles


def probabilities(rbm: RBM) -> tuple[np.ndarray, np.ndarray]:
    """All visible states and p(v)."""
    v = rbm.arrays().visible.states(0, int(rbm.visible.n_states))
    return host(v), np.exp(-host(rbm.arrays().free_energy(v)) - exact_log_z(rbm))


def counts(found: np.ndarray, states: np.ndarray) -> np.ndarray:
    """How often each state was found."""
    number = {tuple(s): i for i, s in enumerate(states.astype(int))}
    return np.bincount([number[tuple(s)] for s in found.astype(int)], minlength=len(states))


def fits(found: np.ndarray, states: np.ndarray, p: np.ndarray) -> float:
    """The chi-square test's p-value, with rare states taken together."""
    observed, expected = counts(found, states).astype(float), p * len(found)
    rare = expected < 8.0
    if rare.any():
        observed = np.append(observed[~rare], observed[rare].sum())
        expected = np.append(expected[~rare], expected[rare].sum())
    return float(chisquare(observed, expected).pvalue)


@pytest.mark.parametrize("kind", DISCRETE)
def test_chains_settle_at_the_exact_probabilities(kind, backend):
    rbm = make_rbm(kind)
    found = gibbs_samples(rbm, 5000, rng=tg.Generator(1), burn_in=60)
    assert fits(host(found[0]), *probabilities(rbm)) > 1e-3


def test_the_chi_square_test_sees_a_wrong_distribution():
    rbm, other = make_rbm(), make_rbm()
    other.visible.bias[0] = float(other.visible.bias[0]) + 0.3
    found = gibbs_samples(other, 5000, rng=tg.Generator(1), burn_in=60)
    assert fits(found[0], *probabilities(rbm)) < 1e-3


def test_exact_samples_stay_exact_and_thinning_draws_anew():
    rbm = make_rbm()
    states, p = probabilities(rbm)
    start = states[np.random.default_rng(0).choice(len(states), 5000, p=p)]
    found = gibbs_samples(rbm, rng=tg.Generator(1), start=start, burn_in=0, draws=3, thin=4)
    assert found.shape == (3, 5000, 5)
    assert all(fits(draw, states, p) > 1e-3 for draw in found)
    assert not np.array_equal(found[0], found[1])


@pytest.mark.parametrize("kind", DISCRETE)
def test_what_is_clamped_stays_and_the_rest_has_its_conditional_distribution(kind, backend):
    rbm = make_rbm(kind)
    states, p = probabilities(rbm)
    known = np.zeros(rbm.visible.n)
    known[:3] = 1.0  # one group of softmax units
    values = np.tile(states[int(p.argmax())], (5000, 1))
    found = host(gibbs_samples(
        rbm, rng=tg.Generator(3), known=backend.from_host(known),
        values=backend.from_host(values), burn_in=40,
    ))[0]  # fmt: skip
    np.testing.assert_array_equal(found[:, :3], values[:, :3])
    agree = (states[:, :3] == values[0, :3]).all(1)
    assert fits(found, states[agree], p[agree] / p[agree].sum()) > 1e-3


def test_inpainting_takes_a_mask_for_each_row():
    rbm = make_rbm()
    values = states_of(rbm, 40)
    known = (np.random.default_rng(0).random((40, 5)) < 0.5).astype("float64")
    found = gibbs_samples(rbm, rng=tg.Generator(3), known=known, values=values, burn_in=20)[0]
    np.testing.assert_array_equal(found[known > 0], values[known > 0])
    assert (found[known == 0] != values[known == 0]).any()


@pytest.mark.parametrize("kind", LIKELY)
def test_samples_are_states_and_means_are_not_drawn(kind, backend):
    rbm = make_rbm(kind)
    rbm.check(gibbs_samples(rbm, 20, rng=tg.Generator(0), burn_in=5)[0])
    means = host(gibbs_samples(rbm, 20, rng=tg.Generator(0), burn_in=5, means=True)[0])
    if kind != "gaussian":
        assert ((means > 0) & (means < 1)).all()


def test_gaussian_samples_have_real_noise():
    rbm = RBM(Gaussian(1, dtype="float64"), 2, rng=tg.Generator(0), std=0.0)
    rbm.visible.bias[...] = 3.0
    rbm.visible.log_variance[...] = np.log(4.0)
    found = gibbs_samples(rbm, 20_000, rng=tg.Generator(1), burn_in=1)[0]
    assert found.mean() == pytest.approx(3.0, abs=0.08)
    assert found.std() == pytest.approx(2.0, rel=0.03)


def two_far_modes() -> RBM:
    """Nearly all ones or nearly all zeros, with nothing between: 20 visible units, one hidden."""
    rbm = RBM(Bernoulli(20, dtype="float64"), 1, rng=tg.Generator(0))
    rbm.weight[...] = 6.0
    rbm.visible.bias[...] = -3.0
    rbm.hidden.bias[...] = -60.0
    return rbm


def test_annealing_and_tempering_reach_modes_that_a_cold_chain_does_not():
    """Both modes are equally likely; all chains begin in one of them."""
    rbm = two_far_modes()
    ones = np.ones((400, 20))
    base = rbm.arrays().visible.with_parameters(bias=np.zeros(20))

    def share(found: np.ndarray) -> float:
        return float((found.mean(1) > 0.5).mean())

    cold = gibbs_samples(rbm, rng=tg.Generator(1), start=ones, burn_in=100)[0]
    annealed = gibbs_samples(rbm, rng=tg.Generator(1), start=ones, burn_in=100, base=base)[0]
    assert share(cold) == 1.0
    assert 0.4 < share(annealed) < 0.6
    chains = TemperedChains(100, 8)
    chains.array = np.ones((800, 20))
    model, rng = rbm.arrays(), tg.Generator(2)
    shares = []
    for _ in range(300):
        drawn = chains.draw(model, Particles(ones, model.hidden_input(ones)), rng)
        shares.append(share(drawn.visible))
    assert 0.4 < np.mean(shares[100:]) < 0.6


def test_the_coldest_of_tempered_chains_has_the_models_distribution(backend):
    rbm = make_rbm()
    model, rng = rbm.arrays(), tg.Generator(2)
    chains = TemperedChains(3000, 4)
    for _ in range(25):
        drawn = chains.draw(model, None, rng)
    assert fits(host(drawn.visible), *probabilities(rbm)) > 1e-3
    np.testing.assert_allclose(host(drawn.inputs), host(model.hidden_input(drawn.visible)))


@pytest.mark.parametrize("kind", [PersistentChains, FastPersistentChains])
def test_persistent_chains_go_on_and_settle(kind):
    rbm = make_rbm()
    model, rng = rbm.arrays(), tg.Generator(2)
    chains = kind(3000)
    for _ in range(60):
        drawn = chains.draw(model, None, rng)
    assert fits(drawn.visible, *probabilities(rbm)) > 1e-3


def test_fast_weights_follow_the_gradient_and_fade():
    chains = FastPersistentChains(5, lr=0.1, decay=0.5)
    chains.follow({"weight": np.array([2.0])})
    chains.follow({"weight": np.array([4.0])})
    np.testing.assert_allclose(chains.fast["weight"], [-0.1 * 2.0 * 0.5 - 0.1 * 4.0])


@pytest.mark.parametrize(
    "make", [lambda: PersistentChains(6), lambda: FastPersistentChains(6, lr=0.05),
             lambda: TemperedChains(3, 4)],
)  # fmt: skip
def test_a_continued_run_is_bit_for_bit_the_same(make, backend):
    def trainer(seed: int) -> RBMTrainer:
        return RBMTrainer(
            make_rbm(dtype="float32"), rng=tg.Generator(seed), negative=make(), momentum=0.5,
            centred=True, sparsity=0.1, burn_in=2,
        )  # fmt: skip

    whole, first, second = trainer(1), trainer(1), trainer(2)
    v = states_of(whole.rbm, 8)
    for _ in range(6):
        whole.step(v)
    for _ in range(3):
        first.step(v)
    second.load_state_dict(first.state_dict())
    for _ in range(3):
        second.step(v)
    for (name, a), b in zip(whole.rbm.named_parameters(), second.rbm.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy(), err_msg=name)
    np.testing.assert_array_equal(whole.sample(3), second.sample(3))


def test_gibbs_sampling_waits_for_no_device():
    with tg.use_device("strict") as backend:
        rbm = make_rbm(dtype="float32")
        start = states_of(rbm, 8)
        base = rbm.arrays().visible.base_rate(start)
        known = backend.from_host(np.ones(5))
        with strict.measure() as spent:
            gibbs_samples(rbm, rng=tg.Generator(0), start=start, burn_in=3, base=base, draws=2)
            gibbs_samples(rbm, rng=tg.Generator(0), known=known, values=start, burn_in=3)
        assert spent.syncs == 0


def test_memory_of_long_chains_is_that_of_a_step():
    """What 200 steps need at most is what 20 need: nothing is kept from step to step."""
    rbm = RBM(200, 100, rng=tg.Generator(0))
    peaks = []
    for steps in (5, 20, 200):  # the first fills what is kept for good
        tracemalloc.start()
        gibbs_samples(rbm, 50, rng=tg.Generator(0), burn_in=steps)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.2 * peaks[1]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"chains": 0}, "chains must be at least 1, not 0"),
        ({"chains": 2, "burn_in": -1}, "burn_in must be at least 0"),
        ({"chains": 2, "draws": 0}, "draws must be at least 1"),
        ({"chains": 2, "thin": 0}, "thin must be at least 1"),
        ({}, "say how many chains"),
        ({"chains": 2, "known": np.ones(5)}, "known and values go together"),
        ({"known": np.ones(4), "values": np.ones((2, 5))}, r"known has shape \(4,\)"),
        ({"known": np.ones(5), "values": np.ones((2, 4))}, r"the data has shape \(2, 4\)"),
        ({"start": np.ones((2, 3))}, r"the data has shape \(2, 3\)"),
    ],
)
def test_what_cannot_be_sampled_is_refused_in_a_sentence(options, message):
    with pytest.raises(ValueError, match=message):
        gibbs_samples(make_rbm(), rng=tg.Generator(0), **options)
