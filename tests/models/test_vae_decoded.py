"""The fast way to log p(x | z) of many z against the distribution's own."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen import nn
from tinygen.models.vae import (
    VAE,
    BernoulliOutput,
    GaussianOutput,
    View,
    convolutional_vae,
    dense_vae,
    importance_sampled,
)
from tinygen.models.vae.decoded import decoded_log_prob
from tinygen.models.vae.objectives import log_weights
from tinygen.ops import logsumexp

D, L = 13, 3


def model_of(output=None, hidden=(5, 4), classes: int = 0, dtype: str = "float64") -> VAE:
    rng = tg.Generator(0)
    model = dense_vae(D, hidden, L, output or BernoulliOutput(), rng=rng, activation=nn.Tanh,
                      classes=classes, dtype=dtype)  # fmt: skip
    for p in model.parameters():  # biases too
        p[...] = p.detach() + rng.normal(p.shape, dtype=dtype)
    return model


def pairs(n: int = 2, k: int = 7, dtype: str = "float64"):
    """x with grey values, and z."""
    rng = tg.Generator(1)
    return rng.uniform((n, D), dtype=dtype), rng.normal((n, k, L), dtype=dtype)


def by_the_distribution(model: VAE, x, labels, z) -> np.ndarray:
    return model.likelihood(tg.Tensor(z), labels).log_prob(tg.Tensor(x[:, None])).numpy()


@pytest.mark.parametrize("rows", [1, 7, 8, 104, 783, 784])
@pytest.mark.parametrize("columns", [1, 5, 1000])
def test_softplus_sum(backend, rows, columns):
    xp = tg.Generator(0).backend
    x = tg.Generator(0).normal((rows, columns), 0.0, 6.0, dtype="float64")
    host = tg.Tensor(x).numpy()
    expected = np.logaddexp(host, 0.0).sum(0)
    assert_allclose(tg.Tensor(xp.softplus_sum(x)).numpy(), expected, rtol=1e-12, atol=1e-15 * rows)
    single = xp.softplus_sum(x.astype("float32"))
    assert single.dtype == np.float32
    assert_allclose(tg.Tensor(single).numpy(), expected, rtol=5e-6, atol=2e-7 * rows)
    assert np.array_equal(tg.Tensor(x).numpy(), host), "the argument must stay as it was"


def test_softplus_sum_of_extremes(backend):
    x = np.array([[1e4, -1e4], [3e4, -3e4], [-50.0, -50.0], [0.0, -800.0]])
    xp = tg.Generator(0).backend
    found = tg.Tensor(xp.softplus_sum(xp.from_host(np.repeat(x, 2, 0)))).numpy()
    assert_allclose(found, [8e4 + 2 * np.log(2.0), 0.0], rtol=1e-14, atol=1e-12)


def test_softplus_sum_keeps_nan_and_infinity():
    x = np.zeros((8, 3))
    x[3] = [np.nan, np.inf, 0.0]
    found = tg.Generator(0).backend.softplus_sum(x)
    assert np.isnan(found[0])
    assert found[1] == np.inf
    assert_allclose(found[2], 8 * np.log(2.0))


@pytest.mark.parametrize("hidden", [(), (5,), (5, 4)])
def test_linear_logits_of_grey_pixels(backend, hidden):
    model = model_of(hidden=hidden)
    x, z = pairs()
    with tg.no_grad():
        found = tg.Tensor(decoded_log_prob(model)(x, None, z)).numpy()
        assert found.shape == (2, 7)
        assert_allclose(found, by_the_distribution(model, x, None, z), rtol=1e-12)


def test_linear_logits_of_classes(backend):
    model = model_of(classes=4)
    x, z = pairs(n=3)
    labels = tg.Generator(0).backend.from_host(np.array([3, 0, 2]))
    with tg.no_grad():
        found = tg.Tensor(decoded_log_prob(model)(x, labels, z)).numpy()
        assert_allclose(found, by_the_distribution(model, x, labels, z), rtol=1e-12)


def test_other_decoders_and_outputs_are_asked_as_they_are():
    rng = tg.Generator(0)
    images = convolutional_vae((1, 4, 4), (2, 3), L, BernoulliOutput(), rng=rng)
    for model, features in (
        (model_of(GaussianOutput(rng=rng, dtype="float64")), D),
        (model_of(_Inverted()), D),
        (images, 16),
    ):
        dtype = next(iter(model.parameters())).dtype
        z = rng.normal((2, 7, L), dtype=dtype)
        x = (rng.uniform((2, features), dtype=dtype) < 0.5).astype(dtype)
        with tg.no_grad():
            found = decoded_log_prob(model)(x, None, z)
            assert_allclose(found, by_the_distribution(model, x, None, z), rtol=1e-6)


class _Inverted(BernoulliOutput):
    """Black on white: a subclass need not mean what its parent means."""

    def distribution(self, decoded):
        return super().distribution(-decoded)


@pytest.mark.parametrize("classes", [0, 4])
def test_the_bound_is_that_of_the_log_weights(backend, classes):
    """The same draws, and the training objective's log w."""
    model = model_of(classes=classes)
    x, _ = pairs(n=3)
    xp = tg.Generator(0).backend
    labels = xp.from_host(np.array([3, 0, 2])) if classes else None
    with tg.no_grad():
        target = tg.Tensor(x)
        q = model.posterior(target, labels)
        view = View(target, target, labels)
        log_w = log_weights(model, view, q, q.sample(tg.Generator(7), 20))
        expected = logsumexp(log_w, 1).numpy() - np.log(20)
    found = importance_sampled(model, x, rng=tg.Generator(7), samples=20, labels=labels)
    assert_allclose(found.values[20], expected, rtol=1e-12)


def test_in_single_precision_the_bound_loses_hardly_a_thousandth_of_a_nat():
    """784 pixels with log-odds in the tens, where both halves of log p are in the thousands."""
    rng = tg.Generator(0)
    model = dense_vae(784, (200,), 20, BernoulliOutput(), rng=rng, activation=nn.Tanh)
    for p in model.decoder.parameters():
        p[...] = p.detach() * 10.0
    x = (rng.uniform((1, 784)) < 0.2).astype("float32")
    z = rng.normal((1, 50, 20))
    with tg.no_grad():
        logits = model.decoder(tg.Tensor(z[0])).numpy().astype("float64")
        found = decoded_log_prob(model)(x, None, z)
    assert np.abs(logits).sum(1).mean() > 3e3
    exact = (x * logits - np.logaddexp(logits, 0.0)).sum(1)

    assert_allclose(found[0], exact, atol=2e-3)
