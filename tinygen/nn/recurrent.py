"""Recurrent layers: RNN, GRU and LSTM, with PyTorch's names, layouts and order of gates.

    lstm = nn.LSTM(28, 64, batch_first=True, rng=rng)
    outputs, (h, c) = lstm(rows)          # (N, 28, 28) to (N, 28, 64); h and c are (1, N, 64)

With `bidirectional=True` the outputs are twice as wide.
"""

from __future__ import annotations

import math
from typing import Any

from .. import ops
from ..backend import BACKEND_OF
from ..random import Generator
from .init import uniform_parameter
from .module import Module

__all__ = ["GRU", "LSTM", "RNN"]


class _Recurrent(Module):
    """Steps through time, layer by layer; a subclass says what one step is.

    Weights of layer k are weight_ih_lk (gates * H, inputs), weight_hh_lk (gates * H, H), bias_ih_lk
    and bias_hh_lk (gates * H,), with "_reverse" behind for the backward direction; all start as
    U(-1/sqrt(H), 1/sqrt(H)).
    """

    gates: int
    states = 1
    """How many arrays (N, H) a step hands on: h, or h and c."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, bias: bool = True,
        batch_first: bool = False, bidirectional: bool = False,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        if min(input_size, hidden_size, num_layers) < 1:
            raise ValueError(
                f"{type(self).__name__}: input_size, hidden_size and num_layers must be positive, "
                f"not {input_size}, {hidden_size} and {num_layers}."
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, bidirectional
        bound = 1.0 / math.sqrt(hidden_size)
        rows = self.gates * hidden_size
        self._names = []
        for layer in range(num_layers):
            inputs = hidden_size * (1 + bidirectional) if layer else input_size
            for suffix in ("", "_reverse") if bidirectional else ("",):
                shapes: dict[str, tuple[int, ...]] = {
                    "weight_ih": (rows, inputs),
                    "weight_hh": (rows, hidden_size),
                }
                if bias:
                    shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}
                names = {part: f"{part}_l{layer}{suffix}" for part in shapes}
                for part, shape in shapes.items():
                    parameter = uniform_parameter(shape, bound, rng=rng, dtype=dtype, device=device)
                    setattr(self, names[part], parameter)
                self._names.append(names)

    def forward(self, x: Any, state: Any = None) -> tuple[Any, Any]:
        """The outputs of all steps, and the state after the last.

        Args:
            x: (L, N, input_size), or (N, L, input_size) with `batch_first`.
            state: h (layers * directions, N, H), or for LSTM the pair (h, c); None for zeros.

        Returns:
            (L, N, directions * H), or (N, L, ...) with `batch_first`; and the state.
        """
        if x.ndim != 3 or x.shape[2] != self.input_size or 0 in x.shape[:2]:
            axes = "N, L" if self.batch_first else "L, N"
            raise ValueError(
                f"{self!r}: the input must be ({axes}, {self.input_size}) with at least one step, "
                f"not {x.shape}."
            )
        if self.batch_first:
            x = ops.swapaxes(x, 0, 1)
        starts = self._starts(x.shape[1], state)
        ends = []
        directions = 1 + self.bidirectional
        for layer in range(self.num_layers):
            outputs = []
            for direction in range(directions):
                k = layer * directions + direction
                ordered = ops.flip(x, 0) if direction else x
                seen, end = self._run(ordered, starts[k], *self._weights(self._names[k]))
                outputs.append(ops.flip(seen, 0) if direction else seen)
                ends.append(end)
            x = ops.concatenate(outputs, 2) if directions == 2 else outputs[0]
        final = tuple(ops.stack(parts) for parts in zip(*ends, strict=True))
        y = ops.swapaxes(x, 0, 1) if self.batch_first else x
        return y, final if self.states > 1 else final[0]

    def _weights(self, names: dict[str, str]) -> list[Any]:
        """Of one layer in one direction; None for biases that it does not have."""
        parts = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        return [getattr(self, names[p]) if p in names else None for p in parts]

    def _run(
        self, x: Any, state: tuple, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
    ) -> tuple[Any, tuple]:
        """One layer in one direction: (L, N, inputs) to (L, N, H), and the last state."""
        outputs = []
        for step in _unstack(x):
            of_input = ops.linear(step, weight_ih, bias_ih)
            of_hidden = ops.linear(state[0], weight_hh, bias_hh)
            state = self._step(of_input, of_hidden, state)
            outputs.append(state[0])
        return ops.stack(outputs), state

    def _step(self, of_input: Any, of_hidden: Any, state: tuple) -> tuple:
        raise NotImplementedError

    def _starts(self, n: int, state: Any) -> list[tuple]:
        """The state before the first step, for each layer and direction."""
        count = len(self._names)
        shape = (count, n, self.hidden_size)
        if state is None:
            weight = getattr(self, self._names[0]["weight_hh"])
            backend = BACKEND_OF[type(weight._data)]
            zeros = backend.zeros(shape[1:], dtype=weight.dtype)
            return [(zeros,) * self.states] * count
        parts = state if self.states > 1 else (state,)
        if len(parts) != self.states or any(tuple(part.shape) != shape for part in parts):
            given = " and ".join(str(tuple(part.shape)) for part in parts)
            raise ValueError(
                f"{self!r}: the state must be {' and '.join([str(shape)] * self.states)}, not "
                f"{given}."
            )
        return [tuple(part[k] for part in parts) for k in range(count)]

    def _slice(self, x: Any, first: int, last: int) -> Any:
        """Gates `first` to `last` - 1 of (N, gates * H)."""
        size = self.hidden_size
        return ops.getitem(x, (slice(None), slice(first * size, last * size)))

    def extra_repr(self) -> str:
        """The arguments."""
        text = f"{self.input_size}, {self.hidden_size}"
        text += f", num_layers={self.num_layers}" if self.num_layers > 1 else ""
        text += ", bias=False" if "bias_ih" not in self._names[0] else ""
        text += ", batch_first=True" if self.batch_first else ""
        return text + (", bidirectional=True" if self.bidirectional else "")


class RNN(_Recurrent):
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh).

    Elman 1990, "Finding structure in time". Two biases, whose sum alone matters, are PyTorch's.

    Called with (L, N, input_size), or (N, L, input_size) if `batch_first`, it gives the outputs
    (L, N, directions * hidden_size), likewise, and the last state: see `forward`. Raises
    ValueError for sizes below 1 and inputs that do not fit.

    Args:
        nonlinearity: "tanh" or "relu", else ValueError.

    >>> outputs, state = nn.RNN(3, 5, batch_first=True, rng=rng)(tg.zeros(2, 7, 3))
    >>> outputs.shape, state.shape
    ((2, 7, 5), (1, 2, 5))
    """

    gates = 1

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, nonlinearity: str = "tanh",
        bias: bool = True, batch_first: bool = False, bidirectional: bool = False,
        *, rng: Generator, dtype: Any = "float32", device: str | None = None,
    ) -> None:  # fmt: skip
        known = {"tanh": ops.tanh, "relu": ops.relu}
        if nonlinearity not in known:
            raise ValueError(f"RNN: nonlinearity must be tanh or relu, not {nonlinearity!r}.")
        self._function = known[nonlinearity]
        super().__init__(
            input_size, hidden_size, num_layers, bias, batch_first, bidirectional,
            rng=rng, dtype=dtype, device=device,
        )  # fmt: skip

    def _step(self, of_input: Any, of_hidden: Any, state: tuple) -> tuple:
        return (self._function(of_input + of_hidden),)

    def extra_repr(self) -> str:
        """The arguments."""
        relu = self._function is ops.relu
        return super().extra_repr() + (", nonlinearity='relu'" if relu else "")


