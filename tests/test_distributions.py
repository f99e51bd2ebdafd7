"""Densities against SciPy, divergences against closed forms and sums, draws against moments."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.stats
from checks import leaves
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen.distributions import (
    Bernoulli,
    DiscretisedLogistic,
    Normal,
    StandardNormal,
    monte_carlo_kl,
)

RNG = np.random.default_rng(3)
MEAN, LOG_VARIANCE, X = (RNG.normal(size=(4, 3)) for _ in range(3))
OTHER = RNG.normal(size=(2, 4, 3))
BITS = (RNG.random((4, 3)) < 0.5).astype("float64")


def tensors(backend, *arrays):
    return leaves(list(arrays), backend)


@pytest.mark.parametrize("number", [1, 1.0])
def test_one_log_variance_may_be_a_number(number, backend):
    """All that a Normal does, as with an array that is full of it, and in the mean's type."""
    mean = tg.Tensor(backend.from_host(MEAN.astype("float32")))
    short, full = Normal(mean, number), Normal(mean, tg.ones_like(mean))
    noise = [tg.Generator(0) for _ in range(4)]
    for a, b in (
        (short.kl(StandardNormal()), full.kl(StandardNormal())),
        (short.kl(Normal(mean + 1.0, 0)), full.kl(Normal(mean + 1.0, tg.zeros_like(mean)))),
        (short.log_prob(mean + 1.0), full.log_prob(mean + 1.0)),
        (short.sample(noise[0], 5), full.sample(noise[1], 5)),
        (short.detached().sample(noise[2]), full.detached().sample(noise[3])),
        (short.with_sample_axis().mean, full.with_sample_axis().mean),
    ):
        assert a.dtype == "float32"
        assert_allclose(a.numpy(), b.numpy(), rtol=1e-6)


def test_normal_densities_are_scipys(backend):
    m, v, x = tensors(backend, MEAN, LOG_VARIANCE, X)
    expected = scipy.stats.norm(MEAN, np.exp(LOG_VARIANCE / 2)).logpdf(X).sum(1)
    assert_allclose(Normal(m, v).log_prob(x).numpy(), expected, rtol=1e-12)
    expected = scipy.stats.norm(MEAN, np.exp(0.3)).logpdf(X).sum(1)
    assert_allclose(Normal(m, 0.6).log_prob(x).numpy(), expected, rtol=1e-12)
    expected = scipy.stats.norm.logpdf(X).sum(1)
    assert_allclose(StandardNormal().log_prob(x).numpy(), expected, rtol=1e-12)


def test_bernoulli_densities_are_scipys(backend):
    logits, x = tensors(backend, MEAN, BITS)
    expected = scipy.stats.bernoulli(scipy.special.expit(MEAN)).logpmf(BITS).sum(1)
    assert_allclose(Bernoulli(logits).log_prob(x).numpy(), expected, rtol=1e-12)


def test_a_grey_pixels_density_is_the_mean_over_its_draws(backend):
    p = np.array([[0.3, 0.8]])
    logits, grey = tensors(backend, MEAN[:1, :2], p)
    total = 0.0
    for bits in itertools.product((0.0, 1.0), repeat=2):
        (x,) = tensors(backend, np.array([bits]))
        share = np.prod(np.where(np.array(bits) == 1, p[0], 1 - p[0]))
        total += share * Bernoulli(logits).log_prob(x).item()
    assert_allclose(Bernoulli(logits).log_prob(grey).item(), total, rtol=1e-12)


def logistic_mass(x, mean, scale, levels):
    """From the distribution function, in the plain way."""
    half = 0.5 / (levels - 1)
    high = np.where(x > 1 - half, np.inf, x + half)
    low = np.where(x < half, -np.inf, x - half)
    distribution = scipy.stats.logistic(mean, scale)
    return np.log(distribution.cdf(high) - distribution.cdf(low)).sum(-1)


def test_discretised_logistic_masses_are_differences_of_scipys_distribution(backend):
    levels = 17
    x = RNG.integers(0, levels, (4, 3)) / (levels - 1)
    x[0] = [0.0, 1.0, 0.5]
    centre = RNG.random((4, 3))
    m, s, t = tensors(backend, centre, np.log([0.05, 0.1, 0.3]), x)
    found = DiscretisedLogistic(m, s, levels).log_prob(t).numpy()
    assert_allclose(found, logistic_mass(x, centre, [0.05, 0.1, 0.3], levels), rtol=1e-9)


def test_discretised_logistic_masses_add_up_to_one_and_keep_their_digits_in_the_tails(backend):
    every = np.arange(256)[:, None] / 255
    centre, scale, x = tensors(backend, np.full((1, 1), 0.02), np.log([0.001]), every)
    logs = DiscretisedLogistic(centre, scale, 256).log_prob(x).numpy()
    assert_allclose(np.exp(logs).sum(), 1.0, rtol=1e-12)
    exact = -(255 - 0.5) / 255 / 0.001 + 0.02 / 0.001  # log of the tail of the logistic function
    assert_allclose(logs[-1], exact, rtol=1e-12)


@pytest.mark.parametrize("levels", [1, 0, -3])
def test_one_level_is_refused(levels):
    with pytest.raises(ValueError, match="levels must be at least 2"):
        DiscretisedLogistic(tg.zeros(1, 2), tg.zeros(2), levels)


# -- divergences -----------------------------------------------------------------------------------


def closed_form(m, v, n, w):
    return 0.5 * (np.exp(v - w) + (m - n) ** 2 / np.exp(w) - 1 + w - v)


