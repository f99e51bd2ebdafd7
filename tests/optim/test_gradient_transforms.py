"""What every gradient transform keeps to: resuming, recording, any rule, any network, refusing."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from checks import assert_same
from projections import RULES, SHAPES, SIZE, make_grads, make_params, outputs_along

import tinygen as tg
from tinygen import nn, optim
from tinygen.backend import host
from tinygen.optim import OrthogonalToPast, OrthogonalToWeights
from tinygen.replay import Replay


def both():
    return [OrthogonalToPast(6), OrthogonalToWeights()]


def run(rule, steps, start=None, values=None):
    """Steps by both transforms, with something remembered in the second; continued if told so."""
    params = make_params()
    optimizer = RULES[rule](params, transforms=both())
    first = 0
    if start is not None:
        optimizer.load_state_dict(start)
        for (_, p), value in zip(params, values, strict=True):
            p[...] = tg.tensor(value)
        first = 3
    for step in range(first, steps):
        optimizer.step(make_grads(optimizer, step))
        if step == 1:
            directions = np.random.default_rng(0).normal(size=(4, SIZE)).astype("float32")
            optimizer.transforms[0].remember(outputs_along(optimizer, directions))
    return params, optimizer


@pytest.mark.parametrize("rule", RULES)
def test_resuming_is_exact_to_the_bit(backend, rule):
    straight, ended = run(rule, 6)
    params, optimizer = run(rule, 3)
    values = [p.numpy().copy() for _, p in params]
    again, resumed = run(rule, 6, optimizer.state_dict(), values)
    for (_, p), (_, q) in zip(straight, again, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())
    assert_same(ended, resumed)


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_sees_what_the_transforms_left(backend, rule):
    """As if these gradients had been passed to the rule alone."""
    params, plain = make_params(), make_params()
    optimizer = RULES[rule](params, transforms=[OrthogonalToWeights()])
    bare = RULES[rule](plain)
    for step in range(3):
        optimizer.step(make_grads(optimizer, step))
        bare.step([tg.tensor(host(g).copy()) for g in optimizer.gradients.values()])
    for (_, p), (_, q) in zip(params, plain, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_states_of_other_transforms_are_refused_and_nothing_changes(backend):
    _, optimizer = run("adam", 3)
    before = optimizer.state_dict()
    plain = optim.Adam(make_params()).state_dict()
    with pytest.raises(ValueError, match=r"missing transforms.0, transforms.1"):
        optimizer.load_state_dict(plain)
    with pytest.raises(ValueError, match=r"unexpected transforms.0, transforms.1"):
        optim.Adam(make_params()).load_state_dict(before)
    small = optim.Adam(make_params(), transforms=[OrthogonalToPast(2), OrthogonalToWeights()])
    with pytest.raises(ValueError, match="4 directions, but a capacity of 2"):
        small.load_state_dict(before)
    assert small.steps == 0
    broken = optimizer.state_dict()
    broken["transforms"]["0"]["dense"] = np.zeros((4, 1), "float32")
    with pytest.raises(ValueError, match=r"OrthogonalToPast.load_state_dict changed nothing: misf"):
        optimizer.load_state_dict(broken)
    assert broken.pop("transforms")["0"].keys() == SHAPES.keys()
    np.testing.assert_array_equal(
        before["transforms"]["0"]["dense"], optimizer.state_dict()["transforms"]["0"]["dense"]
    )


@pytest.mark.parametrize("rule", RULES)
def test_a_step_neither_waits_nor_uploads(rule):
    with tg.use_device("strict"):
        _, optimizer = run(rule, 3)
        grads = make_grads(optimizer, 3)
        with strict.measure() as spent:
            optimizer.step(grads)
    assert (spent.syncs, spent.uploads) == (0, 0)


@pytest.mark.slow
@pytest.mark.parametrize("rule", RULES)
def test_replayed_steps_are_steps(device, rule):
    """Also when directions are added between replays."""
    ends = []
    for replayed in (False, True):
        optimizer = RULES[rule](make_params(), transforms=both())

        def step(plan, *grads, optimizer=optimizer):
            optimizer.step(grads)
            return {}

        step = Replay(device, step) if replayed else step
        for i in range(6):
            step("plan", *(g.data for g in make_grads(optimizer, i)))
            if i in (0, 3):
                directions = np.random.default_rng(i).normal(size=(4, SIZE)).astype("float32")
                optimizer.transforms[0].remember(outputs_along(optimizer, directions))
        ends.append(optimizer)
    assert_same(*ends)
    for p, q in zip(ends[0].params, ends[1].params, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize("net", ["dense", "convolutional", "recurrent"])
def test_networks_learn_by_turned_gradients(net):
    rng = tg.Generator(0)
    if net == "dense":
        model, shape = (
            nn.Sequential(nn.Linear(6, 16, rng=rng), nn.Tanh(), nn.Linear(16, 2, rng=rng)),
            (6,),
        )
    elif net == "convolutional":
        model = nn.Sequential(
            nn.Conv2d(1, 4, 3, rng=rng), nn.Tanh(), nn.Flatten(), nn.Linear(64, 2, rng=rng)
        )
        shape = (1, 6, 6)
    else:
        gru, head = nn.GRU(3, 8, rng=rng), nn.Linear(8, 2, rng=rng)
        model, shape = nn.Sequential(gru, head), (5, 3)
    x = tg.Tensor(rng.normal((32, *shape)))
    target = tg.Tensor(rng.normal((32, 2)))

    def output():
        if net != "recurrent":
            return model(x)
        states = gru(x)
        states = states[0] if isinstance(states, tuple) else states
        return head(states[:, -1])

    optimizer = optim.Adam(model.named_parameters(), lr=0.02, transforms=[OrthogonalToWeights()])
    first = tg.mse(output(), target).item()
    for _ in range(60):
        loss = tg.mse(output(), target)
        optimizer.step(tg.grad(loss, optimizer.params))
    assert loss.item() < 0.8 * first


# -- refusing --------------------------------------------------------------------------------------


def test_one_transform_serves_one_player():
    transform = OrthogonalToWeights()
    optim.Adam([tg.tensor([[1.0]], requires_grad=True)], transforms=[transform])
    with pytest.raises(ValueError, match="different parameters have no angle"):
        optim.Adam([tg.tensor([[1.0]], requires_grad=True)], transforms=[transform])


def test_unrolled_steps_refuse_transforms():
    p = tg.tensor([[1.0]], requires_grad=True)
    optimizer = optim.Adam([p], transforms=[OrthogonalToWeights()])
    with pytest.raises(ValueError, match="an optimizer with transforms"):
        optim.UnrolledAdam(optimizer, 2)
