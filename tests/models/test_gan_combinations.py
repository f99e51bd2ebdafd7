"""Every objective with every regularizer and every network; what does not go together says so."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_never_waits, assert_replays, assert_resumes

import tinygen as tg
from tinygen import nn
from tinygen.models.gan import (
    OBJECTIVES,
    R1,
    REGULARIZERS,
    Discriminator,
    FeatureMatching,
    GANTrainer,
    HistoricalAveraging,
    Packed,
    UnrolledGANTrainer,
    mlp,
)

NOISE, FEATURES, BATCH = 3, 4, 6


def spectral(sizes: list[int], rng: tg.Generator) -> nn.Sequential:
    return nn.Sequential(
        *(nn.SpectralNorm(m, rng=rng) if isinstance(m, nn.Linear) else m
          for m in mlp(sizes, rng, slope=0.2))
    )  # fmt: skip


def looking_across(rng: tg.Generator) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(FEATURES, 5, rng=rng),
        nn.LeakyReLU(0.2),
        nn.MinibatchDiscrimination(5, 3, rng=rng),
        nn.Linear(8, 1, rng=rng),
    )


DISCRIMINATORS = {
    "plain": lambda rng: mlp([FEATURES, 5, 1], rng, slope=0.2),
    "spectral": lambda rng: spectral([FEATURES, 5, 1], rng),
    "packed": lambda rng: Packed(mlp([2 * FEATURES, 5, 1], rng, slope=0.2), 2),
    "minibatch": looking_across,
}


def make(discriminator="plain", kind=GANTrainer, seed=0, **options) -> GANTrainer:
    rng = tg.Generator(seed)
    generator = mlp([NOISE, 5, FEATURES], rng)
    critic = DISCRIMINATORS[discriminator](rng)
    options = {"one_batch": discriminator != "minibatch", **options}
    return kind(generator, critic, rng=rng, noise_shape=NOISE, lr=1e-2, **options)


def unrolled(**options) -> GANTrainer:
    return make(kind=UnrolledGANTrainer, unroll=2, **options)


def with_extras(seed=0) -> GANTrainer:
    rng = tg.Generator(seed)
    generator = mlp([NOISE, 5, FEATURES], rng)
    critic = Discriminator(mlp([FEATURES, 5], rng), nn.Linear(5, 1, rng=rng))
    return GANTrainer(
        generator, critic, rng=rng, noise_shape=NOISE, lr=1e-2,
        extras_g=[FeatureMatching(critic.features), HistoricalAveraging(generator, 0.1)],
        extras_d=[HistoricalAveraging(critic, 0.1)],
    )  # fmt: skip


TRAINERS = {
    **{name: lambda seed=0, name=name: make(name, seed=seed) for name in DISCRIMINATORS},
    "unrolled": unrolled,
    "unrolled spectral": lambda seed=0: unrolled(discriminator="spectral", seed=seed),
    "unrolled packed": lambda seed=0: unrolled(discriminator="packed", seed=seed),
    "unrolled across": lambda seed=0: unrolled(discriminator="minibatch", seed=seed),
    "extras": with_extras,
    "noisy": lambda seed=0: make(seed=seed, instance_noise=0.2, instance_noise_steps=7),
}
by_trainer = pytest.mark.parametrize("name", TRAINERS)


def batches(backend, count: int) -> list:
    rng = np.random.default_rng(1)
    return [
        backend.from_host(rng.normal(size=(BATCH, FEATURES)).astype("float32"))
        for _ in range(count)
    ]


@pytest.mark.parametrize("discriminator", DISCRIMINATORS)
@pytest.mark.parametrize("penalty", REGULARIZERS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_any_objective_goes_with_any_regularizer_and_discriminator(
    backend, objective, penalty, discriminator
):
    trainer = make(discriminator, objective=objective, regularizers=[REGULARIZERS[penalty](0.1, 1)])
    before = [p.numpy().copy() for p in trainer.discriminator.parameters()]
    for batch in batches(backend, 2):
        losses = trainer.step(batch)
    assert len(losses) == 3
    assert all(np.isfinite(value.item()) for value in losses.values())
    after = [p.numpy() for p in trainer.discriminator.parameters()]
    assert any((a != b).any() for a, b in zip(before, after, strict=True))


@by_trainer
def test_a_step_never_waits_for_the_device(name):
    with tg.use_device("strict") as backend:
        trainer = TRAINERS[name]()
        assert_never_waits(trainer, [(x,) for x in batches(backend, 4)], before=2)


@pytest.mark.slow
@by_trainer
def test_replayed_steps_are_steps(name, device):
    assert_replays(TRAINERS[name](), TRAINERS[name](), [(x,) for x in batches(device, 8)])


@by_trainer
def test_a_fresh_trainer_continues_bit_for_bit(name, backend):
    data = [(x,) for x in batches(backend, 6)]
    assert_resumes(TRAINERS[name](), TRAINERS[name](seed=7), data)


def test_a_loaded_state_brings_the_losses_of_its_own_steps(backend):
    """G keeps its last loss while D takes several steps; a nan must not outlive a load."""
    first, *more = batches(backend, 3)
    trainer = make(d_steps=2)
    trainer.step(first)
    early = trainer.state_dict()
    for batch in more:
        losses = trainer.step(batch)
    late = trainer.state_dict()
    other = make(d_steps=2)
    other.load_state_dict(late)
    assert other.state_dict()["losses"].keys() == losses.keys() == {"loss_d", "loss_g"}
    trainer.load_state_dict(early)
    assert trainer.state_dict()["losses"].keys() == {"loss_d"}


# -- what does not go together ---------------------------------------------------------------------


@pytest.mark.parametrize("layer", [
    nn.BatchNorm1d(5), nn.MinibatchStdDev(), nn.MinibatchDiscrimination(5, 3, rng=tg.Generator(0))
])  # fmt: skip
def test_layers_across_the_batch_do_not_see_both_kinds_at_once(layer):
    rng = tg.Generator(0)
    critic = nn.Sequential(nn.Linear(FEATURES, 5, rng=rng), layer, nn.Linear(8, 1, rng=rng))
    with pytest.raises(ValueError, match=f"{type(layer).__name__} in D .* pass one_batch=False"):
        GANTrainer(mlp([NOISE, FEATURES], rng), critic, rng=rng, noise_shape=NOISE)


@pytest.mark.parametrize(("outputs", "dtype"), [(FEATURES + 1, "float32"), (FEATURES, "float64")])
def test_a_generator_of_other_examples_is_refused_at_the_first_step(outputs, dtype):
    rng = tg.Generator(0)
    trainer = GANTrainer(
        nn.Linear(NOISE, outputs, rng=rng, dtype=dtype),
        mlp([FEATURES, 1], rng),
        rng=rng,
        noise_shape=NOISE,
    )
    batch = np.zeros((BATCH, FEATURES), "float32")
    with pytest.raises(ValueError, match=r"the generator gives .* the batch is float32 of shape"):
        trainer.step(batch)


def test_samples_are_undone_to_the_units_of_the_data():
    plain, scaled = make(), make(undo=lambda x: 2.0 * x + 1.0)
    noise = plain.noise(3)
    np.testing.assert_allclose(
        scaled.sample(3, noise), 2.0 * plain.sample(3, noise) + 1.0, rtol=1e-6
    )


def test_two_penalties_of_one_kind_are_both_felt(backend):
    both = make(regularizers=[R1(0.25), R1(0.5)])
    one = make(regularizers=[R1(0.75)])
    (batch,) = batches(backend, 1)
    found, expected = both.step(batch), one.step(batch)
    assert found["penalty_r1"].item() == pytest.approx(expected["penalty_r1"].item(), rel=1e-6)
    assert found["penalty_r1"].item() > 0
    for a, b in zip(both.discriminator.parameters(), one.discriminator.parameters(), strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)
