"""GANs that are told a class or read a code: their formulas, and what they learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from gan_relatives import BATCH, CLASSES, CODES, FEATURES, NOISE, batches, make, two_headed

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.gradcheck import gradcheck
from tinygen.models.gan import (
    R1,
    ACGANTrainer,
    AuxiliaryDiscriminator,
    Codes,
    Conditional,
    GANTrainer,
    InfoGANTrainer,
    Packed,
    ProjectionDiscriminator,
    mlp,
)
from tinygen.models.gan.rounds import total

# -- labels ----------------------------------------------------------------------------------------


def test_a_conditional_network_has_a_column_or_a_channel_for_each_class(backend):
    told = Conditional(nn.Identity(), 3)
    labels = backend.from_host(np.array([2, 0]))
    rows = told(tg.Tensor(backend.from_host(np.float64([[5, 6], [7, 8]]))), labels)
    np.testing.assert_array_equal(rows.numpy(), [[5, 6, 0, 0, 1], [7, 8, 1, 0, 0]])
    images = np.random.default_rng(0).random((2, 1, 4, 5))
    shown = told(tg.Tensor(backend.from_host(images)), labels).numpy()
    assert shown.shape == (2, 4, 4, 5)
    np.testing.assert_array_equal(shown[:, :1], images)
    assert (shown[0, 3] == 1).all()
    assert (shown[0, 1:3] == 0).all()
    assert (shown[1, 1] == 1).all()


def test_samples_are_of_the_classes_by_turns_or_as_asked(backend):
    trainer = make("cgan")
    noise = trainer.noise(CLASSES + 1)
    by_turns = trainer.sample(CLASSES + 1, noise)
    asked = trainer.sample(CLASSES + 1, noise, backend.from_host(np.array([0, 1, 2, 0])))
    np.testing.assert_array_equal(by_turns, asked)
    other = trainer.sample(CLASSES + 1, noise, backend.from_host(np.array([0, 1, 2, 1])))
    np.testing.assert_array_equal(other[:3], asked[:3])
    assert not np.array_equal(other[3], asked[3])


ONE = np.zeros((2, FEATURES), "float32")


@pytest.mark.parametrize(
    ("kind", "arrays", "message"),
    [
        ("cgan", (ONE, np.array([0, CLASSES])), "labels must lie in 0..2, not 0..3"),
        ("acgan", (ONE, np.array([-1, 0])), "labels must lie in 0..2, not -1..0"),
        ("cgan", (ONE,), "0 conditions beside the batch, and the players take labels"),
        ("acgan", (ONE,), "0 conditions beside the batch, and the players take labels"),
        ("infogan", (ONE, np.array([0, 1])), "1 conditions beside the batch, .* take none"),
        ("bigan", (ONE, np.array([0, 1])), "1 conditions beside the batch, .* take none"),
        ("cgan", (ONE, np.array([0, 1, 2])), "labels must be 2 integers, .* not int64 of shape"),
        ("cgan", (ONE, np.array([0.0, 1.0])), "labels must be 2 integers, .* not float64"),
    ],
)
def test_labels_that_do_not_fit_are_refused(kind, arrays, message):
    trainer = make(kind)
    with pytest.raises((ValueError, IndexError), match=message):
        trainer.step(*arrays)
    assert trainer.steps == 0


def test_networks_that_miss_their_labels_say_so():
    rng = tg.Generator(0)
    x = tg.Tensor(ONE)
    vectors = ProjectionDiscriminator(nn.Identity(), nn.Identity(), classes=2, width=6, rng=rng)
    for network in (Conditional(nn.Identity(), 2), vectors):
        with pytest.raises(ValueError, match=f"{type(network).__name__}: labels are missing"):
            network(x)
    with pytest.raises(ValueError, match="takes no conditions"):
        Packed(Conditional(nn.Identity(), 2), 2)(x, np.array([0, 1]))
    with pytest.raises(ValueError, match="classes must be at least 1, not 0"):
        Conditional(nn.Identity(), 0)


# -- projection ------------------------------------------------------------------------------------


def test_the_projection_discriminator_is_its_formula(backend):
    """Miyato & Koyama 2018, eq. 5, written out."""
    trainer = make("projection", "float64")
    d = trainer.discriminator
    x, labels = np.random.default_rng(1).normal(size=(5, FEATURES)), np.array([2, 0, 0, 1, 2])
    found = d(tg.Tensor(backend.from_host(x)), backend.from_host(labels)).numpy()
    (w, b), (psi, b_psi) = [[p.numpy() for p in part.parameters()] for part in (d.features, d.head)]
    phi = np.tanh(x @ w.T + b)
    expected = phi @ psi.T + b_psi + (d.vectors.weight.numpy()[labels] * phi).sum(1)[:, None]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_class_that_is_not_in_the_batch_leaves_its_vector_alone(backend):
    d = make("projection", "float64").discriminator
    x = tg.Tensor(backend.from_host(np.random.default_rng(1).normal(size=(3, FEATURES))))
    slope = tg.grad(tg.sum(d(x, backend.from_host(np.array([0, 2, 0])))), d.vectors.weight).numpy()
    assert (slope[1] == 0).all()
    assert (slope[[0, 2]] != 0).all()


def test_gradients_in_the_input_are_those_that_a_penalty_needs():
    """To the second order: R1 differentiates the slope in x again."""
    d = make("projection", "float64").discriminator
    labels = np.array([2, 0, 1])
    gradcheck(
        lambda x: d(x, labels), [np.random.default_rng(2).normal(size=(3, FEATURES))], order=2
    )


# -- auxiliary classifier --------------------------------------------------------------------------


def test_the_class_terms_are_cross_entropies(backend):
    """Odena et al. 2017, eq. 3: E log P(C = y | x) + E log P(C = y | x~), with the sign changed."""
    trainer = make("acgan", "float64", weight=0.7)
    ((real, labels),) = batches("acgan", backend, 1, "float64")
    seen = trainer._round(real, (labels,))
    d = trainer.discriminator

    def cross_entropy(x):
        s = d.auxiliary(d.features(x)).numpy()
        log_p = s - np.log(np.exp(s).sum(1, keepdims=True))
        return -log_p[np.arange(BATCH), host(labels)].mean()

    of_d, of_g = trainer.discriminator_terms(seen), trainer.generator_terms(seen)
    on_fake = cross_entropy(seen.fake)
    assert of_g["class_g"].item() == pytest.approx(0.7 * on_fake, rel=1e-12)
    assert of_d["class_d"].item() == pytest.approx(0.7 * (cross_entropy(seen.real) + on_fake))


@pytest.mark.parametrize("kind", ["acgan", "infogan"])
def test_with_weight_zero_the_players_play_the_plain_game(kind, backend):
    """The terms of the objective are the plain trainer's, on the same networks and noise."""
    trainer = make(kind, "float64", weight=0.0)
    real, *labels = batches(kind, backend, 1, "float64")[0]
    seen = trainer._round(real, tuple(labels))
    plain = GANTrainer.generator_terms(trainer, seen)["loss_g"].item()
    assert total(trainer.generator_terms(seen)).item() == pytest.approx(plain, rel=1e-12)
    plain = GANTrainer.discriminator_terms(trainer, seen)["loss_d"].item()
    assert total(trainer.discriminator_terms(seen)).item() == pytest.approx(plain, rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        (ACGANTrainer, {"noise_shape": 2}, "there are no classes to tell apart"),
        (ACGANTrainer, {"noise_shape": 2, "weight": -1.0}, "ACGANTrainer: weight must be finite"),
        (InfoGANTrainer, {"noise_shape": 2, "codes": CODES, "weight": math.inf},
         "InfoGANTrainer: weight must be finite"),
    ],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(kind, options, message):
    rng = tg.Generator(0)
    with pytest.raises(ValueError, match=message):
        kind(mlp([2, 6], rng), two_headed(3, rng, "float32"), rng=rng, **options)


