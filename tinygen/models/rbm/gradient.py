"""The gradient of minus the log-likelihood, from the particles of both phases.

    g = sum_i w_i dF(v_i)/dparameter,    w = 1/n for the data, -1/m for the model's particles

    dF/dW = -h(v) coupled(v)^T,   dF/db = -coupled(v),   dF/dc = -h(v),   h(v) = E[h | v]

One matrix product over the rows of both phases gives the weights' gradient, written at once to
where the optimizer reads it.

Centred: with offsets mu of the visible and lambda of the hidden units, the gradient of the energy

    -(coupled(v) - coupled(mu)) W^T (h - lambda) - b' . v - c' . h

in (W, b', c') does not change when a unit's 0 and 1 change their roles. Melchior, Fischer and
Wiskott 2016, "How to center deep Boltzmann machines", section 4; Montavon and Mueller 2012. Here W,
b = b' - lambda W and c = c' - coupled(mu) W^T stay an ordinary RBM's, and the gradient of the
centred ones is written in them:

    g_b = g_b' - lambda g_W,   g_c = g_c' - g_W coupled(mu)

so offsets can move without the model moving, and saved weights need none.
"""

from __future__ import annotations

from typing import NamedTuple

from ...backend import Array
from .model import RBM
from .negative import Particles

__all__ = ["Gradient", "Offsets"]


class Offsets(NamedTuple):
    """What is taken from visible (n_visible,) and hidden states (n_hidden,) before products."""

    visible: Array
    hidden: Array


class Gradient:
    """Computes gradients into given arrays, with buffers that it keeps.

    Args:
        rbm: with raw arrays, from `RBM.arrays()`.
        into: the arrays to write to, by the names of the parameters.
    """

    def __init__(self, rbm: RBM, into: dict[str, Array]) -> None:
        self.rbm = rbm
        self.into = into
        self._counts = (0, 0)

    def write(
        self,
        data: Particles,
        model: Particles,
        offsets: Offsets | None = None,
        hidden_push: Array | None = None,
        weight_decay: float = 0.0,
    ) -> Array:
        """Write the gradient; returns the data's E[h | v], (n, n_hidden).

        Args:
            offsets: of the centred gradient.
            hidden_push: (n_hidden,), the gradient of a penalty in every hidden input of the data.
            weight_decay: the strength of an L2 penalty on the weights, at fixed centred biases.
        """
        rbm, into = self.rbm, self.into
        n = len(data.visible)
        v, h, share = self._rows(n, len(model.visible), model.weights)
        v[:n] = rbm.visible.coupled(data.visible)
        v[n:] = rbm.visible.coupled(model.visible)
        mean = rbm.hidden.mean(data.inputs)
        h[:n] = mean
        h[n:] = rbm.hidden.mean(model.inputs)
        if offsets is not None:
            v -= rbm.visible.coupled(offsets.visible)
            h -= offsets.hidden
        if hidden_push is not None:
            h[:n] -= hidden_push
        h *= share.reshape(-1, 1)
        xp = rbm.visible.xp
        xp.matmul(h.T, v, out=into["weight"])
        into["hidden.bias"][...] = xp.column_sum(h)
        into["visible.bias"][...] = share @ v
        if rbm.visible.further:
            self._write_further(data, model, share, offsets)
        if weight_decay:
            into["weight"][...] += weight_decay * rbm.weight
        if offsets is not None:
            self._to_plain(offsets)
        return mean

    def _rows(self, n: int, m: int, weights: Array | None) -> tuple[Array, Array, Array]:
        """Room for n rows of data and m of the model, and minus the weight of each."""
        if self._counts != (n, m):
            xp, dtype = self.rbm.visible.xp, self.rbm.weight.dtype
            self._v = xp.empty((n + m, self.rbm.visible.n), dtype=dtype)
            self._h = xp.empty((n + m, self.rbm.hidden.n), dtype=dtype)
            self._share = xp.empty(n + m, dtype=dtype)
            self._share[:n] = -1.0 / n
            self._share[n:] = 1.0 / m
            self._counts = (n, m)
        if weights is not None:
            self._share[n:] = weights
        return self._v, self._h, self._share

    def _write_further(
        self, data: Particles, model: Particles, share: Array, offsets: Offsets | None
    ) -> None:
        """The gradients of what visible units have beside biases."""
        rbm, into, n = self.rbm, self.into, len(data.visible)
        shift = 0.0 if offsets is None else offsets.hidden @ rbm.weight
        coupling = rbm.visible.xp.sum(rbm.weight * into["weight"], 0)
        parts = ((data.visible, share[:n]), (model.visible, share[n:]))
        for name, g in rbm.visible.further_gradients(parts, shift, coupling).items():
            into[f"visible.{name}"][...] = g

    def _to_plain(self, offsets: Offsets) -> None:
        """From the centred parameters' gradient to the plain ones'."""
        into, mu = self.into, self.rbm.visible.coupled(offsets.visible)
        into["visible.bias"][...] -= offsets.hidden @ into["weight"]
        into["hidden.bias"][...] -= into["weight"] @ mu
        if "visible.log_variance" in into:  # coupled(mu) moves with it
            into["hidden.bias"][...] += self.rbm.weight @ (mu * into["visible.log_variance"])
