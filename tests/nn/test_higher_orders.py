"""Layers at orders 1 to 3, with weights of 0 and constant inputs: where others go wrong."""

import numpy as np
import pytest
from layer_cases import as_function, attend

import tinygen as tg
from tinygen import nn

RNG = tg.Generator(0, device="cpu")
F64 = {"dtype": "float64"}


def randomised(layer, weight=None):
    """Random parameters; `weight` for those called weight or gamma, if given."""
    rng = tg.Generator(5, device="cpu")
    for name, p in layer.named_parameters():
        nn.init.normal_(p, std=0.5, rng=rng)
        if weight is not None and name.split(".")[-1] in ("weight", "gamma"):
            nn.init.constant_(p, weight)
    return layer


LAYERS = {
    # eps is large, so that finite differences see a smooth function; the default has a test below
    "BatchNorm1d": (lambda: nn.BatchNorm1d(2, eps=0.1, **F64), (4, 2), None),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2, eps=0.1, **F64), (2, 2, 2, 2), None),
    "BatchNorm2d eval": (lambda: nn.BatchNorm2d(2, eps=0.1, **F64).eval(), (2, 2, 2, 2), None),
    "LayerNorm": (lambda: nn.LayerNorm(4, eps=0.1, **F64), (3, 4), None),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4, eps=0.1, **F64), (2, 4, 2), None),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(2, 0.1, affine=True, **F64), (2, 2, 2, 2), None),
    "PixelNorm": (lambda: nn.PixelNorm(0.1), (2, 3, 2), None),
    "Conv1d": (lambda: nn.Conv1d(2, 2, 2, 2, padding=1, rng=RNG, **F64), (2, 2, 4), None),
    "Conv2d": (lambda: nn.Conv2d(2, 3, 2, 2, padding=1, rng=RNG, **F64), (2, 2, 3, 3), None),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(2, 2, 2, 2, rng=RNG, **F64), (1, 2, 2, 3), None),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(4, 2, rng=RNG, **F64), (2, 4, 4), attend),
    "SelfAttention2d": (lambda: nn.SelfAttention2d(2, 2, rng=RNG, **F64), (2, 2, 2, 2), None),
    "GRU": (lambda: nn.GRU(2, 3, rng=RNG, **F64), (3, 2, 2), lambda layer, x: layer(x)[0]),
    "LSTM": (lambda: nn.LSTM(2, 2, rng=RNG, **F64), (3, 2, 2), lambda layer, x: layer(x)[1][1]),
    "MinibatchStdDev": (lambda: nn.MinibatchStdDev(2, 1, eps=0.1), (4, 2, 2, 1), None),
    "EqualizedConv2d": (lambda: nn.EqualizedConv2d(2, 2, 2, rng=RNG, **F64), (1, 2, 3, 3), None),
}  # fmt: skip


def check(name, weight, constant, **options):
    make, shape, call = LAYERS[name]
    function, parameters = as_function(randomised(make(), weight), call)
    x = np.full(shape, 0.7) if constant else np.random.default_rng(1).normal(size=shape)
    tg.gradcheck(lambda *a: tg.tanh(function(*a)), [x, *parameters], order=3, **options)


@pytest.mark.parametrize("name", LAYERS)
def test_third_order(name):
    check(name, None, False)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize("name", LAYERS)
def test_third_order_with_a_weight_of_zero(name, constant):
    check(name, 0.0, constant)


@pytest.mark.parametrize("name", LAYERS)
def test_third_order_at_constant_inputs(name):
    check(name, None, True)


@pytest.mark.parametrize("make", [lambda: nn.BatchNorm1d(3, **F64), lambda: nn.LayerNorm(3, **F64)])
@pytest.mark.parametrize("weight", [None, 0.0])
def test_third_order_with_the_default_eps_at_constant_inputs(make, weight):
    """The function bends within sqrt(eps) = 0.003, so the steps are smaller."""
    function, parameters = as_function(randomised(make(), weight))
    x = np.full((4, 3), 0.7)
    tg.gradcheck(function, [x, *parameters], order=3, step=1e-7, tolerance=1e-4)


def test_spectral_norm_to_third_order_with_u_and_v_constant():
    """In evaluation u and v stay, and the layer is a smooth function of its weight."""
    layer = nn.SpectralNorm(nn.Linear(3, 2, rng=RNG, **F64), rng=RNG).eval()
    u, v = (b.numpy() for _, b in layer.named_buffers())

    def function(x, w, b):
        return tg.tanh(tg.linear(x, w / tg.dot(u, w @ v), b))

    x = tg.Tensor(RNG.normal((4, 3), **F64), requires_grad=True)
    inputs = [x, layer._layer.weight, layer._layer.bias]
    np.testing.assert_allclose(tg.tanh(layer(x)).numpy(), function(*inputs).numpy(), rtol=1e-12)
    tg.gradcheck(function, inputs, order=3)
    mine = tg.grad(tg.sum(tg.tanh(layer(x)) ** 2), inputs[1])
    expected = tg.grad(tg.sum(function(*inputs) ** 2), inputs[1])
    np.testing.assert_allclose(mine.numpy(), expected.numpy(), rtol=1e-10)


def test_gradient_penalty_through_every_norm(backend):
    """What WGAN-GP asks of a critic: a gradient in the weights of the norm of a gradient."""
    rng = tg.Generator(2)
    critic = nn.Sequential(
        nn.Conv2d(1, 4, 3, 2, padding=1, rng=rng, **F64), nn.LayerNorm((4, 3, 3), **F64), nn.SiLU(),
        nn.SpectralNorm(nn.Conv2d(4, 4, 1, rng=rng, **F64), rng=rng), nn.BatchNorm2d(4, **F64),
        nn.SelfAttention2d(4, 2, rng=rng, **F64), nn.MinibatchStdDev(2), nn.Flatten(),
        nn.Linear(45, 1, rng=rng, **F64),
    ).eval()  # fmt: skip
    x = tg.Tensor(rng.normal((4, 1, 5, 5), **F64), requires_grad=True)
    parameters = critic.parameters()

    def penalty():
        slope = tg.grad(tg.sum(critic(x)), x, create_graph=True)
        return tg.mean((tg.norm(tg.reshape(slope, (4, -1)), 1) - 1.0) ** 2)

    found = tg.grad(penalty(), parameters, allow_unused=True)
    directions = [rng.normal(p.shape, **F64) for p in parameters]
    expected = sum(
        float(tg.Tensor((g.data * v).sum()).item())
        for g, v in zip(found, directions, strict=True)
        if g is not None
    )
    step = 1e-6
    for sign in (1, -2):
        for p, v in zip(parameters, directions, strict=True):
            p[...] = p.data + sign * step * v
        if sign == 1:
            ahead = penalty().item()
    numeric = (ahead - penalty().item()) / (2 * step)
    assert expected == pytest.approx(numeric, rel=1e-6)
