"""BiGAN: its pairs, its value function, and an encoder that inverts the generator."""

from __future__ import annotations

import numpy as np
import pytest
from gan_relatives import BATCH, FEATURES, NOISE, batches, make

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.models.gan import DRAGAN, R1, BiGANTrainer, mlp
from tinygen.optim.schedules import linear


def test_examples_are_pairs_of_both_kinds(backend):
    trainer = make("bigan")
    ((real,),) = batches("bigan", backend, 1)
    seen = trainer._round(real, ())
    assert seen.real.shape == seen.fake.shape == (BATCH, FEATURES + NOISE)
    np.testing.assert_array_equal(seen.real.numpy()[:, :FEATURES], host(real))
    np.testing.assert_array_equal(seen.real.numpy()[:, FEATURES:], trainer.encode(real).numpy())
    np.testing.assert_array_equal(seen.fake.numpy()[:, FEATURES:], host(seen.noise))
    made = trainer.decode(tg.Tensor(seen.noise)).numpy()
    np.testing.assert_array_equal(seen.fake.numpy()[:, :FEATURES], made)


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


def test_the_losses_are_the_articles(backend):
    """Donahue et al. 2017, eq. 3, for D; with the kinds exchanged for E and G."""
    trainer = make("bigan", "float64", real_label=0.9)
    ((real,),) = batches("bigan", backend, 1, "float64")
    seen = trainer._round(real, ())
    r, f = (trainer.discriminator(pairs).numpy() for pairs in (seen.real, seen.fake))
    on_real = 0.9 * np.log(sigmoid(r)).mean() + 0.1 * np.log(1 - sigmoid(r)).mean()
    of_d = -on_real - np.log(1 - sigmoid(f)).mean()
    of_both = -np.log(sigmoid(f)).mean() - np.log(1 - sigmoid(r)).mean()  # never smoothed
    loss_d, loss_g = trainer.discriminator_terms(seen)["loss_d"], trainer.generator_terms(seen)
    assert loss_d.item() == pytest.approx(of_d, rel=1e-12)
    assert loss_g["loss_g"].item() == pytest.approx(of_both, rel=1e-12)


def test_one_step_moves_the_encoder_as_well_as_the_generator_and_the_average_takes_in_both(backend):
    trainer = make("bigan", ema_decay=0.5, regularizers=[R1(1.0), DRAGAN(1.0)])
    before = trainer.state_dict()
    trainer.step(*batches("bigan", backend, 1)[0])
    after = trainer.state_dict()
    for part in ("generator", "average"):
        states = (s[part] if part == "generator" else s[part]["average"] for s in (before, after))
        was, now = states
        moved = {name for name in was if not np.array_equal(was[name], now[name])}
        assert moved == set(was)
        assert {name.split(".")[0] for name in was} == {"generator", "encoder"}


def test_reconstructions_are_by_the_averaged_networks_and_leave_training_as_it_was(backend):
    trainer = make("bigan", ema_decay=0.9, lr=0.1)
    data = [batch for (batch,) in batches("bigan", backend, 4)]
    for batch in data[1:]:
        trainer.step(batch)
    again = trainer.reconstruct(data[0])
    assert type(again) is np.ndarray
    assert again.shape == (BATCH, FEATURES)
    trainer.generator.load_state_dict(trainer.average.state_dict()["average"])
    np.testing.assert_array_equal(trainer.decode(trainer.encode(data[0])).numpy(), again)
    assert all(m.training for m in trainer.generator.modules())


def test_an_encoder_of_another_length_is_refused():
    rng = tg.Generator(0)
    trainer = BiGANTrainer(mlp([3, 6], rng), mlp([6, 4], rng), mlp([9, 1], rng), latent=3, rng=rng)
    with pytest.raises(ValueError, match=r"encoder gives \(2, 4\), the noise is \(2, 3\)"):
        trainer.step(np.zeros((2, 6), "float32"))


def train_on(draw, trainer: BiGANTrainer, steps: int) -> None:
    rng = np.random.default_rng(0)
    for _ in range(steps):
        trainer.step(draw(rng))


@pytest.mark.parametrize("seed", [0, 1])
def test_on_a_gaussian_a_linear_encoder_inverts_a_linear_generator(seed):
    """x = 1.5 + 0.5 z: the optimum is G(z) = 1.5 +- 0.5 z and E(x) = +-2 (x - 1.5), with one sign.

    Nothing compares x with G(E(x)), so only the game can have put it there.
    """
    rng, steps = tg.Generator(seed), 2000
    trainer = BiGANTrainer(
        nn.Linear(1, 1, rng=rng), nn.Linear(1, 1, rng=rng), mlp([2, 32, 32, 1], rng, slope=0.2),
        latent=1, rng=rng, lr=linear(1e-2, 2e-4, steps), regularizers=[R1(0.1, every=4)],
        ema_decay=0.99,
    )  # fmt: skip
    train_on(lambda g: 1.5 + 0.5 * g.standard_normal((128, 1), dtype="float32"), trainer, steps)
    trainer.generator.load_state_dict(trainer.average.state_dict()["average"])
    pair = trainer.generator
    (slope, shift), (back, offset) = (
        [p.item() for p in part.parameters()] for part in (pair.generator, pair.encoder)
    )
    assert abs(slope) == pytest.approx(0.5, abs=0.05)
    assert shift == pytest.approx(1.5, abs=0.05)
    assert back * slope == pytest.approx(1.0, abs=0.03)
    assert back * shift + offset == pytest.approx(0.0, abs=0.05)


def test_clusters_come_back_from_their_codes():
    """Four clusters in the plane, dense networks: reconstructions lie in the same cluster."""
    centres = np.float32([[1, 1], [-1, 1], [1, -1], [-1, -1]])
    rng = tg.Generator(2)
    trainer = BiGANTrainer(
        mlp([2, 32, 32, 2], rng, slope=0.2), mlp([2, 32, 32, 2], rng, slope=0.2),
        mlp([4, 64, 64, 1], rng, slope=0.2),
        latent=2, rng=rng, lr=linear(5e-3, 1e-4, 1200), regularizers=[R1(0.02, every=4)],
    )  # fmt: skip

    def draw(g):
        return centres[g.integers(0, 4, 64)] + 0.1 * g.standard_normal((64, 2), dtype="float32")

    train_on(draw, trainer, 1200)
    x = draw(np.random.default_rng(5))
    again = trainer.reconstruct(x)
    assert (np.sign(again) == np.sign(x)).all(1).mean() >= 0.9
