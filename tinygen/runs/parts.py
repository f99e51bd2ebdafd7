"""What a trainer is made of, by the names that it has for its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..nn import Module
from ..optim import Optimizer

__all__ = ["parts_of"]


def parts_of(trainer: Any) -> dict[str, Any]:
    """Its attributes and, as "gan.optimizer_g", those of what has a state in it; each by one name.

    Dicts and lists are looked into too: "optimizers.encoder", "trainers.0.optimizer"; modules and
    optimizers are not. Of two names the one with fewer dots counts.
    """
    found: dict[str, Any] = {}
    seen = {id(trainer)}
    level = [("", trainer)]
    while level:
        inside = [(f"{name}{key}", part) for name, each in level for key, part in _inside(each)]
        level = []
        for name, part in inside:
            if id(part) not in seen:
                seen.add(id(part))
                found[name] = part
                level.append((f"{name}.", part))
    return found


def _inside(part: Any) -> Iterator[tuple[Any, Any]]:
    """What is held under public names, of a dict or a list all."""
    if isinstance(part, Mapping):
        yield from part.items()
    elif isinstance(part, list):
        yield from enumerate(part)
    elif hasattr(part, "state_dict") and not isinstance(part, (Module, Optimizer)):
        yield from ((name, each) for name, each in vars(part).items() if not name.startswith("_"))
