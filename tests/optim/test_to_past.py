"""Gradients orthogonal to remembered directions: the basis, its bound, what a network keeps."""

from __future__ import annotations

import numpy as np
import pytest
from projections import SIZE, cosine, joined, make_grads, make_params, outputs_along

import tinygen as tg
from tinygen import nn, optim
from tinygen.backend import host
from tinygen.optim import OrthogonalToPast


def remembering(params, directions, capacity=8, rule=optim.SGD, **options):
    """An optimizer whose transform remembers these directions (n, size)."""
    past = OrthogonalToPast(capacity, **options)
    optimizer = rule(params, lr=0.1, transforms=[past])
    for block in directions:
        past.remember(outputs_along(optimizer, block))
    return optimizer, past


def test_steps_are_orthogonal_to_what_was_remembered(backend):
    directions = np.random.default_rng(0).normal(size=(2, 3, SIZE)).astype("float32")
    optimizer, past = remembering(make_params(), directions)
    grads = make_grads(optimizer, 0)
    optimizer.step(grads)
    found = joined(optimizer.gradients.values())
    flat = directions.reshape(6, -1).astype("float64")
    q = np.linalg.qr(flat.T)[0]
    g = joined([x.numpy() for x in grads])
    np.testing.assert_allclose(found, g - q @ (q.T @ g), atol=1e-5)
    assert max(abs(cosine(found, d)) for d in flat) <= 1e-6
    assert past.defect().item() <= 1e-6


def test_nearly_equal_directions_make_an_orthonormal_basis(backend):
    """A Gram-Schmidt that subtracts once fails here: what is left is rounding."""
    rng = np.random.default_rng(0)
    base = rng.normal(size=SIZE)
    directions = base + 1e-3 * rng.normal(size=(2, 4, SIZE))
    _, past = remembering(make_params(), directions.astype("float32"))
    assert past.stored == 8
    assert past.defect().item() <= 2e-6


def test_repeated_and_empty_directions_take_nothing_more(backend):
    direction = np.random.default_rng(0).normal(size=(1, SIZE)).astype("float32")
    blocks = [direction, np.concatenate([2.0 * direction, 0.0 * direction])]
    optimizer, past = remembering(make_params(), blocks)
    assert past.defect().item() <= 1e-6
    grads = make_grads(optimizer, 0)
    optimizer.step(grads)
    g, d = joined([x.numpy() for x in grads]), direction[0].astype("float64")
    np.testing.assert_allclose(
        joined(optimizer.gradients.values()), g - d * (d @ g) / (d @ d), atol=1e-5
    )


def test_a_nan_is_gone_with_the_next_gradient(backend):
    """It would stay in the gaps between the parts, where no gradient is written."""
    directions = np.random.default_rng(0).normal(size=(1, 2, SIZE)).astype("float32")
    optimizer, _ = remembering(make_params(), directions)
    grads = make_grads(optimizer, 0)
    optimizer.step([g * float("nan") for g in grads])
    assert all(np.isnan(host(g)).all() for g in optimizer.gradients.values())
    optimizer.step(grads)
    assert np.isfinite(host(optimizer._gradient)).all()


def test_the_oldest_directions_are_forgotten(backend):
    directions = np.random.default_rng(0).normal(size=(3, 2, SIZE)).astype("float32")
    optimizer, past = remembering(make_params(), directions, capacity=4)
    assert past.stored == 4
    optimizer.step(make_grads(optimizer, 0))
    found = joined(optimizer.gradients.values())
    assert max(abs(cosine(found, d)) for d in directions[2]) <= 1e-6
    assert max(abs(cosine(found, d)) for d in directions[0]) > 1e-3


def test_without_a_past_nothing_changes(backend):
    optimizer, _ = remembering(make_params(), [])
    grads = make_grads(optimizer, 0)
    optimizer.step(grads)
    for g, found in zip(grads, optimizer.gradients.values(), strict=True):
        np.testing.assert_array_equal(host(found), g.numpy())


def test_a_network_keeps_its_outputs_to_first_order(backend):
    rng = tg.Generator(0)
    net = nn.Sequential(nn.Linear(6, 12, rng=rng), nn.Tanh(), nn.Linear(12, 3, rng=rng))
    old, new = (tg.Tensor(rng.normal((5, 6))) for _ in range(2))
    past = OrthogonalToPast(capacity=20)
    optimizer = optim.SGD(net.named_parameters(), lr=1e-3, transforms=[past])
    past.remember(net(old)[:, 1])
    before = net(old).numpy().copy(), net(new).numpy().copy()
    for _ in range(10):
        loss = tg.sum(net(new) ** 2) + tg.sum(net(old) ** 2)
        optimizer.step(tg.grad(loss, optimizer.params))
    moved = abs(net(old).numpy() - before[0])
    assert moved[:, 1].max() < 0.02 * abs(net(new).numpy() - before[1]).max()
    assert moved[:, 0].max() > 10.0 * moved[:, 1].max()


def test_report_of_what_is_kept(backend):
    directions = np.random.default_rng(0).normal(size=(1, 1, SIZE)).astype("float32")
    optimizer, past = remembering(make_params(), directions, report=True)
    grads = make_grads(optimizer, 0)
    with pytest.raises(ValueError, match="nothing to report"):
        past.report()
    optimizer.step(grads)
    g = joined([x.numpy() for x in grads])
    kept = np.sqrt(1.0 - cosine(g, directions) ** 2)
    np.testing.assert_allclose(past.report()["kept"].item(), kept, rtol=1e-5)


def test_refuses_pasts():
    with pytest.raises(ValueError, match="capacity must be at least 1"):
        OrthogonalToPast(0)
    with pytest.raises(ValueError, match="no optimizer has it yet"):
        OrthogonalToPast(1).remember(tg.tensor([1.0], requires_grad=True) * 2.0)
    a, b = (tg.tensor([1.0, 2.0], requires_grad=True) for _ in range(2))
    past = OrthogonalToPast(1)
    optim.SGD([a], lr=0.1, transforms=[past])
    with pytest.raises(ValueError, match="another player"):
        past.remember(b[:1] * 2.0)
    with pytest.raises(ValueError, match=r"a vector of at most 1 numbers .* not of shape \(2,\)"):
        past.remember(a * 2.0)
