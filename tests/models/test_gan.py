"""The GAN trainer: who is updated by which step, continuing, cost, sampling."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import strict

import tinygen as tg
from tinygen import nn
from tinygen.backend import Backend, host
from tinygen.data.preprocessing import preprocess
from tinygen.models.gan import R1, GANTrainer, Standardized, mlp

NOISE, HIDDEN, FEATURES, BATCH = 4, 5, 6, 8


def make_trainer(seed: int = 0, **options) -> GANTrainer:
    """Small networks of three layers whose widths all differ, on the default device."""
    weights = tg.Generator(seed)
    return GANTrainer(
        mlp([NOISE, HIDDEN, HIDDEN + 4, FEATURES], weights),
        mlp([FEATURES, HIDDEN + 2, HIDDEN + 3, 1], weights, slope=0.2),
        rng=tg.Generator(seed, stream=1),
        noise_shape=NOISE,
        **options,
    )


def batches(backend: Backend, count: int, seed: int = 9) -> list:
    rng = np.random.default_rng(seed)
    return [
        backend.from_host(rng.normal(size=(BATCH, FEATURES)).astype("float32"))
        for _ in range(count)
    ]


def bits(state) -> str:
    """A digest of every bit of a nested state."""
    if isinstance(state, dict):
        return hashlib.sha256("".join(k + bits(v) for k, v in state.items()).encode()).hexdigest()
    if isinstance(state, np.ndarray):
        return hashlib.sha256(
            state.tobytes() + str((state.dtype, state.shape)).encode()
        ).hexdigest()
    return repr(state)


# -- who is updated --------------------------------------------------------------------------------


def test_the_discriminators_step_leaves_the_generator_as_it_was(backend):
    trainer = make_trainer(regularizers=[R1(1.0)])
    generator, discriminator = (bits(m.state_dict()) for m in players(trainer))
    trainer.step_discriminator(batches(backend, 1)[0])
    assert bits(trainer.generator.state_dict()) == generator
    assert bits(trainer.discriminator.state_dict()) != discriminator
    assert trainer.optimizer_g.steps == 0


def test_the_generators_step_leaves_the_discriminator_as_it_was(backend):
    trainer = make_trainer()
    generator, discriminator = (bits(m.state_dict()) for m in players(trainer))
    trainer.step_generator(batches(backend, 1)[0])
    assert bits(trainer.generator.state_dict()) != generator
    assert bits(trainer.discriminator.state_dict()) == discriminator
    assert trainer.optimizer_d.steps == 0


def test_no_step_leaves_a_gradient_behind(backend):
    trainer = make_trainer(regularizers=[R1(1.0)])
    trainer.step(batches(backend, 1)[0])
    assert all(p.grad is None for m in players(trainer) for p in m.parameters())


def test_a_generators_step_evaluates_no_rule_for_weights_of_the_discriminator(backend):
    """Three layers each: G's step differentiates its own three weights and three biases only."""
    trainer = make_trainer()
    with weight_gradients() as shapes:
        trainer.step_generator(batches(backend, 1)[0])
    assert sorted(shapes) == sorted(p.shape for p in trainer.generator.parameters())


def test_a_discriminators_step_evaluates_no_rule_of_the_generator(backend):
    trainer = make_trainer()
    with weight_gradients() as shapes:
        trainer.step_discriminator(batches(backend, 1)[0])
    assert sorted(shapes) == sorted(p.shape for p in trainer.discriminator.parameters())


@contextmanager
def weight_gradients() -> Iterator[list[tuple[int, ...]]]:
    """The shapes of the gradients of weights and biases that rules of layers compute inside."""
    shapes: list[tuple[int, ...]] = []
    x = tg.tensor([[1.0]], device="cpu", requires_grad=True)
    operations = [f(x, x, x[0])._node.op for f in (tg.linear, tg.linear_relu)]

    def spied(rule):
        def call(*args):
            result = rule(*args)
            shapes.append(result.shape)
            return result

        return call

    before = [list(op.rules) for op in operations]
    for op in operations:
        op.rules[1:3] = [(spied(rule), pick) for rule, pick in op.rules[1:3]]
    try:
        yield shapes
    finally:
        for op, rules in zip(operations, before, strict=True):
            op.rules[:] = rules


def players(trainer: GANTrainer) -> tuple[nn.Module, nn.Module]:
    return trainer.generator, trainer.discriminator


@pytest.mark.parametrize("d_steps", [1, 2, 3])
def test_the_generator_is_updated_once_in_d_steps(backend, d_steps):
    trainer = make_trainer(d_steps=d_steps, ema_decay=0.9)
    for batch in batches(backend, 7):
        trainer.step(batch)
    assert trainer.optimizer_d.steps == 7
    assert trainer.optimizer_g.steps == trainer.average.updates == 7 // d_steps


