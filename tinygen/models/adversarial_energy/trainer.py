"""Training an RBM by its likelihood and against an adversary at once, with any negative phase.

    trainer = AdversarialEnergyTrainer(rbm, rng=rng, negative_sampler=PersistentChains(100),
                                       adversary=NearestNeighbourCritic(), gamma=0.5)

Fisher, Smith and Walsh, "Boltzmann encoded adversarial machines" (2018). The likelihood asks that
the model be somewhere near all data, and says little about where the model is without data; the
adversary asks that the model be where data is. For any function T of the states,

    -d/dw E_p T = E_p[T dF/dw] - E_p T E_p dF/dw = Cov_p(T, dF/dw)

since d log p = -dF + E_p dF. With T = log p_data / p this would be the gradient of the reverse
divergence KL(p || p_data), of which `NearestNeighbourCritic` has a bounded estimate. The update is

    gamma * (E_data dF - E_p dF) + (1 - gamma) * Cov_p(T, dF)

Both parts are sums of dF over particles: the covariance weighs those of the negative phase anew, by
T less its mean. States that could be data are pushed away less, those that could not the more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...backend import Array
from ...ops import sum
from ...optim import SharedWeights
from ...random import Generator
from ...tensor import Tensor
from ..rbm import RBM, NegativeSampler, Particles, RBMTrainer
from ..rbm.gradient import Gradient
from .critic import NearestNeighbourCritic

__all__ = ["AdversarialEnergyTrainer"]


class AdversarialEnergyTrainer(RBMTrainer):
    """E_data F - E_model F downhill, and uphill on what an adversary says of the model's states.

    Without an adversary, and with `ContrastiveDivergence(1)` for sampler, it is CD-1 bit for bit.
    Fisher, Smith and Walsh, "Boltzmann encoded adversarial machines" (2018).

    Args: as `RBMTrainer`, and
        negative_sampler: where the model's states come from: `ContrastiveDivergence(k)`,
            `PersistentChains(...)`, `GeneratorSampler(...)`, `MixtureSampler(...)`, ...
        adversary: None for none.
        gamma: of the likelihood; 1 - gamma is the adversary's. In (0, 1].
        projected: take from the adversary's gradient what opposes the likelihood's, over all
            parameters (see `SharedWeights`): to first order no update then lowers the likelihood,
            as far as the negative phase knows it.

    Raises:
        ValueError: as `RBMTrainer`; gamma is out of range or contradicts the adversary, or
            there is nothing to project.

    >>> from tinygen.models.rbm import RBM, PersistentChains
    >>> trainer = AdversarialEnergyTrainer(
    ...     RBM(6, 4, rng=rng), rng=rng, negative_sampler=PersistentChains(20),
    ...     adversary=NearestNeighbourCritic(), gamma=0.5,
    ... )
    >>> sorted(trainer.step(np.eye(6, dtype="float32")))
    ['free_energy_gap', 'reconstruction']
    """

    def __init__(
        self,
        rbm: RBM,
        *,
        rng: Generator,
        negative_sampler: NegativeSampler | None = None,
        adversary: NearestNeighbourCritic | None = None,
        gamma: float = 1.0,
        projected: bool = False,
        **options: Any,
    ) -> None:
        if not 0.0 < gamma <= 1.0:
            raise ValueError(f"AdversarialEnergyTrainer: gamma must lie in (0, 1], not {gamma}.")
        if (adversary is None) != (gamma == 1.0):
            raise ValueError(
                f"AdversarialEnergyTrainer: gamma={gamma} leaves the adversary "
                f"{'no part, and there is one' if adversary else 'a part, and there is none'}; "
                "give an adversary and a gamma below 1, or neither."
            )
        if projected and adversary is None:
            raise ValueError(
                "AdversarialEnergyTrainer: projected=True has no adversary to project; give one."
            )
        super().__init__(rbm, rng=rng, negative=negative_sampler, **options)
        self.adversary, self.gamma, self.projected = adversary, gamma, projected
        self._against = {name: g.copy() for name, g in self._gradients.items()}
        self._covariance = Gradient(self._arrays, self._against)
        self._surgery = SharedWeights() if projected else None

    def _write_gradient(self, data: Particles, model: Particles) -> Array:
        """The likelihood's gradient, and then both in its place."""
        mean = super()._write_gradient(data, model)
        if self.adversary is not None:
            seen = self.adversary.features
            hidden = self._arrays.hidden.mean(model.inputs)
            verdict = self.adversary(
                seen(data.visible, mean), seen(model.visible, hidden), model.weights
            )
            self.write_covariance(model, verdict)
            self._join()
        return mean

    def write_covariance(self, model: Particles, verdict: Array) -> Mapping[str, Array]:
        """Cov(T, dF/dw) over the model's states, by the parameters' names.

        Args:
            verdict: T of each, (M,).
        """
        m = len(verdict)
        share = verdict * 0.0 + 1.0 / m if model.weights is None else model.weights
        tilt = share * (verdict - sum(share * verdict))
        # E dF - sum(weights dF) leaves sum(tilt dF), if the weights are those of E less the tilt.
        self._covariance.write(model, model._replace(weights=1.0 / m - tilt), self.offsets)
        return self._against

    def _join(self) -> None:
        """gamma and 1 - gamma of both gradients, where the optimizer reads them."""
        if self._surgery is None:
            for name, g in self._gradients.items():
                g *= self.gamma
                g += (1.0 - self.gamma) * self._against[name]
            return
        both = [
            [Tensor(part * g) for g in of.values()]
            for part, of in ((self.gamma, self._gradients), (1 - self.gamma, self._against))
        ]
        for g, joined in zip(self._gradients.values(), self._surgery.combine(both), strict=True):
            g[...] = joined.data
