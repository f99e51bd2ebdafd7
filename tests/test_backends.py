"""Backends against formulas and each other; and the strict one against CuPy's rules."""

import math

import numpy as np
import pytest
import strict
from checks import leaves
from numpy.testing import assert_allclose, assert_array_equal
from strict import LIBRARY as XP

import tinygen as tg
from tinygen.backend import NUMPY, host
from tinygen.backend.base import Backend

SIZES = [1, 1000, 70_000]  # the last is more than one chunk of NumPy's


def buffers(backend: Backend, count: int, size: int, dtype: str) -> list:
    rng = np.random.default_rng(0)
    arrays = [rng.normal(size=size).astype(dtype) for _ in range(count)]
    if count == 4:
        arrays[3] = np.abs(arrays[3])  # Adam's second moment
    return [backend.from_host(array) for array in arrays]


def close(found: list, expected: list, dtype: str) -> None:
    for a, b in zip(found, expected, strict=True):
        assert host(a).dtype == dtype
        assert_allclose(host(a), b, rtol=2e-5 if dtype == "float32" else 1e-12, atol=1e-6)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("momentum", "nesterov"), [(None, False), (0.9, False), (0.9, True)])
@pytest.mark.parametrize("decay", [0.0, 0.1])
def test_sgd_update_is_its_formula(backend, dtype, size, momentum, nesterov, decay):
    w, g, v = buffers(backend, 3, size, dtype)
    w0, g0, v0 = (host(a).astype("float64") for a in (w, g, v))
    velocity = None if momentum is None else v
    backend.sgd_update(w, g, velocity, (0.1,), momentum or 0.0, nesterov, decay)
    step = g0 + decay * w0
    if momentum is not None:
        v0 = momentum * v0 + step
        step = step + momentum * v0 if nesterov else v0
    close([w, v], [w0 - 0.1 * step, v0], dtype)
    assert_array_equal(host(g), g0.astype(dtype))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("decay", "decoupled"), [(0.0, False), (0.1, False), (0.1, True)])
@pytest.mark.parametrize("step", [1, 7])
def test_adam_update_is_its_formula(backend, dtype, size, decay, decoupled, step):
    w, g, m, v = buffers(backend, 4, size, dtype)
    w0, g0, m0, v0 = (host(a).astype("float64") for a in (w, g, m, v))
    before = host(g).copy()
    root = math.sqrt((1 - 0.99**step) / (1 - 0.99))
    size = 0.01 * 0.1 / (1 - 0.9**step) * root
    shrink = 1 - 0.01 * decay if decoupled else 1.0
    numbers = (size, 1e-3 * root, shrink)
    backend.adam_update(w, g, m, v, numbers, 0.9, 0.99, 0.0 if decoupled else decay)
    d = g0 if decoupled else g0 + decay * w0
    m0 = 0.9 * m0 + d  # kept as m / (1 - beta1) and v / (1 - beta2)
    v0 = 0.99 * v0 + d * d
    m_hat, v_hat = 0.1 * m0 / (1 - 0.9**step), 0.01 * v0 / (1 - 0.99**step)
    w0 = (1 - 0.01 * decay) * w0 if decoupled else w0
    close([w, m, v], [w0 - 0.01 * m_hat / (np.sqrt(v_hat) + 1e-3), m0, v0], dtype)
    assert_array_equal(host(g), before)


INDICES = [slice(1, 3), (slice(None), 1), np.array([2, 0, 2]), (np.array([1, 1]), np.array([0, 0]))]


@pytest.mark.parametrize("index", INDICES, ids=range(len(INDICES)))
def test_scatter_add_accumulates(backend, index):
    shape = (4, 3)
    values = np.random.default_rng(0).normal(size=np.zeros(shape)[index].shape)
    expected = np.zeros(shape)
    np.add.at(expected, index, values)
    on_device = [backend.from_host(p) if isinstance(p, np.ndarray) else p
                 for p in (index if isinstance(index, tuple) else (index,))]  # fmt: skip
    found = backend.scatter_add(backend.from_host(values), tuple(on_device), shape)
    assert_allclose(host(found), expected)


def test_moving_copies_and_views_share_an_owner(backend):
    array = np.arange(6.0)
    a = backend.from_host(array)
    array[0] = 7.0
    assert host(a)[0] == 0.0
    owner = backend.owner(a)
    assert backend.owner(a[2:]) is owner
    assert backend.owner(a.reshape(2, 3).T) is owner
    assert backend.owner(backend.from_host(array)) is not owner


