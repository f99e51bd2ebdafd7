"""Training a variational autoencoder by any of the objectives.

trainer = VAETrainer(model, rng=rng, lr=1e-3)
shown = trainer.step(batch)           # reconstruction, kl, negative_elbo, active_units
images = trainer.sample(16)
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import optim
from ...backend import Array, host
from ...parallel import team
from ...random import Generator
from ...tensor import Tensor
from ..when_read import WhenRead
from .base import LatentTrainer, at_least
from .model import VAE
from .objectives import OBJECTIVES, PRIOR, View

__all__ = ["Latents", "PosteriorCollapse", "VAETrainer"]

ACTIVE = 0.01
"""A component of z is active if the variance over x of its posterior mean exceeds this: Burda et
al. 2016, appendix C."""


class PosteriorCollapse(RuntimeWarning):
    """q(z | x) says nothing about x: the decoder has learned to do without z.

    >>> issubclass(PosteriorCollapse, RuntimeWarning)  # which a filter may turn into an error
    True
    """


@dataclass(frozen=True)
class Latents:
    """What each component of z carries, on the host: (latent,) each.

    kl: in nats, the mean over x. spread: the variance over x of the posterior mean.

    >>> Latents(kl=np.array([2.0, 0.0]), spread=np.array([0.9, 0.0])).active
    array([ True, False])
    """

    kl: np.ndarray
    spread: np.ndarray

    @property
    def active(self) -> np.ndarray:
        """Whether each component is in use."""
        return self.spread > ACTIVE


class VAETrainer(LatentTrainer):
    """Stochastic descent of one of `OBJECTIVES` by Adam.

    Args:
        model: on the device of `rng`.
        rng: draws z, the zeros and ones of grey pixels, and corruptions.
        objective: a key of `OBJECTIVES`.
        samples: k, the draws of z for each example: in the ELBO they are averaged, in the
            importance-weighted bounds they tighten it.
        beta: weight of the KL term, of "elbo" alone.
        warm_up: steps in which that weight rises from 0 to beta in a straight line.
        free_bits: see `negative_elbo`.
        corruption: share of the features that the encoder does not get to see: they are set to 0
            (Vincent et al. 2008, section 2.3), and explained all the same.
        binarise: draw zeros and ones from grey pixels in each step; None: if the output is binary.
        optimizer: of `model.named_parameters()`; None for Adam with `lr`, `betas` and `eps`.

    Raises:
        ValueError: the objective is unknown, a number is out of range or belongs to another one.
        DataError: in `step`, the batch is no rows (N, D) in the dtype of the weights.

    >>> trainer = VAETrainer(dense_vae(8, (16,), 3, BernoulliOutput(), rng=rng), rng=rng)
    >>> sorted(trainer.step(rng.bernoulli(np.full((20, 8), 0.5, "float32"))))
    ['active_units', 'kl', 'negative_elbo', 'reconstruction']
    >>> trainer.sample(5).shape
    (5, 8)
    """

    def __init__(
        self,
        model: VAE,
        *,
        rng: Generator,
        objective: str = "elbo",
        samples: int = 1,
        beta: float = 1.0,
        warm_up: int = 0,
        free_bits: float = 0.0,
        corruption: float = 0.0,
        binarise: bool | None = None,
        lr: float | optim.optimizer.Schedule = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        optimizer: optim.Optimizer | None = None,
    ) -> None:
        if objective not in OBJECTIVES:
            known = ", ".join(OBJECTIVES)
            raise ValueError(f"VAETrainer: unknown objective {objective!r}; known are {known}.")
        at_least("VAETrainer", samples=(samples, 1), beta=(beta, 0), warm_up=(warm_up, 0),
                 free_bits=(free_bits, 0))  # fmt: skip
        if objective != "elbo" and (beta != 1.0 or warm_up or free_bits):
            raise ValueError(
                "VAETrainer: beta, warm_up and free_bits weigh the KL term, which only the "
                f"objective 'elbo' has in closed form, and not {objective!r}."
            )
        if objective == "autoencoder" and samples != 1:
            raise ValueError("VAETrainer: an autoencoder draws no samples; leave samples at 1.")
        if not 0.0 <= corruption < 1.0:
            raise ValueError(f"VAETrainer: corruption must lie in [0, 1), not {corruption}.")
        self.model = model
        if optimizer is None:
            optimizer = optim.Adam(model.named_parameters(), lr=lr, betas=betas, eps=eps)
        self.optimizer = optimizer
        self.objective = objective
        self.samples = samples
        self.beta = beta
        self.warm_up = warm_up
        self.free_bits = free_bits
        self.corruption = corruption
        self._warned = False
        super().__init__(
            rng=rng,
            latent=model.latent,
            parts={"model": model, "optimizer": optimizer},
            binarise=model.output.binary if binarise is None else binarise,
        )

    def step(self, batch: Array, labels: Array | None = None) -> dict[str, Any]:
        """One update on a batch (N, D); see `LatentTrainer.step`.

        Args:
            labels: (N,) integers, of a model with classes.

        Returns:
            Means over the batch in nats: of "elbo" and "stl" the `reconstruction` -log p(x | z),
            the `kl` and their sum `negative_elbo`; of the bounds by k samples `negative_bound`.
            And the number of `active_units`, which is computed when it is read.
        """
        self._check(batch)
        arrays = (batch,) if labels is None else (batch, labels)
        results: dict[str, Any] = dict(self._run(None, *arrays))
        self.steps += 1
        if self.objective != "autoencoder":
            results["active_units"] = WhenRead(lambda: self._count_active(batch, labels))
        return results

    def _update(self, plan: Any, *arrays: Array) -> dict[str, Tensor]:
        target = self._drawn(arrays[0])
        seen = target
        if self.corruption:
            seen = target * (self.rng.uniform(target.shape) >= self.corruption)
        view = View(Tensor(seen), Tensor(target), *arrays[1:])
        terms = OBJECTIVES[self.objective](self.model, view, self.rng, **self._options())
        self.optimizer.step(terms.gradients(self.optimizer.params))
        return terms.shown

    def _options(self) -> dict[str, Any]:
        """What the objective takes besides model, view and rng."""
        if self.objective == "autoencoder":
            return {}
        if self.objective != "elbo":
            return {"samples": self.samples}
        return {"samples": self.samples, "beta": self._beta(), "free_bits": self.free_bits}

    def _beta(self) -> Any:
        """The weight of the KL term in this step: a number, or where the device has it."""
        if not self.warm_up:
            return self.beta
        (weight,) = self.backend.live(
            lambda: (self.beta * min(1.0, self.optimizer.steps / self.warm_up),)
        )
        return weight if isinstance(weight, float) else weight.astype(self._weight.dtype)

    def decode(self, z: Tensor, labels: Array | None = None) -> Tensor:
        """The mean of p(x | z); of a model with classes, the classes 0, 1, ... by turns."""
        if self.model.classes and labels is None:
            labels = self.backend.arange(len(z)) % self.model.classes
        return self.model.likelihood(z, labels).mean

    def encode(self, batch: Array, labels: Array | None = None) -> Tensor:
        """The posterior means of examples (N, D): (N, latent)."""
        return self.model.posterior(Tensor(batch), labels).mean

    def reconstruct(self, batch: Array, labels: Array | None = None) -> np.ndarray:
        """The mean of p(x | z) at the posterior mean of z, on the host: (N, D)."""
        with self.evaluating():
            return host(self.decode(self.encode(batch, labels), labels).data)

    def latents(self, batch: Array, labels: Array | None = None) -> Latents:
        """What each component of z carries of these examples (N, D), with those of other ranks."""
        with self.evaluating():
            q = self.model.posterior(Tensor(batch), labels)
            kl, mean = (np.array(host(x.data)) for x in (q.kl_by_component(PRIOR), q.mean))
            return Latents(team().gather(kl).mean(0), team().gather(mean).var(0))

    def _count_active(self, batch: Array, labels: Array | None) -> int:
        """How many components are active on a batch; warns, once, where all have collapsed."""
        active = int(self.latents(batch, labels).active.sum())
        if active == 0 and len(batch) > 1 and self.steps > max(1_000, 2 * self.warm_up):
            self._warn()
        return active

    def _warn(self) -> None:
        if not self._warned:
            warnings.warn(
                f"step {self.steps}: no component of the latent vector is in use (posterior "
                "collapse), so the decoder explains the data without it: let the KL term's weight "
                "rise slowly (warm_up), leave each component some free_bits, or lower beta.",
                PosteriorCollapse,
                stacklevel=2,
            )
        self._warned = True
