"""Tensors: an array of some backend, and the node that says how it was computed.

Operators and methods such as `x + y` and `x.sum()` are attached by `tinygen.ops.methods`, and
`backward` by `tinygen.autograd`.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import ARRAY_TYPES, BACKEND_OF, Array, backend_for, host

if TYPE_CHECKING:
    from .primitive import Operation

__all__ = ["Node", "Tensor", "note_write", "overwritten"]

tick = itertools.count(1).__next__
"""Orders two kinds of event: the making of a node and the writing into an array."""


class Node:
    """One recorded application of an operation: a vertex of the graph, without its output array.

    `inputs` holds the nodes of the arguments (None for constants), `kept` what the rules will read:
    the output and the arguments, each only if a rule that may run asks for it. A node refers to
    older nodes only, so there are no cycles and memory is freed as soon as nobody asks for it.
    """

    __slots__ = ("op", "inputs", "kept", "shape", "dtype", "time", "grad")

    grad: Tensor | None  # of leaves only: what `backward` has added up

    def __init__(self, op: Operation | None, inputs: tuple, kept: tuple | None, y: Array) -> None:
        self.op = op  # None for a leaf
        self.inputs = inputs
        self.kept = kept  # None once freed
        self.shape = y.shape
        self.dtype = y.dtype
        self.time = tick()


class Tensor:
    """An array of some backend, and the node that says how it was computed.

    Args:
        data: a raw array, shared and not copied (`tg.tensor` copies, and takes lists).
        node: how it was computed; None for a constant or a leaf.
        requires_grad: record what is computed from this tensor, so that `grad` can come back to it.

    Raises:
        TypeError: gradients are required of elements that are not floats.

    >>> x = tg.Tensor(np.ones((2, 3)), requires_grad=True)
    >>> x.shape, x.dtype, x.device
    ((2, 3), dtype('float64'), 'cpu')
    >>> (x * 2.0).sum()
    Tensor(12., dtype=float64, op=sum)
    """

    __slots__ = ("_data", "_node")

    def __init__(
        self, data: Array, node: Node | None = None, *, requires_grad: bool = False
    ) -> None:
        self._data = data if type(data) in ARRAY_TYPES else as_array(data)
        self._node = node
        if requires_grad:
            self.requires_grad = True

    # -- the array -----------------------------------------------------------------------------

    @property
    def data(self) -> Array:
        """The raw array. Assigning to it writes the new values into the existing array.

        Such a write (also `x.data -= step` and `x[...] = value`) is noticed by graphs that need the
        old values. One through another name for the array, as in `a = x.data; a[0] = 1`, is not.
        """
        return self._data

    @data.setter
    def data(self, value: Any) -> None:
        if value is not self._data:
            self[...] = value
        else:  # `x.data -= step` has already written
            note_write(self._data)

    def __setitem__(self, index: Any, value: Any) -> None:
        """Write into the array, in place. Graphs that still need the old values will refuse."""
        if self._node is not None and self._node.op is not None:
            raise RuntimeError(
                f"cannot write into the result of {self._node.op.name}, which a graph remembers; "
                "write y = tg.where(mask, value, y), not y[mask] = value, or detach() it first."
            )
        self._data[_raw(index)] = _raw(value)
        note_write(self._data)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape

    @property
    def dtype(self) -> np.dtype:
        """Type of the elements."""
        return self._data.dtype

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self._data.size

    @property
    def device(self) -> str:
        """Where the array lives: "cpu", "cuda:0", ..."""
        return BACKEND_OF[type(self._data)].device_of(self._data)

    def numpy(self) -> np.ndarray:
        """The values as a NumPy array on the host: no copy if they are there already, so not to be
        written to while a graph needs them.
        """
        return host(self._data)

    def item(self) -> Any:
        """The only element, as a Python number."""
        return host(self._data).item()

    def to(self, device: str) -> Tensor:
        """A constant copy on another device; this tensor itself if it is there already."""
        backend = backend_for(device)
        if backend is backend_for(self.device):
            return self
        return Tensor(backend.from_host(self.numpy()))

    # -- the graph -----------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether what is computed from this tensor is recorded."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self._node is not None and self._node.op is not None:
            raise RuntimeError("requires_grad can be set on leaves only; use detach() for a copy.")
        if not value:
            self._node = None
        elif self._data.dtype.kind != "f":
            raise TypeError(
                f"only floating-point tensors can require gradients, not {self._data.dtype}: write "
                "tg.tensor([1.0, 2.0]), not tg.tensor([1, 2]), or convert with .astype('float32')."
            )
        elif self._node is None:
            self._node = Node(None, (), None, self._data)
            self._node.grad = None

    @property
    def grad(self) -> Tensor | None:
        """What `backward` has added up for this leaf; assign None to start again."""
        return getattr(self._node, "grad", None)

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if self._node is None:
            raise RuntimeError("this tensor does not require gradients, so it has no grad.")
        self._node.grad = value

    def detach(self) -> Tensor:
        """The same array, without its history."""
        return Tensor(self._data)

    # -- being a good citizen -----------------------------------------------------------------

    def __repr__(self) -> str:
        values = np.array2string(host(self._data), precision=4, separator=", ", prefix="Tensor(")
        notes = "" if self.dtype == np.float32 else f", dtype={self.dtype}"
        notes += "" if self.device == "cpu" else f", device={self.device!r}"
        if self._node is not None:
            op = self._node.op
            notes += ", requires_grad=True" if op is None else f", op={op.name}"
        return f"Tensor({values}{notes})"

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a 0-d tensor has no length.")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.size != 1:
            raise ValueError(
                f"the truth of {self.size} elements is not defined: write tg.where(x > 0, a, b), "
                "not a if x > 0 else b; or ask of the values, as in (x > 0).numpy().any()."
            )
        return bool(host(self._data))

    def __float__(self) -> float:
        return float(self._only_element())

    def __int__(self) -> int:
        return int(self._only_element())

    def _only_element(self) -> Any:
        if self.size != 1:
            raise TypeError(
                f"a tensor of shape {self.shape} is not one number: write tg.sqrt(x), not "
                "math.sqrt(x), and float(x.sum()), not float(x)."
            )
        return self.item()

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "a Tensor is not converted silently: write x.numpy(), not np.array(x), for its values."
        )

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self._data.__dlpack__(**kwargs)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    __hash__ = object.__hash__

    if TYPE_CHECKING:  # operators and methods such as x + y and x.sum() are attached by tinygen.ops

        def __getattr__(self, name: str) -> Any: ...
        def backward(self, cotangent: Any = None, *, retain_graph: bool = False) -> None: ...
        def __getitem__(self, index: Any) -> Tensor: ...
        def __add__(self, other: Any) -> Tensor: ...
        def __radd__(self, other: Any) -> Tensor: ...
        def __sub__(self, other: Any) -> Tensor: ...
        def __rsub__(self, other: Any) -> Tensor: ...
        def __mul__(self, other: Any) -> Tensor: ...
        def __rmul__(self, other: Any) -> Tensor: ...
        def __truediv__(self, other: Any) -> Tensor: ...
        def __rtruediv__(self, other: Any) -> Tensor: ...
        def __pow__(self, other: Any) -> Tensor: ...
        def __rpow__(self, other: Any) -> Tensor: ...
        def __matmul__(self, other: Any) -> Tensor: ...
        def __rmatmul__(self, other: Any) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __abs__(self) -> Tensor: ...
        def __lt__(self, other: Any) -> Tensor: ...
        def __le__(self, other: Any) -> Tensor: ...
        def __gt__(self, other: Any) -> Tensor: ...
        def __ge__(self, other: Any) -> Tensor: ...


def _raw(value: Any) -> Any:
    """A tensor's array; anything else as it is, inside a tuple too."""
    if type(value) is tuple:
        return tuple(_raw(part) for part in value)
    return value._data if type(value) is Tensor else value


