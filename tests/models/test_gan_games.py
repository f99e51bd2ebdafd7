"""`GANTrainer(game=...)`: all that both players minimise, differentiated twice, with any option."""

from __future__ import annotations

import numpy as np
import pytest
from checks import assert_never_waits, assert_replays, assert_resumes

import tinygen as tg
from tinygen import nn
from tinygen.backend import host
from tinygen.models.gan import (
    OBJECTIVES,
    R1,
    REGULARIZERS,
    BiGANTrainer,
    Discriminator,
    FeatureMatching,
    GANTrainer,
    HistoricalAveraging,
    Packed,
    UnrolledGANTrainer,
    mlp,
)
from tinygen.optim import SGD, OrthogonalToWeights
from tinygen.optim.games import (
    Alternating,
    Consensus,
    Extragradient,
    Game,
    Optimistic,
    RotationCorrection,
    Simultaneous,
)
from tinygen.recipes import find, resolve

NOISE, FEATURES, BATCH = 3, 4, 6

GAMES = {
    "simultaneous": Simultaneous,
    "alternating": Alternating,
    "rotation": lambda: RotationCorrection(report=True),
    "consensus": lambda: Consensus(0.1),
    "optimistic": Optimistic,
    "extragradient": Extragradient,
}
by_game = pytest.mark.parametrize("game", GAMES)


def make(game=None, seed=0, discriminator=None, kind=GANTrainer, **options) -> GANTrainer:
    rng = tg.Generator(seed)
    generator = mlp([NOISE, 5, FEATURES], rng)
    critic = discriminator(rng) if discriminator else mlp([FEATURES, 5, 1], rng, slope=0.2)
    options = {"game": game and GAMES[game](), "lr": 1e-2, **options}
    return kind(generator, critic, rng=rng, noise_shape=NOISE, **options)


def batches(backend, count: int, dtype="float32") -> list:
    data = np.random.default_rng(1).normal(size=(count, BATCH, FEATURES)).astype(dtype)
    return [backend.from_host(batch) for batch in data]


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_in_float32_the_correction_is_orthogonal_too(objective):
    trainer = make("rotation", objective=objective, regularizers=[R1(1.0)])
    trainer.game.__class__ = type("Spy", (RotationCorrection,), {"_look": spied})
    trainer.step(batches(tg.backend.NUMPY, 1)[0])
    assert abs(trainer.game.cosine) < 1e-6


def spied(self, field, vector):
    self.cosine = float(field.cosine(field.a_transposed_xi))
    return {}


# -- a game of which everything is known ----------------------------------------------------------


def distance_after(game: Game, steps: int, objective: str = "minimax") -> float:
    """The Dirac-GAN: data at 0, G generates theta, D(x) = psi x; |(theta, psi)| from 1.

    Mescheder et al. 2018, "Which training methods for GANs do actually converge?", section 2.
    """
    theta, psi = (tg.tensor([[v]], dtype="float64", requires_grad=True) for v in (0.8, 0.6))
    target = np.array([[1.0], [0.0]])
    of = OBJECTIVES[objective]
    game.bind([SGD([psi], lr=0.1), SGD([theta], lr=0.1)])

    def losses():
        fake = psi * theta
        logits = tg.concatenate([0.0 * psi, fake])
        return [of.discriminator(logits, target), of.generator(fake)]

    for _ in range(steps):
        game.step(losses)
    return float(np.hypot(theta.item(), psi.item()))


@pytest.mark.parametrize("objective", ["minimax", "wasserstein"])
def test_the_dirac_gan_converges_by_all_but_plain_descent(objective):
    distances = {
        name: distance_after(make(), 400, objective)
        for name, make in GAMES.items() if name != "consensus"
    }  # fmt: skip
    distances["consensus"] = distance_after(Consensus(1.0), 400, objective)
    assert distances.pop("simultaneous") > 1.0
    assert distances.pop("alternating") > 0.5
    assert max(distances.values()) < 0.75, distances
    assert max(distances["rotation"], distances["consensus"]) < 1e-2, distances


# -- the trainer -----------------------------------------------------------------------------------


