"""The cheap form of orthonormal weights: a loss that pulls them there.

    loss = loss + 1e-4 * orthogonal_penalty([layer.weight for layer in hidden])

It holds about, not exactly, and needs no optimizer of its own; `Stiefel` is the exact form.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import ops
from ..backend import backend_for
from ..tensor import Tensor

__all__ = ["orthogonal_penalty"]


def orthogonal_penalty(weights: Iterable[Tensor], *, off_diagonal: bool = False) -> Tensor:
    """The sum of |W W^T - I|^2 over all weights, 0-d: to be added to a loss with a small factor.

    Brock et al., "Neural photo editing with introspective adversarial networks" (2017), section
    3.3, squared. A weight is the matrix (first axis, all others), or its transpose if it has more
    rows than columns: only the shorter side can be orthonormal.

    Args:
        weights: Tensors with two axes or more.
        off_diagonal: sum over the elements off the diagonal alone, so that rows are pulled apart
            and their lengths are free: Brock et al., "Large scale GAN training for high fidelity
            natural image synthesis" (2019), eq. 3.

    Raises:
        ValueError: there are no weights, or one has fewer than two axes.

    >>> optim.orthogonal_penalty([tg.eye(3) * 2.0])
    Tensor(27.)
    """
    total = None
    for weight in weights:
        if weight.ndim < 2:
            raise ValueError(
                f"orthogonal_penalty: a weight has shape {weight.shape}, which is no matrix; leave "
                "biases out."
            )
        matrix = weight.reshape((weight.shape[0], -1))
        wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
        identity = backend_for(weight.device).eye(wide.shape[0], dtype=weight.dtype)
        product = wide @ wide.T
        off = product * (1.0 - identity) if off_diagonal else product - identity
        term = ops.sum(off * off)
        total = term if total is None else total + term
    if total is None:
        raise ValueError("orthogonal_penalty: there are no weights.")
    return total
