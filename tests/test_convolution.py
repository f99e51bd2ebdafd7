"""The family of three: the identity that defines it, loops, memory, wrong input."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from checks import leaves
from convolution_loops import conv2d_loops, conv_transpose2d_loops
from convolution_problems import problems
from hypothesis import given, settings
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import NUMPY
from tinygen.backend.convolution import FEW_CHANNELS
from tinygen.primitive import PRIMITIVES


@pytest.fixture(params=[None, 500], ids=["one block", "many blocks"])
def blocks(request, monkeypatch):
    """Columns in blocks of so few bytes that images, and rows of images, are apart."""
    if request.param:
        monkeypatch.setattr(NUMPY, "column_bytes", request.param)


# -- values ----------------------------------------------------------------------------------------


def test_values_are_those_of_the_loops(blocks):
    @given(problems())
    def check(p):
        x, w = p.arrays()
        assert_allclose(tg.conv2d(x, w, **p.options), conv2d_loops(x, w, **p.options), atol=1e-12)

    check()


def test_transposed_values_are_those_of_the_loops(blocks):
    @given(problems())
    def check(p):
        x, w = p.arrays()
        g = np.random.default_rng(p.seed).normal(size=(len(x), len(w), 3, 2))
        options = {**p.options, "output_padding": p.output_padding}
        try:
            expected = conv_transpose2d_loops(g, w, **options)
        except ValueError:  # negative dimensions
            with pytest.raises(ValueError, match="the output would have length -"):
                tg.conv_transpose2d(g, w, **options)
            return
        if 0 in expected.shape[2:]:
            with pytest.raises(ValueError, match="the output would have length 0"):
                tg.conv_transpose2d(g, w, **options)
            return
        assert_allclose(tg.conv_transpose2d(g, w, **options), expected, atol=1e-12)

    check()


@given(problems())
def test_the_identity_that_defines_the_family(p):
    """<x * w, g> = <x, input(g, w)> = <w, weight(x, g)>, for every geometry."""
    x, w = (tg.Tensor(a, requires_grad=True) for a in p.arrays())
    y = tg.conv2d(x, w, **p.options)
    g = np.random.default_rng(p.seed + 1).normal(size=y.shape)
    by_input, by_weight = tg.grad(y, [x, w], cotangent=g)
    assert by_input.shape == x.shape
    assert by_weight.shape == w.shape
    products = [
        np.sum(a.numpy() * b) for a, b in ((y, g), (by_input, x.numpy()), (by_weight, w.numpy()))
    ]
    assert_allclose(products[1:], products[0], rtol=1e-10, atol=1e-10)


@given(problems())
@settings(max_examples=15)
def test_the_transposed_convolution_is_the_gradient(p):
    x, w = p.arrays()
    leaf = tg.Tensor(x, requires_grad=True)
    y = tg.conv2d(leaf, w, **p.options)
    g = np.random.default_rng(p.seed + 1).normal(size=y.shape)
    expected = tg.grad(y, leaf, cotangent=g).numpy()
    more = [
        (n + 2 * q - d * (k - 1) - 1) % s
        for n, q, d, k, s in zip(
            x.shape[2:], p.options["padding"], p.options["dilation"], w.shape[2:],
            p.options["stride"], strict=True,
        )
    ]  # fmt: skip
    assert_allclose(tg.conv_transpose2d(g, w, **p.options, output_padding=tuple(more)), expected)


@given(problems())
@settings(max_examples=10)
def test_gradcheck_of_any_geometry(p):
    x, w = p.arrays()
    if x.size:
        tg.gradcheck(lambda x, w: tg.conv2d(x, w, **p.options), [x, w], order=2, directions=1)


def test_the_strict_backend_agrees(backend):
    rng = np.random.default_rng(0)
    for c in (2, FEW_CHANNELS):
        x, w = rng.normal(size=(2, c, 5, 4)), rng.normal(size=(3, c, 3, 2))
        for stride in (1, 2):
            y = tg.conv2d(*leaves([x, w], backend), stride=stride, padding=1)
            assert type(y.data) is backend.array_type
            assert_allclose(y.numpy(), conv2d_loops(x, w, (stride, stride), (1, 1)), atol=1e-12)


@pytest.mark.parametrize("kernel", [1, 2, 3, 4])
@pytest.mark.parametrize("dilation", [1, 2])
def test_same_padding_keeps_the_size(kernel, dilation):
    x, w = np.ones((1, 1, 9, 10)), np.ones((1, 1, kernel, kernel))
    y = tg.conv2d(x, w, padding="same", dilation=dilation)
    assert y.shape == x.shape
    valid = tg.conv2d(x, w, padding="valid", dilation=dilation)
    assert_array_equal(valid, tg.conv2d(x, w, dilation=dilation))
    y = tg.conv1d(x[:, :, 0], w[:, :, 0], padding="same", dilation=dilation)
    assert y.shape == (1, 1, 10)


def test_an_empty_batch():
    x, w, b = (
        tg.Tensor(np.ones(s), requires_grad=True) for s in ((0, 2, 5, 5), (3, 2, 2, 2), (3,))
    )
    for y in (
        tg.conv2d(x, w, b, stride=2),
        tg.conv_transpose2d(x[:, :, :2], w[:2, :, :, :], b[:2]),
    ):
        found = tg.grad(tg.sum(y), [x, w, b])
        assert [g.shape for g in found] == [(0, 2, 5, 5), (3, 2, 2, 2), (3,)]
        assert not any(g.numpy().any() for g in found)


# -- memory ----------------------------------------------------------------------------------------


def test_results_are_channels_last_in_memory():
    x, w = np.ones((2, 3, 8, 8), "float32"), np.ones((16, 3, 4, 4), "float32")
    y = tg.conv2d(x, w, stride=2, padding=1)
    back = tg.conv_transpose2d(y, w, stride=2, padding=1)
    for a in (y, np.tanh(y), back, tg.conv2d(back, w)):
        assert a.transpose(0, 2, 3, 1).flags.c_contiguous


@pytest.mark.parametrize("c", [1, FEW_CHANNELS])
def test_what_a_call_returned_is_not_touched_by_later_calls(c):
    rng = np.random.default_rng(0)
    results = []
    for _ in range(3):
        x, w = rng.normal(size=(4, c, 6, 6)), rng.normal(size=(3, c, 4, 4))
        x, w = (tg.Tensor(a, requires_grad=True) for a in (x, w))
        y = tg.conv2d(x, w, stride=2, padding=1)
        found = [y, *tg.grad(tg.sum(y * y), [x, w])]
        results += [(t, t.numpy().copy()) for t in found]
    for tensor, copy in results:
        assert_array_equal(tensor.numpy(), copy)


def test_borders_stay_zero_where_two_paddings_share_a_shape():
    """(6 + 2 before) and (5 + 3 before): one padded shape, two borders."""
    w = np.ones((1, 1, 2, 2))
    for _ in range(2):
        for size, padding in ((6, 1), (4, 2), (6, 1)):
            x = np.ones((1, 1, size, size))
            assert_array_equal(
                tg.conv2d(x, w, padding=padding), conv2d_loops(x, w, padding=(padding, padding))
            )


def test_an_error_inside_does_not_spoil_the_buffers(monkeypatch):
    x, w = np.ones((2, 1, 5, 5)), np.ones((1, 1, 2, 2))
    expected = tg.conv2d(x, w, padding=1)

    def refuse(*args, **options):
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(NUMPY, "matmul", refuse, raising=False)
        with pytest.raises(MemoryError):
            tg.conv2d(x + 1, w, padding=1)
    assert_array_equal(tg.conv2d(x, w, padding=1), expected)


def test_work_buffers_are_bounded_and_memory_is_flat():
    rng = np.random.default_rng(0)

    def step(n: int) -> None:
        x = tg.Tensor(rng.normal(size=(n, 8, 16, 16)).astype("float32"), requires_grad=True)
        w = tg.Tensor(rng.normal(size=(8, 8, 3, 3)).astype("float32"), requires_grad=True)
        tg.grad(tg.sum(tg.conv2d(x, w, padding=1) ** 2), [x, w])

    for n in range(1, 60):
        step(n)
    kept = sum(buffer.nbytes for buffer in NUMPY._scratch.kept.values())
    assert kept <= NUMPY._scratch.limit
    tracemalloc.start()
    try:
        step(59)
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(5):
            step(59)
        assert tracemalloc.get_traced_memory()[0] - before < 10_000
    finally:
        tracemalloc.stop()


def test_the_largest_block_of_columns_is_bounded(monkeypatch):
    monkeypatch.setattr(NUMPY, "column_bytes", 1 << 16)
    x, w = np.ones((2, 8, 64, 64), "float32"), np.ones((4, 8, 5, 5), "float32")
    tg.conv2d(x, w)  # all columns at once would take 5.8 MB
    NUMPY._scratch.kept.clear()
    tg.conv2d(x, w)
    assert max(buffer.nbytes for buffer in NUMPY._scratch.kept.values()) <= 1 << 16


# -- bad input -------------------------------------------------------------------------------------

BAD = {
    # message: (function, x's shape, weight's shape, options)
    "conv2d: input has 3 channels, weight expects 1 (input (8, 3, 28, 28), weight (64, 1, 4, 4)).":
        (tg.conv2d, (8, 3, 28, 28), (64, 1, 4, 4), {}),
    "conv2d: input has 4 channels, weight expects 6 in 2 groups (input (1, 4, 5, 5), "
    "weight (2, 3, 2, 2)).": (tg.conv2d, (1, 4, 5, 5), (2, 3, 2, 2), {"groups": 2}),
    "conv2d: input must be (N, C, H, W) and weight have 4 axes too (input (3, 28, 28), "
    "weight (64, 3, 4, 4)); for one example write x[None], not x.":
        (tg.conv2d, (3, 28, 28), (64, 3, 4, 4), {}),
    "conv1d: input must be (N, C, L) and weight have 3 axes too (input (3, 28), "
    "weight (64, 3, 4)); for one example write x[None], not x.":
        (tg.conv1d, (3, 28), (64, 3, 4), {}),
    "conv2d: the kernel does not fit on the input: it spans 5, the input with its padding 4 "
    "(input (1, 1, 4, 4), weight (1, 1, 3, 1)).":
        (tg.conv2d, (1, 1, 4, 4), (1, 1, 3, 1), {"dilation": 2}),
    "conv2d: groups=2 must divide the channels of both input and output (input (1, 4, 5, 5), "
    "weight (3, 2, 2, 2)).": (tg.conv2d, (1, 4, 5, 5), (3, 2, 2, 2), {"groups": 2}),
    "conv2d: bias must have shape (3,), not (2,) (input (1, 1, 5, 5), weight (3, 1, 2, 2)).":
        (tg.conv2d, (1, 1, 5, 5), (3, 1, 2, 2), {"bias": np.ones(2)}),
    "conv2d: stride must be an int of 1 or more or a pair of them, not 0.":
        (tg.conv2d, (1, 1, 5, 5), (1, 1, 2, 2), {"stride": 0}),
    "conv2d: padding must be an int of 0 or more or a pair of them, not (1, -1).":
        (tg.conv2d, (1, 1, 5, 5), (1, 1, 2, 2), {"padding": (1, -1)}),
    "conv1d: dilation must be an int of 1 or more, not 1.5.":
        (tg.conv1d, (1, 1, 5), (1, 1, 2), {"dilation": 1.5}),
    'conv2d: padding "same" needs stride 1, not (2, 2).':
        (tg.conv2d, (1, 1, 5, 5), (1, 1, 2, 2), {"padding": "same", "stride": 2}),
    'conv2d: padding must be ints, "same" or "valid", not \'full\'.':
        (tg.conv2d, (1, 1, 5, 5), (1, 1, 2, 2), {"padding": "full"}),
    "conv_transpose2d: input has 3 channels, weight expects 4 (input (1, 3, 5, 5), "
    "weight (4, 3, 2, 2)).": (tg.conv_transpose2d, (1, 3, 5, 5), (4, 3, 2, 2), {}),
    "conv_transpose2d: output_padding 2 must be smaller than the stride 2 or the dilation 1.":
        (tg.conv_transpose2d, (1, 1, 5, 5), (1, 1, 2, 2), {"stride": 2, "output_padding": 2}),
    "conv_transpose2d: the output would have length 0 along an axis of length 1 "
    "(input (1, 1, 1, 1), weight (1, 1, 2, 2), padding 1).":
        (tg.conv_transpose2d, (1, 1, 1, 1), (1, 1, 2, 2), {"padding": 1}),
}  # fmt: skip


@pytest.mark.parametrize("message", BAD, ids=lambda message: message[:60])
def test_a_mismatch_is_told_in_one_sentence(message):
    function, x, w, options = BAD[message]
    with pytest.raises(ValueError) as error:  # noqa: PT011  the whole message is compared
        function(np.ones(x), np.ones(w), **options)
    assert str(error.value) == message


def test_the_three_are_primitives():
    assert {"conv2d", "conv_transpose2d", "conv2d_weight"} <= set(PRIMITIVES)


@pytest.mark.parametrize("function", [tg.conv2d, tg.conv_transpose2d])
def test_lists_are_no_images(function):
    with pytest.raises(TypeError, match=f"{function.__name__}: takes tensors and arrays, not list"):
        function([[1.0]], tg.ones(1, 1, 2, 2))
    with pytest.raises(TypeError, match="max_pool2d: takes tensors and arrays, not list"):
        tg.max_pool2d([[1.0]], 2)
