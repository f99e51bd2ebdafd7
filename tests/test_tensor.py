"""Tensors as citizens of Python and NumPy: making, showing, converting, refusing."""

import operator

import numpy as np
import pytest
from checks import leaves
from numpy.testing import assert_array_equal

import tinygen as tg
from tinygen.backend import host

# -- making ----------------------------------------------------------------------------------------

MADE = {
    "list of floats": (lambda: tg.tensor([1.0, 2.0]), "float32"),
    "list of integers": (lambda: tg.tensor([1, 2]), "int64"),
    "list of booleans": (lambda: tg.tensor([True, False]), "bool"),
    "float64 array": (lambda: tg.tensor(np.ones(2)), "float64"),
    "dtype given": (lambda: tg.tensor([1, 2], dtype="float64"), "float64"),
    "number": (lambda: tg.tensor(1.5), "float32"),
    "numpy number": (lambda: tg.tensor(np.float64(1.5)), "float64"),
    "tensor": (lambda: tg.tensor(tg.tensor(np.ones(2))), "float64"),
    "zeros": (lambda: tg.zeros(2, 3), "float32"),
    "ones": (lambda: tg.ones((2, 3), dtype="float64"), "float64"),
    "full": (lambda: tg.full((2, 3), 0.5), "float32"),
    "arange": (lambda: tg.arange(5), "int64"),
    "arange of floats": (lambda: tg.arange(0.0, 1.0, 0.25), "float32"),
    "eye": (lambda: tg.eye(3), "float32"),
}


@pytest.mark.parametrize("name", MADE)
def test_dtypes_of_new_tensors(name, backend):
    make, dtype = MADE[name]
    x = make()
    assert x.dtype == dtype
    assert type(x.data) is backend.array_type
    assert not x.requires_grad


def test_values_of_new_tensors(backend):
    assert_array_equal(tg.arange(2, 8, 3).numpy(), [2, 5])
    assert_array_equal(tg.eye(2).numpy(), np.eye(2))
    assert_array_equal(tg.full((2,), 0.5).numpy(), [0.5, 0.5])
    assert tg.zeros(2, 3).shape == tg.zeros((2, 3)).shape == tg.ones([2, 3]).shape == (2, 3)
    assert tg.zeros(()).shape == tg.full((), 1.0).shape == ()
    assert tg.zeros(np.int64(2)).shape == tg.full(np.int64(2), 1.0).shape == (2,)


def test_tensor_copies_and_the_constructor_shares():
    a = np.ones(2)
    assert not np.shares_memory(tg.tensor(a).data, a)
    assert tg.Tensor(a).data is a
    assert not np.shares_memory(tg.tensor(tg.Tensor(a)).data, a)


def test_what_makes_no_tensor_says_why():
    with pytest.raises(TypeError, match=r"not list; use tg.tensor"):
        tg.Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="nested lists do not form an array"):
        tg.tensor([[1.0], [1.0, 2.0]])
    with pytest.raises(TypeError, match="numbers and arrays of numbers, not str"):
        tg.tensor("1")
    with pytest.raises(tg.DeviceError, match=r"unknown device 'tpu'; known are cpu"):
        tg.tensor(1.0, device="tpu")


def test_only_floats_require_gradients():
    for make in (lambda: tg.tensor([1, 2], requires_grad=True),
                 lambda: setattr(tg.tensor([True]), "requires_grad", True)):  # fmt: skip
        with pytest.raises(TypeError, match=r"floating-point.*astype"):
            make()


def test_requires_grad_is_set_on_leaves_only():
    x = tg.tensor([1.0], requires_grad=True)
    with pytest.raises(RuntimeError, match="leaves only"):
        (x * 2.0).requires_grad = False
    x.requires_grad = False
    assert not (x * 2.0).requires_grad
    with pytest.raises(RuntimeError, match="no grad"):
        x.grad = tg.ones(1)


# -- moving ----------------------------------------------------------------------------------------


def test_to_copies_between_devices_and_stays_where_it_is():
    x = tg.tensor([1.0, 2.0], device="cpu")
    y = x.to("strict")
    assert (x.device, y.device) == ("cpu", "strict")
    assert x.to("cpu") is x
    assert_array_equal(y.to("cpu").numpy(), [1.0, 2.0])
    assert tg.tensor(y, device="cpu").device == "cpu"
    assert tg.tensor(y).device == "strict"


def test_default_device_comes_from_the_context_and_the_environment(monkeypatch):
    assert tg.default_device() == "cpu"
    monkeypatch.setenv("TINYGEN_DEVICE", "strict")
    assert tg.ones(1).device == "strict"
    with tg.use_device("cpu"):
        assert tg.ones(1).device == "cpu"
    monkeypatch.delenv("TINYGEN_DEVICE")


def test_use_device_without_a_block_holds_from_there_on_until_undone():
    outer = tg.use_device("strict")
    try:
        assert (tg.ones(1).device, tg.Generator(0).backend.name) == ("strict", "strict")
        with tg.use_device("cpu"):
            assert tg.ones(1).device == "cpu"
        assert tg.ones(1).device == "strict"
    finally:
        outer.__exit__(None, None, None)
    assert tg.default_device() == "cpu"


