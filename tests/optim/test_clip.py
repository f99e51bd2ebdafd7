"""Clipping: the joint norm, single elements, and what must stay as it is."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.optim import SGD, clip_grad_norm, clip_grad_value


def make_grads(dtype="float32"):
    rng = tg.Generator(0)
    return [tg.Tensor(rng.normal(shape, dtype=dtype)) for shape in [(3, 4), (), (5,), (0, 2)]]


def joint_norm(grads):
    return np.sqrt(sum((g.numpy().astype("float64") ** 2).sum() for g in grads))


def test_norm_is_limited(backend):
    grads = make_grads()
    before = [g.numpy().copy() for g in grads]
    clipped, norm = clip_grad_norm(grads, 0.5)
    assert norm.shape == ()
    assert norm.device == grads[0].device
    assert norm.item() == pytest.approx(joint_norm(grads), rel=1e-6)
    assert joint_norm(clipped) == pytest.approx(0.5, rel=1e-6)
    for g, c, value in zip(grads, clipped, before, strict=True):
        np.testing.assert_array_equal(g.numpy(), value)
        np.testing.assert_allclose(c.numpy(), value * 0.5 / norm.item(), rtol=1e-6)
        assert isinstance(c, tg.Tensor)
        assert c.dtype == np.float32
        assert c.shape == g.shape


def test_within_the_limit_every_bit_stays(backend):
    grads = make_grads()
    clipped, _ = clip_grad_norm(grads, 100.0)
    for g, c in zip(grads, clipped, strict=True):
        np.testing.assert_array_equal(g.numpy(), c.numpy())


def test_zeros_stay_zeros_and_nan_spreads(backend):
    clipped, norm = clip_grad_norm([tg.zeros(3)], 1.0)
    assert norm.item() == 0.0
    assert clipped[0].numpy().tolist() == [0, 0, 0]
    clipped, norm = clip_grad_norm([tg.ones(2), tg.full(1, float("nan"))], 1.0)
    assert np.isnan(norm.item())
    assert np.isnan(clipped[0].numpy()).all()


def test_takes_arrays_and_none(backend):
    arrays = [g.data for g in make_grads()]
    params = [nn.Parameter(a.copy()) for a in arrays]
    for clipped in (clip_grad_norm([*arrays, None], 0.1)[0], clip_grad_value([*arrays, None], 0.1)):
        assert clipped[-1] is None
        assert [c.shape for c in clipped[:-1]] == [a.shape for a in arrays]
        SGD(params, 0.1).step(clipped[:-1])


def test_results_are_constants():
    x = tg.ones(3)
    x.requires_grad = True
    slope = tg.grad(tg.sum(x * x * x), x, create_graph=True)
    assert slope.requires_grad
    assert not clip_grad_norm([slope], 1.0)[0][0].requires_grad
    assert not clip_grad_value([slope], 1.0)[0].requires_grad


def test_values_are_limited(backend):
    grads = make_grads()
    for g, c in zip(grads, clip_grad_value(grads, 0.3), strict=True):
        np.testing.assert_array_equal(c.numpy(), np.clip(g.numpy(), -0.3, 0.3).astype("float32"))
        assert abs(g.numpy()).max(initial=1.0) >= 1.0


def test_refuses():
    with pytest.raises(ValueError, match="max_norm must be positive"):
        clip_grad_norm([tg.ones(1)], 0.0)
    with pytest.raises(ValueError, match="there are no gradients"):
        clip_grad_norm([None], 1.0)
    with pytest.raises(ValueError, match="limit must be positive"):
        clip_grad_value([tg.ones(1)], -1.0)


@pytest.mark.torch
def test_like_pytorch():
    torch = pytest.importorskip("torch")
    grads = make_grads("float64")
    params = [torch.zeros(g.shape, dtype=torch.float64, requires_grad=True) for g in grads]
    for p, g in zip(params, grads, strict=True):
        p.grad = torch.from_numpy(g.numpy().copy())
    theirs = torch.nn.utils.clip_grad_norm_(params, 0.7)
    clipped, norm = clip_grad_norm(grads, 0.7)
    assert norm.item() == pytest.approx(theirs.item())
    for p, c in zip(params, clipped, strict=True):
        np.testing.assert_allclose(c.numpy(), p.grad.numpy(), rtol=1e-5)
