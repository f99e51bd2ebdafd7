"""Initialisers: moments against their formulas, in place, and the same on every device."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.nn import init

SHAPE = (60, 20, 3, 3)  # fan in 180, fan out 540
RANDOM = {
    "uniform": (lambda t, rng: init.uniform_(t, -2.0, 2.0, rng=rng), 2 / math.sqrt(3)),
    "normal": (lambda t, rng: init.normal_(t, 0.0, 0.3, rng=rng), 0.3),
    "kaiming uniform": (lambda t, rng: init.kaiming_uniform_(t, rng=rng), math.sqrt(2 / 180)),
    "kaiming normal": (lambda t, rng: init.kaiming_normal_(t, rng=rng), math.sqrt(2 / 180)),
    "kaiming out": (
        lambda t, rng: init.kaiming_normal_(t, "leaky_relu", 0.2, "out", rng=rng),
        math.sqrt(2 / 1.04 / 540),
    ),
    "xavier uniform": (
        lambda t, rng: init.xavier_uniform_(t, 2.0, rng=rng),
        2 * math.sqrt(2 / 720),
    ),
    "xavier normal": (lambda t, rng: init.xavier_normal_(t, rng=rng), math.sqrt(2 / 720)),
}


@pytest.mark.parametrize("name", RANDOM)
def test_moments(backend, name):
    fill, std = RANDOM[name]
    weight = nn.Parameter(tg.zeros(SHAPE))
    array = weight.data
    assert fill(weight, tg.Generator(0)) is weight
    assert weight.data is array
    assert weight.dtype == np.float32
    values = weight.numpy()
    assert abs(values.mean()) < 4 * std / math.sqrt(values.size)
    assert values.std() == pytest.approx(std, rel=0.02)
    if "uniform" in name:
        assert abs(values).max() <= std * math.sqrt(3) * (1 + 1e-6)
    on_host = tg.zeros(SHAPE, device="cpu")
    fill(on_host, tg.Generator(0, device="cpu"))
    np.testing.assert_array_equal(on_host.numpy(), values)


def test_normal_has_its_mean():
    t = init.normal_(tg.zeros(10_000), 3.0, 0.1, rng=tg.Generator(0))
    assert t.numpy().mean() == pytest.approx(3.0, abs=0.01)


def test_constants(backend):
    t = nn.Parameter(tg.zeros(2, 3))
    assert init.ones_(t).numpy().tolist() == [[1, 1, 1]] * 2
    assert init.constant_(t, 0.5).numpy().tolist() == [[0.5] * 3] * 2
    assert init.zeros_(t).numpy().tolist() == [[0, 0, 0]] * 2


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (4, 2, 3, 3), (40, 2, 3, 3)])
def test_orthogonal(backend, shape):
    t = init.orthogonal_(tg.zeros(shape, dtype="float64"), gain=2.0, rng=tg.Generator(0))
    matrix = t.numpy().reshape(shape[0], -1)
    product = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    np.testing.assert_allclose(product, 4.0 * np.eye(len(product)), atol=1e-12)


def test_orthogonal_is_uniformly_distributed():
    """Without the signs of R's diagonal, LAPACK's q has a determinant of one sign here."""
    rng = tg.Generator(0)
    q = [init.orthogonal_(tg.zeros(2, 2, dtype="float64"), rng=rng).numpy() for _ in range(400)]
    angle = np.array([math.atan2(m[1, 0], m[0, 0]) for m in q])
    assert abs(np.exp(1j * angle).mean()) < 0.15
    assert np.mean([np.linalg.det(m) > 0 for m in q]) == pytest.approx(0.5, abs=0.1)


def test_fans_and_gains():
    assert init.fans((7, 5)) == (5, 7)
    assert init.fans(SHAPE) == (180, 540)
    assert init.gain("tanh") == pytest.approx(5 / 3)
    assert init.gain("leaky_relu", 0.0) == init.gain("relu")
    with pytest.raises(ValueError, match="'swish' is not known"):
        init.gain("swish")
    with pytest.raises(ValueError, match=r"axes \(out, in"):
        init.kaiming_normal_(tg.zeros(3), rng=tg.Generator(0))
    with pytest.raises(ValueError, match="'in' or 'out'"):
        init.kaiming_normal_(tg.zeros(3, 3), fan="fan_in", rng=tg.Generator(0))
    with pytest.raises(ValueError, match="at least 2 axes"):
        init.orthogonal_(tg.zeros(3), rng=tg.Generator(0))


@pytest.mark.torch
def test_gains_like_pytorch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu"):
        assert init.gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
