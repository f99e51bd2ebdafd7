"""What a decoder's numbers mean: the distribution p(x | z) of the data, and which data it can have.

output = BernoulliOutput()
output.check(images, "mnist: train")
output.distribution(decoder(z)).log_prob(x)
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ... import nn
from ...data import DataError
from ...distributions import Bernoulli, DiscretisedLogistic, Normal
from ...ops import sigmoid
from ...random import Generator
from ...tensor import Tensor

__all__ = ["BernoulliOutput", "DiscretisedLogisticOutput", "GaussianOutput", "Output"]


class Output(nn.Module):
    """A family of distributions with one number of the decoder for each feature, (..., D).

    `binary`: values between 0 and 1 are probabilities, of which each use draws zeros and ones.
    `check` raises DataError for data that it cannot have.

    >>> [kind.binary for kind in (BernoulliOutput, GaussianOutput)]
    [True, False]
    """

    binary = False

    def distribution(self, decoded: Any) -> Any:
        """p(x | z), from what the decoder made of z, (..., D)."""
        raise NotImplementedError

    def decoded_for(self, mean: np.ndarray) -> np.ndarray:
        """What the decoder should make for p(x | z) to have this mean."""
        return mean

    def check(self, x: np.ndarray, where: str) -> None:
        """Raise DataError unless p(x | z) can have such values; `where` is what the error calls x.

        It looks at all of x, which must be on the host: for data as it is loaded.
        """
        if not np.isfinite(x).all():
            raise DataError(f"{where} holds NaN or infinite values: remove those examples.")


class BernoulliOutput(Output):
    """Zeros and ones with these log-odds.

    A grey pixel is the probability of a one, drawn afresh at each use, in training and in tests:
    the protocol of Burda et al. 2016, "Importance weighted autoencoders", section 5, after
    Salakhutdinov and Murray 2008. (The founding article's binary cross-entropy of grey pixels is
    the likelihood of no data: what it bounds is the mean over such draws.)

    >>> family = BernoulliOutput().distribution(tg.zeros(1, 4))
    >>> family.log_prob(tg.ones(1, 4))
    Tensor([-2.7726])
    """

    binary = True

    def distribution(self, decoded: Any) -> Bernoulli:
        """Bernoulli(logits = decoded)."""
        return Bernoulli(decoded)

    def decoded_for(self, mean: np.ndarray) -> np.ndarray:
        """Its log-odds."""
        return _log_odds(mean)

    def check(self, x: np.ndarray, where: str) -> None:
        """Values in [0, 1]."""
        super().check(x, where)
        _within_unit(x, where, "a Bernoulli likelihood takes zeros, ones and probabilities")


class GaussianOutput(Output):
    """Normal numbers around the decoded ones, all with one variance.

    Args:
        variance: fixed, if given. None learns it: its maximum-likelihood value balances
            reconstruction and KL by itself (Rybkin et al. 2021, "Simple and effective VAE training
            with calibrated decoders", section 3). One number for all features, because a feature
            that never changes would drive a variance of its own to 0 and the density to infinity.
        rng: tells where a learned variance lives, and is not drawn from.

    Raises:
        ValueError: the variance is not positive.

    >>> output = GaussianOutput(variance=1.0, rng=rng)
    >>> output.distribution(tg.zeros(1, 1)).log_prob(tg.zeros(1, 1))
    Tensor([-0.9189])
    """

    def __init__(
        self, variance: float | None = None, *, rng: Generator, dtype: Any = "float32"
    ) -> None:
        if variance is not None and not 0.0 < variance < math.inf:
            raise ValueError(f"GaussianOutput: variance must be positive, not {variance}.")
        self.fixed = None if variance is None else math.log(variance)
        self.log_variance: Tensor | None = None
        if variance is None:
            self.log_variance = nn.Parameter(rng.backend.zeros((1,), dtype=dtype))

    def distribution(self, decoded: Any) -> Normal:
        """N(decoded, variance)."""
        return Normal(decoded, self.fixed if self.log_variance is None else self.log_variance)


class DiscretisedLogisticOutput(Output):
    """Pixels of a fixed number of grey levels around sigmoid(decoded), with one learned scale.

    Args:
        levels: 256 for pixels of 8 bits, 17 for the bundled digits; ValueError below 2.

    See `tinygen.distributions.DiscretisedLogistic` for the formula and its source.

    >>> output = DiscretisedLogisticOutput(17, rng=rng)
    >>> output.distribution(tg.zeros(5, 8)).log_prob(tg.full((5, 8), 0.5)).shape
    (5,)
    """

    def __init__(self, levels: int, *, rng: Generator, dtype: Any = "float32") -> None:
        if levels < 2:
            raise ValueError(f"DiscretisedLogisticOutput: levels must be at least 2, not {levels}.")
        self.levels = levels
        self.log_scale = nn.Parameter(rng.backend.full((1,), -2.0, dtype=dtype))

    def distribution(self, decoded: Any) -> DiscretisedLogistic:
        """Around sigmoid(decoded)."""
        return DiscretisedLogistic(sigmoid(decoded), self.log_scale, self.levels)

    def decoded_for(self, mean: np.ndarray) -> np.ndarray:
        """The inverse of the sigmoid."""
        return _log_odds(mean)

    def check(self, x: np.ndarray, where: str) -> None:
        """Values 0, 1/(levels-1), ..., 1."""
        super().check(x, where)
        _within_unit(x, where, "a discretised logistic likelihood takes grey levels")
        steps = x * (self.levels - 1)
        off = np.abs(steps - np.rint(steps)).max(initial=0.0)
        if off > 1e-3:
            raise DataError(
                f"{where} holds values that are none of {self.levels} grey levels: name their "
                "number, or take a Gaussian likelihood."
            )


def _log_odds(p: np.ndarray) -> np.ndarray:
    """Of probabilities, which are kept within [0.001, 0.999]."""
    p = np.clip(p, 1e-3, 1.0 - 1e-3)
    return np.log(p / (1.0 - p))


def _within_unit(x: np.ndarray, where: str, takes: str) -> None:
    low, high = float(x.min(initial=0.0)), float(x.max(initial=0.0))
    if low < 0.0 or high > 1.0:
        raise DataError(
            f"{where} holds values in [{low:.4g}, {high:.4g}], but {takes} in [0, 1]: scale them, "
            "or take a Gaussian likelihood."
        )
