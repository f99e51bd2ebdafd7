"""Surgery on the gradients of several losses: known answers, the published algorithm, refusing."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from hypothesis import given
from hypothesis import strategies as st

import tinygen as tg
from tinygen import nn, optim
from tinygen.autograd import grad
from tinygen.optim import GradientSurgery, SharedWeights
from tinygen.replay import Replay

SHAPES = [(7, 5), (5,), (2, 3, 2)]


def split(vector):
    parts, rest = [], vector
    for shape in SHAPES:
        n = int(np.prod(shape))
        parts.append(tg.tensor(rest[:n].reshape(shape)))
        rest = rest[n:]
    return parts


def joined(parts):
    return np.concatenate([p.numpy().ravel() for p in parts]).astype("float64")


SIZE = sum(int(np.prod(shape)) for shape in SHAPES)


def random_tasks(tasks, seed=0, dtype="float64"):
    return np.random.default_rng(seed).normal(size=(tasks, SIZE)).astype(dtype)


def by_the_book(g, orders):
    """Algorithm 1 of Yu et al. 2020, on whole vectors."""
    result = np.zeros(SIZE)
    for i, order in enumerate(orders):
        own = g[i].astype("float64")
        for j in order:
            if j != i and own @ g[j] < 0:
                own = own - (own @ g[j]) / (g[j] @ g[j]) * g[j]
        result += own
    return result


def surgery(seed=0):
    return GradientSurgery(tg.Generator(seed))


@pytest.mark.parametrize("tasks", [2, 3, 5])
@pytest.mark.parametrize("seed", range(4))
def test_algorithm_1_in_some_random_order(backend, tasks, seed):
    """Every order gives a result of its own; ours is that of the order which it drew."""
    g = random_tasks(tasks, seed)
    cut = surgery(seed)
    found = joined(cut.combine([split(row) for row in g]))
    u = tg.Tensor(tg.Generator(seed).uniform((tasks, tasks))).numpy()
    orders = u.argsort(axis=1)
    np.testing.assert_allclose(found, by_the_book(g, orders), rtol=1e-10, atol=1e-12)


def test_all_orders_come_up():
    cut = surgery()
    seen = set()
    for _ in range(60):
        turns = cut._turns(tg.backend.NUMPY, 3, "float64")
        seen.add(tuple(int(turn[0].argmax()) for turn in turns if turn[0].any()))
    assert seen == {(1, 2), (2, 1)}


@pytest.mark.parametrize("make", [surgery, SharedWeights])
def test_nothing_changes_where_nothing_conflicts(backend, make):
    g = random_tasks(2)
    g[1] += 2.0 * g[0]
    assert g[0] @ g[1] > 0
    found = joined(make().combine([split(row) for row in g]))
    np.testing.assert_array_equal(found, g[0] + g[1])


@pytest.mark.parametrize(("dtype", "tol"), [("float64", 1e-12), ("float32", 1e-6)])
def test_two_tasks_do_not_conflict_afterwards(backend, dtype, tol):
    g = random_tasks(2, dtype=dtype)
    g[1] -= g[0]
    total = joined(surgery().combine([split(row) for row in g]))
    for row in g.astype("float64"):
        assert row @ total >= -tol * np.linalg.norm(row) * np.linalg.norm(total)


def test_opposite_gradients_cancel(backend):
    g = random_tasks(1)[0]
    found = surgery().combine([split(g), split(-g)])
    assert all((part.numpy() == 0).all() for part in found)
    found = joined(surgery().combine([split(g), split(-3.0 * g)]))
    assert abs(found).max() <= 1e-14 * abs(g).max()


def test_gradients_of_zero_and_parallel_ones(backend):
    g = random_tasks(1)[0]
    np.testing.assert_array_equal(joined(surgery().combine([split(g), split(0.0 * g)])), g)
    np.testing.assert_allclose(joined(surgery().combine([split(g), split(2.0 * g)])), 3.0 * g)
    found = joined(surgery().combine([split(0.0 * g), split(0.0 * g)]))
    np.testing.assert_array_equal(found, 0.0 * g)


@given(st.integers(2, 5), st.integers(0, 1000))
def test_a_rotation_of_space_rotates_the_result(tasks, seed):
    """So in particular the order of hidden units does not matter."""
    g = random_tasks(tasks, seed)
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))[0]
    plain = joined(surgery(seed).combine([split(row) for row in g]))
    turned = joined(surgery(seed).combine([split(row) for row in g @ q]))
    np.testing.assert_allclose(turned, plain @ q, atol=1e-11 * tasks**2)


def test_right_of_way(backend):
    g = random_tasks(3)
    g[1] -= g[0]
    found = joined(SharedWeights().combine([split(row) for row in g]))
    expected = by_the_book(g, [[], [0], [0, 1]])
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-12)


def test_the_first_objective_loses_nothing(backend):
    """The step's product with the first gradient is at least what that alone would give."""
    g = random_tasks(2)
    g[1] -= 3.0 * g[0]
    found = joined(SharedWeights().combine([split(row) for row in g]))
    np.testing.assert_allclose(found @ g[0], g[0] @ g[0], rtol=1e-12)


# -- on losses -------------------------------------------------------------------------------------


