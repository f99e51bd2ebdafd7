"""Each fused operation against its plain composition, at orders 0 to 3, on random shapes."""

from functools import partial

import numpy as np
import pytest
from checks import leaves
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen.backend import backend_for

sizes = st.integers(1, 4)


def _matrices(n, i, o):
    return [(n, i), (o, i), (o,)]


FUSED = {
    # name: (fused, reference, shapes of the inputs from three sizes)
    "linear": (tg.linear, tg.linear_reference, _matrices),
    "linear of stacks": (tg.linear, tg.linear_reference,
                         lambda n, i, o: [(2, n, i), (o, i), (o,)]),
    "linear_relu": (tg.linear_relu, tg.linear_relu_reference, _matrices),
    "linear_relu, leaky, of stacks": (partial(tg.linear_relu, slope=0.3),
                                      partial(tg.linear_relu_reference, slope=0.3),
                                      lambda n, i, o: [(2, n, i), (o, i), (o,)]),
    "bce_with_logits": (tg.bce_with_logits, tg.bce_with_logits_reference,
                        lambda n, i, o: [(n, i, o), (n, i, o)]),
    "softmax_cross_entropy": (tg.softmax_cross_entropy, tg.softmax_cross_entropy_reference,
                              lambda n, i, o: [(n, i), (n, i)]),
    "mse": (tg.mse, tg.mse_reference, lambda n, i, o: [(n, o), (n, o)]),
    "bernoulli_log_prob": (tg.bernoulli_log_prob, tg.bernoulli_log_prob_reference,
                           lambda n, i, o: [(n, i + 4 * o), (n, i + 4 * o)]),
    "bernoulli_log_prob of stacks": (tg.bernoulli_log_prob, tg.bernoulli_log_prob_reference,
                                     lambda n, i, o: [(n, i, 3 * o), (n, 1, 3 * o)]),
    "reparameterised": (tg.reparameterised, tg.reparameterised_reference,
                        lambda n, i, o: [(n, 1, o), (n, 1, o), (n, i, o)]),
    "gru_sequence": (tg.ops.gru_sequence, tg.ops.gru_sequence_reference,
                     lambda n, i, o: [(i, n, 3 * o), (3 * o, o), (3 * o,), (n, o)]),
    "normal_kl": (tg.normal_kl, tg.normal_kl_reference, lambda n, i, o: [(n, o), (n, o)]),
}  # fmt: skip


def derivatives(function, inputs, order, rng):
    """The value, and the gradient of a random functional of it, up to `order` times over."""
    y = function(*inputs)
    results = [y]
    for _ in range(order):
        weights = tg.tensor(rng.normal(size=results[-1].shape), device=y.device)
        total = tg.sum(results[-1] * weights)
        found = tg.grad(total, inputs, create_graph=True, allow_unused=True)
        flat = [tg.reshape(x * 0.0 if g is None else g, -1)
                for x, g in zip(inputs, found, strict=True)]  # fmt: skip
        results.append(tg.concatenate(flat))
    return [t.numpy() for t in results]


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("device", ["cpu", "strict"])
@given(n=sizes, i=sizes, o=sizes, seed=st.integers(0, 99))
@settings(max_examples=8)
def test_fused_operations_agree_with_their_reference(name, device, n, i, o, seed):
    fused, reference, shapes = FUSED[name]
    rng = np.random.default_rng(seed)
    inputs = leaves([rng.normal(size=shape) for shape in shapes(n, i, o)], backend_for(device))
    results = [derivatives(f, inputs, 3, np.random.default_rng(seed)) for f in (fused, reference)]
    for order, (a, b) in enumerate(zip(*results, strict=True)):
        assert_allclose(a, b, rtol=1e-9, atol=1e-10, err_msg=f"order {order}")


def name_of(function):
    return getattr(function, "func", function).__name__


def test_every_reference_is_tested():
    references = {name for name in dir(tg.ops) if name.endswith("_reference")}
    assert references == {name_of(reference) for _, reference, _ in FUSED.values()}


def test_labels_are_one_hot_weights(backend):
    (x,) = leaves([np.random.default_rng(0).normal(size=(4, 3))], backend)
    labels = tg.tensor([0, 2, 1, 2])
    weights = tg.one_hot(labels, 3, x)
    assert weights.dtype == x.dtype
    by_label = tg.softmax_cross_entropy(x, labels)
    by_weight = tg.softmax_cross_entropy(x, weights)
    assert by_label.item() == by_weight.item()


def test_losses_are_finite_for_extreme_logits(backend):
    (x,) = leaves([np.array([[1e4, -1e4]])], backend, "float32")
    for loss in (tg.bce_with_logits(x, 1.0), tg.softmax_cross_entropy(x, tg.tensor([1]))):
        assert np.isfinite(loss.item())
        assert np.isfinite(tg.grad(loss, x).numpy()).all()


REFUSED = {
    "linear": (lambda: tg.linear(tg.ones(2, 3), tg.ones(4, 5), tg.ones(4)),
               r"input has 3 features, the weight expects 5 \(input \(2, 3\), weight \(4, 5\)\)"),
    "bce": (lambda: tg.bce_with_logits(tg.ones(2, 3), tg.ones(2)), r"\(2, 3\) and \(2,\)"),
    "mse": (lambda: tg.mse(tg.ones(3, 1), tg.ones(3)), r"mse.*\(3, 1\) and \(3,\)"),
    "labels": (lambda: tg.softmax_cross_entropy(tg.ones(2, 3), tg.tensor([0, 1, 2])),
               r"logits must be \(N, C\) and labels \(N,\)"),
    "weights": (lambda: tg.softmax_cross_entropy(tg.ones(2, 3), tg.ones(2, 4)), r"\(2, 4\)"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_shapes_that_do_not_fit_are_named(name):
    function, message = REFUSED[name]
    with pytest.raises(ValueError, match=message):
        function()


@pytest.mark.parametrize("labels", [[-1, 0, 1, 2], [0, 1, 2, 3]])
def test_labels_out_of_range_are_refused_on_the_host(labels):
    with pytest.raises(IndexError, match=r"labels must lie in 0\.\.2"):
        tg.softmax_cross_entropy(tg.ones(4, 3), tg.tensor(labels))
    with pytest.raises(IndexError, match=r"labels must lie in 0\.\.2"):
        tg.one_hot(tg.tensor(labels), 3)
