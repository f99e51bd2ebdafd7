"""What every operation promises beside its derivative: values, dtypes, and leaving memory alone."""

import numpy as np
import pytest
from cases import BINARY, CASES, UNARY, Case
from checks import cotangent_for, leaves, values
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import NUMPY

by_name = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
elementwise = pytest.mark.parametrize(
    "case", [case for case in CASES if case.name in {row[0] for row in (*UNARY, *BINARY)}],
    ids=lambda case: case.name,
)  # fmt: skip


def gradients(case: Case, inputs: list[tg.Tensor]) -> tuple[tg.Tensor, list[tg.Tensor]]:
    y = case.function(*inputs)
    return y, tg.grad(y, inputs, cotangent=cotangent_for(y), allow_unused=True)


@by_name
def test_values_are_those_of_numpy_and_scipy(case: Case, backend):
    arrays = case.inputs()
    y = case.function(*leaves(arrays, backend))
    expected = case.oracle(*arrays)
    assert y.shape == np.shape(expected)
    assert_allclose(y.numpy(), expected, rtol=1e-12, atol=1e-13)


@by_name
def test_float32_stays_float32(case: Case, backend):
    inputs = leaves(case.inputs(), backend, "float32")
    y, found = gradients(case, inputs)
    assert y.dtype == np.float32
    assert {g.dtype for g in found if g is not None} <= {np.dtype("float32")}
    assert_allclose(y.numpy(), case.oracle(*case.inputs()), rtol=1e-4, atol=1e-5)


@elementwise
def test_float16_stays_float16(case: Case):
    y, found = gradients(case, leaves(case.inputs(), NUMPY, "float16"))
    assert {t.dtype for t in (y, *found)} == {np.dtype("float16")}


@by_name
def test_second_derivatives_in_float32_stay_float32(case: Case):
    inputs = leaves(case.inputs(), NUMPY, "float32")
    y = case.function(*inputs)
    first = tg.grad(y, inputs, cotangent=cotangent_for(y), create_graph=True)
    total = sum(tg.sum(g * g) for g in first)
    assert total.dtype == np.float32
    if total.requires_grad:
        second = tg.grad(total, inputs, allow_unused=True)
        assert {g.dtype for g in second if g is not None} <= {np.dtype("float32")}


@by_name
def test_inputs_and_cotangent_are_left_alone(case: Case, backend):
    arrays = case.inputs()
    inputs = leaves(arrays, backend)
    y = case.function(*inputs)
    u = cotangent_for(y)
    before, y_before = values([u])[0], values([y])[0]
    tg.grad(y, inputs, cotangent=u, allow_unused=True)
    for x, array in zip(inputs, arrays, strict=True):
        assert_array_equal(x.numpy(), array)
    assert_array_equal(u.numpy(), before)
    assert_array_equal(y.numpy(), y_before)


@by_name
def test_gradients_share_memory_with_nothing(case: Case, backend):
    inputs = leaves(case.inputs(), backend)
    y = case.function(*inputs)
    u = cotangent_for(y)
    found = tg.grad(y, inputs, cotangent=u, allow_unused=True)
    others = [*inputs, y, u, *found]
    for g in (g for g in found if g is not None):
        rest = [t for t in others if t is not None and t is not g]
        before = values(rest)
        g.data[...] = 777.0
        for t, old in zip(rest, before, strict=True):
            assert_array_equal(t.numpy(), old)


def _transposed(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a.T).T if a.ndim else a


def _strided(a: np.ndarray) -> np.ndarray:
    return np.repeat(a, 2, axis=-1)[..., ::2] if a.ndim else a


def _backwards(a: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(a[::-1])[::-1] if a.ndim else a


@by_name
@pytest.mark.parametrize("layout", [_transposed, _strided, _backwards])
def test_layout_in_memory_does_not_matter(case: Case, layout):
    arrays = case.inputs()
    y, found = gradients(case, leaves(arrays, NUMPY))
    inputs = [tg.Tensor(layout(a), requires_grad=True) for a in arrays]
    y2, found2 = gradients(case, inputs)
    assert_allclose(y2.numpy(), y.numpy(), rtol=1e-12, atol=1e-14)
    for g, g2 in zip(found, found2, strict=True):
        assert_allclose(g2.numpy(), g.numpy(), rtol=1e-11, atol=1e-13)


@elementwise
@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3)])
def test_zero_axes_and_zero_elements(case: Case, shape, backend):
    inputs = leaves([np.full(shape, 0.3 + 0.1 * i) for i in range(len(case.inputs()))], backend)
    y, found = gradients(case, inputs)
    assert type(y.data) is backend.array_type
    assert {t.shape for t in (y, *found)} == {shape}
    if shape == ():
        tg.gradcheck(case.function, inputs, order=2)


EMPTY = {
    "sum": (lambda x: tg.sum(x, 0), (0, 3)),
    "sum_all": (tg.sum, (0, 3)),
    "mean_other_axis": (lambda x: tg.mean(x, 1), (0, 3)),
    "max_other_axis": (lambda x: tg.max(x, 1), (0, 3)),
    "prod": (lambda x: tg.prod(x, 0), (0, 3)),
    "cumsum": (lambda x: tg.cumsum(x, 0), (0, 3)),
    "softmax": (tg.softmax, (0, 3)),
    "log_softmax": (tg.log_softmax, (0, 3)),
    "logsumexp": (lambda x: tg.logsumexp(x, 1), (0, 3)),
    "norm": (tg.norm, (0, 3)),
    "matmul_no_rows": (lambda x: x @ tg.ones(3, 2, dtype="float64"), (0, 3)),
    "matmul_nothing_summed": (lambda x: x @ tg.ones(0, 2, dtype="float64"), (3, 0)),
    "matmul_stack": (lambda x: x @ tg.ones(3, 2, dtype="float64"), (2, 0, 3)),
    "linear": (lambda x: tg.linear(x, *(tg.ones(*s, dtype="float64") for s in ((2, 3), (2,)))),
               (0, 3)),
    "linear_stack": (lambda x: tg.linear(
        x, *(tg.ones(*s, dtype="float64") for s in ((2, 3), (2,)))), (2, 0, 3)),
    "concatenate": (lambda x: tg.concatenate([x, tg.ones(2, 3, dtype="float64")]), (0, 3)),
    "getitem": (lambda x: x[:, 1:], (0, 3)),
    "take_nothing": (lambda x: x[tg.arange(0)], (4, 3)),
    "reshape": (lambda x: tg.reshape(x, 3, 0), (0, 3)),
    "transpose": (tg.transpose, (0, 3)),
    "flip": (tg.flip, (0, 3)),
    "pad": (lambda x: tg.pad(x, 1), (0, 3)),
    "repeat": (lambda x: tg.repeat(x, 2, 0), (0, 3)),
    "broadcast_to": (lambda x: tg.broadcast_to(x, (2, 0, 3)), (0, 3)),
    "einsum": (lambda x: tg.einsum("ij,ij->i", x, x), (0, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_operations_on_no_elements(name, backend):
    function, shape = EMPTY[name]
    (x,) = leaves([np.ones(shape)], backend)
    y = function(x)
    assert tg.grad(y, x, cotangent=cotangent_for(y)).shape == shape


EMPTY_ERRORS = [lambda x: tg.mean(x), lambda x: tg.var(x, 0), lambda x: tg.max(x)]


@pytest.mark.parametrize("function", EMPTY_ERRORS)
def test_what_has_no_value_on_no_elements_says_so(function):
    with pytest.raises(ValueError, match=r"mean: no elements|var: no elements|max\("):
        function(tg.zeros(0, 3))
