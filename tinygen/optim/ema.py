"""The average of a model's weights over its training: often the better model, in GANs above all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np

from ..backend import Array, host
from ..state import check_state
from ..tensor import Tensor, note_write
from .flat import Layout, checked, find_packed

__all__ = ["ExponentialMovingAverage"]


class _HasTensors(Protocol):
    """What is asked of a module."""

    def named_parameters(self) -> list[tuple[str, Tensor]]: ...
    def named_buffers(self) -> list[tuple[str, Tensor]]: ...


class ExponentialMovingAverage:
    """average = decay * average + (1 - decay) * parameter, at every `update`.

        ema = tg.optim.ExponentialMovingAverage(generator, decay=0.999)
        optimizer.step(grads); ema.update()
        with ema.swapped():                       # the generator has its averaged weights
            images = generator(noise)

    Polyak & Juditsky 1992; for GANs Yazici et al. 2019, "The unusual effectiveness of averaging in
    GAN training". Buffers, such as running means, are copied and not averaged.

    Args:
        module: its parameters must have one dtype and one device.
        decay: in [0, 1).
        warmup: average over the first steps with the smaller decay (1 + n) / (10 + n) after n
            updates, so that the random initial weights are soon forgotten.

    Raises:
        ValueError: the decay is out of range, or the parameters do not fit into one array.
        RuntimeError: `update` or `swapped` is called within `swapped`.

    >>> layer = nn.Linear(1, 1, bias=False, rng=rng)
    >>> layer.weight.data = tg.zeros(1, 1)
    >>> ema = optim.ExponentialMovingAverage(layer, decay=0.75)
    >>> layer.weight.data = tg.ones(1, 1)
    >>> ema.update()
    >>> with ema.swapped():
    ...     print(layer.weight.item())
    0.25
    """

    def __init__(self, module: _HasTensors, decay: float = 0.999, *, warmup: bool = False) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(
                f"ExponentialMovingAverage: decay must lie in [0, 1), not {decay}; 0.999 averages "
                "over about 1000 updates."
            )
        self.decay = decay
        self.warmup = warmup
        self.updates = 0
        params = checked("ExponentialMovingAverage", module.named_parameters())
        buffers = dict(module.named_buffers())
        self._names = [*params, *buffers]
        self._params = list(params.values())
        self._buffers = list(buffers.values())
        layout = Layout(self._params)
        self._backend = layout.backend
        self._average, self._views = layout.zeros()
        self._copies = [b._data.copy() for b in self._buffers]
        self._swapped = False
        for view, p in zip(self._views, self._params, strict=True):
            view[...] = p._data

    def update(self) -> None:
        """Take in the present weights; once after every step of the optimizer."""
        self._refuse_if_swapped("update")
        part = self._backend.live(self._advance)
        # Behind an optimizer of just these parameters, they lie in one array of our layout.
        flat = find_packed(self._params)
        if flat is not None:
            self._backend.approach(self._average, flat.array, part)
        else:
            for view, p in zip(self._views, self._params, strict=True):
                self._backend.approach(view, p._data, part)
        for kept, b in zip(self._copies, self._buffers, strict=True):
            kept[...] = b._data

    def _advance(self) -> tuple[float]:
        """Count an update; returns the part of the way that the average goes."""
        n = self.updates
        self.updates += 1
        for array in (self._average, *self._copies):
            note_write(array)
        decay = min(self.decay, (1 + n) / (10 + n)) if self.warmup else self.decay
        return (1.0 - decay,)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside, the module computes with the averages; afterwards with its own weights again.

        Nothing is copied: the Tensors change the arrays they hold. An optimizer's step inside is
        refused.
        """
        self._refuse_if_swapped("swapped")
        tensors = [*self._params, *self._buffers]
        own = [tensor._data for tensor in tensors]
        self._swapped = True
        try:
            for tensor, average in zip(tensors, self._averages(), strict=True):
                tensor._data = average
            yield
        finally:
            for tensor, data in zip(tensors, own, strict=True):
                tensor._data = data
            self._swapped = False

    def state_dict(self) -> dict[str, Any]:
        """{"updates": count, "average": {name: host array}}; the averages fit the module too."""
        averages = zip(self._names, self._averages(), strict=True)
        return {
            "updates": self.updates,
            "average": {name: np.array(host(array), order="C") for name, array in averages},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`.

        Raises:
            ValueError: names are missing or unexpected, or values misfit; all of them are listed,
                and nothing was changed.
        """
        own = dict(zip(self._names, self._averages(), strict=True))
        counted = isinstance(state.get("updates"), (int, np.integer))
        values = check_state(
            "ExponentialMovingAverage.load_state_dict",
            own,
            state.get("average", {}),
            [] if counted else ["updates"],
        )
        for name, array in own.items():
            array[...] = self._backend.from_host(values[name])
            note_write(array)
        self.updates = int(state["updates"])

    def _averages(self) -> list[Array]:
        return [*self._views, *self._copies]

    def _refuse_if_swapped(self, what: str) -> None:
        if self._swapped:
            raise RuntimeError(
                f"ExponentialMovingAverage.{what}: the module holds the averages at present; leave "
                "the `with ema.swapped():` block first."
            )
