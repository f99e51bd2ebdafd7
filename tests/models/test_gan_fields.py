"""The Jacobian of a GAN's joint field: second derivatives of objectives, third of penalties."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.models.gan import OBJECTIVES, REGULARIZERS, GANTrainer
from tinygen.optim.games import Game, JointField

NOISE, FEATURES, BATCH = 3, 4, 6


def smooth(sizes, rng, dtype="float64", bend=nn.Tanh) -> nn.Sequential:
    """Dense layers with no kinks, which finite differences would trip over."""
    first, *more = pairwise(sizes)
    layers: list[nn.Module] = [nn.Linear(*first, rng=rng, dtype=dtype)]
    for ends in more:
        layers += [bend(), nn.Linear(*ends, rng=rng, dtype=dtype)]
    return nn.Sequential(*layers)


class Held(Game):
    """Plays nothing, and keeps the losses that it was asked to play with."""

    def step(self, losses):
        self.losses = losses
        return {}


class Probe:
    """The field of a trainer's losses as a function of all weights; what is random is held."""

    def __init__(self, seed: int, **options) -> None:
        rng = tg.Generator(seed)
        held = Held()
        self.trainer = GANTrainer(
            smooth([NOISE, 5, FEATURES], rng), smooth([FEATURES, 7, 1], rng),
            rng=rng, noise_shape=NOISE, game=held, **options,
        )  # fmt: skip
        batch = np.random.default_rng(seed).normal(size=(BATCH, FEATURES))
        self.trainer.step(batch)
        self._losses, self._random = held.losses, rng.state_dict()
        self._players = [self.trainer.optimizer_d.params, self.trainer.optimizer_g.params]

    def losses(self):
        self.trainer.rng.load_state_dict(self._random)
        return self._losses()

    def field(self) -> JointField:
        return JointField(self.losses(), self._players)

    def along(self, v: np.ndarray, h: float = 1e-5) -> np.ndarray:
        """J v by central differences of xi, all in the layout of the field's vectors."""
        parts = [p for own in self.field().split(v) for p in own]
        params = [p for own in self._players for p in own]
        start = [p.numpy().copy() for p in params]
        ends = []
        for step in (h, -h):
            for p, w, part in zip(params, start, parts, strict=True):
                p[...] = w + step * part
            ends.append(self.field().xi)
        for p, w in zip(params, start, strict=True):
            p[...] = w
        return (ends[0] - ends[1]) / (2.0 * h)


PENALTIES = {"none": [], **{name: [make(1.0, 1)] for name, make in REGULARIZERS.items()}}


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_the_jacobian_is_that_of_finite_differences(objective, penalty):
    """J xi, and J^T xi by <J^T xi, v> = <xi, J v>, with every objective and every penalty.

    A penalty is a derivative already, so that J takes the third. Some depend on G's examples too.
    """
    probe = Probe(3, objective=objective, regularizers=PENALTIES[penalty])
    field = probe.field()
    scale = np.linalg.norm(field.j_xi)
    np.testing.assert_allclose(field.j_xi, probe.along(field.xi), rtol=1e-5, atol=1e-6 * scale)
    rng = np.random.default_rng(0)
    for _ in range(3):
        v = field._joined([[tg.tensor(rng.normal(size=p.shape)) for p in own]
                           for own in field.players])  # fmt: skip
        expected = field.xi @ probe.along(v)
        scale = np.linalg.norm(v) * np.linalg.norm(field.j_transposed_xi)
        assert field.j_transposed_xi @ v == pytest.approx(expected, abs=1e-6 * scale)
    difference = (field.j_transposed_xi - field.j_xi) / 2.0
    np.testing.assert_allclose(field.a_transposed_xi, difference, rtol=1e-9, atol=1e-12)
