"""What this machine can do at most: products at the workloads' sizes, copies, random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from time import perf_counter
from typing import Any

import numpy as np

from tinygen.bench.timing import Summary, quiet_collector
from tinygen.random import Generator

from . import floors
from .peers import floor
from .workloads import WORKLOADS

SECONDS = 0.15
"""Of measuring each of them."""

LARGEST = 3
"""Shapes of products for each workload: those with the most work."""

MILLION = 1_000_000
COPIED = 64 * MILLION
"""Bytes: far more than a cache holds, so that memory is measured."""


def measure(names: Iterable[str]) -> dict[str, Any]:
    """Rates: of products in GFLOP/s, of a copy in GB/s, of random numbers in millions/s."""
    with quiet_collector():
        return {
            "products": [
                {"workload": name, "shape": list(shape), "gflops": _product(shape)}
                for name in names
                for shape in largest(floors_of(name))
            ],
            "copy": _copy(),
            "normals": _numbers(Generator(0).normal),
            "uniforms": _numbers(Generator(0).uniform),
        }


def floors_of(name: str) -> floors.Need:
    """What a step of this workload cannot do without."""
    return floor.NEEDS[name](WORKLOADS[name].problem())


def largest(need: floors.Need) -> list[floors.Product]:
    """The shapes of most of the work."""
    work: dict[floors.Product, int] = {}
    for count, m, k, n in need.products:
        shape = (count, m, k, n)
        work[shape] = work.get(shape, 0) + count * m * k * n
    return sorted(work, key=lambda shape: -work[shape])[:LARGEST]


def _product(shape: floors.Product) -> dict[str, float]:
    need = floors.Need([shape])
    step = floors.alone(need)
    return _rate(lambda: step(0), need.gigaflop)


def _copy() -> dict[str, float]:
    source = np.ones(COPIED // 4, "float32")
    target = np.empty_like(source)
    return _rate(lambda: np.copyto(target, source), 2 * COPIED / 1e9)


def _numbers(draw: Callable[[tuple[int, ...]], Any]) -> dict[str, float]:
    return _rate(lambda: draw((MILLION,)), 1.0)


def _rate(work: Callable[[], object], amount: float) -> dict[str, float]:
    """So much each time, per second."""
    work()
    rates = []
    until = perf_counter() + SECONDS
    while perf_counter() < until or len(rates) < 5:
        start = perf_counter()
        work()
        rates.append(amount / (perf_counter() - start))
    return Summary.of(rates).asdict()
