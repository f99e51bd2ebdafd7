"""Many parameters in one array, so that an update is one pass and not one per parameter.

An update of Adam is a dozen array operations. On 20 small parameters that is 240 calls of a
microsecond each (five on a GPU), and nearly nothing to compute in any of them; on one array it is
a dozen. So the parameters are copied into one array, and each Tensor becomes a view of its part:
the model goes on as before, and what is written to the array is seen by the model.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate
from typing import Any
from weakref import WeakValueDictionary

from ..backend import Array, backend_for
from ..tensor import Tensor

__all__ = ["Flat", "Layout", "checked", "find_packed", "pack"]

ALIGNMENT = 16
"""Every part starts at a multiple of so many elements: 64 bytes of float32, a line of the cache,
and what the matrix products of a GPU want. The gaps hold zeros, and updates leave them so."""


class Layout:
    """Where each of some tensors lies in one array.

    Args:
        params: tensors of one dtype on one device.
    """

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.backend = backend_for(params[0].device)
        self.dtype = params[0].dtype
        self.shapes = [p.shape for p in params]
        lengths = [-(-p.size // ALIGNMENT) * ALIGNMENT for p in params]
        self.starts = list(accumulate(lengths, initial=0))

    def zeros(self) -> tuple[Array, list[Array]]:
        """A new array, and the views of its parts: gradients, moments, averages."""
        with self.backend.current():
            array = self.backend.zeros(self.starts[-1], dtype=self.dtype)
        return array, self.views(array)

    def views(self, array: Array) -> list[Array]:
        """The parts of an array of this layout."""
        return [
            array[start : start + math.prod(shape)].reshape(shape)
            for start, shape in zip(self.starts, self.shapes, strict=False)
        ]

    def stacked_views(self, arrays: Array) -> list[Array]:
        """The parts of several arrays of this layout, the rows of one: (n, *shape) each."""
        return [
            arrays[:, start : start + math.prod(shape)].reshape(len(arrays), *shape)
            for start, shape in zip(self.starts, self.shapes, strict=False)
        ]


class Flat:
    """Parameters that lie in one array: `array`, and `views`, which the Tensors hold."""

    def __init__(self, params: Sequence[Tensor]) -> None:
        self.params = list(params)
        self.layout = Layout(self.params)
        self.array, self.views = self.layout.zeros()
        for p, view in zip(self.params, self.views, strict=True):
            view[...] = p._data
            p._data = view

    def moved(self) -> int | None:
        """The index of the first parameter that no longer lies here, or None."""
        for i, (p, view) in enumerate(zip(self.params, self.views, strict=True)):
            if p._data is not view:
                return i
        return None


_packed: WeakValueDictionary[tuple[int, ...], Flat] = WeakValueDictionary()


def pack(params: Sequence[Tensor]) -> Flat:
    """The array that holds exactly these parameters in this order; made unless it exists.

    So two optimizers of the same parameters share one array and both work, while an optimizer of
    other parameters that overlap with these loses them: its next step says so.
    """
    flat = find_packed(params)
    if flat is None:
        flat = _packed[tuple(map(id, params))] = Flat(params)
    return flat


def find_packed(params: Sequence[Tensor]) -> Flat | None:
    """The array that holds exactly these parameters in this order, if there is one."""
    flat = _packed.get(tuple(map(id, params)))
    return flat if flat is not None and flat.moved() is None else None


def checked(who: str, params: Iterable[Any]) -> dict[str, Tensor]:
    """Tensors, or (name, Tensor) pairs, as a dict of leaves that fit into one array.

    Raises:
        ValueError: there are none, or one does not fit; the message names it.
    """
    named: dict[str, Tensor] = {}
    name_of: dict[int, str] = {}
    for i, item in enumerate(params):
        name, p = (str(i), item) if isinstance(item, Tensor) else item
        problem = _why_unfit(p) or _why_unlike(p, named)
        if problem is None and id(p) in name_of:
            problem = f"was passed before, as {name_of[id(p)]}; pass it once"
        if problem is None and name in named:
            problem = "has the name of another one; names must differ"
        if problem is not None:
            raise ValueError(f"{who}: parameter {name} {problem}.")
        named[name] = p
        name_of[id(p)] = name
    if not named:
        raise ValueError(f"{who}: there are no parameters; pass model.named_parameters().")
    return named


def _why_unfit(p: Any) -> str | None:
    if not isinstance(p, Tensor):
        return f"is a {type(p).__name__}, not a Tensor"
    if p._node is None:
        return "does not require gradients; set its requires_grad, or leave it out"
    if p._node.op is not None:
        return f"is a result of {p._node.op.name}, not a leaf; pass what it was computed from"
    return None


def _why_unlike(p: Tensor, named: dict[str, Tensor]) -> str | None:
    for name, first in named.items():
        if (p.dtype, p.device) != (first.dtype, first.device):
            return (
                f"is {p.dtype} on {p.device}, but {name} is {first.dtype} on {first.device}; "
                "convert it, or take another optimizer for it"
            )
        break
    return None
