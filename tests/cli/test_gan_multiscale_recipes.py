"""The recipes of GANs of several scales, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import everything_in, look, samples_in, save_images

from tinygen import nn, recipes
from tinygen.recipes import gan_multiscale

NAMES = [recipe.name for recipe in gan_multiscale.RECIPES]
SMALL = [
    "--set", "batch=8", "--set", "channels=8,6,4", "--set", "report_every=2", "--set",
    "checkpoint_every=3", "--set", "watch_every=100",
]  # fmt: skip


@pytest.fixture(autouse=True)
def unmeasured(monkeypatch):
    """Runs end without an evaluation, which takes most of their time."""
    monkeypatch.setattr("tinygen.commands.train.can_be_evaluated", lambda experiment: False)


def train(run, recipe: str, out: str, steps: int, *more: object):
    phase = ["--set", "phase=1"] if recipe == "progressive" else []
    return run("train", recipe, "--steps", steps, "--out", out, *SMALL, *phase, *more)


@pytest.mark.parametrize(
    "recipe",
    [pytest.param(n, marks=() if n == "progressive" else pytest.mark.slow) for n in NAMES],
)
def test_a_run_shows_every_scale_and_resumes_bit_for_bit(run, recipe):
    """Progressive growing is stopped while its last scale fades in."""
    assert train(run, recipe, "whole", 5).code == 0
    assert train(run, recipe, "parts", 3).code == 0
    assert run("train", "--resume", "parts", "--steps", 5).code == 0
    weights = "checkpoints/step-000005/arrays.safetensors"
    assert everything_in(Path("whole"))[weights] == everything_in(Path("parts"))[weights]
    sizes = {look(f"whole/{series}/step-000005.png")[0] for series in
             ("samples", "samples-8", "samples-16")}  # fmt: skip
    assert len(sizes) == 1
    assert run("report", "whole", "--out", "report.html").code == 0
    assert all(f"samples-{size}" in Path("report.html").read_text() for size in (8, 16))
    lines = [json.loads(line) for line in Path("whole/metrics.jsonl").read_text().splitlines()]
    assert {"loss_d", "loss_g"} <= set(lines[-1])
    assert run("sample", "whole", "-n", 3, "--out", "three.npz").code == 0
    values = samples_in("three.npz")
    assert values.shape == (3, 32, 32)
    assert values.max() <= 2  # residuals of an untrained LAPGAN may add up to more than 1


@pytest.mark.slow
@pytest.mark.parametrize("recipe", NAMES)
def test_the_exported_players_are_loaded_alone(run, recipe):
    assert train(run, recipe, "run", 3).code == 0
    assert run("export", "run", "--out", "exported").code == 0
    found = {path.stem: nn.load(path) for path in Path("exported").glob("*.safetensors")}
    config = json.loads(Path("run/config.json").read_text())
    experiment = recipes.find(recipe).build(recipes.from_dict(config)[1])
    for player in ("generator", "discriminator"):
        getattr(experiment.trainer, player).load_state_dict(found[player])


@pytest.mark.parametrize("kind", ["attention", "recurrent"])
def test_the_kind_of_features_is_a_setting(run, kind):
    assert train(run, "msg-gan", kind, 2, "--set", f"features={kind}").code == 0
    state = nn.load(Path(kind, "checkpoints/step-000002/arrays.safetensors"))
    part = {"attention": "gamma", "recurrent": "weight_hh_l0_reverse"}[kind]
    assert any(name.endswith(part) for name in state)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["msg-gan", "--set", "features=fourier"], "features"),
        (["msg-gan", "--set", "channels=8,4"], "channels must be three numbers, not 2"),
        (["sagan", "--set", "channels=8,4,3"], "features=attention needs even numbers"),
        (["lapgan", "--data", "ring"], "lapgan needs images"),
        (["msg-gan", "--set", "batch=10"], "groups of 4, and batch=10"),
        (["progressive", "--set", "phase=0"], "phase"),
        (["lapgan", "--set", "phase=3"], "unknown setting 'phase'"),
        (["sagan", "--set", "real_label=0.9"], "has no labels to smooth"),
    ],
)
def test_settings_that_do_not_fit_are_refused_in_one_sentence(run, arguments, message):
    assert message in run("train", *arguments).sentence


def test_any_image_data_of_up_to_32_pixels_is_trained_on(run):
    save_images(Path("own.npz"), shape=(3, 12, 12))
    assert train(run, "msg-gan", "colour", 2, "--data", "own.npz").code == 0
    assert look("colour/samples/step-000002.png")[1] == "RGB"


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["progressive"])
def test_a_saved_run_is_evaluated_on_held_out_data(run, recipe):
    """The networks are built anew and loaded from their files."""
    assert train(run, recipe, "run", 3).code == 0
    told = run("evaluate", "run")
    assert told.code == 0, told.err
    for measure in ("coverage", "sliced Wasserstein, 32x32", "sliced Wasserstein, 16x16"):
        assert measure in told.out
