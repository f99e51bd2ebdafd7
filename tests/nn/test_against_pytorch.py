"""Every layer that PyTorch has too: the same outputs, gradients, second derivatives and states."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from layer_cases import LAYERS, assert_close, conv, parameter_pairs, twins

import tinygen as tg

torch = pytest.importorskip("torch")
torch.set_num_threads(1)  # these tensors are small, and two test workers share the cores
pytestmark = pytest.mark.torch

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
NAMES = [name for name, case in LAYERS.items() if case.theirs]
TWICE = [name for name in NAMES if LAYERS[name].second_order]

LAYOUTS = {
    "plain": lambda a: a,
    "channels last": lambda a: np.moveaxis(np.moveaxis(a, 1, -1).copy(), -1, 1),
    "strided": lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
}


def run(case, ours, theirs, x):
    """Both outputs, with the leaves that they came from."""
    leaf = tg.Tensor(x, requires_grad=True)
    their_leaf = torch.from_numpy(x.copy()).requires_grad_()
    y = case.call(ours, leaf)
    return y, leaf, (case.call_theirs or case.call)(theirs, their_leaf), their_leaf


def check_gradients(case, ours, theirs, x, tolerance, rng):
    y, leaf, their_y, their_leaf = run(case, ours, theirs, x)
    assert_close(y, their_y, tolerance, "output")
    pairs = [("input", leaf, their_leaf), *parameter_pairs(ours, theirs)]
    u = rng.normal(size=y.shape).astype(y.dtype)
    found = tg.grad(y, [p for _, p, _ in pairs], cotangent=tg.Tensor(u))
    expected = torch.autograd.grad(their_y, [q for _, _, q in pairs], torch.from_numpy(u))
    for (name, _, _), g, h in zip(pairs, found, expected, strict=True):
        assert_close(g, h, tolerance, f"gradient of {name}")
    theirs_state = theirs.state_dict()
    for name, array in ours.state_dict().items():
        assert_close(array, theirs_state[name], tolerance, f"{name} afterwards")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", NAMES)
def test_outputs_gradients_and_states(name, mode, dtype):
    case = LAYERS[name]
    rng = np.random.default_rng(len(name))
    ours, theirs = twins(case, torch, dtype)
    if mode == "eval":  # after some training, so that running statistics are not the first ones
        x = rng.normal(1.0, 2.0, size=case.inputs[0]).astype(dtype)
        run(case, ours, theirs, x)
        ours.eval()
        theirs.eval()
    calls = [(shape, "plain") for shape in case.inputs]
    for shape, layout in [*calls, *((case.inputs[0], name) for name in LAYOUTS if name != "plain")]:
        x = LAYOUTS[layout](rng.normal(1.0, 2.0, size=shape).astype(dtype))
        check_gradients(case, ours, theirs, x, TOLERANCE[dtype], rng)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", TWICE)
def test_second_derivatives(name, mode):
    """The gradient of a random functional of the gradients, in every input and parameter."""
    case = LAYERS[name]
    rng = np.random.default_rng(len(name))
    ours, theirs = twins(case, torch, "float64")
    ours.train(mode == "train")
    theirs.train(mode == "train")
    x = rng.normal(size=case.inputs[0])
    y, leaf, their_y, their_leaf = run(case, ours, theirs, x)
    pairs = [("input", leaf, their_leaf), *parameter_pairs(ours, theirs)]
    mine, other = [p for _, p, _ in pairs], [q for _, _, q in pairs]
    u = rng.normal(size=y.shape)
    first = tg.grad(tg.sum(tg.tanh(y) * u), mine, create_graph=True)
    their_first = torch.autograd.grad(
        (torch.tanh(their_y) * torch.from_numpy(u)).sum(), other, create_graph=True
    )
    weights = [rng.normal(size=g.shape) for g in first]
    total = sum(tg.sum(g * v) for g, v in zip(first, weights, strict=True))
    their_total = sum(
        (g * torch.from_numpy(v)).sum() for g, v in zip(their_first, weights, strict=True)
    )
    found = tg.grad(total, mine, allow_unused=True)
    expected = torch.autograd.grad(their_total, other, allow_unused=True)
    for (part, p, _), g, h in zip(pairs, found, expected, strict=True):
        g = np.zeros(p.shape) if g is None else g
        assert_close(g, torch.zeros(p.shape, dtype=torch.float64) if h is None else h,
                     1e-10, part)  # fmt: skip


@given(data=st.data())
@settings(max_examples=25)
def test_convolutions_of_every_geometry(data):
    draw = data.draw
    transposed = draw(st.booleans())
    axes = draw(st.integers(1, 2))
    groups = draw(st.integers(1, 2))
    kernel, stride, dilation = (
        draw(st.tuples(*[st.integers(1, most)] * axes)) for most in (3, 3, 2)
    )
    padding = tuple(draw(st.integers(0, min(k - 1, 1))) for k in kernel)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    if transposed:
        options["output_padding"] = tuple(
            draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)
        )
    least = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    size = tuple(draw(st.integers(n, n + 4)) for n in least)
    name = f"Conv{'Transpose' * transposed}{axes}d"
    case = conv(name, ((draw(st.integers(1, 2)), 2 * groups, *size),), 2 * groups, groups, kernel,
                bias=draw(st.booleans()), **options)  # fmt: skip
    dtype = draw(st.sampled_from(["float32", "float64"]))
    ours, theirs = twins(case, torch, dtype)
    rng = np.random.default_rng(0)
    layout = LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))]
    x = layout(rng.normal(size=case.inputs[0]).astype(dtype))
    check_gradients(case, ours, theirs, x, TOLERANCE[dtype], rng)


@pytest.mark.parametrize("kind", ["booleans", "stacked", "floats", "padding", "both"])
def test_masks_of_attention(kind):
    case = LAYERS["MultiheadAttention"]
    ours, theirs = twins(case, torch, "float64")
    rng = np.random.default_rng(3)
    x = rng.normal(size=(2, 4, 4))
    masks = {}
    if kind in ("booleans", "both"):
        masks["attn_mask"] = np.triu(np.ones((4, 4), bool), 1)
    if kind == "stacked":
        masks["attn_mask"] = np.tril(np.ones((4, 4, 4), bool), -1)
    if kind == "floats":
        masks["attn_mask"] = rng.normal(size=(4, 4))
    if kind in ("padding", "both"):
        masks["key_padding_mask"] = np.array([[False] * 4, [False, False, True, True]])
    y = ours(tg.Tensor(x), **{k: tg.Tensor(m) for k, m in masks.items()})
    z = torch.from_numpy(x)
    expected, _ = theirs(z, z, z, **{k: torch.from_numpy(m) for k, m in masks.items()})
    assert_close(y, expected, 1e-12, kind)
    raw = ours(tg.Tensor(x), **masks)
    np.testing.assert_array_equal(raw.numpy(), y.numpy())


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_recurrence_from_a_given_state(name):
    case = LAYERS[name]
    ours, theirs = twins(case, torch, "float64")
    rng = np.random.default_rng(3)
    x = rng.normal(size=case.inputs[0])
    n = x.shape[0 if name == "LSTM" else 1]
    starts = [rng.normal(size=(1, n, 4)) for _ in range(2 if name == "LSTM" else 1)]
    mine = [tg.Tensor(s, requires_grad=True) for s in starts]
    other = [torch.from_numpy(s).requires_grad_() for s in starts]
    y, _ = ours(tg.Tensor(x), tuple(mine) if len(mine) > 1 else mine[0])
    z, _ = theirs(torch.from_numpy(x), tuple(other) if len(other) > 1 else other[0])
    u = rng.normal(size=y.shape)
    assert_close(y, z, 1e-12, "output")
    found = tg.grad(y, mine, cotangent=tg.Tensor(u))
    for g, h in zip(found, torch.autograd.grad(z, other, torch.from_numpy(u)), strict=True):
        assert_close(g, h, 1e-12, "gradient of the state")


@pytest.mark.parametrize("padding", [None, 2])
def test_embedding(padding):
    case = tg.nn.Embedding(5, 3, padding, rng=tg.Generator(0), dtype="float64")
    theirs = torch.nn.Embedding(5, 3, padding_idx=padding, dtype=torch.float64)
    if padding is not None:
        np.testing.assert_array_equal(case.weight.numpy()[padding], 0.0)
    with torch.no_grad():
        theirs.weight.normal_()
    case.load_state_dict({k: v.numpy() for k, v in theirs.state_dict().items()})
    indices = np.array([[0, 2, 4], [2, 2, 0]])
    y, z = case(tg.tensor(indices)), theirs(torch.from_numpy(indices))
    assert_close(y, z, 0.0, "output")
    u = np.random.default_rng(0).normal(size=y.shape)
    g = tg.grad(y, case.weight, cotangent=tg.Tensor(u))
    (h,) = torch.autograd.grad(z, [theirs.weight], torch.from_numpy(u))
    assert_close(g, h, 1e-12, "gradient")


def test_starts_are_spread_as_in_pytorch():
    """Standard deviation of every first weight, beside PyTorch's own."""
    rng = tg.Generator(0)
    makers = {
        "Conv2d": lambda lib, **o: lib.Conv2d(32, 64, 4, groups=2, **o),
        "ConvTranspose2d": lambda lib, **o: lib.ConvTranspose2d(32, 64, 4, **o),
        "GRU": lambda lib, **o: lib.GRU(40, 50, **o),
        "MultiheadAttention": lambda lib, **o: lib.MultiheadAttention(64, 2, **o),
        "Embedding": lambda lib, **o: lib.Embedding(60, 50, **o),
    }
    for name, make in makers.items():
        theirs = make(torch.nn).state_dict()
        for key, array in make(tg.nn, rng=rng).state_dict().items():
            spread = float(theirs[key].std())
            assert array.std() == pytest.approx(spread, rel=0.25), (name, key)
            assert abs(array).max() <= 1.2 * float(theirs[key].abs().max()) + 1e-6, (name, key)
