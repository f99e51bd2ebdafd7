"""One plain line about how a GAN's training goes, from a few looks at its players.

    verdict = Verdict(landmarks, weights=(8.0, 6.6))
    verdict.hear(4_000, vitals, loss_d=1.2)
    verdict.text                          # "collapsed to 2 of 10 classes at step 3,000"

What a look is taken for; the first row that fits:

| kind | told by | why there |
|---|---|---|
| diverging | samples, weights or gradients that | |
| | are not finite | |
| | loss_d beyond 10, and beyond 10 | a D that knows nothing has 0.5 to 2, and a critic of slope |
| | times the data's spread | 1 at most the distance of samples from data |
| | samples differ 5 times as much as data | |
| | weights 10 times as long as at first, | they grow to 2 or 5 times within tens of |
| | while coverage is below 3/4 | thousands of good steps, and go on |
| D has won | D right in 99% of the pairs, and | a D that is right may still tell G where to go; |
| | G's loss heeds it by less than 1%, or | the pull is 0.5 or 1 at first, and stays so with |
| | has a gradient below 1/1000 of the first | objectives that do not saturate |
| collapsed | coverage below 1/2 | half of the modes, where they are equal |
| | samples differ less than 1/4 as much | where each mode has a sample, and one has most |
| healthy | none of these | |

An untrained generator's samples differ little, too: as long as they differ a quarter more than two
looks ago, they are not taken for collapsed.
Verdicts do not flicker. A failure is taken back only at 1.4 times the threshold that found it, and
a verdict is changed only when three looks in a row agree on another, or at once where a number is
not finite: no later look can take that back.
"""

from __future__ import annotations

import math
from typing import Any

from .vitals import Landmarks, Vitals

__all__ = ["COLLAPSED", "DIVERGING", "EARLY", "HEALTHY", "WON", "Verdict"]

EARLY, HEALTHY = "too early to tell", "healthy"
COLLAPSED, WON, DIVERGING = "collapsed", "D has won", "diverging"

LOOKS = 3
"""That must agree."""

SLACK = 1.4
"""More than what chance does to 256 samples, and less than what the failures are apart."""

LOSS, SCATTER, GROWTH, COVERED = 10.0, 5.0, 10.0, 0.75
RIGHT, PULL, GRADIENT = 0.99, 0.01, 0.001
COVERAGE, DIVERSITY, RISE = 0.5, 0.25, 1.25


