"""Muon and the Stiefel manifold: singular values, constraints, resuming, refusing."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from checks import assert_same

import tinygen as tg
from tinygen import nn, optim
from tinygen.backend import NUMPY, host
from tinygen.optim.muon import newton_schulz
from tinygen.optim.stiefel import tangent_part
from tinygen.replay import Replay

# -- Muon ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(128, 784), (784, 128), (64, 64), (1, 9), (9, 1)])
@pytest.mark.parametrize("size", [1e-30, 1.0, 1e15])
def test_singular_values_come_near_one_and_vectors_stay(backend, shape, size):
    matrix = np.random.default_rng(0).normal(size=shape)
    u, s, v = np.linalg.svd(matrix, full_matrices=False)
    found = host(newton_schulz(backend, backend.from_host((size * matrix).astype("float32"))))
    new = (u.T @ found.astype("float64")) @ v.T
    large = s / np.linalg.norm(s) > 0.002
    np.testing.assert_allclose(new - np.diag(np.diag(new)), 0.0, atol=2e-5)
    assert (np.diag(new)[large] > 0.68).all()
    assert (np.diag(new) < 1.21).all()


def test_a_matrix_of_zeros_stays(backend):
    found = newton_schulz(backend, backend.zeros((3, 4), dtype="float32"))
    np.testing.assert_array_equal(host(found), np.zeros((3, 4)))


def make_muon(**options):
    rng = tg.Generator(0)
    shapes = {"kernel": (6, 2, 3, 3), "dense": (8, 5), "wide": (4, 3), "bias": (6,)}
    params = {n: tg.Tensor(rng.normal(s), requires_grad=True) for n, s in shapes.items()}
    pairs = list(params.items())
    return optim.Muon(pairs[:2], pairs[2:], **options)


def make_grads(optimizer, seed):
    rng = tg.Generator(100 + seed)
    return [tg.Tensor(rng.normal(p.shape)) for p in optimizer.params]


def test_muon_by_the_book(backend):
    """Matrices by the recurrence, the others by Adam."""
    settings = {"adam_lr": lambda step: 0.1 / (1 + step), "betas": (0.8, 0.9), "eps": 1e-6}
    optimizer = make_muon(lr=lambda step: 0.1 + step, momentum=0.7, weight_decay=0.01, **settings)
    w = [p.numpy().astype("float64") for p in optimizer.params]
    adam_params = [tg.tensor(x.astype("float32"), requires_grad=True) for x in w[2:]]
    adam = optim.AdamW(
        adam_params, lr=settings["adam_lr"], betas=(0.8, 0.9), eps=1e-6, weight_decay=0.01
    )
    m = [np.zeros_like(x) for x in w[:2]]
    for step in range(4):
        grads = make_grads(optimizer, step)
        optimizer.step(grads)
        adam.step(grads[2:])
        for i in range(2):
            g = grads[i].numpy().astype("float64")
            m[i] = 0.7 * m[i] + g
            matrix = (g + 0.7 * m[i]).reshape(len(g), -1)
            u = newton_schulz(NUMPY, matrix) * max(1.0, matrix.shape[0] / matrix.shape[1]) ** 0.5
            w[i] = w[i] * (1 - (0.1 + step) * 0.01) - (0.1 + step) * u.reshape(g.shape)
    for p, expected in zip(optimizer.params, w[:2], strict=False):
        np.testing.assert_allclose(p.numpy(), expected, rtol=1e-4, atol=1e-4)
    for p, q in zip(optimizer.params[2:], adam_params, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_the_rows_of_a_kernel_are_its_first_axis(backend):
    p = tg.tensor(np.zeros((4, 2, 3, 3), "float32"), requires_grad=True)
    optim.Muon([p], lr=1.0).step([tg.Tensor(tg.Generator(0).normal(p.shape))])
    s = np.linalg.svd(p.numpy().reshape(4, 18), compute_uv=False)
    assert 0.6 <= s.min() <= s.max() <= 1.3


def test_muon_resumes_to_the_bit(backend):
    straight, first = make_muon(), make_muon()
    for step in range(6):
        straight.step(make_grads(straight, step))
    for step in range(3):
        first.step(make_grads(first, step))
    second = make_muon()
    second.load_state_dict(first.state_dict())
    assert {name: set(slots) for name, slots in first.state_dict()["state"].items()} == {
        "kernel": {"m"}, "dense": {"m"}, "wide": {"m", "v"}, "bias": {"m", "v"}
    }  # fmt: skip
    for p, q in zip(first.params, second.params, strict=True):
        q[...] = tg.tensor(p.numpy().copy())
    for step in range(3, 6):
        second.step(make_grads(second, step))
    assert_same(straight, second)
    for p, q in zip(straight.params, second.params, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_muon_without_others_learns(backend):
    rng = tg.Generator(0)
    net = nn.Sequential(
        nn.Linear(5, 16, bias=False, rng=rng), nn.Tanh(), nn.Linear(16, 2, bias=False, rng=rng)
    )
    x = tg.Tensor(rng.normal((64, 5)))
    target = tg.tanh(x @ tg.Tensor(rng.normal((5, 2))))
    optimizer = optim.Muon(net.named_parameters(), lr=lambda step: 0.05 * 0.98**step)
    first = tg.mse(net(x), target).item()
    for _ in range(150):
        loss = tg.mse(net(x), target)
        optimizer.step(tg.grad(loss, optimizer.params))
    assert loss.item() < 0.1 * first


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p, b: optim.Muon([]), "Muon: there are no parameters"),
        (lambda p, b: optim.Muon([("b", b)]), r"hidden parameter b has shape \(2,\), which is no"),
        (lambda p, b: optim.Muon([p], [p]), "was passed before"),
        (lambda p, b: optim.Muon([p], momentum=1.0), r"momentum must lie in \[0, 1\), not 1.0"),
        (lambda p, b: optim.Muon([p], lr=-1.0), "lr must be finite"),
        (lambda p, b: optim.Muon([p], adam_lr=-1.0), "adam_lr must be finite"),
        (lambda p, b: optim.Muon([p], betas=(0.9, 1.0)), r"Muon: betas must lie"),
        (lambda p, b: optim.Muon([p], eps=0.0), "Muon: eps must be positive"),
    ],
)
def test_muon_refuses(make, message):
    p, b = nn.Parameter(tg.ones(2, 2)), nn.Parameter(tg.ones(2))
    with pytest.raises(ValueError, match=message):
        make(p, b)


# -- Stiefel ---------------------------------------------------------------------------------------

SHAPES = [(20, 6), (6, 20), (5, 3, 2, 2), (4, 4)]


def make_stiefel(**options):
    rng = tg.Generator(0)
    params = [tg.Tensor(rng.normal(s), requires_grad=True) for s in SHAPES]
    for p in params:
        nn.init.orthogonal_(p, rng=rng)
    return optim.Stiefel(params, **options)


def tall(array):
    matrix = np.asarray(array, "float64").reshape(len(array), -1)
    return matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("retraction", ["qr", "cayley"])
def test_matrices_stay_orthonormal(backend, retraction, momentum):
    optimizer = make_stiefel(lr=0.3, retraction=retraction, momentum=momentum)
    for step in range(40):
        optimizer.step(make_grads(optimizer, step))
    for p in optimizer.params:
        x = tall(p.numpy())
        np.testing.assert_allclose(x.T @ x, np.eye(x.shape[1]), atol=2e-6)


@pytest.mark.parametrize("retraction", ["qr", "cayley"])
def test_a_step_follows_the_tangent_to_first_order(retraction):
    """Both retractions: halving the step quarters the distance from the straight line."""
    rng = np.random.default_rng(0)
    x = np.linalg.qr(rng.normal(size=(9, 4)))[0]
    d = rng.normal(size=x.shape)
    t = tangent_part(NUMPY, x, d)
    np.testing.assert_allclose(x.T @ t + t.T @ x, 0.0, atol=1e-13)
    np.testing.assert_allclose(tangent_part(NUMPY, x, t), t, atol=1e-13)
    normal = x.T @ (d - t)  # what is left is X times a symmetric matrix, the normal space
    np.testing.assert_allclose(normal, normal.T, atol=1e-13)
    np.testing.assert_allclose(x @ normal, d - t, atol=1e-13)
    off = []
    for lr in (1e-3, 5e-4):
        p = tg.tensor(x, requires_grad=True)
        optim.Stiefel([p], lr=lr, retraction=retraction).step([tg.tensor(d)])
        off.append(np.linalg.norm(p.numpy() - (x - lr * t)))
    assert off[0] < 1e-4
    np.testing.assert_allclose(off[0] / off[1], 4.0, rtol=0.02)


def test_cayley_is_its_formula():
    rng = np.random.default_rng(0)
    x = np.linalg.qr(rng.normal(size=(9, 4)))[0]
    t = tangent_part(NUMPY, x, rng.normal(size=x.shape))
    across = t - 0.5 * x @ (x.T @ t)
    a = across @ x.T - x @ across.T
    expected = np.linalg.solve(np.eye(9) + 0.15 * a, (np.eye(9) - 0.15 * a) @ x)
    p = tg.tensor(x, requires_grad=True)
    optim.Stiefel([p], lr=0.3, retraction="cayley").step([tg.tensor(t)])
    np.testing.assert_allclose(p.numpy(), expected, atol=1e-13)


@pytest.mark.parametrize("retraction", ["qr", "cayley"])
def test_finds_the_nearest_orthonormal_matrix(backend, retraction):
    """Procrustes: of |X - M|^2 it is U V^T."""
    m = np.random.default_rng(0).normal(size=(8, 3))
    u, _, v = np.linalg.svd(m, full_matrices=False)
    p = tg.Tensor(tg.Generator(0).normal((8, 3), dtype="float64"), requires_grad=True)
    nn.init.orthogonal_(p, rng=tg.Generator(1))
    optimizer = optim.Stiefel([p], lr=0.1, momentum=0.5, retraction=retraction)
    target = tg.tensor(m)
    for _ in range(300):
        optimizer.step(tg.grad(tg.sum((p - target) ** 2), [p]))
    np.testing.assert_allclose(p.numpy(), u @ v, atol=1e-6)


def test_a_step_of_either_neither_waits_nor_uploads():
    with tg.use_device("strict"):
        for optimizer in (
            make_muon(),
            make_stiefel(lr=0.1),
            make_stiefel(lr=0.1, retraction="cayley"),
        ):
            grads = make_grads(optimizer, 0)
            with strict.measure() as spent:
                optimizer.step(grads)
            assert (spent.syncs, spent.uploads) == (0, 0)


def test_replayed_steps_of_muon_are_steps(device):
    ends = []
    for replayed in (False, True):
        optimizer = make_muon(lr=lambda step: 0.1 / (1 + step), weight_decay=0.1)

        def step(plan, *grads, optimizer=optimizer):
            optimizer.step(grads)
            return {}

        step = Replay(device, step) if replayed else step
        for i in range(5):
            step("plan", *(g.data for g in make_grads(optimizer, i)))
        ends.append(optimizer)
    assert_same(*ends)
    for p, q in zip(ends[0].params, ends[1].params, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: optim.Stiefel([nn.Parameter(tg.ones(2, 3))], lr=0.1), "0 is not orthonormal, but"),
        (lambda: optim.Stiefel([nn.Parameter(tg.ones(2))], lr=0.1), "pass matrices"),
        (lambda: make_stiefel(lr=0.1, retraction="polar"), "'qr' or 'cayley', not 'polar'"),
    ],
)
def test_stiefel_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# -- the penalty -----------------------------------------------------------------------------------


@pytest.mark.parametrize("off_diagonal", [False, True])
def test_penalty(backend, off_diagonal):
    rng = np.random.default_rng(0)
    weights = [rng.normal(size=s) for s in SHAPES]
    expected = 0.0
    for w in weights:
        rows = w.reshape(len(w), -1)
        rows = rows if rows.shape[0] <= rows.shape[1] else rows.T
        off = rows @ rows.T - np.eye(len(rows))
        expected += ((off - np.diag(np.diag(off)) if off_diagonal else off) ** 2).sum()
    tensors = [tg.tensor(w, requires_grad=True) for w in weights]
    found = optim.orthogonal_penalty(tensors, off_diagonal=off_diagonal)
    np.testing.assert_allclose(found.item(), expected, rtol=1e-12)
    assert (
        tg.gradcheck(
            lambda *w: optim.orthogonal_penalty(w, off_diagonal=off_diagonal), tensors, order=2
        )
        is not False
    )


def test_penalty_of_orthonormal_weights_is_nothing(backend):
    assert optim.orthogonal_penalty(make_stiefel(lr=0.1).params).item() < 1e-10


def test_penalty_refuses():
    with pytest.raises(ValueError, match="leave biases out"):
        optim.orthogonal_penalty([tg.ones(3)])
    with pytest.raises(ValueError, match="there are no weights"):
        optim.orthogonal_penalty([])
