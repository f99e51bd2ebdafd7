"""A nested state as the contents of two files, and back, to the last bit.

    arrays.safetensors    every array, under its path in the state
    state.json            everything else, with {"$array": path} in place of each array

The state is dicts with text keys, lists, host arrays, and what JSON knows; tuples become lists.
"""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["CheckpointError", "as_json", "pack", "restored", "score_of", "unpack"]

SCHEMA = 2
"""The format; a reader refuses others."""


class CheckpointError(ValueError):
    """Files that are no checkpoint of this format, or not the ones that were written."""


def pack(step: int, state: dict[str, Any], score: float | None = None) -> dict[str, bytes]:
    """The files' contents by name; `score` says how good the model was, the greater the better."""
    from safetensors.numpy import save

    arrays: dict[str, np.ndarray] = {}
    plain = _without_arrays(state, arrays)
    content = save(arrays)
    head = {"schema": SCHEMA, "step": step, "score": _without_arrays(score, arrays)}
    return {
        "arrays.safetensors": content,
        "state.json": as_json({**head, "sha256": _checksum(head, plain, content), "state": plain}),
    }


def unpack(folder: Path) -> tuple[int, dict[str, Any]]:
    """Step and state; raises CheckpointError, or OSError where the files cannot be read."""
    text = (folder / "state.json").read_bytes()
    return restored(text, (folder / "arrays.safetensors").read_bytes())


def restored(text: bytes, content: bytes) -> tuple[int, dict[str, Any]]:
    """Step and state from the contents of state.json and arrays.safetensors.

    Raises:
        CheckpointError: they are not what `pack` gave.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        index = json.loads(text)
        if index["schema"] != SCHEMA:
            raise CheckpointError(
                f"its format is {index['schema']!r}, and this version reads {SCHEMA}"
            )
        step, plain = index["step"], index["state"]
        head = {name: index[name] for name in ("schema", "step", "score")}
        if index["sha256"] != _checksum(head, plain, content):
            raise CheckpointError("its checksum is wrong, so it was damaged")
        state = _with_arrays(plain, load(content))
        if type(step) is not int or not isinstance(state, dict):
            raise TypeError
    except CheckpointError:
        raise
    except (ValueError, LookupError, TypeError, RecursionError, SafetensorError):
        raise CheckpointError("it does not have the form of a checkpoint") from None
    return step, state


def score_of(folder: Path) -> float | None:
    """How good the model of a checkpoint was; None if nobody measured it, or it cannot be read."""
    try:
        score = json.loads((folder / "state.json").read_bytes())["score"]
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return None
    return score if isinstance(score, (int, float)) else None


def as_json(value: Any) -> bytes:
    """A JSON file's content, for people too."""
    return (json.dumps(value, indent=2, allow_nan=False) + "\n").encode()


def _checksum(head: dict[str, Any], plain: Any, content: bytes) -> str:
    """Of all that a checkpoint says: safetensors would not notice a changed bit."""
    return hashlib.sha256(json.dumps([head, plain]).encode() + content).hexdigest()


def _without_arrays(state: Any, arrays: dict[str, np.ndarray], path: str = "") -> Any:
    """`state` as JSON can hold it, its arrays put into `arrays`."""
    if isinstance(state, np.ndarray):
        while path in arrays:  # as for the key "a/b" beside b within a
            path += "'"
        arrays[path] = np.array(state, order="C")
        return {"$array": path}
    if isinstance(state, np.generic):
        state = state.item()
    if isinstance(state, float) and not math.isfinite(state):
        return {"$float": str(state)}
    if isinstance(state, (list, tuple)):
        return [_without_arrays(v, arrays, f"{path}/{i}") for i, v in enumerate(state)]
    if isinstance(state, dict):
        return {
            k: _without_arrays(v, arrays, f"{path}/{k}" if path else k) for k, v in state.items()
        }
    return state


def _with_arrays(state: Any, arrays: dict[str, np.ndarray]) -> Any:
    """What `_without_arrays` was given."""
    if isinstance(state, list):
        return [_with_arrays(v, arrays) for v in state]
    if isinstance(state, dict):
        if state.keys() == {"$array"}:
            return np.array(arrays[state["$array"]])
        if state.keys() == {"$float"}:
            return float(state["$float"])
        return {k: _with_arrays(v, arrays) for k, v in state.items()}
    return state