class GRU(_Recurrent):
    """h' = (1 - z) n + z h, with gates r and z and the candidate n.

        r = sigmoid(W_ir x + b_ir + W_hr h + b_hr)
        z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
        n = tanh(W_in x + b_in + r (W_hn h + b_hn))

    Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", eq. 5 to 8, who
    reset before the matrix, W (r h), and let z keep the old state in eq. 7 as here; cuDNN and
    PyTorch reset after it, which needs one product instead of two. Rows of the weights: r, z, n.

    Called with (L, N, input_size), or (N, L, input_size) if `batch_first`, it gives the outputs
    (L, N, directions * hidden_size), likewise, and the last state: see `forward`. Raises
    ValueError for sizes below 1 and inputs that do not fit.

    >>> outputs, state = nn.GRU(3, 5, rng=rng)(tg.zeros(7, 2, 3))
    >>> outputs.shape, state.shape
    ((7, 2, 5), (1, 2, 5))
    """

    gates = 3

    def _run(
        self, x: Any, state: tuple, weight_ih: Any, weight_hh: Any, bias_ih: Any, bias_hh: Any
    ) -> tuple[Any, tuple]:
        of_input = ops.linear(x, weight_ih, bias_ih)
        y = ops.gru_sequence(of_input, weight_hh, bias_hh, state[0])
        return y, (y[-1],)


class LSTM(_Recurrent):
    """c' = f c + i g and h' = o tanh(c'), with gates i, f and o and the candidate g.

        i, f, o = sigmoid(W_i x + b_i + W_h h + b_h), each with its rows; g = tanh(the same)

    Hochreiter & Schmidhuber 1997, "Long short-term memory", with the forget gate of Gers,
    Schmidhuber & Cummins 2000 and without peepholes. Rows of the weights: i, f, g, o. The state is
    the pair (h, c).

    Called with (L, N, input_size), or (N, L, input_size) if `batch_first`, it gives the outputs
    (L, N, directions * hidden_size), likewise, and the last state: see `forward`. Raises
    ValueError for sizes below 1 and inputs that do not fit.

    >>> outputs, (h, c) = nn.LSTM(3, 5, bidirectional=True, rng=rng)(tg.zeros(7, 2, 3))
    >>> outputs.shape, h.shape, c.shape
    ((7, 2, 10), (2, 2, 5), (2, 2, 5))
    """

    gates = 4
    states = 2

    def _step(self, of_input: Any, of_hidden: Any, state: tuple) -> tuple:
        gates = of_input + of_hidden
        both = ops.sigmoid(self._slice(gates, 0, 2))
        g, o = ops.tanh(self._slice(gates, 2, 3)), ops.sigmoid(self._slice(gates, 3, 4))
        c = self._slice(both, 1, 2) * state[1] + self._slice(both, 0, 1) * g
        return o * ops.tanh(c), c


def _unstack(x: Any) -> list[Any]:
    """The steps of x, by halving.

    The gradient of one part is an array in the shape of what it was cut from, so that cutting L
    parts from x itself would cost L times x; halving costs log2 L times.
    """
    if len(x) == 1:
        return [ops.squeeze(x, 0)]
    half = len(x) // 2
    return _unstack(x[:half]) + _unstack(x[half:])
