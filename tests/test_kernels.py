"""Elementwise, row-wise and summing CUDA kernels on the host's processor."""

import subprocess
from pathlib import Path

import host_kernels
import numpy as np
import pytest
import strict
from kernel_checks import DTYPES, LAYOUTS, agree, drawn, needs_compiler, on_device
from numpy.testing import assert_allclose

from tinygen.backend import NUMPY, backend_for, cuda, cuda_status, host
from tinygen.backend.cuda import normalization
from tinygen.backend.cuda.launching import Launching
from tinygen.backend.cuda.source import BLOCKS, THREADS, blocks_for, source

pytestmark = needs_compiler

# -- functions of each element ---------------------------------------------------------------------

SIZES = [1, 255, 256, 257, 5000]
ELEMENTWISE = {
    # name: (arrays, numbers after them)
    "sigmoid": (1, ()),
    "softplus": (1, ()),
    "leaky_relu": (1, (0.2,)),
    "leaky_relu_slope": (2, (0.2,)),
    "elu": (1, (1.3,)),
    "silu": (1, ()),
    "silu_slope": (2, ()),
    "gelu": (1, ()),
    "gelu_slope": (2, ()),
    "inverse_std_slope": (2, (7,)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise(name, dtype, launched):
    count, numbers = ELEMENTWISE[name]
    for size in SIZES:
        agree(name, *drawn(*[(size,)] * count, dtype=dtype), *numbers, factor=10)
    assert launched == [name] * 2 * len(SIZES)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_more_elements_than_threads(name):
    count, numbers = ELEMENTWISE[name]
    shape = (THREADS * BLOCKS + 3,)
    agree(name, *drawn(*[shape] * count, dtype="float32"), *numbers, factor=10)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["sigmoid", "leaky_relu_slope"])
def test_the_layout_of_the_first_array_is_kept(name, layout, launched):
    count, numbers = ELEMENTWISE[name]
    x, *others = drawn(*[(2, 3, 4, 5)] * count, dtype="float32")
    x = LAYOUTS[layout](x)
    found = agree(name, x, *others, *numbers, factor=10)
    assert launched == [name, name]
    if layout in ("rows", "channels last", "reversed"):
        assert found.strides == x.strides


def test_tails_and_what_is_no_number():
    x = np.array([-np.inf, -1e4, -100.0, -0.0, 0.0, 100.0, 1e4, np.inf, np.nan], "float32")
    with np.errstate(all="ignore"):
        for name in ("sigmoid", "softplus", "elu", "leaky_relu"):
            agree(name, x, *ELEMENTWISE[name][1])


@pytest.mark.parametrize("count", [1, 5])
def test_inverse_std(count):
    (x,) = drawn((3, 1, 1), dtype="float32")
    agree("inverse_std", np.abs(x), count, 1e-5)


# -- rows of logits --------------------------------------------------------------------------------

WIDTHS = [1, 2, 10, 15, 16, 33, 255, 256, 257, 5000]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["softmax", "softmax_slope", "log_softmax", "log_softmax_slope"])
def test_rows(name, dtype, launched):
    shapes = [*((3, width) for width in WIDTHS), (700, 10), (40, 33), (2, 3, 5), (4,)]
    for shape in shapes:
        arrays = drawn(*[shape] * (2 if "slope" in name else 1), dtype=dtype)
        agree(name, *arrays, -1, factor=100)
    assert launched == [name] * 2 * len(shapes)


@pytest.mark.parametrize("shape", [(4 * THREADS + 3, 10), (29, 40), (10, 5000)])
@pytest.mark.parametrize("name", ["softmax", "softmax_slope", "log_softmax", "log_softmax_slope"])
def test_more_rows_than_blocks(name, shape, monkeypatch):
    monkeypatch.setitem(blocks_for.__globals__, "BLOCKS", 3)
    arrays = drawn(*[shape] * (2 if "slope" in name else 1), dtype="float32")
    agree(name, *arrays, 1, factor=100)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_rows_do_not_overflow(name):
    x = np.array([[1e4, 0.0, -1e4], [-1e4, -1e4, -1e4], [-np.inf, 0.0, 1.0], [np.nan, 0, 1]])
    agree(name, x.astype("float32"), -1)


def test_other_axes_are_left_to_the_library(launched):
    agree("softmax", *drawn((4, 3), dtype="float32"), 0)
    assert launched == []


# -- losses ----------------------------------------------------------------------------------------

