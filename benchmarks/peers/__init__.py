"""The competitors, one file for each library, imported only when it is to run.

An adapter module has

    VERSION: str
    MAKERS: {workload name: {competitor name: maker}}      see `tinygen.bench.problems.Maker`
    chain(layers, trained) -> Chain                        optional: per-op overhead, see `ops.py`
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from types import ModuleType

from tinygen.bench.problems import Maker

ADAPTERS = {
    "tinygen": "tinygen",
    "torch": "pytorch",
    "jax": "jax",
    "dezero": "dezero",
    "autograd": "hips",
    "mygrad": "mygrad",
    "sklearn": "sklearn",
    "numpy": "numpy",
    "floor": "floor",
}
"""Peers by the name that `--against` takes, and the adapter of each."""

REFERENCE = "PyTorch eager"
"""The competitor that ratios are taken to."""

FLOOR = "the floor: products and random numbers alone"


@dataclass
class Peers:
    """The adapters that could be imported, and why the others could not."""

    adapters: dict[str, ModuleType] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def makers(self, workload: str) -> dict[str, Maker]:
        """Competitors by name."""
        return {
            name: maker
            for adapter in self.adapters.values()
            for name, maker in adapter.MAKERS.get(workload, {}).items()
        }

    def without(self, workload: str) -> list[str]:
        """Peers that have no maker for it."""
        return [name for name, a in self.adapters.items() if not a.MAKERS.get(workload)]

    def versions(self) -> dict[str, str]:
        """What was measured."""
        return {name: adapter.VERSION for name, adapter in self.adapters.items()}


def load(names: list[str]) -> Peers:
    """Import the adapters of tinygen and of these peers."""
    peers = Peers()
    for name in ["tinygen", *(n for n in names if n != "tinygen")]:
        try:
            peers.adapters[name] = importlib.import_module(f"{__name__}.{ADAPTERS[name]}")
        except Exception as error:  # whatever an old or broken package raises, the reader sees it
            if name == "tinygen":
                raise
            peers.missing[name] = f"{type(error).__name__}: {error}".splitlines()[0]
    return peers
