"""A GAN of codes: whose turn it is, in which units, and what it draws."""

from __future__ import annotations

import numpy as np
import pytest
from checks import flat
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.commands.export import states
from tinygen.models.gan import GANTrainer, mlp
from tinygen.models.vae import BernoulliOutput, LatentGANTrainer, dense_vae

D, L, FIRST = 10, 3, 4


def made(
    rows: np.ndarray, *, noise: int = L, first: int = FIRST, steps: int = 0
) -> LatentGANTrainer:
    rng = tg.Generator(0)
    gan = GANTrainer(mlp([noise, 8, L], rng), mlp([L, 8, 1], rng), rng=rng, noise_shape=noise,
                     lr=2e-3,
                     ema_decay=0.9)  # fmt: skip
    model = dense_vae(D, (12,), L, BernoulliOutput(), rng=rng)
    trainer = LatentGANTrainer(
        model, gan, rng.backend.from_host(rows), first=first, rng=rng, lr=1e-2
    )
    for _ in range(steps):
        trainer.step(trainer.rows)
    return trainer


@pytest.fixture
def rows() -> np.ndarray:
    """Two kinds, so that there are codes worth having."""
    rng = np.random.default_rng(0)
    kinds = np.array([[0.9] * 5 + [0.1] * 5, [0.1] * 5 + [0.9] * 5])
    return np.clip(kinds[rng.integers(2, size=200)] + 0.1 * rng.normal(size=(200, D)), 0, 1).astype(
        "f"
    )


def test_first_the_autoencoder_moves_alone_and_then_the_players_alone(rows, backend):
    trainer = made(rows)
    for step in range(FIRST + 3):
        before = {name: flat(trainer.parts[name].state_dict()) for name in ("model", "gan")}
        shown = trainer.step(trainer.rows)
        after = {name: flat(trainer.parts[name].state_dict()) for name in ("model", "gan")}
        moved = {
            name for name, state in before.items()
            for key, value in state.items()
            if "rng" not in key and not np.array_equal(value, after[name][key])
        }  # fmt: skip
        assert moved == ({"model"} if step < FIRST else {"gan"})
        assert set(shown) == ({"reconstruction"} if step < FIRST else {"loss_d", "loss_g"})
    assert (trainer.steps, trainer.gan.steps) == (FIRST + 3, 3)


def test_codes_are_scaled_as_the_gans_turn_comes_and_stay_so(rows, backend):
    trainer = made(rows, steps=FIRST)
    raw = trainer.encode(trainer.rows).numpy()
    assert abs(raw.std(0) - 1.0).max() > 0.05
    trainer.step(trainer.rows[:20])
    codes = trainer.encode(trainer.rows).numpy()
    assert_allclose(codes.mean(0), 0.0, atol=1e-4)
    assert_allclose(codes.std(0), 1.0, atol=0.01)
    scale = flat(trainer.scale.state_dict())
    trainer.step(trainer.rows[:20])
    for key, value in flat(trainer.scale.state_dict()).items():
        assert_array_equal(value, scale[key])


def test_scaled_codes_decode_as_codes_do(rows, backend):
    trainer = made(rows, steps=FIRST)
    before = trainer.reconstruct(trainer.rows)
    trainer.step(trainer.rows)
    assert_allclose(trainer.reconstruct(trainer.rows), before, atol=1e-5)


def test_samples_are_the_decoders_pictures_of_the_generators_codes(rows, backend):
    trainer = made(rows, steps=FIRST + 2)
    noise = trainer.noise(5)
    codes = trainer.gan.sample(5, noise)
    expected = trainer.decode(tg.Tensor(backend.from_host(codes))).numpy()
    assert_allclose(trainer.sample(5, noise), expected, rtol=1e-5)


def test_the_averaged_generator_is_exported(rows):
    trainer = made(rows, steps=FIRST + 2)
    found = states(trainer)
    with trainer.gan.average.swapped():
        for name, array in trainer.gan.generator.state_dict().items():
            assert_array_equal(found["gan.generator"][name], array)


@pytest.mark.slow
def test_what_it_draws_is_like_the_rows():
    """Of two kinds, in their shares: the decoder alone, of noise, gives what lies between too."""
    rng = np.random.default_rng(1)
    kinds = np.array([[0.9] * 5 + [0.1] * 5, [0.1] * 5 + [0.9] * 5])
    rows = np.clip(kinds[rng.integers(2, size=400)] + 0.05 * rng.normal(size=(400, D)), 0, 1)
    trainer = made(rows.astype("f"), first=400, steps=3_000)

    def distances(samples: np.ndarray) -> np.ndarray:
        return np.sqrt(((samples[:, None] - kinds) ** 2).mean(2))

    made_of_codes = distances(trainer.sample(500))
    made_of_noise = distances(trainer.decode(tg.Tensor(trainer.noise(500))).numpy())
    assert (made_of_codes.min(1) < 0.15).mean() > 0.8
    assert (made_of_noise.min(1) < 0.15).mean() < 0.6
    assert 0.2 < (made_of_codes.argmin(1) == 0).mean() < 0.8


def test_fewer_first_steps_than_were_trained_already_leave_no_code_unscaled(rows):
    trained, resumed = made(rows, steps=FIRST), made(rows, first=1)
    resumed.load_state_dict(trained.state_dict())
    resumed.step(resumed.rows)
    assert_allclose(resumed.encode(resumed.rows).numpy().std(0), 1.0, atol=0.01)


def test_it_is_where_its_generator_of_numbers_is(rows):
    """Not on the device that happens to be the default now."""
    rng = tg.Generator(0, device="strict")
    model = dense_vae(D, (4,), L, BernoulliOutput(), rng=rng)
    gan = GANTrainer(mlp([L, 4, L], rng), mlp([L, 4, 1], rng), rng=rng, noise_shape=L)
    there = rng.backend.from_host(rows)
    trainer = LatentGANTrainer(model, gan, there, first=0, rng=rng)
    trainer.step(there)
    assert trainer.sample(3).shape == (3, D)


def test_a_model_that_is_told_classes_is_refused(rows):
    rng = tg.Generator(0)
    model = dense_vae(D, (4,), L, BernoulliOutput(), rng=rng, classes=3)
    gan = GANTrainer(mlp([L, 4, L], rng), mlp([L, 4, 1], rng), rng=rng, noise_shape=L)
    with pytest.raises(ValueError, match="give a model without classes"):
        LatentGANTrainer(model, gan, rows, first=0, rng=rng)
    with pytest.raises(tg.data.DataError, match="give rows"):
        LatentGANTrainer(
            dense_vae(D, (4,), L, BernoulliOutput(), rng=rng), gan, rows[0], first=0, rng=rng
        )


def test_noise_of_another_length_is_refused(rows):
    with pytest.raises(ValueError, match="give the GAN noise_shape=3"):
        made(rows, noise=5)
    with pytest.raises(ValueError, match="first must be finite and at least 0"):
        made(rows, first=-1)
