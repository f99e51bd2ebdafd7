"""GANs whose steps are orthogonal to something: old fakes, rules for matrices, surgery in D."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_never_waits, assert_replays, assert_resumes

import tinygen as tg
from tinygen import nn, optim
from tinygen.backend import NUMPY, host
from tinygen.models.gan import (
    OBJECTIVES,
    R1,
    RULES,
    ACGANTrainer,
    AuxiliaryDiscriminator,
    Conditional,
    GANTrainer,
    Orthogonality,
    OrthogonalToOldFakes,
    Packed,
    UnrolledGANTrainer,
    mlp,
)

NOISE, FEATURES, BATCH = 3, 4, 6
APART = [name for name, objective in OBJECTIVES.items() if not objective.relative]


def make(seed=0, kind=GANTrainer, critic=None, **options) -> GANTrainer:
    rng = tg.Generator(seed)
    generator = mlp([NOISE, 5, 7, FEATURES], rng)
    critic = critic(rng) if critic else mlp([FEATURES, 5, 7, 1], rng, slope=0.2)
    options = {"lr": 1e-2, **options}
    return kind(generator, critic, rng=rng, noise_shape=NOISE, **options)


def past(seed=0, capacity=3, every=2):
    kept = OrthogonalToOldFakes(capacity, every)
    return make(seed, transforms=((), [kept]))


def batches(backend, count: int) -> list:
    data = np.random.default_rng(1).normal(size=(count, BATCH, FEATURES)).astype("float32")
    return [backend.from_host(batch) for batch in data]


def flat(arrays) -> np.ndarray:
    return np.concatenate([host(a).reshape(-1) for a in arrays]).astype("float64")


# -- surgery in D ----------------------------------------------------------------------------------


@pytest.mark.parametrize("objective", APART)
def test_the_parts_add_up_to_the_loss(objective):
    plain, apart = make(objective=objective), make(objective=objective, surgery=True)
    [batch] = batches(NUMPY, 1)
    expected, found = plain.step(batch), apart.step(batch)
    assert found["loss_d"].item() == pytest.approx(expected["loss_d"].item(), rel=1e-5)
    assert found["loss_real"].item() != pytest.approx(found["loss_fake"].item())


def gradients_of_the_parts(trainer, batch) -> list[np.ndarray]:
    state = trainer.rng.state_dict()
    terms = trainer.terms_of_d(trainer._round(batch, ()), (0,))
    trainer.rng.load_state_dict(state)
    assert list(terms) == ["loss_real", "loss_fake", "penalty_r1"]
    params = trainer.optimizer_d.params
    found = [tg.grad(term, params, retain_graph=True, allow_unused=True) for term in terms.values()]
    return [
        flat(np.zeros(p.shape) if g is None else g.data for p, g in zip(params, own, strict=True))
        for own in found
    ]


def test_no_part_of_a_step_points_against_another_one():
    trainer = make(surgery=True, regularizers=[R1(3.0)])
    # Where the penalty's and the fakes' gradients conflict, and not by a hair.
    for batch in batches(NUMPY, 5):
        trainer.step(batch)
    [batch] = batches(NUMPY, 1)
    parts = gradients_of_the_parts(trainer, batch)
    products = np.array([[a @ b for a in parts] for b in parts])
    assert (products < -1e-4).any(), "or the test says little"
    trainer.surgery = optim.SharedWeights()
    trainer.step_discriminator(batch, due=(0,))
    first, second, third = parts
    second = second - min(0.0, second @ first) / (first @ first) * first
    third = third - min(0.0, third @ first) / (first @ first) * first
    third = third - min(0.0, third @ parts[1]) / (parts[1] @ parts[1]) * parts[1]
    found = flat(trainer.optimizer_d.gradients.values())
    np.testing.assert_allclose(found, first + second + third, rtol=1e-3, atol=1e-6)
    assert not np.allclose(found, sum(parts), rtol=1e-2), "or nothing was done"


def test_the_labels_of_real_examples_are_smoothed_in_their_part():
    [batch] = batches(NUMPY, 1)
    plain = make(real_label=0.8).step(batch)
    found = make(real_label=0.8, surgery=True).step(batch)
    assert found["loss_d"].item() == pytest.approx(plain["loss_d"].item(), rel=1e-5)


def test_packs_are_taken_apart():
    def critic(rng):
        return Packed(mlp([2 * FEATURES, 5, 1], rng, slope=0.2), 2)

    [batch] = batches(NUMPY, 1)
    plain, found = make(critic=critic).step(batch), make(critic=critic, surgery=True).step(batch)
    assert found["loss_d"].item() == pytest.approx(plain["loss_d"].item(), rel=1e-5)


def test_other_terms_of_d_are_parts_too():
    rng = tg.Generator(0)
    critic = AuxiliaryDiscriminator(
        mlp([FEATURES, 5], rng), nn.Linear(5, 1, rng=rng), nn.Linear(5, 2, rng=rng)
    )
    trainer = ACGANTrainer(
        Conditional(mlp([NOISE + 2, 5, FEATURES], rng), 2), critic,
        rng=rng, noise_shape=NOISE, classes=2, surgery=True,
    )  # fmt: skip
    losses = trainer.step(batches(NUMPY, 1)[0], np.arange(BATCH) % 2)
    assert {"loss_d", "class_d"} <= set(losses)
    assert len(trainer.surgery._products) == 2


# -- old fakes -------------------------------------------------------------------------------------


def test_d_keeps_what_it_said_of_old_fakes(backend):
    trainer = past(capacity=2, every=3)
    [kept] = trainer.optimizer_d.transforms
    data = batches(backend, 8)
    counts = []
    for batch in data:
        trainer.step(batch)
        counts.append(kept.stored)
    assert counts == [0, 0, 1, 1, 1, 2, 2, 2]
    directions = [flat(rows) for rows in zip(*kept.state_dict().values(), strict=True)]
    before = flat(trainer.optimizer_d.gradients.values())
    assert len(directions) == 2
    for direction in directions:
        assert np.linalg.norm(direction) == pytest.approx(1.0, rel=1e-4)
        assert abs(direction @ before) < 1e-5 * np.linalg.norm(before)


def test_a_direction_is_the_gradient_of_the_mean_logit_of_fakes_of_that_time():
    trainer, twin = past(every=1), make()
    [batch] = batches(NUMPY, 1)
    trainer.step(batch), twin.step(batch)
    noise = twin.noise(BATCH)
    fake = twin.generator(tg.Tensor(noise)).detach()
    found = tg.grad(tg.mean(twin.discriminator(fake)), twin.optimizer_d.params)
    expected = flat(g.data for g in found)
    [kept] = trainer.optimizer_d.transforms
    [direction] = [flat(rows) for rows in zip(*kept.state_dict().values(), strict=True)]
    np.testing.assert_allclose(direction, expected / np.linalg.norm(expected), atol=1e-5)


def test_with_labels_the_fakes_have_those_of_the_batch():
    rng = tg.Generator(0)
    kept = OrthogonalToOldFakes(2, 1)
    trainer = GANTrainer(
        Conditional(mlp([NOISE + 2, 5, FEATURES], rng), 2),
        Conditional(mlp([FEATURES + 2, 5, 1], rng, slope=0.2), 2),
        rng=rng, noise_shape=NOISE, classes=2, transforms=((), [kept]),
    )  # fmt: skip
    trainer.step(batches(NUMPY, 1)[0], np.arange(BATCH) % 2)
    assert kept.stored == 1


# -- rules -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("rules", [("adam", "muon"), ("muon", "stiefel"), ("stiefel", "adam")])
def test_each_player_has_its_rule_and_the_rates_are_its_own(rules):
    trainer = make(rules=rules, lr=(1e-3, 2e-3), betas=(0.25, 0.75))
    players = (trainer.optimizer_g, 1e-3), (trainer.optimizer_d, 2e-3)
    for rule, (optimizer, lr) in zip(rules, players, strict=True):
        kind = {"adam": optim.Adam, "muon": optim.Muon, "stiefel": optim.StiefelAdam}[rule]
        assert type(optimizer) is kind
        if rule != "muon":
            assert (optimizer.lr, optimizer.beta1, optimizer.beta2) == (lr, 0.25, 0.75)
            continue
        assert optimizer.lr == pytest.approx(np.sqrt(7 * 0.75 / 1.25) * lr)
        assert (optimizer.adam_lr, optimizer.betas, optimizer.momentum) == (lr, (0.25, 0.75), 0.25)


def test_hidden_is_what_lies_between_the_first_and_the_last_matrix():
    trainer = make(rules=("muon", "stiefel"))
    for optimizer in (trainer.optimizer_g, trainer.optimizer_d):
        assert optimizer.params[0].shape == (7, 5)
        assert sorted(p.ndim for p in optimizer.params[1:]) == [1, 1, 1, 2, 2]


def test_muons_rate_follows_a_schedule():
    trainer = make(rules=("muon", "adam"), lr=lambda step: 1e-3 / (1 + step))
    times = np.sqrt(7 * 0.5 / 1.5)
    assert trainer.optimizer_g.lr(3) == pytest.approx(times * 2.5e-4)


def test_updates_of_muon_are_about_as_large_as_adams():
    sizes = {}
    for rule in ("adam", "muon"):
        rng = tg.Generator(0)
        trainer = GANTrainer(
            mlp([8, 64, 64, 8], rng), mlp([8, 64, 64, 1], rng, slope=0.2), rng=rng, noise_shape=8,
            rules=(rule, rule), lr=1e-3,
        )  # fmt: skip
        hidden = dict(trainer.discriminator.named_parameters())["2.weight"]
        data = np.random.default_rng(0).normal(size=(30, 32, 8)).astype("float32")
        for batch in data:
            before = hidden.numpy().copy()
            trainer.step(batch)
        sizes[rule] = np.sqrt(((hidden.numpy() - before) ** 2).mean())
    assert 1 / 4 < sizes["muon"] / sizes["adam"] < 4


def test_under_stiefel_hidden_matrices_stay_orthonormal(backend):
    trainer = make(rules=("stiefel", "stiefel"), lr=0.1)
    for batch in batches(backend, 20):
        trainer.step(batch)
    for optimizer in (trainer.optimizer_g, trainer.optimizer_d):
        x = host(optimizer.params[0].data)
        np.testing.assert_allclose(x.T @ x, np.eye(5), atol=1e-5)


# -- the penalty -----------------------------------------------------------------------------------


def test_rows_are_pulled_apart_and_keep_their_lengths():
    trainer = make(lr=1e-3)
    critic = trainer.discriminator
    extra = Orthogonality(critic, 2.0)
    weights = [p.numpy().astype("float64") for p in critic.parameters() if p.ndim == 2]
    expected = 0.0
    for w in weights:
        wide = w if w.shape[0] <= w.shape[1] else w.T
        product = wide @ wide.T
        expected += 2.0 * ((product - np.diag(np.diag(product))) ** 2).sum()
    assert extra(None).item() == pytest.approx(expected, rel=1e-5)
    assert expected > 0.01


# -- all of them -----------------------------------------------------------------------------------


KINDS = {
    "surgery": lambda seed=0: make(seed, surgery=True, regularizers=[R1(0.5, every=2)]),
    "old fakes": past,
    "muon": lambda seed=0: make(seed, rules=("muon", "muon")),
    "penalty": lambda seed=0: penalised(seed),
}
by_kind = pytest.mark.parametrize("kind", KINDS)


def penalised(seed: int) -> GANTrainer:
    trainer = make(seed)
    trainer.extras_g = (Orthogonality(trainer.generator, 0.1),)
    trainer.extras_d = (Orthogonality(trainer.discriminator, 0.1),)
    return trainer


@by_kind
def test_a_step_never_waits_for_the_device(kind):
    with tg.use_device("strict") as backend:
        assert_never_waits(KINDS[kind](), [(x,) for x in batches(backend, 7)], before=3)


@pytest.mark.slow
@by_kind
def test_replayed_steps_are_steps(kind, device):
    assert_replays(KINDS[kind](), KINDS[kind](), [(x,) for x in batches(device, 9)])


@pytest.mark.parametrize("kind", [*KINDS, "stiefel"])
def test_a_fresh_trainer_continues_bit_for_bit(kind, backend):
    made = KINDS.get(kind, lambda seed=0: make(seed, rules=("stiefel", "stiefel")))
    assert_resumes(made(), made(seed=7), [(x,) for x in batches(backend, 8)])


@pytest.mark.parametrize(
    ("make_it", "message"),
    [
        (lambda: make(rules=("adam", "sgd")), "unknown rule 'sgd'; known are adam, muon, stiefel"),
        (
            lambda: make(rules=("adam", "muon"), critic=lambda rng: mlp([FEATURES, 5, 1], rng)),
            "a player has 2 in all, so none between",
        ),
        (
            lambda: make(surgery=True, game=optim.games.Optimistic()),
            "surgery takes D's gradient apart, and a game needs it whole",
        ),
        (
            lambda: make(surgery=True, objective="relativistic"),
            "'relativistic' compares real examples with generated ones",
        ),
        (lambda: OrthogonalToOldFakes(3, 0), "every must be at least 1, not 0"),
        (
            lambda: make(kind=UnrolledGANTrainer, unroll=1, rules=("adam", "muon")),
            "the steps ahead are Adam's",
        ),
        (
            lambda: optim.StiefelAdam([("bias", nn.Parameter(tg.ones(3)))]),
            "hidden parameter bias has shape",
        ),
    ],
)  # fmt: skip
def test_refuses(make_it, message):
    with pytest.raises(ValueError, match=message):
        make_it()


def test_every_rule_is_documented():
    assert all(rule.__doc__ for rule in RULES.values())
