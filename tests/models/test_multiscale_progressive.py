"""Progressive growing: when scales come, what fading in leaves as it was, what is updated."""

from __future__ import annotations

import numpy as np
import pytest
from multiscale_cases import BATCH, PHASE, images, make

import tinygen as tg
from tinygen.models.multiscale import FEATURES, progress_at


def test_a_scale_is_faded_in_and_then_trained_for_a_phase_each():
    told = [progress_at(steps, 4, 2) for steps in range(0, 22, 2)]
    assert told == [
        (0, 1.0), (0, 1.0), (1, 0.0), (1, 0.5), (1, 1.0), (1, 1.0), (2, 0.0), (2, 0.5), (2, 1.0),
        (2, 1.0), (2, 1.0),
    ]  # fmt: skip
    assert progress_at(10**9, 4, 2) == (2, 1.0)
    assert progress_at(10**9, 4, 0) == (0, 1.0)


@pytest.mark.parametrize("kind", FEATURES)
@pytest.mark.parametrize("stage", [1, 2])
def test_at_alpha_0_both_are_the_smaller_networks_bit_for_bit(backend, stage, kind):
    trainer = make("progressive", kind)
    for batch in images(backend, 3):
        trainer.step(*batch)
    g, d = trainer.generator, trainer.discriminator
    size = 4 * 2**stage
    rng = tg.Generator(4)
    x, z = tg.Tensor(rng.uniform((BATCH, 1, size, size))), tg.Tensor(trainer.noise(BATCH))
    for player in (g, d):
        player.set_progress(stage - 1, 1.0)
    small, logits = g(z), d(tg.avg_pool2d(x, 2))
    for player in (g, d):
        player.set_progress(stage, 0.0)
    np.testing.assert_array_equal(g(z).numpy(), tg.upsample_nearest2d(small, 2).numpy())
    np.testing.assert_array_equal(d(x).numpy(), logits.numpy())
    for player in (g, d):
        player.set_progress(stage, 0.5)
    assert np.abs(d(x).numpy() - logits.numpy()).max() > 0
    half = g(z).numpy()
    g.set_progress(stage, 1.0)
    mean = (g(z).numpy() + tg.upsample_nearest2d(small, 2).numpy()) / 2
    np.testing.assert_allclose(half, mean, rtol=1e-5, atol=1e-6)


def test_the_players_grow_together_and_are_shown_images_of_their_size(backend):
    trainer = make("progressive")
    sizes = []
    for (batch,) in images(backend, 5 * PHASE):
        trainer.step(batch)
        seen = trainer._round(batch, ())
        assert seen.real.shape == seen.fake.shape
        assert trainer.generator.stage == trainer.discriminator.stage
        sizes.append(seen.real.shape[2])
    assert sizes == [4] * PHASE + [8] * 2 * PHASE + [16] * 2 * PHASE


def test_real_images_fade_as_generated_ones_do():
    trainer = make("progressive")
    ((batch,),) = images(tg.backend.NUMPY, 1)
    trainer._at(2, 0.25)
    small = batch.reshape(BATCH, 1, 8, 2, 8, 2).mean((3, 5)).repeat(2, 2).repeat(2, 3)
    np.testing.assert_allclose(
        trainer.shown(batch), 0.75 * small + 0.25 * batch, rtol=1e-4, atol=1e-6
    )


def test_only_scales_in_use_are_updated(backend):
    trainer = make("progressive")
    before = trainer.generator.state_dict(), trainer.discriminator.state_dict()
    for batch in images(backend, PHASE):
        trainer.step(*batch)
    after = trainer.generator.state_dict(), trainer.discriminator.state_dict()
    moved = {
        name
        for was, now in zip(before, after, strict=True)
        for name in was
        if not np.array_equal(was[name], now[name])
    }
    assert moved
    assert all(not name.startswith(("rises", "falls")) for name in moved)
    assert all("images.1" not in name and "images.2" not in name for name in moved)


@pytest.mark.parametrize("stop", [1, 2, 3, 5, 6, 7])  # 2 and 6 begin to fade in a scale
def test_it_continues_in_any_phase(stop):
    data = images(tg.backend.NUMPY, 9)
    straight = make("progressive", ema_decay=0.5)
    for batch in data[:stop]:
        straight.step(*batch)
    state = straight.state_dict()
    fresh = make("progressive", seed=8, ema_decay=0.5)
    fresh.load_state_dict(state)
    np.testing.assert_array_equal(fresh.generator.progress.numpy(), state["generator"]["progress"])
    np.testing.assert_array_equal(fresh.sample(2), straight.sample(2))
    for batch in data[stop:]:
        expected, found = straight.step(*batch), fresh.step(*batch)
        assert {k: v.item() for k, v in expected.items()} == {k: v.item() for k, v in found.items()}
    np.testing.assert_array_equal(fresh.sample(2), straight.sample(2))


def test_instance_noise_falls_over_all_stages():
    trainer = make("progressive", instance_noise=1.0, instance_noise_steps=8)
    levels = []
    for batch in images(tg.backend.NUMPY, 9):
        levels.append(trainer.blurred._level("float32"))
        trainer.step(*batch)
    np.testing.assert_allclose(levels, [1 - i / 8 for i in range(9)], atol=1e-6)


def test_samples_have_the_full_size_from_the_start():
    trainer = make("progressive")
    small, middle, large = trainer.sample_scales(2)
    np.testing.assert_array_equal(large, small.repeat(4, 2).repeat(4, 3))
    assert middle.shape == (2, 1, 8, 8)
