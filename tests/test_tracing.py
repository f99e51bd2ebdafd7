"""A traced function computes what the function computes, bit for bit; or it is refused."""

from __future__ import annotations

import numpy as np
import pytest
from checks import cotangent_for, leaves, values

import tinygen as tg
from tinygen import autograd
from tinygen.backend import BACKEND_OF
from tinygen.examples import EXAMPLES, Example
from tinygen.primitive import PRIMITIVES
from tinygen.tracing import traced

MAKES_ARRAYS = {
    "cross_entropy_labels", "class_loss_slope", "diagonal", "einsum_alone", "einsum_ii,i->",
    "from_windows", "into_windows", "leaky_relu_slope", "trace", "where", "where_row",
}  # fmt: skip
"""Examples that make an index or a constant array anew whenever they are called."""

UPLOADS = {"getitem_rows", "getitem_mask", "scatter_add", "take"}
"""Examples whose index lies on the host and is moved to a device whenever they are called."""


def two_orders(example: Example, *arguments):
    """The value, its gradients, and those of the square of the first gradient."""
    *inputs, cotangent = arguments
    y = example.function(*inputs)
    first = tg.grad(y, inputs, cotangent=cotangent, create_graph=True, allow_unused=True)
    found = [y, *(g for g in first if g is not None)]
    curved = [g for g in first if g is not None and g.requires_grad]
    if curved:
        second = tg.grad(tg.sum(curved[0] * curved[0]), inputs, allow_unused=True)
        found += [g for g in second if g is not None]
    return found


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda e: e.name)
def test_every_operation_is_traced_at_two_orders_or_refused(example, backend):
    arrays = example.inputs()
    program = traced(lambda *arguments: two_orders(example, *arguments))
    for shift in (0.0, 0.003):  # the second time the program computes other values
        moved = [a + shift if a.dtype.kind == "f" else a for a in arrays]
        inputs = leaves(moved, backend)
        cotangent = cotangent_for(example.function(*inputs))
        if example.name in MAKES_ARRAYS | (UPLOADS if backend.name != "numpy" else set()):
            with pytest.raises(RuntimeError, match="not made by tinygen's operations"):
                program(*inputs, cotangent)
            return
        expected = values(two_orders(example, *inputs, cotangent))
        for a, b in zip(expected, values(program(*inputs, cotangent)), strict=True):
            np.testing.assert_array_equal(a, b, strict=True)


def classifier():
    rng = tg.Generator(5)
    model = tg.nn.Sequential(tg.nn.Linear(6, 8, rng=rng), tg.nn.ReLU(), tg.nn.Linear(8, 3, rng=rng))
    return model, tg.optim.Adam(model.named_parameters(), lr=0.05, betas=(0.5, 0.9))


def loss_and_gradients(model, params, x, noise, labels):
    loss = tg.softmax_cross_entropy(model(x + 0.1 * noise), labels)
    return [loss, *tg.grad(loss, params)]


def test_twenty_traced_steps_with_noise_and_adam_are_twenty_steps(backend):
    finals = []
    for trace in (False, True):
        draws = np.random.default_rng(0)
        model, optimizer = classifier()
        noise = tg.Generator(7)

        def compute(x, z, labels, model=model, optimizer=optimizer):
            return loss_and_gradients(model, optimizer.params, x, z, labels)

        step = traced(compute) if trace else compute
        losses = []
        for n in [5] * 14 + [3] * 6:
            x = tg.Tensor(backend.from_host(draws.normal(size=(n, 6)).astype("float32")))
            labels = backend.from_host(draws.integers(0, 3, n))
            loss, *gradients = step(x, tg.Tensor(noise.normal((n, 6))), labels)
            optimizer.step(gradients)
            losses.append(loss.item())
        finals.append([np.array(losses), *values(model.parameters())])
    assert len(set(finals[0][0])) == 20
    for a, b in zip(*finals, strict=True):
        np.testing.assert_array_equal(a, b)


