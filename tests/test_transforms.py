"""vjp, jvp, hvp, jacobian, hessian: against each other, formulas and finite differences."""

import numpy as np
import pytest
from cases import CASES, Case
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn
from tinygen.backend import NUMPY, Backend

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
RNG = np.random.default_rng


def constants(arrays, backend: Backend) -> list[tg.Tensor]:
    return [tg.Tensor(backend.from_host(np.asarray(a))) for a in arrays]


def random_like(tensors, backend: Backend, seed: int = 0) -> list[tg.Tensor]:
    rng = RNG(seed)
    return constants([rng.normal(size=x.shape) for x in tensors], backend)


def inner(a, b) -> float:
    return sum(float(np.sum(x.numpy() * y.numpy())) for x, y in zip(a, b, strict=True))


def as_list(x) -> list[tg.Tensor]:
    return [x] if isinstance(x, tg.Tensor) else list(x)


# -- every operation -------------------------------------------------------------------------------


@by_name
def test_forward_mode_is_the_transpose_of_reverse_mode(case: Case, backend):
    xs = constants(case.inputs(), backend)
    vs = random_like(xs, backend)
    y, moved = tg.jvp(case.function, xs, vs)
    again, pullback = tg.vjp(case.function, *xs)
    u = random_like([y], backend, 1)[0]
    assert_array_equal(y.numpy(), again.numpy())
    assert not moved.requires_grad
    assert moved.dtype == y.dtype
    assert_allclose(inner([u], [moved]), inner(as_list(pullback(u)), vs), rtol=1e-10, atol=1e-12)


@by_name
def test_forward_mode_agrees_with_finite_differences(case: Case):
    arrays = case.inputs()
    rng = RNG(2)
    along = [rng.normal(size=a.shape) for a in arrays]

    def at(h):
        shifted = [a + h * v for a, v in zip(arrays, along, strict=True)]
        return case.function(*constants(shifted, NUMPY)).numpy()

    _, moved = tg.jvp(case.function, constants(arrays, NUMPY), constants(along, NUMPY))
    assert_allclose(moved.numpy(), (at(1e-6) - at(-1e-6)) / 2e-6, rtol=1e-5, atol=1e-7)


@by_name
def test_second_directional_derivatives_commute(case: Case):
    """jvp of jvp along a, then b; and along b, then a."""
    xs = constants(case.inputs(), NUMPY)
    a, b = random_like(xs, NUMPY, 3), random_like(xs, NUMPY, 4)

    def twice(first, second):
        return tg.jvp(lambda *zs: tg.jvp(case.function, zs, first)[1], xs, second)[1].numpy()

    assert_allclose(twice(a, b), twice(b, a), rtol=1e-9, atol=1e-11)


@by_name
def test_float32_stays_float32(case: Case):
    xs = constants([a.astype("float32") for a in case.inputs()], NUMPY)
    vs = [tg.ones_like(x) for x in xs]
    y, moved = tg.jvp(case.function, xs, vs)
    pulled = as_list(tg.vjp(case.function, *xs)[1](tg.ones_like(y)))
    assert {t.dtype for t in (y, moved, *pulled)} == {np.dtype("float32")}


# -- formulas --------------------------------------------------------------------------------------


def rosenbrock(x):
    return tg.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)


def rosenbrock_hessian(x):
    h = np.diag(-400.0 * x[:-1], 1) - np.diag(400.0 * x[:-1], -1)
    diagonal = np.zeros_like(x)
    diagonal[:-1] += 1200.0 * x[:-1] ** 2 - 400.0 * x[1:] + 2.0
    diagonal[1:] += 200.0
    return h + np.diag(diagonal)


