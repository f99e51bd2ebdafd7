"""Normalisation: running statistics, evaluation, memory layout, fused against plain, bad input."""

import numpy as np
import pytest
from checks import leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn
from tinygen.backend import backend_for
from tinygen.ops import normalization as reference


def test_batch_norm_keeps_running_statistics(backend):
    rng = np.random.default_rng(0)
    layer = nn.BatchNorm2d(3, momentum=0.2)
    mean, var = np.zeros(3), np.ones(3)
    for _ in range(3):
        x = rng.normal(2.0, 3.0, size=(4, 3, 2, 2)).astype("float32")
        layer(tg.tensor(x))
        mean = 0.8 * mean + 0.2 * x.mean((0, 2, 3))
        var = 0.8 * var + 0.2 * x.var((0, 2, 3), ddof=1)
    assert_allclose(layer.running_mean.numpy(), mean, rtol=1e-5)
    assert_allclose(layer.running_var.numpy(), var, rtol=1e-5)
    assert layer.num_batches_tracked.item() == 3
    assert layer.num_batches_tracked.dtype == np.int64
    before = layer.state_dict()
    y = layer.eval()(tg.tensor(x))
    shape = (3, 1, 1)
    expected = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + 1e-5)
    assert_allclose(y.numpy(), expected, rtol=1e-4, atol=1e-5)
    for name, array in layer.state_dict().items():
        assert_array_equal(array, before[name])


def test_running_statistics_are_no_part_of_the_graph(backend):
    layer = nn.BatchNorm1d(3)
    x = tg.Tensor(tg.Generator(0).normal((4, 3)), requires_grad=True)
    first = layer(x)
    second = layer(x * 2.0)  # writes the running statistics; the first graph does not need them
    assert not layer.running_mean.requires_grad
    assert [name for name, _ in layer.named_parameters()] == ["weight", "bias"]
    tg.grad(tg.sum(first * first) + tg.sum(second * second), [x, *layer.parameters()])


def test_writing_running_statistics_under_a_live_graph_in_evaluation_is_caught():
    layer = nn.BatchNorm1d(3).eval()
    x = tg.Tensor(tg.Generator(0).normal((4, 3)), requires_grad=True)
    y = layer(x)
    layer.train()(x)
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(tg.sum(y), layer.weight)


@pytest.mark.parametrize(
    "make",
    [nn.BatchNorm2d, nn.InstanceNorm2d, lambda c: nn.GroupNorm(2, c), lambda c: nn.PixelNorm()],
)
def test_channels_last_memory_stays_so(make):
    memory = tg.Generator(0).normal((4, 5, 6, 8))
    x = tg.Tensor(memory.transpose(0, 3, 1, 2), requires_grad=True)
    y = make(8)(x)
    assert y.shape == (4, 8, 5, 6)
    assert y.data.transpose(0, 2, 3, 1).flags.c_contiguous
    plain = make(8)(tg.tensor(np.ascontiguousarray(x.numpy())))
    assert_allclose(y.numpy(), plain.numpy(), rtol=1e-5, atol=1e-6)


