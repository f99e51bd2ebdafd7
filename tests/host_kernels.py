"""The CUDA kernels compiled for the host: every one runs in the tests, on NumPy's memory.

A C++ compiler takes the sources as they are. One core plays the threads of a block in turn: a
kernel whose threads wait for one another has each on a stack of its own, and a barrier goes on to
the next. What it cannot show is what only a GPU does: races, and its own `exp`, `log` and `cos`.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tinygen.backend.cuda.source import THREADS, source

PRELUDE = r"""
#include <ucontext.h>
#include <cmath>
#include <functional>
#include <vector>
using std::abs; using std::exp; using std::log; using std::log1p; using std::sqrt;
using std::expm1; using std::cos; using std::sin; using std::erf; using std::tanh; using std::pow;
#define __global__
#define __device__
#define __restrict__
#define __shared__ static
struct Place { unsigned x; };
static Place blockIdx, threadIdx, blockDim, gridDim;
static unsigned long long __umul64hi(unsigned long long a, unsigned long long b)
{ return (unsigned __int128)a * b >> 64; }

static ucontext_t scheduler;
static ucontext_t* waiting;                        // the thread that runs now
static std::function<void()> body;
static bool finished;
static void __syncthreads() { swapcontext(waiting, &scheduler); }
static void thread() { body(); finished = true; swapcontext(waiting, &scheduler); }

// A block, from barrier to barrier; 1 where only a part of its threads came to one.
static int together(unsigned threads)
{
    static std::vector<ucontext_t> contexts(1024);
    static std::vector<char> stacks(1024 * 65536);
    for (unsigned i = 0; i < threads; i++) {
        getcontext(&contexts[i]);
        contexts[i].uc_stack.ss_sp = &stacks[i * 65536];
        contexts[i].uc_stack.ss_size = 65536;
        contexts[i].uc_link = nullptr;
        makecontext(&contexts[i], thread, 0);
    }
    for (;;) {
        unsigned ended = 0;
        for (unsigned i = 0; i < threads; i++) {
            threadIdx.x = i;
            waiting = &contexts[i];
            finished = false;
            swapcontext(&scheduler, waiting);
            ended += finished;
        }
        if (ended == threads) return 0;
        if (ended) return 1;
    }
}

static int grid(unsigned blocks, unsigned threads, bool barriers, std::function<void()> f)
{
    body = f;
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++) {
        if (barriers && together(threads)) return 1;
        if (!barriers) for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++) f();
    }
    return 0;
}
"""

KERNEL = re.compile(r"^KERNEL (\w+)\(([^)]*)\)\s*\{(.*?)^\}", re.S | re.M)
C_TYPES = {"Index": ctypes.c_int64, "double": ctypes.c_double, "Word": ctypes.c_uint64}


@functools.cache
def why_not() -> str | None:
    """None where the kernels can be compiled for the host, else the reason."""
    return None if _compiler() else "there is no C++ compiler (g++ or clang++) to run kernels with"


def _compiler() -> str | None:
    return shutil.which("g++") or shutil.which("clang++")


@functools.cache
def kernels() -> dict[str, tuple[list[str], str]]:
    """Name to (types of the parameters, body), macros expanded."""
    macros = dict(re.findall(r"^#define ([A-Z]+) ((?:Index|Word) .*)$", source(), re.M))
    found = {}
    for name, parameters, body in KERNEL.findall(source()):
        for macro, text in macros.items():
            parameters = re.sub(rf"\b{macro}\b", text, parameters)
        types = ["*" if "*" in p else p.split()[-2] for p in parameters.split(",")]
        found[name] = (types, body)
    return found


def _launchers() -> str:
    """A C function for each kernel that launches it."""
    lines = []
    for name, (types, body) in kernels().items():
        c = ["void*" if t == "*" else t for t in types]
        declared = "".join(f", {t} a{i}" for i, t in enumerate(c))
        passed = ", ".join(
            f"(decltype(argument<{i}>({name}))) a{i}" if t == "void*" else f"a{i}"
            for i, t in enumerate(c)
        )
        barriers = str(bool(re.search(r"__syncthreads|block_sum|block_max", body))).lower()
        lines.append(
            f'extern "C" int launch_{name}(unsigned blocks, unsigned threads{declared})\n'
            f"{{ return grid(blocks, threads, {barriers}, [=] {{ {name}({passed}); }}); }}"
        )
    return "\n".join(lines)


ARGUMENT = r"""
#include <tuple>
template <int i, class... A>
typename std::tuple_element<i, std::tuple<A...>>::type argument(void (*)(A...));
"""


@functools.cache
def library(real: str) -> ctypes.CDLL:
    """The kernels for Real = "float" or "double", compiled once for all test processes.

    Without a compiler, the test that asks for them is skipped and says so.
    """
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    text = f"#define Real {real}\n{PRELUDE}\n{source()}\n{ARGUMENT}\n{_launchers()}\n"
    name = hashlib.sha256(text.encode()).hexdigest()[:24]
    folder = Path(tempfile.gettempdir()) / f"tinygen-kernels-{os.getuid()}"
    built = folder / f"{name}.so"
    if not built.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            path = Path(scratch) / "kernels.cpp"
            path.write_text(text)
            command = [_compiler(), "-std=c++17", "-O2", "-ffp-contract=off", "-fPIC", "-shared",
                       "-w", str(path), "-o", str(path.with_suffix(".so"))]  # fmt: skip
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            path.with_suffix(".so").rename(built)
    return ctypes.CDLL(str(built))


def check_types(name: str, arguments: tuple, array_type: type) -> None:
    """Fail where CuPy would pass other bytes than the kernel reads.

    It passes numbers as they are: Python's int as int64 and float as float64, without a look at
    what the kernel declares, so that 1 where a double is due is 5e-324.
    """
    taken = {
        "*": (array_type, type(None)),
        "Index": (int,),
        "double": (float,),
        "Word": (np.uint64,),
    }
    for i, (declared, a) in enumerate(zip(kernels()[name][0], arguments, strict=True)):
        assert type(a) in taken[declared], f"{name}: argument {i} is {a!r}, for a {declared}"


def launch(name: str, real: str, blocks: int, arguments: list[Any]) -> None:
    """Run a kernel on addresses (None: null), integers and floats."""
    types, _ = kernels()[name]
    assert len(types) == len(arguments), f"{name} takes {len(types)}, not {len(arguments)}"
    converted = [
        ctypes.c_void_p(a) if t == "*" else C_TYPES[t](a)
        for t, a in zip(types, arguments, strict=True)
    ]
    failed = getattr(library(real), f"launch_{name}")(blocks, THREADS, *converted)
    assert not failed, f"{name}: a part of a block ended while the rest was at a barrier"