def test_a_quadratic(backend):
    a = RNG(0).normal(size=(4, 4))
    x, v = constants([RNG(1).normal(size=4), RNG(2).normal(size=4)], backend)
    a_t = constants([a], backend)[0]

    def f(x):
        return 0.5 * (x @ a_t @ x)

    value, slope = tg.value_and_grad(f)(x)
    h = (a + a.T) / 2
    assert_allclose(value.numpy(), x.numpy() @ a @ x.numpy() / 2)
    assert_allclose(slope.numpy(), h @ x.numpy())
    assert_allclose(tg.hvp(f, x, v).numpy(), h @ v.numpy())
    assert_allclose(tg.hessian(f, x).numpy(), h, atol=1e-14)
    assert_allclose(tg.jacobian(lambda x: a_t @ x, x).numpy(), a)


def test_rosenbrock(backend):
    array = RNG(0).normal(size=5)
    x, v = constants([array, RNG(1).normal(size=5)], backend)
    expected = rosenbrock_hessian(array)
    assert_allclose(tg.hessian(rosenbrock, x).numpy(), expected, atol=1e-10)
    assert_allclose(tg.hvp(rosenbrock, x, v).numpy(), expected @ v.numpy(), atol=1e-10)


@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_softmax_jacobian(backend, shape):
    x = constants([RNG(0).normal(size=shape)], backend)[0]
    y = tg.softmax(x).numpy().reshape(-1, 3)
    found = tg.jacobian(tg.softmax, x).numpy()
    assert found.shape == shape + shape
    blocks = [np.diag(row) - np.outer(row, row) for row in y]
    expected = np.zeros((len(y), 3, len(y), 3))
    for i, block in enumerate(blocks):
        expected[i, :, i] = block
    assert_allclose(found, expected.reshape(found.shape), atol=1e-15)


@pytest.mark.parametrize(("rows", "columns"), [(2, 5), (5, 2), (0, 2), (2, 0), (1, 1)])
def test_wide_and_tall_jacobians(backend, rows, columns):
    a = RNG(0).normal(size=(rows, columns))
    a_t, x = constants([a, RNG(1).normal(size=columns)], backend)
    found = tg.jacobian(lambda x: a_t @ (x * x), x).numpy()
    assert_allclose(found, a * 2 * x.numpy())
    assert found.shape == a.shape


def test_a_jacobian_of_numbers():
    x = tg.tensor(np.array(0.5))
    assert_allclose(tg.jacobian(tg.exp, x).numpy(), np.exp(0.5))
    assert_allclose(tg.hessian(tg.exp, x).numpy(), np.exp(0.5))


def test_the_hessian_is_the_forward_derivative_of_the_gradient():
    x, v = constants([RNG(0).normal(size=5), RNG(1).normal(size=5)], NUMPY)
    _, moved = tg.jvp(lambda x: tg.value_and_grad(rosenbrock)(x)[1], x, v)
    assert_allclose(moved.numpy(), tg.hvp(rosenbrock, x, v).numpy())


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_forward_mode_of_any_order(n):
    f = tg.exp
    for _ in range(n):
        f = lambda x, f=f: tg.jvp(f, x, tg.ones_like(x) * 2.0)[1]  # noqa: E731
    x = tg.tensor(np.array([0.1, 0.3]))
    assert_allclose(f(x).numpy(), 2.0**n * np.exp(x.numpy()))


def test_gradcheck_through_the_transforms():
    x, v, u = (RNG(i).normal(size=3) for i in range(3))

    def f(x):
        return tg.tanh(x) * tg.sum(x * x)

    tg.gradcheck(lambda x, v: tg.jvp(f, x, v)[1], [x, v], order=2)
    tg.gradcheck(lambda x, u: tg.vjp(f, x)[1](u), [x, u], order=2)
    tg.gradcheck(lambda x, v: tg.hvp(lambda x: tg.sum(f(x)), x, v), [x, v], order=2)
    tg.gradcheck(lambda x: tg.jacobian(f, x), [x], order=2)
    tg.gradcheck(lambda x: tg.hessian(lambda x: tg.sum(f(x)), x), [x])


# -- several inputs and outputs --------------------------------------------------------------------


