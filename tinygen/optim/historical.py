"""The mean of all weights that a model has had.

    average = HistoricalAverage(discriminator)
    average.update()                                     # once a step
    loss = loss + 0.1 * average.squared_distance()

A penalty on the distance from it damps orbits of two players: Salimans et al. 2016, "Improved
techniques for training GANs", section 3.3.
"""

from __future__ import annotations

from .. import ops
from ..tensor import Tensor, note_write
from .ema import ExponentialMovingAverage, _HasTensors

__all__ = ["HistoricalAverage"]


class HistoricalAverage(ExponentialMovingAverage):
    """average = (w_1 + ... + w_t) / t after t updates, each step counting alike.

    Used as Salimans et al. 2016, "Improved techniques for training GANs", section 3.3.

    Args, and errors: as `ExponentialMovingAverage`, without a decay.

    >>> layer = nn.Linear(1, 1, bias=False, rng=rng)
    >>> average = optim.HistoricalAverage(layer)
    >>> for value in (1.0, 2.0, 6.0):
    ...     layer.weight.data = tg.full((1, 1), value)
    ...     average.update()
    >>> with average.swapped():
    ...     print(layer.weight.item())
    3.0
    """

    def __init__(self, module: _HasTensors) -> None:
        super().__init__(module, 0.0)

    def squared_distance(self) -> Tensor:
        """|w - average|^2 over all parameters, 0-d; gradients flow to w alone."""
        total = None
        for p, view in zip(self._params, self._views, strict=True):
            term = ops.sum((p - view) ** 2)
            total = term if total is None else total + term
        assert total is not None
        return total

    def _advance(self) -> tuple[float]:
        self.updates += 1
        for array in (self._average, *self._copies):
            note_write(array)
        return (1.0 / self.updates,)
