"""Layers: what they compute, what their gradients are, how they start."""

import copy
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn

ACTIVATIONS = {
    nn.ReLU(): tg.relu,
    nn.LeakyReLU(0.2): lambda x: tg.leaky_relu(x, 0.2),
    nn.ELU(0.7): lambda x: tg.elu(x, 0.7),
    nn.Tanh(): tg.tanh,
    nn.Sigmoid(): tg.sigmoid,
    nn.Softplus(): tg.softplus,
    nn.GELU(): tg.gelu,
    nn.SiLU(): tg.silu,
    nn.Softmax(0): lambda x: tg.softmax(x, 0),
    nn.Identity(): lambda x: x,
}


def test_linear_computes_and_differentiates(backend):
    rng = tg.Generator(0)
    layer = nn.Linear(4, 3, rng=rng, dtype="float64")
    x = tg.Tensor(rng.normal((2, 5, 4), dtype="float64"), requires_grad=True)
    y = layer(x)
    expected = x.numpy() @ layer.weight.numpy().T + layer.bias.numpy()
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)
    tg.gradcheck(
        lambda x, w, b: tg.sum(tg.tanh(tg.linear(x, w, b)) ** 2), [x, layer.weight, layer.bias]
    )
    plain = nn.Linear(4, 3, bias=False, rng=rng)
    assert plain.bias is None
    assert list(plain.state_dict()) == ["weight"]
    np.testing.assert_allclose(
        plain(tg.ones(1, 4)).numpy()[0], plain.weight.numpy().sum(1), rtol=1e-5
    )


def test_linear_starts_as_in_pytorch(backend):
    layer = nn.Linear(100, 50, rng=tg.Generator(3))
    for p in layer.parameters():
        values = p.numpy()
        assert abs(values).max() <= 0.1
        assert values.std() == pytest.approx(0.1 / math.sqrt(3), rel=0.2)
    assert layer.weight.shape == (50, 100)


def test_one_seed_gives_one_model_on_every_device(backend):
    here = nn.Linear(5, 4, rng=tg.Generator(7))
    host = nn.Linear(5, 4, rng=tg.Generator(7, device="cpu"))
    assert here.weight.device == tg.zeros(1).device
    assert host.weight.device == "cpu"
    for p, q in zip(here.parameters(), host.parameters(), strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_drawing_on_the_host_moves_the_one_stream_on(backend):
    rng, same = tg.Generator(7), tg.Generator(7)
    nn.Linear(5, 4, rng=rng)
    same.uniform((4, 5))
    same.uniform((4,))
    assert rng.state_dict() == same.state_dict()


def test_linear_refuses():
    with pytest.raises(ValueError, match="at least one feature"):
        nn.Linear(0, 3, rng=tg.Generator(0))
    with pytest.raises(TypeError, match="rng"):
        nn.Linear(1, 3)
    for bias, x in ((True, tg.ones(1, 2)), (False, tg.ones(1, 2)), (True, tg.ones(2, 4, 2))):
        layer = nn.Linear(3, 3, bias, rng=tg.Generator(0))
        with pytest.raises(ValueError, match=r"^Linear\(.*linear: the input has 2 fea") as error:
            layer(x)
        assert f"(input {x.shape}, weight (3, 3))" in str(error.value)


@pytest.mark.parametrize("module", ACTIVATIONS, ids=repr)
def test_activations(backend, module):
    x = tg.Tensor(tg.Generator(1).normal((3, 4)))
    np.testing.assert_array_equal(module(x).numpy(), ACTIVATIONS[module](x).numpy())
    assert not module.parameters()


def test_a_layer_that_is_fused_with_its_rectifier_is_named_too():
    net = nn.Sequential(nn.Linear(3, 2, rng=tg.Generator(0)), nn.ReLU())
    with pytest.raises(ValueError, match=r"^Linear\(in_features=3.*linear_relu: "):
        net(tg.zeros(5, 4))


def test_sequential():
    rng = tg.Generator(0)
    model = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
    x = tg.ones(4, 2)
    np.testing.assert_array_equal(model(x).numpy(), model[2](tg.tanh(model[0](x))).numpy())
    assert len(model) == 3
    assert list(model) == [model[0], model[1], model[-1]]
    assert isinstance(model[:2], nn.Sequential)
    assert model[:2][0] is model[0]
    assert list(model.state_dict()) == ["0.weight", "0.bias", "2.weight", "2.bias"]
    with pytest.raises(TypeError, match=r"layer 0 is a list.*\*layers"):
        nn.Sequential([nn.Tanh()])


def test_flatten(backend):
    assert nn.Flatten()(tg.ones(2, 3, 4)).shape == (2, 12)
    assert nn.Flatten()(tg.ones(0, 3, 4)).shape == (0, 12)
    assert nn.Flatten()(tg.ones(2)).shape == (2, 1)


def test_dropout_keeps_the_mean_and_the_seed(backend):
    x = tg.full((200, 100), 2.0)
    y = nn.Dropout(0.3, rng=tg.Generator(5))(x).numpy()
    assert set(np.unique(y)) == {np.float32(0), np.float32(2.0) * np.float32(1 / 0.7)}
    assert (y == 0).mean() == pytest.approx(0.3, abs=0.02)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, nn.Dropout(0.3, rng=tg.Generator(5))(x).numpy())


