"""GANs of several scales: every model with every kind of features trains, resumes and is saved."""

from __future__ import annotations

import numpy as np
import pytest
import strict
from checks import assert_replays, assert_resumes
from multiscale_cases import (
    BATCH,
    COUNTS,
    EVERY,
    NOISE,
    PHASE,
    SIZES,
    cotangent,
    images,
    make,
    scales,
)

import tinygen as tg
from tinygen import nn
from tinygen.autograd import grad
from tinygen.backend import host
from tinygen.models.gan import R1
from tinygen.models.multiscale import FEATURES, MODELS, Attention, multiplications

FULL = {"ema_decay": 0.5, "regularizers": [R1(1.0, every=2)]}
GROWN = 5 * PHASE


def grown(model: str, kind: str):
    """With all scales in use."""
    trainer = make(model, kind)
    if model == "progressive":
        trainer._at(2, 1.0)
    return trainer


# -- training --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "kind"), EVERY)
def test_every_model_trains_with_every_kind_of_features(backend, model, kind):
    trainer = make(model, kind, **FULL)
    before = [p.state_dict() for p in (trainer.generator, trainer.discriminator)]
    for batch in images(backend, 2):
        losses = trainer.step(*batch)
    assert all(np.isfinite(loss.item()) for loss in losses.values())
    assert trainer._logits(trainer._round(*images(backend, 1)[0], ())).shape == (
        2 * BATCH,
        COUNTS.get(model, 1),
    )
    for was, player in zip(before, (trainer.generator, trainer.discriminator), strict=True):
        now = player.state_dict()
        assert any(not np.array_equal(was[name], now[name]) for name in was)
    samples = trainer.sample(3)
    assert (samples.shape, samples.dtype) == ((3, 1, 16, 16), np.float32)
    assert [s.shape[2] for s in trainer.sample_scales(3)] == list(SIZES)


@pytest.mark.parametrize("model", MODELS)
def test_training_on_strict_gives_what_training_on_numpy_gives(model):
    found = []
    for device in ("cpu", "strict"):
        with tg.use_device(device) as backend:
            trainer = make(model, **FULL, lr=1e-4)
            for batch in images(backend, 3):
                losses = trainer.step(*batch)
            found.append([loss.item() for loss in losses.values()])
    np.testing.assert_allclose(found[0], found[1], rtol=2e-3, atol=1e-4)


@pytest.mark.parametrize("model", MODELS)
def test_a_step_never_waits_for_the_device(model):
    with tg.use_device("strict") as backend:
        trainer = make(model, **FULL)
        data = images(backend, GROWN if model == "progressive" else 6)
        for batch in data[:4]:
            trainer.step(*batch)
        with strict.measure() as cost:
            for batch in data[4:]:
                trainer.step(*batch)
    assert cost.syncs == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_steps_are_replayed_bit_for_bit(device, model):
    """Progressive growing through all its stages."""
    plain, captured = (make(model, ema_decay=0.5) for _ in range(2))
    assert_replays(plain, captured, images(device, GROWN if model == "progressive" else 5))


@pytest.mark.parametrize(("model", "kind"), EVERY)
def test_a_gradient_reaches_every_parameter_of_every_scale(model, kind):
    trainer = grown(model, kind)
    ((batch,),) = images(tg.backend.NUMPY, 1)
    for player in (trainer.generator, trainer.discriminator):
        for module in player.modules():  # where gamma is 0 the layers behind it have none
            if isinstance(module, nn.SelfAttention2d):
                module.gamma[...] = 0.5
    seen = trainer._round(batch, ())
    for terms, player in (
        (trainer.generator_terms(seen), trainer.generator),
        (trainer.discriminator_terms(seen), trainer.discriminator),
    ):
        named = player.in_use() if model == "progressive" else player.named_parameters()
        found = grad(sum(terms.values()), [p for _, p in named], allow_unused=True)
        silent = [
            name
            for (name, _), g in zip(named, found, strict=True)
            if g is None or not np.abs(host(g.data)).max() > 0
        ]
        assert not [name for name in silent if not behind_a_norm(name)], silent


def behind_a_norm(name: str) -> bool:
    """Batch norm takes out again what such a bias adds, and alpha = 1 shuts out the old scale."""
    return name.endswith(("dense.bias", "up.0.bias")) or "_images.1." in name


