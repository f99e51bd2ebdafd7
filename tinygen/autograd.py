"""The reverse pass: from an output back to what it was computed from.

What one can do with this file:

    loss = tg.sum(tg.tanh(x @ w) ** 2)
    grad(loss, w)                          # d loss / d w
    grad(loss, [x, w])                     # both, in one pass
    slope = grad(loss, w, create_graph=True)
    grad(tg.sum(slope * direction), w)     # a Hessian-vector product: the gradient of a gradient

The walk visits nodes newest first, so every use of a value has contributed before the value itself
passes its cotangent on. It does what the rules leave to it: sum a cotangent to the shape of its
argument where broadcasting widened it, cast it to the argument's dtype, add up several uses.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

from .backend import ARRAY_TYPES, Array
from .primitive import PRIMITIVES
from .tensor import Node, Tensor, newest_write, overwritten

__all__ = ["grad"]


def grad(
    output: Tensor,
    inputs: Any,
    *,
    cotangent: Any = None,
    create_graph: bool = False,
    retain_graph: bool = False,
    allow_unused: bool = False,
) -> Any:
    """The gradient of `output` with respect to `inputs`, and nothing else.

    Args:
        output: usually a scalar; otherwise pass `cotangent`.
        inputs: one tensor or several, leaves or results; what was passed decides what is returned.
        cotangent: weights of the elements of `output`, in its shape (default for a scalar: 1). The
            result is the gradient of sum(cotangent * output).
        create_graph: record the gradient's own computation, so that it can be differentiated.
        retain_graph: keep what the graph remembers for another pass over it (implied by
            `create_graph`); otherwise it is freed as it is used.
        allow_unused: return None for an input that `output` does not depend on, not an error.

    Raises:
        RuntimeError: the graph was freed by an earlier pass, an array that it needs was
            overwritten, or an input is not in the graph.
        ValueError: the cotangent's shape is not the output's, or several elements have none.
        TypeError: the output or an input is no Tensor.

    >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> tg.grad((x**3).sum(), x)
    Tensor([ 3., 12., 27.])
    >>> slope = tg.grad((x**3).sum(), x, create_graph=True)
    >>> tg.grad(slope.sum(), x)
    Tensor([ 6., 12., 18.])
    """
    several = not isinstance(inputs, Tensor)
    targets = list(inputs) if several else [inputs]
    nodes = [x._node if type(x) is Tensor else None for x in targets]
    if None in nodes or type(output) is not Tensor:
        raise _unusable(output, targets)
    found = _walk(output, nodes, cotangent, create_graph, retain_graph)
    if not allow_unused:
        for i, g in enumerate(found):
            if g is None:
                raise RuntimeError(
                    f"grad: the output does not depend on input {i} (shape {targets[i].shape}): "
                    "compute it from x, not from x.detach(), x.numpy() or under no_grad(); or pass "
                    "allow_unused=True to get None for it."
                )
    return found if several else found[0]


def _unusable(output: Any, targets: list[Any]) -> Exception:
    if type(output) is not Tensor:
        return TypeError(f"grad: the output is a {type(output).__name__}, not a Tensor.")
    for i, x in enumerate(targets):
        if type(x) is not Tensor:
            return TypeError(f"grad: input {i} is a {type(x).__name__}, not a Tensor.")
        if x._node is None:
            return RuntimeError(
                f"grad: input {i} does not require gradients: write x = tg.tensor(values, "
                "requires_grad=True), not x = tg.tensor(values)."
            )
    raise AssertionError("grad refused without a reason")


def backward(output: Tensor, cotangent: Any = None, *, retain_graph: bool = False) -> None:
    """Add the gradient of `output` to `.grad` of every leaf that it was computed from."""
    if output._node is None:
        raise RuntimeError(
            "backward: nothing that made this tensor requires gradients: compute it from x, not "
            "from x.detach(), x.numpy() or under no_grad(), where x has requires_grad=True."
        )
    leaves = _leaves(output._node)
    found = _walk(output, leaves, cotangent, create_graph=False, retain_graph=retain_graph)
    for leaf, g in zip(leaves, found, strict=True):
        leaf.grad = g if leaf.grad is None else Tensor(leaf.grad._data + g._data)  # type: ignore


def _walk(
    output: Tensor, targets: list[Any], cotangent: Any, create_graph: bool, retain_graph: bool
) -> list[Tensor | None]:
    root = output._node
    ends = set(targets)
    path = [] if root is None else _between(root, ends)
    wanted = ends.union(path)
    if root not in wanted:
        return [None] * len(targets)
    start = _starting_cotangent(output, cotangent)
    pending: dict[Any, Any] = {root: start if create_graph else start._data}
    found: dict[Node, Any] = {}
    own: set[Node] = set()  # nodes whose pending cotangent is a sum made here, so ours to write in
    last_write = newest_write()

    for node in reversed(path):
        g = pending.pop(node)
        if node in ends:
            found[node] = g
            if wanted.isdisjoint(node.inputs):
                continue
        kept: Any = node.kept
        if create_graph or kept is None or node.time < last_write:
            kept = _kept(node, create_graph)
        op: Any = node.op
        if op.through is not None:
            rule, pick = op.through
            g = rule(g, *pick(kept))
        rules = op.rules
        for i, parent in enumerate(node.inputs):
            if parent not in wanted:
                continue
            rule, pick = rules[i]
            c = rule(g, *pick(kept))
            if c.shape != parent.shape:
                c = PRIMITIVES["sum_to"](c, parent.shape)
            if c.dtype != parent.dtype:
                c = PRIMITIVES["astype"](c, parent.dtype)
            if parent not in pending:
                pending[parent] = c
            elif parent in own:
                pending[parent] = add_into(pending[parent], c)
            else:
                pending[parent] = added(pending[parent], c)
                if not create_graph:
                    own.add(parent)
        if not (create_graph or retain_graph):
            node.kept = None

    found.update(pending)  # what is left is the leaves'
    results = [found.get(node) for node in targets]
    return results if create_graph else _as_separate_tensors(results, start._data)


# What the walk computes itself, each by its name, so that `tinygen.tracing` can note it.


def added(a: Any, b: Any) -> Any:
    """Two cotangents of one value, in a new array."""
    return a + b


def add_into(total: Any, c: Any) -> Any:
    """Another one, in an array that the walk made."""
    total += c
    return total


def copied(g: Array) -> Array:
    """An array of its own."""
    return g.copy()


def _between(root: Node, targets: set[Node]) -> list[Node]:
    """The results from which `root` was computed and which lead to a target, oldest first."""
    seen = {root}
    results = [root] if root.op is not None else []
    for node in results:  # which grows meanwhile
        for parent in node.inputs:
            if parent is not None and parent not in seen:
                seen.add(parent)
                if parent.op is not None:
                    results.append(parent)
    results.sort(key=_time)
    leading = set(targets)
    path = []
    for node in results:
        if node in targets or not leading.isdisjoint(node.inputs):
            leading.add(node)
            path.append(node)
    return path


_time = attrgetter("time")


def _leaves(root: Node) -> list[Node]:
    """The leaves from which `root` was computed, oldest first."""
    seen = {root}
    stack = [root]
    while stack:
        new = {parent for parent in stack.pop().inputs if parent is not None} - seen
        seen |= new
        stack += new
    return sorted((node for node in seen if node.op is None), key=_time)


def _kept(node: Node, create_graph: bool) -> tuple | list:
    """What the rules of a node read: raw arrays, or tensors that record for the next order."""
    if node.kept is None:
        raise RuntimeError(
            f"the graph through {node.op.name} was freed by an earlier pass over it: "  # type: ignore[union-attr]
            "there write tg.grad(y, x, retain_graph=True), not tg.grad(y, x), or "
            "y.backward(retain_graph=True), not y.backward()."
        )
    if overwritten(node):
        raise RuntimeError(
            f"an array that {node.op.name} still needs for its derivative was overwritten after "  # type: ignore[union-attr]
            "it was used: write g = tg.grad(y, x); x.data -= g.data, not the other way round."
        )
    if not create_graph:
        return node.kept
    kept = list(node.kept)
    origins = (node, *node.inputs)
    for i, (value, origin) in enumerate(zip(kept, origins, strict=False)):
        if origin is not None and hasattr(value, "dtype"):
            kept[i] = Tensor(value, origin)
    return kept


def _starting_cotangent(output: Tensor, cotangent: Any) -> Tensor:
    if cotangent is None:
        data = output._data
        if data.size != 1:
            raise ValueError(
                f"grad: the output has shape {output.shape}: write tg.grad(y.sum(), x), not "
                "tg.grad(y, x), or y.sum().backward(); or pass a cotangent of that shape."
            )
        return Tensor(PRIMITIVES["ones_like"](data))
    if not isinstance(cotangent, Tensor):
        cotangent = Tensor(cotangent)
    if cotangent.shape != output.shape:
        raise ValueError(
            f"grad: the cotangent has shape {cotangent.shape}, the output {output.shape}; "
            "they must be equal."
        )
    return PRIMITIVES["astype"](cotangent, output.dtype)


def _as_separate_tensors(found: list[Any], cotangent: Any) -> list[Tensor | None]:
    """Tensors that share no memory with each other, with the cotangent or with the graph."""
    taken = {id(cotangent)}
    results: list[Tensor | None] = []
    for g in found:
        if type(g) in ARRAY_TYPES:
            if g.base is not None or id(g) in taken:
                g = copied(g)
            taken.add(id(g))
        results.append(None if g is None else Tensor(g))
    return results


Tensor.backward = backward  # type: ignore