@by_game
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_step_moves_both_players_and_names_their_losses(backend, objective, game):
    trainer = make(game, objective=objective, regularizers=[R1(0.1)])
    players = trainer.optimizer_d.params, trainer.optimizer_g.params
    before = [[host(p.data).copy() for p in own] for own in players]
    for batch in batches(backend, 2):
        losses = trainer.step(batch)
    reported = ["rotation_index", "cosine"] if game == "rotation" else []
    assert list(losses) == ["loss_d", "penalty_r1", "loss_g", *reported]
    assert all(np.isfinite(value.item()) for value in losses.values())
    for own, old in zip(players, before, strict=True):
        assert all(np.isfinite(host(p.data)).all() for p in own)
        assert any((host(p.data) != w).any() for p, w in zip(own, old, strict=True))


def test_losses_are_those_at_the_weights_before_the_step():
    for game in GAMES:
        trainer, plain = make(game), make()
        batch = batches(tg.backend.NUMPY, 1)[0]
        assert trainer.step(batch)["loss_d"].item() == plain.step(batch)["loss_d"].item()


@by_game
def test_both_players_take_one_step_and_two_of_extragradient(game):
    trainer = make(game, ema_decay=0.9)
    for batch in batches(tg.backend.NUMPY, 3):
        trainer.step(batch)
    count = 6 if game == "extragradient" else 3
    assert trainer.optimizer_d.steps == trainer.optimizer_g.steps == count
    assert trainer.average.updates == trainer.steps == 3


def spectral(rng):
    layers = mlp([FEATURES, 5, 1], rng, slope=0.2)
    return nn.Sequential(
        *(nn.SpectralNorm(m, rng=rng) if isinstance(m, nn.Linear) else m for m in layers)
    )


def with_extras(game, seed=0):
    rng = tg.Generator(seed)
    generator = mlp([NOISE, 5, FEATURES], rng)
    critic = Discriminator(mlp([FEATURES, 5], rng), nn.Linear(5, 1, rng=rng))
    return GANTrainer(
        generator, critic, rng=rng, noise_shape=NOISE, lr=1e-2, game=GAMES[game](),
        extras_g=[FeatureMatching(critic.features), HistoricalAveraging(generator, 0.1)],
        extras_d=[HistoricalAveraging(critic, 0.1)],
        instance_noise=0.1, instance_noise_steps=9, ema_decay=0.9, regularizers=[R1(0.5, every=3)],
    )  # fmt: skip


def bidirectional(game, seed=0):
    rng = tg.Generator(seed)
    return BiGANTrainer(
        mlp([NOISE, 5, FEATURES], rng), mlp([FEATURES, 5, NOISE], rng),
        mlp([FEATURES + NOISE, 5, 1], rng, slope=0.2), latent=NOISE, rng=rng, game=GAMES[game](),
        regularizers=[R1(0.5)],
    )  # fmt: skip


TRAINERS = {
    **{name: lambda seed=0, name=name: make(name, seed) for name in GAMES},
    "extras, rotation": lambda seed=0: with_extras("rotation", seed),
    "extras, optimistic": lambda seed=0: with_extras("optimistic", seed),
    "spectral": lambda seed=0: make("rotation", seed, spectral),
    "packed": lambda seed=0: make(
        "rotation", seed, lambda rng: Packed(mlp([2 * FEATURES, 5, 1], rng, slope=0.2), 2)
    ),
    "unrolled": lambda seed=0: make("rotation", seed, kind=UnrolledGANTrainer, unroll=1),
    "bidirectional": lambda seed=0: bidirectional("rotation", seed),
    "penalised": lambda seed=0: make(
        "rotation", seed, regularizers=[r(0.5, 1) for r in REGULARIZERS.values()]
    ),
}
by_trainer = pytest.mark.parametrize("name", TRAINERS)


@by_trainer
def test_a_step_never_waits_for_the_device(name):
    with tg.use_device("strict") as backend:
        assert_never_waits(TRAINERS[name](), [(x,) for x in batches(backend, 6)], before=3)