def test_large_means_and_long_sums_lose_little():
    """100 standard deviations from 0, over 100,000 rows, in float32."""
    x = np.random.default_rng(0).normal(100.0, 1.0, size=(100_000, 2))
    y, mean, squares = tg.batch_norm(tg.tensor(x.astype("float32")), None, None)
    exact = x.astype("float32").astype("float64")
    expected = (exact - exact.mean(0)) / np.sqrt(exact.var(0) + 1e-5)
    assert_allclose(mean, exact.mean(0), rtol=1e-6)
    assert_allclose(squares / len(x), exact.var(0), rtol=1e-4)
    assert_allclose(y.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("name", ["batch", "batch of images", "layer"])
@given(n=st.integers(2, 4), c=st.integers(1, 3), seed=st.integers(0, 99))
@settings(max_examples=6)
def test_agrees_with_the_plain_composition_at_orders_0_to_3(name, device, n, c, seed):
    rng = np.random.default_rng(seed)
    shape = (n, c, 2, 2) if name == "batch of images" else (n, c)
    inputs = leaves([rng.normal(size=s) for s in (shape, (c,), (c,))], backend_for(device))
    eps = 0.1
    if name == "layer":
        pair = (lambda x, w, b: tg.layer_norm(x, w, b, eps=eps),
                lambda x, w, b: reference.layer_norm_reference(x, w, b, eps))  # fmt: skip
    else:
        pair = (lambda x, w, b: tg.batch_norm(x, w, b, eps)[0],
                lambda x, w, b: reference.batch_norm_reference(x, w, b, eps))  # fmt: skip
    results = []
    for function in pair:
        draw = np.random.default_rng(seed)
        y = tg.tanh(function(*inputs))
        orders = [y]
        for _ in range(3):
            u = tg.tensor(draw.normal(size=orders[-1].shape), device=y.device)
            found = tg.grad(tg.sum(orders[-1] * u), inputs, create_graph=True)
            orders.append(tg.concatenate([tg.reshape(g, -1) for g in found]))
        results.append([t.numpy() for t in orders])
    for order, (a, b) in enumerate(zip(*results, strict=True)):
        assert_allclose(a, b, rtol=1e-8, atol=1e-8, err_msg=f"order {order}")


def test_pixel_norm_gives_unit_mean_squares(backend):
    y = nn.PixelNorm()(tg.Tensor(tg.Generator(0).normal((3, 5, 2, 2))))
    assert_allclose((y.numpy() ** 2).mean(1), 1.0, rtol=1e-5)
    assert np.isfinite(nn.PixelNorm()(tg.zeros(2, 3)).numpy()).all()


def test_no_examples_where_that_makes_sense(backend):
    assert nn.LayerNorm(3)(tg.zeros(0, 3)).shape == (0, 3)
    assert nn.GroupNorm(1, 3)(tg.zeros(0, 3, 2)).shape == (0, 3, 2)
    assert nn.BatchNorm1d(3).eval()(tg.zeros(0, 3)).shape == (0, 3)


REFUSED = {
    "one value": (lambda: nn.BatchNorm1d(3)(tg.ones(1, 3)),
                  r"BatchNorm1d\(3.*more than one value per channel.*\(1, 3\) has 1.*eval\(\)"),
    "one pixel": (lambda: nn.BatchNorm2d(3)(tg.ones(1, 3, 1, 1)), r"more than one value"),
    "no batch": (lambda: nn.BatchNorm2d(3)(tg.ones(0, 3, 2, 2)), r"\(0, 3, 2, 2\) has 0"),
    "rank": (lambda: nn.BatchNorm2d(3)(tg.ones(2, 3)),
             r"BatchNorm2d\(3.*must be \(N, 3, H, W\), not \(2, 3\)"),
    "channels": (lambda: nn.BatchNorm1d(3)(tg.ones(2, 4)),
                 r"must be \(N, 3\) or \(N, 3, L\), not \(2, 4\)"),
    "layer": (lambda: nn.LayerNorm((2, 3))(tg.ones(4, 3)),
              r"LayerNorm\(\(2, 3\).*must be \(\.\.\., 2, 3\), not \(4, 3\)"),
    "group": (lambda: nn.GroupNorm(2, 4)(tg.ones(2, 3, 2)), r"must be \(N, 4, \.\.\.\), not"),
    "groups": (lambda: nn.GroupNorm(3, 4), r"must divide num_channels, not 3 groups of 4"),
    "instance": (lambda: nn.InstanceNorm2d(3)(tg.ones(2, 4, 2, 2)), r"must be \(N, 3, H, W\)"),
    "instance pixel": (lambda: nn.InstanceNorm2d(3)(tg.ones(2, 3, 1, 1)), r"more than one pixel"),
    "pixel": (lambda: nn.PixelNorm()(tg.ones(2)), r"must be \(N, C, \.\.\.\), not \(2,\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input(name):
    function, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        function()
    assert "\n" not in str(caught.value)


def test_a_refused_batch_leaves_the_running_statistics_alone():
    layer = nn.BatchNorm1d(3)
    with pytest.raises(ValueError, match="more than one value"):
        layer(tg.ones(1, 3))
    assert layer.num_batches_tracked.item() == 0