def test_use_device_is_undone_after_an_error():
    with pytest.raises(ZeroDivisionError), tg.use_device("strict"):
        raise ZeroDivisionError
    assert tg.default_device() == "cpu"
    with pytest.raises(tg.DeviceError), tg.use_device("nowhere"):
        pass
    assert tg.default_device() == "cpu"


def test_asking_for_cuda_without_it_says_what_to_do():
    from tinygen.backend import cuda_status

    if cuda_status() is None:
        pytest.skip("CUDA works here")
    with pytest.raises(tg.DeviceError, match=r"CUDA cannot be used: .+"):
        tg.ones(1, device="cuda")
    assert tg.ones(1, device="auto").device == "cpu"


def test_dlpack_both_ways_shares_memory():
    x = tg.tensor([1.0, 2.0])
    theirs = np.from_dlpack(x)
    assert np.shares_memory(theirs, x.data)
    ours = tg.from_dlpack(np.arange(3.0))
    assert (ours.device, ours.dtype) == ("cpu", np.float64)
    assert_array_equal(tg.from_dlpack(x).numpy(), [1.0, 2.0])


# -- Python ----------------------------------------------------------------------------------------


def test_numbers_and_truth(backend):
    x = tg.tensor([[2.5]])
    assert (float(x[0, 0]), int(x[0, 0]), x.item()) == (2.5, 2, 2.5)
    assert isinstance(x.item(), float)
    assert bool(x > 2.0)
    with pytest.raises(ValueError, match="truth of 2 elements is not defined"):
        bool(tg.ones(2))


def test_length_and_iteration(backend):
    (x,) = leaves([np.arange(6.0).reshape(3, 2)], backend)
    rows = list(x)
    assert len(x) == len(rows) == 3
    assert tg.grad(tg.sum(rows[1] ** 2), x).numpy().tolist() == [[0, 0], [4, 6], [0, 0]]
    with pytest.raises(TypeError, match="0-d tensor has no length"):
        len(tg.tensor(1.0))


def test_repr_tells_dtype_device_and_origin():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert repr(x) == "Tensor([1., 2.], requires_grad=True)"
    assert repr(x * 2.0) == "Tensor([2., 4.], op=multiply)"
    assert repr(tg.ones(1, dtype="float64")) == "Tensor([1.], dtype=float64)"
    assert repr(tg.ones(1, device="strict")) == "Tensor([1.], device='strict')"


def test_tensors_are_hashed_by_identity():
    x, y = tg.ones(1), tg.ones(1)
    assert len({x: 1, y: 2}) == 2


# -- operators and NumPy ---------------------------------------------------------------------------

OPERATORS = ["add", "sub", "mul", "truediv", "pow", "floordiv", "lt", "le", "gt", "ge", "eq", "ne"]


@pytest.mark.parametrize("name", OPERATORS)
@pytest.mark.parametrize("left", ["tensor", "number", "array"])
def test_operators_with_numbers_and_arrays_on_either_side(name, left, backend):
    apply = getattr(operator, name)
    a, b = np.array([0.5, 1.5], "float32"), np.array([2.0, 1.0], "float32")
    (x,) = leaves([b], backend, "float32")
    first = {"tensor": tg.Tensor(backend.from_host(a)), "number": 1.5,
             "array": backend.from_host(a)}[left]  # fmt: skip
    y = apply(first, x)
    assert type(y) is tg.Tensor
    expected = apply(1.5 if left == "number" else a, b)
    assert_array_equal(y.numpy(), expected)
    assert y.dtype == expected.dtype


def test_matmul_with_an_array_on_the_left():
    x = tg.tensor(np.ones((2, 3)), requires_grad=True)
    y = np.ones((4, 2)) @ x
    assert tg.grad(tg.sum(y), x).numpy().tolist() == [[4.0] * 3] * 2


def test_numpy_functions_name_the_remedy():
    x = tg.tensor([1.0])
    with pytest.raises(TypeError, match=r"write tg\.exp\(x\), not np\.exp\(x\)"):
        np.exp(x)
    with pytest.raises(TypeError, match=r"write tg\.add"):
        np.add(np.ones(1), x, out=np.ones(1))
    for convert in (np.asarray, np.array, lambda x: np.concatenate([x, x])):
        with pytest.raises(TypeError, match=r"x\.numpy\(\)"):
            convert(x)


def test_methods_are_the_operations(backend):
    (x,) = leaves([np.arange(1.0, 7.0).reshape(2, 3)], backend)
    assert_array_equal(x.T.numpy(), x.numpy().T)
    assert_array_equal(x.sum(axis=0).numpy(), x.numpy().sum(axis=0))
    assert_array_equal(x.reshape(3, 2).transpose(1, 0).numpy(), x.numpy().reshape(3, 2).T)
    assert_array_equal(abs(-x).numpy(), x.numpy())
    assert x.astype("int64").dtype == np.int64
    assert x.astype("float32").astype("float64").requires_grad
    assert not x.astype("int32").requires_grad
    assert host(x.mean(axis=(0, 1), keepdims=True).data).shape == (1, 1)


def test_a_constant_has_no_gradient_not_even_in_itself():
    x = tg.ones(1)
    with pytest.raises(RuntimeError, match="input 0 does not require gradients"):
        tg.grad(x, x)
