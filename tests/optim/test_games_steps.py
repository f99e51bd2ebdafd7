"""Steps of a game: the articles' algorithms by hand, every backend, continuing, refusing."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from checks import assert_same
from game_cases import GAMES, Quadratic, by_hand

import tinygen as tg
from tinygen.optim import SGD, Adam
from tinygen.optim.games import (
    Consensus,
    Extragradient,
    Optimistic,
    RotationCorrection,
    Simultaneous,
)

by_game = pytest.mark.parametrize("name", GAMES)

# -- looking ahead, with Adam ----------------------------------------------------------------------


class AdamByHand:
    """Kingma and Ba's algorithm 1; `move` is what it would take from w."""

    def __init__(self, n: int, lr: float, betas: tuple[float, float]) -> None:
        self.m, self.v, self.t = np.zeros(n), np.zeros(n), 0
        self.lr, self.betas = lr, betas

    def move(self, g: np.ndarray) -> np.ndarray:
        (b1, b2), self.t = self.betas, self.t + 1
        self.m = b1 * self.m + (1 - b1) * g
        self.v = b2 * self.v + (1 - b2) * g * g
        m, v = self.m / (1 - b1**self.t), self.v / (1 - b2**self.t)
        return self.lr * m / (np.sqrt(v) + 1e-8)


def played(game, quadratic: Quadratic, steps: int) -> np.ndarray:
    quadratic.start()
    game.bind([Adam(own, lr=0.05, betas=(0.5, 0.9)) for own in quadratic.params])
    for _ in range(steps):
        game.step(quadratic.losses)
    return quadratic.values()


def test_extragradient_with_adam_is_gidels_algorithm_4():
    quadratic = Quadratic(2, 3)
    found = played(Extragradient(), quadratic, 7)
    adam = AdamByHand(5, 0.05, (0.5, 0.9))
    for _ in range(7):
        start = quadratic.w
        quadratic.w = start - adam.move(quadratic.xi)
        quadratic.w = start - adam.move(quadratic.xi)
    np.testing.assert_allclose(found, quadratic.w, rtol=1e-8)


def test_optimistic_with_adam_is_daskalakis_algorithm_1():
    quadratic = Quadratic(2, 3)
    found = played(Optimistic(), quadratic, 7)
    adam, before = AdamByHand(5, 0.05, (0.5, 0.9)), 0.0
    for _ in range(7):
        move = adam.move(quadratic.xi)
        quadratic.w = quadratic.w - 2.0 * move + before
        before = move
    np.testing.assert_allclose(found, quadratic.w, rtol=1e-8)


@pytest.mark.parametrize("name", ["rotation", "consensus"])
def test_a_corrected_field_is_what_adam_is_given(name):
    quadratic = Quadratic(2, 5)
    game = GAMES[name]()
    found = played(game, quadratic, 6)
    adam = AdamByHand(5, 0.05, (0.5, 0.9))
    for _ in range(6):
        j, xi = quadratic.jacobian, quadratic.xi
        corrected = by_hand(quadratic, 1.0)[0] if name == "rotation" else xi + 0.5 * j.T @ xi
        quadratic.w = quadratic.w - adam.move(corrected)
    np.testing.assert_allclose(found, quadratic.w, rtol=1e-7)


# -- a step, on every backend ----------------------------------------------------------------------


class Players:
    """Two small networks in a game, with Adam: what a trainer is to `assert_same`."""

    def __init__(self, backend, name: str, seed: int = 0) -> None:
        rng = tg.Generator(seed)
        self.nets = [
            tg.nn.Sequential(tg.nn.Linear(3, 4, rng=rng), tg.nn.Tanh(), tg.nn.Linear(4, n, rng=rng))
            for n in (3, 1)
        ]
        self.optimizers = [Adam(net.named_parameters(), lr=1e-2) for net in self.nets]
        self.game = GAMES[name]().bind(self.optimizers)
        x = np.random.default_rng(1).normal(size=(5, 3)).astype("float32")
        self.x = tg.Tensor(backend.from_host(x))

    def losses(self):
        score = self.nets[1](self.nets[0](self.x))
        return [-tg.mean(score), tg.mean(tg.softplus(score)) - tg.mean(self.nets[1](self.x))]

    def step(self):
        return self.game.step(self.losses)

    def state_dict(self):
        return {
            "game": self.game.state_dict(),
            **{f"net{i}": net.state_dict() for i, net in enumerate(self.nets)},
            **{f"adam{i}": o.state_dict() for i, o in enumerate(self.optimizers)},
        }

    def load_state_dict(self, state):
        self.game.load_state_dict(state["game"])
        for i, (net, o) in enumerate(zip(self.nets, self.optimizers, strict=True)):
            net.load_state_dict(state[f"net{i}"])
            o.load_state_dict(state[f"adam{i}"])


