"""Annealing against exact partition functions, and pseudo-likelihoods against their definition."""

from __future__ import annotations

import numpy as np
import pytest
from rbm_cases import DISCRETE, LIKELY, make_rbm, states_of
from scipy.integrate import quad

import tinygen as tg
from tinygen.backend import host
from tinygen.models.rbm import (
    RBM,
    LogZ,
    annealed_importance_sampling,
    exact_log_z,
    free_energy_gap,
    gibbs_samples,
    log_likelihood,
    mean_log_likelihood,
    pseudo_log_likelihood,
    reverse_annealing,
    temperatures,
)

BETAS = np.linspace(0.0, 1.0, 150)


@pytest.mark.parametrize("kind", LIKELY)
def test_both_directions_of_annealing_find_log_z(kind, backend):
    rbm = make_rbm(kind)
    want = exact_log_z(rbm)
    data = states_of(rbm, 50)
    base = rbm.arrays().visible.base_rate(data)
    rng = tg.Generator(3)
    forward = annealed_importance_sampling(rbm, base, rng=rng, runs=400, betas=BETAS)
    samples = gibbs_samples(rbm, 400, rng=rng, burn_in=100)[0]
    reverse = reverse_annealing(rbm, base, samples, rng=rng, burn_in=0, betas=BETAS)
    for found in (forward, reverse):
        assert found.low <= found.log_z <= found.high
        assert found.high - found.low < 0.3
        assert found.low - 0.02 < want < found.high + 0.02


def test_the_mean_weight_is_unbiased_even_for_few_temperatures():
    """The mean of Z-hat / Z is 1 within 3.5 standard errors, for 3 temperatures already."""
    rbm = make_rbm()
    base = rbm.arrays().visible.base_rate(states_of(rbm, 20))
    for betas in ([0.0, 1.0], [0.0, 0.3, 1.0], BETAS):
        found = annealed_importance_sampling(rbm, base, rng=tg.Generator(5), runs=4000, betas=betas)
        ratio = np.exp(found.log_weights - exact_log_z(rbm))
        assert abs(ratio.mean() - 1.0) < 3.5 * ratio.std(ddof=1) / np.sqrt(4000)


def test_forward_annealing_is_too_low_on_average_and_reverse_too_high():
    rbm = make_rbm()
    base = rbm.arrays().visible.base_rate(states_of(rbm, 20))
    betas = [0.0, 0.5, 1.0]
    rng = tg.Generator(5)
    forward = annealed_importance_sampling(rbm, base, rng=rng, runs=2000, betas=betas)
    samples = gibbs_samples(rbm, 2000, rng=rng, burn_in=100)[0]
    reverse = reverse_annealing(rbm, base, samples, rng=rng, burn_in=0, betas=betas)
    want = exact_log_z(rbm)
    assert forward.log_weights.mean() < want - 0.01
    assert -reverse.log_weights.mean() > want + 0.01


def test_error_bars_are_three_standard_errors():
    weights = np.log(np.array([1.0, 2.0, 3.0, 6.0]))
    found = LogZ.of(weights)
    error = 3.0 * np.std([1, 2, 3, 6], ddof=1) / 2.0
    assert found.log_z == pytest.approx(np.log(3.0))
    assert found.high == pytest.approx(np.log(3.0 + error))
    assert found.low == -np.inf  # three standard errors reach below 0
    turned = LogZ.of(weights, sign=-1.0)
    assert (turned.low, turned.high) == pytest.approx((-found.high, np.inf))


def test_temperatures_rise_in_the_articles_proportions():
    betas = temperatures(14_500)
    assert (betas[0], betas[500], betas[4500], betas[-1]) == (0.0, 0.5, 0.9, 1.0)
    assert (np.diff(betas) > 0).all()
    assert (np.diff(temperatures(10)) > 0).all()


@pytest.mark.parametrize("kind", DISCRETE)
def test_likelihoods_of_all_states_add_up_to_one(kind, backend):
    rbm = make_rbm(kind)
    states = rbm.arrays().visible.states(0, int(rbm.visible.n_states))
    p = np.exp(host(log_likelihood(rbm, states, exact_log_z(rbm))))
    assert p.sum() == pytest.approx(1.0, abs=1e-12)


