"""How much a network computes: multiplications, counted in the graph that it records.

    multiplications(discriminator(Tensor(images)))       # of this one forward pass

Convolutions and matrix products are counted; everything else is a pass over an array.
"""

from __future__ import annotations

import math

from ...tensor import Node, Tensor

__all__ = ["multiplications"]


def multiplications(y: Tensor) -> int:
    """Of convolutions and matrix products on the way from parameters to y: one for each addition.

    Everything else is a pass over an array, and costs less. A backward pass costs about twice as
    many again.

    Args:
        y: with its graph, so computed by networks outside `no_grad`; ValueError without.

    >>> multiplications(nn.Linear(10, 20, rng=rng)(tg.zeros(5, 10)))  # 5 * 10 * 20
    1000
    """
    if y._node is None:
        raise ValueError("multiplications: nothing was recorded for y; compute it outside no_grad.")
    stack, seen, total = [y._node], {y._node}, 0
    while stack:
        node = stack.pop()
        total += _of(node)
        fresh = [n for n in node.inputs if n is not None and n not in seen]
        seen.update(fresh)
        stack.extend(fresh)
    return total


def _of(node: Node) -> int:
    """Each element of the result is a sum over the elements of what its weights have in a row."""
    name = node.op.name if node.op is not None else ""
    if name == "conv2d":
        return math.prod(node.shape) * math.prod(node.inputs[1].shape[1:])
    if name in ("linear", "linear_relu"):
        return math.prod(node.shape) * node.inputs[1].shape[1]
    if name == "matmul":
        first = node.inputs[0] or node.inputs[1]
        length = first.shape[-1] if first is node.inputs[0] else first.shape[-2]
        return math.prod(node.shape) * length
    return 0
