"""Importance sampling against models whose p(x) is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen import nn
from tinygen.backend import BACKEND_OF
from tinygen.data import DataError
from tinygen.models.vae import (
    BernoulliOutput,
    GaussianOutput,
    VAETrainer,
    dense_vae,
    importance_sampled,
)
from tinygen.models.vae.linear import LinearGaussian, exact_log_likelihood, principal_components

D, L = 5, 2


def linear_vae(seed: int = 0, hidden=(), variance: float | None = 0.5):
    rng = tg.Generator(seed)
    output = GaussianOutput(variance, rng=rng, dtype="float64")
    return near_the_prior(dense_vae(D, hidden, L, output, rng=rng, dtype="float64"))


def near_the_prior(model):
    """A proposal as wide as the prior, so that importance weights have a variance."""
    for p in model.encoder.parameters():
        p[...] = p.detach() * 0.1
    return model


def correlated(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, L)) * [2.0, 1.0]
    return z @ rng.normal(size=(L, D)) + 0.4 * rng.normal(size=(n, D)) + rng.normal(size=D)


def drawn_from(model, n: int) -> np.ndarray:
    """Examples of a linear model's own."""
    rng = np.random.default_rng(5)
    weight, bias = (p.numpy() for p in model.decoder.parameters())
    return rng.normal(size=(n, L)) @ weight.T + bias + math.sqrt(0.5) * rng.normal(size=(n, D))


def on_device_of(model, x: np.ndarray):
    return BACKEND_OF[type(model.decoder[-1].bias.data)].from_host(x)


def test_the_exact_likelihood_is_scipys_multivariate_normal():
    rng = np.random.default_rng(0)
    weight, bias = rng.normal(size=(D, L)), rng.normal(size=D)
    x = rng.normal(size=(7, D))
    expected = scipy.stats.multivariate_normal(bias, weight @ weight.T + 0.3 * np.eye(D)).logpdf(x)
    assert_allclose(LinearGaussian(weight, bias, 0.3).log_likelihood(x), expected, rtol=1e-10)


def test_principal_components_are_a_maximum_of_the_likelihood():
    x = correlated(400)
    best = principal_components(x, L)
    top = best.log_likelihood(x).mean()
    rng = np.random.default_rng(1)
    for _ in range(30):
        nearby = LinearGaussian(
            best.weight + 0.05 * rng.normal(size=best.weight.shape),
            best.bias + 0.05 * rng.normal(size=D),
            best.variance * math.exp(0.1 * rng.normal()),
        )
        assert nearby.log_likelihood(x).mean() < top


def test_importance_sampling_is_an_unbiased_estimate_of_the_density():
    """Of p(x), not of its logarithm: the mean of p-hat / p over many runs of k = 3 is 1."""
    model = linear_vae()
    x = drawn_from(model, 3)
    exact = exact_log_likelihood(model, x)
    repeated = np.repeat(x, 20_000, axis=0)
    found = importance_sampled(model, repeated, rng=tg.Generator(1), samples=3, rows=6000)
    ratios = np.exp(found.values[3] - np.repeat(exact, 20_000)).reshape(3, -1)
    error = ratios.std(1, ddof=1) / math.sqrt(ratios.shape[1])
    assert (np.abs(ratios.mean(1) - 1.0) <= 3 * error).all()
    assert (error < 0.05).all()


def test_bounds_rise_with_k_to_the_exact_likelihood(backend):
    model = linear_vae()
    x = drawn_from(model, 60)
    exact = exact_log_likelihood(model, x)
    found = importance_sampled(model, on_device_of(model, x), rng=tg.Generator(1), samples=2000,
                               also=(1, 5, 50))  # fmt: skip
    means = [found.mean(k) for k in (1, 5, 50, 2000)]
    assert means == sorted(means)
    assert found.mean() == pytest.approx(exact.mean(), abs=0.05)
    assert exact.mean() - found.mean(1) > 0.5, "the bounds should have some way to go"
    assert found.best == 2000


def test_a_linear_vae_reaches_the_likelihood_of_probabilistic_principal_components():
    x = correlated(500)
    model = linear_vae(variance=None)
    trainer = VAETrainer(model, rng=tg.Generator(2), lr=tg.optim.schedules.cosine(0.03, 3000))
    for _ in range(3000):
        trainer.step(x)
    best = principal_components(x, L).log_likelihood(x).mean()
    assert exact_log_likelihood(model, x).mean() == pytest.approx(best, abs=0.05)
    found = importance_sampled(model, x, rng=tg.Generator(3), samples=500)
    assert found.mean() == pytest.approx(best, abs=0.05)
    elbo = np.mean([-trainer.step(x)["negative_elbo"].item() for _ in range(200)])
    assert elbo == pytest.approx(best, abs=0.05)


