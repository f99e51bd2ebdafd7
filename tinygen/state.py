"""Saved states: checking all of one before any of it is written.

    values = check_state("Model.load_state_dict", {"weight": weight}, given)    # or ValueError
    weight[...] = values["weight"]

One misfit refuses the whole state, so that a failed load leaves the model as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .backend import BACKEND_OF, Array, host
from .tensor import Tensor

__all__ = ["check_state"]


def check_state(
    where: str, own: Mapping[str, Array], given: Mapping[str, Any], missing: Sequence[str] = ()
) -> dict[str, np.ndarray]:
    """The given values on the host in the dtypes of `own`, if they fit it one to one.

    Args:
        missing: names already known to be missing, to be listed with the others.

    Raises:
        ValueError: some do not; all of them are listed.
    """
    values = {name: _on_host(value) for name, value in given.items()}
    misfits = [
        f"{name} ({_kind(array)}, given {_kind(values[name])})"
        for name, array in own.items()
        if name in values and not _fits(values[name], array)
    ]
    too_large = [
        f"{name} ({array.dtype})"
        for name, array in own.items()
        if name in values and _fits(values[name], array) and _overflows(values[name], array.dtype)
    ]
    problems = [
        f"{what} {', '.join(names)}"
        for what, names in (
            ("missing", [*missing, *(name for name in own if name not in values)]),
            ("unexpected", [name for name in values if name not in own]),
            ("misfitting", misfits),
            ("too large for its type", too_large),
        )
        if names
    ]
    if problems:
        raise ValueError(f"{where} changed nothing: {'; '.join(problems)}.")
    return {name: values[name].astype(array.dtype) for name, array in own.items()}


def _on_host(value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        return value.numpy()
    return host(value) if type(value) in BACKEND_OF else np.asarray(value)


def _fits(value: np.ndarray, array: Array) -> bool:
    """Whether shape and kind are the same: whole numbers where floats belong are a mistake."""
    kinds = "iu" if array.dtype.kind in "iu" else array.dtype.kind
    return value.shape == array.shape and value.dtype.kind in kinds


def _overflows(value: np.ndarray, dtype: np.dtype) -> bool:
    with np.errstate(over="ignore"):
        cast = value.astype(dtype)
    if dtype.kind == "f":
        return bool((np.isfinite(value) & ~np.isfinite(cast)).any())
    return not np.array_equal(cast, value)


def _kind(array: Array) -> str:
    return f"{array.dtype} {array.shape}"