@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
def test_reductions_give_arrays(backend, axis, keepdims):
    (x,) = leaves([np.arange(6.0).reshape(2, 3)], backend)
    for name in ("sum", "amax", "amin"):
        y = tg.Tensor(getattr(backend, name)(x.data, axis, keepdims))
        assert_allclose(y.numpy(), getattr(np, name)(x.numpy(), axis=axis, keepdims=keepdims))


# -- the strict backend is strict ------------------------------------------------------------------

A = strict.StrictArray(np.arange(4.0))
REFUSED = {
    "conversion": lambda: np.asarray(A),
    "host array on the right": lambda: A + np.ones(4),
    "host array on the left": lambda: np.ones(4) + A,
    "NumPy's functions": lambda: np.exp(A),
    "a list in a ufunc": lambda: XP.add(A, [1, 2, 3, 4]),
    "a host array in a function": lambda: XP.concatenate([A, np.ones(4)]),
    "a host array in an assignment": lambda: A.__setitem__(slice(None), np.ones(4)),
    "where in a ufunc": lambda: XP.add(A, A, where=A > 0),
    "where in a reduction": lambda: XP.sum(A, where=A > 0),
    "initial in a method": lambda: A.max(initial=0),
    "a name that CuPy lacks": lambda: XP.linalg.vector_norm(A),
    "errstate": lambda: XP.errstate(),
    "maximum.reduce": lambda: XP.maximum.reduce(A),
    "adding small integers": lambda: XP.add.at(XP.zeros(3, dtype="int8"), XP.arange(2), np.int8(1)),
    "an index": lambda: range(XP.argmax(A)),
    "a NumPy flag": lambda: A.flags.writeable,
}


@pytest.mark.parametrize("name", REFUSED)
def test_strict_refuses_what_cupy_refuses(name):
    with pytest.raises((TypeError, AttributeError, NotImplementedError)):
        REFUSED[name]()


COSTS = {
    # name: (what, (syncs, uploads, launches))
    "arithmetic": (lambda: A * 2.0 + A, (0, 0, 2)),
    "a view": (lambda: A[1:].reshape(3, 1).T, (0, 0, 0)),
    "a reduction": (lambda: XP.sum(A), (0, 0, 1)),
    "a number": (lambda: float(A[1]), (1, 0, 0)),
    "item": (lambda: A[1].item(), (1, 0, 0)),
    "truth": (lambda: bool(A[1] > 0), (1, 0, 1)),
    "to the host": (lambda: strict.STRICT.to_host(A), (1, 0, 0)),
    "from the host": (lambda: strict.STRICT.from_host(np.ones(3)), (0, 1, 0)),
    "a host index": (lambda: A[np.array([1, 2])], (0, 1, 1)),
    "a mask": (lambda: A[A > 0], (1, 0, 2)),
    "nonzero": (lambda: A.nonzero(), (1, 0, 1)),
    "made on the device": (lambda: XP.zeros(3), (0, 0, 1)),
}


@pytest.mark.parametrize("name", COSTS)
def test_strict_counts_what_a_device_would_pay(name):
    function, expected = COSTS[name]
    with strict.measure() as spent:
        function()
    assert (spent.syncs, spent.uploads, spent.launches) == expected


def test_strict_gives_arrays_of_no_axes_never_scalars():
    for y in (XP.sum(A), A.max(), A[2], A[2] * 2.0, XP.sum(A) > 1, XP.argmax(A)):
        assert type(y) is strict.StrictArray
        assert y.shape == ()


def test_a_training_step_neither_waits_nor_uploads():
    rng = tg.Generator(0, device="cpu")
    x = tg.tensor(rng.normal((16, 4)), device="strict")
    labels = tg.tensor(rng.integers(0, 3, 16), device="strict")
    w, b = (tg.tensor(rng.normal(s, std=0.1), device="strict", requires_grad=True)
            for s in ((3, 4), (3,)))  # fmt: skip
    with strict.measure() as spent:
        h = tg.relu(tg.linear(x, w, b)) + tg.maximum(tg.linear(x, w, b), 0.0)
        h = tg.clip(tg.softmax(h), 1e-3, 1.0) + tg.max(h, 1, keepdims=True)
        loss = tg.softmax_cross_entropy(h, labels) + tg.norm(w) + tg.mse(b, b * 2.0)
        slope = tg.grad(loss, [w, b], create_graph=True)
        penalty = tg.sum(slope[0] ** 2)
        for p, g in zip((w, b), tg.grad(penalty, [w, b], allow_unused=True), strict=True):
            strict.STRICT.sgd_update(p.data, g.data, None, (0.1,), 0.0, False, 0.0)
    assert spent.syncs == 0
    assert spent.uploads == 0
    assert math.isfinite(loss.item())


def test_numpy_is_the_library_behind_the_cpu():
    assert NUMPY.exp is np.exp
    assert NUMPY.library is np
