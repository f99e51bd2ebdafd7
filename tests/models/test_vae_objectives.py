"""The bounds and their gradients: against enumeration, closed forms, and each other."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.special
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen import nn
from tinygen.backend import BACKEND_OF
from tinygen.models.vae import (
    OBJECTIVES,
    BernoulliOutput,
    GaussianOutput,
    View,
    autoencoder,
    dense_vae,
    doubly_reparameterised,
    importance_weighted,
    negative_elbo,
    sticking_the_landing,
)

D, L, N = 6, 2, 5


def make(seed: int = 0, hidden=(4,), dtype="float64", **options):
    rng = tg.Generator(seed)
    return dense_vae(D, hidden, L, BernoulliOutput(), rng=rng, activation=nn.Tanh, dtype=dtype,
                     **options)  # fmt: skip


def view_of(model, n: int = N, seed: int = 1) -> View:
    backend = BACKEND_OF[type(model.decoder[-1].bias.data)]
    bits = (np.random.default_rng(seed).random((n, D)) < 0.4).astype("float64")
    x = tg.Tensor(backend.from_host(bits))
    return View(x, x)


def plain_terms(model, view, rng, samples):
    """log p(x | z), KL and log-weights in NumPy, from the same draws."""
    q = model.posterior(view.seen)
    m, v = q.mean.numpy(), q.log_variance.numpy()
    z = q.sample(rng, samples).numpy()
    backend = BACKEND_OF[type(view.seen.data)]
    logits = model.decoder(tg.Tensor(backend.from_host(z.reshape(-1, L)))).numpy()
    logits = logits.reshape(len(m), samples, D)
    x = view.target.numpy()[:, None]
    log_p = (x * logits - np.logaddexp(logits, 0)).sum(-1)
    kl = 0.5 * (m**2 + np.exp(v) - 1 - v)
    log_prior = -0.5 * (z**2 + math.log(2 * math.pi)).sum(-1)
    squares = (z - m[:, None]) ** 2 / np.exp(v)[:, None]
    log_q = -0.5 * (squares + v[:, None] + math.log(2 * math.pi)).sum(-1)
    return log_p, kl, log_p + log_prior - log_q


def test_the_elbo_is_its_formula(backend):
    model = make()
    view = view_of(model)
    log_p, kl, _ = plain_terms(model, view, tg.Generator(4), 3)
    terms = negative_elbo(model, view, tg.Generator(4), samples=3)
    shown = {name: value.item() for name, value in terms.shown.items()}
    assert list(shown) == ["reconstruction", "kl", "negative_elbo"]
    assert_allclose(shown["reconstruction"], -log_p.mean(), rtol=1e-10)
    assert_allclose(shown["kl"], kl.sum(1).mean(), rtol=1e-10)
    assert_allclose(terms.loss.item(), -log_p.mean() + kl.sum(1).mean(), rtol=1e-10)


def test_beta_and_free_bits_change_what_is_paid_and_not_what_is_shown(backend):
    model = make()
    view = view_of(model)
    log_p, kl, _ = plain_terms(model, view, tg.Generator(4), 1)
    by_component = kl.mean(0)
    bits = float(by_component.mean())
    assert by_component.min() < bits < by_component.max()
    terms = negative_elbo(model, view, tg.Generator(4), samples=1, beta=4.0, free_bits=bits)
    paid = 4.0 * np.maximum(by_component, bits).sum()
    log_p_at_once, _, _ = plain_terms(model, view, tg.Generator(4), 1)
    assert_allclose(terms.loss.item(), paid - log_p_at_once.mean(), rtol=1e-10)
    shown = terms.shown["negative_elbo"].item()
    assert_allclose(shown, by_component.sum() - log_p.mean(), rtol=1e-10)


def test_free_bits_leave_a_component_below_them_in_peace(backend):
    model = make()
    view = view_of(model)
    terms = negative_elbo(model, view, tg.Generator(4), free_bits=1e3)
    shown = negative_elbo(model, view, tg.Generator(4), beta=0.0)
    parameters = model.parameters()
    for a, b in zip(terms.gradients(parameters), shown.gradients(parameters), strict=True):
        assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("objective", [importance_weighted, doubly_reparameterised])
@pytest.mark.parametrize("k", [1, 4])
def test_importance_weighted_bounds_are_their_formula(objective, k, backend):
    model = make()
    view = view_of(model)
    _, _, log_w = plain_terms(model, view, tg.Generator(4), k)
    expected = -(scipy.special.logsumexp(log_w, 1) - math.log(k)).mean()
    terms = objective(model, view, tg.Generator(4), samples=k)
    assert_allclose(terms.shown["negative_bound"].item(), expected, rtol=1e-10)


def test_the_bounds_rise_with_k_on_average():
    model = make()
    view = view_of(model, 2000)
    bounds = [importance_weighted(model, view, tg.Generator(0), samples=k).loss.item()
              for k in (1, 5, 50)]  # fmt: skip
    assert bounds == sorted(bounds, reverse=True)


# -- gradients -------------------------------------------------------------------------------------


def gradients(terms, model) -> np.ndarray:
    found = terms.gradients(model.parameters())
    return np.concatenate([np.zeros(p.size) if g is None else g.numpy().ravel()
                           for p, g in zip(model.parameters(), found, strict=True)])  # fmt: skip


def draws(objective, model, view, count: int, **options) -> np.ndarray:
    rng = tg.Generator(7)
    return np.stack([gradients(objective(model, view, rng, **options), model)
                     for _ in range(count)])  # fmt: skip


def encoder_size(model) -> int:
    return sum(p.size for p in model.encoder.parameters())


def assert_same_mean(a: np.ndarray, b: np.ndarray) -> None:
    """Componentwise within 3 standard errors, for all but the few of which chance takes more."""
    error = np.sqrt(a.var(0) / len(a) + b.var(0) / len(b))
    off = np.abs(a.mean(0) - b.mean(0)) / np.maximum(error, 1e-12)
    assert (off > 3).mean() < 0.02
    assert off.max() < 4.5


def test_sticking_the_landing_has_the_mean_of_the_elbos_gradient():
    model = make()
    view = view_of(model, 3)
    a = draws(negative_elbo, model, view, 1500)
    b = draws(sticking_the_landing, model, view, 1500)
    assert_same_mean(a, b)


def test_dreg_has_the_mean_of_the_bounds_gradient_and_less_variance():
    model = make()
    view = view_of(model, 3)
    a = draws(importance_weighted, model, view, 1500, samples=8)
    b = draws(doubly_reparameterised, model, view, 1500, samples=8)
    assert_same_mean(a, b)
    encoder = slice(0, encoder_size(model))
    assert b[:, encoder].var(0).sum() < 0.8 * a[:, encoder].var(0).sum()
    decoder = slice(encoder_size(model), None)
    assert_allclose(a[:, decoder], b[:, decoder], rtol=1e-8, atol=1e-10)


def test_a_wrong_weight_in_dreg_would_be_noticed():
    """The weights once instead of squared: the fault that its paper warns of."""
    model = make()
    view = view_of(model, 3)
    a = draws(importance_weighted, model, view, 1500, samples=8)

    def once(*args, **options):
        terms = doubly_reparameterised(*args, **options)
        terms.weights = terms.weights * 0.0 + 1.0
        return terms

    with pytest.raises(AssertionError):
        assert_same_mean(a, draws(once, model, view, 1500, samples=8))


def test_dreg_with_one_sample_is_sticking_the_landing(backend):
    model = make()
    view = view_of(model)
    a = gradients(doubly_reparameterised(model, view, tg.Generator(4), samples=1), model)
    b = gradients(sticking_the_landing(model, view, tg.Generator(4)), model)
    assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_where_q_is_exact_the_landing_sticks():
    """The ELBO is log p(x) for every draw, so the encoder's gradient is 0, and not on average."""
    model, view = exact_model()
    encoder = slice(0, encoder_size(model))
    stuck = draws(sticking_the_landing, model, view, 4)[:, encoder]
    assert_allclose(stuck, 0.0, atol=1e-10)
    plain = draws(negative_elbo, model, view, 4)[:, encoder]
    assert np.abs(plain).max() > 1e-3