# -- continuing, saving ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_a_fresh_trainer_continues_bit_for_bit(backend, model):
    """Progressive growing is interrupted in the middle of fading in its last scale."""
    straight, fresh = (make(model, seed=seed, **FULL) for seed in (0, 7))
    assert_resumes(straight, fresh, images(backend, 14 if model == "progressive" else 4))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_each_player_is_loaded_alone_from_a_file(tmp_path, model, player):
    trained = make(model, lr=1e-2)
    for batch in images(tg.backend.NUMPY, 8):
        trained.step(*batch)
    seen = trained._round(*images(tg.backend.NUMPY, 1)[0], ())
    of_trained = getattr(trained, player)
    nn.save(of_trained, tmp_path / "player.safetensors")
    alone = getattr(make(model, seed=5), player)
    alone.load_state_dict(nn.load(tmp_path / "player.safetensors"))
    given = tg.Tensor(seen.noise) if player == "generator" else seen.real
    for network in (of_trained, alone):
        network.eval()
    np.testing.assert_array_equal(alone(given).numpy(), of_trained(given).numpy())


# -- identities ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_with_gamma_0_a_network_is_the_one_without_attention(model):
    trainer = grown(model, "attention")
    ((batch,),) = images(tg.backend.NUMPY, 1)
    for player in (trainer.generator, trainer.discriminator):
        player.eval()
    seen = trainer._round(batch, ())
    expected = [trainer.generator.images(tg.Tensor(seen.noise))[-1], trainer._logits(seen)]
    with_gamma(trainer, 0.3)
    noise = tg.Tensor(seen.noise)
    felt = [trainer.generator.images(noise)[-1], trainer._logits(seen)]
    for player in (trainer.generator, trainer.discriminator):
        for module in player.modules():
            if isinstance(getattr(module, "features", None), Attention):
                module.features = nn.Identity()
            elif isinstance(getattr(module, "features", None), list):
                module.features = [nn.Identity() for _ in module.features]
    found = [trainer.generator.images(noise)[-1], trainer._logits(seen)]
    for without, zero, some in zip(found, expected, felt, strict=True):
        np.testing.assert_allclose(without.numpy(), zero.numpy(), rtol=1e-6, atol=1e-7)
        assert np.abs(some.numpy() - zero.numpy()).max() > 1e-6


def with_gamma(trainer, value: float) -> None:
    for player in (trainer.generator, trainer.discriminator):
        for module in player.modules():
            if isinstance(module, nn.SelfAttention2d):
                module.gamma[...] = value


@pytest.mark.parametrize("kind", FEATURES)
def test_all_spectral_norms_of_sagan_are_one(kind):
    """Within 1%; later the power method may lag for a while, where a singular value overtakes."""
    trainer = make("sagan", kind, lr=(1e-4, 4e-4))
    ((batch,),) = images(tg.backend.NUMPY, 1)
    for _ in range(10):
        trainer.step(batch)
        assert max(spectral_norms(trainer)) <= 1.01
    for _ in range(40):
        trainer._logits(trainer._round(batch, ()))
    norms = spectral_norms(trainer)
    assert len(norms) >= 9
    assert max(norms) <= 1.01


def spectral_norms(trainer) -> list[float]:
    """Of the weights that the layers compute with."""
    norms = []
    for player in (trainer.generator, trainer.discriminator):
        for layer in player.modules():
            convolves = isinstance(layer, (nn.Conv2d, nn.Linear))
            assert not convolves, "a layer is not normalised"
            if isinstance(layer, nn.SpectralNorm):
                weight = layer._matrix(layer._layer.weight.numpy())
                sigma = layer._u.numpy() @ weight @ layer._v.numpy()
                norms.append(float(np.linalg.norm(weight / sigma, 2)))
    return norms


@pytest.mark.parametrize("model", COUNTS)
def test_each_judge_plays_its_own_game(model):
    """The loss is the sum of what each judge's logits alone would give."""
    trainer = make(model)
    ((batch,),) = images(tg.backend.NUMPY, 1)
    seen = trainer._round(batch, ())
    logits = trainer._logits(seen).numpy().astype("float64")
    real, fake = logits[:BATCH], logits[BATCH:]
    expected = np.log1p(np.exp(-real)).mean(0) + np.log1p(np.exp(fake)).mean(0)
    assert trainer.discriminator_terms(seen)["loss_d"].item() == pytest.approx(
        expected.sum(), rel=1e-5
    )
    of_g = np.log1p(np.exp(-fake)).mean(0).sum()
    assert trainer.generator_terms(seen)["loss_g"].item() == pytest.approx(of_g, rel=1e-5)


def test_feature_matching_is_the_distance_of_mean_features():
    trainer = make("multiscale-d", feature_matching=3.0)
    ((batch,),) = images(tg.backend.NUMPY, 1)
    seen = trainer._round(batch, ())
    real, fake = (trainer.discriminator.layers(x) for x in (seen.real, seen.fake))
    expected = sum(
        ((a.numpy().mean(0) - b.numpy().mean(0)) ** 2).mean()
        for of_real, of_fake in zip(real, fake, strict=True)
        for a, b in zip(of_real[:-1], of_fake[:-1], strict=True)
    )
    found = trainer.generator_terms(seen)["feature_matching_g"].item()
    assert found == pytest.approx(3.0 * expected, rel=1e-5)
    assert "feature_matching_g" not in make("multiscale-d", feature_matching=0.0).generator_terms(
        seen
    )


