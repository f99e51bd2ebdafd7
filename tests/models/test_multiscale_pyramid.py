"""The pyramid, and features at a scale."""

from __future__ import annotations

import numpy as np
import pytest
from checks import cotangent_for

import tinygen as tg
from tinygen.autograd import grad
from tinygen.models.multiscale import FEATURES, EqualizedKit, Kit, Pyramid, SpectralKit, features

SIZES = (8, 16, 32)


def pictures(n: int = 5, colours: int = 2, size: int = 32) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(n, colours, size, size)).astype("float32")


def test_a_laplacian_pyramid_gives_its_images_back(backend):
    pyramid, x = Pyramid(SIZES), backend.from_host(pictures())
    levels = pyramid.laplacian(x)
    assert [level.shape for level in levels] == [(5, 2, s, s) for s in SIZES]
    again = tg.Tensor(pyramid.reconstruct(levels)).numpy()
    assert np.abs(again - pictures()).max() <= 1e-6


def test_the_gaussian_levels_are_means(backend):
    small, middle, large = Pyramid(SIZES).gaussian(tg.Tensor(backend.from_host(pictures())))
    x = pictures()
    np.testing.assert_array_equal(large.numpy(), x)
    np.testing.assert_allclose(
        middle.numpy(), x.reshape(5, 2, 16, 2, 16, 2).mean((3, 5)), 1e-4, 1e-6
    )
    np.testing.assert_allclose(small.numpy(), x.reshape(5, 2, 8, 4, 8, 4).mean((3, 5)), 1e-4, 1e-6)


def test_smooth_images_have_next_to_no_residuals():
    ramp = np.linspace(0, 1, 32, dtype="float32")
    x = np.broadcast_to(ramp[:, None] + ramp, (1, 1, 32, 32)) / 2
    _, _, residual = Pyramid(SIZES).laplacian(np.ascontiguousarray(x))
    assert np.abs(residual[..., 2:-2, 2:-2]).max() < 1e-6


def test_rows_hold_every_level():
    pyramid = Pyramid(SIZES)
    levels = pyramid.laplacian(pictures())
    rows = pyramid.join(levels)
    assert rows.shape == (5, 2 * (64 + 256 + 1024))
    for found, expected in zip(pyramid.split(rows), levels, strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("sizes", [(), (8, 15), (8, 32), (3, 6), (2, 4), (7, 14)])
def test_sizes_that_are_no_pyramid_are_refused(sizes):
    with pytest.raises(ValueError, match=r"^Pyramid: sizes must be even, at least 4, and each tw"):
        Pyramid(sizes)


@pytest.mark.parametrize("shape", [(2, 1, 31, 31), (2, 1, 32, 16), (2, 32, 32), (2, 1, 16, 16)])
def test_images_of_another_size_are_refused(shape):
    with pytest.raises(ValueError, match=r"images must be \(N, C, 32, 32\), not"):
        Pyramid(SIZES).laplacian(np.zeros(shape, "float32"))


def test_levels_or_rows_that_do_not_fit_are_refused():
    pyramid = Pyramid(SIZES)
    with pytest.raises(ValueError, match="has 3 levels, one for each size, not 2"):
        pyramid.reconstruct(pyramid.laplacian(pictures())[:2])
    with pytest.raises(ValueError, match=r"rows must be \(N, C \* 1344\), not \(2, 1000\)"):
        pyramid.split(np.zeros((2, 1000), "float32"))


# -- features --------------------------------------------------------------------------------------


def layer_of(kind: str, side: int, kit=Kit):
    layer = features(kind, channels=4, side=side, kit=kit(tg.Generator(0)))
    for name, parameter in layer.named_parameters():
        if name.endswith("gamma"):
            parameter[...] = 0.7
    return layer


@pytest.mark.parametrize("kit", [Kit, EqualizedKit, SpectralKit])
@pytest.mark.parametrize("side", [2, 4, 16])
@pytest.mark.parametrize("kind", FEATURES)
def test_features_keep_the_shape_and_add_to_their_input(backend, kind, side, kit):
    layer = layer_of(kind, side, kit)
    x = tg.Generator(1).normal((3, 4, side, side))
    y = layer(tg.Tensor(x))
    assert (y.shape, y.dtype) == (x.shape, x.dtype)
    assert np.abs(y.numpy() - tg.Tensor(x).numpy()).max() > 1e-3


@pytest.mark.parametrize(
    ("kind", "seen"), [("convolutional", 9), ("attention", 256), ("recurrent", 256)]
)
def test_how_far_a_pixel_sees(kind, seen):
    """Which pixels of the input one pixel of the output depends on."""
    layer = layer_of(kind, 16)
    x = tg.tensor(pictures(1, 4, 16), requires_grad=True)
    y = layer(x)
    chosen = np.zeros(y.shape, "float32")
    chosen[0, :, 5, 6] = cotangent_for(y).numpy()[0, :, 5, 6]
    slope = grad(tg.sum(y * chosen), x).numpy()
    assert int((np.abs(slope).max((0, 1)) > 0).sum()) == seen


def test_recurrent_features_read_rows_and_columns_by_pytorchs_gru():
    torch = pytest.importorskip("torch")
    layer = layer_of("recurrent", 4)
    x = pictures(2, 4, 4)
    grus = []
    for ours in (layer.rows, layer.columns):
        theirs = torch.nn.GRU(ours.input_size, 4, bidirectional=True)
        theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
        grus.append(theirs)
    seen = np.zeros((2, 8, 4, 4), "float32")
    for n in range(2):
        for row in range(4):
            seen[n, :, row] = grus[0](torch.tensor(x[n, :, row].T))[0].detach().numpy().T
    after = np.zeros_like(seen)
    for n in range(2):
        for column in range(4):
            after[n, :, :, column] = (
                grus[1](torch.tensor(seen[n, :, :, column].T))[0].detach().numpy().T
            )
    weight, bias = layer.back.weight.numpy()[:, :, 0, 0], layer.back.bias.numpy()
    expected = x + np.einsum("oc,nchw->nohw", weight, after) + bias[:, None, None]
    np.testing.assert_allclose(layer(tg.Tensor(x)).numpy(), expected, rtol=1e-4, atol=1e-5)


def test_unknown_features_are_refused():
    with pytest.raises(
        ValueError, match="unknown kind 'graph'; known are convolutional, attention,"
    ):
        features("graph", channels=4, side=4, kit=Kit(tg.Generator(0)))
