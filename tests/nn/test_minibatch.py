"""Minibatch discrimination is its formula, differentiates at every order and sees a collapse."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def layer(**sizes) -> nn.MinibatchDiscrimination:
    given = {"in_features": 4, "out_features": 3, "kernel": 2, **sizes}
    return nn.MinibatchDiscrimination(**given, rng=tg.Generator(0), dtype="float64")


def test_it_is_the_articles_formula(backend):
    module = layer()
    x = tg.Generator(1).normal((5, 4), dtype="float64")
    found = module(tg.Tensor(x)).numpy()
    x = tg.Tensor(x).numpy()
    np.testing.assert_array_equal(found[:, :4], x)
    m = (x @ module.weight.numpy().T).reshape(5, 3, 2)
    for i in range(5):
        for b in range(3):
            closeness = sum(np.exp(-np.abs(m[i, b] - m[j, b]).sum()) for j in range(5))
            assert found[i, 4 + b] == pytest.approx(closeness, rel=1e-12)


def test_derivatives_of_second_order_are_right():
    module = layer()
    x = tg.Generator(1).normal((3, 4), dtype="float64")

    def function(x, weight):
        with module.substituted([weight]):
            return module(x)

    tg.gradcheck(function, [tg.Tensor(x), module.weight.detach()], order=2)


def test_equal_examples_are_as_close_as_can_be(backend):
    module = layer()
    same = np.ones((6, 4))
    np.testing.assert_allclose(module(tg.Tensor(backend.from_host(same))).numpy()[:, 4:], 6.0)
    apart = module(tg.Tensor(backend.from_host(same * np.arange(6.0)[:, None] * 100))).numpy()
    np.testing.assert_allclose(apart[:, 4:], 1.0, atol=1e-6)


def test_it_shows_itself_and_refuses_what_does_not_fit():
    assert repr(layer()) == "MinibatchDiscrimination(in_features=4, out_features=3, kernel=2)"
    with pytest.raises(ValueError, match=r"input must be \(N, 4\), not \(2, 3\)"):
        layer()(tg.zeros(2, 3))
    with pytest.raises(ValueError, match="kernel of at least 1, not 4, 3 and 0"):
        layer(kernel=0)
