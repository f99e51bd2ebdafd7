"""Public names explain themselves, and what is called wrongly is refused with the true cause."""

import inspect
import pickle

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.primitive import PRIMITIVES

X = tg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)


@pytest.mark.parametrize("module", [tg, nn, optim, nn.init, optim.schedules])
def test_every_public_name_has_a_docstring(module):
    assert [name for name in module.__all__ if not inspect.getdoc(getattr(module, name))] == []


def test_every_method_of_a_tensor_has_a_docstring():
    names = [name for name in dir(tg.Tensor) if not name.startswith("_")]
    assert [name for name in names if not inspect.getdoc(getattr(tg.Tensor, name))] == []


def test_operations_are_functions_of_the_file_that_declares_them():
    assert tg.tanh.__module__ == "tinygen.ops.elementwise"
    assert pickle.loads(pickle.dumps(tg.tanh)) is tg.tanh


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: tg.einsum("ij,jk->ik", X, X), ValueError, "einsum: 'j' .* of length 3 and 2"),
        (lambda: tg.sum(X, [0, 1]), TypeError, r"sum\(float32 \(2, 3\), \[0, 1\]"),
        (lambda: X["a"], IndexError, r"getitem\(float32 \(2, 3\), 'a'\): only integers"),
        (lambda: tg.exp(None), TypeError, "exp: takes tensors, arrays and numbers, not NoneType"),
        (lambda: X @ X, ValueError, r"equally long, not 3 and 2 \(a \(2, 3\), b \(2, 3\)\)"),
        (lambda: X @ [1.0, 2.0, 3.0], TypeError, "matmul: takes tensors and arrays, not list"),
        (lambda: tg.swapaxes(X, 0, 5), IndexError, "axis 5 is out of bounds"),
        (lambda: tg.split(X, 0, 1), ValueError, "does not divide into 0 equal parts"),
        (lambda: tg.split(X, -1, 1), ValueError, "does not divide into -1 equal parts"),
        (lambda: tg.clip(X, X, 3.0), TypeError, r"use tg\.maximum"),
        (lambda: tg.softmax_cross_entropy(X, [0, 1]), TypeError, r"not list; make .* tg\.tensor"),
        (lambda: tg.gradcheck(tg.tanh, [X], order=0), ValueError, "nothing to check"),
        (lambda: tg.gradcheck(tg.tanh, []), ValueError, "nothing to check"),
    ],
)  # fmt: skip
def test_the_cause_that_is_named_is_the_true_one(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


def test_a_primitive_of_functions_without_parameter_names_is_refused():
    with pytest.raises(TypeError, match="does not tell the names of its parameters"):
        tg.primitive("of_a_ufunc", np.tanh, lambda g: g)
    assert "of_a_ufunc" not in PRIMITIVES


def test_a_tensor_is_a_sequence_for_concatenate_as_an_array_is_for_numpy():
    np.testing.assert_array_equal(tg.concatenate(X).numpy(), np.concatenate(X.numpy()))


def test_relu_takes_python_numbers():
    assert (tg.relu(-1.5), tg.relu(2)) == (0.0, 2)
