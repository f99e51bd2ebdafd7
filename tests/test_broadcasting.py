"""Shapes that hypothesis thinks of: broadcasting of two arrays, and every kind of index."""

import numpy as np
import pytest
from cases import BINARY
from checks import leaves
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import NUMPY, backend_for
from tinygen.primitive import PRIMITIVES

shapes = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)
devices = st.sampled_from(["cpu", "strict"])


def numbers(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Within (0.5, 2), all different."""
    return np.random.default_rng(seed).uniform(0.5, 2.0, size=shape)


@pytest.mark.parametrize(("name", "oracle"), BINARY)
@given(pair=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), device=devices)
def test_binary_operations_broadcast(name, oracle, pair, device):
    arrays = [numbers(shape, seed) for seed, shape in enumerate(pair.input_shapes)]
    inputs = leaves(arrays, backend_for(device))
    y = PRIMITIVES[name](*inputs)
    assert_allclose(y.numpy(), oracle(*arrays), rtol=1e-14)
    found = tg.grad(y, inputs, cotangent=np.ones(y.shape) if device == "cpu" else tg.full(
        y.shape, 1.0, dtype="float64", device=device))  # fmt: skip
    for g, array in zip(found, arrays, strict=True):
        assert g.shape == array.shape
    tg.gradcheck(PRIMITIVES[name], inputs, order=2, directions=1)


@given(pair=hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3, max_side=3))
def test_where_broadcasts(pair):
    c, a, b = (numbers(shape, seed) for seed, shape in enumerate(pair.input_shapes))
    y = tg.where(tg.Tensor(c > 1.0), tg.Tensor(a), tg.Tensor(b))
    assert_array_equal(y.numpy(), np.where(c > 1.0, a, b))
    tg.gradcheck(lambda a, b: tg.where(c > 1.0, a * a, b), [a, b], order=2, directions=1)


@given(
    pair=hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3)
)
def test_matmul_broadcasts(pair):
    arrays = [numbers(shape, seed) for seed, shape in enumerate(pair.input_shapes)]
    y = tg.matmul(*leaves(arrays, NUMPY))
    assert y.shape == pair.result_shape
    assert_allclose(y.numpy(), np.matmul(*arrays), rtol=1e-13)
    tg.gradcheck(tg.matmul, arrays, order=2, directions=1)


@given(shape=shapes, data=st.data(), device=devices)
def test_reductions_over_any_axes(shape, data, device):
    axes = st.integers(-len(shape), len(shape) - 1) if shape else st.nothing()
    several = st.lists(axes, unique_by=lambda a: a % len(shape)).map(tuple)
    axis = data.draw(st.none() | axes | several)
    keepdims = data.draw(st.booleans())
    array = numbers(shape, 0)
    (x,) = leaves([array], backend_for(device))
    y = tg.sum(x * x, axis, keepdims)
    assert_allclose(y.numpy(), np.sum(array * array, axis, keepdims=keepdims), rtol=1e-13)
    tg.gradcheck(lambda x: tg.sum(x * x, axis, keepdims), [x], order=2, directions=1)
    if array.size:
        expected = np.max(array, axis, keepdims=keepdims)
        assert_array_equal(tg.max(x, axis, keepdims).numpy(), expected)
        tg.gradcheck(lambda x: tg.logsumexp(x, axis, keepdims), [x], order=2, directions=1)


# -- indices ---------------------------------------------------------------------------------------


@given(data=st.data(), shape=shapes, device=devices)
def test_basic_indices(data, shape, device):
    index = data.draw(hnp.basic_indices(shape, allow_newaxis=True))
    _check_index(numbers(shape, 1), index, device)


@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=3), device=devices)
def test_integer_array_indices_name_elements_more_than_once(data, shape, device):
    count = data.draw(st.integers(1, len(shape)))
    index = data.draw(hnp.integer_array_indices(shape[:count], result_shape=hnp.array_shapes(
        max_dims=2, min_side=0, max_side=4)))  # fmt: skip
    _check_index(numbers(shape, 2), index, device)


@given(data=st.data(), shape=hnp.array_shapes(max_dims=3, max_side=3), device=devices)
def test_masks(data, shape, device):
    of_axes = data.draw(st.integers(1, len(shape)))
    mask = data.draw(hnp.arrays(bool, shape[:of_axes]))
    _check_index(numbers(shape, 3), mask, device)


ROWS = np.array([2, 0, 2])
MIXED = {
    "rows and a slice": (ROWS, slice(0, 2)),
    "slice and rows": (slice(None), ROWS),
    "rows apart": (ROWS, slice(None), ROWS),
    "a number among rows": (1, slice(None), ROWS),
    "new axis and rows": (None, ROWS),
    "ellipsis and rows": (Ellipsis, ROWS),
    "list": [0, 2, 2],
    "list in a tuple": (slice(None), [1, 1]),
    "numpy integer": np.int64(1),
    "0-d array": np.array(2),
    "negative rows": np.array([-1, 0, -1]),
    "tensor of integers": tg.tensor([0, 0, 1]),
    "tensor in a tuple": (slice(1, None), tg.tensor([0, 0])),
    "mask and a number": (np.array([True, False, True]), 1),
    "nothing": np.zeros(0, dtype=int),
}


@pytest.mark.parametrize("name", MIXED)
@pytest.mark.parametrize("device", ["cpu", "strict"])
def test_mixed_indices(name, device):
    _check_index(numbers((3, 3, 3), 4), MIXED[name], device)


def _check_index(array: np.ndarray, index: object, device: str) -> None:
    (x,) = leaves([array], backend_for(device))
    on_device = _moved(index, device)
    host_index = _moved(index, "cpu", raw=True)
    expected = array[host_index]
    assert_array_equal(x[on_device].numpy(), expected)
    u = np.random.default_rng(0).normal(size=expected.shape)
    g = tg.grad(x[on_device], x, cotangent=tg.tensor(u, device=device))
    scattered = np.zeros_like(array)
    np.add.at(scattered, host_index, u)
    assert_allclose(g.numpy(), scattered, rtol=1e-14)
    tg.gradcheck(lambda x: x[on_device] ** 2, [x], order=2, directions=1)


def _moved(index: object, device: str, raw: bool = False) -> object:
    if isinstance(index, tuple):
        return tuple(_moved(part, device, raw) for part in index)
    if isinstance(index, tg.Tensor):
        return index.numpy() if raw else index.to(device)
    return index


def test_an_index_out_of_range_is_an_error():
    with pytest.raises(IndexError, match=r"getitem\(float32 \(3,\), 5\)"):
        tg.ones(3)[5]
