"""What is against mode collapse: packing, extra losses, a generator that looks ahead."""

from __future__ import annotations

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.backend import host
from tinygen.gradcheck import gradcheck
from tinygen.models.gan import (
    R1,
    Discriminator,
    FeatureMatching,
    GANTrainer,
    HistoricalAveraging,
    Packed,
    UnrolledGANTrainer,
    mlp,
)
from tinygen.models.gan.rounds import Round, total

NOISE, FEATURES, BATCH = 3, 4, 6


def smooth(sizes: tuple[int, int, int], rng: tg.Generator, dtype: str = "float64") -> nn.Sequential:
    """With tanh between: finite differences do not cross kinks."""
    inputs, hidden, outputs = sizes
    return nn.Sequential(
        nn.Linear(inputs, hidden, rng=rng, dtype=dtype),
        nn.Tanh(),
        nn.Linear(hidden, outputs, rng=rng, dtype=dtype),
    )


def trainer_of(kind=GANTrainer, dtype="float64", **options) -> GANTrainer:
    rng = tg.Generator(0)
    generator, discriminator = (
        smooth(sizes, rng, dtype) for sizes in ((NOISE, 5, FEATURES), (FEATURES, 7, 1))
    )
    options = {"lr": (1e-2, 5e-2), **options}
    return kind(generator, discriminator, rng=rng, noise_shape=NOISE, **options)


def real_batches(count: int, dtype: str = "float64", seed: int = 5) -> list:
    rng = tg.Generator(seed)
    return [rng.normal((BATCH, FEATURES), dtype=dtype) for _ in range(count)]


# -- packing ---------------------------------------------------------------------------------------