COUNTS = [1, 255, 256, 257, 4096, 4097, 70_000, 1_100_000]
SLOW_COUNTS = [*COUNTS[:-1], pytest.param(COUNTS[-1], marks=pytest.mark.slow)]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", SLOW_COUNTS)
def test_binary_cross_entropy(dtype, size, launched):
    x, t, s = drawn((size,), (size,), (), dtype=dtype)
    for target in (t, 1.0, 0.0, 0.9, 1):
        agree("bce_with_logits", x, target, factor=5)
        agree("bce_slope", x, target, s, factor=5)
    several = ["add_up"] if size > 4096 else []
    assert launched[: 2 * len(several) + 2] == ["bce_with_logits", *several] * 2
    assert launched.count("bce_slope") == 10


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", ["int64", "int32", "uint8"])
@pytest.mark.parametrize(("n", "classes"), [(1, 1), (32, 10), (257, 3), (5000, 4)])
def test_class_loss(dtype, kind, n, classes, launched):
    logs, s = drawn((n, classes), (), dtype=dtype)
    labels = np.random.default_rng(1).integers(0, classes, n).astype(kind)
    agree("class_loss", logs, labels, factor=5)
    agree("class_loss_slope", s, labels, (n, classes))
    assert set(launched) <= {"class_loss", "class_loss_slope", "add_up"}


@pytest.mark.parametrize("wrong", [-1, 3, 2**40])
def test_a_label_beyond_the_classes_gives_nan_and_reads_nothing(wrong):
    logs, labels = np.zeros((4, 3), "float32"), np.array([0, 1, 2, wrong])
    found = strict.STRICT.class_loss(on_device(logs), on_device(labels))
    assert np.isnan(host(found))


# -- sums of products ------------------------------------------------------------------------------

