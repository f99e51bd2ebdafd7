"""The CUDA kernels of convolution and pooling on the host's processor."""

import numpy as np
import pytest
import strict
from convolution_problems import problems
from hypothesis import given, settings
from kernel_checks import DTYPES, LAYOUTS, agree, drawn, needs_compiler, on_device
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.backend import NUMPY, host
from tinygen.backend.convolution import Geometry

pytestmark = needs_compiler

# -- convolution -----------------------------------------------------------------------------------


@pytest.fixture(params=[None, 4000, 150], ids=["one block", "blocks of images", "parts of images"])
def column_bytes(request, monkeypatch):
    """How large a block of columns may be: so small that images, or lines of one, are apart."""
    if request.param:
        monkeypatch.setattr(strict.STRICT, "column_bytes", request.param, raising=False)


def family(x, w, options, seed=0):
    """A convolution and its two gradients."""
    x, w = (tg.tensor(a, requires_grad=True, device=tg.default_device()) for a in (x, w))
    y = tg.conv2d(x, w, **options)
    cotangent = np.random.default_rng(seed).normal(size=y.shape).astype(host(y.data).dtype)
    return [y, *tg.grad(y, [x, w], cotangent=tg.tensor(cotangent))]


def agree_on_convolution(x, w, options):
    results = []
    for device in ("cpu", "strict", "strict"):
        with tg.use_device(device):
            results.append(family(x, w, options))
    for expected, found, again in zip(*results, strict=True):
        assert found.dtype == x.dtype
        exact = x.dtype == "float64"
        scale = max(1.0, np.abs(expected.numpy()).max(initial=0.0))
        assert_allclose(found.numpy(), expected.numpy(), atol=scale * (1e-12 if exact else 1e-5))
        assert_array_equal(found.numpy(), again.numpy())


@pytest.mark.parametrize("dtype", DTYPES)
def test_convolution_and_its_gradients(column_bytes, dtype):
    @given(problems())
    @settings(max_examples=60)
    def check(p):
        agree_on_convolution(*p.arrays(dtype), p.options)

    check()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_convolution_takes_any_layout_and_gives_channels_last(layout):
    x, w = drawn((3, 4, 9, 8), (6, 4, 3, 3), dtype="float64")
    options = {"stride": 2, "padding": 1}
    x = LAYOUTS[layout](x)
    agree_on_convolution(x, w, options)
    geometry = Geometry((2, 2), ((1, 0), (1, 1)), (1, 1), 1)
    y = agree("conv2d", x, w, geometry)
    of_x = agree("conv2d_input", LAYOUTS[layout](host(y)), w, geometry)
    for images in (y, of_x):
        assert images.transpose(0, 2, 3, 1).flags.c_contiguous


CONVOLUTIONS = {
    # name: (x, w, options, kernels of the value, of both gradients)
    "4x4, stride 2": ((2, 3, 8, 8), (5, 3, 4, 4), {"stride": 2, "padding": 1}, 1, 2),
    "depthwise": ((2, 6, 8, 8), (6, 1, 3, 3), {"padding": 1, "groups": 6}, 1, 2),
    "pointwise": ((2, 6, 8, 8), (4, 6, 1, 1), {}, 0, 0),
    "pointwise in groups": ((2, 6, 8, 8), (4, 3, 1, 1), {"groups": 2}, 0, 0),
    "all of the image": ((2, 6, 4, 4), (3, 6, 4, 4), {}, 0, 0),
    "all of the image in groups": ((2, 6, 4, 4), (4, 3, 4, 4), {"groups": 2}, 1, 2),
}


@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_kernels_of_a_convolution(name, launched):
    x, w, options, forward, both = CONVOLUTIONS[name]
    agree_on_convolution(*drawn(x, w, dtype="float32"), options)
    kernels = ["im2col"] * forward + (["col2im", "im2col"] if both else [])
    assert sorted(launched) == sorted(kernels * 2)


# -- pooling ---------------------------------------------------------------------------------------

WINDOWS = {
    # name: windows on an axis of length 9
    "halves": tuple((i, i + 2) for i in range(0, 8, 2)),
    "overlapping, with padding": tuple((i, i + 3) for i in range(-1, 8, 2)),
    "adaptive": ((0, 3), (2, 5), (4, 7), (6, 9)),
    "more windows than elements": tuple((i * 9 // 14, -(-(i + 1) * 9 // 14)) for i in range(14)),
    "the whole axis": ((0, 9),),
    "irregular": ((0, 1), (5, 9), (3, 4)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("axis", [2, 3])
@pytest.mark.parametrize("name", WINDOWS)
def test_windows(name, axis, dtype, launched):
    windows = WINDOWS[name]
    shape, smaller = [2, 3, 4, 4], [2, 3, 4, 4]
    shape[axis], smaller[axis] = 9, len(windows)
    x, values = drawn(shape, smaller, dtype=dtype)
    x = np.round(x * 2)  # many are equal
    x[0, 0, 1, 2] = np.nan
    agree("window_max", x, windows, axis)
    chosen = NUMPY.window_argmax(x, windows, axis)
    found = strict.STRICT.window_argmax(on_device(x), windows, axis)
    assert_array_equal(host(found), chosen)
    for places in (chosen, chosen.astype("int64")):
        agree("from_windows", x, places, windows, axis)
        agree("into_windows", values, places, windows, axis, 9, factor=5)
    assert launched == ["window_max"] * 3 + (["from_windows"] * 2 + ["into_windows"] * 2) * 2
