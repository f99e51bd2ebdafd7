"""Limiting gradients before a step. Nothing is written and nothing waits for the device.

    grads, norm = clip_grad_norm(tg.grad(loss, optimizer.params), max_norm=1.0)
    optimizer.step(grads)

The norm is that of all gradients together, as one vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from .. import ops
from ..backend import BACKEND_OF, Array
from ..tensor import Tensor

__all__ = ["clip_grad_norm", "clip_grad_value"]


def clip_grad_norm(
    grads: Sequence[Tensor | Array | None], max_norm: float
) -> tuple[list[Tensor | None], Tensor]:
    """The gradients, scaled together so that their joint Euclidean norm is at most `max_norm`.

    Pascanu et al. 2013, "On the difficulty of training recurrent neural networks", algorithm 1.
    Gradients within the limit keep every bit (PyTorch divides by norm + 1e-6). A nan in one of
    them makes all nan.

    Args:
        grads: Tensors as `tg.grad` returns them, or arrays; None stays None.

    Returns:
        The clipped gradients, as constants, and the norm before clipping, 0-d and still on the
        device.

    Raises:
        ValueError: max_norm is not positive, or there are no gradients.

    >>> clipped, norm = optim.clip_grad_norm([tg.tensor([3.0, 4.0])], 1.0)
    >>> clipped, norm
    ([Tensor([0.6, 0.8])], Tensor(5.))
    """
    if not max_norm > 0.0:
        raise ValueError(f"clip_grad_norm: max_norm must be positive, not {max_norm}.")
    arrays = _arrays(grads)
    present = [g for g in arrays if g is not None]
    if not present:
        raise ValueError("clip_grad_norm: there are no gradients.")
    xp = BACKEND_OF[type(present[0])]
    norm = xp.sqrt(sum(xp.sum(xp.square(g)) for g in present))
    scale = max_norm / xp.maximum(norm, max_norm)  # exactly 1 within the limit
    return [None if g is None else Tensor(g * scale) for g in arrays], Tensor(norm)


def clip_grad_value(grads: Sequence[Tensor | Array | None], limit: float) -> list[Tensor | None]:
    """The gradients, as constants, with every element clipped to [-limit, limit].

    Args:
        grads: Tensors as `tg.grad` returns them, or arrays; None stays None.
        limit: positive, else ValueError.

    >>> optim.clip_grad_value([tg.tensor([3.0, -4.0])], 3.5)
    [Tensor([ 3. , -3.5])]
    """
    if not limit > 0.0:
        raise ValueError(f"clip_grad_value: limit must be positive, not {limit}.")
    return [None if g is None else Tensor(ops.clip(g, -limit, limit)) for g in _arrays(grads)]


def _arrays(grads: Iterable[Any]) -> list[Any]:
    return [g._data if isinstance(g, Tensor) else g for g in grads]
