"""The recipes of the GAN family, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in, look, samples_in

from tinygen import recipes
from tinygen.recipes import gan_family

TABLE = Path(__file__).parents[2] / "examples/data/cells.csv"

SETTINGS = (
    "spectral_norm=true", "pack=2", "minibatch=3", "feature_matching=0.5", "historical=0.1",
    "unroll=2", "preprocess=true", "instance_noise=0.1", "d_lr=1e-4", "penalty=dragan",
    "objective=relativistic",
)  # fmt: skip


@pytest.fixture
def unmeasured(monkeypatch):
    """Runs end without an evaluation, which takes most of their time."""
    monkeypatch.setattr("tinygen.commands.train.can_be_evaluated", lambda experiment: False)


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("recipe", [r.name for r in gan_family.RECIPES])
def test_a_run_leaves_measures_and_a_model_to_sample_and_resumes_bit_for_bit(run, recipe):
    assert run.train("--out", "whole", recipe=recipe, steps=6).code == 0
    assert run.train("--out", "parts", recipe=recipe, steps=3).code == 0
    assert run("train", "--resume", "parts", "--steps", 6).code == 0
    whole, parts = everything_in(Path("whole")), everything_in(Path("parts"))
    weights = "checkpoints/step-000006/arrays.safetensors"
    assert whole[weights] == parts[weights]
    assert look("whole/samples/step-000005.png")[1] == "L"
    lines = [json.loads(line) for line in Path("whole/metrics.jsonl").read_text().splitlines()]
    assert {"loss_d", "loss_g"} <= set(lines[-1])
    assert run("sample", "whole", "-n", 3, "--out", "three.npz").code == 0
    values = samples_in("three.npz")
    assert values.shape == (3, 8, 8)
    assert values.min() >= 0
    assert values.max() <= 1


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("setting", SETTINGS)
def test_every_setting_trains_and_changes_what_is_trained(run, setting):
    """An option that does nothing would leave the plain run's weights."""
    assert run.train("--out", "plain").code == 0
    assert run.train("--out", "set", "--set", setting).code == 0
    weights = "checkpoints/step-000004/arrays.safetensors"
    assert Path("plain", weights).read_bytes() != Path("set", weights).read_bytes()


@pytest.mark.usefixtures("unmeasured")
def test_all_settings_go_together(run):
    together = [part for setting in SETTINGS for part in ("--set", setting)]
    assert run.train(*together).code == 0
    line = json.loads(Path("runs/gan-digits-1/metrics.jsonl").read_text().splitlines()[0])
    for name in ("feature_matching_g", "historical_g", "historical_d", "penalty_dragan"):
        assert np.isfinite(line[name])


@pytest.mark.usefixtures("unmeasured")
def test_preprocessing_is_recorded_with_the_run(run):
    assert run.train("--set", "preprocess=true").code == 0
    record = json.loads(Path("runs/gan-digits-1/data.json").read_text())["preprocessing"]
    assert len(record["mean"]) == len(record["std"]) == 64
    assert record["bounds"] == [0.0, 1.0]


def test_a_table_is_learned_and_its_columns_judged(run):
    assert run.train("--data", TABLE).code == 0
    folder = Path("runs/gan-cells-1")
    found = json.loads((folder / "evaluation/step-000004.json").read_text())
    assert set(found["kolmogorov_smirnov"]) >= {"radius", "texture", "area"}
    assert 0 < found["kolmogorov_smirnov_of_training_data"] < 0.15
    assert "energy_distance" in found
    assert run("sample", folder, "-n", 5, "--out", "made.csv").code == 0
    header, *rows = Path("made.csv").read_text().splitlines()
    assert header == "radius,texture,area,smoothness,compactness,concavity,concave_points"
    assert len(rows) == 5


@pytest.mark.parametrize(("settings", "message"), [
    (("--set", "pack=3"), "pack=3 does not divide batch=8: take a multiple of the pack."),
    (("--set", "output=sigmoid", "--data", TABLE), "and cells has values from -"),
    (("--set", "output=sigmoid", "--set", "preprocess=true", "--data", TABLE),
     "output=sigmoid reaches from 0 to 1 only"),
    (("--set", "objective=hinge", "--set", "real_label=0.9"), "has no labels to smooth"),
])  # fmt: skip
def test_settings_that_do_not_go_together_are_one_sentence(run, tmp_path, settings, message):
    before = everything_in(tmp_path)
    assert message in run.train(*settings).sentence
    assert everything_in(tmp_path) == before


def test_each_recipe_says_by_its_settings_what_it_is_about():
    plain = recipes.find("gan").defaults
    for recipe in gan_family.RECIPES:
        assert recipe.defaults != plain, recipe.name
