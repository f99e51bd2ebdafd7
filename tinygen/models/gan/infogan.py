"""InfoGAN: a part of the noise, the code, that can be read off the examples again.

    codes = Codes(categorical=(10,), continuous=2)
    discriminator = AuxiliaryDiscriminator(features, head, nn.Linear(128, codes.width))
    trainer = InfoGANTrainer(G, discriminator, codes=codes, noise_shape=62, rng=rng)
    losses = trainer.step(batch)       # loss_d, negative_information_d, and G's

Chen et al., "InfoGAN: interpretable representation learning by information maximizing generative
adversarial nets" (2016).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import reduce
from itertools import accumulate, pairwise
from operator import add
from typing import Any

import numpy as np

from ... import nn
from ...backend import Array, host
from ...ops import mean, one_hot, softmax, softmax_cross_entropy
from ...random import Generator
from ...tensor import Tensor
from .auxiliary import AuxiliaryDiscriminator, AuxiliaryTrainer
from .rounds import Round

__all__ = ["Codes", "InfoGANTrainer"]

LOG_2_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Codes:
    """The factored prior of a code c, and the family of Q(c | x): Chen et al., "InfoGAN" (2016).

    In a row (width,) each categorical code has a column for each of its values, one of which is 1;
    then come the continuous ones, uniform in [-1, 1]. Q has a softmax for each categorical code and
    a Gaussian for each continuous one, of which it says the mean. Its deviation is fixed, as in the
    authors' code: were it learned, the information in a number without noise would have no bound,
    and the loss none either.

    Args:
        categorical: the number of values of each.
        continuous: how many.
        std: of Q's Gaussians; the smaller, the more the continuous codes weigh.

    Raises:
        ValueError: there are no codes, one has a single value, or std is not positive.

    >>> codes = Codes(categorical=(10,), continuous=2)
    >>> codes.width, codes.draw(5, rng, "float32").shape
    (12, (5, 12))
    """

    categorical: tuple[int, ...] = ()
    continuous: int = 0
    std: float = 1.0

    def __post_init__(self) -> None:
        if any(k < 2 for k in self.categorical) or self.continuous < 0 or not self.width:
            raise ValueError(
                "Codes: give categorical codes of at least 2 values, or continuous ones, not "
                f"{self.categorical} and {self.continuous}."
            )
        if not 0.0 < self.std < math.inf:
            raise ValueError(f"Codes: std must be positive and finite, not {self.std}.")

    @property
    def width(self) -> int:
        """Numbers in a row."""
        return sum(self.categorical) + self.continuous

    @property
    def entropy(self) -> float:
        """H(c) in nats: log K for each categorical code, log 2 for each continuous one."""
        return sum(math.log(k) for k in self.categorical) + self.continuous * math.log(2.0)

    @property
    def parts(self) -> list[slice]:
        """The columns of each categorical code."""
        ends = accumulate(self.categorical, initial=0)
        return [slice(start, end) for start, end in pairwise(ends)]

    def draw(self, n: int, rng: Generator, dtype: Any) -> Array:
        """Rows (n, width) from the prior."""
        xp = rng.backend
        numbers = rng.uniform((n, self.continuous), -1.0, 1.0, dtype=dtype)
        chosen = [one_hot(rng.integers(0, k, n), k, numbers) for k in self.categorical]
        return xp.concatenate([*chosen, numbers], 1)

    def log_probability(self, outputs: Tensor, codes: Array) -> Tensor:
        """E log Q(c | x), 0-d, in nats.

        Args:
            outputs: (N, width), Q's logits and means. codes: (N, width), what G was given.
        """
        terms = [
            -softmax_cross_entropy(outputs[:, part], Tensor(codes[:, part])) for part in self.parts
        ]
        if self.continuous:
            means, given = outputs[:, -self.continuous :], codes[:, -self.continuous :]
            squares = mean((means - given) ** 2) * (-0.5 / self.std**2)
            constant = -0.5 * LOG_2_PI - math.log(self.std)
            terms.append(self.continuous * (squares + constant))
        return reduce(add, terms)

    def information(self, outputs: Tensor, codes: Array) -> Tensor:
        """L_I = E log Q(c | x) + H(c), at most the mutual information I(c; G(z, c)) (eqs. 4, 5)."""
        return self.log_probability(outputs, codes) + self.entropy


class InfoGANTrainer(AuxiliaryTrainer):
    """min over G and Q, max over D of V(D, G) - weight L_I(G, Q) (eq. 6), Q the second head of D.

    Chen et al., "InfoGAN" (2016). The trunk that D and Q share is updated in D's turn, by both
    losses, as in the authors' code. `negative_information_d` and `_g` are -weight L_I, in nats:
    with categorical codes alone and weight 1 they fall from about 0 to -H(c), at which the code can
    be read without error.

    Args: as `AuxiliaryTrainer`, and
        codes: the code that follows the noise in what G takes: (N, noise_shape + codes.width).
        noise_shape: the length of the noise without the code.

    >>> codes = Codes(categorical=(3,))
    >>> trainer = InfoGANTrainer(
    ...     mlp([4 + 3, 8, 2], rng),
    ...     AuxiliaryDiscriminator(mlp([2, 8], rng), mlp([8, 1], rng), mlp([8, 3], rng)),
    ...     codes=codes, noise_shape=4, rng=rng,
    ... )
    >>> sorted(trainer.step(rng.normal((16, 2))))
    ['loss_d', 'loss_g', 'negative_information_d', 'negative_information_g']
    """

    name = "negative_information"

    def __init__(
        self,
        generator: nn.Module,
        discriminator: AuxiliaryDiscriminator,
        *,
        codes: Codes,
        noise_shape: int,
        **options: Any,
    ) -> None:
        width = noise_shape + codes.width
        super().__init__(generator, discriminator, noise_shape=width, **options)
        self.codes = codes

    def auxiliary_loss(self, outputs: Tensor, seen: Round) -> Tensor:
        """-L_I, of generated examples alone."""
        n, width = len(seen.noise), self.codes.width
        return -self.codes.information(outputs[-n:], seen.noise[:, -width:])

    def noise(self, n: int) -> Array:
        """n draws of normal noise, each with a code after it: (n, noise_shape + codes.width)."""
        free, dtype = self.noise_shape[0] - self.codes.width, self.optimizer_d.params[0].dtype
        z = self.rng.normal((n, free), dtype=dtype)
        return self.backend.concatenate([z, self.codes.draw(n, self.rng, dtype)], 1)

    def read(self, batch: Array) -> np.ndarray:
        """Q(c | x) of examples (N, ...) on the host: probabilities and means, (N, codes.width)."""
        with self.evaluating():
            outputs = self.discriminator.auxiliary(self.discriminator.features(Tensor(batch)))
            read = host(outputs.data).copy()
            for part in self.codes.parts:
                read[:, part] = host(softmax(outputs[:, part]).data)
        return read