@pytest.mark.slow
@by_trainer
def test_replayed_steps_are_steps(name, device):
    assert_replays(TRAINERS[name](), TRAINERS[name](), [(x,) for x in batches(device, 9)])


@by_trainer
def test_a_fresh_trainer_continues_bit_for_bit(name, backend):
    data = [(x,) for x in batches(backend, 6)]
    assert_resumes(TRAINERS[name](), TRAINERS[name](seed=7), data)


def test_labels_go_to_both_players(backend):
    rng = tg.Generator(0)

    class Labelled(nn.Module):
        def __init__(self, network):
            self.network = network

        def forward(self, x, labels):
            marks = tg.Tensor((labels[:, None] == backend.arange(2)).astype(x.dtype))
            return self.network(tg.concatenate([x, marks], 1))

    trainer = GANTrainer(
        Labelled(mlp([NOISE + 2, 5, FEATURES], rng)), Labelled(mlp([FEATURES + 2, 5, 1], rng)),
        rng=rng, noise_shape=NOISE, classes=2, game=RotationCorrection(), regularizers=[R1(0.1)],
    )  # fmt: skip
    labels = backend.arange(BATCH) % 2
    losses = trainer.step(batches(backend, 1)[0], labels)
    assert all(np.isfinite(value.item()) for value in losses.values())


def test_a_game_with_steps_of_one_player_alone_is_refused():
    with pytest.raises(ValueError, match="d_steps is 2; leave it at 1"):
        make("rotation", d_steps=2)


def test_one_game_for_two_trainers_is_refused():
    game = Optimistic()
    rng = tg.Generator(0)
    for expected in (False, True):
        players = mlp([NOISE, 5, FEATURES], rng), mlp([FEATURES, 5, 1], rng)
        if expected:
            with pytest.raises(ValueError, match="make a second one"):
                GANTrainer(*players, rng=rng, noise_shape=NOISE, game=game)
        else:
            GANTrainer(*players, rng=rng, noise_shape=NOISE, game=game)


# -- with transforms, and as a recipe --------------------------------------------------------------


@pytest.mark.parametrize("game", [None, "rotation"])
def test_transforms_are_of_both_players_gradients(backend, game):
    transforms = [OrthogonalToWeights(report=True)], [OrthogonalToWeights(report=True)]
    trainer = make(game, transforms=transforms)
    assert trainer.optimizer_g.transforms == transforms[0]
    assert trainer.optimizer_d.transforms == transforms[1]
    weights = [host(p.data).copy() for p in trainer.optimizer_d.params]
    trainer.step(batches(backend, 1)[0])
    found = [host(g) for g in trainer.optimizer_d.gradients.values()]
    for w, g in zip(weights, found, strict=True):
        if w.ndim == 2:
            assert abs((w * g).sum()) < 1e-5 * np.linalg.norm(w) * np.linalg.norm(g)
    plain = make(game)
    plain.step(batches(backend, 1)[0])
    (weight, *_), (gradient, *_) = weights, plain.optimizer_d.gradients.values()
    assert abs((weight * host(gradient)).sum()) > 1e-4, "or the test says little"


@pytest.mark.parametrize("game", ["none", "rotation", "consensus", "optimistic", "extragradient"])
def test_the_recipe_is_e1s_networks_under_each_game(game):
    recipe = find("og-gan")
    assert recipe.defaults.game == "rotation"
    settings = {"game": game, "transforms": "to-weights", "data": "digits"}
    experiment = recipe.build(resolve(recipe, settings))
    trainer = experiment.trainer
    shapes = [p.shape for p in trainer.generator.parameters() if len(p.shape) == 2]
    assert shapes == [(128, 100), (128, 128), (100, 128), (64, 100)]
    shapes = [p.shape for p in trainer.discriminator.parameters() if len(p.shape) == 2]
    assert shapes == [(128, 64), (128, 128), (1, 128)]
    assert isinstance(trainer.game, type(None) if game == "none" else type(GAMES[game]()))
    for _ in range(2):
        losses = experiment.step()
    assert all(np.isfinite(float(value)) for value in losses.values())
    assert trainer.optimizer_d.transforms
