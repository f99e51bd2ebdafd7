"""What data needs of a random generator: the part of `tinygen.Generator` that it draws with."""

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Rng(Protocol):
    """A seeded stream of draws, as `tinygen.Generator` is."""

    def normal(self, shape: tuple[int, ...], *, dtype: str = "float32") -> Any:
        """Standard normal draws."""

    def integers(self, low: int, high: int, shape: tuple[int, ...]) -> Any:
        """Integers, uniform in [low, high)."""

    def permutation(self, n: int) -> NDArray[Any]:
        """A uniform shuffle of 0..n-1, shape (n,), on the host."""

    def state_dict(self) -> dict[str, Any]:
        """The position in the stream, small and serialisable."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Return to a position that `state_dict` gave."""


def on_host(draw: Any) -> NDArray[Any]:
    """The draw as a NumPy array."""
    # A generator may deliver to a GPU, whose arrays refuse np.asarray and come back through get().
    return np.asarray(draw.get() if hasattr(draw, "get") else draw)