def exact_model():
    """x = w z + noise in one dimension, whose posterior a linear encoder has exactly."""
    rng = tg.Generator(0)
    w, variance = 1.3, 0.5
    model = dense_vae(1, (), 1, GaussianOutput(variance, rng=rng, dtype="float64"), rng=rng,
                      dtype="float64")  # fmt: skip
    share = w * w + variance
    model.decoder[0].weight[...] = w
    model.encoder[0].weight[...] = tg.tensor(np.array([[w / share], [0.0]]))
    model.encoder[0].bias[...] = tg.tensor(np.array([0.0, math.log(variance / share)]))
    x = tg.tensor(np.random.default_rng(0).normal(size=(6, 1)))
    return model, View(x, x)


def test_an_exact_posterior_makes_every_bound_the_likelihood():
    model, view = exact_model()
    share = 1.3**2 + 0.5
    x = view.target.numpy()[:, 0]
    expected = (0.5 * (x**2 / share + math.log(2 * math.pi * share))).mean()
    for name in ("stl", "iwae", "dreg"):
        found = OBJECTIVES[name](model, view, tg.Generator(0)).shown
        assert_allclose(list(found.values())[-1].item(), expected, rtol=1e-10)


def test_an_autoencoder_neither_draws_nor_pays(backend):
    model = make()
    view = view_of(model)
    rng = tg.Generator(4)
    before = rng.state_dict()
    terms = autoencoder(model, view, rng)
    assert rng.state_dict() == before
    z = model.posterior(view.seen).mean
    expected = -model.likelihood(z).log_prob(view.target).numpy().mean()
    assert_allclose(terms.loss.item(), expected, rtol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective_passes_gradients_on_and_agrees_on_all_backends(name):
    found = []
    for device in ("cpu", "strict"):
        with tg.use_device(device):
            model = make(classes=3)
            view = view_of(model)
            labels = BACKEND_OF[type(view.seen.data)].from_host(np.array([0, 1, 2, 1, 0]))
            terms = OBJECTIVES[name](model, view._replace(labels=labels), tg.Generator(4))
            found.append(gradients(terms, model))
    assert_allclose(found[0], found[1], rtol=1e-6, atol=1e-9)
    assert np.abs(found[0]).max() > 1e-3
