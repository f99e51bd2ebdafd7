"""The objectives of a GAN: Goodfellow's formulas, their limits, their gradients."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.gradcheck import gradcheck
from tinygen.models.gan import (
    GENERATOR_LOSSES,
    discriminator_loss,
    minimax,
    non_saturating,
    r1_penalty,
)


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def test_losses_are_goodfellows_formulas(backend):
    s = np.random.default_rng(0).normal(scale=3, size=(10, 1))
    logits = tg.Tensor(backend.from_host(s))
    d_real, d_fake = sigmoid(s[:5]), sigmoid(s[5:])
    value = -np.log(d_real).mean() - np.log(1 - d_fake).mean()
    is_real = backend.from_host(np.repeat([1.0, 0.0], 5)[:, None])
    assert discriminator_loss(logits, is_real).item() == pytest.approx(value, rel=1e-12)
    assert minimax(logits).item() == pytest.approx(np.log(1 - sigmoid(s)).mean(), rel=1e-12)
    assert non_saturating(logits).item() == pytest.approx(-np.log(sigmoid(s)).mean(), rel=1e-12)


def test_smoothed_labels_are_a_mixture_of_both_losses(backend):
    """Salimans et al. 2016, section 3.4: real examples count 0.9 as real and 0.1 as generated."""
    s = np.random.default_rng(1).normal(scale=3, size=(8, 1))
    d_real, d_fake = sigmoid(s[:4]), sigmoid(s[4:])
    value = -(0.9 * np.log(d_real) + 0.1 * np.log(1 - d_real)).mean() - np.log(1 - d_fake).mean()
    labels = backend.from_host(np.repeat([0.9, 0.0], 4)[:, None])
    loss = discriminator_loss(tg.Tensor(backend.from_host(s)), labels)
    assert loss.item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturated_logits_give_finite_losses_and_the_limits_of_the_gradients(backend, dtype):
    """At +-100, log(1 - sigmoid) written out is -inf; the gradients' limits are known."""
    s = np.array([[100.0], [-100.0]], dtype)
    cases = [
        # loss, value, d loss / d logits
        (minimax, -50.0, [-0.5, 0.0]),
        (non_saturating, 50.0, [0.0, -0.5]),
        (lambda x: discriminator_loss(x, backend.from_host(1 - (s > 0))), 200.0, [1.0, -1.0]),
        (lambda x: discriminator_loss(x, backend.from_host(s > 0)), 0.0, [0.0, 0.0]),
    ]
    for loss, value, slope in cases:
        logits = tg.Tensor(backend.from_host(s), requires_grad=True)
        y = loss(logits)
        assert y.item() == pytest.approx(value, abs=1e-30)
        gradient = tg.grad(y, logits).numpy()[:, 0]
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-40)


def test_the_non_saturating_gradient_is_strong_where_the_minimax_one_vanishes(backend):
    """Section 3 of the article: when D is sure that samples are generated, s = -10."""
    logits = tg.Tensor(backend.from_host(np.full((4, 1), -10.0)), requires_grad=True)
    weak, strong = (
        abs(float(tg.grad(loss(logits), logits).numpy().sum()))
        for loss in (minimax, non_saturating)
    )
    assert weak < 1e-4
    assert strong > 0.999


@pytest.mark.parametrize("loss", GENERATOR_LOSSES)
def test_gradients_through_both_networks_are_those_of_finite_differences(backend, loss):
    rng = tg.Generator(3)
    generator, discriminator = smooth([3, 4, 2], rng), smooth([2, 4, 1], rng)
    noise, real = rng.normal((5, 3), dtype="float64"), rng.normal((5, 2), dtype="float64")
    is_real = backend.from_host(np.repeat([1.0, 0.0], 5)[:, None])

    def of_generator(*weights):
        return GENERATOR_LOSSES[loss](run(discriminator, run(generator, noise, weights)))

    def of_discriminator(*weights):
        both = tg.concatenate([tg.Tensor(real), run(generator, noise)])
        return discriminator_loss(run(discriminator, both, weights), is_real)

    gradcheck(of_generator, [p.detach() for p in generator.parameters()])
    gradcheck(of_discriminator, [p.detach() for p in discriminator.parameters()])


def test_the_r1_penalty_is_the_squared_slope_of_the_logits(backend):
    """Of a linear D the slope is its weight; of a deep one, finite differences see it through."""
    layer = nn.Linear(2, 1, rng=tg.Generator(0), dtype="float64")
    real = tg.Generator(1).normal((7, 2), dtype="float64")
    penalty = r1_penalty(layer, real, gamma=3.0)
    assert penalty.item() == pytest.approx(1.5 * (layer.weight.numpy() ** 2).sum(), rel=1e-12)

    deep = smooth([2, 4, 1], tg.Generator(2))

    def of_weights(*weights):
        return r1_penalty(lambda x: run(deep, x, weights), real, 0.7)

    # the last bias moves no slope, and has no part in it
    weights = [p.detach() for p in deep.parameters()]
    gradcheck(lambda *w: of_weights(*w, weights[-1]), weights[:-1])


def smooth(sizes: list[int], rng: tg.Generator) -> list[nn.Linear]:
    """Layers to run with tanh between: finite differences do not cross kinks."""

    class Stack(nn.Module):
        def __init__(self):
            self.layers = [nn.Linear(i, o, rng=rng, dtype="float64") for i, o in pairwise(sizes)]

    return Stack()


def run(stack, x, weights=None):
    weights = list(weights if weights is not None else stack.parameters())
    for i in range(0, len(weights), 2):
        x = tg.linear(x if i == 0 else tg.tanh(x), weights[i], weights[i + 1])
    return x
