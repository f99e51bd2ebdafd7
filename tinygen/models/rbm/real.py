"""Units with real values: Gaussian visible units, and noisy rectified hidden units.

    RBM(Gaussian(64), 100, rng=rng)
    RBM(Gaussian(64), NoisyRectified(100), rng=rng)      # no exact likelihood

Cho, Ilin and Raiko 2011, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines";
Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...backend import Array
from ...ops import exp, log1p, sigmoid, softplus, sum, where
from ...random import Generator
from .units import Units

__all__ = ["Gaussian", "NoisyRectified"]


class Gaussian(Units):
    """Real units of learned variance: E(s) = sum (s - b)^2 / (2 sigma^2), s ~ N(x, sigma^2).

    The weights see s / sigma^2, and the variance is learned as its logarithm: Cho, Ilin and Raiko
    2011, "Improved learning of Gaussian-Bernoulli restricted Boltzmann machines", eq. 4 and 8. Bias
    and log-variance are (n,). Args, and errors: as `Units`.

    >>> rbm = RBM(Gaussian(2), 4, rng=rng)
    >>> rbm.free_energy(rng.normal((5, 2))).shape
    (5,)
    """

    values = "real numbers"
    further = ("log_variance",)

    def __init__(self, n: int, *, dtype: str = "float32", device: str | None = None) -> None:
        super().__init__(n, dtype=dtype, device=device)
        self.log_variance = self._parameter(dtype, device)

    def _precision(self) -> Any:
        return exp(-self.log_variance)

    def coupled(self, s: Any) -> Any:
        """s / sigma^2."""
        return s * self._precision()

    def self_energy(self, s: Any) -> Any:
        """The sum of (s - b)^2 / (2 sigma^2)."""
        away = s - self.bias
        return 0.5 * sum(away * away * self._precision(), axis=1)

    def mean(self, x: Any) -> Any:
        """x."""
        return x

    def sample(self, x: Array, rng: Generator) -> Array:
        """x and noise of the units' variance."""
        noise = rng.normal(x.shape, dtype=x.dtype)
        noise *= exp(0.5 * self.log_variance)
        noise += x
        return noise

    def cumulant(self, x: Any) -> Any:
        """The sum of (x^2 - b^2) / (2 sigma^2) + log(2 pi sigma^2) / 2."""
        alone = sum(self.log_variance + math.log(2.0 * math.pi) - self.bias**2 * self._precision())
        return 0.5 * (sum(x * x * self._precision(), axis=1) + alone)

    def blend(self, base: Units, beta: Any) -> tuple[Units, Any]:
        """Precisions, and means times precisions, are interpolated."""
        assert isinstance(base, Gaussian)
        mine, others = beta * self._precision(), (1.0 - beta) * base._precision()
        variance = 1.0 / (mine + others)
        mean = (mine * self.bias + others * base.bias) * variance
        blended = self.with_parameters(bias=mean, log_variance=self.xp.log(variance))
        return blended, mine * variance

    def base_rate(self, s: Array) -> Units:
        """Mean and variance; a tenth of the mean variance is added, for units that hardly vary."""
        variance = self.xp.sum((s - s.mean(0)) ** 2, 0) / len(s)
        log_variance = self.xp.log(variance + 0.1 * variance.mean() + 1e-6)
        return self.with_parameters(bias=s.mean(0), log_variance=log_variance)

    def further_gradients(
        self, parts: Sequence[tuple[Array, Array]], shift: Any, coupling: Array
    ) -> dict[str, Array]:
        """Of the log-variances z: sum_i -w_i (v_i - b')^2 / (2 sigma^2) - sum_j W_j dW_j.

        The energy's coupling term is linear in the weights and in exp(-z), so its derivative in z
        is read from the weights' gradient.
        """
        centre = self.bias + shift
        spread: Any = 0.0
        for s, share in parts:
            away = s - centre
            spread = spread + share @ (away * away)
        return {"log_variance": 0.5 * self._precision() * spread - coupling}

    def alternatives(self, site: int, reach: tuple[float, float]) -> tuple[Array, float]:
        """A grid over all that is likely, for the rule of trapezia.

        Given the rest, a unit is a mixture of normals of its own deviation sigma. The rule on a
        step of 0.75 sigma errs by 2 exp(-2 pi^2 / 0.75^2), a part in 10^15.
        """
        xp = self.xp
        deviation = math.exp(0.5 * float(self.log_variance[site]))
        low, high = (float(self.bias[site]) + field for field in reach)
        # Weights that have grown without bounds, or are nan, must not ask for endless memory.
        step = max(0.75 * deviation, (high - low) / 2**16)
        steps = (high - low) / step
        count = 26 + (int(steps) if math.isfinite(steps) else 0)  # 9 deviations beyond either end
        grid = low + step * (xp.arange(count) - 12.0)
        return grid.reshape(-1, 1).astype(self.bias.dtype), math.log(step)


class NoisyRectified(Units):
    """Hidden units max(0, x + noise of variance sigmoid(x)).

    They stand for infinitely many Bernoulli units with one weight and biases lowered by 1/2, 3/2,
    ... (Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines",
    section 2): the sum of their means is close to softplus(x), and its antiderivative, minus the
    dilogarithm of -exp(x), is their share of the free energy. Training by samples of them is an
    approximation, and there is no likelihood to be had: what needs one raises ValueError.

    >>> rbm = RBM(Gaussian(2), NoisyRectified(4), rng=rng)
    >>> rbm.hidden_mean(rng.normal((5, 2))).shape
    (5, 4)
    """

    exact = False
    values = "at least 0"

    def self_energy(self, s: Any) -> Any:
        """Not known: their energy is that of the many units that they stand for."""
        raise ValueError(
            "NoisyRectified units have a free energy but no energy of a state; take Bernoulli "
            "hidden units for likelihoods and tempering."
        )

    def mean(self, x: Any) -> Any:
        """softplus(x)."""
        return softplus(x)

    def sample(self, x: Array, rng: Generator) -> Array:
        """max(0, x + noise)."""
        noise = rng.normal(x.shape, dtype=x.dtype)
        noise *= self.xp.sqrt(sigmoid(x))
        noise += x
        return self.xp.relu(noise)

    def cumulant(self, x: Any) -> Any:
        """The sum of -Li2(-exp(x)), to 1e-13.

        With L = log(1 + exp(-|x|)) below 0.7, Debye's series L + L^2/4 + L^3/36 - ... gives it for
        negative x, and Li2's inversion formula for positive x.
        """
        small = log1p(exp(-abs(x)))
        square = small * small
        series: Any = _DEBYE[-1]
        for coefficient in _DEBYE[-2::-1]:
            series = series * square + coefficient
        left = small + 0.25 * square + small * square * series
        right = 0.5 * x * x + math.pi**2 / 6.0 - left
        return sum(where(x > 0, right, left), axis=1)


_BERNOULLI_NUMBERS = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730)
_DEBYE = [b / math.factorial(2 * i + 3) for i, b in enumerate(_BERNOULLI_NUMBERS)]
"""Of L^3, L^5, ...: B_2 / 3!, B_4 / 5!, ..."""