def test_the_two_learning_rates_are_the_generators_and_the_discriminators():
    trainer = make_trainer(lr=(1e-3, 4e-3), betas=(0.0, 0.9))
    assert (trainer.optimizer_g.lr, trainer.optimizer_d.lr) == (1e-3, 4e-3)
    assert trainer.optimizer_g.beta1 == trainer.optimizer_d.beta1 == 0.0


def test_the_trainer_labels_real_examples_first(backend):
    labels = make_trainer(real_label=0.9)._target(6)
    np.testing.assert_array_equal(host(labels)[:, 0], np.float32([0.9, 0.9, 0.9, 0, 0, 0]))


def test_the_label_buffer_follows_the_batch_size(backend):
    trainer = make_trainer()
    for n in (3, 5, 3):
        batch = batches(backend, 1)[0][:n]
        assert np.isfinite(trainer.step(batch)["loss_d"].item())


@pytest.mark.parametrize(
    ("options", "message"), [({"objective": "huge"}, "known are"), ({"d_steps": 0}, "d_step")]
)
def test_options_that_do_not_exist_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_trainer(**options)


# -- continuing ------------------------------------------------------------------------------------

FULL = {
    "d_steps": 2,
    "ema_decay": 0.9,
    "regularizers": [R1(0.5, every=4)],
    "real_label": 0.9,
    "lr": (1e-2, 2e-2),
}


@pytest.mark.parametrize("stop", [1, 2, 5])  # 1 and 5 are between a step of D and one of G
def test_a_fresh_trainer_continues_bit_for_bit(backend, stop):
    data = batches(backend, 9)
    straight = make_trainer(seed=0, **FULL)
    for batch in data[:stop]:
        straight.step(batch)
    saved = straight.state_dict()
    resumed = make_trainer(seed=77, **FULL)
    resumed.load_state_dict(saved)
    assert bits(resumed.state_dict()) == bits(saved)
    for batch in data[stop:]:
        expected, got = straight.step(batch), resumed.step(batch)
        assert got["loss_d"].item() == expected["loss_d"].item()
    assert bits(resumed.state_dict()) == bits(straight.state_dict())
    np.testing.assert_array_equal(resumed.sample(3), straight.sample(3))


def test_a_state_is_a_snapshot_that_later_steps_do_not_change(backend):
    first, *more = batches(backend, 4)
    trainer = make_trainer(**FULL)
    trainer.step(first)
    state = trainer.state_dict()
    before = bits(state)
    for batch in more:
        trainer.step(batch)
    assert bits(state) == before