def test_dropout_has_its_mask_as_derivative(backend):
    layer = nn.Dropout(0.5, rng=tg.Generator(5))
    x = tg.Tensor(tg.Generator(2).normal((6, 7), dtype="float64"), requires_grad=True)
    y = layer(x)
    g = tg.grad(tg.sum(y), x)
    assert g.dtype == np.float64
    np.testing.assert_allclose(g.numpy() * x.numpy(), y.numpy())


def test_dropout_is_the_identity_in_evaluation():
    rng = tg.Generator(5)
    before = rng.state_dict()
    x = tg.ones(3)
    assert nn.Dropout(0.5, rng=rng).eval()(x) is x
    assert nn.Dropout(0.0, rng=rng)(x) is x
    assert rng.state_dict() == before
    with pytest.raises(ValueError, match=r"p must lie in \[0, 1\)"):
        nn.Dropout(1.0, rng=rng)


def test_a_training_step_never_waits_for_the_device():
    import strict

    with tg.use_device("strict"):
        rng = tg.Generator(0)
        model = nn.Sequential(
            nn.Linear(6, 5, rng=rng), nn.ReLU(), nn.Dropout(0.5, rng=rng), nn.Linear(5, 2, rng=rng)
        )
        optimizer = tg.optim.Adam(model.parameters(), lr=tg.optim.schedules.cosine(1e-2, 10))
        ema = tg.optim.ExponentialMovingAverage(model)
        x = tg.Tensor(rng.normal((8, 6)))
        labels = rng.integers(0, 2, 8)
        with strict.measure() as spent:
            loss = tg.softmax_cross_entropy(model(x), labels)
            grads = tg.grad(loss, optimizer.params)
            grads, _ = tg.optim.clip_grad_norm(grads, 1.0)
            grads = tg.optim.clip_grad_value(grads, 1.0)
            optimizer.step(grads)
            ema.update()
            with ema.swapped():
                model(x)
        assert spent.syncs == 0


@pytest.mark.torch
def test_linear_like_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2))
    rng = tg.Generator(0)
    ours = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.Tanh(), nn.Linear(3, 2, rng=rng))
    ours.load_state_dict({name: t.numpy() for name, t in theirs.state_dict().items()})
    x = rng.normal((5, 4))
    np.testing.assert_allclose(
        ours(tg.Tensor(x)).numpy(), theirs(torch.from_numpy(x)).detach().numpy(), atol=1e-6
    )


@pytest.mark.torch
@pytest.mark.parametrize(
    ("ours", "name", "arguments"),
    [
        (nn.ReLU(), "ReLU", ()), (nn.LeakyReLU(), "LeakyReLU", ()), (nn.ELU(), "ELU", ()),
        (nn.Tanh(), "Tanh", ()), (nn.Sigmoid(), "Sigmoid", ()), (nn.Softplus(), "Softplus", ()),
        (nn.GELU(), "GELU", ()), (nn.SiLU(), "SiLU", ()), (nn.Softmax(-1), "Softmax", (-1,)),
        (nn.Flatten(), "Flatten", ()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_activations_like_pytorch(ours, name, arguments):
    torch = pytest.importorskip("torch")
    x = tg.Generator(4).normal((3, 4, 5), std=3.0, dtype="float64")
    theirs = getattr(torch.nn, name)(*arguments)
    np.testing.assert_allclose(
        ours(tg.Tensor(x)).numpy(), theirs(torch.from_numpy(x)).numpy(), rtol=1e-9, atol=1e-12
    )


def test_a_copy_of_a_network_has_weights_of_its_own():
    """Also where a linear layer and its rectifier are one operation."""
    rng = tg.Generator(0)
    model = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.ReLU(), nn.Linear(4, 2, rng=rng))
    x = tg.tensor(rng.normal((5, 3)))
    copied = copy.deepcopy(model)
    before = copied(x).numpy()
    for p in model.parameters():
        p[...] = 0.0
    np.testing.assert_array_equal(copied(x).numpy(), before)
    assert not model(x).numpy().any()
