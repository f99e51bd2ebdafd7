"""A third array library, for the tests: NumPy underneath, as picky as CuPy 14 on top.

What runs on `strict` has a good chance to run on CuPy: there is no conversion to host arrays, no
mixing with them, no name or keyword that CuPy lacks, and every reduction gives a 0-d array. What
would make a GPU wait or copy is counted:

    with strict.measure() as spent:
        trainer.step(batch)
    assert spent.syncs == 0
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest import mock

import host_cublas
import numpy as np
import strict_device
import strict_names as names
from strict_tape import do, refuse

from tinygen.backend import NUMPY, register
from tinygen.backend.cupy import CupyBackend


@dataclass
class Counts:
    """Waits for the device, copies to it, and operations launched on it."""

    syncs: int = 0
    uploads: int = 0
    launches: int = 0


counts = Counts()


@contextmanager
def measure() -> Iterator[Counts]:
    """What a block costs; the numbers are there when it ends."""
    before = Counts(**vars(counts))
    spent = Counts()
    try:
        yield spent
    finally:
        for name, value in vars(counts).items():
            setattr(spent, name, value - getattr(before, name))


def _wait(what: str) -> None:
    counts.syncs += 1
    refuse(what)


def _upload(what: str) -> None:
    counts.uploads += 1
    refuse(what)


class Flags:
    """`cupy.ndarray.flags` has these and no others."""

    __slots__ = ("c_contiguous", "f_contiguous", "owndata")

    def __init__(self, flags: Any) -> None:
        for name in self.__slots__:
            setattr(self, name, flags[name.upper()])

    fnc = property(lambda self: self.f_contiguous and not self.c_contiguous)
    forc = property(lambda self: self.f_contiguous or self.c_contiguous)


class StrictArray:
    """A NumPy array that nobody may mistake for one."""

    __slots__ = ("__weakref__", "_host")
    __array_ufunc__ = None  # ndarray * strict comes here, and is refused
    __hash__ = None

    def __init__(self, host: Any) -> None:
        self._host = np.asarray(host)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use `.get()`.")

    def __repr__(self) -> str:
        return f"strict({self._host})"

    def __len__(self) -> int:
        return len(self._host)

    def __iter__(self) -> Iterator[StrictArray]:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, index: Any) -> StrictArray:
        index, fancy = _index(index)
        if fancy:
            counts.launches += 1
            return StrictArray(do(lambda: self._host[index]))
        whole = index if isinstance(index, tuple) else (index,)
        if not any(part is Ellipsis for part in whole):
            whole = (*whole, Ellipsis)  # a view even where NumPy would make a scalar
        return StrictArray(self._host[whole])

    def __setitem__(self, index: Any, value: Any) -> None:
        counts.launches += 1
        where, new = _index(index)[0], _operand(value)
        do(lambda: self._host.__setitem__(where, new), self._host)

    @property
    def data(self) -> SimpleNamespace:
        return SimpleNamespace(ptr=self._host.ctypes.data)

    def set(self, values: np.ndarray) -> None:
        _upload("values")
        assert values.dtype == self._host.dtype
        assert self.flags.c_contiguous
        self._host[...] = values

    def get(self) -> np.ndarray:
        _wait("reading an array")
        return self._host.copy()

    @property
    def base(self) -> Any:
        return self._host.base

    @property
    def flags(self) -> Flags:
        return Flags(self._host.flags)

    def copy(self, order: str = "C") -> StrictArray:
        counts.launches += 1
        return StrictArray(do(lambda: self._host.copy(order)))

    def nonzero(self) -> tuple[StrictArray, ...]:
        return LIBRARY.nonzero(self)


def _index(index: Any) -> tuple[Any, bool]:
    """The index for NumPy, and whether it gathers; masks sync, host arrays are uploaded."""
    if isinstance(index, tuple):
        parts = [_index(part) for part in index]
        return tuple(part for part, _ in parts), any(fancy for _, fancy in parts)
    if isinstance(index, StrictArray):
        if index._host.dtype == bool:
            _wait("a mask as an index")
        return index._host, True
    if isinstance(index, (list, np.ndarray)):
        _upload("a host index")
        return _index(StrictArray(index))
    return index, False


def _operand(value: Any) -> Any:
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, (int, float, complex, np.generic)):
        return value
    raise TypeError(f"Unsupported type {type(value)}")


def _argument(value: Any) -> Any:
    """Arguments of functions: arrays inside lists too (concatenate, einsum), never host arrays."""
    if isinstance(value, StrictArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (list, tuple)):
        return type(value)(_argument(part) for part in value)
    return value


def _strict(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return StrictArray(value)
    if isinstance(value, (list, tuple)):
        return tuple(_strict(part) for part in value)
    return value


class StrictUfunc:
    """A ufunc that takes `out`, `dtype` and `casting`, and nothing else."""

    def __init__(self, ufunc: np.ufunc) -> None:
        self.ufunc = ufunc
        self.__name__ = ufunc.__name__

    def __call__(self, *operands: Any, out: Any = None, **options: Any) -> Any:
        if wrong := set(options) - {"dtype", "casting"}:
            raise TypeError(f"Wrong arguments {wrong}")
        counts.launches += 1
        hosts = [_operand(operand) for operand in operands]
        if out is None:
            return _strict(do(lambda: self.ufunc(*hosts, **options)))
        place = _operand(out)
        do(lambda: self.ufunc(*hosts, out=place, **options), place)
        return out

    def at(self, array: StrictArray, index: Any, values: Any) -> None:
        if self.__name__ not in ("add", "subtract", "maximum", "minimum"):
            raise NotImplementedError(f"`{self.__name__}.at` is not supported yet")
        if np.asarray(_operand(values)).dtype.char not in "efdilqILQ":
            raise TypeError("scatter_add: unsupported dtype")
        counts.launches += 1
        place, where, added = _operand(array), _index(index)[0], _operand(values)
        do(lambda: self.ufunc.at(place, where, added), place)

    def reduce(self, array: Any, axis: int = 0, dtype: Any = None, keepdims: bool = False) -> Any:
        if self.__name__ not in ("add", "multiply"):
            raise NotImplementedError(f"`{self.__name__}.reduce` is not supported yet")
        counts.launches += 1
        host = _operand(array)
        return _strict(do(lambda: self.ufunc.reduce(host, axis, dtype, keepdims=keepdims)))


def _function(name: str, function: Any) -> Any:
    """A function of NumPy without the keywords that CuPy's lacks."""

    lacking = names.LACKING_KEYWORDS - names.PRESENT_KEYWORDS.get(name, set())

    def call(*args: Any, **options: Any) -> Any:
        if wrong := lacking & set(options):
            raise TypeError(f"{name}() got an unexpected keyword argument {wrong}")
        counts.launches += name not in names.FREE
        if name in names.SYNCING or (name == "where" and len(args) == 1):
            _wait(name)
        args = _argument(args)
        options = {key: _argument(value) for key, value in options.items()}
        written = args[:1] if name in names.IN_PLACE else ()
        return _strict(do(lambda: function(*args, **options), *written))

    call.__name__ = name
    return call