def test_a_pack_is_one_row_or_one_image_of_more_channels(backend):
    rows = np.arange(12.0).reshape(6, 2)
    packed = Packed(nn.Identity(), 3)
    np.testing.assert_array_equal(
        host(packed(tg.Tensor(backend.from_host(rows))).data), rows.reshape(2, 6)
    )
    images = np.random.default_rng(0).random((4, 3, 5, 6))
    found = host(Packed(nn.Identity(), 2)(tg.Tensor(backend.from_host(images))).data)
    assert found.shape == (2, 6, 5, 6)
    for i in range(4):
        np.testing.assert_array_equal(found[i // 2, 3 * (i % 2) : 3 * (i % 2) + 3], images[i])


@pytest.mark.parametrize("one_batch", [True, False])
def test_no_pack_holds_real_and_generated_examples(backend, one_batch):
    seen = []

    class Spy(nn.Module):
        def __init__(self):
            self.inner = mlp([3 * FEATURES, 4, 1], tg.Generator(0))

        def forward(self, x):
            seen.append(host(x.data))
            return self.inner(x)

    trainer = trainer_of(dtype="float32", one_batch=one_batch)
    trainer.discriminator = Packed(Spy(), 3)
    trainer.optimizer_d = optim.Adam(trainer.discriminator.named_parameters())
    (real,) = real_batches(1, "float32")
    trainer.step_discriminator(real + 1000.0)
    packs = np.concatenate(seen)
    assert len(packs) == 4
    assert (packs[:2] > 500).all()
    assert (packs[2:] < 500).all()


def test_a_pack_that_does_not_divide_the_batch_is_refused_also_where_it_divides_both_halves():
    for m in (4, 5):  # packs of 4 divide 2 * 6 examples, and would mix them
        rng = tg.Generator(0)
        trainer = GANTrainer(
            mlp([NOISE, FEATURES], rng),
            Packed(mlp([m * FEATURES, 1], rng), m),
            rng=rng,
            noise_shape=NOISE,
        )
        with pytest.raises(ValueError, match=f"packs of {m} do not divide a batch of 6"):
            trainer.step(real_batches(1, "float32")[0])
        assert trainer.steps == 0
    with pytest.raises(ValueError, match="packs of 4 do not divide a batch of 6"):
        trainer.discriminator.__class__(nn.Identity(), 4)(tg.Tensor(real_batches(1)[0]))


def test_packs_take_no_labels_and_no_emptiness():
    with pytest.raises(ValueError, match="takes no conditions"):
        Packed(nn.Identity(), 2)(tg.zeros((2, 2)), tg.zeros((2,)))
    with pytest.raises(ValueError, match="m must be at least 1, not 0"):
        Packed(nn.Identity(), 0)


def test_penalties_of_a_packed_critic_see_one_slope_a_pack(backend):
    layer = nn.Linear(2 * FEATURES, 1, rng=tg.Generator(0), dtype="float64")
    (real,) = real_batches(1)
    penalty = R1(2.0)(Packed(layer, 2), real, real, tg.Generator(1))
    assert penalty.item() == pytest.approx(float((layer.weight.numpy() ** 2).sum()), rel=1e-12)


# -- extra losses ----------------------------------------------------------------------------------


def test_feature_matching_is_its_formula_and_its_gradient_is_right(backend):
    rng = tg.Generator(0)
    features = smooth((FEATURES, 5, 3), rng)
    real, other = real_batches(2)
    extra = FeatureMatching(features, 0.7)
    found = extra(Round(tg.Tensor(real), tg.Tensor(other), real, ()))
    gap = host(features(tg.Tensor(real)).data).mean(0) - host(features(tg.Tensor(other)).data).mean(
        0
    )
    assert found.item() == pytest.approx(0.7 * (gap**2).sum(), rel=1e-12)
    gradcheck(lambda x: extra(Round(tg.Tensor(real), x, real, ())), [tg.Tensor(other)])


def test_feature_matching_pulls_the_generator_to_the_features_of_the_data(backend):
    rng = tg.Generator(0)
    generator = smooth((NOISE, 5, FEATURES), rng)
    layers = smooth((FEATURES, 6, 1), rng)
    critic = Discriminator(layers[:2], layers[2])
    trainer = GANTrainer(
        generator, critic, rng=rng, noise_shape=NOISE, lr=(1e-2, 0.0),
        extras_g=[FeatureMatching(critic.features, 10.0)],
    )  # fmt: skip
    values = [trainer.step(x)["feature_matching_g"].item() for x in real_batches(1) * 40]
    assert values[-1] < 0.3 * values[0]


def test_historical_averaging_is_the_distance_to_the_mean_of_all_weights_so_far(backend):
    trainer = trainer_of()
    trainer.extras_d = (HistoricalAveraging(trainer.discriminator, 0.3),)
    before = []
    for batch in real_batches(4):
        before.append([p.numpy().copy() for p in trainer.discriminator.parameters()])
        found = trainer.step(batch)["historical_d"].item()
        means = [np.mean(w, 0) for w in zip(*before, strict=True)]
        expected = sum(((p - m) ** 2).sum() for p, m in zip(before[-1], means, strict=True))
        assert found == pytest.approx(0.3 * expected, rel=1e-9, abs=1e-18)


def test_the_pull_of_historical_averaging_is_towards_that_mean(backend):
    trainer = trainer_of()
    past = optim.HistoricalAverage(trainer.generator)
    past.update()
    for p in trainer.generator.parameters():
        p.data += 2.0
    past.update()
    for g in tg.grad(past.squared_distance(), trainer.generator.parameters()):
        np.testing.assert_allclose(g.numpy(), 2.0, rtol=1e-12)  # 2 (w - (w - 1))


def test_weights_of_extras_are_numbers_from_0():
    with pytest.raises(ValueError, match="FeatureMatching: weight must be finite"):
        FeatureMatching(nn.Identity(), -1.0)


# -- looking ahead ---------------------------------------------------------------------------------


def warmed(unroll: int, **options) -> UnrolledGANTrainer:
    """With moments and a step count of its own."""
    trainer = trainer_of(UnrolledGANTrainer, unroll=unroll, **options)
    for batch in real_batches(3):
        trainer.step(batch)
    return trainer


def round_of(trainer: GANTrainer, real, noise) -> Round:
    return Round(tg.Tensor(real), trainer.generator(tg.Tensor(noise)), noise, ())


@pytest.mark.parametrize("unroll", [1, 2])
@pytest.mark.parametrize("objective", ["non-saturating", "relativistic"])
def test_the_gradient_through_the_steps_is_that_of_finite_differences(backend, unroll, objective):
    trainer = warmed(unroll, objective=objective)
    noise, (real,) = trainer.noise(BATCH), real_batches(1, seed=8)

    def loss(*weights):
        with trainer.generator.substituted(weights):
            return total(trainer.generator_terms(round_of(trainer, real, noise)))

    gradcheck(loss, [p.detach() for p in trainer.generator.parameters()])


@pytest.mark.parametrize("unroll", [1, 3])
def test_the_loss_is_what_the_discriminators_own_steps_lead_to(backend, unroll):
    trainer = warmed(unroll, real_label=0.9)
    noise, (real,) = trainer.noise(BATCH), real_batches(1, seed=8)
    found = total(trainer.generator_terms(round_of(trainer, real, noise))).item()
    seen = round_of(trainer, real, noise)
    for _ in range(unroll):
        loss = trainer.discriminator_terms(seen)["loss_d"]
        grads = tg.grad(loss, trainer.optimizer_d.params, retain_graph=True)
        trainer.optimizer_d.step(grads)
    after = GANTrainer.generator_terms(trainer, seen)["loss_g"].item()
    assert found == pytest.approx(after, rel=1e-6)


def test_the_discriminators_answer_has_a_part_in_the_gradient(backend):
    """Without it, eq. 12's second term, the gradient would be that of D's last weights alone."""
    trainer = warmed(2)
    noise, (real,) = trainer.noise(BATCH), real_batches(1, seed=8)
    weights = trainer.optimizer_g.params
    whole = tg.grad(total(trainer.generator_terms(round_of(trainer, real, noise))), weights)
    seen = round_of(trainer, real, noise)
    for _ in range(2):
        loss = trainer.discriminator_terms(seen)["loss_d"]
        trainer.optimizer_d.step(tg.grad(loss, trainer.optimizer_d.params, retain_graph=True))
    seen = round_of(trainer, real, noise)
    first = tg.grad(GANTrainer.generator_terms(trainer, seen)["loss_g"], weights)
    apart = max(abs(a.numpy() - b.numpy()).max() for a, b in zip(whole, first, strict=True))
    assert apart > 0.05 * max(abs(b.numpy()).max() for b in first)


def test_looking_no_step_ahead_is_the_plain_gan_bit_for_bit(backend):
    plain, ahead = trainer_of(), trainer_of(UnrolledGANTrainer, unroll=0)
    for batch in real_batches(4):
        one, other = plain.step(batch), ahead.step(batch)
        assert {k: v.item() for k, v in one.items()} == {k: v.item() for k, v in other.items()}
    for a, b in zip(plain.generator.parameters(), ahead.generator.parameters(), strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_looking_ahead_leaves_the_discriminator_and_its_optimizer_as_they_were(backend):
    trainer = warmed(2)
    noise, (real,) = trainer.noise(BATCH), real_batches(1)
    before = [p.numpy().copy() for p in trainer.discriminator.parameters()]
    steps = trainer.optimizer_d.steps
    trainer.step_generator(real)
    assert trainer.optimizer_d.steps == steps
    for p, old in zip(trainer.discriminator.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.numpy(), old)
    trainer.generator_terms(round_of(trainer, real, noise))
    trainer.step_discriminator(real)  # the optimizer finds its parameters where they were


def test_weights_that_never_had_a_gradient_give_no_nan(backend):
    """A dead unit: the root of its second moment has no derivative at 0."""
    rng = tg.Generator(0)
    critic = mlp([FEATURES, 3, 1], rng)
    critic[0].bias[...] = np.float32(-1e6)
    trainer = UnrolledGANTrainer(
        mlp([NOISE, FEATURES], rng), critic, rng=rng, noise_shape=NOISE, unroll=2
    )
    for batch in real_batches(2, "float32"):
        trainer.step(batch)
    assert all(np.isfinite(p.numpy()).all() for p in trainer.generator.parameters())


def test_unrolling_refuses_what_it_cannot_do():
    with pytest.raises(ValueError, match="unroll must be at least 0, not -1"):
        trainer_of(UnrolledGANTrainer, unroll=-1)
    layer = nn.Linear(2, 1, rng=tg.Generator(0))
    adam = optim.Adam(layer.named_parameters(), weight_decay=0.1)
    with pytest.raises(ValueError, match="weight_decay; set it to 0"):
        optim.UnrolledAdam(adam, 1)


# -- a module with other weights -------------------------------------------------------------------


def test_substituted_weights_are_used_and_gradients_flow_through_them(backend):
    layer = nn.Linear(3, 2, rng=tg.Generator(0), dtype="float64")
    x = tg.Generator(1).normal((4, 3), dtype="float64")
    own = [p.numpy().copy() for p in layer.parameters()]

    def at(weight, bias):
        with layer.substituted([weight * weight, bias]):
            return layer(tg.Tensor(x))

    gradcheck(at, [p.detach() for p in layer.parameters()])
    expected = host(x) @ (own[0] ** 2).T + own[1]
    np.testing.assert_allclose(at(*(p.detach() for p in layer.parameters())).numpy(), expected)
    for p, old in zip(layer.parameters(), own, strict=True):
        np.testing.assert_array_equal(p.numpy(), old)
        assert p.requires_grad


def test_substituted_weights_must_fit_and_are_put_back_after_an_error():
    layer = nn.Linear(3, 2, rng=tg.Generator(0))
    before = [(p._data, p._node) for p in layer.parameters()]
    with pytest.raises(ValueError, match="in the order of parameters"), layer.substituted([]):
        pass
    with pytest.raises(KeyError), layer.substituted([p * 2.0 for p in layer.parameters()]):
        raise KeyError
    assert [(p._data, p._node) for p in layer.parameters()] == before
