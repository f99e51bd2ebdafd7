"""Small helpers that several test files share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import strict

import tinygen as tg
from tinygen.backend import Backend
from tinygen.primitive import PRIMITIVES
from tinygen.tensor import Node


def leaves(arrays: Iterable[np.ndarray], backend: Backend, dtype: Any = None) -> list[tg.Tensor]:
    """Tensors that require gradients, on the backend."""
    return [
        tg.Tensor(backend.from_host(np.asarray(a, dtype=dtype)), requires_grad=True) for a in arrays
    ]


def values(tensors: Iterable[tg.Tensor | None]) -> list[np.ndarray]:
    """Copies on the host."""
    return [None if t is None else np.array(t.numpy()) for t in tensors]


def cotangent_for(y: tg.Tensor, seed: int = 1) -> tg.Tensor:
    """Random and not constant, in the shape, dtype and place of y."""
    u = np.random.default_rng(seed).normal(size=y.shape).astype(y.dtype)
    return tg.tensor(u, device=y.device)


def operations_in(y: tg.Tensor) -> set[str]:
    """The names of the operations in the graph of y."""
    stack: list[Node] = [] if y._node is None else [y._node]
    seen, names = set(stack), set()
    while stack:
        node = stack.pop()
        if node.op is not None:
            names.add(node.op.name)
        fresh = [n for n in node.inputs if n is not None and n not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return names


def declared_in(package: str) -> dict[str, bool]:
    """The primitives that a package declares, and whether each has rules."""
    return {
        name: not isinstance(apply.operation.rules, list) or any(apply.operation.rules)
        for name, apply in PRIMITIVES.items()
        if apply.operation.forward.__module__.startswith(package)
    }


def flat(state: Any, path: str = "") -> dict[str, np.ndarray]:
    """All values of a nested state, by their paths."""
    if not isinstance(state, dict):
        return {path: np.asarray(state)}
    return {k: v for name, part in state.items() for k, v in flat(part, f"{path}/{name}").items()}


def assert_same(a: Any, b: Any) -> None:
    """Two trainers whose states are equal, bit for bit."""
    expected, found = flat(a.state_dict()), flat(b.state_dict())
    assert expected.keys() == found.keys()
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name], err_msg=name)


def assert_replays(plain: Any, captured: Any, batches: Iterable[tuple]) -> None:
    """Two equal trainers, one of which replays its steps: the same results and states."""
    captured.capture()
    for batch in batches:
        expected, found = plain.step(*batch), captured.step(*batch)
        assert {k: v.item() for k, v in expected.items()} == {k: v.item() for k, v in found.items()}
    assert_same(plain, captured)


def assert_resumes(straight: Any, fresh: Any, batches: list[tuple]) -> None:
    """A trainer that is given the state of another in the middle ends as that one does."""
    half = len(batches) // 2
    for batch in batches[:half]:
        straight.step(*batch)
    fresh.load_state_dict(straight.state_dict())
    for batch in batches[half:]:
        straight.step(*batch), fresh.step(*batch)
    assert_same(straight, fresh)


def assert_never_waits(trainer: Any, batches: list[tuple], before: int) -> None:
    """After so many steps, in which caches fill, none reads from the device or writes to it."""
    for batch in batches[:before]:
        trainer.step(*batch)
    with strict.measure() as spent:
        for batch in batches[before:]:
            trainer.step(*batch)
    assert (spent.syncs, spent.uploads) == (0, 0)
