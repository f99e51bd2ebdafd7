"""Who is measured: each library on each device, and why the others are not."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from ..backend import DeviceError, backend_for
from ..config import ConfigError
from . import ours
from .problems import Draw, Maker, Step

__all__ = ["DEVICES", "PEERS", "Competitor", "Field", "find"]

DEVICES = ("cpu", "cuda")
"""Where to measure unless told otherwise."""

PEERS = {"torch": ("pytorch", "PyTorch")}
"""Other libraries, by the name that `--against` takes: the module here, and its name in print."""


@dataclass(frozen=True)
class Competitor:
    """One library on one device, launching kernel by kernel or whole steps as CUDA graphs."""

    library: ModuleType
    device: str
    graphs: bool = False

    @property
    def name(self) -> str:
        """For tables: "tinygen cpu"."""
        return f"{self.library.NAME} {self.device}{' graph' if self.graphs else ''}"

    def takes(self, workload: str) -> bool:
        """Whether it has this one."""
        return workload in self._makers

    def make(self, workload: str, problem: Any, draw: Draw | None = None) -> Step:
        """What is timed: one step or operation."""
        with self.library.active(self.device):
            return self._makers[workload](problem, draw, device=self.device)

    @property
    def _makers(self) -> dict[str, Maker]:
        return self.library.RECORDED if self.graphs else self.library.MAKERS

    def seconds(self, work: Callable[[], object]) -> float:
        """How long `work()` takes there, by the device's own clock."""
        with self.library.active(self.device):
            return self.library.seconds(work, self.device)

    def results(self, step: Step, calls: int) -> list[Any]:
        """Of so many calls, on the host."""
        with self.library.active(self.device):
            return [self.library.read(result) for i in range(calls) for result in step(i)]


@dataclass
class Field:
    """All competitors, and the sentence for each that is missing."""

    competitors: list[Competitor] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)

    def libraries(self) -> list[ModuleType]:
        """tinygen first."""
        return list(dict.fromkeys(c.library for c in self.competitors))

    def on(self, library: ModuleType) -> list[str]:
        """The devices of a library, in the order in which they were asked for."""
        return [c.device for c in self.competitors if c.library is library and not c.graphs]


def find(devices: Sequence[str] | None = None, against: Sequence[str] | None = None) -> Field:
    """The competitors on these devices.

    Args:
        devices: "cpu", "cuda", "cuda:1", ...; None for the processor, and CUDA where it works.
        against: keys of `PEERS`; None for those that are installed.

    Raises:
        DeviceError, ConfigError: what was asked for by name cannot be had.
    """
    found = Field()
    for device in DEVICES if devices is None else devices:
        try:
            backend_for(device)
        except DeviceError as error:
            if devices is not None:
                raise
            found.missing[f"tinygen {device}"] = str(error)
        else:
            _enter(found, ours, device)
    usable = found.on(ours)
    for name in PEERS if against is None else against:
        _add(found, name, usable, asked_for=against is not None)
    return found


def _enter(found: Field, library: ModuleType, device: str) -> None:
    found.competitors.append(Competitor(library, device))
    if backend_for(device).records:
        found.competitors.append(Competitor(library, device, graphs=True))


def _add(found: Field, name: str, devices: list[str], asked_for: bool) -> None:
    module, printed = PEERS[name]
    try:
        library = importlib.import_module(f"{__package__}.{module}")
    except Exception as error:  # whatever an old or broken package raises, the reader sees it
        reason = f"importing it failed ({type(error).__name__}: {error})".splitlines()[0]
        if isinstance(error, ModuleNotFoundError):
            reason = f"it is not installed; pip install {name}"
        if asked_for:
            raise ConfigError(f"{printed} cannot be measured: {reason}.") from None
        found.missing[name] = f"{reason}."
        return
    for device in devices:
        reason = library.why_not(device)
        if reason is None:
            _enter(found, library, device)
        else:
            found.missing[f"{name} {device}"] = reason
