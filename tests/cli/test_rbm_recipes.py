"""The recipes of restricted Boltzmann machines, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in, look, samples_in, save_images

SMALL = ("--set", "batch=16", "--set", "burn_in=5", "--set", "report_every=2")


@pytest.mark.parametrize(
    ("recipe", "hidden", "shown"),
    [("rbm", "8", ("samples", "filters", "reconstructions", "chains")),
     ("rbm-gaussian", "8", ("samples", "filters", "reconstructions", "chains")),
     ("dbn", "8,6", ("samples", "filters"))],
)  # fmt: skip
def test_a_run_leaves_pictures_measures_and_a_model_to_sample(run, recipe, hidden, shown):
    assert run("train", recipe, "--steps", 6, *SMALL, "--set", f"hidden={hidden}").code == 0
    folder = Path(f"runs/{recipe}-digits-1")
    for name in shown:
        assert look(folder / name / "step-000005.png")[1] == "L"
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert {"reconstruction", "free_energy_gap"} <= set(lines[0])
    assert ("pseudo_log_likelihood" in lines[-1]) == (recipe != "dbn")
    assert run("sample", folder, "-n", 3, "--out", "three.npz").code == 0
    values = samples_in("three.npz")
    assert values.shape == (3, 8, 8)
    assert np.isin(values, (0.0, 1.0)).all() == (recipe != "rbm-gaussian")


@pytest.mark.slow
@pytest.mark.parametrize("negative", ["cd", "pcd", "fpcd", "tempered"])
def test_every_negative_phase_trains_and_resumes_bit_for_bit(run, negative):
    settings = (*SMALL, "--set", "hidden=8", "--set", f"negative={negative}", "--set", "chains=6")
    assert run("train", "rbm", "--steps", 6, "--out", "whole", *settings).code == 0
    assert run("train", "rbm", "--steps", 3, "--out", "parts", *settings).code == 0
    assert run("train", "--resume", "parts", "--steps", 6).code == 0
    whole, parts = everything_in(Path("whole")), everything_in(Path("parts"))
    weights = "checkpoints/step-000006/arrays.safetensors"
    assert whole[weights] == parts[weights]


def test_gaussian_units_take_points_and_binary_ones_refuse_them(run):
    assert run("train", "rbm-gaussian", "--data", "ring", "--steps", 4, *SMALL).code == 0
    assert look("runs/rbm-gaussian-ring-1/samples/step-000004.png") == ((480, 480), "RGB")
    for recipe in ("rbm", "dbn"):
        result = run("train", recipe, "--data", "ring", "--steps", 4)
        assert "needs images, whose pixels it thresholds" in result.sentence
        assert "take rbm-gaussian for these" in result.sentence


def test_images_of_any_shape_are_shown(run):
    save_images(Path("own.npz"), shape=(3, 5, 4))
    for recipe in ("rbm", "dbn"):
        result = run("train", recipe, "--data", "own.npz", "--steps", 2, *SMALL)
        assert result.code == 0, result.err


def test_a_network_without_layers_is_refused(run):
    assert "hidden must name at least one layer" in run("train", "dbn", "--set", "hidden=").sentence