def _as_strict(data: Any, dtype: Any = None, order: Any = None, copy: bool | None = None) -> Any:
    if isinstance(data, StrictArray):
        return StrictArray(do(lambda: np.array(data._host, dtype=dtype, order=order, copy=copy)))
    _upload("a new array")
    return StrictArray(np.array(data, dtype=dtype, order=order))


class StrictLibrary(SimpleNamespace):
    """What stands for the module `cupy`: the names above, and no others."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"module 'strict' has no attribute {name!r}, as CuPy may not")


def _sliding_window_view(*args: Any, **options: Any) -> Any:
    _upload("sliding_window_view")  # of the window's shape, which is then read axis by axis
    _wait("sliding_window_view")
    return _function("view", np.lib.stride_tricks.sliding_window_view)(*args, **options)


LIBRARY = StrictLibrary(
    **{name: getattr(np, name) for name in names.CONSTANTS},
    **{name: _function(name, getattr(np, name)) for name in names.FUNCTIONS},
    **{name: StrictUfunc(getattr(np, name)) for name in names.UFUNCS},
    ndarray=StrictArray,
    asarray=_as_strict,
    array=lambda data, dtype=None, copy=True: _as_strict(data, dtype, copy=copy),
    asnumpy=lambda array: array.get() if isinstance(array, StrictArray) else np.asarray(array),
    linalg=StrictLibrary(**{
        name: _function(name, getattr(np.linalg, name)) for name in names.LINALG
    }),
    lib=StrictLibrary(stride_tricks=StrictLibrary(
        as_strided=_function("view", np.lib.stride_tricks.as_strided),
        sliding_window_view=_sliding_window_view,
    )),
)  # fmt: skip


def _method(name: str) -> Any:
    call = _function(name, lambda host, *args, **options: getattr(host, name)(*args, **options))
    return lambda self, *args, **options: call(self, *args, **options)


def _operator(ufunc: StrictUfunc, reflected: bool = False, in_place: bool = False) -> Any:
    def call(self: StrictArray, other: Any) -> Any:
        if getattr(other, "__array_ufunc__", self) is None and type(other) is not StrictArray:
            return NotImplemented  # a Tensor's turn
        operands = (other, self) if reflected else (self, other)
        return ufunc(*operands, out=self if in_place else None)

    return call


def _waiting(name: str) -> Any:
    return lambda self, *args: getattr(self.get(), name)(*args)


for _name in ("item", "tolist", "__float__", "__int__", "__bool__"):
    setattr(StrictArray, _name, _waiting(_name))
for _name in names.ATTRIBUTES:
    setattr(StrictArray, _name, property(lambda self, n=_name: getattr(self._host, n)))
for _name in ("T", "real", "imag"):
    setattr(StrictArray, _name, property(lambda self, n=_name: StrictArray(getattr(self._host, n))))
for _name in (*names.REDUCTIONS, *names.VIEWING_METHODS, *names.OTHER_METHODS):
    setattr(StrictArray, _name, _method(_name))
for _name, _ufunc in ((n, getattr(LIBRARY, u)) for n, u in names.OPERATORS.items()):
    if _name in names.UNARY:
        setattr(StrictArray, f"__{_name}__", lambda self, u=_ufunc: u(self))
        continue
    setattr(StrictArray, f"__{_name}__", _operator(_ufunc))
    if _name not in names.COMPARISONS:
        setattr(StrictArray, f"__r{_name}__", _operator(_ufunc, reflected=True))
        if _name != "matmul":  # CuPy has none: `a @= b` makes a new array
            setattr(StrictArray, f"__i{_name}__", _operator(_ufunc, in_place=True))


strict_device.equip(LIBRARY, StrictArray, counts)


class StrictBackend(CupyBackend):
    """The backend of CuPy, on this library."""

    name = "strict"

    def __init__(self) -> None:
        with mock.patch.dict(sys.modules, cupy=LIBRARY):
            super().__init__(0)

    load_cublas = staticmethod(lambda major: host_cublas.HostCublas())

    def device_of(self, array: StrictArray) -> str:
        return "strict"

    def owner(self, array: StrictArray) -> np.ndarray:
        return NUMPY.owner(array._host)

    def blas(self) -> Any:
        counts.launches += 1
        return super().blas()

    def erf(self, x: Any) -> Any:
        counts.launches += 1
        host = _operand(x)
        return StrictArray(do(lambda: NUMPY.erf(host)))


STRICT = StrictBackend()
register("strict", lambda index: STRICT, StrictArray)
