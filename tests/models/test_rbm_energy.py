"""Units and energies: conditionals, free energies and partition functions by their definitions."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from rbm_cases import DISCRETE, LAYERS, LIKELY, make_rbm, states_of
from scipy.integrate import quad
from scipy.special import logsumexp

import tinygen as tg
from tinygen.backend import host
from tinygen.models.rbm import RBM, Bernoulli, Gaussian, NoisyRectified, Softmax, exact_log_z

KINDS = pytest.mark.parametrize("kind", list(LAYERS))
HIDDEN = np.array(list(product((0.0, 1.0), repeat=4)))


def energies(rbm: RBM, v: np.ndarray) -> np.ndarray:
    """E(v, h) of every row and every hidden state, by the formula of the energy: (N, 16)."""
    p = {name: t.numpy() for name, t in rbm.named_parameters()}
    variance = np.exp(p.get("visible.log_variance", np.zeros(v.shape[1])))
    is_gaussian = "visible.log_variance" in p
    found = np.empty((len(v), len(HIDDEN)))
    for i, row in enumerate(v):
        for j, h in enumerate(HIDDEN):
            own = (
                ((row - p["visible.bias"]) ** 2 / (2.0 * variance)).sum()
                if is_gaussian else -p["visible.bias"] @ row
            )  # fmt: skip
            found[i, j] = own - p["hidden.bias"] @ h - h @ p["weight"] @ (row / variance)
    return found


@pytest.mark.parametrize("kind", LIKELY)
def test_energy_and_free_energy_are_those_of_the_formula(kind):
    rbm = make_rbm(kind)
    v = states_of(rbm, 3)
    want = energies(rbm, v)
    for j, h in enumerate(HIDDEN):
        got = rbm.arrays().energy(v, np.tile(h, (3, 1)))
        np.testing.assert_allclose(got, want[:, j], atol=1e-12)
    np.testing.assert_allclose(rbm.arrays().free_energy(v), -logsumexp(-want, axis=1), atol=1e-12)


@pytest.mark.parametrize("kind", LIKELY)
def test_conditionals_are_those_of_the_energy(kind):
    rbm = make_rbm(kind)
    v = states_of(rbm, 3)
    p = np.exp(-energies(rbm, v) - logsumexp(-energies(rbm, v), axis=1)[:, None])
    np.testing.assert_allclose(rbm.arrays().hidden_mean(v), p @ HIDDEN, atol=1e-12)


@pytest.mark.parametrize("kind", DISCRETE)
def test_visible_means_are_those_of_the_energy(kind):
    rbm = make_rbm(kind).arrays()
    states = rbm.visible.states(0, int(rbm.visible.n_states))
    e = energies(make_rbm(kind), states)
    p = np.exp(-e - logsumexp(-e, axis=0))
    got = rbm.visible.mean(rbm.visible_input(HIDDEN))
    np.testing.assert_allclose(got, p.T @ states, atol=1e-12)
    assert len(np.unique(states, axis=0)) == len(states)


@pytest.mark.parametrize("kind", DISCRETE)
def test_log_z_is_the_same_from_either_side(kind, backend, monkeypatch):
    rbm = make_rbm(kind)
    visible = host(rbm.arrays().visible.states(0, int(rbm.visible.n_states)))
    host_rbm = make_rbm_on_host(kind)
    want = logsumexp(-energies(host_rbm, visible))
    assert exact_log_z(rbm) == pytest.approx(want, abs=1e-12)
    monkeypatch.setattr(rbm.hidden, "n_states", 1e9)  # the other layer is the smaller one now
    assert exact_log_z(rbm) == pytest.approx(want, abs=1e-12)
    monkeypatch.setattr("tinygen.models.rbm.enumeration.BLOCK", 30)  # and in many blocks
    assert exact_log_z(rbm) == pytest.approx(want, abs=1e-12)


def make_rbm_on_host(kind: str) -> RBM:
    with tg.use_device("cpu"):
        return make_rbm(kind)


def test_log_z_with_gaussian_units_is_the_integral():
    rng = tg.Generator(3)
    rbm = RBM(Gaussian(1, dtype="float64"), 3, rng=rng, std=1.0)
    rbm.visible.log_variance[...] = 0.4
    rbm.visible.bias[...] = 0.3

    def density(x: float) -> float:
        return float(np.exp(-rbm.arrays().free_energy(np.array([[x]]))[0]))

    want = np.log(quad(density, -30, 30, limit=200)[0])
    assert exact_log_z(rbm) == pytest.approx(want, abs=1e-9)


def test_the_dilogarithm_of_noisy_rectified_units_integrates_softplus():
    units = NoisyRectified(1, dtype="float64")
    for x in (-30.0, -3.0, -0.1, 0.0, 0.1, 2.5, 40.0):
        want = quad(lambda t: np.logaddexp(0.0, t), -60.0, x, limit=200, points=[min(0.0, x)])[0]
        assert units.cumulant(np.array([[x]]))[0] == pytest.approx(want, rel=1e-9, abs=1e-12)


@KINDS
def test_the_mean_is_the_slope_of_the_cumulant(kind):
    rbm = make_rbm(kind)
    for units in (rbm.visible, rbm.hidden):
        if isinstance(units, Gaussian):
            continue  # whose field is scaled by the variance: tested through log Z
        x = tg.tensor(np.random.default_rng(0).normal(size=(3, units.n)), requires_grad=True)
        weights = tg.tensor(np.random.default_rng(1).normal(size=3))
        slope = tg.grad(tg.sum(units.cumulant(x) * weights), x)
        want = units.mean(x).numpy() * weights.numpy()[:, None]
        np.testing.assert_allclose(slope.numpy(), want, atol=1e-10)


@KINDS
def test_samples_have_the_distribution_of_the_units(kind, backend):
    """Means and variances over many draws, within 5 standard errors."""
    rbm = make_rbm(kind).arrays()
    rng = tg.Generator(5)
    n = 20_000
    for units in (rbm.visible, rbm.hidden):
        x = units.xp.from_host(np.tile(np.linspace(-2.0, 2.0, units.n), (n, 1)))
        drawn = host(units.sample(x, rng))
        if isinstance(units, NoisyRectified):
            assert (drawn >= 0).all()
            inputs = np.linspace(-2.0, 2.0, units.n)
            want = np.array([rectified_mean(m, (1.0 + np.exp(-m)) ** -0.5) for m in inputs])
        else:
            want = host(units.mean(x))[0]
        error = drawn.std(0, ddof=1) / np.sqrt(n)
        assert (np.abs(drawn.mean(0) - want) < 5.0 * error + 1e-6).all()
        if isinstance(units, Gaussian):
            variance = np.exp(host(units.log_variance))
            np.testing.assert_allclose(drawn.var(0), variance, rtol=0.08)
        units.check(drawn, "the draws")


def rectified_mean(mean: float, deviation: float) -> float:
    """Of max(0, N(mean, deviation^2))."""
    from scipy.stats import norm

    z = mean / deviation
    return mean * norm.cdf(z) + deviation * norm.pdf(z)


@pytest.mark.parametrize("kind", LIKELY)
@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0])
def test_blended_units_have_the_blended_energy(kind, beta):
    """-E of the blend plus its field differs from the mixture of energies by a constant."""
    rbm = make_rbm(kind).arrays()
    base = make_rbm(kind, seed=7).arrays().visible
    units, scale = rbm.visible.blend(base, beta)
    v = np.random.default_rng(2).normal(size=(6, rbm.visible.n))
    field = np.random.default_rng(3).normal(size=rbm.visible.n)
    mixed = (1.0 - beta) * base.self_energy(v) + beta * rbm.visible.self_energy(v)
    mixed = mixed - beta * rbm.visible.coupled(v) @ field
    own = units.self_energy(v) - units.coupled(v) @ (scale * field)
    np.testing.assert_allclose(own - own[0], mixed - mixed[0], atol=1e-10)


def test_base_rates_are_those_of_the_data():
    rng = np.random.default_rng(0)
    v = (rng.random((500, 3)) < [0.1, 0.5, 0.9]).astype("float64")
    base = Bernoulli(3, dtype="float64").base_rate(v)
    np.testing.assert_allclose(1.0 / (1.0 + np.exp(-base.bias)), v.mean(0), atol=0.02)
    x = rng.normal([1.0, 2.0], [0.5, 3.0], size=(500, 2))
    base = Gaussian(2, dtype="float64").base_rate(x)
    np.testing.assert_allclose(base.bias, x.mean(0))
    want = x.var(0) + 0.1 * x.var(0).mean()
    np.testing.assert_allclose(np.exp(base.log_variance), want, rtol=1e-4)


def test_starting_at_data_gives_both_layers_the_means_they_would_have_alone():
    rng = np.random.default_rng(0)
    v = (rng.random((400, 6)) < np.linspace(0.1, 0.9, 6)).astype("float64")
    rbm = RBM(Bernoulli(6, dtype="float64"), 4, rng=tg.Generator(0), std=2.0).start_at(v)
    model = rbm.arrays()
    mean = v.mean(0, keepdims=True)
    np.testing.assert_allclose(model.hidden_mean(mean), 0.5, atol=1e-12)
    np.testing.assert_allclose(model.reconstruction(mean), mean, atol=0.02)


def test_arrays_follow_the_parameters_and_copies_do_not():
    rbm = make_rbm(dtype="float32")
    live, copied = rbm.arrays(), rbm.arrays("float64")
    rbm.weight[...] = 0.0
    assert not live.weight.any()
    assert live.weight is rbm.weight.data
    assert copied.weight.any()


# -- bad input -------------------------------------------------------------------------------------

GREY = np.full((2, 5), 0.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make_rbm().check(GREY), r"values in \[0.5, 0.5\], but Bernoulli units are 0 or 1"),
        (lambda: make_rbm().check(GREY * np.nan), "NaN or infinite"),
        (lambda: make_rbm().check(GREY * np.inf), "NaN or infinite"),
        (lambda: make_rbm().check(GREY[:, :3]), r"5 visible units, the data has shape \(2, 3\)"),
        (lambda: make_rbm().check(GREY[:0]), r"shape \(0, 5\)"),
        (lambda: make_rbm().check(GREY[0]), r"shape \(5,\)"),
        (lambda: make_rbm("softmax").check(np.ones((1, 6))), "not one-hot in groups of 3"),
        (lambda: Bernoulli(0), "at least 1 unit, not 0"),
        (lambda: Bernoulli(2.5), "at least 1 unit, not 2.5"),
        (lambda: Softmax(3, 1), "at least 2 classes, not 1"),
        (lambda: RBM(Bernoulli(2, dtype="float64"), Bernoulli(2), rng=tg.Generator(0)),
         "make both of one dtype"),
        (lambda: exact_log_z(RBM(30, 26, rng=tg.Generator(0))), "6.71e.07 states, and at most 33,"),
        (lambda: exact_log_z(make_rbm("rectified")), "define no exact distribution"),
        (lambda: make_rbm("rectified").hidden.self_energy(GREY), "no energy of a state"),
    ],
)  # fmt: skip
def test_what_is_no_state_or_no_model_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(".")
