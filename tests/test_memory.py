"""What stays alive: no cycles, nothing kept that no rule reads, nothing kept once it is used."""

import gc
import tracemalloc
import weakref

import numpy as np
import pytest
from numpy.testing import assert_allclose

import tinygen as tg
from tinygen.models.gan import R1, GANTrainer, mlp
from tinygen.primitive import PRIMITIVES


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values or [0.5, 1.5]), requires_grad=True)


@pytest.fixture
def no_collector():
    """The garbage collector off: only reference counts free memory."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def array_of(y: tg.Tensor) -> weakref.ref:
    return weakref.ref(y.data)


# -- cycles ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("walk", ["none", "grad", "create_graph", "backward", "error"])
def test_memory_goes_with_the_result(no_collector, walk):
    x = leaf()
    h = tg.exp(x)
    y = tg.sum(h * tg.sin(h))
    held = [array_of(h), array_of(y)]
    if walk == "grad":
        tg.grad(y, x)
    elif walk == "create_graph":
        slope = tg.grad(y, x, create_graph=True)
        tg.grad(tg.sum(slope * slope), x)
        del slope
    elif walk == "backward":
        y.backward()
    elif walk == "error":
        with pytest.raises(ValueError, match="cotangent"):
            tg.grad(y, x, cotangent=np.ones(7))
    del h, y
    assert [ref() for ref in held] == [None, None]


def test_gc_finds_nothing_to_collect_after_training_steps(no_collector):
    w = leaf(0.1, 0.2, 0.3)
    for _ in range(3):
        loss = tg.mse(tg.tanh(w * 2.0), tg.ones(3, dtype="float64"))
        slope = tg.grad(loss, w, create_graph=True)
        g = tg.grad(tg.sum(slope * slope) + tg.softmax_cross_entropy(
            tg.reshape(w, 1, 3), tg.tensor([1])), w)  # fmt: skip
        w.data -= 0.1 * g.data
    del loss, slope, g
    assert gc.collect() == 0


def test_memory_is_flat_over_1000_steps():
    w = tg.tensor(np.ones((32, 32), "float32"), requires_grad=True)
    x = tg.ones(16, 32)

    def step():
        y = tg.mean(tg.relu(x @ w) ** 2)
        y.backward()
        w.data -= 0.001 * w.grad.data
        w.grad = None

    def allocated_after(steps):
        for _ in range(steps):
            step()
        gc.collect()  # empties Python's free lists, which tracemalloc counts
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        readings = [allocated_after(250) for _ in range(5)]
    finally:
        tracemalloc.stop()
    growth = np.diff(readings)  # a leak shows every time, a cache that fills does not
    assert min(growth) < 5_000, f"{growth} bytes more, every 250 steps"


def gan_step(keep_losses: bool):
    """One step of each player of a small GAN with all that it may have, on the default device."""
    weights = tg.Generator(0)
    trainer = GANTrainer(
        mlp([4, 8, 6], weights), mlp([6, 8, 1], weights, slope=0.2),
        rng=tg.Generator(1), noise_shape=4, regularizers=[R1(0.5, every=4)], ema_decay=0.9,
    )  # fmt: skip
    batch = tg.Generator(2).normal((8, 6))
    kept = []

    def step():
        losses = trainer.step(batch)
        if keep_losses:
            kept.append(losses["loss_d"])

    return step


def device_memory_every(steps, step, device):
    """Used and reserved bytes, four times; first so many steps that are not looked at."""
    pools = []
    for _ in range(5):
        for _ in range(steps):
            step()
        pools.append(device.memory())
    return [pool.used for pool in pools[1:]], [pool.reserved for pool in pools[1:]]


@pytest.mark.slow
def test_device_memory_is_flat_over_1000_steps_of_a_gan(backend, no_collector):
    """To the byte, and without the garbage collector."""
    if backend.memory() is None:
        pytest.skip("the host has no pool; tracemalloc sees its arrays in the test above")
    used, reserved = device_memory_every(250, gan_step(keep_losses=False), backend)
    assert len(set(used)) == 1, f"bytes, every 250 steps: {used}"
    assert len(set(reserved)) == 1, f"bytes, every 250 steps: {reserved}"


def test_losses_that_are_kept_show_in_the_device_memory():
    with tg.use_device("strict") as backend:
        used, _ = device_memory_every(5, gan_step(keep_losses=True), backend)
    assert np.diff(used).tolist() == [4 * 5] * 3


def test_the_record_of_writes_forgets_dead_arrays():
    from tinygen.tensor import _last_write

    before = len(_last_write)
    for _ in range(10):
        tg.zeros(3)[0] = 1.0
    assert len(_last_write) == before


# -- what a node keeps -----------------------------------------------------------------------------

KEEPS = {
    # name: (function of an interior tensor h, whether h's array must live on until backward)
    "exp reads its output": (tg.exp, False),
    "relu reads its output": (tg.relu, False),
    "tanh reads its output": (tg.tanh, False),
    "sum reads a shape": (tg.sum, False),
    "gathering reads a shape": (lambda h: h[np.array([1, 0, 1])], False),
    "softmax reads its output": (tg.softmax, False),
    "concatenate reads shapes": (lambda h: tg.concatenate([h, h]), False),
    "add reads nothing": (lambda h: h + 1.0, False),
    "times a constant reads the constant": (lambda h: h * 2.0, False),
    "log reads its input": (tg.log, True),
    "a product reads its factors": (lambda h: h * leaf(1.0, 2.0), True),
}


@pytest.mark.parametrize("name", KEEPS)
def test_only_what_a_rule_reads_is_kept(no_collector, name):
    function, kept = KEEPS[name]
    x = leaf()
    h = x + 1.0  # neither keeps its own output
    held = array_of(h)
    y = function(h)
    del h
    assert (held() is not None) == kept
    assert y.size


def test_a_product_with_a_constant_matrix_does_not_keep_the_other_factor(no_collector):
    """x @ w where only x requires gradients needs w alone: the discriminator's features go."""
    h = leaf(1.0, 2.0).detach()
    h.requires_grad = True
    features = tg.reshape(h * 1.5, 1, 2) + 0.0
    held = array_of(features)
    y = features @ tg.ones(2, 3, dtype="float64")
    del features
    assert held() is None
    assert y.shape == (1, 3)


def test_arrays_are_freed_as_the_pass_goes_over_them(no_collector):
    """By the time the oldest rule runs, what the younger operations kept is gone."""
    alive_at = {}

    def spy(g):
        alive_at["oldest rule"] = held() is not None
        return g

    op = tg.primitive("test_spy", lambda xp, x: x * 1.0, spy)
    try:
        x = leaf()
        h = tg.exp(op(x))
        held = array_of(h)
        y = tg.sum(h)
        del h
        assert held() is not None  # exp reads its output
        tg.grad(y, x)
    finally:
        del PRIMITIVES["test_spy"]
    assert alive_at == {"oldest rule": False}


def test_a_retained_graph_keeps_its_arrays():
    x = leaf()
    h = tg.exp(x)
    held = array_of(h)
    y = tg.sum(h)
    del h
    tg.grad(y, x, retain_graph=True)
    assert held() is not None
    assert_allclose(tg.grad(y, x).numpy(), np.exp([0.5, 1.5]))
    assert held() is None
