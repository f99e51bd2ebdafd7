"""Remember less: compute a part of the graph again when its derivative is asked for.

What one can do with this file:

    block = tg.checkpoint(block)       # a function or a module
    loss = tg.mean(block(x) ** 2)      # remembers x, and not what happens inside the block
    tg.grad(loss, x)                   # runs the block once more

A chain of n blocks keeps n inputs and, at any time, the inside of one block (Chen et al. 2016,
"Training Deep Nets with Sublinear Memory Cost", section 4), for one more evaluation of each.

The key idea: run the function, look at its graph for the older nodes that it reads, wherever they
came from (arguments, parameters, tensors closed over), and forget the graph. What remains is one
node that depends on those.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from .backend import ARRAY_TYPES, BACKEND_OF, Array, host
from .primitive import Operation, recording
from .tensor import Node, Tensor, tick
from .transforms import as_tensors, identity, nodes_behind, pull_back

__all__ = ["checkpoint"]


def checkpoint(f: Callable[..., Any], *, check: bool = True) -> Callable[..., Any]:
    """`f`, whose inside is not remembered but computed again in the backward pass.

    Right at every order, since the derivative of a checkpointed function is checkpointed as well.
    Gradients reach the arguments and whatever else `f` reads, such as parameters.

    Args:
        f: takes anything, returns a tensor or several. It must compute the same when run again:
            one that draws random numbers must be given them as an argument, or the gradient would
            be that of another draw. What else it does, such as updating a running mean, it does
            twice.
        check: compare the outputs of the two runs. On a GPU this waits for the device.

    Raises:
        RuntimeError: in the backward pass, where the second run gave other values or read other
            tensors, or where something that it reads was overwritten.

    >>> layer = tg.checkpoint(lambda x: tg.tanh(tg.exp(x)))
    >>> x = tg.tensor([0.0, -1.0], requires_grad=True)
    >>> tg.grad(layer(x).sum(), x)
    Tensor([0.42  , 0.3223])
    """

    @functools.wraps(f, updated=())
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        call = functools.partial(f, *args, **kwargs)
        first = _FirstRun(call)
        if not first.reads:  # nothing requires gradients, or nothing is recorded
            return first.result
        reads = Node(_READS, tuple(first.reads), (), _NOTHING)
        values = tuple(first.values) if check else ()
        kept = (None, None, call, tuple(first.reads), values, *first.still_alive())
        run = Node(_RUN, (reads,), kept, _NOTHING)
        ys = [
            Tensor(y, Node(_OUTPUT, (run,), (None, None, k), y)) if depends else Tensor(y)
            for k, (y, depends) in enumerate(zip(first.values, first.depends, strict=True))
        ]
        return tuple(ys) if first.several else ys[0]

    return checkpointed


class _FirstRun:
    """What is worth remembering of a run whose graph is dropped."""

    def __init__(self, call: Callable[[], Any]) -> None:
        start = tick()
        result = call()
        ys, self.several = as_tensors("checkpoint", result)
        outputs = [identity(y) for y in ys]  # nodes of this run, even where y is older
        inside, self.reads = nodes_behind(outputs, start)
        self.result = None if self.reads else result
        self.values = [y._data for y in outputs]
        self.depends = [y._node is not None for y in outputs]
        arrays = [a for node in inside for a in node.kept or () if type(a) in ARRAY_TYPES]
        owners = [BACKEND_OF[type(a)].owner(a) for a in arrays]
        self._owners = {id(owner): weakref.ref(owner) for owner in owners}

    def still_alive(self) -> list[Array]:
        """The arrays that derivatives read and that live outside of the run: the engine sees to it
        that nobody writes into these before the second run.
        """
        return [array for ref in self._owners.values() if (array := ref()) is not None]


# A node has one rule for each node that it reads. So that the function runs once for all of them,
# its outputs (_OUTPUT) collect their cotangents in one node (_RUN), which runs it and hands the
# cotangents of all that was read to another node (_READS), which deals them out.


class _Cotangents:
    """Several cotangents by number, travelling as one."""

    shape = ()
    dtype = None

    def __init__(self, parts: dict[int, Any]) -> None:
        self.parts = parts

    def __add__(self, other: _Cotangents) -> _Cotangents:
        return _Cotangents(self.parts | other.parts)


_NOTHING = _Cotangents({})


class _Deal:
    """Rules without end: rule i passes on cotangent i."""

    def __getitem__(self, i: int) -> tuple[Callable, Callable]:
        return lambda g: g.parts[i], lambda kept: ()


def _internal(rules: Any) -> Operation:
    op = Operation("checkpoint", lambda xp: None, ())
    op.rules = rules
    return op


def _run_again(
    g: _Cotangents, call: Callable[[], Any], reads: tuple[Node, ...], values: tuple[Array, ...]
) -> _Cotangents:
    """The cotangents of what `call` reads, by running it once more."""
    wanted, us = list(g.parts), list(g.parts.values())
    to_be_recorded = type(us[0]) is Tensor

    def pull(*cotangents: Tensor) -> list[Tensor]:
        with recording(True):
            start = tick()
            outputs = [identity(y) for y in as_tensors("checkpoint", call())[0]]
            inside, found = nodes_behind(outputs, start)
            _compare(outputs, values, found, reads)
            stand_ins = _cut(inside, reads, start, outputs[0]._data)
            chosen = [outputs[k] for k in wanted]
            return pull_back(chosen, stand_ins, list(cotangents), to_be_recorded)

    if to_be_recorded:
        found = checkpoint(pull, check=bool(values))(*us)
    else:
        found = [c._data for c in pull(*map(Tensor, us))]
    return _Cotangents(dict(enumerate(found)))


_OUTPUT = _internal([(lambda g, k: _Cotangents({k: g}), lambda kept: (kept[2],))])
_RUN = _internal([(_run_again, lambda kept: kept[2:5])])
_READS = _internal(_Deal())


def _cut(inside: list[Node], reads: tuple[Node, ...], start: int, like: Array) -> list[Tensor]:
    """Put a stand-in between the graph of a run and each older node that it reads.

    One node read may have been computed from another. Cotangents of stand-ins are those of this
    run's own reading, and what one older node passes to another is left to the outer pass.
    """
    backend = BACKEND_OF[type(like)]
    stand_ins = {}
    for older in reads:
        shape_only = backend.broadcast_to(backend.zeros((), dtype=older.dtype), older.shape)
        node = Node(identity.operation, (older,), (), shape_only)  # type: ignore[attr-defined]
        node.time = start  # older than all that reads it
        stand_ins[older] = Tensor(shape_only, node)
    for node in inside:
        node.inputs = tuple(stand_ins[n]._node if n in stand_ins else n for n in node.inputs)
    return list(stand_ins.values())


def _compare(
    outputs: list[Tensor], values: tuple[Array, ...], found: list[Node], reads: tuple[Node, ...]
) -> None:
    if set(found) != set(reads):
        raise RuntimeError(
            "checkpoint: the function read other tensors when it was run again for its derivative; "
            "do not replace parameters between a result and its gradient."
        )
    for y, before in zip(outputs, values, strict=False):
        if y.dtype.kind != "f" or not y.size or not _differ(y._data, before):
            continue
        raise RuntimeError(
            "checkpoint: the function gave other values when it was run again for its derivative; "
            "pass it the random numbers that it needs, and change nothing that it reads."
        )


def _differ(a: Array, b: Array) -> bool:
    """Whether two arrays that should be equal share less than half of their digits."""
    if a.shape != b.shape:
        return True
    xp = BACKEND_OF[type(a)]
    with np.errstate(invalid="ignore"):  # of infinities
        distance, size = xp.amax(abs(a - b)), xp.amax(abs(b))
    return bool(host(distance > float(np.finfo(a.dtype).eps) ** 0.5 * size))
