"""checkpoint: the same derivatives for less memory, and what it refuses."""

import gc
import weakref

import numpy as np
import pytest
from cases import CASES, Case
from checks import leaves
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn
from tinygen.backend import NUMPY

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
RNG = np.random.default_rng


def network(wrap, dtype="float64"):
    """y = f(x), where the blocks also read parameters, and one that was computed from another."""
    w, x = leaves([RNG(0).normal(size=(4, 4)), RNG(1).normal(size=(2, 4))], NUMPY, dtype)
    v = w * w  # read by a block, as w is

    def block(h, scale):
        return tg.tanh(h @ w + tg.sum(v, 0)) * scale

    f = wrap(block)
    h = x
    for scale in (1.0, 0.5, 2.0):
        h = f(h, scale)
    return tg.sum(h * h * h), [x, w]


def derivatives(wrap, order):
    y, inputs = network(wrap)
    found = []
    for _ in range(order):
        parts = tg.grad(y, inputs, create_graph=True)
        found += [g.numpy() for g in parts]
        y = sum(tg.sum(g * g * g) for g in parts)
    return found


def test_checkpoint_is_right_at_every_order():
    for found, expected in zip(derivatives(tg.checkpoint, 3), derivatives(lambda f: f, 3),
                               strict=True):  # fmt: skip
        assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


def test_checkpoints_nest():
    def nested(f):
        inside = tg.checkpoint(f)
        return tg.checkpoint(lambda h, s: tg.sin(inside(tg.cos(h), s)))

    for found, expected in zip(
        derivatives(nested, 2), derivatives(lambda f: lambda h, s: tg.sin(f(tg.cos(h), s)), 2),
        strict=True,
    ):  # fmt: skip
        assert_allclose(found, expected, rtol=1e-10, atol=1e-10 * np.abs(expected).max())


@by_name
def test_every_operation_in_a_checkpoint(case: Case, backend):
    xs = leaves(case.inputs(), backend)
    f = tg.checkpoint(case.function)
    tg.gradcheck(f, xs, order=2, directions=1, tolerance=1e-7)
    y, plain = f(*xs), case.function(*xs)
    assert_array_equal(y.numpy(), plain.numpy())
    assert y.requires_grad == plain.requires_grad


def test_forward_mode_through_a_checkpoint():
    x, v = tg.Tensor(RNG(0).normal(size=3)), tg.Tensor(RNG(1).normal(size=3))
    f = tg.checkpoint(lambda x: tg.tanh(x) * tg.sum(x * x))
    y, moved = tg.jvp(f, x, v)
    expected_y, expected = tg.jvp(lambda x: tg.tanh(x) * tg.sum(x * x), x, v)
    assert_array_equal(y.numpy(), expected_y.numpy())
    assert_allclose(moved.numpy(), expected.numpy())


@pytest.mark.parametrize("used", [(0,), (1,), (0, 1)])
def test_several_outputs_run_the_function_once_more(used):
    runs = []

    def cell(h, c):
        runs.append(1)
        return tg.tanh(h * c), h + c * c, tg.argmax(h)

    def gradients(f):
        h, c = leaves([[0.1, 0.2], [0.3, 0.5]], NUMPY)
        outputs = f(h, c)
        assert [y.requires_grad for y in outputs] == [True, True, False]
        total = sum(tg.sum(outputs[k] ** 2) for k in used)
        return [g.numpy() for g in tg.grad(total, [h, c])]

    expected = gradients(cell)
    runs.clear()
    found = gradients(tg.checkpoint(cell))
    assert len(runs) == 2
    assert_allclose(found, expected)


def kept_bytes(*tensors: tg.Tensor) -> int:
    """The memory of the distinct arrays that the graph remembers."""
    stack = [y._node for y in tensors]
    seen, owners = set(stack), {}
    while stack:
        node = stack.pop()
        for a in node.kept or ():
            if isinstance(a, np.ndarray):
                owner = NUMPY.owner(a)
                owners[id(owner)] = owner.nbytes
        fresh = {n for n in node.inputs if n is not None} - seen
        seen |= fresh
        stack.extend(fresh)
    return sum(owners.values())


