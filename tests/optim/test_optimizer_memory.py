"""The memory of an optimizer's parameters: one array, which the model sees too."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
import strict  # noqa: F401  registers the device

import tinygen as tg
from tinygen import nn, optim


def drawn(seed: int) -> list[nn.Parameter]:
    """One of each kind of shape."""
    rng = tg.Generator(seed)
    return [nn.Parameter(rng.normal(shape)) for shape in [(3, 4), (), (17,), (0,), (2, 1, 5)]]


def test_parameters_keep_their_values_and_move_into_one_array(backend):
    params = drawn(0)
    values = [p.numpy().copy() for p in params]
    optimizer = optim.SGD(params, 1.0)
    for p, value in zip(params, values, strict=True):
        np.testing.assert_array_equal(p.numpy(), value)
        assert p.requires_grad
    owners = {id(backend.owner(p.data)) for p in params if p.size}
    assert len(owners) == 1
    assert optimizer.params[0] is params[0]


def test_the_model_sees_updates_and_the_optimizer_sees_writes(backend):
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    optimizer = optim.SGD(layer.parameters(), 1.0)
    layer.load_state_dict({"weight": np.eye(2), "bias": np.zeros(2)})
    optimizer.step([tg.ones(2, 2), tg.ones(2)])
    np.testing.assert_array_equal(layer.state_dict()["weight"], np.eye(2) - 1)
    np.testing.assert_array_equal(layer(tg.zeros(1, 2)).numpy(), [[-1, -1]])


def test_a_step_stales_graphs(backend):
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    optimizer = optim.Adam(layer.parameters())
    x = tg.ones(1, 2)
    x.requires_grad = True
    loss = tg.sum(layer(x) ** 2)
    optimizer.step([tg.ones(2, 2), tg.ones(2)])
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(loss, x)


def test_gradients_are_not_written_to(backend):
    params, grads = drawn(0), drawn(1)
    before = [g.numpy().copy() for g in grads]
    optimizer = optim.SGD(params, 0.1, momentum=0.9, nesterov=True, weight_decay=0.1)
    optimizer.step(grads)
    optimizer.step(grads)
    for g, value in zip(grads, before, strict=True):
        np.testing.assert_array_equal(g.numpy(), value)


def test_two_optimizers_of_the_same_parameters_share_them(backend):
    params = [nn.Parameter(tg.zeros(3)), nn.Parameter(tg.zeros(2))]
    slow, fast = optim.SGD(params, 1.0), optim.SGD(params, 10.0)
    grads = [tg.ones(3), tg.ones(2)]
    slow.step(grads)
    fast.step(grads)
    slow.step(grads)
    assert params[1].numpy().tolist() == [-12, -12]


def test_a_later_optimizer_of_some_of_the_parameters_takes_them(backend):
    params = [nn.Parameter(tg.zeros(3)), nn.Parameter(tg.zeros(2))]
    grads = [tg.ones(3), tg.ones(2)]
    all_of_them = optim.SGD([("a", params[0]), ("b", params[1])], 1.0)
    one_of_them = optim.SGD(params[1:], 1.0)
    with pytest.raises(RuntimeError, match=r"SGD.step: parameter b is no longer where"):
        all_of_them.step(grads)
    assert [p.numpy().sum() for p in params] == [0, 0]
    one_of_them.step(grads[1:])
    assert params[1].numpy().tolist() == [-1, -1]


def test_moving_the_model_after_the_optimizer_is_noticed():
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    optimizer = optim.SGD(layer.named_parameters(), 1.0)
    layer.to("strict")
    grads = [tg.ones(2, 2, device="strict"), tg.ones(2, device="strict")]
    with pytest.raises(RuntimeError, match="parameter weight is no longer where"):
        optimizer.step(grads)


def test_memory_is_freed():
    gc.disable()
    try:
        params = [nn.Parameter(tg.zeros(3))]
        optimizer = optim.Adam(params)
        flat = weakref.ref(optimizer._flat)
        del optimizer
        assert flat() is None
        assert params[0].numpy().tolist() == [0, 0, 0]
    finally:
        gc.enable()
