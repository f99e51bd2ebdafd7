"""Pooling and resampling: values of PyTorch and of loops, derivatives to order 3, bad input."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from checks import leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import NUMPY


def images(*shape: int, seed: int = 0) -> np.ndarray:
    """No two elements closer than a finite difference could bridge."""
    return (
        np.random.default_rng(seed).permutation(np.linspace(-2, 2, math.prod(shape))).reshape(shape)
    )


EVERY = {
    # name: (function, shape of its input)
    "max_pool2d": (lambda x: tg.max_pool2d(x, 2), (2, 2, 4, 5)),
    "max_pool2d_overlapping": (lambda x: tg.max_pool2d(x, 3, stride=2, padding=1), (1, 2, 5, 4)),
    "max_pool1d": (lambda x: tg.max_pool1d(x, 3, stride=1, padding=1), (2, 2, 5)),
    "avg_pool2d": (lambda x: tg.avg_pool2d(x, (2, 3)), (2, 2, 4, 6)),
    "avg_pool2d_padded": (lambda x: tg.avg_pool2d(
        x, 3, stride=2, padding=1, count_include_pad=False), (1, 2, 5, 4)),
    "avg_pool1d": (lambda x: tg.avg_pool1d(x, 3, stride=1, padding=1), (2, 2, 5)),
    "adaptive_avg_pool2d": (lambda x: tg.adaptive_avg_pool2d(x, (2, 3)), (1, 2, 5, 4)),
    "adaptive_max_pool2d": (lambda x: tg.adaptive_max_pool2d(x, (3, 2)), (1, 2, 4, 5)),
    "global_avg_pool2d": (tg.global_avg_pool2d, (2, 3, 2, 3)),
    "global_max_pool2d": (tg.global_max_pool2d, (2, 3, 2, 3)),
    "upsample_nearest2d": (lambda x: tg.upsample_nearest2d(x, (2, 3)), (1, 2, 2, 3)),
    "upsample_bilinear2d": (lambda x: tg.upsample_bilinear2d(x, 2), (1, 2, 3, 2)),
    "resize_bilinear2d": (lambda x: tg.resize_bilinear2d(x, (5, 2), align_corners=True),
                          (1, 2, 3, 4)),
    "pixel_shuffle": (lambda x: tg.pixel_shuffle(x, 2), (1, 8, 2, 3)),
    "pixel_unshuffle": (lambda x: tg.pixel_unshuffle(x, 2), (1, 2, 4, 2)),
    **{f"pad2d_{mode}": (lambda x, mode=mode: tg.pad2d(x, (1, 2, 0, 1), mode), (1, 2, 3, 4))
       for mode in ("constant", "reflect", "replicate", "circular")},
}  # fmt: skip
every = pytest.mark.parametrize("name", EVERY)


@every
def test_derivatives_to_third_order(name, backend):
    function, shape = EVERY[name]
    x = leaves([images(*shape)], backend)
    tg.gradcheck(lambda x: function(x) ** 3, x, order=3, tolerance=1e-6)


@every
def test_types_shapes_and_layouts(name, backend):
    function, shape = EVERY[name]
    array = images(*shape).astype("float32")
    y = function(tg.Tensor(backend.from_host(array)))
    assert type(y.data) is backend.array_type
    assert y.dtype == np.float32
    if backend is NUMPY:
        last = np.moveaxis(np.moveaxis(array, 1, -1).copy(), -1, 1)
        assert_allclose(function(last), y.numpy(), rtol=1e-6)


@every
def test_an_empty_batch(name, backend):
    function, shape = EVERY[name]
    (x,) = leaves([np.ones((0, *shape[1:]))], backend)
    y = function(x)
    assert y.shape == (0, *function(np.ones(shape)).shape[1:])
    assert tg.grad(tg.sum(y), x).shape == x.shape


# -- what makes each of them what it is ------------------------------------------------------------


def test_the_first_of_equal_elements_gets_the_gradient():
    x = tg.Tensor(np.array([[[[0.0, 1.0, 1.0], [1.0, 1.0, 0.0]]]]), requires_grad=True)
    first = np.array([[[[0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]]])
    assert_array_equal(tg.grad(tg.sum(tg.max_pool2d(x, (2, 3))), x).numpy(), first)
    down = np.array([[[[0.0, 1.0, 1.0], [1.0, 0.0, 0.0]]]])
    assert_array_equal(tg.grad(tg.sum(tg.max_pool2d(x, (2, 1))), x).numpy(), down)


def test_an_element_that_is_largest_in_several_windows_gets_all_their_gradients():
    x = tg.Tensor(np.array([[[0.0, 5.0, 1.0]]]), requires_grad=True)
    y = tg.max_pool1d(x, 2, stride=1)
    assert_array_equal(tg.grad(y, x, cotangent=np.array([[[2.0, 3.0]]])).numpy(), [[[0, 5, 0]]])


@pytest.mark.parametrize("layout", ["rows", "channels last"])
def test_max_pool_writes_to_nothing_and_leaves_channels_last(layout):
    x = images(2, 3, 5, 6)
    x = x if layout == "rows" else np.moveaxis(np.moveaxis(x, 1, -1).copy(), -1, 1)
    before = x.copy()
    for kernel, stride, padding in ((2, 2, 1), (3, 2, 1), (2, 3, 1), ((5, 6), 1, 0), (3, 1, 0)):
        y = tg.max_pool2d(x, kernel, stride=stride, padding=padding)
        assert_array_equal(x, before)
        assert y.transpose(0, 2, 3, 1).flags.c_contiguous
    integers = tg.max_pool2d((x * 100).astype("int32"), 3, stride=2, padding=1)
    assert integers.dtype == np.int32
    assert_array_equal(integers, tg.max_pool2d(np.trunc(x * 100), 3, stride=2, padding=1))


def test_windows_of_minus_infinity_give_the_gradient_to_their_first_element():
    x = tg.Tensor(np.full((1, 1, 2, 2), -np.inf), requires_grad=True)
    y = tg.max_pool2d(x, 3, stride=2, padding=1)
    assert_array_equal(tg.grad(y, x, cotangent=np.ones((1, 1, 1, 1))).numpy(), [[[[1, 0], [0, 0]]]])


def test_more_adaptive_windows_than_elements():
    x = tg.Tensor(images(1, 2, 2, 3), requires_grad=True)
    y = tg.adaptive_max_pool2d(x, (5, 7))
    u = np.random.default_rng(1).normal(size=y.shape)
    (g,) = tg.grad(y, [x], cotangent=u)
    expected = np.zeros(x.shape)
    for n, c, i, j in np.ndindex(y.shape):
        expected[n, c][x.numpy()[n, c] == y.numpy()[n, c, i, j]] += u[n, c, i, j]
    assert_allclose(g.numpy(), expected)


def test_max_pool_of_the_infinite_and_of_nan():
    x = np.full((1, 1, 2, 4), -np.inf)
    assert_array_equal(tg.max_pool2d(x, 2, stride=1, padding=1), np.full((1, 1, 3, 5), -np.inf))
    x[0, 0, 1, 1] = np.nan
    x[0, 0, 0, 3] = np.inf
    y = tg.max_pool2d(x, 2)
    assert np.isnan(y[0, 0, 0, 0])
    assert y[0, 0, 0, 1] == np.inf


def test_shuffles_undo_each_other_and_move_channels_to_pixels():
    x = images(2, 8, 3, 2)
    y = tg.pixel_shuffle(x, 2)
    assert_array_equal(tg.pixel_unshuffle(y, 2), x)
    for n, c, i, j, h, w in product(range(2), range(2), range(2), range(2), range(3), range(2)):
        assert y[n, c, h * 2 + i, w * 2 + j] == x[n, c * 4 + i * 2 + j, h, w]


@pytest.mark.parametrize("mode", ["constant", "reflect", "replicate", "circular"])
def test_borders_are_those_of_numpy(mode):
    x = images(2, 2, 3, 4)
    name = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    for left, right, top, bottom in ((0, 0, 0, 0), (1, 2, 2, 0), (3, 3, 2, 2)):
        expected = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)), name)
        assert_array_equal(tg.pad2d(x, (left, right, top, bottom), mode), expected)
    assert tg.pad2d(x, 1, "constant", 7.0)[0, 0, 0, 0] == 7


@given(st.data())
def test_pooling_is_that_of_the_loops(data):
    kernel = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)), "kernel")
    stride = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)), "stride")
    padding = tuple(data.draw(st.integers(0, k // 2), "padding") for k in kernel)
    size = [data.draw(st.integers(max(1, k - 2 * p), 7), "size")
            for k, p in zip(kernel, padding, strict=True)]  # fmt: skip
    x = np.random.default_rng(0).integers(0, 4, (2, 2, *size)).astype(float)  # with ties
    options = {"stride": stride, "padding": padding}
    largest, mean = tg.max_pool2d(x, kernel, **options), tg.avg_pool2d(x, kernel, **options)
    inside = tg.avg_pool2d(x, kernel, **options, count_include_pad=False)
    expected = [(n + 2 * p - k) // s + 1
                for n, p, k, s in zip(size, padding, kernel, stride, strict=True)]  # fmt: skip
    assert largest.shape == mean.shape == inside.shape == (2, 2, *expected)
    for i, j in product(range(expected[0]), range(expected[1])):
        top, left = i * stride[0] - padding[0], j * stride[1] - padding[1]
        seen = x[:, :, max(top, 0) : top + kernel[0], max(left, 0) : left + kernel[1]]
        assert_array_equal(largest[:, :, i, j], seen.max((2, 3)))
        assert_allclose(mean[:, :, i, j], seen.sum((2, 3)) / np.prod(kernel), atol=1e-14)
        assert_allclose(inside[:, :, i, j], seen.mean((2, 3)), atol=1e-14)


# -- against PyTorch -------------------------------------------------------------------------------


def _pairs(f: Any) -> dict[str, tuple[Any, Any]]:
    return {
        "max_pool2d": (lambda x: tg.max_pool2d(x, (3, 2), stride=(2, 1), padding=(1, 1)),
                       lambda x: f.max_pool2d(x, (3, 2), (2, 1), (1, 1))),
        "avg_pool2d": (lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1),
                       lambda x: f.avg_pool2d(x, 3, 2, 1)),
        "avg_pool2d_inside": (
            lambda x: tg.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False),
            lambda x: f.avg_pool2d(x, 3, 2, 1, count_include_pad=False)),
        "max_pool1d": (lambda x: tg.max_pool1d(x[:, :, 0], 2),
                       lambda x: f.max_pool1d(x[:, :, 0], 2)),
        "avg_pool1d": (lambda x: tg.avg_pool1d(x[:, :, 0], 3, stride=1, padding=1),
                       lambda x: f.avg_pool1d(x[:, :, 0], 3, 1, 1)),
        "adaptive_avg": (lambda x: tg.adaptive_avg_pool2d(x, (3, 2)),
                         lambda x: f.adaptive_avg_pool2d(x, (3, 2))),
        "adaptive_max": (lambda x: tg.adaptive_max_pool2d(x, (2, 3)),
                         lambda x: f.adaptive_max_pool2d(x, (2, 3))),
        "nearest": (lambda x: tg.upsample_nearest2d(x, 3),
                    lambda x: f.interpolate(x, scale_factor=3)),
        "bilinear": (lambda x: tg.upsample_bilinear2d(x, 2),
                     lambda x: f.interpolate(x, scale_factor=2, mode="bilinear")),
        "bilinear_corners": (
            lambda x: tg.upsample_bilinear2d(x, 2, align_corners=True),
            lambda x: f.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)),
        "bilinear_to": (lambda x: tg.resize_bilinear2d(x, (3, 11)),
                        lambda x: f.interpolate(x, (3, 11), mode="bilinear")),
        "bilinear_to_corners": (
            lambda x: tg.resize_bilinear2d(x, (1, 11), align_corners=True),
            lambda x: f.interpolate(x, (1, 11), mode="bilinear", align_corners=True)),
        "shuffle": (lambda x: tg.pixel_shuffle(x, 2), lambda x: f.pixel_shuffle(x, 2)),
        **{mode: (lambda x, mode=mode: tg.pad2d(x, (1, 2, 3, 0), mode),
                  lambda x, mode=mode: f.pad(x, (1, 2, 3, 0), mode))
           for mode in ("constant", "reflect", "replicate", "circular")},
    }  # fmt: skip


@pytest.mark.torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", _pairs(None))
def test_values_and_gradients_are_pytorchs(name, dtype):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    ours, theirs = _pairs(torch.nn.functional)[name]
    tolerance = 1e-5 if dtype == "float32" else 1e-10

    @given(st.integers(4, 9), st.integers(4, 9), st.integers(0, 99))
    @settings(max_examples=8)
    def check(h, w, seed):
        rng = np.random.default_rng(seed)
        array = rng.integers(-9, 9, size=(2, 4, h, w)).astype(dtype)  # with ties
        x = tg.Tensor(array, requires_grad=True)
        their_x = torch.tensor(array, requires_grad=True)
        y, their_y = ours(x), theirs(their_x)
        u = rng.normal(size=y.shape).astype(dtype)
        found = tg.grad(y, x, cotangent=u).numpy()
        (expected,) = torch.autograd.grad(their_y, their_x, torch.tensor(u))
        assert_allclose(y.numpy(), their_y.detach().numpy(), rtol=tolerance, atol=10 * tolerance)
        assert_allclose(found, expected.numpy(), rtol=tolerance, atol=10 * tolerance)

    check()


# -- bad input -------------------------------------------------------------------------------------

BAD = {
    "max_pool2d: input must be (N, C, H, W), not of shape (3, 4, 4).":
        lambda: tg.max_pool2d(np.ones((3, 4, 4)), 2),
    "max_pool1d: input must be (N, C, L), not of shape (4, 4).":
        lambda: tg.max_pool1d(np.ones((4, 4)), 2),
    "avg_pool2d: the kernel does not fit on the input: it spans 5, the input with its padding 4 "
    "(input (1, 1, 4, 4)).": lambda: tg.avg_pool2d(np.ones((1, 1, 4, 4)), 5),
    "max_pool2d: padding 2 is more than half of the kernel 3, so that a window could see nothing "
    "else.": lambda: tg.max_pool2d(np.ones((1, 1, 4, 4)), 3, padding=2),
    "max_pool2d: stride must be an int of 1 or more or a pair of them, not 0.":
        lambda: tg.max_pool2d(np.ones((1, 1, 4, 4)), 2, stride=0),
    "adaptive_avg_pool2d: size must be an int of 1 or more or a pair of them, not (0, 1).":
        lambda: tg.adaptive_avg_pool2d(np.ones((1, 1, 4, 4)), (0, 1)),
    "adaptive_max_pool2d: there is nothing to pool in an input of shape (1, 1, 0, 4).":
        lambda: tg.adaptive_max_pool2d(np.ones((1, 1, 0, 4)), 1),
    "pixel_shuffle: the channels must divide by factor^2, which 6 do not by 2^2 "
    "(input (1, 6, 2, 2)).": lambda: tg.pixel_shuffle(np.ones((1, 6, 2, 2)), 2),
    "pixel_unshuffle: height and width must divide by the factor, which 3 and 2 do not by 2 "
    "(input (1, 1, 3, 2)).": lambda: tg.pixel_unshuffle(np.ones((1, 1, 3, 2)), 2),
    'pad2d: mode must be "constant", "reflect", "replicate" or "circular", not \'mirror\'.':
        lambda: tg.pad2d(np.ones((1, 1, 3, 2)), 1, "mirror"),
    'pad2d: mode "reflect" can add at most 1 on a side of length 2, not 2 (input (1, 1, 3, 2)).':
        lambda: tg.pad2d(np.ones((1, 1, 3, 2)), 2, "reflect"),
    "pad2d: padding must be an int of 0 or more or 4 of them, not (1, 2).":
        lambda: tg.pad2d(np.ones((1, 1, 3, 2)), (1, 2)),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD, ids=lambda message: message[:50])
def test_a_mismatch_is_told_in_one_sentence(message):
    with pytest.raises(ValueError) as error:  # noqa: PT011  the whole message is compared
        BAD[message]()
    assert str(error.value) == message