class TwoHeads:
    """A shared layer under a head for each task."""

    def __init__(self):
        rng = tg.Generator(0)
        self.body = nn.Linear(4, 8, rng=rng)
        self.heads = [nn.Linear(8, 1, rng=rng) for _ in range(3)]
        self.x = tg.Tensor(rng.normal((16, 4)))
        self.params = self.body.parameters()
        self.calls = 0

    def losses(self):
        self.calls += 1
        shared = tg.tanh(self.body(self.x))
        return [tg.mean((head(shared) - float(i)) ** 2) for i, head in enumerate(self.heads)]


def test_losses_of_one_graph(backend):
    net = TwoHeads()
    apart = [[g.numpy() for g in tg.grad(net.losses()[i], net.params)] for i in range(3)]
    expected = surgery().combine([[tg.tensor(g) for g in found] for found in apart])
    losses = net.losses()
    found = surgery()(losses, net.params)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)
    with pytest.raises(RuntimeError, match="freed"):
        tg.grad(losses[-1], net.params)


def test_each_task_costs_one_backward_pass(monkeypatch):
    passes = []
    monkeypatch.setattr(
        "tinygen.optim.surgery.grad", lambda *a, **o: passes.append(o) or grad(*a, **o)
    )
    net = TwoHeads()
    surgery()(net.losses(), net.params)
    assert (len(passes), net.calls) == (3, 1)
    assert [o["retain_graph"] for o in passes] == [True, True, False]


def test_parameters_of_one_task_alone(backend):
    net = TwoHeads()
    params = [*net.params, *net.heads[1].parameters()]
    losses = net.losses()
    own = tg.grad(losses[1], params[-2:], retain_graph=True)
    found = surgery()(losses, params)
    assert all(abs(g.numpy()).sum() > 0 for g in found)
    assert [g.shape for g in found[-2:]] == [g.shape for g in own]


def test_reports(backend):
    g = random_tasks(2)
    g[1] -= g[0]
    cut = surgery()
    cut.combine([split(row) for row in g])
    found = {name: value.item() for name, value in cut.report().items()}
    cosine = g[0] @ g[1] / np.linalg.norm(g[0]) / np.linalg.norm(g[1])
    assert found["conflicts"] == 1.0
    np.testing.assert_allclose(found["cosine_before"], cosine, rtol=1e-12)
    # each is turned by 90 degrees from the other's old place: cos(pi - angle) between the new ones
    np.testing.assert_allclose(found["cosine_after"], -cosine, rtol=1e-10)
    cut.combine([split(g[0]), split(g[0])])
    assert cut.report()["conflicts"].item() == 0.0
    with pytest.raises(ValueError, match="there was no step yet"):
        surgery().report()


def test_a_step_neither_waits_nor_uploads():
    with tg.use_device("strict"):
        net = TwoHeads()
        cut = surgery()
        optimizer = optim.Adam(net.params, lr=0.01)
        optimizer.step(cut(net.losses(), net.params))
        with strict.measure() as spent:
            optimizer.step(cut(net.losses(), net.params))
        assert (spent.syncs, spent.uploads) == (0, 0)


@pytest.mark.parametrize("make", [surgery, SharedWeights])
def test_replayed_steps_are_steps(device, make):
    """The order of the tasks is drawn anew in every replay."""
    ends = []
    for replayed in (False, True):
        net, cut = TwoHeads(), make()
        optimizer = optim.Adam(net.params, lr=0.01)

        def step(plan, x, net=net, cut=cut, optimizer=optimizer):
            net.x = tg.Tensor(x)
            optimizer.step(cut(net.losses(), net.params))
            return cut.report()

        step = Replay(device, step) if replayed else step
        rng = tg.Generator(5)
        reports = [step("plan", rng.normal((16, 4))) for _ in range(6)]
        ends.append(([p.numpy() for p in net.params], [r["cosine_after"].item() for r in reports]))
    for a, b in zip(ends[0][0], ends[1][0], strict=True):
        np.testing.assert_array_equal(a, b)
    assert ends[0][1] == ends[1][1]


def test_resuming_continues_the_draws():
    cut = surgery(3)
    g = [split(row) for row in random_tasks(4)]
    cut.combine(g)
    state = cut.state_dict()
    expected = joined(cut.combine(g))
    other = surgery(4)
    other.load_state_dict(state)
    np.testing.assert_array_equal(joined(other.combine(g)), expected)


# -- refusing --------------------------------------------------------------------------------------


def test_gradients_of_two_players_have_no_angle():
    generator, discriminator = (
        nn.Linear(3, 4, rng=tg.Generator(0)),
        nn.Linear(4, 1, rng=tg.Generator(1)),
    )
    fake = generator(tg.ones(5, 3))
    loss_g = -tg.mean(discriminator(fake))
    loss_d = tg.mean(discriminator(fake.detach()))
    players = [generator.parameters(), discriminator.parameters()]
    pairs = zip((loss_g, loss_d), players, strict=True)
    grads = [tg.grad(loss, own, retain_graph=True) for loss, own in pairs]
    sentence = "such as those of a generator and a discriminator, have no angle"
    with pytest.raises(ValueError, match=f"gradients 0 and 1 belong to .*{sentence}"):
        surgery().combine(grads)
    with pytest.raises(ValueError, match=f"several lists; .*{sentence}"):
        surgery()([loss_g, loss_d], players)
    with pytest.raises(ValueError, match=f"loss 1 depends on none of .*{sentence}"):
        surgery()([loss_g, loss_d], players[0])


def test_refuses_single_tasks():
    with pytest.raises(ValueError, match="two tasks or more are needed, not 1"):
        surgery().combine([split(random_tasks(1)[0])])
