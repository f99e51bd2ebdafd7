"""A generator that starts as a decoder draws what the decoder would."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import Generator, Tensor, nn
from tinygen.models.gan import mlp, start_from_decoder, whiten_decoder
from tinygen.models.rbm import DeepBeliefNetwork
from tinygen.models.vae import BernoulliOutput, dense, dense_vae


def test_a_generator_begins_as_the_means_of_a_vae():
    rng = Generator(0, device="cpu")
    model = dense_vae(9, (8, 7), 3, BernoulliOutput(), rng=rng)
    generator = mlp([3, 7, 8, 9], rng, output=nn.Sigmoid())
    start_from_decoder(generator, model.decoder)
    z = Tensor(rng.normal((5, 3)))
    wanted = model.output.distribution(model.decoder(z)).mean.numpy()
    np.testing.assert_allclose(generator(z).numpy(), wanted, rtol=1e-6)


def test_the_generator_has_weights_of_its_own():
    rng = Generator(0, device="cpu")
    decoder, generator = dense([3, 4], rng), mlp([3, 4], rng)
    start_from_decoder(generator, decoder)
    before = decoder[0].weight.numpy().copy()
    generator[0].weight[...] = generator[0].weight * 0.0
    np.testing.assert_array_equal(decoder[0].weight.numpy(), before)


def test_a_stack_of_rbms_has_a_decoder_too():
    rng = Generator(0, device="cpu")
    dbn = DeepBeliefNetwork([9, 8, 3], rng=rng)
    codes = dbn.up((rng.uniform((200, 9)) > 0.5).astype("float32"))
    decoder = dbn.decoder()
    whiten_decoder(decoder, codes)
    generator = nn.Sequential(
        nn.Linear(3, 8, rng=rng), nn.Sigmoid(), nn.Linear(8, 9, rng=rng), nn.Sigmoid()
    )
    start_from_decoder(generator, decoder)
    z = Tensor(rng.normal((5, 3)))
    np.testing.assert_allclose(generator(z).numpy(), decoder(z).numpy(), rtol=1e-6)
    centre = generator(Tensor(np.zeros((1, 3), "float32"))).numpy()
    wanted = dbn.decoder()(Tensor(codes.mean(0, keepdims=True))).numpy()
    np.testing.assert_allclose(centre, wanted, rtol=1e-4)


def test_layers_of_other_shapes_are_refused():
    rng = Generator(0, device="cpu")
    with pytest.raises(ValueError, match=r"layers are \[\(4, 3\)\], the decoder's \[\(5, 3\)\]"):
        start_from_decoder(mlp([3, 4], rng), mlp([3, 5], rng))


def test_a_whitened_decoder_takes_normal_noise_for_codes():
    rng = Generator(0, device="cpu")
    decoder = dense([3, 4, 2], rng)
    host = np.random.default_rng(0)
    codes = host.standard_normal((4_000, 3)) @ host.standard_normal((3, 3)) * 2 + (1.0, -3.0, 5.0)
    codes = codes.astype("float32")
    factor = np.linalg.cholesky(np.cov(codes.T.astype(np.float64)))
    z = host.standard_normal((6, 3)).astype("float32")
    wanted = decoder(Tensor((z @ factor.T + codes.mean(0)).astype("float32"))).numpy()
    whiten_decoder(decoder, codes)
    np.testing.assert_allclose(decoder(Tensor(z)).numpy(), wanted, atol=1e-3)
