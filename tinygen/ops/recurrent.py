"""A GRU over a whole sequence as one operation, forward in time and back.

As a composition, each of L steps would add a product of its own to the gradient of the weights, and
a cut of its own to that of the inputs. Here all cotangents lie side by side, and one product does.
"""

from __future__ import annotations

from typing import Any

from ..primitive import primitive
from .elementwise import sigmoid, tanh, zeros_like
from .fused import column_sum, linear
from .linalg import product
from .shape import concatenate, expand_dims, reshape, split, stack

# One array holds the states and, beside them, what the gates were: they cost as much as the states
# to compute, and one output carries the cotangents of all.
_gru = primitive(
    "gru_sequence",
    lambda xp, x, w, b, start: _forward(xp, x, w, b, start),
    lambda g: g[0],
    lambda g, y, start: product(_rows(g[1]).T, _rows(_before(y, start))),
    lambda g: column_sum(_rows(g[1])),
    lambda g: g[2],
    through=lambda g, y, w, start: _through_time(g, y, w, start),
)


def gru_sequence(of_input: Any, weight: Any, bias: Any, start: Any) -> Any:
    """The states of a GRU at all steps; see `nn.GRU` for the formulas.

    Args:
        of_input: (L, N, 3H), what the inputs give to the gates r, z and to the candidate n.
        weight: (3H, H), of the state before. bias: (3H,) or None. start: (N, H).

    Returns:
        (L, N, H).
    """
    if bias is None:
        bias = zeros_like(weight[:, 0])
    return _gru(of_input, weight, bias, start)[0]


def gru_sequence_reference(of_input: Any, weight: Any, bias: Any, start: Any) -> Any:
    """What `gru_sequence` computes."""
    states = [start]
    for x in split(of_input, len(of_input)):
        of_state = linear(states[-1], weight, bias)
        (xr, xz, xn), (hr, hz, hn) = (split(a, 3, 1) for a in (reshape(x, x.shape[1:]), of_state))
        z = sigmoid(xz + hz)
        states.append((1.0 - z) * tanh(xn + sigmoid(xr + hr) * hn) + z * states[-1])
    return stack(states[1:])


def _forward(xp: Any, x: Any, w: Any, b: Any, start: Any) -> Any:
    size = start.shape[1]
    y = xp.empty((5, *x.shape[:2], size), dtype=x.dtype)
    h = start
    for t in range(len(x)):
        of_state = xp.dot(h, w.T)
        of_state += b
        both = xp.sigmoid(x[t, :, : 2 * size] + of_state[:, : 2 * size])
        after, r, z, n, reset = y[:, t]
        r[...], z[...], reset[...] = both[:, :size], both[:, size:], of_state[:, 2 * size :]
        n[...] = xp.tanh(x[t, :, 2 * size :] + r * reset)
        after[...] = n + z * (h - n)
        h = after
    return y


def _through_time(g: Any, y: Any, w: Any, start: Any) -> tuple[Any, Any, Any]:
    """The cotangents of `of_input`, of what the states give to the gates, and of `start`."""
    of_input, of_gates = [], []
    carried: Any = 0.0
    for t in reversed(range(y.shape[1])):
        _, r, z, n, reset = y[:, t]
        of_h, of_r, of_z, of_n, of_reset = g[:, t]
        before = y[0, t - 1] if t else start
        d = of_h + carried
        of_n = (of_n + d * (1.0 - z)) * (1.0 - n * n)
        of_z = (of_z + d * (before - n)) * (z * (1.0 - z))
        of_r = (of_r + of_n * reset) * (r * (1.0 - r))
        of_input.append(concatenate([of_r, of_z, of_n], 1))
        of_gates.append(concatenate([of_r, of_z, of_reset + of_n * r], 1))
        carried = d * z + product(of_gates[-1], w)
    return stack(of_input[::-1]), stack(of_gates[::-1]), carried


def _before(y: Any, start: Any) -> Any:
    """The state before each step."""
    return concatenate([expand_dims(start, 0), y[0, :-1]])


def _rows(x: Any) -> Any:
    return reshape(x, (-1, x.shape[-1]))