def bernoulli_model(classes: int = 0):
    model = dense_vae(D, (4,), L, BernoulliOutput(), rng=tg.Generator(0), activation=nn.Tanh,
                      classes=classes, dtype="float64")  # fmt: skip
    return near_the_prior(model)


def bits(n: int) -> np.ndarray:
    return (np.random.default_rng(0).random((n, D)) < 0.5).astype("float64")


def test_importance_sampling_agrees_with_quadrature(backend):
    """A Bernoulli decoder has no closed form, but two latent numbers can be integrated out."""
    model = bernoulli_model()
    x = bits(4)
    points, weights = np.polynomial.hermite_e.hermegauss(60)
    grid = np.stack(np.meshgrid(points, points), -1).reshape(-1, 2)
    mass = np.outer(weights, weights).ravel() / (2 * math.pi)
    with tg.no_grad():
        logits = model.decoder(tg.Tensor(on_device_of(model, grid))).numpy()
    log_p = (x[:, None] * logits - np.logaddexp(logits, 0)).sum(-1)
    exact = np.log((np.exp(log_p) * mass).sum(1))
    found = importance_sampled(model, on_device_of(model, x), rng=tg.Generator(0), samples=20_000)
    assert_allclose(found.values[20_000], exact, atol=0.02)


@pytest.mark.parametrize("rows", [1, 7, 40, 1000])
def test_the_size_of_a_pass_changes_nothing_but_the_draws(rows):
    model = bernoulli_model(classes=2)
    labels = np.array([0, 1, 1])
    found = importance_sampled(model, bits(3), rng=tg.Generator(0), samples=40, also=(4,),
                               labels=labels, rows=rows)  # fmt: skip
    assert {k: v.shape for k, v in found.values.items()} == {4: (3,), 40: (3,)}
    reference = importance_sampled(model, bits(3), rng=tg.Generator(1), samples=4000, labels=labels)
    assert_allclose(found.values[40], reference.values[4000], atol=1.0)


def test_a_pass_decodes_no_more_rows_than_it_may():
    model = bernoulli_model()
    seen = []
    decoder = model.decoder
    model.decoder = lambda z: (seen.append(len(z)), decoder(z))[1]
    importance_sampled(model, bits(5), rng=tg.Generator(0), samples=100, rows=30)
    assert max(seen) <= 30
    assert sum(seen) == 500


def test_the_standard_error_is_that_of_the_mean_over_examples():
    found = importance_sampled(bernoulli_model(), bits(9), rng=tg.Generator(0), samples=10)
    values = found.values[10]
    assert found.standard_error() == pytest.approx(scipy.stats.sem(values))
    assert str(found).endswith("(9 examples, L_10)")
    one = importance_sampled(bernoulli_model(), bits(1), rng=tg.Generator(0), samples=10)
    assert math.isnan(one.standard_error())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"samples": 0}, "samples must be finite and at least 1, not 0"),
        ({"rows": 0}, "rows must be finite and at least 1, not 0"),
        ({"samples": 10, "also": (3,)}, "10 samples do not divide into groups of 3"),
        ({"samples": 10, "also": (0,)}, "groups of 0"),
    ],
)
def test_impossible_numbers_of_samples_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        importance_sampled(bernoulli_model(), bits(2), rng=tg.Generator(0), **options)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (bits(2)[0], r"x has shape \(5,\); give rows"),
        (bits(0), r"x has shape \(0, 5\); give rows"),
        (bits(2) * np.nan, "x holds NaN"),
        (bits(2) * 2.0, r"x holds values in \[0, 2\].*zeros, ones and probabilities"),
    ],
)
def test_impossible_examples_are_refused(backend, x, message):
    model = bernoulli_model()
    with pytest.raises(DataError, match=rf"^importance_sampled: {message}.*\.$"):
        importance_sampled(model, on_device_of(model, x), rng=tg.Generator(0), samples=2)


def test_what_has_no_closed_form_is_refused():
    with pytest.raises(ValueError, match="take importance_sampled"):
        exact_log_likelihood(linear_vae(hidden=(3,)), correlated(2))
    with pytest.raises(ValueError, match="take importance_sampled"):
        exact_log_likelihood(bernoulli_model(), bits(2))
    with pytest.raises(ValueError, match="latent must be from 1 to 4, not 5"):
        principal_components(correlated(9), 5)
