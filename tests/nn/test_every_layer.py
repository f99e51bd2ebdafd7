"""What every layer promises: it never waits, keeps dtypes, saves its state, shows itself."""

import math

import numpy as np
import pytest
import strict
from layer_cases import LAYERS
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn

by_name = pytest.mark.parametrize("name", LAYERS)


@by_name
def test_a_training_step_never_waits_for_the_device(name):
    case = LAYERS[name]
    with tg.use_device("strict"):
        rng = tg.Generator(0)
        model = nn.Sequential(case.ours(rng, "float32"))
        parameters = model.parameters()
        optimizer = tg.optim.Adam(parameters, lr=1e-3) if parameters else None
        x = tg.Tensor(rng.normal(case.inputs[0]), requires_grad=True)
        u = tg.Tensor(rng.normal(case.call(model[0], x).shape))
        before = [p.numpy() for p in parameters]
        with strict.measure() as spent:
            y = case.call(model[0], x)
            grads = tg.grad(y, [x, *parameters], cotangent=u)
            if optimizer:
                optimizer.step(grads[1:])
        assert spent.syncs == 0
        if (
            "Pool" not in name and "Upsample" not in name
        ):  # which send small tables of their windows
            assert spent.uploads == 0
        assert y.device == "strict"
        moved = [(p.numpy() != old).any() for p, old in zip(parameters, before, strict=True)]
        assert any(moved) or not parameters


@by_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtypes_are_kept(name, dtype, backend):
    case = LAYERS[name]
    rng = tg.Generator(0)
    for layer in (case.ours(rng, dtype), case.ours(rng, dtype).eval()):
        x = tg.Tensor(rng.normal(case.inputs[0], dtype=dtype), requires_grad=True)
        y = case.call(layer, x)
        grads = tg.grad(y, [x, *layer.parameters()], cotangent=tg.Tensor(rng.normal(y.shape)))
        assert {t.dtype for t in (y, *grads)} == {np.dtype(dtype)}
        assert {b.dtype for _, b in layer.named_buffers()} <= {np.dtype(dtype), np.dtype("int64")}
        assert all(np.isfinite(g.numpy()).all() for g in grads)


@by_name
def test_a_state_goes_round(name, tmp_path):
    case = LAYERS[name]
    one, two = (case.ours(tg.Generator(seed, device="cpu"), "float32") for seed in (0, 1))
    x = tg.Tensor(tg.Generator(2, device="cpu").normal(case.inputs[0]))
    case.call(one, x)
    nn.save(one, tmp_path / "state")
    two.load_state_dict(nn.load(tmp_path / "state"))
    a, b = (case.call(layer.eval(), x).numpy() for layer in (one, two))
    assert_array_equal(a, b)


@by_name
def test_one_seed_gives_one_layer_on_every_device(name, backend):
    case = LAYERS[name]
    here = case.ours(tg.Generator(7), "float32")
    with tg.use_device("cpu"):
        host = case.ours(tg.Generator(7), "float32")
    assert {t.device for t in here.parameters()} <= {tg.zeros(1).device}
    for key, array in host.state_dict().items():
        assert_allclose(here.state_dict()[key], array, rtol=1e-5, atol=1e-6, err_msg=key)


REPR = {
    "Conv2d(4, 6, kernel_size=(4, 3), stride=2, padding=1)": "Conv2d",
    "Conv2d(4, 6, kernel_size=3, dilation=2, groups=2, bias=False)": "Conv2d dilated",
    "ConvTranspose1d(4, 6, kernel_size=3, stride=2, output_padding=1)": "ConvTranspose1d",
    "BatchNorm2d(4, eps=1e-05, momentum=0.1)": "BatchNorm2d",
    "BatchNorm2d(4, eps=1e-05, momentum=0.1, affine=False, track_running_stats=False)":
        "BatchNorm2d plain",
    "LayerNorm((4,), eps=1e-05, elementwise_affine=False)": "LayerNorm plain",
    "GroupNorm(2, 4, eps=1e-05)": "GroupNorm",
    "InstanceNorm2d(4, eps=1e-05, affine=True)": "InstanceNorm2d affine",
    "MaxPool2d(kernel_size=(3, 2), stride=1, padding=(1, 0))": "MaxPool2d overlapping",
    "AvgPool2d(kernel_size=3, stride=2, padding=1, count_include_pad=False)": "AvgPool2d",
    "Upsample(size=(7, 5), mode='bilinear', align_corners=True)": "Upsample aligned",
    "PixelShuffle(upscale_factor=2)": "PixelShuffle",
    "SpectralNorm(Linear(in_features=4, out_features=6, bias=True))": "SpectralNorm Linear",
    "MultiheadAttention(4, num_heads=2)": "MultiheadAttention",
    "SelfAttention2d(4, reduction=2)": "SelfAttention2d",
    "GRU(3, 4, num_layers=2, batch_first=True, bidirectional=True)": "GRU deep",
    "RNN(3, 4, num_layers=2, bias=False, nonlinearity='relu')": "RNN relu",
    "MinibatchStdDev(group_size=2, num_features=2)": "MinibatchStdDev",
    "EqualizedLinear(in_features=4, out_features=3, bias=True, gain=1.414, lr_mul=0.1)":
        "EqualizedLinear",
}  # fmt: skip


