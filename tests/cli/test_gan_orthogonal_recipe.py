"""`tinygen train og-gan`: each setting reaches the trainer, and what contradicts is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen import optim, recipes
from tinygen.config import ConfigError
from tinygen.models.gan import Orthogonality, OrthogonalToOldFakes
from tinygen.recipes.gan_modes import Scaling

SMALL = {"generator": (6, 5), "discriminator": (8, 7), "steps": 9, "batch": 16, "noise": 3}


def made(**settings):
    recipe = recipes.find("og-gan")
    return recipe.build(recipes.resolve(recipe, {**SMALL, "game": "none", **settings}))


def kinds(transforms) -> list[type]:
    return [type(transform) for transform in transforms]


@pytest.mark.parametrize(
    ("settings", "of_g", "of_d"),
    [
        ({}, [], []),
        ({"transforms": "to-weights"}, [optim.OrthogonalToWeights], [optim.OrthogonalToWeights]),
        (
            {"transforms": "to-weights", "d_transforms": "none"},
            [optim.OrthogonalToWeights],
            [],
        ),
        ({"d_transforms": "to-weights"}, [], [optim.OrthogonalToWeights]),
        (
            {"transforms": "to-weights", "d_transforms": "to-past"},
            [optim.OrthogonalToWeights],
            [OrthogonalToOldFakes],
        ),
    ],
)
def test_transforms_are_each_players_own(settings, of_g, of_d):
    trainer = made(**settings).trainer
    assert kinds(trainer.optimizer_g.transforms) == of_g
    assert kinds(trainer.optimizer_d.transforms) == of_d


def test_what_the_past_keeps_is_set():
    trainer = made(d_transforms="to-past", directions=7, remember_every=4).trainer
    [kept] = trainer.optimizer_d.transforms
    assert (kept.capacity, kept.every) == (7, 4)


def test_surgery_goes_on_in_d():
    experiment = made(surgery=True, penalty="r1")
    assert {"loss_real", "loss_fake", "loss_d", "penalty_r1"} <= set(experiment.step())


@pytest.mark.parametrize(
    ("settings", "of_g", "of_d"),
    [
        ({}, optim.Adam, optim.Adam),
        ({"rule": "muon"}, optim.Muon, optim.Muon),
        ({"d_rule": "stiefel"}, optim.Adam, optim.StiefelAdam),
        ({"rule": "muon", "d_rule": "adam"}, optim.Muon, optim.Adam),
    ],
)
def test_rules_are_each_players_own(settings, of_g, of_d):
    trainer = made(**settings).trainer
    assert (type(trainer.optimizer_g), type(trainer.optimizer_d)) == (of_g, of_d)


def test_the_penalty_is_on_both_players_matrices():
    trainer = made(orthogonality=0.5).trainer
    found = [*trainer.extras_g, *trainer.extras_d]
    assert [(type(e), e.weight) for e in found] == [(Orthogonality, 0.5)] * 2
    assert {"orthogonality_d", "orthogonality_g"} <= set(made(orthogonality=0.5).step())
    assert not made().trainer.extras_d


def test_rates_stay_for_half_of_the_steps_and_then_fall_to_0():
    trainer = made(decay=True, steps=100, lr=1e-3, d_lr=4e-3).trainer
    for optimizer, lr in ((trainer.optimizer_g, 1e-3), (trainer.optimizer_d, 4e-3)):
        found = [optimizer.lr(step) for step in (0, 50, 75, 90, 100, 120)]
        assert found == pytest.approx([lr, lr, 0.5 * lr, 0.2 * lr, 0.0, 0.0])
    steady = made(lr=1e-3, d_lr=0.0).trainer
    assert steady.optimizer_g.lr == steady.optimizer_d.lr == 1e-3


@pytest.mark.parametrize("data", ["ring", "grid"])
def test_mixtures_have_the_smooth_networks_and_their_scale(data):
    recipe = recipes.find("og-gan")
    config = recipes.resolve(recipe, {"data": data, "game": "none"})
    twin = recipes.find(f"gan-{data}").defaults
    same = ("noise", "generator", "discriminator", "gain", "batch", "steps")
    assert [getattr(config, name) for name in same] == [getattr(twin, name) for name in same]
    experiment = recipe.build(config)
    assert {type(m).__name__ for m in experiment.trainer.generator} == {"Linear", "Tanh"}
    (seen,) = experiment.prepare(experiment.loader.next_batch())
    rows = experiment.data.train
    assert seen.std() == pytest.approx(Scaling.of(rows).apply(rows).std(), rel=0.1)
    trainer, scaling = experiment.trainer, Scaling.of(rows)
    noise = trainer.noise(9)
    samples, trainer.undo = trainer.sample(9, noise), None
    np.testing.assert_allclose(samples, scaling.undo(trainer.sample(9, noise)), rtol=1e-5)


def test_plain_settings_are_the_plain_gan_of_gan_modes():
    plain = {
        **SMALL, "data": "grid", "objective": "non-saturating", "penalty": "none",
        "second_penalty": "none", "instance_noise": 0.0, "ema": 0.0, "decay": False,
        "reach": 0.0, "beta2": 0.999, "lr": 1e-3, "beta1": 0.0,
    }  # fmt: skip
    other = recipes.find("gan-grid")
    twin = other.build(recipes.resolve(other, plain))
    experiment = made(data="grid", penalty="none", lr=1e-3, beta1=0.0)
    for _ in range(3):
        expected, found = twin.step(), experiment.step()
        assert {k: v.item() for k, v in found.items()} == {k: v.item() for k, v in expected.items()}


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"surgery": True, "game": "rotation"}, "game=rotation needs it whole: set game=none"),
        ({"rule": "muon", "generator": (6,)}, "muon is for .* and generator has 1 of"),
        ({"d_rule": "stiefel", "discriminator": ()}, "discriminator has 0 of these"),
        ({"surgery": True, "objective": "relativistic"}, "compares real examples with generated"),
    ],
)
def test_settings_that_contradict_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        made(**settings)


def test_a_run_with_all_that_goes_together(run):
    said = run.train(
        "--set", "game=none", "--set", "surgery=true", "--set", "transforms=to-weights",
        "--set", "d_transforms=to-past", "--set", "d_rule=muon", "--set", "orthogonality=1e-4",
        "--set", "remember_every=2", "--set", "discriminator=8,7", recipe="og-gan", steps=5,
    )  # fmt: skip
    assert said.code == 0
