"""`tinygen train beam`, `amortised-cd`, `rbm-prior-gan` and `energy-gan`, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from checks import flat
from commands import everything_in, look, samples_in

from tinygen import recipes
from tinygen.recipes import adversarial_energy, adversarial_energy_gan

RBMS = [recipe.name for recipe in adversarial_energy.RECIPES]
GANS = [recipe.name for recipe in adversarial_energy_gan.RECIPES]
COMMON = {"batch": 8, "report_every": 2, "checkpoint_every": 3, "data": "digits"}
CONSTANT = {"decay": "false", "instance_noise": 0}
"""What falls over all steps would fall otherwise in a run that is told of fewer."""
SMALL = {
    "beam": {"hidden": 6, "chains": 5, "burn_in": 3},
    "amortised-cd": {"hidden": 6, "chains": 5, "burn_in": 3, "noise": 4, "generator": 8},
    "rbm-prior-gan": {
        **CONSTANT,
        "generator": 8,
        "discriminator": 8,
        "noise": 6,
        "hidden": 5,
        "burn_in": 3,
    },
    "energy-gan": {**CONSTANT, "generator": 8, "discriminator": 8, "noise": 6},
}


@pytest.fixture
def unmeasured(monkeypatch):
    """Runs end without an evaluation, which takes most of their time."""
    monkeypatch.setattr("tinygen.commands.train.can_be_evaluated", lambda experiment: False)


def words(recipe: str, **more) -> list[str]:
    settings = COMMON | SMALL[recipe] | more
    return [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]


def train(run, recipe: str, steps: int, out: str, **more):
    return run("train", recipe, "--steps", steps, "--out", out, *words(recipe, **more))


def made(recipe: str, **more) -> recipes.Experiment:
    """The recipe with small settings, as texts."""
    settings = {name: str(value) for name, value in (COMMON | SMALL[recipe] | more).items()}
    found = recipes.find(recipe)
    return found.build(recipes.resolve(found, settings))


def weights_after(recipe: str, steps: int, **more) -> dict[str, bytes]:
    """All arrays of the trainer's state that training has changed."""
    experiment = made(recipe, **more)
    for _ in range(steps):
        experiment.step()
    return {name: value.tobytes() for name, value in flat(experiment.trainer.state_dict()).items()}


@pytest.mark.parametrize("device", ["cpu", "strict"])
@pytest.mark.parametrize("recipe", [*RBMS, *GANS])
def test_two_steps_on_each_device_and_everything_is_finite(recipe, device):
    experiment = made(recipe, device=device)
    for _ in range(2):
        losses = {name: float(value) for name, value in experiment.step().items()}
        assert np.isfinite(list(losses.values())).all()
    assert experiment.pictures()["samples"].startswith(b"\x89PNG")
    assert np.isfinite(experiment.trainer.sample(5)).all()


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("recipe", [*RBMS, *GANS])
def test_a_run_leaves_a_model_to_sample_and_resumes_bit_for_bit(run, recipe):
    assert train(run, recipe, 6, "whole").code == 0
    assert train(run, recipe, 3, "parts").code == 0
    assert run("train", "--resume", "parts", "--steps", 6).code == 0
    whole, parts = everything_in(Path("whole")), everything_in(Path("parts"))
    weights = "checkpoints/step-000006/arrays.safetensors"
    assert whole[weights] == parts[weights]
    assert look("whole/samples/step-000006.png")[1] == "L"
    assert run("sample", "whole", "-n", 3, "--out", "three.npz").code == 0
    assert samples_in("three.npz").shape == (3, 8, 8)
    lines = [json.loads(line) for line in Path("whole/metrics.jsonl").read_text().splitlines()]
    expected = "free_energy_gap" if recipe in RBMS else "loss_d"
    assert expected in lines[-1]


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("recipe", GANS)
def test_mixtures_in_the_plane_are_theirs(run, recipe):
    assert train(run, recipe, 4, "grid", data="grid").code == 0
    assert look("grid/samples/step-000004.png")[1] == "RGB"


@pytest.mark.parametrize(("recipe", "setting"), [
    ("beam", {"gamma": 0.9}), ("beam", {"gamma": 1}), ("beam", {"neighbours": 2}),
    ("beam", {"softness": 1.0}), ("beam", {"units": "hidden"}), ("beam", {"negative": "cd"}),
    ("amortised-cd", {"layer": "hidden"}), ("amortised-cd", {"weighted": "false"}),
    ("amortised-cd", {"negative": "mixture"}), ("amortised-cd", {"noise": 5}),
    ("amortised-cd", {"generator_lr": 0.1}), ("amortised-cd", {"generator": 9}),
    ("rbm-prior-gan", {"hidden": 7}), ("rbm-prior-gan", {"prior_lr": 0.5}),
    ("energy-gan", {"entropy": 3}), ("energy-gan", {"critic_ema": 0.5}),
    ("energy-gan", {"gain": 1}), ("energy-gan", {"reach": 1}),
], ids=str)  # fmt: skip
def test_every_setting_changes_what_is_trained(recipe, setting):
    """An option that does nothing would leave the plain run's weights."""
    assert weights_after(recipe, 4) != weights_after(recipe, 4, **setting)


def test_the_projection_changes_a_step_that_goes_against_the_likelihood():
    """At random weights both parts agree; trained for long, they do not always."""
    settings = {"gamma": 0.01, "lr": 1.0}
    assert weights_after("beam", 40, **settings) != weights_after(
        "beam", 40, **settings, projected="true"
    )


@pytest.mark.parametrize("recipe", RBMS)
def test_points_in_the_plane_are_no_binary_images(run, recipe):
    result = run("train", recipe, "--data", "ring", "--steps", 2)
    assert "needs images, whose pixels it thresholds" in result.sentence


@pytest.mark.parametrize(("recipe", "setting", "message"), [
    ("energy-gan", "objective=hinge", "known are wasserstein"),
    ("energy-gan", "real_label=0.9", "has no labels to smooth"),
    ("beam", "gamma=0", "gamma must be"),
    ("amortised-cd", "negative=pcd", "known are generator, mixture"),
    ("amortised-cd", "layer=middle", "known are visible, hidden"),
    ("rbm-prior-gan", "noise=0", "noise must be"),
])  # fmt: skip
def test_settings_without_sense_are_refused(run, recipe, setting, message):
    result = run("train", recipe, "--steps", 2, *words(recipe), "--set", setting)
    assert message in result.sentence