@pytest.mark.parametrize("text", REPR)
def test_repr(text):
    assert repr(LAYERS[REPR[text]].ours(tg.Generator(0), "float32")) == text


@by_name
def test_repr_of_all_is_short_and_starts_with_the_class(name):
    text = repr(LAYERS[name].ours(tg.Generator(0), "float32"))
    assert text.startswith(("Sequential(", name.split(maxsplit=1)[0] + "("))


R = tg.Generator(0, device="cpu")
REFUSED = {
    "channels": (lambda: nn.Conv2d(1, 64, 4, rng=R)(tg.ones(8, 3, 28, 28)),
                 r"Conv2d\(1, 64, kernel_size=4\): conv2d: input has 3 channels, weight expects 1"
                 r".*\(8, 3, 28, 28\).*\(64, 1, 4, 4\)"),
    "too small": (lambda: nn.Conv2d(1, 1, 4, rng=R)(tg.ones(1, 1, 3, 3)),
                  r"Conv2d\(1, 1, kernel_size=4\): conv2d: .*does not fit"),
    "output size": (lambda: nn.ConvTranspose2d(1, 1, 2, padding=1, rng=R)(tg.ones(1, 1, 1, 1)),
                    r"ConvTranspose2d\(1, 1, kernel_size=2, padding=1\): .*length 0"),
    "rank": (lambda: nn.Conv1d(1, 1, 1, rng=R)(tg.ones(1, 1)), r"Conv1d\(1, 1, kernel_size=1\)"),
    "conv groups": (lambda: nn.Conv2d(3, 4, 1, groups=2, rng=R), r"groups must divide.*3 in"),
    "kernel": (lambda: nn.Conv2d(3, 4, (1, 2, 3), rng=R), r"kernel_size must be.*\(1, 2, 3\)"),
    "no kernel": (lambda: nn.Conv2d(3, 4, 0, rng=R), r"kernel_size must be.*not 0"),
    "pool": (lambda: nn.MaxPool2d(3)(tg.ones(1, 1, 2, 2)), r"MaxPool2d\(kernel_size=3\): max_poo"),
    "adaptive": (lambda: nn.AdaptiveAvgPool1d(1)(tg.ones(1, 1, 2, 2)), r"must be \(N, C, L\), not"),
    "shuffle": (lambda: nn.PixelShuffle(2)(tg.ones(1, 3, 2, 2)), r"PixelShuffle\(.*which 3 do not"),
    "upsample": (lambda: nn.Upsample((4, 4))(tg.ones(1, 1, 3, 2)),
                 r"Upsample\(size=\(4, 4\).*whole multiples of the input's 3 x 2, not 4 x 4"),
    "factor": (lambda: nn.Upsample(scale_factor=1.5), r"must be whole numbers, not 1.5; use size"),
    "factor and size": (lambda: nn.Upsample(2, 2), r"either size or scale_factor"),
    "mode": (lambda: nn.Upsample(2, mode="bicubic"), r"nearest or bilinear, not 'bicubic'"),
    "corners": (lambda: nn.Upsample(2, align_corners=True), r"align_corners belongs to bilinear"),
    "attention": (lambda: nn.SelfAttention2d(8, rng=R)(tg.ones(1, 4, 2, 2)),
                  r"SelfAttention2d\(8, reduction=8\): the input must be \(N, 8, H, W\)"),
    "reduction": (lambda: nn.SelfAttention2d(4, rng=R), r"reduction must divide.*8 and 4"),
    "heads": (lambda: nn.MultiheadAttention(6, 4, rng=R), r"num_heads must divide.*4 and 6"),
    "query": (lambda: nn.MultiheadAttention(4, 2, rng=R)(tg.ones(2, 3, 5)),
              r"MultiheadAttention\(4.*query must be \(2, length, 4\), not \(2, 3, 5\)"),
    "key": (lambda: nn.MultiheadAttention(4, 2, rng=R)(tg.ones(2, 3, 4), tg.ones(1, 3, 4)),
            r"key must be \(2, length, 4\), not \(1, 3, 4\)"),
    "values": (lambda: nn.MultiheadAttention(4, 2, rng=R)(
        tg.ones(2, 3, 4), tg.ones(2, 3, 4), tg.ones(2, 2, 4)),
        r"scaled_dot_product_attention: .*do not fit"),
    "mask": (lambda: nn.MultiheadAttention(4, 2, rng=R)(tg.ones(2, 3, 4), attn_mask=tg.ones(2, 3)),
             r"attn_mask must be \(3, 3\) or \(4, 3, 3\), not \(2, 3\)"),
    "padding": (lambda: nn.MultiheadAttention(4, 2, rng=R)(
        tg.ones(2, 3, 4), key_padding_mask=tg.ones(2, 3)),
        r"key_padding_mask must be booleans \(2, 3\), not float32"),
    "steps": (lambda: nn.GRU(3, 4, rng=R)(tg.ones(0, 2, 3)),
              r"GRU\(3, 4\): the input must be \(L, N, 3\) with at least one step, not \(0, 2"),
    "features": (lambda: nn.LSTM(3, 4, batch_first=True, rng=R)(tg.ones(2, 2, 4)),
                 r"LSTM\(3, 4, batch_first=True\): the input must be \(N, L, 3\)"),
    "state": (lambda: nn.LSTM(3, 4, rng=R)(tg.ones(2, 2, 3), (tg.ones(1, 2, 4), tg.ones(1, 1, 4))),
              r"the state must be \(1, 2, 4\) and \(1, 2, 4\), not \(1, 2, 4\) and \(1, 1, 4\)"),
    "nonlinearity": (lambda: nn.RNN(3, 4, nonlinearity="sin", rng=R), r"tanh or relu, not 'sin'"),
    "no size": (lambda: nn.GRU(3, 0, rng=R), r"GRU: .*must be positive, not 3, 0 and 1"),
    "groups of images": (lambda: nn.MinibatchStdDev(4)(tg.ones(6, 2, 2, 2)),
                         r"MinibatchStdDev\(.*a batch of 6 does not divide into groups of 4"),
    "parts": (lambda: nn.MinibatchStdDev(4, 2)(tg.ones(4, 3, 2, 2)), r"C divisible by 2"),
    "power iterations": (lambda: nn.SpectralNorm(nn.Linear(2, 2, rng=R), 0, rng=R), r"at least 1"),
    "table": (lambda: nn.Embedding(0, 3, rng=R), r"at least one row and one column"),
    "padding row": (lambda: nn.Embedding(3, 3, 3, rng=R), r"padding_idx 3 is not a row of 3"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_bad_input(name):
    function, message = REFUSED[name]
    with pytest.raises(ValueError, match=message) as caught:
        function()
    assert "\n" not in str(caught.value)


def test_bad_input_of_other_kinds():
    with pytest.raises(TypeError, match=r"Embedding\(3, 2\): indices must be integers, not float"):
        nn.Embedding(3, 2, rng=R)(tg.ones(2))
    for wrong in (3, -1):
        with pytest.raises(IndexError, match=rf"indices must be 0 to 2, these go from .*{wrong}"):
            nn.Embedding(3, 2, rng=R)(tg.tensor([wrong]))
    with pytest.raises(TypeError, match=r"Tanh\(\) has no weight of two or more axes"):
        nn.SpectralNorm(nn.Tanh(), rng=R)
    with pytest.raises(TypeError, match=r"LayerNorm.* has no weight of two"):
        nn.SpectralNorm(nn.LayerNorm(3), rng=R)


# -- what single layers promise ----------------------------------------------------------------


def test_spectral_norm_bounds_the_largest_singular_value(backend):
    rng = tg.Generator(0)
    layer = nn.SpectralNorm(nn.Linear(20, 30, bias=False, rng=rng), rng=rng)
    nn.init.normal_(layer.parameters()[0], std=2.0, rng=rng)
    for _ in range(200):
        layer(tg.zeros(1, 20))
    weight = layer.eval()(tg.eye(20)).numpy().T
    assert np.linalg.svd(weight)[1][0] == pytest.approx(1.0, abs=1e-3)
    w, u, v = layer.state_dict().values()
    assert_allclose(u @ w @ v, np.linalg.svd(w)[1][0], rtol=1e-3)
    assert_allclose([u @ u, v @ v], 1.0, rtol=1e-5)


def test_spectral_norm_moves_in_training_only(backend):
    rng = tg.Generator(0)
    layer = nn.SpectralNorm(nn.Conv2d(2, 3, 3, rng=rng), rng=rng)
    nn.init.normal_(layer.parameters()[-1], rng=rng)
    x = tg.ones(1, 2, 3, 3)
    before = layer.state_dict()
    layer.eval()(x)
    assert_array_equal(layer.state_dict()["parametrizations.weight.0._u"],
                       before["parametrizations.weight.0._u"])  # fmt: skip
    layer.train()(x)
    assert (layer.state_dict()["parametrizations.weight.0._u"]
            != before["parametrizations.weight.0._u"]).any()  # fmt: skip
    assert [name for name, _ in layer.named_parameters()] == [
        "bias", "parametrizations.weight.original"]  # fmt: skip


def test_one_backward_pass_through_several_calls_of_spectral_norm(backend):
    """A critic sees real and generated images, each call with its own u and v."""
    rng = tg.Generator(0)
    layer = nn.SpectralNorm(nn.Linear(3, 2, rng=rng, dtype="float64"), rng=rng)
    w = layer._layer.weight
    one, two = (tg.Tensor(rng.normal((4, 3), dtype="float64")) for _ in range(2))
    state = layer.state_dict()
    apart = [tg.grad(tg.sum(layer(x) ** 2), w).numpy() for x in (one, two)]
    layer.load_state_dict(state)
    both = tg.grad(tg.sum(layer(one) ** 2) + tg.sum(layer(two) ** 2), w)
    assert_allclose(both.numpy(), sum(apart), rtol=1e-12)


def test_spectral_norm_leaves_the_weight_in_place_after_an_error():
    layer = nn.SpectralNorm(nn.Linear(3, 2, rng=R), rng=R)
    weight = layer._layer.weight
    with pytest.raises(ValueError, match="linear"):
        layer(tg.ones(1, 4))
    assert layer._layer.weight is weight


def test_self_attention_starts_as_the_identity(backend):
    rng = tg.Generator(0)
    layer = nn.SelfAttention2d(8, rng=rng)
    x = tg.Tensor(rng.normal((2, 8, 3, 3)))
    assert_array_equal(layer(x).numpy(), x.numpy())
    slopes = dict(zip((n for n, _ in layer.named_parameters()),
                      tg.grad(tg.sum(layer(x) ** 3), layer.parameters()), strict=True))  # fmt: skip
    assert slopes["gamma"].numpy() != 0
    assert not slopes["f.weight"].numpy().any()


def test_self_attention_computes_the_formula():
    rng = tg.Generator(0, device="cpu")
    layer = nn.SelfAttention2d(4, 2, rng=rng, dtype="float64")
    nn.init.constant_(layer.gamma, 0.5)
    x = rng.normal((1, 4, 2, 3), dtype="float64")
    flat = x.reshape(4, 6)
    f, g, h, v = (getattr(layer, n).weight.numpy()[:, :, 0, 0] for n in "fghv")
    scores = (f @ flat).T @ (g @ flat)  # s_ij = f(x_i) . g(x_j)
    beta = np.exp(scores) / np.exp(scores).sum(0)
    expected = 0.5 * v @ ((h @ flat) @ beta) + flat
    assert_allclose(layer(tg.tensor(x)).numpy().reshape(4, 6), expected, rtol=1e-12)


def test_a_query_that_sees_nothing_sees_everything_equally(backend):
    rng = tg.Generator(0)
    layer = nn.MultiheadAttention(4, 2, rng=rng)
    x = tg.Tensor(rng.normal((1, 3, 4)))
    nothing = tg.Tensor(rng.uniform((3, 3)) < 2.0)
    y = layer(x, attn_mask=nothing).numpy()
    assert np.isfinite(y).all()
    assert_allclose(y[0, 0], y[0, 1], rtol=1e-5, atol=1e-7)


def test_attention_drops_weights_in_training_only():
    layer = nn.MultiheadAttention(4, 2, dropout=0.5, rng=tg.Generator(0))
    x = tg.Tensor(tg.Generator(1).normal((2, 5, 4)))
    assert (layer(x).numpy() != layer(x).numpy()).any()
    layer.eval()
    assert_array_equal(layer(x).numpy(), layer(x).numpy())


def test_minibatch_standard_deviation_as_in_the_authors_code():
    x = np.random.default_rng(0).normal(size=(8, 6, 2, 3))
    y = x.reshape(4, 2, 2, 3, 2, 3)  # (group, groups, features, channels / features, H, W)
    std = np.sqrt(((y - y.mean(0)) ** 2).mean(0) + 1e-8).mean((2, 3, 4), keepdims=True)[:, :, 0]
    planes = np.tile(std, (4, 1, 2, 3))
    result = nn.MinibatchStdDev(4, 2)(tg.tensor(x)).numpy()
    assert_allclose(result, np.concatenate([x, planes], 1), rtol=1e-12)
    same = tg.Tensor(np.ones((2, 3, 2, 2)), requires_grad=True)
    y = nn.MinibatchStdDev()(same)
    assert np.isfinite(tg.grad(tg.sum(y), same).numpy()).all()


def test_equalised_learning_rate_is_he_scaling_at_run_time(backend):
    rng = tg.Generator(0)
    linear = nn.EqualizedLinear(300, 200, rng=rng)
    assert linear.weight.numpy().std() == pytest.approx(1.0, rel=0.02)
    y = linear(tg.Tensor(rng.normal((50, 300)))).numpy()
    assert y.std() == pytest.approx(math.sqrt(2), rel=0.05)
    slow = nn.EqualizedLinear(300, 200, lr_mul=0.01, gain=1.0, rng=rng)
    assert slow.weight.numpy().std() == pytest.approx(100.0, rel=0.02)
    assert slow(tg.Tensor(rng.normal((50, 300)))).numpy().std() == pytest.approx(1.0, rel=0.05)
    conv = nn.EqualizedConv2d(8, 16, 3, rng=rng)
    plain = nn.Conv2d(8, 16, 3, rng=rng)
    plain.weight[...] = conv.weight.data * math.sqrt(2 / 72)
    plain.bias[...] = conv.bias.data
    x = tg.Tensor(rng.normal((2, 8, 5, 5)))
    assert_allclose(conv(x).numpy(), plain(x).numpy(), rtol=1e-4, atol=1e-5)


def test_embedding_on_every_backend(backend):
    layer = nn.Embedding(5, 3, padding_idx=-1, rng=tg.Generator(0))
    assert layer.padding_idx == 4
    indices = tg.tensor(np.array([[0, 4], [0, 1]]))
    y = layer(indices)
    assert y.shape == (2, 2, 3)
    g = tg.grad(tg.sum(y), layer.weight).numpy()
    assert_array_equal(g[:, 0], [2, 1, 0, 0, 0])


def test_dcgan_start():
    rng = tg.Generator(0)
    model = nn.Sequential(
        nn.SpectralNorm(nn.Conv2d(8, 32, 4, rng=rng), rng=rng), nn.BatchNorm2d(256),
        nn.SelfAttention2d(32, rng=rng), nn.Linear(40, 20, rng=rng),
    )  # fmt: skip
    assert nn.init.dcgan_(model, rng=rng) is model
    for name, p in model.named_parameters():
        values = p.numpy()
        if p.ndim > 1:
            assert abs(values.mean()) < 0.005
            assert values.std() == pytest.approx(0.02, rel=0.2)
        elif name.endswith("bias") or name.endswith("gamma"):
            assert not values.any()
        else:
            assert values.mean() == pytest.approx(1.0, abs=0.01)
            assert values.std() == pytest.approx(0.02, rel=0.2)
