"""What the strict backend offers, the real CuPy has: looked up where it is installed."""

from __future__ import annotations

import warnings

import pytest
import strict
import strict_names as names

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    cupy = pytest.importorskip("cupy", reason="CuPy is not installed", exc_type=ImportError)

OURS = {"__version__", "RawModule", "get_default_memory_pool", "ndarray", "asarray", "array",
        "asnumpy"}  # fmt: skip


@pytest.mark.parametrize("name", [*names.UFUNCS, *names.FUNCTIONS, *names.CONSTANTS, *sorted(OURS)])
def test_a_function_of_the_library_exists(name):
    assert hasattr(cupy, name)


@pytest.mark.parametrize("name", names.LINALG)
def test_a_function_of_linear_algebra_exists(name):
    assert hasattr(cupy.linalg, name)


METHODS = [*names.REDUCTIONS, *names.VIEWING_METHODS, *names.OTHER_METHODS, *names.ATTRIBUTES,
           "T", "base", "copy", "data", "flags", "get", "nonzero", "set"]  # fmt: skip


@pytest.mark.parametrize("name", METHODS)
def test_a_method_of_arrays_exists(name):
    assert hasattr(cupy.ndarray, name)


@pytest.mark.parametrize("operator", [*names.OPERATORS, *names.UNARY])
def test_an_operator_exists(operator):
    assert hasattr(cupy.ndarray, f"__{operator}__")
    if operator not in names.COMPARISONS | names.UNARY:
        assert hasattr(cupy.ndarray, f"__i{operator}__") == hasattr(
            strict.StrictArray, f"__i{operator}__"
        )


def test_what_it_says_about_the_device_exists():
    for name in vars(strict.LIBRARY.cuda):
        assert hasattr(cupy.cuda, name), name
    for name in vars(strict.LIBRARY.cuda.runtime):
        assert hasattr(cupy.cuda.runtime, name), name
    for name in ("begin_capture", "end_capture"):
        assert hasattr(cupy.cuda.Stream, name), name
    assert hasattr(cupy.cuda.Graph, "launch")