@by_game
def test_a_game_continues_bit_for_bit(name, backend):
    straight, resumed = Players(backend, name), Players(backend, name, seed=7)
    for _ in range(3):
        straight.step()
    saved = straight.state_dict()
    resumed.load_state_dict(saved)
    for _ in range(3):
        straight.step(), resumed.step()
    assert_same(straight, resumed)
    again = Players(backend, name, seed=8)
    again.load_state_dict(saved)
    with pytest.raises(AssertionError):
        assert_same(straight, again)


def test_only_what_looks_back_has_a_state(backend):
    for name in GAMES:
        players = Players(backend, name)
        players.step()
        assert bool(players.game.state_dict()) == (name == "optimistic")


@by_game
def test_a_step_never_waits_for_the_device(name):
    with tg.use_device("strict") as backend:
        players = Players(backend, name)
        players.step()
        with strict.measure() as spent:
            for _ in range(3):
                players.step()
    assert (spent.syncs, spent.uploads) == (0, 0)


def test_what_is_reported_is_named_and_stays_on_the_device(backend):
    report = Players(backend, "rotation, reported").step()
    assert list(report) == ["rotation_index", "cosine"]
    assert all(0.0 < value.item() < 2.0 and value.shape == () for value in report.values())
    assert {value.device for value in report.values()} == {tg.default_device()}
    assert Players(backend, "rotation").step() == {}


# -- refusing --------------------------------------------------------------------------------------


def two() -> list[tg.Tensor]:
    return [tg.tensor(1.0, requires_grad=True) for _ in range(2)]


def bound(make):
    x, y = two()
    return make().bind([SGD([x], lr=0.1), SGD([y], lr=0.1)]), x, y


@by_game
def test_a_missing_loss_is_refused(name):
    game, x, y = bound(GAMES[name])
    with pytest.raises(ValueError, match="there are 2 players, but 1 losses"):
        game.step(lambda: [x * y])
    assert (x.item(), y.item()) == (1.0, 1.0)


@by_game
def test_a_loss_that_its_player_cannot_move_is_refused(name):
    game, x, _y = bound(GAMES[name])
    with pytest.raises(ValueError, match=r"loss of player 1 does not depend on its parameter 0"):
        game.step(lambda: [x * x, x * 2.0])


def test_a_game_needs_two_players_and_only_one_table():
    x, y = two()
    with pytest.raises(ValueError, match="at least 2 players, not 1"):
        Simultaneous().bind([SGD([x], lr=0.1)])
    game, *_ = bound(Optimistic)
    with pytest.raises(ValueError, match="make a second one"):
        game.bind([SGD([x], lr=0.1), SGD([y], lr=0.1)])


@pytest.mark.parametrize("kind", [RotationCorrection, Consensus])
@pytest.mark.parametrize("strength", [-1.0, float("nan"), float("inf")])
def test_a_strength_is_finite_and_not_negative(kind, strength):
    with pytest.raises(ValueError, match="strength must be finite and at least 0"):
        kind(strength)


def test_a_state_of_another_game_is_refused():
    remembering, *_ = bound(Optimistic)
    with pytest.raises(ValueError, match=r"missing 0\.0, 1\.0"):
        remembering.load_state_dict({})
    forgetful, *_ = bound(Simultaneous)
    with pytest.raises(ValueError, match="unexpected 0"):
        forgetful.load_state_dict(remembering.state_dict())