def as_array(data: Any) -> Array:
    """What NumPy makes of 0-d results, its scalars, as arrays."""
    if isinstance(data, np.generic):
        return np.asarray(data)
    raise TypeError(f"Tensor: takes an array, not {type(data).__name__}; use tg.tensor for lists.")


# -- writes -----------------------------------------------------------------------------------
# A gradient computed from values that were overwritten after the forward pass would be silently
# wrong. So each write stamps the memory it changed with the clock that also times the nodes, and a
# node refuses to use an array whose stamp is younger than itself.

_last_write: dict[int, tuple[weakref.ref, int]] = {}
_newest_write = 0


def note_write(array: Array) -> None:
    """Record that the elements of `array`, and of all views of its memory, changed just now."""
    global _newest_write
    owner = BACKEND_OF[type(array)].owner(array)
    key = id(owner)
    forget = weakref.ref(owner, lambda _: _last_write.pop(key, None))
    _newest_write = tick()
    _last_write[key] = (forget, _newest_write)


def newest_write() -> int:
    """When the latest write happened: nothing that younger nodes keep can be overwritten."""
    return _newest_write


def overwritten(node: Node) -> bool:
    """Whether an array that this node keeps has been written to since the node was made."""
    if node.time > _newest_write or node.kept is None:
        return False
    return any(
        type(a) in ARRAY_TYPES
        and _last_write.get(id(BACKEND_OF[type(a)].owner(a)), (None, 0))[1] > node.time
        for a in node.kept
    )
