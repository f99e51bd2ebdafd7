"""`tinygen train gan-ring` and `gan-grid`: their networks, their scales, and a short run."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinygen import recipes
from tinygen.data import MIXTURES
from tinygen.metrics import mode_coverage
from tinygen.recipes import gan_modes
from tinygen.recipes.gan_modes import UNIT, Scaling

SMALL = {"generator": (6, 6), "discriminator": (32, 8), "steps": 9, "batch": 16}


def made(name: str = "gan-grid", **settings):
    recipe = recipes.find(name)
    return recipe.build(recipes.resolve(recipe, SMALL | settings))


@pytest.mark.parametrize("name", ["gan-ring", "gan-grid"])
def test_networks_see_one_scale_and_samples_come_back_in_the_datas(name):
    experiment = made(name)
    (seen,) = experiment.prepare(experiment.loader.next_batch())
    assert seen.dtype == np.float32
    rows = experiment.data.train
    scaling = Scaling.of(rows)
    assert scaling.apply(rows).std() == pytest.approx(UNIT, rel=1e-3)
    np.testing.assert_allclose(scaling.undo(scaling.apply(rows)), rows, atol=1e-5)
    trainer = experiment.trainer
    noise = trainer.noise(5)
    own = trainer.sample(5, noise)
    trainer.undo = None
    np.testing.assert_allclose(own, scaling.undo(trainer.sample(5, noise)), rtol=1e-5)


def test_constant_data_is_only_centred():
    rows = np.full((4, 3), 7.0, "float32")
    assert not Scaling.of(rows).apply(rows).any()


def test_the_first_hyperplanes_lie_all_over_the_data_and_not_beyond():
    trainer = made(discriminator=(512, 8), reach=1.5).trainer
    first = trainer.discriminator[0]
    distances = first.bias.numpy() / np.linalg.norm(first.weight.numpy(), axis=1)
    reach = 1.5 * UNIT
    assert abs(distances).max() <= reach
    shares = np.histogram(distances, 4, (-reach, reach))[0] / 512
    assert (abs(shares - 0.25) < 0.08).all()
    first = made(reach=0.0).trainer.discriminator[0]
    assert not first.bias.numpy().any()


def test_weights_are_orthogonal_with_the_gain_and_otherwise_as_layers_start():
    weight = made(gain=3.0).trainer.generator[2].weight.numpy()
    np.testing.assert_allclose(weight @ weight.T, 9.0 * np.eye(6), atol=1e-5)
    usual = made(gain=0.0).trainer.generator[2]
    assert abs(usual.weight.numpy()).max() <= 1 / np.sqrt(6)
    assert usual.bias.numpy().any()


def test_settings_reach_the_trainer():
    trainer = made(lr=1e-3, d_lr=4e-3, beta1=0.25, beta2=0.75).trainer
    names = [type(r).__name__ for r in trainer.regularizers]
    assert names == ["R1", "R2"]
    assert trainer.optimizer_g.lr(0) == 1e-3
    assert trainer.optimizer_d.lr(0) == 4e-3
    assert trainer.optimizer_g.lr(9) == pytest.approx(0.0, abs=1e-12)
    assert trainer.blurred.steps == 3
    steady = made(decay=False, second_penalty="none").trainer
    assert len(steady.regularizers) == 1
    assert steady.optimizer_g.lr == 2e-3


def test_a_run_prints_the_modes_and_draws_points(run):
    said = run.train("--set", "generator=6", "--out", "made", recipe="gan-ring", steps=4)
    assert said.code == 0
    assert "8 modes reached" in said.out
    evaluation = json.loads(Path("made/evaluation/step-000004.json").read_text())
    assert evaluation["modes_there_are"] == 8


def test_other_data_is_learned_too(run):
    said = run.train("--data", "digits", "--set", "generator=6", recipe="gan-grid", steps=3)
    assert said.code == 0


@pytest.mark.slow
def test_the_recipe_reaches_all_modes_of_the_ring():
    experiment = made("gan-ring", **{
        name: getattr(gan_modes.COVERING, name) for name in SMALL
    }, seed=7)  # fmt: skip
    for _ in range(gan_modes.COVERING.steps):
        experiment.step()
    found = mode_coverage(experiment.trainer.sample(2_500), MIXTURES["ring"])
    assert found.modes == 8
    assert found.high_quality >= 0.9


def test_the_two_recipes_differ_by_their_data_alone():
    ring, grid = (recipes.find(name).defaults for name in ("gan-ring", "gan-grid"))
    assert replace(ring, data="grid") == grid