def test_lapgan_draws_residuals_for_real_images_and_samples_by_its_own():
    trainer = make("lapgan")
    ((batch,),) = images(tg.backend.NUMPY, 1)
    seen = trainer._round(batch, ())
    for_real, of_real = trainer._pairs.split(seen.real)
    for_fake, of_fake = trainer._pairs.split(seen.fake)
    for a, b in zip(for_real, for_fake, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    np.testing.assert_allclose(
        trainer.pyramid.reconstruct([x.numpy() for x in of_real]), batch, atol=1e-6
    )
    z = tg.Tensor(seen.noise)
    drawn = trainer.generator.images(z)
    blurred = [tg.upsample_bilinear2d(x, 2) for x in drawn[:-1]]
    residuals = trainer.generator.residuals(z, blurred)
    again = trainer.pyramid.reconstruct(residuals)
    np.testing.assert_allclose(again.numpy(), drawn[-1].numpy(), atol=1e-6)
    np.testing.assert_array_equal(of_fake[0].numpy(), drawn[0].numpy())


def test_msg_gan_shows_each_size_of_an_image():
    trainer = make("msg-gan")
    ((batch,),) = images(tg.backend.NUMPY, 1)
    levels = trainer.pyramid.split(trainer.shown(batch))
    np.testing.assert_array_equal(levels[-1], batch)
    small = batch.reshape(BATCH, 1, 4, 4, 4, 4).mean((3, 5))
    np.testing.assert_allclose(levels[0], small, rtol=1e-5)
    x = tg.tensor(trainer.shown(batch), requires_grad=True)
    slope = grad(tg.sum(trainer.discriminator(x) * cotangent((BATCH, 1))), x).numpy()
    assert all(np.abs(part).min(0).max() > 0 for part in trainer.pyramid.split(slope))


# -- cost, bad input -------------------------------------------------------------------------------


def test_multiplications_are_counted():
    rng = tg.Generator(0)
    net = nn.Sequential(
        nn.Conv2d(2, 6, 3, 2, 1, rng=rng), nn.Flatten(), nn.Linear(6 * 16, 5, rng=rng)
    )
    y = net(tg.Tensor(rng.normal((3, 2, 8, 8))))
    assert multiplications(y) == 3 * (16 * 6 * 2 * 9 + 6 * 16 * 5)
    layer = nn.SelfAttention2d(4, 2, rng=rng)
    y = layer(tg.Tensor(rng.normal((1, 4, 3, 3))))
    assert multiplications(y) == 3 * 9 * 4 * 2 + 9 * 2 * 4 + 2 * 9 * 9 * 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: make("msg-gan", "fourier"), r"unknown kind 'fourier'; known are convolutional, "),
        (lambda: make("msg-gan", phase=1), "phase"),
        (lambda: make("msg-gan", classes=3), "are told no classes .*; leave classes out"),
        (lambda: make("progressive", phase=0), "phase must be at least 1 step, not 0"),
        (lambda: make("progressive", rules=("adam", "muon")), "rules would lose what it remem"),
        (lambda: make("multiscale-d", feature_matching=-1.0), "weight must be finite and at least"),
        (lambda: MODELS["sagan"](scales(sizes=(4, 8, 15)), noise=2, weights=None, rng=None),
         "each twice the one before it, such as 8, 16, 32, not 4, 8, 15"),
        (lambda: MODELS["sagan"](scales(channels=(4, 2)), noise=2, weights=None, rng=None),
         "number of channels for each of the sizes 4, 8, 16, not 4, 2"),
        (lambda: MODELS["sagan"](scales("attention", channels=(8, 6, 3)), noise=2,
                                 weights=tg.Generator(0), rng=None),
         "an even number of channels, not 3; take 4"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_in_one_sentence(call, message):
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("model", ["lapgan", "msg-gan", "progressive"])
def test_images_of_another_size_are_refused(model):
    batch = np.zeros((BATCH, 1, 15, 15), "float32")
    with pytest.raises(ValueError, match=r"must be \(N, C, 16, 16\), not \(4, 1, 15, 15\)"):
        make(model).step(batch)


def test_noise_is_of_its_length():
    assert make("single-scale").noise(3).shape == (3, NOISE)
    assert make("lapgan").noise(3).shape == (3, NOISE + 8 * 8 + 16 * 16)
