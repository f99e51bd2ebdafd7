"""The objectives and penalties of GANs: their formulas, their limits, their gradients."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.gradcheck import gradcheck
from tinygen.models.gan import OBJECTIVES, R1, R2, REGULARIZERS, GradientPenalty

N = 5


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def relu(s):
    return np.maximum(s, 0.0)


# Written out in the articles' terms, of C at real examples (r) and at generated ones (f).
FORMULAS = {
    "minimax": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
        lambda r, f: np.log(1 - sigmoid(f)).mean(),
    ),
    "non-saturating": (
        lambda r, f: -np.log(sigmoid(r)).mean() - np.log(1 - sigmoid(f)).mean(),
        lambda r, f: -np.log(sigmoid(f)).mean(),
    ),
    "least-squares": (
        lambda r, f: 0.5 * ((r - 1) ** 2).mean() + 0.5 * (f**2).mean(),
        lambda r, f: 0.5 * ((f - 1) ** 2).mean(),
    ),
    "hinge": (
        lambda r, f: relu(1 - r).mean() + relu(1 + f).mean(),
        lambda r, f: -f.mean(),
    ),
    "wasserstein": (lambda r, f: f.mean() - r.mean(), lambda r, f: -f.mean()),
    "relativistic": (
        lambda r, f: -np.log(sigmoid(r - f)).mean(),
        lambda r, f: -np.log(sigmoid(f - r)).mean(),
    ),
    "relativistic-average": (
        lambda r, f: (
            -np.log(sigmoid(r - f.mean())).mean() - np.log(1 - sigmoid(f - r.mean())).mean()
        ),
        lambda r, f: (
            -np.log(sigmoid(f - r.mean())).mean() - np.log(1 - sigmoid(r - f.mean())).mean()
        ),
    ),
}


def target(backend, n=N, real=1.0, dtype="float64"):
    return backend.from_host(np.repeat([real, 0.0], n)[:, None].astype(dtype))


@pytest.mark.parametrize("name", OBJECTIVES)
def test_objectives_are_their_articles_formulas(backend, name):
    s = np.random.default_rng(0).normal(scale=3, size=(2 * N, 1))
    of_discriminator, of_generator = FORMULAS[name]
    objective = OBJECTIVES[name]
    logits = tg.Tensor(backend.from_host(s))
    loss_d = objective.discriminator(logits, target(backend))
    assert loss_d.item() == pytest.approx(of_discriminator(s[:N], s[N:]), rel=1e-12)
    loss_g = objective.generator(logits[N:], logits[:N] if objective.relative else None)
    assert loss_g.item() == pytest.approx(of_generator(s[:N], s[N:]), rel=1e-12)


def test_smoothed_labels_are_a_mixture_of_both_losses(backend):
    """Salimans et al. 2016, section 3.4: real examples count 0.9 as real and 0.1 as generated."""
    s = np.random.default_rng(1).normal(scale=3, size=(8, 1))
    d_real, d_fake = sigmoid(s[:4]), sigmoid(s[4:])
    value = -(0.9 * np.log(d_real) + 0.1 * np.log(1 - d_real)).mean() - np.log(1 - d_fake).mean()
    logits = tg.Tensor(backend.from_host(s))
    loss = OBJECTIVES["minimax"].discriminator(logits, target(backend, 4, 0.9))
    assert loss.item() == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saturated_logits_give_finite_losses_and_the_limits_of_the_gradients(backend, dtype):
    """At +-100, log(1 - sigmoid) written out is -inf; the gradients' limits are known."""
    s = np.array([[100.0], [-100.0]], dtype)
    minimax, non_saturating = OBJECTIVES["minimax"], OBJECTIVES["non-saturating"]
    right, wrong = backend.from_host((s > 0) * 1.0), backend.from_host((s < 0) * 1.0)
    cases = [
        # loss, value, d loss / d logits
        (minimax.generator, -50.0, [-0.5, 0.0]),
        (non_saturating.generator, 50.0, [0.0, -0.5]),
        (lambda x: minimax.discriminator(x, wrong), 200.0, [1.0, -1.0]),
        (lambda x: minimax.discriminator(x, right), 0.0, [0.0, 0.0]),
    ]
    for loss, value, slope in cases:
        logits = tg.Tensor(backend.from_host(s), requires_grad=True)
        y = loss(logits)
        assert y.item() == pytest.approx(value, abs=1e-30)
        gradient = tg.grad(y, logits).numpy()[:, 0]
        np.testing.assert_allclose(gradient, slope, rtol=1e-6, atol=1e-40)


@pytest.mark.parametrize("name", OBJECTIVES)
def test_all_objectives_are_finite_with_their_gradients_at_great_logits(backend, name):
    objective = OBJECTIVES[name]
    s = tg.Tensor(backend.from_host(np.float32([[1e4], [-1e4], [1e4], [-1e4]])), requires_grad=True)
    loss_d = objective.discriminator(s, target(backend, 2, dtype="float32"))
    loss_g = objective.generator(s[2:], s[:2] if objective.relative else None)
    for loss in (loss_d, loss_g):
        assert np.isfinite(loss.item())
        assert np.isfinite(tg.grad(loss, s).numpy()).all()