def test_one_seed_gives_one_model_on_every_backend(backend):
    here = make_trainer(seed=5)
    with tg.use_device("cpu"):
        on_host = make_trainer(seed=5)
    for a, b in zip(players(here), players(on_host), strict=True):
        for name, values in a.state_dict().items():  # normal numbers agree but for rounding
            np.testing.assert_allclose(values, b.state_dict()[name], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(host(here.noise(7)), on_host.noise(7), rtol=1e-5, atol=1e-6)


def test_training_on_strict_gives_what_training_on_numpy_gives():
    samples = []
    for device in ("cpu", "strict"):
        with tg.use_device(device) as backend:
            trainer = make_trainer(**FULL)
            for batch in batches(backend, 6):
                trainer.step(batch)
            samples.append(trainer.sample(5))
    np.testing.assert_allclose(samples[0], samples[1], rtol=1e-4, atol=1e-5)


# -- cost ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, FULL, {**FULL, "d_steps": 1}], ids=["plain", "2:1", "all"])
def test_a_step_never_waits_for_the_device(options):
    """Two uploads of noise, no wait; as many launches in the tenth step as in the second."""
    with tg.use_device("strict") as backend:
        trainer = make_trainer(**options)
        data = batches(backend, 12)
        spent = []
        for batch in data:
            with strict.measure() as cost:
                trainer.step(batch)
            spent.append(cost)
    assert sum(cost.syncs for cost in spent) == 0
    assert max(cost.uploads for cost in spent[1:]) <= 2
    assert max(cost.launches for cost in spent[8:]) <= max(cost.launches for cost in spent[:8])
    assert max(cost.launches for cost in spent) < 400


# -- sampling --------------------------------------------------------------------------------------


def test_samples_have_their_shape_dtype_and_place(backend):
    samples = make_trainer(ema_decay=0.9).sample(3)
    assert type(samples) is np.ndarray
    assert (samples.shape, samples.dtype) == ((3, FEATURES), np.float32)


def test_sampling_from_given_noise_changes_nothing_at_all(backend):
    trainer = make_trainer(**FULL)
    trainer.step(batches(backend, 1)[0])
    noise = trainer.noise(4)
    before = bits(trainer.state_dict())
    first = trainer.sample(4, noise)
    np.testing.assert_array_equal(trainer.sample(4, noise), first)
    assert bits(trainer.state_dict()) == before
    assert all(m.training for m in trainer.generator.modules())


def test_sampling_without_noise_draws_the_next_of_the_trainers_noise(backend):
    trainer, twin = make_trainer(), make_trainer()
    np.testing.assert_array_equal(trainer.sample(4), twin.sample(4, twin.noise(4)))
    assert trainer.rng.state_dict() == twin.rng.state_dict()


def test_samples_come_from_the_averaged_generator(backend):
    trainer = make_trainer(ema_decay=0.9, lr=0.1)
    for batch in batches(backend, 3):
        trainer.step(batch)
    noise = trainer.noise(4)
    averaged = trainer.sample(4, noise)
    trainer.generator.load_state_dict(trainer.average.state_dict()["average"])
    trainer.average = None
    np.testing.assert_array_equal(trainer.sample(4, noise), averaged)


@pytest.mark.parametrize("training", [True, False])
def test_sampling_restores_weights_and_mode_even_when_it_fails(backend, training):
    trainer = make_trainer(**FULL)
    trainer.step(batches(backend, 1)[0])
    trainer.generator.train(training)
    before = bits(trainer.state_dict())
    with pytest.raises(ValueError, match="features"):
        trainer.sample(4, backend.from_host(np.zeros((4, NOISE + 1), "float32")))
    assert bits(trainer.state_dict()) == before
    assert {m.training for m in trainer.generator.modules()} == {training}
    trainer.step(batches(backend, 1)[0])  # not left swapped, which the optimizer would refuse


def test_layers_that_behave_otherwise_in_training_are_in_evaluation_while_sampling(backend):
    trainer = make_trainer()
    trainer.generator = nn.Sequential(nn.Dropout(0.5, rng=tg.Generator(0)), trainer.generator)
    noise = trainer.noise(64)
    np.testing.assert_array_equal(trainer.sample(64, noise), trainer.sample(64, noise))


# -- networks --------------------------------------------------------------------------------------


def test_mlp_puts_rectifiers_between_dense_layers_and_nothing_after_the_last():
    layers = list(mlp([3, 4, 5, 2], tg.Generator(0), slope=0.2))
    assert [type(m).__name__ for m in layers] == ["Linear", "LeakyReLU"] * 2 + ["Linear"]
    assert [m.slope for m in layers if isinstance(m, nn.LeakyReLU)] == [0.2, 0.2]
    plain = list(mlp([3, 4, 2], tg.Generator(0), output=nn.Sigmoid()))
    assert [type(m).__name__ for m in plain] == ["Linear", "ReLU", "Linear", "Sigmoid"]


@pytest.mark.usefixtures("backend")
def test_what_follows_a_standardized_sigmoid_undoes_to_its_pixels():
    rows = np.random.default_rng(0).uniform(0, 1, (50, 6)).astype("float32")
    _, done = preprocess(rows, (0.0, 1.0))
    output = nn.Sequential(nn.Sigmoid(), Standardized(done.mean, done.std))
    x = tg.tensor(np.random.default_rng(1).normal(0, 9, (20, 6)).astype("float32"))
    found = output(x).numpy()
    pixels = 1 / (1 + np.exp(-x.numpy().astype("float64")))
    np.testing.assert_allclose(found, (pixels - done.mean) / done.std, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(done.undo(found), pixels, atol=1e-6)


def test_a_gan_learns_a_gaussian():
    """The mean and the spread of three features, from a generator that begins elsewhere."""
    rng = np.random.default_rng(0)
    centre, spread = np.float32([2.0, -1.0, 0.5]), np.float32([0.5, 1.0, 0.2])
    weights = tg.Generator(1)
    trainer = GANTrainer(
        mlp([3, 16, 3], weights),
        mlp([3, 16, 1], weights, slope=0.2),
        rng=tg.Generator(1, stream=1),
        noise_shape=3,
        lr=2e-3,
        regularizers=[R1(0.1, every=4)],
        ema_decay=0.99,
    )
    for _ in range(1500):
        trainer.step(centre + spread * rng.standard_normal((64, 3), dtype="float32"))
    samples = trainer.sample(2000)
    np.testing.assert_allclose(samples.mean(0), centre, atol=0.2)
    np.testing.assert_allclose(samples.std(0), spread, rtol=0.4)


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (np.zeros((0, FEATURES), "float32"), "the batch is empty"),
        (np.zeros((4, FEATURES)), "the batch is float64, the weights are float32"),
        (np.zeros((4, FEATURES), "int64"), "the batch is int64"),
    ],
)
def test_batches_that_do_not_fit_are_refused(batch, message):
    trainer = make_trainer()
    with pytest.raises(ValueError, match=message):
        trainer.step(batch)
    assert trainer.steps == 0


def test_smoothed_labels_are_probabilities():
    with pytest.raises(ValueError, match=r"real_label must lie in \(0, 1\]"):
        make_trainer(real_label=7.0)
