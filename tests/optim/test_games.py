"""The joint field of a game and its corrections, against matrices and closed forms."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from game_cases import SIZES, Quadratic, by_hand, dense, flattened

import tinygen as tg
from tinygen.optim import SGD, Adam
from tinygen.optim.games import Consensus, JointField, RotationCorrection, Simultaneous
from tinygen.reproduce import ROWS
from tinygen.reproduce.games import PLAYED, spectral_radius

# -- closed forms ----------------------------------------------------------------------------------

PUBLISHED = {
    "simultaneous": 1.004988,
    "alternating": 1.0,
    "extragradient": 0.995038,
    "optimistic": 0.994936,
    "symplectic adjustment": 0.905539,
    "consensus": 0.905539,
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_bilinear_game_at_the_rate_of_its_closed_form(name):
    make, expected = PLAYED[name]
    assert spectral_radius(make(), seed=0) == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx(PUBLISHED[name], abs=1e-6)


def test_the_row_of_rates_is_judged_by_the_worst():
    row = ROWS["game-rates"]
    assert row.judge([row.run(3, False)]).passed
    off = {"largest distance from a closed form": 2e-6}
    assert not row.judge([row.run(3, False), off]).passed


def test_the_distance_from_the_solution_falls_by_that_rate():
    """The same by walking: 0.905539^50 of the start, from anywhere."""
    x, y = (tg.tensor(v, dtype="float64", requires_grad=True) for v in (1.3, -0.4))
    game = RotationCorrection().bind([SGD([x], lr=0.1), SGD([y], lr=0.1)])
    for _ in range(50):
        game.step(lambda: [x * y, -(x * y)])
    left = np.hypot(x.item(), y.item()) / np.hypot(1.3, -0.4)
    assert left == pytest.approx(np.sqrt(0.82) ** 50, rel=1e-10)


# -- quadratic games: everything is a matrix ------------------------------------------------------


@pytest.mark.parametrize("players", SIZES)
@pytest.mark.parametrize("seed", range(3))
def test_the_field_and_its_products_are_those_of_the_matrices(backend, players, seed):
    game = Quadratic(players, seed)
    game.start(backend)
    field = JointField(game.losses(), game.params)
    j, xi = game.jacobian, game.xi
    a = (j - j.T) / 2
    for found, expected in (
        (field.xi, xi),
        (field.j_xi, j @ xi),
        (field.j_transposed_xi, j.T @ xi),
        (field.a_transposed_xi, a.T @ xi),
    ):
        np.testing.assert_allclose(dense(field, found), expected, rtol=1e-10, atol=1e-10)
    index = np.linalg.norm(a @ xi) / np.linalg.norm(j @ xi)
    assert float(field.rotation_index()) == pytest.approx(index, rel=1e-10)
    u = np.random.default_rng(9).normal(size=field.xi.shape)  # in the gaps too, where xi is 0
    ours = dense(field, backend.from_host(u))
    dot = float(field.dot(field.xi, backend.from_host(u)))
    assert dot == pytest.approx(xi @ ours, rel=1e-10)


def test_alignment_is_the_articles_and_takes_both_signs():
    found_both = []
    for seed, scale in product(range(12), (0.3, 0.5, 2.0)):
        game = Quadratic(2, seed, scale)
        game.start()
        field = JointField(game.losses(), game.params)
        expected, both = by_hand(game, 0.7)
        found = dense(field, RotationCorrection(0.7).adjusted(field))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)
        found_both.append(both)
    assert min(found_both) < -0.5, "turned round"
    assert any(-0.5 < both < -0.1 for both in found_both), "where dividing by the 5 matters"
    assert any(-0.1 < both < 0.0 for both in found_both), "where the bias matters"


def test_without_alignment_the_sign_is_plus():
    for seed in range(12):
        game = Quadratic(2, seed, scale=2.0)
        game.start()
        field = JointField(game.losses(), game.params)
        found = RotationCorrection(0.7, align=False).adjusted(field)
        np.testing.assert_array_equal(found, field.xi + 0.7 * field.a_transposed_xi)


@pytest.mark.parametrize("towards", [1.0, -1.0])
def test_alignment_turns_to_stable_fixed_points_and_away_from_unstable_ones(towards):
    """J = towards I + rotation: the aligned correction goes to 0 in the one, off in the other."""
    x, y = (tg.tensor(v, dtype="float64", requires_grad=True) for v in (20.0, 10.0))

    def losses():
        return [towards * x * x / 2 + 3.0 * x * y, towards * y * y / 2 - 3.0 * x * y]

    field = JointField(losses(), [[x], [y]])
    turned = dense(field, RotationCorrection().adjusted(field) - field.xi)
    inwards = turned @ np.array([20.0, 10.0]) > 0  # it is descended along
    assert inwards == (towards > 0)


def test_consensus_adds_the_gradient_of_half_the_square_of_the_field():
    game = Quadratic(3, 1)
    game.start()
    field = JointField(game.losses(), game.params)
    expected = game.xi + 0.3 * game.jacobian.T @ game.xi
    np.testing.assert_allclose(dense(field, Consensus(0.3).adjusted(field)), expected, rtol=1e-10)


# -- what A means ----------------------------------------------------------------------------------


@pytest.mark.parametrize("strength", [0.0, 1.0, 30.0])
def test_a_potential_game_is_left_alone(strength):
    """Both minimise one function, not a quadratic one: A = 0 to the bit."""
    start = np.random.default_rng(0).normal(size=(2, 3))
    ends = []
    for make in (Simultaneous, lambda: RotationCorrection(strength, report=True)):
        x, y = (tg.tensor(v, requires_grad=True) for v in start)
        game = make().bind([SGD([x], lr=0.1), Adam([y], lr=0.1)])
        for _ in range(5):
            loss = tg.sum(tg.exp(x * y) + tg.tanh(x) * y * y)
            report = game.step(lambda loss=loss: [loss, loss])
        ends.append(flattened([[x, y]]))
    np.testing.assert_array_equal(*ends)
    assert report["rotation_index"].item() == 0.0
    assert report["cosine"].item() == pytest.approx(1.0)


def test_in_a_hamiltonian_game_the_correction_is_the_whole_pull():
    """x^T P y: S = 0, so that A^T xi is J^T xi, and with P orthogonal it is w itself."""
    rng = np.random.default_rng(1)
    p = tg.tensor(np.linalg.qr(rng.normal(size=(4, 4)))[0])
    x, y = (tg.tensor(v, requires_grad=True) for v in rng.normal(size=(2, 4)))
    value = tg.sum(x * (p @ y))
    field = JointField([value, -value], [[x], [y]])
    np.testing.assert_allclose(field.a_transposed_xi, field.j_transposed_xi, rtol=1e-12)
    np.testing.assert_allclose(dense(field, field.a_transposed_xi), flattened([[x, y]]), rtol=1e-12)
    assert float(field.rotation_index()) == pytest.approx(1.0)
    assert float(field.cosine(field.j_xi)) == pytest.approx(0.0, abs=1e-12)


# -- a game of small networks ----------------------------------------------------------------------


class Nonlinear:
    """Two players whose losses are neither opposite nor equal, of one vector of 5 numbers."""

    def __init__(self, dtype: str = "float64") -> None:
        rng = np.random.default_rng(4)
        self.z = rng.normal(size=5).astype(dtype)
        self.data = tg.tensor(rng.normal(size=(6, 2)).astype(dtype))

    def losses(self, x: tg.Tensor, y: tg.Tensor) -> list[tg.Tensor]:
        fake = tg.tanh(self.data @ x[:2] + x[2])
        score = tg.sum(tg.sigmoid(y[0] * fake) * tg.exp(-(fake**2) * y[1]))
        return [score + tg.sum(x**4), tg.sum(tg.sin(y)) * tg.sum(x * x) - 2.0 * score]

    def field(self, z: tg.Tensor) -> tg.Tensor:
        x, y = z[:3], z[3:]
        slopes = [
            tg.grad(loss, own, create_graph=True)
            for loss, own in zip(self.losses(x, y), (x, y), strict=True)
        ]
        return tg.concatenate(slopes)


def test_products_are_those_of_the_explicit_jacobian():
    game = Nonlinear()
    j = tg.jacobian(game.field, tg.tensor(game.z)).numpy()
    xi = game.field(tg.tensor(game.z, requires_grad=True)).numpy()
    x, y = (tg.tensor(v, requires_grad=True) for v in (game.z[:3], game.z[3:]))
    field = JointField(game.losses(x, y), [[x], [y]])
    a = (j - j.T) / 2
    assert np.linalg.norm(a) > 0.1 * np.linalg.norm(j), "or the test says little"
    np.testing.assert_allclose(dense(field, field.xi), xi, rtol=1e-12)
    np.testing.assert_allclose(dense(field, field.j_xi), j @ xi, rtol=1e-10)
    np.testing.assert_allclose(dense(field, field.j_transposed_xi), j.T @ xi, rtol=1e-10)
    np.testing.assert_allclose(dense(field, field.a_transposed_xi), a.T @ xi, rtol=1e-10)


@pytest.mark.parametrize(("dtype", "limit"), [("float32", 1e-6), ("float64", 1e-14)])
def test_the_correction_is_orthogonal_to_the_field(dtype, limit):
    game = Nonlinear(dtype)
    x, y = (tg.tensor(v, requires_grad=True) for v in (game.z[:3], game.z[3:]))
    field = JointField(game.losses(x, y), [[x], [y]])
    assert field.xi.dtype == field.a_transposed_xi.dtype == dtype
    assert abs(float(field.cosine(field.a_transposed_xi))) < limit