def test_the_non_saturating_gradient_is_strong_where_the_minimax_one_vanishes(backend):
    """Section 3 of the article: when D is sure that samples are generated, s = -10."""
    logits = tg.Tensor(backend.from_host(np.full((4, 1), -10.0)), requires_grad=True)
    weak, strong = (
        abs(float(tg.grad(OBJECTIVES[name].generator(logits), logits).numpy().sum()))
        for name in ("minimax", "non-saturating")
    )
    assert weak < 1e-4
    assert strong > 0.999


@pytest.mark.parametrize("name", OBJECTIVES)
def test_gradients_through_both_networks_are_those_of_finite_differences(backend, name):
    rng = tg.Generator(3)
    generator, discriminator = smooth([3, 4, 2], rng), smooth([2, 4, 1], rng)
    noise, real = (rng.normal((N, k), dtype="float64") for k in (3, 2))
    objective = OBJECTIVES[name]
    biased = [p.detach() for p in discriminator.parameters()]

    def of_generator(*weights):
        at_real = run(discriminator, tg.Tensor(real)) if objective.relative else None
        return objective.generator(run(discriminator, run(generator, noise, weights)), at_real)

    def of_discriminator(*weights):
        both = tg.concatenate([tg.Tensor(real), run(generator, noise)])
        return objective.discriminator(
            run(discriminator, both, [*weights, biased[-1]]), target(backend)
        )

    gradcheck(of_generator, [p.detach() for p in generator.parameters()])
    # Differences of logits do not see the last bias.
    gradcheck(of_discriminator, biased[:-1])


# -- penalties -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGULARIZERS)
def test_penalties_of_a_linear_critic_are_known(backend, name):
    """Its slope is its weight, everywhere."""
    layer = nn.Linear(2, 1, rng=tg.Generator(0), dtype="float64")
    norm = np.sqrt((layer.weight.numpy() ** 2).sum())
    real, fake = (tg.Generator(i).normal((7, 2), dtype="float64") for i in (1, 2))
    penalty = REGULARIZERS[name](3.0, 1)(layer, real, fake, tg.Generator(3))
    off_one = 3.0 * (norm - 1) ** 2
    expected = {"r1": 1.5 * norm**2, "r2": 1.5 * norm**2, "one-sided": off_one * (norm > 1)}
    assert penalty.item() == pytest.approx(expected.get(name, off_one), rel=1e-9)


def test_a_one_sided_penalty_leaves_small_slopes_alone(backend):
    for scale, one_sided in ((0.5, 0.0), (2.0, 1.0)):
        points = tg.Generator(0).normal((4, 1), dtype="float64")
        args = (lambda x, scale=scale: scale * x, points, points, tg.Generator(0))
        assert GradientPenalty(1.0, one_sided=True)(*args).item() == pytest.approx(one_sided)
        assert GradientPenalty(1.0)(*args).item() == pytest.approx((scale - 1) ** 2)


@pytest.mark.parametrize("name", REGULARIZERS)
def test_gradients_of_penalties_are_those_of_finite_differences(backend, name):
    deep = smooth([2, 4, 1], tg.Generator(2))
    real, fake = (tg.Generator(i).normal((7, 2), dtype="float64") for i in (1, 2))
    weights = [3.0 * p.detach() for p in deep.parameters()]  # slopes above 1 as well as below

    def of_weights(*some):  # the last bias moves no slope, and has no part in it
        def critic(x):
            return run(deep, x, [*some, weights[-1]])

        return REGULARIZERS[name](0.7, 1)(critic, real, fake, tg.Generator(3))

    gradcheck(of_weights, weights[:-1])


def test_each_penalty_looks_where_it_says(backend):
    """A critic that is flat on the left and steep on the right."""
    left, right = (backend.from_host(np.full((6, 1), side)) for side in (-2.0, 2.0))

    def critic(x):
        return 3.0 * tg.relu(x)

    rng = tg.Generator(0)
    assert R1(2.0)(critic, left, right, rng).item() == 0.0
    assert R1(2.0)(critic, right, left, rng).item() == pytest.approx(9.0)
    assert R2(2.0)(critic, left, right, rng).item() == pytest.approx(9.0)
    assert R2(2.0)(critic, right, left, rng).item() == 0.0
    # On the line between, both kinds of slope are met: (0 - 1)^2 and (3 - 1)^2.
    seen = GradientPenalty(1.0)(critic, left, right, rng).item()
    assert 1.0 < seen < 4.0
    near = REGULARIZERS["dragan"](1.0, 1)(critic, right + 0.0, left, rng).item()
    assert near == pytest.approx(4.0)


def test_lines_between_examples_are_met_at_every_share(backend):
    seen = []
    zeros, ones = (backend.from_host(np.full((500, 1), v)) for v in (0.0, 1.0))

    def critic(x):
        seen.append(host(x.data))
        return x * x

    GradientPenalty(1.0)(critic, ones, zeros, tg.Generator(0))
    assert seen[0].min() < 0.02
    assert seen[0].max() > 0.98
    assert seen[0].mean() == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((-1.0,), "weight must be finite and at least 0, not -1"),
        ((float("nan"),), "weight must be finite"),
        ((1.0, 0), "every must be at least 1, not 0"),
    ],
)
def test_penalties_refuse_weights_that_are_none(options, message):
    with pytest.raises(ValueError, match=f"R1: {message}"):
        R1(*options)


def smooth(sizes: list[int], rng: tg.Generator) -> nn.Module:
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
