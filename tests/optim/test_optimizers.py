"""Update rules: the recurrences step by step, against PyTorch, resuming, refusing."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim

SHAPES = [(3, 4), (), (17,), (0,), (2, 1, 5)]
RULES = {
    "sgd": (optim.SGD, {"lr": 0.1}),
    "sgd decay": (optim.SGD, {"lr": 0.1, "weight_decay": 0.2}),
    "momentum": (optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "momentum decay": (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2}),
    "nesterov": (
        optim.SGD,
        {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
    ),
    "adam": (optim.Adam, {"lr": 0.1}),
    "adam gan": (optim.Adam, {"lr": 0.1, "betas": (0.0, 0.9), "eps": 1e-3}),
    "adam decay": (optim.Adam, {"lr": 0.1, "weight_decay": 0.2}),
    "adamw": (optim.AdamW, {"lr": 0.1, "weight_decay": 0.2}),
    "adamw default": (optim.AdamW, {}),
}


def make_params(dtype="float64", seed=0):
    rng = tg.Generator(seed)
    return [tg.Tensor(rng.normal(shape, dtype=dtype), requires_grad=True) for shape in SHAPES]


def make_grads(step, dtype="float64"):
    rng = tg.Generator(100 + step)
    return [tg.Tensor(rng.normal(shape, dtype=dtype)) for shape in SHAPES]


def sgd_by_the_book(w, grads, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = np.zeros_like(w)
    for g in grads:
        d = g + weight_decay * w
        v = momentum * v + d
        w = w - lr * (d + momentum * v if nesterov else v)
    return w


def adam_by_the_book(w, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0):
    m = v = np.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        d = g + weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * d
        v = betas[1] * v + (1 - betas[1]) * d**2
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return w


def adamw_by_the_book(w, grads, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01):
    m = v = np.zeros_like(w)
    for t, g in enumerate(grads, start=1):
        w = w - lr * weight_decay * w
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        w = w - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return w


BOOK = {optim.SGD: sgd_by_the_book, optim.Adam: adam_by_the_book, optim.AdamW: adamw_by_the_book}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize(("dtype", "rtol"), [("float64", 1e-11), ("float32", 2e-5)])
def test_recurrence(backend, name, dtype, rtol):
    rule, settings = RULES[name]
    params = make_params(dtype)
    start = [p.numpy().astype("float64") for p in params]
    optimizer = rule(params, **settings)
    steps = [make_grads(step, dtype) for step in range(5)]
    for grads in steps:
        optimizer.step(grads)
    for i, p in enumerate(params):
        grads_of_p = [grads[i].numpy().astype("float64") for grads in steps]
        expected = BOOK[rule](start[i], grads_of_p, **settings)
        np.testing.assert_allclose(p.numpy(), expected, rtol=rtol, atol=rtol)
        assert p.dtype == dtype
        assert p.shape == SHAPES[i]


@pytest.mark.torch
@pytest.mark.parametrize("name", RULES)
def test_like_pytorch(name):
    torch = pytest.importorskip("torch")
    rule, settings = RULES[name]
    ours = make_params()
    theirs = [torch.tensor(p.numpy(), requires_grad=True) for p in ours]
    optimizer = rule(ours, **settings)
    reference = getattr(torch.optim, rule.__name__)(theirs, **settings)
    for step in range(20):
        grads = make_grads(step)
        for p, g in zip(theirs, grads, strict=True):
            p.grad = torch.from_numpy(g.numpy().copy())
        optimizer.step(grads)
        reference.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(p.numpy(), q.detach().numpy(), rtol=1e-11, atol=1e-12)


def test_updates_larger_than_one_chunk(backend):
    from tinygen.backend.numpy import CHUNK

    p = tg.Tensor(tg.Generator(0).normal(2 * CHUNK + 5, dtype="float64"), requires_grad=True)
    g = tg.Generator(1).normal(p.shape, dtype="float64")
    start = p.numpy().copy()
    optim.Adam([p], lr=0.1).step([g])
    expected = adam_by_the_book(start, [tg.Tensor(g).numpy()], lr=0.1)
    np.testing.assert_allclose(p.numpy(), expected, rtol=1e-11)


@pytest.mark.parametrize("name", RULES)
def test_resuming_is_exact_to_the_bit(backend, name):
    rule, settings = RULES[name]

    def make():
        params = make_params("float32")
        return params, rule([(f"p{i}", p) for i, p in enumerate(params)], **settings)

    straight, optimizer = make()
    for step in range(6):
        optimizer.step(make_grads(step, "float32"))

    first, optimizer = make()
    for step in range(3):
        optimizer.step(make_grads(step, "float32"))
    values = [p.numpy().copy() for p in first]
    state = optimizer.state_dict()
    for step in range(3, 5):  # the state must be a copy
        optimizer.step(make_grads(step, "float32"))

    second, optimizer = make()
    optimizer.load_state_dict(state)
    for p, value in zip(second, values, strict=True):
        p[...] = tg.tensor(value)
    for step in range(3, 6):
        optimizer.step(make_grads(step, "float32"))
    for p, q in zip(straight, second, strict=True):
        np.testing.assert_array_equal(p.numpy(), q.numpy())


def test_state_is_keyed_by_name(backend):
    model = nn.Sequential(nn.Linear(2, 3, rng=tg.Generator(0)))
    optimizer = optim.Adam(model.named_parameters())
    optimizer.step(tg.grad(tg.sum(model(tg.ones(1, 2))), optimizer.params))
    state = optimizer.state_dict()
    assert state["step"] == optimizer.steps == 1
    assert list(state["state"]) == ["0.weight", "0.bias"]
    assert {slot: a.shape for slot, a in state["state"]["0.weight"].items()} == {
        "m": (3, 2),
        "v": (3, 2),
    }
    np.testing.assert_allclose(state["state"]["0.bias"]["m"], np.full(3, 1.0), rtol=1e-6)
    assert all(type(a) is np.ndarray for slots in state["state"].values() for a in slots.values())
    assert optim.SGD(model.parameters(), 0.1).state_dict() == {
        "step": 0,
        "state": {"0": {}, "1": {}},
    }


def test_loading_a_state_lists_every_problem_and_changes_nothing(backend):
    params = make_params("float32")
    named = [(f"p{i}", p) for i, p in enumerate(params)]
    optimizer = optim.Adam(named)
    optimizer.step(make_grads(0, "float32"))
    before = optimizer.state_dict()
    state = optimizer.state_dict()
    del state["step"], state["state"]["p2"]
    state["state"]["p0"]["m"] = np.zeros((4, 3), "float32")
    state["state"]["other"] = {"m": np.zeros(1)}
    with pytest.raises(ValueError, match=r"Adam.load_state_dict changed nothing") as error:
        optimizer.load_state_dict(state)
    message = str(error.value)
    assert "missing step, p2.m, p2.v;" in message
    assert "unexpected other.m;" in message
    assert "p0.m (float32 (3, 4), given float32 (4, 3))" in message
    after = optimizer.state_dict()
    assert after["step"] == 1
    for name, slots in before["state"].items():
        for slot, array in slots.items():
            np.testing.assert_array_equal(after["state"][name][slot], array)


# -- gradients from backward ---------------------------------------------------------------------


def test_step_uses_grad_and_zero_grad_forgets_it(backend):
    p = nn.Parameter(tg.ones(2))
    optimizer = optim.SGD([p], 0.5)
    for _ in range(2):
        tg.sum(p * 2.0).backward()
    optimizer.step()
    assert p.numpy().tolist() == [-1, -1]
    optimizer.zero_grad()
    assert p.grad is None
    with pytest.raises(ValueError, match=r"parameter 0 has no gradient"):
        optimizer.step()


def test_learning_rates(backend):
    p = nn.Parameter(tg.zeros(1))
    optimizer = optim.SGD([p], lambda step: [1.0, 10.0, 100.0][step])
    seen = []
    for _ in range(2):
        seen.append(optimizer.learning_rate)
        optimizer.step([tg.ones(1)])
    assert seen == [1.0, 10.0]
    assert p.numpy().tolist() == [-11]
    optimizer.lr = 0.5
    assert optimizer.learning_rate == 0.5
    optimizer.step([tg.ones(1)])
    assert p.numpy().tolist() == [-11.5]


# -- refusing ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: [], "there are no parameters"),
        (lambda p: [p, p], "parameter 1 was passed before, as 0"),
        (lambda p: [("w", p), ("w", nn.Parameter(tg.ones(1)))], "parameter w has the name"),
        (lambda p: [("w", p * 2.0)], "parameter w is a result of multiply, not a leaf"),
        (lambda p: [p, tg.ones(2)], "parameter 1 does not require gradients"),
        (lambda p: [("w", np.ones(2))], "parameter w is a ndarray, not a Tensor"),
        (
            lambda p: [("a", p), ("b", nn.Parameter(tg.ones(2, dtype="float64")))],
            "parameter b is float64 on cpu, but a is float32 on cpu",
        ),
    ],
)
def test_refuses_parameters(make, message):
    p = nn.Parameter(tg.ones(2))
    with pytest.raises(ValueError, match=f"SGD: {message}"):
        optim.SGD(make(p), 0.1)


@pytest.mark.parametrize(
    ("grads", "message"),
    [
        (lambda: [tg.ones(2)], "there are 2 parameters, but 1 gradients"),
        (lambda: [tg.ones(2), None], "parameter b has no gradient"),
        (lambda: [tg.ones(2), tg.ones(1)], r"gradient of b has shape \(1,\), the parameter \(3,\)"),
        (lambda: [tg.ones(2), [1.0] * 3], "gradient of b is a list"),
        (lambda: [tg.ones(2), tg.ones(3, device="strict")], "gradient of b is a StrictArray"),
    ],
)
def test_refuses_gradients_and_changes_nothing(grads, message):
    import strict  # noqa: F401  registers the device

    params = {"a": nn.Parameter(tg.ones(2)), "b": nn.Parameter(tg.ones(3))}
    optimizer = optim.Adam(params.items())
    with pytest.raises(ValueError, match=message):
        optimizer.step(grads())
    assert optimizer.steps == 0
    assert params["a"].numpy().tolist() == [1, 1]


@pytest.mark.parametrize(
    ("rule", "settings", "message"),
    [
        (optim.SGD, {"lr": -1.0}, "SGD: lr must be finite and at least 0, not -1.0"),
        (optim.SGD, {"lr": float("nan")}, "SGD: lr must be finite"),
        (optim.SGD, {"lr": 1.0, "momentum": -0.1}, "SGD: momentum"),
        (optim.SGD, {"lr": 1.0, "weight_decay": -0.1}, "SGD: weight_decay"),
        (optim.SGD, {"lr": 1.0, "nesterov": True}, "nesterov needs momentum"),
        (optim.Adam, {"betas": (0.9, 1.0)}, r"Adam: betas must lie in \[0, 1\)"),
        (optim.Adam, {"betas": (-0.1, 0.9)}, "Adam: betas"),
        (optim.Adam, {"eps": 0.0}, "Adam: eps must be positive"),
        (optim.AdamW, {"weight_decay": float("inf")}, "AdamW: weight_decay"),
    ],
)
def test_refuses_settings(rule, settings, message):
    with pytest.raises(ValueError, match=message):
        rule([nn.Parameter(tg.ones(1))], **settings)


# -- together ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", [optim.SGD, optim.Adam, optim.AdamW])
def test_learns(backend, rule):
    rng = tg.Generator(0)
    x = tg.Tensor(rng.normal((64, 5)))
    target = tg.tanh(x @ tg.Tensor(rng.normal((5, 2))))
    model = nn.Sequential(nn.Linear(5, 16, rng=rng), nn.Tanh(), nn.Linear(16, 2, rng=rng))
    optimizer = rule(model.named_parameters(), lr=0.1 if rule is optim.SGD else 0.02)
    first = tg.mse(model(x), target).item()
    for _ in range(150):
        loss = tg.mse(model(x), target)
        optimizer.step(tg.grad(loss, optimizer.params))
    assert loss.item() < 0.1 * first
