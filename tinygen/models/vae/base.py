"""What the trainers of this family share: batches that are checked, drawn, recorded and resumed.

So each has `step(batch)`, `sample(n)`, `capture()` and a state; a trainer of your own says
`_update` and `decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ... import nn
from ...backend import BACKEND_OF, Array, Backend, host
from ...data import DataError
from ...primitive import no_grad
from ...random import Generator
from ...replay import Replay
from ...tensor import Tensor

__all__ = ["LatentTrainer"]


class LatentTrainer:
    """A trainer of models with a decoder from N(0, I): subclasses define `_update` and `decode`.

    Args:
        rng: draws everything that is random.
        latent: the length of what `decode` takes.
        parts: modules and optimizers by the names that a state has for them.
        binarise: draw zeros and ones from the batch's values, afresh in each step.
    """

    def __init__(
        self, *, rng: Generator, latent: int, parts: dict[str, Any], binarise: bool
    ) -> None:
        self.rng = rng
        self.latent = latent
        self.parts = parts
        self.binarise = binarise
        self.steps = 0
        modules = (part for part in parts.values() if isinstance(part, nn.Module))
        self._weight = next(p for module in modules for p in module.parameters())
        self._run: Callable[..., dict[str, Tensor]] = self._update

    def _update(self, plan: Any, *arrays: Array) -> dict[str, Tensor]:
        """One step's work on the device; what it decides depends on `plan` and shapes alone."""
        raise NotImplementedError

    def decode(self, z: Tensor) -> Tensor:
        """The mean of p(x | z): (N, latent) to (N, D)."""
        raise NotImplementedError

    def step(self, batch: Array) -> dict[str, Any]:
        """One update on a batch (N, D), in the dtype of the weights.

        What it holds is not looked at here, since that would wait for the device: `Output.check`
        does, once, as data is loaded.

        Returns:
            Named 0-d tensors on the device; reading their values waits for it.
        """
        self._check(batch)
        results = self._run(self._plan(), batch)
        self.steps += 1
        return dict(results)

    def _plan(self) -> Any:
        """What differs in kind from step to step, for `_update`; hashable."""
        return None

    def capture(self) -> None:
        """Replay steps as CUDA graphs from now on: the same numbers, launched all at once.

        Raises:
            DeviceError: the model is not on a CUDA device.
        """
        self._run = Replay(self.backend, self._update)

    @property
    def backend(self) -> Backend:
        """Where the model is."""
        return BACKEND_OF[type(self._weight.data)]

    def noise(self, n: int) -> Array:
        """n draws from the prior, a standard normal: (n, latent)."""
        return self.rng.normal((n, self.latent), dtype=self._weight.dtype)

    def sample(self, n: int, noise: Array | None = None) -> np.ndarray:
        """n new examples on the host, (n, D): the means of p(x | z) for z from the prior.

        Args:
            noise: (n, latent) to see how the same draws change as training goes on.
        """
        z = self.noise(n) if noise is None else noise
        with self.evaluating():
            return host(self.decode(Tensor(z)).data)

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Inside, nothing is recorded and layers behave as in evaluation."""
        modules = [part for part in self.parts.values() if isinstance(part, nn.Module)]
        before = [module.training for module in modules]
        for module in modules:
            module.eval()
        try:
            with no_grad():
                yield
        finally:
            for module, training in zip(modules, before, strict=True):
                module.train(training)

    def state_dict(self) -> dict[str, Any]:
        """All that a continued run needs: arrays on the host, and plain numbers."""
        parts = {name: part.state_dict() for name, part in self.parts.items()}
        return {"steps": self.steps, "rng": self.rng.state_dict(), **parts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        self.rng.load_state_dict(state["rng"])
        self.steps = int(state["steps"])

    def _drawn(self, batch: Array) -> Array:
        """The batch, or zeros and ones with its values as probabilities."""
        if not self.binarise:
            return batch
        return self.rng.bernoulli(batch) + 0.0 * batch  # a nan must not pass for a zero

    def _check(self, batch: Array) -> None:
        who, wanted = f"{type(self).__name__}.step", self._weight.dtype
        if batch.ndim != 2 or len(batch) == 0:
            raise DataError(
                f"{who}: the batch has shape {tuple(batch.shape)}; give rows (N, D), N at least 1."
            )
        if batch.dtype != wanted:
            raise DataError(
                f"{who}: the batch is {batch.dtype}, the weights are {wanted}; convert it with "
                f"batch.astype({str(wanted)!r})."
            )


def at_least(who: str, **limits: tuple[float, float]) -> None:
    """Raise ValueError unless each value, given as (value, least), is finite and not below that."""
    for name, (value, least) in limits.items():
        if not least <= value < float("inf"):
            raise ValueError(f"{who}: {name} must be finite and at least {least}, not {value}.")
