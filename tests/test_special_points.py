"""Where formulas break: kinks, ties, zeros, infinities, and the far tails."""

import math

import numpy as np
import pytest
import scipy.special
from checks import leaves
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import NUMPY

inf, nan = math.inf, math.nan

# -- derivatives by convention: (function, x, derivative of the sum) -------------------------------

KINKS = {
    "relu at 0": (tg.relu, [0.0, -0.0, 1.0], [0, 0, 1]),
    "leaky relu at 0": (lambda x: tg.leaky_relu(x, 0.1), [0.0, 1.0], [0.1, 1]),
    "elu at 0": (tg.elu, [0.0, 1.0], [1, 1]),
    "absolute at 0": (tg.absolute, [0.0, -2.0], [0, -1]),
    "sign, floor, ceil, round": (
        lambda x: tg.sign(x) + tg.floor(x) + tg.ceil(x) + tg.round(x), [0.0, 1.5], [0, 0]),
    "clip at its bounds": (lambda x: tg.clip(x, 0.0, 1.0), [0.0, 1.0, 2.0, -1.0], [1, 1, 0, 0]),
    "maximum of equals": (lambda x: tg.maximum(x, 1.0), [1.0, 2.0, 0.0], [0.5, 1, 0]),
    "maximum with itself": (lambda x: tg.maximum(x, x), [1.0, 2.0], [1, 1]),
    "minimum of equals": (lambda x: tg.minimum(x, 1.0), [1.0, 2.0, 0.0], [0.5, 0, 1]),
    "max of equals": (tg.max, [3.0, 1.0, 3.0], [0.5, 0, 0.5]),
    "min of equals": (tg.min, [1.0, 1.0, 1.0, 2.0], [1 / 3, 1 / 3, 1 / 3, 0]),
    "square at 0": (lambda x: x**2, [0.0, 1.0], [0, 2]),
    "power 1 at 0": (lambda x: x**1, [0.0], [1]),
    "power 0 at 0": (lambda x: x**0, [0.0, 2.0], [0, 0]),
    "power 1.0 at 0": (lambda x: x**1.0, [0.0], [1]),
    "tensor power 2 at 0": (lambda x: x ** tg.full((1,), 2.0, dtype="float64"), [0.0], [0]),
    "tensor power 0 at 0": (lambda x: x ** tg.zeros(1, dtype="float64"), [0.0], [0]),
    "exponent over base 0": (lambda x: tg.zeros(1, dtype="float64") ** x, [2.0], [0]),
    "norm of zeros": (tg.norm, [0.0, 0.0], [0, 0]),
    "product with a zero": (tg.prod, [2.0, 0.0, 3.0], [0, 6, 0]),
    "product with two zeros": (tg.prod, [0.0, 5.0, 0.0], [0, 0, 0]),
    "where hides a bad branch of a constant": (
        lambda x: tg.where(x > 0.0, x, -1.0), [1.0, -1.0], [1, 0]),
    "logsumexp with -inf": (tg.logsumexp, [0.0, -inf], [1, 0]),
    "softmax with -inf": (lambda x: tg.softmax(x)[0], [0.0, -inf], [0, 0]),
    "softplus far out": (tg.softplus, [1000.0, -1000.0], [1, 0]),
    "sigmoid far out": (tg.sigmoid, [1000.0, -1000.0, 0.0], [0, 0, 0.25]),
    "tanh far out": (tg.tanh, [1000.0, -1000.0], [0, 0]),
    "gelu far out": (tg.gelu, [100.0, -100.0], [1, 0]),
    "silu far out": (tg.silu, [1000.0, -1000.0], [1, 0]),
}  # fmt: skip


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_special_points(name, backend):
    function, point, expected = KINKS[name]
    (x,) = leaves([np.array(point)], backend)
    assert_allclose(tg.grad(tg.sum(function(x)), x).numpy(), expected, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize(("power", "expected"), [(2, [0, 2, 0]), (3, [0, 0, 6]), (1, [1, 0, 0])])
def test_powers_at_zero_to_third_order(power, expected):
    (x,) = leaves([np.array(0.0)], NUMPY)
    y = x**power
    for derivative in expected:
        if y.requires_grad:
            y = tg.grad(y, x, create_graph=True, allow_unused=True)
        assert (0.0 if y is None else y.item()) == derivative
        y = x * 0.0 if y is None else y


@pytest.mark.parametrize("order", [1, 2, 3])
def test_products_with_zeros_at_every_order(order):
    tg.gradcheck(tg.prod, [np.array([0.0, 2.0, 0.0, -1.5])], order=order)


def test_all_of_logsumexp_infinite():
    (x,) = leaves([np.array([[-inf, -inf], [inf, 0.0]])], NUMPY)
    with np.errstate(divide="ignore"):
        assert_array_equal(tg.logsumexp(x, 1).numpy(), [-inf, inf])


# -- values in the tails, without a warning --------------------------------------------------------

FAR = np.array([-1e30, -1e4, -750.0, -100.0, -20.0, 20.0, 100.0, 750.0, 1e4, 1e30, inf, -inf])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sigmoid_and_softplus_far_out(dtype, backend):
    (x,) = leaves([FAR], backend, dtype)
    tiny = np.finfo(dtype).tiny
    expected = scipy.special.expit(FAR.astype(dtype))
    assert_allclose(tg.sigmoid(x).numpy(), expected, rtol=1e-6, atol=tiny)
    assert_allclose(tg.softplus(x).numpy(), np.logaddexp(FAR, 0), rtol=1e-6, atol=tiny)
    for function in (tg.sigmoid, tg.softplus, tg.tanh):
        assert np.isfinite(tg.grad(tg.sum(function(x[:-2])), x).numpy()).all()


def test_sigmoid_keeps_relative_precision_in_its_lower_tail():
    x = np.linspace(-700, -1, 500)
    assert_allclose(tg.sigmoid(tg.Tensor(x)).numpy(), scipy.special.expit(x), rtol=1e-14)
    assert_allclose(tg.softplus(tg.Tensor(x)).numpy(), np.log1p(np.exp(x)), rtol=1e-14)


@pytest.mark.parametrize("function", ["softmax", "log_softmax", "logsumexp"])
def test_softmax_family_does_not_overflow(function, backend):
    x = np.array([[1e4, 1e4 - 1.0, -1e4], [-1e4, -1e4, -1e4 - 2.0]])
    expected = getattr(scipy.special, function)(x, axis=1)
    assert_allclose(getattr(tg, function)(leaves([x], backend)[0], 1).numpy(), expected, rtol=1e-12)


def test_erf_to_the_last_digits():
    points = np.concatenate([np.linspace(-7, 7, 20_001), np.logspace(-310, 1, 2_000)])
    assert_allclose(NUMPY.erf(points), scipy.special.erf(points), rtol=1e-15, atol=5e-324)


def test_erf_at_special_points():
    points = np.array([0.0, -0.0, inf, -inf, nan, 5e-324, 1.0, -1.0, 6.0, 1e300])
    found = NUMPY.erf(points)
    assert_allclose(found, scipy.special.erf(points), rtol=1e-15, atol=5e-324)
    assert_array_equal(np.signbit(found[:2]), [False, True])
    assert NUMPY.erf(np.float32(0.5)).dtype == np.float32
    x = np.linspace(-5, 5, 1001, dtype="float32")
    assert_allclose(NUMPY.erf(x), scipy.special.erf(x.astype("float64")), rtol=5e-7)


def test_expm1_and_log1p_keep_small_numbers():
    x = leaves([np.array([1e-20, -1e-20])], NUMPY)[0]
    assert_array_equal(tg.expm1(x).numpy(), x.numpy())
    assert_array_equal(tg.log1p(x).numpy(), x.numpy())


# -- einsum, qr and friends: what is refused -------------------------------------------------------

REFUSED = {
    "einsum operands": (lambda: tg.einsum("ij,jk", tg.ones(2, 2)), "names 2 operands, got 1"),
    "einsum rank": (lambda: tg.einsum("ij->i", tg.ones(2)), r"'ij' does not fit.*\(2,\)"),
    "einsum diagonal": (lambda: tg.einsum("ii->i", tg.ones(2, 3)), "'i' stands for axes of diff"),
    "einsum result": (lambda: tg.einsum("i->j", tg.ones(2)), "unknown or repeated letter"),
    "qr of wide": (lambda: tg.qr(tg.ones(2, 3)), "at least as many rows as columns, not 2 x 3"),
    "matmul of numbers": (lambda: tg.ones(()) @ tg.ones(2), "at least one axis"),
    "squeeze": (lambda: tg.squeeze(tg.ones(2, 1), 0), r"only axes of length 1.*\(2, 1\)"),
    "pad": (lambda: tg.pad(tg.ones(2), ((1, -1),)), "non-negative widths"),
    "split": (lambda: tg.split(tg.ones(5), 2), "length 5 does not divide into 2"),
    "concatenate": (lambda: tg.concatenate([]), "at least one array"),
    "norm": (lambda: tg.norm(tg.ones(2), ord=0), "ord must be positive"),
    "leaky relu": (lambda: tg.leaky_relu(tg.ones(2), 2.0), "slope must lie in"),
    "tensordot": (lambda: tg.tensordot(tg.ones(2, 3), tg.ones(2, 3), 1), "do not match"),
    "mean": (lambda: tg.mean(tg.ones(2), 1), "sum.*axis 1 is out of bounds"),
    "var": (lambda: tg.var(tg.ones(1), ddof=1), "1 elements leave none"),
}


NO_AXIS = {
    "sum": lambda x: tg.sum(x, 2),
    "max": lambda x: tg.max(x, -3),
    "prod": lambda x: tg.prod(x, 2),
    "softmax": lambda x: tg.softmax(x, 2),
    "transpose": lambda x: tg.transpose(x, 0, 2),
    "swapaxes": lambda x: tg.swapaxes(x, 0, 2),
    "expand_dims": lambda x: tg.expand_dims(x, 4),
    "squeeze": lambda x: tg.squeeze(x, 2),
    "take": lambda x: tg.take(x, 0, axis=2),
    "repeat": lambda x: tg.repeat(x, 2, 2),
    "flip": lambda x: tg.flip(x, 2),
    "split": lambda x: tg.split(x, [1], 2),
    "concatenate": lambda x: tg.concatenate([x, x], 2),
    "cumsum": lambda x: tg.cumsum(x, 2),
    "tensordot": lambda x: tg.tensordot(x, x, (2, 0)),
    "argmax": lambda x: tg.argmax(x, 2),
}


@pytest.mark.parametrize("name", NO_AXIS)
def test_an_axis_that_is_not_there_is_an_error(name, backend):
    with pytest.raises((IndexError, ValueError)):
        NO_AXIS[name](tg.ones(1, 1))


@pytest.mark.parametrize("name", REFUSED)
def test_arguments_that_make_no_sense_are_named(name):
    function, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        function()