def two_by_two(a, b):
    return a * tg.sum(b), tg.tanh(b) * a[0]


def test_several_inputs_and_outputs(backend):
    a, b = constants([RNG(0).normal(size=2), RNG(1).normal(size=3)], backend)
    va, vb = random_like([a, b], backend)
    ys, moved = tg.jvp(two_by_two, [a, b], [va, vb])
    assert isinstance(ys, tuple)
    assert isinstance(moved, tuple)
    also, pullback = tg.vjp(two_by_two, a, b)
    us = random_like(ys, backend, 1)
    assert_allclose(inner(us, moved), inner(pullback(us), [va, vb]), rtol=1e-12)
    assert [y.shape for y in also] == [(2,), (3,)]
    assert_array_equal(pullback(us)[0].numpy(), pullback(us)[0].numpy())  # as often as wanted

    def total(a, b):
        y, z = two_by_two(a, b)
        return tg.sum(y * y) + tg.sum(z * z * z)

    value, slopes = tg.value_and_grad(total)(a, b)
    assert value.shape == ()
    assert [g.shape for g in slopes] == [(2,), (3,)]
    joined = tg.hessian(lambda z: total(z[:2], z[2:]), tg.concatenate([a, b])).numpy()
    expected = joined @ np.concatenate([va.numpy(), vb.numpy()])
    found = tg.hvp(total, [a, b], [va, vb])
    assert_allclose(np.concatenate([h.numpy() for h in found]), expected, rtol=1e-10)


def test_what_does_not_depend_on_an_input_has_derivative_zero(backend):
    a, b = constants([np.ones(2), np.ones(3)], backend)
    _, pullback = tg.vjp(lambda a, b: a * 2.0, a, b)
    assert_array_equal(pullback(tg.ones_like(a))[1].numpy(), np.zeros(3))
    ys, moved = tg.jvp(lambda a: (a * 2.0, tg.argmax(a), tg.ones_like(b)), a, a)
    assert_array_equal(moved[0].numpy(), [2.0, 2.0])
    assert [t.numpy().tolist() for t in moved[1:]] == [0, [0.0, 0.0, 0.0]]
    assert ys[1].dtype.kind == "i"
    assert_array_equal(tg.jacobian(lambda a: b, a).numpy(), np.zeros((3, 2)))
    assert_array_equal(tg.hessian(tg.sum, a).numpy(), np.zeros((2, 2)))
    assert_array_equal(tg.vjp(lambda a: a, a)[1](a).numpy(), a.numpy())


# -- what is recorded ------------------------------------------------------------------------------


def test_results_are_constants_unless_something_outside_requires_gradients():
    x, v = constants([RNG(0).normal(size=3), RNG(1).normal(size=3)], NUMPY)
    w = tg.tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)

    def closed(x):
        return tg.tanh(x * w)

    for f, recorded in ((tg.tanh, False), (closed, True)):
        y, moved = tg.jvp(f, x, v)
        again, pullback = tg.vjp(f, x)
        results = [y, moved, again, pullback(v), tg.jacobian(f, x),
                   *tg.value_and_grad(lambda x: tg.sum(f(x)))(x)]  # noqa: B023  # fmt: skip
        assert {t.requires_grad for t in results} == {recorded}
    with tg.no_grad():
        y, moved = tg.jvp(closed, x, v)
        assert_allclose(moved.numpy(), tg.jvp(closed, x, v)[1].numpy())
        assert {y.requires_grad, moved.requires_grad} == {False}
        assert not tg.hessian(lambda x: tg.sum(closed(x)), w).requires_grad
    _, pullback = tg.vjp(tg.tanh, x)
    assert pullback(w).requires_grad  # the cotangent does
    with tg.no_grad():
        assert not pullback(w).requires_grad


