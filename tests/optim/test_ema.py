"""Averages of weights: the recurrence, swapping, saving."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.optim import ExponentialMovingAverage


def make_model(seed=0):
    model = nn.Sequential(nn.Linear(3, 4, rng=tg.Generator(seed)), nn.Tanh())
    model[1].count = tg.tensor(np.zeros(2, "int64"))
    return model


def change(model, step):
    """Other weights and buffers, written as an optimizer and a layer would."""
    rng = tg.Generator(50 + step)
    for p in model.parameters():
        p[...] = rng.normal(p.shape)
    for _, b in model.named_buffers():
        b[...] = step


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("warmup", [False, True])
def test_recurrence(backend, packed, warmup):
    model = make_model()
    ema = ExponentialMovingAverage(model, 0.8, warmup=warmup)
    if packed:  # made after the average: found when there is something to average
        optimizer = optim.SGD(model.parameters(), 0.1)
    expected = model.state_dict()
    for n in range(4):
        change(model, n)
        ema.update()
        decay = min(0.8, (1 + n) / (10 + n)) if warmup else 0.8
        for name, value in model.state_dict().items():
            if "count" not in name:
                expected[name] = decay * expected[name] + (1 - decay) * value
    state = ema.state_dict()
    assert state["updates"] == ema.updates == 4
    assert state["average"]["1.count"].tolist() == [3, 3]
    assert set(state["average"]) == set(expected)
    for name, value in state["average"].items():
        if "count" not in name:
            np.testing.assert_allclose(value, expected[name], rtol=1e-5, atol=1e-6)
    if packed:
        optimizer.step([tg.zeros(p.shape) for p in optimizer.params])  # nothing was taken from it


def test_packed_and_loose_averages_agree_to_the_bit():
    loose, packed = make_model(), make_model()
    optimizer = optim.Adam(packed.parameters())
    averages = ExponentialMovingAverage(loose), ExponentialMovingAverage(packed)
    for n in range(3):
        change(loose, n)
        change(packed, n)
        for ema in averages:
            ema.update()
    assert optimizer.steps == 0
    for name, value in averages[0].state_dict()["average"].items():
        np.testing.assert_array_equal(value, averages[1].state_dict()["average"][name])


def test_swapped(backend):
    model = make_model()
    optimizer = optim.Adam(model.parameters())
    ema = ExponentialMovingAverage(model, 0.5)
    change(model, 1)
    ema.update()
    change(model, 2)
    own, average = model.state_dict(), ema.state_dict()["average"]
    x = tg.ones(2, 3)
    y = model(x).numpy()
    with ema.swapped():
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, average[name])
        expected = np.tanh(np.ones((2, 3)) @ average["0.weight"].T + average["0.bias"])
        np.testing.assert_allclose(model(x).numpy(), expected, rtol=1e-5)
        with pytest.raises(RuntimeError, match=r"swapped for its average"):
            optimizer.step([tg.ones(p.shape) for p in optimizer.params])
        with pytest.raises(RuntimeError, match=r"update: the module holds the averages"):
            ema.update()
        with pytest.raises(RuntimeError, match=r"swapped: the module holds"), ema.swapped():
            pass
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, own[name])
    np.testing.assert_array_equal(model(x).numpy(), y)
    optimizer.step([tg.ones(p.shape) for p in optimizer.params])


def test_swapped_ends_with_an_exception_too(backend):
    model = make_model()
    ema = ExponentialMovingAverage(model)
    arrays = [p.data for p in model.parameters()]
    change(model, 1)
    with pytest.raises(KeyError), ema.swapped():
        raise KeyError
    assert all(p.data is a for p, a in zip(model.parameters(), arrays, strict=True))
    ema.update()


def test_the_gradient_of_a_loss_survives_swapping(backend):
    model = make_model()
    ema = ExponentialMovingAverage(model)
    x = tg.ones(2, 3)
    expected = [g.numpy() for g in tg.grad(tg.sum(model(x)), model.parameters())]
    loss = tg.sum(model(x))
    with ema.swapped():
        model(x)
    for g, e in zip(tg.grad(loss, model.parameters()), expected, strict=True):
        np.testing.assert_array_equal(g.numpy(), e)


def test_an_update_stales_graphs_through_the_averages():
    model = make_model()
    ema = ExponentialMovingAverage(model)
    x = tg.tensor([[1.0, 2.0, 3.0]], requires_grad=True)
    with ema.swapped():
        loss = tg.sum(model(x))
    ema.update()
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(loss, x)


def test_saving_and_loading(backend):
    model, other = make_model(), make_model(1)
    ema, again = ExponentialMovingAverage(model, 0.7), ExponentialMovingAverage(other, 0.7)
    change(model, 1)
    ema.update()
    state = ema.state_dict()
    again.load_state_dict(state)
    change(model, 2)
    change(other, 2)
    ema.update()
    again.update()
    left, right = ema.state_dict(), again.state_dict()
    assert left["updates"] == right["updates"] == 2
    for name, value in left["average"].items():
        np.testing.assert_array_equal(value, right["average"][name])
    model.load_state_dict(left["average"])

    before = again.state_dict()
    wrong = {"average": {**state["average"], "other": np.zeros(1)}}
    del wrong["average"]["0.bias"]
    with pytest.raises(ValueError, match=r"nothing: missing updates, 0.bias; unexpected other\."):
        again.load_state_dict(wrong)
    for name, value in again.state_dict()["average"].items():
        np.testing.assert_array_equal(value, before["average"][name])


def test_refuses():
    with pytest.raises(ValueError, match=r"decay must lie in \[0, 1\), not 1.0"):
        ExponentialMovingAverage(make_model(), 1.0)
    with pytest.raises(ValueError, match="there are no parameters"):
        ExponentialMovingAverage(nn.Tanh())
