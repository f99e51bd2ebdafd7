"""Looking at a GAN while it trains: it changes nothing of the training, and is done when due."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from test_gan import BATCH, FEATURES, FULL, NOISE, batches, bits, make_trainer
from test_gan_vitals import some_data

import tinygen as tg
from tinygen import nn
from tinygen.models.gan import (
    ACGANTrainer,
    AuxiliaryDiscriminator,
    BiGANTrainer,
    Codes,
    Conditional,
    GANTrainer,
    InfoGANTrainer,
    Packed,
    UnrolledGANTrainer,
    mlp,
)
from tinygen.models.gan.verdict import EARLY
from tinygen.models.gan.vitals import landmarks_of, measure
from tinygen.models.gan.watch import Watch

ROOT = Path(__file__).resolve().parents[2]


# -- every kind of trainer, untouched --------------------------------------------------------------


def plain(weights):
    return make_trainer()


def everything(weights):
    return make_trainer(**FULL, instance_noise=0.1, instance_noise_steps=20)


def statistics(weights):
    """Layers whose buffers move when they are called, and one that draws."""
    generator = nn.Sequential(
        nn.Linear(NOISE, 5, rng=weights), nn.BatchNorm1d(5), nn.ReLU(),
        nn.Linear(5, FEATURES, rng=weights),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.SpectralNorm(nn.Linear(FEATURES, 5, rng=weights), rng=weights), nn.BatchNorm1d(5),
        nn.LeakyReLU(0.2), nn.Dropout(0.3, rng=tg.Generator(8)), nn.Linear(5, 1, rng=weights),
    )  # fmt: skip
    return gan(weights, generator, discriminator, one_batch=False, ema_decay=0.9)


def packed(weights):
    return gan(weights, discriminator=Packed(mlp([2 * FEATURES, 5, 1], weights), 2))


def unrolled(weights):
    return gan(weights, kind=UnrolledGANTrainer, unroll=2)


def conditional(weights):
    return gan(
        weights,
        Conditional(mlp([NOISE + 3, 5, FEATURES], weights), 3),
        Conditional(mlp([FEATURES + 3, 5, 1], weights), 3),
        classes=3,
    )


def auxiliary(weights):
    return gan(
        weights,
        Conditional(mlp([NOISE + 3, 5, FEATURES], weights), 3),
        two_headed(weights, 3),
        kind=ACGANTrainer,
        classes=3,
    )


def informed(weights):
    codes = Codes(categorical=(3,), continuous=1)
    return gan(
        weights,
        mlp([NOISE + codes.width, 5, FEATURES], weights),
        two_headed(weights, codes.width),
        kind=InfoGANTrainer,
        codes=codes,
    )


def bidirectional(weights):
    return BiGANTrainer(
        mlp([NOISE, 5, FEATURES], weights),
        mlp([FEATURES, 5, NOISE], weights),
        mlp([FEATURES + NOISE, 5, 1], weights),
        latent=NOISE,
        rng=tg.Generator(3),
        objective="minimax",
    )


def gan(weights, generator=None, discriminator=None, kind=GANTrainer, **options) -> GANTrainer:
    return kind(
        generator or mlp([NOISE, 5, FEATURES], weights),
        discriminator or mlp([FEATURES, 5, 1], weights),
        rng=tg.Generator(3),
        noise_shape=NOISE,
        **options,
    )


def two_headed(weights, width: int) -> AuxiliaryDiscriminator:
    features = mlp([FEATURES, 7], weights, output=nn.ReLU())
    heads = nn.Linear(7, 1, rng=weights), nn.Linear(7, width, rng=weights)
    return AuxiliaryDiscriminator(features, *heads)


KINDS = (
    plain, everything, statistics, packed, unrolled, conditional, auxiliary, informed, bidirectional
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_looking_changes_nothing_of_training(backend, kind):
    """A watched run and its unwatched twin have the same bits, and their steps the same losses."""
    watched, alone = kind(tg.Generator(5)), kind(tg.Generator(5))
    landmarks = landmarks_of(some_data())
    data = batches(backend, 4)
    labels = backend.from_host(np.arange(BATCH) % 3)
    more = (labels,) if watched.classes else ()
    for batch in data:
        seen = measure(watched, landmarks, data[0], *more)
        assert all(math.isfinite(number) for number in (*seen[:-1], *seen.weights))
        assert 0.0 <= seen.d_accuracy <= 1.0
        assert seen.gradient > 0.0
        assert seen.pull > 0.0
        ours, theirs = watched.step(batch, *more), alone.step(batch, *more)
        assert {k: v.item() for k, v in ours.items()} == {k: v.item() for k, v in theirs.items()}
    assert bits(watched.state_dict()) == bits(alone.state_dict())
    drop = [m for t in (watched, alone) for m in t.discriminator.modules() if hasattr(m, "rng")]
    assert len({str(m.rng.state_dict()) for m in drop}) <= 1
    assert all(m.training for m in watched.discriminator.modules())


def test_everything_is_put_back_when_looking_fails(backend):
    trainer = statistics(tg.Generator(5))
    trainer.step(batches(backend, 1)[0])
    before = bits(trainer.state_dict())
    with pytest.raises(ValueError, match="the batch is"):
        measure(trainer, landmarks_of(some_data()), backend.zeros((4, FEATURES + 1)))
    assert bits(trainer.state_dict()) == before


def test_recorded_steps_are_replayed_beside_it(device):
    data = batches(device, 6)
    runs = []
    for captured in (False, True):
        trainer = make_trainer(ema_decay=0.9)
        if captured:
            trainer.capture()
        for batch in data:
            trainer.step(batch)
            measure(trainer, landmarks_of(some_data()), data[0])
        runs.append(bits(trainer.state_dict()))
    assert runs[0] == runs[1]


# -- when it is looked -----------------------------------------------------------------------------


def watched(every: int) -> Watch:
    trainer = make_trainer()
    return Watch(trainer, landmarks_of(some_data()), batches(trainer.backend, 1)[0], every=every)


def test_a_look_is_taken_every_so_many_steps():
    watch = watched(every=3)
    data = batches(watch.trainer.backend, 10)
    looked = []
    for batch in data:
        losses = {k: float(v) for k, v in watch.trainer.step(batch).items()}
        numbers, line = watch.remark(losses)
        if numbers:
            looked.append(watch.trainer.steps)
            assert set(numbers) == {
                "d_accuracy", "g_pull", "diversity", "coverage", "growth", "classes",
            }  # fmt: skip
            assert line == ("" if watch.verdict.kind == EARLY else watch.text)
    assert looked == [3, 6, 9]


def test_a_loss_that_is_not_finite_is_looked_at_once():
    watch = watched(every=1000)
    assert watch.remark({"loss_d": 1.0}) == ({}, "")
    numbers, _ = watch.remark({"loss_d": math.nan})
    assert numbers


def test_it_is_looked_at_least_at_every_step():
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        watched(every=0)