def test_normal_divergences_have_their_closed_form(backend):
    m, v, n, w = tensors(backend, MEAN, LOG_VARIANCE, *OTHER)
    by_component = Normal(m, v).kl_by_component(StandardNormal())
    assert_allclose(by_component.numpy(), closed_form(MEAN, LOG_VARIANCE, 0, 0), rtol=1e-10)
    found = Normal(m, v).kl(Normal(n, w)).numpy()
    assert_allclose(found, closed_form(MEAN, LOG_VARIANCE, *OTHER).sum(1), rtol=1e-10)
    standard = Normal(m * 0.0, v * 0.0)
    found = Normal(m, v).kl(standard).numpy()
    assert_allclose(found, by_component.numpy().sum(1), rtol=1e-10)


def test_bernoulli_divergences_are_sums_over_outcomes(backend):
    a, b = tensors(backend, MEAN, LOG_VARIANCE)
    p, q = (scipy.special.expit(v) for v in (MEAN, LOG_VARIANCE))
    expected = (scipy.special.rel_entr(p, q) + scipy.special.rel_entr(1 - p, 1 - q)).sum(1)
    assert_allclose(Bernoulli(a).kl(Bernoulli(b)).numpy(), expected, rtol=1e-10)


PAIRS = {
    "normal, standard": lambda m, v, n, w: (Normal(m, v), StandardNormal()),
    "normal, normal": lambda m, v, n, w: (Normal(m, v), Normal(n, w)),
    "bernoulli": lambda m, v, n, w: (Bernoulli(m), Bernoulli(v)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_monte_carlo_divergences_agree_within_their_error(name, backend):
    many = [np.repeat(a[:1], 20_000, axis=0) for a in (MEAN, LOG_VARIANCE, *OTHER)]
    q, p = PAIRS[name](*tensors(backend, *many))
    draws = monte_carlo_kl(q, p, tg.Generator(0)).numpy()
    error = draws.std() / np.sqrt(len(draws))
    assert abs(draws.mean() - q.kl(p).numpy()[0]) <= 3 * error


def test_monte_carlo_divergence_of_what_has_no_closed_form(backend):
    """Two discretised logistics, against the sum over their 9 values."""
    every = np.arange(9)[:, None] / 8
    x, m, s = tensors(backend, every, np.full((1, 1), 0.3), np.log([0.1]))
    n, t = tensors(backend, np.full((1, 1), 0.6), np.log([0.2]))
    logs = [DiscretisedLogistic(*a, 9).log_prob(x).numpy() for a in ((m, s), (n, t))]
    exact = (np.exp(logs[0]) * (logs[0] - logs[1])).sum()
    (many,) = tensors(backend, np.full((20_000, 1), 0.3))
    q, p = DiscretisedLogistic(many, s, 9), DiscretisedLogistic(n, t, 9)
    draws = monte_carlo_kl(q, p, tg.Generator(0)).numpy()
    assert abs(draws.mean() - exact) <= 3 * draws.std() / np.sqrt(len(draws))


def test_less_than_one_sample_is_refused():
    with pytest.raises(ValueError, match="samples must be at least 1, not 0"):
        monte_carlo_kl(StandardNormal(), StandardNormal(), tg.Generator(0), 0)


# -- draws -----------------------------------------------------------------------------------------


def test_draws_have_the_moments_of_the_distribution(backend):
    n = 40_000
    m, v = tensors(backend, np.full((n, 1), 1.5), np.full((n, 1), -1.0))
    x = Normal(m, v).sample(tg.Generator(1)).numpy()
    assert_allclose([x.mean(), x.var()], [1.5, np.exp(-1.0)], atol=0.02)
    (logits,) = tensors(backend, np.full((n, 1), -0.7))
    bits = Bernoulli(logits).sample(tg.Generator(1)).numpy()
    assert set(np.unique(bits)) == {0.0, 1.0}
    assert_allclose(bits.mean(), scipy.special.expit(-0.7), atol=0.01)


def test_discretised_draws_have_the_masses_of_their_values(backend):
    n, levels = 40_000, 5
    m, s = tensors(backend, np.full((n, 1), 0.3), np.log([0.1]))
    d = DiscretisedLogistic(m, s, levels)
    values = np.arange(levels)[:, None] / (levels - 1)
    (every,) = tensors(backend, values)
    masses = np.exp(DiscretisedLogistic(m[:levels], s, levels).log_prob(every).numpy())
    draws = np.rint(d.sample(tg.Generator(0)).numpy()[:, 0] * (levels - 1)).astype(int)
    assert_allclose(np.bincount(draws, minlength=levels) / n, masses, atol=0.01)


def test_gradients_pass_through_a_reparameterised_draw(backend):
    """d E[z^2] / d mean = 2 mean, and in log-variance the variance."""
    n = 200_000
    m, v = tensors(backend, np.array([[0.8]]), np.array([[-0.4]]))
    z = Normal(tg.broadcast_to(m, (n, 1)), v).sample(tg.Generator(0))
    slopes = tg.grad(tg.mean(z * z), [m, v])
    assert_allclose(slopes[0].item(), 1.6, atol=0.01)
    assert_allclose(slopes[1].item(), np.exp(-0.4), atol=0.01)


def test_many_draws_are_put_along_an_axis_before_the_last(backend):
    m, v = tensors(backend, MEAN, LOG_VARIANCE)
    q = Normal(m, v)
    z = q.sample(tg.Generator(0), 5)
    assert z.shape == (4, 5, 3)
    found = q.with_sample_axis().log_prob(z).numpy()
    for k in range(5):
        assert_allclose(found[:, k], q.log_prob(z[:, k]).numpy(), rtol=1e-12)


def test_a_detached_distribution_passes_no_gradient_on(backend):
    m, v = tensors(backend, MEAN, LOG_VARIANCE)
    assert (
        not Normal(m, v)
        .detached()
        .log_prob(X if backend.name == "numpy" else m.detach())
        .requires_grad
    )
