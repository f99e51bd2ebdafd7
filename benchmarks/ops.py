"""Overhead per operation: a chain of 600 small ones, y = tanh(y) * a + b on 4 elements of float32.

With arrays so small nearly all of the time is the engine's own. NumPy by hand computes the same
chain and the same derivatives without one; what a library takes beyond it is its engine's time.
"""

from __future__ import annotations

from time import perf_counter
from types import ModuleType
from typing import Any

import numpy as np

from tinygen.bench.timing import Summary, quiet_collector

LINKS = 200
OPS = 3 * LINKS
PHASES = ("forward", "backward", "backward, graph kept")
MARK = 0.45
"""Of forward and backward together: the ratio to PyTorch that tinygen should stay below."""

CHAINS = {"constants": False, "trained": True}
"""Whether a and b are constants, or gradients are asked for with respect to them too."""


class Chain:
    """What an adapter's `chain` offers."""

    inputs: list[Any]

    def __init__(self, links: int, trained: bool) -> None:
        self.links = links
        rng = np.random.default_rng(0)
        y, a, b = (rng.uniform(0.5, 1.0, 4).astype("float32") for _ in range(3))
        self.prepare(y, a, b, trained)

    def prepare(self, y: Any, a: Any, b: Any, trained: bool) -> None:
        """Hold the inputs in the library's own type."""
        raise NotImplementedError

    def forward(self) -> Any:
        """All links."""
        raise NotImplementedError

    def backward(self, y: Any, keep: bool = False) -> list[Any]:
        """Gradients of sum(y); with `keep`, recorded so that they can be differentiated."""
        raise NotImplementedError


def measure(adapters: dict[str, ModuleType], trained: bool, rounds: int) -> dict[str, Any]:
    """Microseconds for each operation: "peers", {peer: {phase: Summary}}, and that beyond NumPy.

    "together": forward and backward, for libraries and for chains that were compiled to one
    program, and its ratio to PyTorch's.
    """
    chains = {name: a.chain(LINKS, trained) for name, a in adapters.items() if hasattr(a, "chain")}
    programs = {
        f"{name}, traced": a.traced_chain(LINKS, trained)
        for name, a in adapters.items()
        if hasattr(a, "traced_chain")
    }
    _check_equal(
        {name: chain.backward(chain.forward()) for name, chain in chains.items()}
        | {name: program() for name, program in programs.items()}
    )
    times: dict[str, list[tuple[float, ...]]] = {name: [] for name in (*chains, *programs)}
    with quiet_collector():
        for _ in range(5 + rounds):
            for name, chain in chains.items():
                times[name].append(_one_round(chain, name == "numpy"))
            for name, program in programs.items():
                start = perf_counter()
                program()
                times[name].append((perf_counter() - start,))
    us = {name: 1e6 / OPS * np.array(found[5:]) for name, found in times.items()}
    result: dict[str, Any] = {
        name: {phase: Summary.of(us[name][:, k]).asdict() for k, phase in enumerate(PHASES)}
        for name in chains
    }
    if "numpy" in us:
        for name, found in result.items():
            for k, phase in enumerate(PHASES):
                found[phase]["beyond_numpy"] = float(np.median(us[name][:, k] - us["numpy"][:, k]))
    return {"peers": result, "together": _together({n: t[:, :2].sum(1) for n, t in us.items()})}


def _together(us: dict[str, np.ndarray]) -> dict[str, Any]:
    """Forward and backward; the ratio is that of each round."""
    return {
        name: {
            "us": Summary.of(found).asdict(),
            "ratio": Summary.of(found / us["torch"]).asdict() if "torch" in us else None,
        }
        for name, found in us.items()
    }


def _one_round(chain: Chain, by_hand: bool) -> tuple[float, ...]:
    t0 = perf_counter()
    y = chain.forward()
    t1 = perf_counter()
    chain.backward(y)
    t2 = perf_counter()
    if by_hand:  # it has no graph to keep: the arithmetic is the same
        return t1 - t0, t2 - t1, t2 - t1
    y = chain.forward()
    t3 = perf_counter()
    chain.backward(y, keep=True)
    return t1 - t0, t2 - t1, perf_counter() - t3


def _check_equal(gradients: dict[str, list[Any]]) -> None:
    want = [np.asarray(g) for g in gradients["tinygen"]]
    for name, found in gradients.items():
        for a, b in zip(found, want, strict=True):
            if not np.allclose(a, b, rtol=1e-3, atol=1e-6):
                raise RuntimeError(f"ops: {name} computes the gradient {a}, tinygen {b}")
