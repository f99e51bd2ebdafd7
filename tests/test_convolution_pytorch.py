"""Convolutions beside PyTorch's: values, gradients, gradients of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from convolution_problems import problems
from hypothesis import given, settings
from numpy.testing import assert_allclose

import tinygen as tg

pytestmark = pytest.mark.torch


def pytorch() -> Any:
    """On one thread: these arrays are small, and two test workers share the cores."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    return torch


def _strided(a: np.ndarray) -> np.ndarray:
    return np.repeat(a, 2, axis=-1)[..., ::2]


LAYOUTS = {
    "contiguous": lambda a: a,
    "channels last": lambda a: (
        np.ascontiguousarray(np.moveaxis(a, 1, -1)).swapaxes(1, -1)
        if a.ndim < 4
        else np.ascontiguousarray(a.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    ),
    "strided": _strided,
}


def _orders(function: Any, grad: Any, inputs: list, cotangent: Any, total: Any) -> list:
    """The value, the gradients of <u, y>, and those of the sum of these gradients' squares."""
    y = function(*inputs)
    first = grad(y, inputs, cotangent(y))
    return [y, *first, *grad(total(first), inputs, None)]


def _ours(function: Any, arrays: list[np.ndarray], u: np.ndarray) -> list[np.ndarray]:
    inputs = [tg.Tensor(a, requires_grad=True) for a in arrays]
    found = _orders(
        function,
        lambda y, x, c: tg.grad(y, x, cotangent=c, create_graph=True, allow_unused=True),
        inputs, lambda y: tg.Tensor(u), lambda gs: sum(tg.sum(g * g) for g in gs),
    )  # fmt: skip
    return [None if t is None else t.numpy() for t in found]


def _theirs(function: Any, arrays: list[np.ndarray], u: np.ndarray) -> list[np.ndarray]:
    torch = pytorch()
    inputs = [torch.tensor(a, requires_grad=True) for a in arrays]
    found = _orders(
        function,
        lambda y, x, c: torch.autograd.grad(y, x, c, create_graph=True, allow_unused=True),
        inputs, lambda y: torch.tensor(u), lambda gs: sum((g * g).sum() for g in gs),
    )  # fmt: skip
    return [None if t is None else t.detach().numpy() for t in found]


def assert_as_pytorch(ours: Any, theirs: Any, arrays: list[np.ndarray], shape: Any) -> None:
    """Value, gradients and second-order gradients agree to 1e-5 (float32) or 1e-10 (float64)."""
    u = np.random.default_rng(3).normal(size=shape).astype(arrays[0].dtype)
    tolerance = 1e-5 if arrays[0].dtype == np.float32 else 1e-10
    for a, b in zip(_ours(ours, arrays, u), _theirs(theirs, arrays, u), strict=True):
        assert (a is None) == (b is None)
        if a is not None and a.size:
            assert a.dtype == b.dtype
            assert_allclose(a, b, rtol=tolerance, atol=tolerance * (1 + np.abs(b).max()))


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conv2d_is_pytorchs(layout, dtype):
    functional = pytorch().nn.functional

    @given(problems(images=1))
    @settings(max_examples=12)
    def check(p):
        x, w = (LAYOUTS[layout](a) for a in p.arrays(dtype))
        b = np.random.default_rng(1).normal(size=len(w)).astype(dtype)
        assert_as_pytorch(
            lambda x, w, b: tg.conv2d(x, w, b, **p.options),
            lambda x, w, b: functional.conv2d(x, w, b, **p.options),
            [x, w, b], tg.conv2d(x, w, **p.options).shape,
        )  # fmt: skip

    check()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conv_transpose2d_is_pytorchs(dtype):
    functional = pytorch().nn.functional

    @given(problems(images=1))
    @settings(max_examples=15)
    def check(p):
        x, w = p.arrays(dtype)
        rng = np.random.default_rng(p.seed)
        x = rng.normal(size=(len(x), len(w), 4, 5)).astype(dtype)
        b = rng.normal(size=w.shape[1] * p.options["groups"]).astype(dtype)
        options = {**p.options, "output_padding": p.output_padding}
        try:
            shape = tg.conv_transpose2d(x, w, **options).shape
        except ValueError:  # no elements are left: see the tests of bad input
            return
        assert_as_pytorch(
            lambda x, w, b: tg.conv_transpose2d(x, w, b, **options),
            lambda x, w, b: functional.conv_transpose2d(x, w, b, **options),
            [x, w, b], shape,
        )  # fmt: skip

    check()


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2, "groups": 2}])
def test_one_axis_is_pytorchs(options):
    functional = pytorch().nn.functional
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 4, 9)), rng.normal(size=(4, 4, 3)), rng.normal(size=4)
    w = w[:, : 4 // options.get("groups", 1)]
    shape = tg.conv1d(x, w, **options).shape
    assert_as_pytorch(
        lambda *a: tg.conv1d(*a, **options), lambda *a: functional.conv1d(*a, **options),
        [x, w, b], shape,
    )  # fmt: skip
    b = rng.normal(size=w.shape[1] * options.get("groups", 1))
    shape = tg.conv_transpose1d(x, w, **options).shape
    assert_as_pytorch(
        lambda *a: tg.conv_transpose1d(*a, **options),
        lambda *a: functional.conv_transpose1d(*a, **options), [x, w, b], shape,
    )  # fmt: skip