def test_parameters_are_trained_through_a_transform():
    """A gradient penalty: d/dw of |d/dx f|^2, with w closed over."""
    w = tg.tensor(RNG(0).normal(size=3), requires_grad=True)
    x, v = constants([RNG(1).normal(size=3), RNG(2).normal(size=3)], NUMPY)
    slope = tg.value_and_grad(lambda x: tg.sum(tg.tanh(x * w)))(x)[1]
    found = tg.grad(tg.sum(slope * slope), w).numpy()

    def penalty(w):
        return np.sum(((1 - np.tanh(x.numpy() * w) ** 2) * w) ** 2)

    step = 1e-6 * v.numpy()
    numeric = (penalty(w.numpy() + step) - penalty(w.numpy() - step)) / 2e-6
    assert_allclose(np.sum(found * v.numpy()), numeric, rtol=1e-6)


def test_an_argument_is_not_confused_with_the_same_tensor_from_outside():
    x = tg.tensor(np.array([2.0]), requires_grad=True)
    slope = tg.value_and_grad(lambda z: tg.sum(z * x))(x)[1]
    assert_array_equal(slope.numpy(), [2.0])  # d(zx)/dz = x, not 2x
    assert_array_equal(tg.grad(slope, x).numpy(), [1.0])
    inner_product = tg.jvp(lambda z: tg.jvp(lambda q: q * z, z, tg.ones_like(z))[1] * z, x, x)
    assert_array_equal(inner_product[1].numpy(), [8.0])  # d(z z)/dz along x = 2


def test_inputs_get_no_grad_of_their_own():
    x = tg.tensor(np.array([2.0]))
    y, _ = tg.vjp(tg.exp, x)
    assert not x.requires_grad
    assert not y.requires_grad


def test_a_module_is_a_function():
    model = nn.Sequential(nn.Linear(3, 4, rng=tg.Generator(0)), nn.Tanh())
    x = tg.Tensor(RNG(0).normal(size=(2, 3)).astype("float32"))
    y, moved = tg.jvp(model, x, tg.ones_like(x))
    assert y.shape == moved.shape == (2, 4)
    assert tg.grad(tg.sum(moved * moved), model.parameters()[0]).shape == (4, 3)


# -- bad input -------------------------------------------------------------------------------------

X = tg.tensor(np.ones(3))
LABELS = tg.tensor([0, 1])


@pytest.mark.parametrize(("call", "kind", "message"), [
    (lambda: tg.vjp(tg.exp, [1.0]), TypeError, "vjp: input 0 is a list, not a floating-point"),
    (lambda: tg.vjp(lambda x, i: x[i], X, LABELS), TypeError, "input 1 is a int64 tensor"),
    (lambda: tg.jvp(tg.exp, X, tg.ones(2)), ValueError, r"tangent 0 has shape \(2,\).*\(3,\)"),
    (lambda: tg.jvp(tg.exp, X, 1.0), TypeError, "tangent 0 is a float; make it with tg.tensor"),
    (lambda: tg.jvp(tg.add, [X, X], [X]), ValueError, "jvp: 2 tangents are needed, not 1"),
    (lambda: tg.vjp(tg.exp, X)[1](tg.ones(3, 1)), ValueError, "vjp: cotangent 0 has shape"),
    (lambda: tg.vjp(lambda x: 1.0, X), TypeError, "vjp: the function must return a Tensor"),
    (lambda: tg.value_and_grad(tg.exp)(X), ValueError, r"one number, not shape \(3,\)"),
    (lambda: tg.value_and_grad(two_by_two)(X, X), ValueError, "one number, not 2 tensors"),
    (lambda: tg.hessian(tg.exp, X), ValueError, "hessian: the function must return one number"),
    (lambda: tg.hvp(tg.sum, X, tg.ones(4)), ValueError, "hvp: direction 0 has shape"),
    (lambda: tg.jacobian(lambda x: (x, x), X), TypeError, "must return one Tensor, not 2"),
], ids=range(12))  # fmt: skip
def test_bad_input_is_told_in_one_sentence(call, kind, message):
    with pytest.raises(kind, match=message):
        call()