class Verdict:
    """What the latest looks agree on.

    kind: one of the constants of this file. text: the line; it stays as it is until the kind
    changes. since: the step of the first of the looks that agreed.

    Args:
        landmarks: of the data.
        weights: lengths of G's and D's before training.
    """

    def __init__(self, landmarks: Landmarks, weights: tuple[float, float]) -> None:
        self.landmarks = landmarks
        self.kind = self.text = EARLY
        self.since = 0
        self._weights = weights
        self._gradient: float | None = None
        self._looks: list[tuple[int, str, float]] = []  # step, kind and diversity of the latest

    def hear(self, step: int, vitals: Vitals, loss_d: float) -> None:
        """Take in what was seen at this step."""
        if self._gradient is None:
            self._gradient = vitals.gradient
        kind = self._kind_of(vitals, loss_d)
        self._looks = [*self._looks, (step, kind, vitals.diversity)][-LOOKS:]
        agreed = [look[1] for look in self._looks] == [kind] * LOOKS
        if kind != self.kind and (agreed or not _is_finite(vitals)):
            self.kind = kind
            self.since = self._looks[0][0] if agreed else step
            self.text = self._told(vitals, loss_d)

    def growth(self, vitals: Vitals) -> float:
        """How many times as long as at first the weights are, of the player where that is more."""
        return max(
            now / max(then, 1e-12) for now, then in zip(vitals.weights, self._weights, strict=True)
        )

    def _kind_of(self, vitals: Vitals, loss_d: float) -> str:
        slack = {kind: SLACK if kind == self.kind else 1.0 for kind in (DIVERGING, WON, COLLAPSED)}
        if self._diverges(vitals, loss_d, slack[DIVERGING]):
            return DIVERGING
        if self._is_lost(vitals, slack[WON]):
            return WON
        if min(vitals.coverage / COVERAGE, vitals.diversity / DIVERSITY) >= slack[COLLAPSED]:
            return HEALTHY
        return self.kind if self._rises(vitals) else COLLAPSED

    def _rises(self, vitals: Vitals) -> bool:
        """Whether samples have come to differ more, in a run that had not collapsed."""
        if self.kind not in (EARLY, HEALTHY) or len(self._looks) < 2:
            return False
        _, _, before = self._looks[-2]
        return vitals.diversity > RISE * before

    def _diverges(self, vitals: Vitals, loss_d: float, slack: float) -> bool:
        return (
            not _is_finite(vitals)
            or slack * abs(loss_d) > LOSS * max(1.0, self.landmarks.spread)
            or slack * vitals.diversity > SCATTER
            or (slack * self.growth(vitals) > GROWTH and vitals.coverage < slack * COVERED)
        )

    def _is_lost(self, vitals: Vitals, slack: float) -> bool:
        """Whether G is told nothing by a D that knows all."""
        assert self._gradient is not None
        return 1.0 - vitals.d_accuracy <= slack * (1.0 - RIGHT) and (
            vitals.pull < slack * PULL or vitals.gradient <= slack * GRADIENT * self._gradient
        )

    def _told(self, vitals: Vitals, loss_d: float) -> str:
        at = f"step {self.since:,}"
        if self.kind == DIVERGING:
            return f"diverging since {at}: {self._excess(vitals, loss_d)}"
        if self.kind == WON:
            return f"D has won: the generator's gradient vanished at {at}"
        if self.kind == COLLAPSED:
            return self._poverty(vitals, at)
        return f"{self.kind} since {at}"

    def _excess(self, vitals: Vitals, loss_d: float) -> str:
        """What grew most, of what says that training diverges."""
        if not _is_finite(vitals):
            return "samples, weights or gradients are not finite"
        spread = max(1.0, self.landmarks.spread)
        growth, diversity = self.growth(vitals), vitals.diversity
        _, worst = max(
            (abs(loss_d) / (LOSS * spread), f"loss_d is {loss_d:,.0f}"),
            (diversity / SCATTER, f"samples differ {diversity:,.0f} times as much as data"),
            (growth / GROWTH, f"the weights are {growth:,.0f} times as long as at first"),
        )
        return worst

    def _poverty(self, vitals: Vitals, at: str) -> str:
        """In modes, if that says it; else by what is poorer."""
        named, modes = self.landmarks.kind, len(self.landmarks.shares)
        if named and vitals.modes <= modes / 2:
            return f"collapsed to {vitals.modes} of {modes} {named} at {at}"
        if vitals.diversity / DIVERSITY < vitals.coverage / COVERAGE:
            share = f"differ {100 * vitals.diversity:.0f}% as much as data"
        else:
            share = f"reach {100 * vitals.coverage:.0f}% of the data"
        return f"collapsed: samples {share}, since {at}"

    def state_dict(self) -> dict[str, Any]:
        """What a continued run needs, as JSON holds it."""
        return {
            "kind": self.kind,
            "text": self.text,
            "since": self.since,
            "weights": list(self._weights),
            "gradient": self._gradient,
            "looks": [list(look) for look in self._looks],
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken."""
        weights = [float(length) for length in state["weights"]]
        self._weights = (weights[0], weights[1])
        self._gradient = state["gradient"]
        self._looks = [(int(at), str(kind), float(much)) for at, kind, much in state["looks"]]
        self.kind, self.text, self.since = state["kind"], state["text"], state["since"]


def _is_finite(vitals: Vitals) -> bool:
    return all(map(math.isfinite, (vitals.gradient, vitals.diversity, *vitals.weights)))