def test_the_free_energy_gap_is_a_difference_of_likelihoods():
    rbm = make_rbm()
    train, held = states_of(rbm, 30), states_of(rbm, 20, seed=5)
    log_z = exact_log_z(rbm)
    want = mean_log_likelihood(rbm, held, log_z) - mean_log_likelihood(rbm, train, log_z)
    assert free_energy_gap(rbm, train, held) == pytest.approx(want, abs=1e-12)


# -- pseudo-likelihood -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DISCRETE)
def test_pseudo_likelihood_is_that_of_the_exact_conditionals(kind, backend):
    rbm = make_rbm(kind)
    model = rbm.arrays()
    states = model.visible.states(0, int(rbm.visible.n_states))
    p = np.exp(-host(model.free_energy(states)))
    rows = host(states)
    want = np.zeros(len(rows))
    for site in range(rbm.visible.n_sites):
        rest = np.delete(rows, np.r_[rbm.visible.columns(site)], axis=1)
        for i in range(len(rows)):
            alike = (rest == rest[i]).all(1)
            want[i] += np.log(p[i] / p[alike].sum())
    np.testing.assert_allclose(host(pseudo_log_likelihood(rbm, states)), want, atol=1e-10)


def test_pseudo_likelihood_of_gaussian_units_is_that_of_an_integral():
    rbm = make_rbm("gaussian")
    v = states_of(rbm, 2)
    model = rbm.arrays()
    want = np.zeros(2)
    for n in range(2):
        for i in range(5):

            def density(x: float, n: int = n, i: int = i) -> float:
                row = v[n : n + 1].copy()
                row[0, i] = x
                return float(np.exp(-model.free_energy(row)[0]))

            want[n] += np.log(density(v[n, i]) / quad(density, -15, 15, limit=200)[0])
    np.testing.assert_allclose(pseudo_log_likelihood(rbm, v), want, atol=1e-8)


def test_drawn_sites_estimate_the_whole_without_bias():
    rbm = make_rbm()
    v = states_of(rbm, 3)
    rng = tg.Generator(0)
    draws = np.array([pseudo_log_likelihood(rbm, v, rng=rng, sites=2) for _ in range(600)])
    error = draws.std(0, ddof=1) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(0) - pseudo_log_likelihood(rbm, v)) < 4.0 * error).all()


# -- bad input -------------------------------------------------------------------------------------

GREY = np.full((2, 5), 0.5)
BASE = make_rbm().arrays().visible


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: log_likelihood(make_rbm(), GREY, 0.0), "Bernoulli units are 0 or 1"),
        (lambda: pseudo_log_likelihood(make_rbm(), GREY), "Bernoulli units are 0 or 1"),
        (lambda: free_energy_gap(make_rbm(), GREY, GREY), "Bernoulli units are 0 or 1"),
        (lambda: log_likelihood(make_rbm("rectified"), GREY, 0.0), "no exact distribution"),
        (lambda: pseudo_log_likelihood(make_rbm(), GREY > 1, sites=2), "takes an rng"),
        (lambda: annealed_importance_sampling(make_rbm(), BASE, rng=tg.Generator(0), runs=1),
         "runs must be at least 2, not 1"),
        (lambda: annealed_importance_sampling(
            make_rbm(), BASE, rng=tg.Generator(0), betas=[0.0, 0.5]), "rise from 0 to 1"),
        (lambda: annealed_importance_sampling(
            make_rbm("rectified"), BASE, rng=tg.Generator(0)), "no exact distribution"),
        (lambda: reverse_annealing(make_rbm(), BASE, np.ones((1, 5)), rng=tg.Generator(0)),
         "rows of start must be at least 2, not 1"),
        (lambda: reverse_annealing(make_rbm(), BASE, GREY, rng=tg.Generator(0)), "0 or 1"),
        (lambda: temperatures(1), "count must be at least 2, not 1"),
    ],
)  # fmt: skip
def test_what_has_no_likelihood_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_float32_model_is_evaluated_in_float64():
    rbm = RBM(30, 10, rng=tg.Generator(0), std=1.0)
    twin = rbm.arrays("float64")
    states = twin.hidden.states(0, 1024)
    want = -twin.free_energy_of_hidden(states)
    assert exact_log_z(rbm) == pytest.approx(float(np.logaddexp.reduce(want)), abs=1e-9)