def test_checkpoint_keeps_less():
    rng = tg.Generator(0)
    blocks = [
        nn.Sequential(nn.Linear(32, 32, rng=rng), nn.Tanh(), nn.Linear(32, 32, rng=rng), nn.Tanh())
        for _ in range(4)
    ]
    weights = sum(p.data.nbytes for block in blocks for p in block.parameters())
    x = tg.tensor(rng.normal((512, 32)), requires_grad=True)
    found = []
    for wrap in (lambda f: f, tg.checkpoint):
        h = x
        for block in blocks:
            h = wrap(block)(h)
        found.append((kept_bytes(h) - weights, tg.grad(tg.sum(h), [x, *blocks[0].parameters()])))
    (plain, expected), (less, gradients) = found
    one = x.data.nbytes
    assert plain >= 8 * one
    assert less <= 5 * one  # what goes into each block, and what comes out of the last
    for g, e in zip(gradients, expected, strict=True):
        assert_allclose(g.numpy(), e.numpy(), rtol=1e-5)


def test_checkpoint_records_nothing_where_nothing_is_recorded():
    f = tg.checkpoint(lambda x: tg.exp(x) * 2.0)
    assert not f(tg.ones(3)).requires_grad
    with tg.no_grad():
        assert not f(tg.tensor([1.0], requires_grad=True)).requires_grad


def test_checkpoint_frees_what_it_used():
    x = tg.tensor([1.0], requires_grad=True)
    y = tg.checkpoint(tg.exp)(x)
    y.backward()
    assert_allclose(x.grad.numpy(), np.exp(1.0), rtol=1e-6)
    with pytest.raises(RuntimeError, match="the graph through checkpoint was freed"):
        y.backward()


def test_a_function_that_draws_is_caught():
    rng = tg.Generator(0)
    x = tg.tensor(np.ones(8, "float32"), requires_grad=True)
    y = tg.checkpoint(lambda x: x * tg.Tensor(rng.normal((8,))))(x)
    with pytest.raises(RuntimeError, match="gave other values when it was run again"):
        tg.grad(tg.sum(y), x)
    noise = tg.Tensor(rng.normal((8,)))
    y = tg.checkpoint(lambda x, noise: x * noise)(x, noise)
    assert_array_equal(tg.grad(tg.sum(y), x).numpy(), noise.numpy())


def test_what_was_overwritten_is_caught():
    w = tg.tensor(np.ones(3), requires_grad=True)
    y = tg.checkpoint(lambda x: tg.exp(x * w))(tg.tensor(np.ones(3), requires_grad=True))
    w.data -= 1e-12  # too little for the values to tell
    with pytest.raises(RuntimeError, match="checkpoint still needs for its derivative was overwr"):
        y.backward(np.ones(3))
    b = tg.tensor(np.ones(3), requires_grad=True)  # no rule reads it
    y = tg.checkpoint(lambda x: tg.exp(x + b))(tg.tensor(np.ones(3), requires_grad=True))
    b.data -= 0.1
    with pytest.raises(RuntimeError, match="gave other values"):
        y.backward(np.ones(3))


def test_a_replaced_parameter_is_caught():
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    y = tg.checkpoint(layer)(tg.ones(1, 2))
    layer.weight = nn.Parameter(layer.weight.data.copy())
    with pytest.raises(RuntimeError, match="read other tensors when it was run again"):
        tg.sum(y).backward()


def test_checkpoint_needs_no_garbage_collector():
    gc.collect()
    gc.disable()
    try:
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        y = tg.checkpoint(lambda x: tg.exp(tg.sin(x)))(x)
        g = tg.grad(tg.sum(y), x, create_graph=True)
        held = [weakref.ref(y.data), weakref.ref(g.data)]
        del y, g
        assert [ref() for ref in held] == [None, None]
    finally:
        gc.enable()