# -- information -----------------------------------------------------------------------------------


def test_codes_are_drawn_from_their_prior(backend):
    drawn = host(CODES.draw(6000, tg.Generator(3), "float32"))
    assert drawn.shape == (6000, CODES.width)
    for part in CODES.parts:
        assert np.isin(drawn[:, part], (0, 1)).all()
        assert (drawn[:, part].sum(1) == 1).all()
        values = part.stop - part.start
        np.testing.assert_allclose(drawn[:, part].mean(0), 1 / values, atol=0.025)
    numbers = drawn[:, -CODES.continuous :]
    assert np.abs(numbers).max() <= 1
    np.testing.assert_allclose(numbers.mean(0), 0.0, atol=0.03)
    np.testing.assert_allclose(numbers.var(0), 1 / 3, atol=0.02)  # uniform in [-1, 1]
    assert np.abs(np.corrcoef(drawn[:, [0, 3, 5, 6]].T) - np.eye(4)).max() < 0.05


def test_noise_is_normal_with_the_code_after_it(backend):
    noise = host(make("infogan").noise(4000))
    assert noise.shape == (4000, NOISE + CODES.width)
    np.testing.assert_allclose(noise[:, :NOISE].std(0), 1.0, atol=0.05)
    assert (noise[:, NOISE : NOISE + 3].sum(1) == 1).all()


def test_the_bound_is_its_formula(backend):
    """E log Q(c | x) + H(c), with a softmax for each categorical code and N(mean, 0.5^2)."""
    rng = np.random.default_rng(4)
    codes = host(CODES.draw(9, tg.Generator(3), "float64"))
    outputs = rng.normal(size=(9, CODES.width))
    expected = CODES.entropy
    for part in (slice(0, 3), slice(3, 5)):
        p = np.exp(outputs[:, part]) / np.exp(outputs[:, part]).sum(1, keepdims=True)
        expected += np.log((p * codes[:, part]).sum(1)).mean()
    squares = ((outputs[:, 5:] - codes[:, 5:]) / 0.5) ** 2
    expected += (-0.5 * squares - np.log(0.5 * np.sqrt(2 * np.pi))).sum(1).mean()
    given = tg.Tensor(backend.from_host(outputs)), backend.from_host(codes)
    found = CODES.information(*given)
    assert found.item() == pytest.approx(expected, rel=1e-12)


