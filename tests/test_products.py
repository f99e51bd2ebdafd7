"""Matrix products on every backend, whatever the layout of the operands."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import host

LAYOUTS = {
    # what lies in memory, and the view of it that is multiplied
    "rows": (lambda x: x, lambda y: y),
    "columns": (lambda x: x.swapaxes(-1, -2), lambda y: y.swapaxes(-1, -2)),
    "gaps between rows": (lambda x: np.concatenate([x, x], -1),
                          lambda y: y[..., : y.shape[-1] // 2]),
    "gaps between columns": (lambda x: np.repeat(x, 2, -1), lambda y: y[..., ::2]),
    "turned round": (lambda x: x[..., ::-1, :], lambda y: y[..., ::-1, :]),
}  # fmt: skip
SHAPES = [
    ((3, 4), (4, 5)), ((1, 4), (4, 1)), ((3, 1), (1, 5)), ((4, 1), (1, 1)), ((1, 1), (1, 3)),
    ((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (1, 4, 5)), ((6, 2, 3, 4), (4, 5)), ((3, 4), (2, 4, 5)),
    ((2, 1, 3, 4), (5, 4, 2)), ((0, 4), (4, 5)), ((3, 0), (0, 5)), ((0, 3, 4), (0, 4, 5)),
]  # fmt: skip


def on(backend, x: np.ndarray, layout: str):
    """x on the backend, lying in memory as asked."""
    stored, view = LAYOUTS[layout]
    return view(backend.from_host(np.ascontiguousarray(stored(x))))


@pytest.mark.parametrize("shapes", SHAPES, ids=str)
@pytest.mark.parametrize("a_layout", LAYOUTS)
@pytest.mark.parametrize("b_layout", LAYOUTS)
def test_any_layout_is_multiplied(backend, shapes, a_layout, b_layout):
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=shape) for shape in shapes)
    x, y = on(backend, a, a_layout), on(backend, b, b_layout)
    assert_array_equal(host(x), a)
    found = backend.matmul(x, y)
    assert_allclose(host(found), a @ b, rtol=1e-12, atol=1e-12)
    assert_array_equal(host(x), a)
    if a.ndim == b.ndim == 2:
        assert_allclose(host(backend.dot(x, y)), a @ b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(1, 4), (3, 1), (1, 1)])
def test_operands_may_repeat_their_elements(backend, shape):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=shape), rng.normal(size=(4, 3))
    x = backend.broadcast_to(backend.from_host(a), (3, 4))
    y = backend.from_host(b)
    expected = np.broadcast_to(a, (3, 4))
    assert_allclose(host(backend.matmul(x, y)), expected @ b, rtol=1e-12)
    assert_allclose(host(backend.matmul(x.T, y.T)), expected.T @ b.T, rtol=1e-12)


def test_host_and_device_are_not_mixed():
    x, y = tg.ones(2, 3, device="strict"), np.ones((3, 2), "float32")
    bias, p = np.ones(1, "float32"), np.full(1, 0.5, "float32")
    with pytest.raises(TypeError, match=r"different devices.*write a \+ b\.to\(a\.device\)"):
        tg.matmul(x, y)
    with pytest.raises(TypeError):  # an array of one element CuPy would pass as a number
        strict.STRICT.biased_relu(tg.ones(2, 1, device="strict").data, bias, 0.0)
    with pytest.raises(TypeError):
        tg.Generator(0, device="strict").bernoulli(p)


@pytest.mark.parametrize("place", ["dense", "gaps", "transposed"])
def test_the_result_goes_where_it_is_wanted(backend, place):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 4)), rng.normal(size=(4, 5))
    whole = backend.from_host(np.full((8, 9), 7.0))
    out = {"dense": whole[:3].reshape(-1)[:15].reshape(3, 5), "gaps": whole[2:5, 1:6],
           "transposed": whole.T[1:4, 2:7]}[place]  # fmt: skip
    backend.matmul(backend.from_host(a), backend.from_host(b), out=out)
    assert_allclose(host(out), a @ b)
    assert (host(whole) == 7.0).sum() == 72 - 15


@pytest.mark.parametrize("layout", ["rows", "columns", "gaps between rows"])
def test_what_cublas_can_read_is_not_copied(layout):
    with tg.use_device("strict") as backend:
        rng = np.random.default_rng(0)
        a, b = (
            on(backend, rng.normal(size=(3, 4)), layout),
            on(backend, rng.normal(size=(4, 5)), layout),
        )
        with strict.measure() as spent:
            backend.matmul(a, b)
            backend.matmul(b.T, a.T)
    assert spent.launches == 2


@pytest.mark.parametrize("dtypes", [("float32", "float64"), ("int64", "int64"), ("float16",) * 2])
def test_other_types_are_left_to_the_library(backend, dtypes):
    a, b = (
        np.arange(6).reshape(shape).astype(d)
        for shape, d in zip(((2, 3), (3, 2)), dtypes, strict=True)
    )
    found = backend.matmul(backend.from_host(a), backend.from_host(b))
    assert host(found).dtype == (a @ b).dtype
    assert_allclose(host(found), a @ b)


@pytest.mark.parametrize("device", ["strict", pytest.param("cuda", marks=pytest.mark.cuda)])
def test_tf32_is_asked_for_and_taken_back(device):
    if device == "cuda" and (reason := tg.backend.cuda_status()):
        pytest.skip(reason)
    rng = np.random.default_rng(0)
    a, b = (rng.normal(size=(64, 64)).astype("float32") for _ in range(2))
    exact = a.astype("float64") @ b
    with tg.use_device(device) as backend:
        errors = []
        for precision in ("highest", "high", "highest"):
            tg.set_matmul_precision(precision)
            found = host(backend.matmul(backend.from_host(a), backend.from_host(b)))
            errors.append(np.abs(found - exact).max())
    assert errors[0] == errors[2] < 1e-4
    assert 1e-3 < errors[1] < 0.1


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match='"highest" or "high", not \'medium\''):
        tg.set_matmul_precision("medium")


def test_a_failure_of_cublas_is_told():
    blas = strict.STRICT.blas()
    with pytest.raises(RuntimeError, match="cublasSgemmStridedBatched with status 7"):
        blas.products(False, (2, 2, 2), (0, 0, 1, 0), (0, 0, 2, 0), (0, 2, 0), 1)
