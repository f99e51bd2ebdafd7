"""Gradients orthogonal to the weights: exact, defined everywhere, on every backend."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from projections import cosine, make_grads, make_params

import tinygen as tg
from tinygen import nn, optim
from tinygen.backend import NUMPY, Backend, host
from tinygen.optim import OrthogonalToWeights


def transformed(transform, w, g, steps=1):
    """What the transform makes of a gradient at these weights: float32 in, float64 out."""
    p = tg.tensor(np.asarray(w), requires_grad=True)
    optimizer = optim.SGD([p], lr=0.0, transforms=[transform])
    for _ in range(steps):
        optimizer.step([tg.tensor(np.asarray(g))])
        g = host(optimizer.gradients["0"]).copy()
    return g.astype("float64")


@pytest.mark.parametrize("shape", [(40, 30), (8, 6, 4, 4), (3, 2)])
@pytest.mark.parametrize("angle", [1e-4, 0.01, 0.3, 1.0, 1.5])
def test_gradients_are_orthogonal_to_the_weights(backend, shape, angle):
    """Also where next to nothing is left, in float32."""
    rng = np.random.default_rng(0)
    w, other = rng.normal(size=(2, *shape)).astype("float32")
    other -= w * ((w * other).sum() / (w * w).sum())
    g = np.cos(angle) * w + np.sin(angle) * other * (np.linalg.norm(w) / np.linalg.norm(other))
    g = (3.0 * g).astype("float32")
    turned = transformed(OrthogonalToWeights(), w, g)
    assert abs(cosine(turned, w)) <= 1e-6
    np.testing.assert_allclose(np.linalg.norm(turned), np.linalg.norm(g), rtol=3e-6)
    exact = g - w.astype("float64") * (
        (w * g.astype("float64")).sum() / (w.astype("float64") ** 2).sum()
    )
    assert cosine(turned, exact) > 1.0 - 1e-5


def test_in_float64_as_exactly(backend):
    """What is left is 1e-7 of the gradient, so that rounding of the first subtraction counts."""
    w, other = np.random.default_rng(0).normal(size=(2, 40, 30))
    g = w + 1e-7 * (other - w * ((w * other).sum() / (w * w).sum()))
    turned = transformed(OrthogonalToWeights(), w, g)
    assert abs(cosine(turned, w)) <= 1e-12
    np.testing.assert_allclose(np.linalg.norm(turned), np.linalg.norm(g), rtol=1e-12)


@pytest.mark.parametrize("size", [1e-30, 1e-12, 1e15])
def test_the_size_of_numbers_does_not_matter(backend, size):
    """Squares of 1e-30 are 0 in float32."""
    w, g = np.random.default_rng(0).normal(size=(2, 20, 30)).astype("float32")
    turned = transformed(OrthogonalToWeights(), w, g * np.float32(size))
    assert abs(cosine(turned, w)) <= 1e-6
    np.testing.assert_allclose(np.linalg.norm(turned / size), np.linalg.norm(g), rtol=3e-6)


def test_projecting_again_changes_nothing(backend):
    w, g = np.random.default_rng(0).normal(size=(2, 50, 60)).astype("float32")
    once, twice = (transformed(OrthogonalToWeights(), w, g, steps) for steps in (1, 2))
    np.testing.assert_allclose(twice, once, rtol=0, atol=1e-6)


def test_what_has_no_direction_is_defined(backend):
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=(2, 5, 7)).astype("float32")
    zeros = np.zeros_like(w)
    np.testing.assert_array_equal(transformed(OrthogonalToWeights(), w, zeros), zeros)
    np.testing.assert_array_equal(transformed(OrthogonalToWeights(), zeros, g), g)
    for factor in (0.37, -2.9):
        found = transformed(OrthogonalToWeights(), w, np.float32(factor) * w)
        np.testing.assert_array_equal(found, zeros)


def test_a_nan_stays_visible(backend):
    w, g = np.random.default_rng(0).normal(size=(2, 5, 7)).astype("float32")
    g[2, 3] = np.nan
    assert np.isnan(transformed(OrthogonalToWeights(), w, g)).any()


def test_biases_and_empty_tensors_keep_their_gradients(backend):
    optimizer = optim.SGD(make_params(), lr=0.1, transforms=[OrthogonalToWeights()])
    grads = make_grads(optimizer, 0)
    optimizer.step(grads)
    found = {name: host(g) for name, g in optimizer.gradients.items()}
    np.testing.assert_array_equal(found["bias"], grads[1].numpy())
    assert found["none"].shape == (0, 3)
    assert not np.array_equal(found["dense"], grads[0].numpy())


def test_hidden_units_in_another_order_learn_the_same(backend):
    """Units are renamed in both layers that they touch; training must not notice."""
    order = np.random.default_rng(1).permutation(16)
    ends = []
    for permuted in (False, True):
        rng = tg.Generator(0)
        net = nn.Sequential(nn.Linear(5, 16, rng=rng), nn.Tanh(), nn.Linear(16, 2, rng=rng))
        state = net.state_dict()
        if permuted:
            state["0.weight"], state["0.bias"] = state["0.weight"][order], state["0.bias"][order]
            state["2.weight"] = state["2.weight"][:, order]
        net.load_state_dict(state)
        transforms = [OrthogonalToWeights()]
        optimizer = optim.SGD(net.named_parameters(), lr=0.1, momentum=0.9, transforms=transforms)
        x, target = (tg.Tensor(tg.Generator(i).normal((32, n))) for i, n in ((2, 5), (3, 2)))
        for _ in range(20):
            optimizer.step(tg.grad(tg.mse(net(x), target), optimizer.params))
        ends.append(net.state_dict())
    np.testing.assert_allclose(ends[1]["0.weight"], ends[0]["0.weight"][order], atol=2e-6)
    np.testing.assert_allclose(ends[1]["2.weight"], ends[0]["2.weight"][:, order], atol=2e-6)


def test_reports_of_angles(backend):
    transform = OrthogonalToWeights(report=True)
    w, g = np.random.default_rng(0).normal(size=(2, 30, 20)).astype("float32")
    transformed(transform, w, g)
    found = {name: value.item() for name, value in transform.report().items()}
    np.testing.assert_allclose(found["cosine_before"], abs(cosine(g, w)), rtol=1e-5)
    assert abs(found["cosine_after"]) <= 1e-6
    with pytest.raises(ValueError, match="pass report=True and take a step first"):
        OrthogonalToWeights().report()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 255, 3_000])
def test_every_backend_turns_vectors_alike(dtype, size):
    """The kernels, NumPy's short cut, and the plain formula, which takes any array."""
    rng = np.random.default_rng(0)
    w, g = rng.normal(size=(2, size)).astype(dtype)
    found = [g.copy(), g.copy()]
    NUMPY.turn_from(found[0], w)
    Backend.turn_from(NUMPY, found[1], w)
    moved = strict.STRICT.from_host(g)
    strict.STRICT.turn_from(moved, strict.STRICT.from_host(w))
    for other in (found[1], host(moved)):
        tol = 1e-13 if dtype == "float64" else 3e-6
        np.testing.assert_allclose(other, found[0], rtol=tol, atol=tol)


def test_cosines():
    rng = np.random.default_rng(0)
    a, b = (1e-25 * rng.normal(size=(2, 100))).astype("float32")
    np.testing.assert_allclose(NUMPY.cosine(a, b), cosine(a, b), rtol=1e-5)
    assert NUMPY.cosine(a, 0.0 * b) == 0.0