def test_gradient_of_a_gradient_is_traced():
    """The critic of WGAN-GP: derivatives of derivatives, and several uses of each weight."""
    model, optimizer = classifier()

    def compute(x):
        x.requires_grad = True
        slope = tg.grad(tg.sum(model(x)), x, create_graph=True)
        loss = tg.mean((tg.norm(slope, axis=1) - 1.0) ** 2) + tg.mean(model(x))
        return tg.grad(loss, optimizer.params)

    program = traced(compute)
    for seed in range(3):
        x = tg.Generator(seed).normal((7, 6))
        for a, b in zip(compute(tg.Tensor(x)), program(tg.Tensor(x)), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_results_share_no_memory_with_each_other_or_the_next_ones():
    w = tg.tensor([1.0, 2.0], requires_grad=True)
    program = traced(lambda x: tg.grad(tg.sum(w + x), [w, x]))
    x = tg.tensor([3.0, 4.0], requires_grad=True)
    a, b = program(x)
    c, _ = program(x)
    assert not np.shares_memory(a.data, b.data)
    assert not np.shares_memory(a.data, c.data)


def test_the_source_reads_as_the_steps_of_the_computation():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    program = traced(lambda x: tg.grad(tg.tanh(x), x, cotangent=tg.ones_like(x)))
    shown = program.source(x)
    assert "v0 = tanh(c0, x0)" in shown
    assert "tanh_0(v1, v0)" in shown
    assert program.source(x) is shown


def test_what_a_function_makes_of_one_argument_twice_is_told_apart():
    program = traced(lambda x, y: x * 2.0 - y)
    x = tg.tensor([1.0, 5.0])
    np.testing.assert_array_equal(program(x, x).numpy(), [1.0, 5.0])
    np.testing.assert_array_equal(program(x, tg.tensor([0.0, 1.0])).numpy(), [2.0, 9.0])


def test_comparisons_of_single_numbers_are_told_apart():
    program = traced(lambda x, y: tg.where(x < 1.0, 10.0, 20.0) + tg.where(y < 1.0, 1.0, 2.0))
    for x in (0.0, 2.0):
        for y in (0.0, 2.0):
            assert program(tg.tensor(x), tg.tensor(y)).item() == (10 + 10 * (x > 1) + 1 + (y > 1))


REFUSED = {
    # name: (function, what the error says)
    "random numbers": (lambda x: x + tg.Tensor(RNG.normal((2,))), "as random numbers are"),
    "raw arithmetic": (lambda x: tg.tanh(tg.Tensor(x.data * 2.0)), "not made by tinygen's"),
    "a raw result": (lambda x: tg.Tensor(x.data * 2.0), "the result reads an array"),
    "reading": (lambda x: x if x.sum() > 0 else -x, "reads the value of a tensor"),
    "a count": (lambda x: x * float(next(COUNT)), "was given 0.0 once and then 1.0"),
    "more and more": (lambda x: tg.tanh(x) if next(COUNT) % 2 else x, "did different things"),
    "writing": (lambda x: STATE.__setitem__(0, 1.0) or x, "writes into a tensor"),
}
RNG = tg.Generator(0)
STATE = tg.zeros(2)
COUNT = iter(range(0))


@pytest.mark.parametrize("name", REFUSED)
def test_what_a_program_would_not_repeat_is_refused_in_one_sentence(name, monkeypatch):
    function, says = REFUSED[name]
    monkeypatch.setitem(globals(), "COUNT", iter(range(10)))  # for those who count
    with pytest.raises(RuntimeError, match=says) as caught:
        traced(function)(tg.tensor([1.0, 2.0]))
    assert str(caught.value).count(". ") == 0


def test_arguments_and_results_are_tensors():
    with pytest.raises(TypeError, match="not float; let the function"):
        traced(lambda x: x)(1.0)
    with pytest.raises(TypeError, match="must return a tensor"):
        traced(lambda x: [x, 1.0])(tg.tensor([1.0]))


def test_an_error_inside_leaves_everything_as_it_was():
    before = {name: f.operation.forward for name, f in PRIMITIVES.items()}
    functions = autograd.added, autograd.add_into, autograd.copied
    with pytest.raises(ValueError, match="matmul"):
        traced(lambda x: x @ x)(tg.zeros(2, 3))
    assert before == {name: f.operation.forward for name, f in PRIMITIVES.items()}
    assert functions == (autograd.added, autograd.add_into, autograd.copied)
    assert tg.tensor([1.0]).item() == 1.0


def test_a_wrong_rule_would_be_noticed(monkeypatch):
    """Of this file's main test: a program that computes something else fails it."""
    example = next(e for e in EXAMPLES if e.name == "tanh")
    inputs = leaves(example.inputs(), BACKEND_OF[np.ndarray])
    cotangent = cotangent_for(inputs[0])
    program = traced(lambda *arguments: two_orders(example, *arguments))
    right = values(program(*inputs, cotangent))
    (made,) = program._programs.values()
    text = made.source.replace("tanh(c0", "sin(c0", 1)
    namespace = dict(made._compute.__globals__, sin=PRIMITIVES["sin"].operation.forward)
    exec(text, namespace)
    wrong = namespace["program"](*[x.data for x in (*inputs, cotangent)])
    assert not np.array_equal(right[0], wrong[0])