SUMS = {
    # name: (shape, axes)
    "batch norm": ((5, 7, 4, 3), (0, 2, 3)),
    "batch norm, 64 channels": ((9, 64, 8, 8), (0, 2, 3)),
    "batch norm of rows": ((300, 33), (0,)),
    "layer norm": ((6, 700), (1,)),
    "layer norm, wide": ((2, 9000), (1,)),
    "weights of layer norm": ((4, 5, 257), (0, 1)),
    "group norm": ((3, 2, 4, 5, 6), (2, 3, 4)),
    "weights of group norm": ((3, 2, 4, 5, 6), (0, 3, 4)),
    "instance norm": ((3, 5, 9, 8), (2, 3)),
    "pixel norm": ((3, 5, 4, 4), (1,)),
    "all": ((300, 257), (0, 1)),
    "nothing": ((30, 7), ()),
    "an axis of length 1": ((1, 8, 1, 9), (0, 2)),
    "one element": ((1,), (0,)),
    "alternating": ((2, 3, 2, 3, 2, 3), (0, 2, 4)),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", SUMS)
def test_sums_of_products(name, dtype):
    shape, axes = SUMS[name]
    a, b = drawn(shape, shape, dtype=dtype)
    for other in (b, None):
        agree("sum_products", a, other, axes, factor=300)
    agree("mean_of", a, axes, 13, factor=300)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("other", LAYOUTS)
@pytest.mark.parametrize("axes", [(0, 2, 3), (1,), (2, 3), (0,), (1, 3), (0, 1, 2, 3)])
def test_sums_of_products_in_any_layout(layout, other, axes):
    a, b = drawn((3, 5, 4, 6), (3, 5, 4, 6), dtype="float64")
    agree("sum_products", LAYOUTS[layout](a), LAYOUTS[other](b), axes, factor=30)


def test_more_sums_than_blocks(monkeypatch):
    monkeypatch.setattr(normalization, "BLOCKS", 3)
    agree("sum_products", *drawn((3000, 17), (3000, 17), dtype="float32"), (1,), factor=100)
    agree("sum_products", *drawn((50, 170), (50, 170), dtype="float32"), (0,), factor=100)


def test_long_sums_take_two_launches(launched):
    a, b = (LAYOUTS["channels last"](x) for x in drawn(*[(64, 64, 8, 8)] * 2, dtype="float32"))
    agree("sum_products", a, b, (0, 2, 3), factor=500)
    assert launched == ["sum_products"] * 4


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", [(5, 1, 1), (3, 5, 1, 1), (6,), (5, 4, 6), (3, 1, 1, 1)])
def test_scale_shift(layout, shape, launched):
    x, s, shift = drawn((3, 5, 4, 6), shape, shape, dtype="float32")
    found = agree("scale_shift", LAYOUTS[layout](x), s, shift)
    if layout == "channels last":
        assert found.strides == LAYOUTS[layout](x).strides
        assert set(launched) <= {"scale_shift"}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("momentum", [0.1, None])
@pytest.mark.parametrize("channels", [1, 257])
def test_running_statistics(dtype, momentum, channels):
    arrays = [np.abs(a) for a in drawn(*[(channels,)] * 4, dtype=dtype)]
    found, expected = ([*(a.copy() for a in arrays), np.array(4)] for _ in range(2))
    for backend, (mean, var, new, squares, seen) in ((NUMPY, expected), (strict.STRICT, found)):
        mean, var, seen, new, squares = (
            backend.move(a) if backend is NUMPY else on_device(a)
            for a in (mean, var, seen, new, squares)
        )
        backend.track(mean, var, seen, new, squares, 9, momentum)
    for a, b in zip(found, expected, strict=True):
        assert_allclose(a, b, rtol=1e-12 if dtype == "float64" else 1e-6)
    assert found[4] == 5


def test_scale_shift_of_groups_is_left_to_the_library():
    agree("scale_shift", *drawn((2, 3, 4, 5), (2, 3, 1, 1), (3, 4, 1), dtype="float32"))


# -- what only a GPU can show: many blocks at once, and threads that race --------------------------


@pytest.mark.parametrize(
    ("device", "rows", "sizes"),
    [("strict", 5, COUNTS[:3]), pytest.param("cuda", 7000, COUNTS, marks=pytest.mark.cuda)],
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_threads_together(dtype, device, rows, sizes):
    if device == "cuda" and (reason := cuda_status()):
        pytest.skip(reason)
    gpu = backend_for(device)
    for width in (10, 40, 5000):
        x, g = drawn((rows, width), (rows, width), dtype=dtype)
        for name in ("softmax", "log_softmax"):
            agree(name, x, -1, factor=100, gpu=gpu)
            agree(f"{name}_slope", g, x, -1, factor=5000, gpu=gpu)
    for size in sizes:
        x, t, s = drawn((size,), (size,), (), dtype=dtype)
        agree("bce_with_logits", x, t, factor=5, gpu=gpu)
        agree("bce_slope", x, t, s, factor=5, gpu=gpu)
    for shape, axes in SUMS.values():
        agree("sum_products", *drawn(shape, shape, dtype=dtype), axes, factor=300, gpu=gpu)
    for name, (count, numbers) in ELEMENTWISE.items():
        agree(name, *drawn(*[(70_001,)] * count, dtype=dtype), *numbers, factor=10, gpu=gpu)


# -- what kernels cannot take goes the library's way -----------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_half_precision_and_empty_arrays(dtype, launched):
    shape = (0, 3) if dtype == "float32" else (4, 3)
    x, g = drawn(shape, shape, dtype=dtype)
    for name, (count, numbers) in ELEMENTWISE.items():
        if dtype == "float32" or "gelu" not in name:
            agree(name, *(x, g)[:count], *numbers, factor=1e3)
    agree("log_softmax", x, -1, factor=1e3)
    agree("sum_products", x, g, (0,), factor=1e3)
    assert launched == []


def test_an_argument_of_another_type_than_a_kernel_reads_is_found():
    w = on_device(np.ones(3, "float32"))
    right = [w, w, None, 3, 0.1, 0.9, 0, 0.0, None]
    host_kernels.check_types("sgd", tuple(right), strict.StrictArray)
    for i, wrong in [(0, np.ones(3)), (3, 3.0), (4, 1), (4, np.float32(1)), (6, True)]:
        arguments = (*right[:i], wrong, *right[i + 1 :])
        with pytest.raises(AssertionError, match=f"argument {i}"):
            host_kernels.check_types("sgd", arguments, strict.StrictArray)


# -- the sources -----------------------------------------------------------------------------------


@pytest.mark.parametrize("real", ["float", "double"])
def test_no_warning_and_no_double_arithmetic_on_floats(real, tmp_path):
    path = tmp_path / "kernels.cpp"
    path.write_text(f"#define Real {real}\n{host_kernels.PRELUDE}\n{source()}\n")
    flags = ["-std=c++17", "-fsyntax-only", "-Wall", "-Wextra", "-Wdouble-promotion"]
    done = subprocess.run(
        [host_kernels._compiler(), *flags, str(path)], capture_output=True, text=True, check=False
    )
    assert not done.stderr, done.stderr


def test_every_kernel_is_launched_by_somebody():
    folder = Path(cuda.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    assert [name for name in host_kernels.kernels() if f'"{name}"' not in code] == []


def test_no_two_parts_of_the_backend_have_a_method_of_one_name():
    """But for those that override a way without kernels."""
    parts = [c for c in cuda.CudaBackend.__mro__ if issubclass(c, Launching)]
    owners: dict[str, list[str]] = {}
    for part in parts:
        for name in vars(part):
            if not (name.startswith("__") or hasattr(Launching, name)):
                owners.setdefault(name, []).append(part.__name__)
    assert {name: owner for name, owner in owners.items() if len(owner) > 1} == {}
