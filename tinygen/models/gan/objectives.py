"""What the two players of a GAN minimise: each objective with its formula and its source.

    objective = OBJECTIVES["hinge"]
    loss_d = objective.discriminator(logits, target)
    loss_g = objective.generator(fake)

C(x) is the discriminator's last, linear, layer: a logit, and D = sigmoid(C). E is a mean over the
batch, x a real example and x~ a generated one. D sees both kinds in one batch, real ones first.

Goodfellow et al., "Generative adversarial nets" (2014), eq. 1: D maximises, and G minimises,

    V = E log D(x) + E log(1 - D(x~))

log D = -softplus(-C) and log(1 - D) = -softplus(C) neither overflow nor lose digits. (The founding
article puts the sigmoid into D and takes logarithms of it: the same function, until it saturates.)
"""

from __future__ import annotations

from ...backend import Array
from ...ops import bce_with_logits, maximum, mean, mean_across, softplus
from ...tensor import Tensor

__all__ = [
    "OBJECTIVES",
    "Hinge",
    "LeastSquares",
    "Minimax",
    "NonSaturating",
    "Objective",
    "Relativistic",
    "RelativisticAverage",
    "Wasserstein",
]


class Objective:
    """What both players minimise.

    relative: G's loss looks at real examples too.
    smooth: a target between 0 and 1 has a meaning, so labels can be smoothed.
    `OBJECTIVES` has them by name; each cites its source in `objectives.py`.

    >>> hinge = OBJECTIVES["hinge"]
    >>> hinge.discriminator(tg.full((4, 1), 2.0), tg.full((4, 1), -0.5))
    Tensor(10.)
    """

    relative = False
    smooth = False

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """D's loss, 0-d.

        Args:
            logits: (2N, 1), C of N real and then of N generated examples.
            target: (2N, 1), what D should say of them: N times 1 (0.9 for one-sided smoothing:
                Salimans et al. 2016, section 3.4) and N times 0.
        """
        raise NotImplementedError

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """G's loss, 0-d.

        Args:
            fake: (N, 1), C of generated examples.
            real: (N, 1), C of real ones, of a relative objective.
        """
        raise NotImplementedError


class Minimax(Objective):
    """The game as its value function has it: D minimises -V, and G E log(1 - D(x~)).

    G's gradient vanishes as D gets sure of itself (Goodfellow et al. 2014, section 3).
    """

    smooth = True

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """-E log D(x) - E log(1 - D(x~))."""
        return 2.0 * bce_with_logits(logits, target)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """E log(1 - D(x~))."""
        return -bce_with_logits(fake, 0.0)


class NonSaturating(Minimax):
    """The same D and the same fixed point, with a strong gradient early (the same section)."""

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E log D(x~)."""
        return bce_with_logits(fake, 1.0)


class LeastSquares(Objective):
    """Regression to the labels: an example that D is sure of still pulls, by its distance.

    Mao et al., "Least squares generative adversarial networks" (2017), eq. 9, the 0-1 coding.
    """

    smooth = True

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """E (C(x) - 1)^2 / 2 + E C(x~)^2 / 2."""
        return mean((logits - target) ** 2)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """E (C(x~) - 1)^2 / 2."""
        return 0.5 * mean((fake - 1.0) ** 2)


class Hinge(Objective):
    """D stops caring for examples beyond the margin.

    Lim & Ye, "Geometric GAN" (2017), section 4; Miyato et al., "Spectral normalization" (2018),
    eqs. 16 and 17.
    """

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """E max(0, 1 - C(x)) + E max(0, 1 + C(x~))."""
        return 2.0 * mean(maximum(1.0 - _sign(target) * logits, 0.0))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E C(x~)."""
        return -mean(fake)


class Wasserstein(Objective):
    """The Kantorovich-Rubinstein dual: -loss is W_1, if C is the best among 1-Lipschitz functions.

    Arjovsky et al., "Wasserstein GAN" (2017), eqs. 2 and 3. What keeps C Lipschitz is not here: a
    gradient penalty or spectral normalisation, without which C grows for ever.
    """

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """E C(x~) - E C(x)."""
        return -2.0 * mean(_sign(target) * logits)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E C(x~)."""
        return -mean(fake)


class RelativisticAverage(Objective):
    """D says how much more real an example is than those of the other kind on average.

    Jolicoeur-Martineau, "The relativistic discriminator" (2019), section 4.2: so G's gradient
    depends on real examples too, and does not vanish as fakes get good.
    """

    relative = True

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """-E log sigmoid(C(x) - E C(x~)) - E log(1 - sigmoid(C(x~) - E C(x)))."""
        return self._difference(*_halves(logits))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """The same with x and x~ exchanged."""
        assert real is not None
        return self._difference(fake, real)

    @staticmethod
    def _difference(more: Tensor, less: Tensor) -> Tensor:
        of_less, of_more = mean_across(mean(less)), mean_across(mean(more))
        return mean(softplus(of_less - more)) + mean(softplus(less - of_more))


class Relativistic(Objective):
    """Real and generated examples in pairs: D says which of the two is the real one.

    Jolicoeur-Martineau (2019), section 4.1. With zero-centred gradient penalties at both kinds of
    examples it converges locally and drops no modes: Huang et al., "The GAN is dead" (2024), eq. 2.
    """

    relative = True

    def discriminator(self, logits: Tensor, target: Array) -> Tensor:
        """-E log sigmoid(C(x) - C(x~))."""
        real, fake = _halves(logits)
        return mean(softplus(fake - real))

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """-E log sigmoid(C(x~) - C(x))."""
        assert real is not None
        return mean(softplus(real - fake))


OBJECTIVES: dict[str, Objective] = {
    "non-saturating": NonSaturating(),
    "minimax": Minimax(),
    "least-squares": LeastSquares(),
    "hinge": Hinge(),
    "wasserstein": Wasserstein(),
    "relativistic": Relativistic(),
    "relativistic-average": RelativisticAverage(),
}


def _sign(target: Array) -> Array:
    """1 for real examples, -1 for generated ones."""
    return 2.0 * target - 1.0


def _halves(logits: Tensor) -> tuple[Tensor, Tensor]:
    n = len(logits) // 2
    return logits[:n], logits[n:]