def test_the_entropy_is_that_of_the_prior():
    assert CODES.entropy == pytest.approx(math.log(3) + math.log(2) + 2 * math.log(2))


def test_the_bound_of_categorical_codes_reaches_their_entropy_when_q_is_exact(backend):
    codes = Codes((10, 4))
    drawn = codes.draw(500, tg.Generator(0), "float64")
    exact = codes.information(tg.Tensor(100.0 * drawn), drawn).item()
    assert exact == pytest.approx(math.log(10) + math.log(4), rel=1e-9)
    for seed in range(5):
        q = tg.Tensor(tg.Generator(seed).normal((500, 14), std=3.0, dtype="float64"))
        assert codes.information(q, drawn).item() < exact
    ignorant = codes.information(tg.Tensor(0.0 * drawn), drawn).item()
    assert ignorant == pytest.approx(0.0, abs=1e-9)


def test_reading_gives_probabilities_and_means(backend):
    trainer = make("infogan")
    ((batch,),) = batches("infogan", backend, 1)
    read = trainer.read(batch)
    assert type(read) is np.ndarray
    assert read.shape == (BATCH, CODES.width)
    for part in CODES.parts:
        np.testing.assert_allclose(read[:, part].sum(1), 1.0, rtol=1e-6)
    d = trainer.discriminator
    np.testing.assert_allclose(
        read[:, 5:], d.auxiliary(d.features(tg.Tensor(batch))).numpy()[:, 5:], rtol=1e-5
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(((1,), 0), "at least 2 values"), (((), 0), "or continuous ones"), (((3,), -1), "continuous"),
     (((3,), 1, 0.0), "std must be positive"), (((3,), 1, math.inf), "std must be positive")],
)  # fmt: skip
def test_codes_that_are_none_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"Codes: .*{message}"):
        Codes(*arguments)


# -- what they learn -------------------------------------------------------------------------------

CENTRES = np.float32([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])


def batch_of_clusters(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    labels = rng.integers(0, 3, 64)
    return CENTRES[labels] + 0.2 * rng.standard_normal((64, 2), dtype="float32"), labels


@pytest.mark.parametrize("kind", ["concatenation", "projection", "auxiliary"])
def test_samples_show_the_class_that_is_asked_for(kind):
    rng, data = tg.Generator(1), np.random.default_rng(0)
    generator = Conditional(mlp([4 + 3, 32, 2], rng, slope=0.2), 3)
    trunk = mlp([2, 32, 16], rng, slope=0.2, output=nn.LeakyReLU(0.2))
    options = {"rng": rng, "noise_shape": 4, "classes": 3, "lr": 3e-3, "ema_decay": 0.98,
               "regularizers": [R1(0.05, every=4)]}  # fmt: skip
    if kind == "auxiliary":
        heads = (nn.Linear(16, n, rng=rng) for n in (1, 3))
        trainer = ACGANTrainer(generator, AuxiliaryDiscriminator(trunk, *heads), **options)
    elif kind == "projection":
        head = nn.Linear(16, 1, rng=rng)
        d = ProjectionDiscriminator(trunk, head, classes=3, width=16, rng=rng)
        trainer = GANTrainer(generator, d, **options)
    else:
        d = Conditional(mlp([2 + 3, 32, 16, 1], rng, slope=0.2), 3)
        trainer = GANTrainer(generator, d, **options)
    for _ in range(600):
        trainer.step(*batch_of_clusters(data))
    samples = trainer.sample(300)
    nearest = ((samples[:, None] - CENTRES) ** 2).sum(2).argmin(1)
    assert (nearest == np.arange(300) % 3).mean() >= 0.97


def test_a_code_that_nobody_told_finds_the_clusters():
    """Three values for three clusters: each value takes one, and Q reads it off real examples."""
    rng, data = tg.Generator(1), np.random.default_rng(0)
    codes = Codes((3,))
    trunk = mlp([2, 32, 16], rng, slope=0.2, output=nn.LeakyReLU(0.2))
    heads = (nn.Linear(16, n, rng=rng) for n in (1, 3))
    trainer = InfoGANTrainer(
        mlp([4 + 3, 32, 2], rng, slope=0.2),
        AuxiliaryDiscriminator(trunk, *heads),
        codes=codes, noise_shape=4, rng=rng, lr=3e-3, regularizers=[R1(0.05, every=4)],
    )  # fmt: skip
    for _ in range(1000):
        losses = trainer.step(batch_of_clusters(data)[0])
    assert losses["negative_information_g"].item() == pytest.approx(-math.log(3), abs=0.05)
    x, labels = batch_of_clusters(data)
    found = trainer.read(x).argmax(1)
    counts = np.zeros((3, 3), int)
    np.add.at(counts, (found, labels), 1)
    assert counts.max(1).sum() >= 0.95 * len(labels)
    assert len(set(counts.argmax(1))) == 3
