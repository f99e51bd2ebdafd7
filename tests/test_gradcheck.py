"""The checker is checked: every planted fault must make it fail, and say where."""

import numpy as np
import pytest
from checks import leaves

import tinygen as tg
from tinygen.gradcheck import GradientError
from tinygen.primitive import PRIMITIVES


@pytest.fixture
def plant():
    """Declare an operation under a name that is forgotten after the test."""
    names = []

    def declare(forward, *rules):
        op = tg.primitive(f"planted_{len(names)}", forward, *rules)
        names.append(op.__name__)
        return op

    yield declare
    for name in names:
        del PRIMITIVES[name]


X = np.array([[0.3, -0.7, 1.1], [0.9, 0.2, -1.3]])


def _softmax(xp, x):
    y = xp.exp(x - xp.amax(x, -1, True))
    return y / xp.sum(y, -1, True)


def _wrong_at_second_order(g, x):
    """The right slope, computed so that its own derivative is lost."""
    return g * tg.Tensor(3.0 * x.data**2) if type(x) is tg.Tensor else g * (3.0 * x**2)


def _lost_slope(g, x):
    """The derivative of 3 x^2, right but for its own derivative."""
    return g * (tg.Tensor(6.0 * x.data) if type(x) is tg.Tensor else 6.0 * x)


FAULTS = {
    # name: (forward, rule, the lowest order that sees it)
    "0.1 % too large": (lambda xp, x: xp.sin(x), lambda g, x: 1.001 * g * tg.cos(x), 1),
    "zero": (lambda xp, x: xp.sin(x), lambda g, x: g * 0.0, 1),
    "softmax with a zero rule": (_softmax, lambda g, y: g * 0.0, 1),
    "sign": (lambda xp, x: xp.cos(x), lambda g, x: g * tg.sin(x), 1),
    "cotangent forgotten": (lambda xp, x: x * x, lambda g, x: 2.0 * x, 1),
    "cotangent squared": (lambda xp, x: x * 1.0, lambda g: g * g, 1),
    "transposed back to front": (
        lambda xp, x: xp.flip(x, 1) * 1.0, lambda g: g * 1.0, 1),
    "mean over too many": (
        lambda xp, x: xp.sum(x, 1) * (1 / 3), lambda g, x_shape:
            tg.broadcast_to(tg.reshape(g, (2, 1)), x_shape) * (1 / 6), 1),
    "one element": (
        lambda xp, x: x * x,
        lambda g, x: g * 2.0 * x + np.array([[0, 0, 0], [0, 0, 1e-3]]), 1),
    "NaN": (lambda xp, x: x * x, lambda g, x: g * (x * np.nan), 1),
    "only second order": (lambda xp, x: x**3, _wrong_at_second_order, 2),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_planted_faults_are_caught_at_their_order(name, plant):
    forward, rule, order = FAULTS[name]
    op = plant(forward, rule)
    if order > 1:
        tg.gradcheck(op, [X], order=order - 1)
    with pytest.raises(GradientError, match=f"order {order}: finite differences give"):
        tg.gradcheck(op, [X], order=order)


def test_a_fault_at_third_order_only_is_caught_there(plant):
    slope = plant(lambda xp, x: 3.0 * x**2, _lost_slope)
    op = plant(lambda xp, x: x**3, lambda g, x: g * slope(x))
    tg.gradcheck(op, [X], order=2)
    with pytest.raises(GradientError, match="order 3"):
        tg.gradcheck(op, [X], order=3)


def test_a_fault_in_one_of_two_arguments_is_caught(plant):
    op = plant(lambda xp, a, b: a * b, lambda g, b: g * b, lambda g, a: g * (a + 1e-3))
    with pytest.raises(GradientError, match="of input 1"):
        tg.gradcheck(op, [X, X + 1.0])
    tg.gradcheck(lambda a: op(a, X), [X])  # the other argument is right


def test_a_gradient_of_the_wrong_shape_is_caught(plant):
    """A sum over too many axes; over too few the engine itself sums."""
    op = plant(lambda xp, a, b: a * b, lambda g, b: tg.sum(g * b, 1), lambda g, a: g * a)
    with pytest.raises((GradientError, ValueError)):
        tg.gradcheck(op, [X, X])


def test_the_engine_sums_what_a_rule_leaves_broadcast(plant):
    op = plant(lambda xp, a, b: a * b, lambda g, b: g * b, lambda g, a: g * a)
    tg.gradcheck(op, [X, X[0]], order=3)


def test_a_float64_leak_is_caught_in_float32(plant):
    op = plant(lambda xp, x: x * np.float64(2.0), lambda g: g * 2.0)
    with pytest.raises(GradientError, match="float64"):
        tg.gradcheck(op, [X.astype("float32")])
    tg.gradcheck(op, [X])


def test_writing_into_an_input_is_caught(plant):
    def forward(xp, x):
        x *= 1.0 + 1e-3
        return x * 1.0

    with pytest.raises(GradientError, match="input 0 was written to"):
        tg.gradcheck(plant(forward, lambda g: g * 1.001), [X.copy()])


def test_writing_into_the_cotangent_is_caught(plant):
    def rule(g):
        if type(g) is not tg.Tensor:
            g *= 2.0
        return g

    with pytest.raises(GradientError, match="cotangent was written to"):
        tg.gradcheck(plant(lambda xp, x: x * 2.0, rule), [X])


def test_the_message_names_the_worst_element(plant):
    wrong = np.zeros((2, 3))
    wrong[1, 2] = 0.5
    op = plant(lambda xp, x: xp.sin(x), lambda g, x: g * (tg.cos(x) + wrong))
    with pytest.raises(GradientError, match=r"worst element is \[1, 2\] of input 0"):
        tg.gradcheck(op, [X])


def test_what_is_right_passes_and_returns_the_worst_error(backend):
    error = tg.gradcheck(lambda x: tg.softmax(x * x) * tg.tanh(x), leaves([X], backend), order=3)
    assert 0.0 <= error < 1e-8


def test_functions_without_a_derivative_pass_if_they_are_constant():
    tg.gradcheck(lambda x: tg.ones(3, dtype="float64"), [X])
    with pytest.raises(GradientError, match="order 1"):
        tg.gradcheck(lambda x: (x * x).detach(), [X])


def test_linear_functions_have_zero_second_derivatives(plant):
    tg.gradcheck(lambda x: tg.sum(x, 0) * 3.0, [X], order=3)


def test_integers_are_refused():
    with pytest.raises(TypeError, match="input 1 is int64"):
        tg.gradcheck(lambda a, b: a, [X, np.arange(3)])


def test_the_same_generator_gives_the_same_directions():
    errors = [tg.gradcheck(tg.exp, [X], rng=tg.Generator(3)) for _ in range(2)]
    assert errors[0] == errors[1]
