"""The recipes of autoencoders, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in, look, samples_in, save_images

from tinygen import recipes
from tinygen.commands.restore import restore
from tinygen.recipes import vae
from tinygen.runs import RunFolder

SMALL = ("--set", "batch=16", "--set", "report_every=2", "--set", "hidden=8")
NAMES = [recipe.name for recipe in vae.RECIPES]

PICTURES = {
    "vae": {"reconstructions", "interpolation", "latent-grid", "kl-by-component"},
    "iwae": {"reconstructions", "interpolation", "latent-grid", "kl-by-component"},
    "cvae": {"reconstructions", "kl-by-component"},
    "vq-vae": {"reconstructions"},
    "aae": {"reconstructions", "interpolation", "latent-grid"},
    "vae-gan": {"reconstructions", "interpolation", "latent-grid"},
    "latent-gan": {"reconstructions", "interpolation", "latent-grid"},
}
SHOWN = {
    "vae": {"reconstruction", "kl", "negative_elbo", "active_units"},
    "iwae": {"negative_bound", "active_units"},
    "cvae": {"reconstruction", "kl", "negative_elbo", "active_units"},
    "vq-vae": {"reconstruction", "commitment", "codes", "perplexity"},
    "aae": {"reconstruction", "loss_d", "loss_g"},
    "vae-gan": {"kl", "likeness", "loss_g", "loss_d"},
    "latent-gan": {"loss_g", "loss_d", "penalty_r1"},
}


def small(name: str) -> tuple[str, ...]:
    """Settings that suit a few steps."""
    return (*SMALL, *(("--set", "first=1") if name == "latent-gan" else ()))


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_run_leaves_pictures_measures_and_a_model_to_sample(run, name):
    assert run("train", name, "--steps", 6, *small(name)).code == 0
    folder = Path(f"runs/{name}-digits-1")
    pictures = {p.parent.name for p in folder.glob("*/step-000005.png")}
    assert pictures == PICTURES[name] | {"samples"}
    for kind in pictures:
        look(folder / kind / "step-000005.png")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert set(lines[0]) - {"step", "seconds"} == SHOWN[name]
    assert ("log_likelihood_bound" in lines[-1]) == (name in ("vae", "iwae", "cvae"))
    assert run("sample", folder, "-n", 3, "--out", "three.npz").code == 0
    values = samples_in("three.npz")
    assert values.shape == (3, 8, 8)
    assert (values >= 0).all()
    assert (values <= 1).all()
    assert run("sample", folder, "--interpolate", 2, "--out", "paths.png").code == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_run_resumes_bit_for_bit(run, name):
    assert run("train", name, "--steps", 6, "--out", "whole", *small(name)).code == 0
    assert run("train", name, "--steps", 3, "--out", "parts", *small(name)).code == 0
    assert run("train", "--resume", "parts", "--steps", 6).code == 0
    whole, parts = everything_in(Path("whole")), everything_in(Path("parts"))
    weights = "checkpoints/step-000006/arrays.safetensors"
    assert whole[weights] == parts[weights]
    assert whole["samples/step-000006.png"] == parts["samples/step-000006.png"]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "cvae"])
def test_points_in_the_plane_are_trained_on_too(run, name):
    assert run("train", name, "--data", "ring", "--steps", 4, *small(name)).code == 0
    assert look(f"runs/{name}-ring-1/samples/step-000004.png") == ((480, 480), "RGB")


@pytest.mark.parametrize(
    ("name", "data"), [("vae", "digits"), ("iwae", "ring"), ("cvae", "digits")]
)
def test_a_run_leaves_the_kl_of_each_component(run, name, data):
    settings = ("--set", "latent=3", "--set", "hidden=64", "--set", "report_every=50")
    assert run("train", name, "--data", data, "--steps", 50, *settings).code == 0
    folder = Path(f"runs/{name}-{data}-1")
    steps = sorted(p.stem for p in (folder / "samples").iterdir())
    assert sorted(p.stem for p in (folder / "latents").iterdir()) == steps
    found = json.loads((folder / "latents" / "step-000050.json").read_text())
    _, experiment = restore(RunFolder.open(folder), None, None)
    rows = experiment.data.flat()[1][:1000]
    labels = (experiment.data.test_labels[:1000],) if name == "cvae" else ()
    expected = experiment.trainer.latents(rows, *labels)
    assert expected.kl.max() > 1e-4
    np.testing.assert_allclose(found["kl"], expected.kl, rtol=1e-5)
    np.testing.assert_allclose(found["spread"], expected.spread, rtol=1e-5)
    assert found["active"] == expected.active.tolist()


@pytest.mark.parametrize("name", ["vq-vae", "aae", "vae-gan", "latent-gan"])
def test_models_without_such_a_divergence_leave_no_such_file(run, name):
    assert run("train", name, "--steps", 2, *small(name)).code == 0
    assert not Path(f"runs/{name}-digits-1/latents").exists()


def test_a_conditional_model_shows_a_class_in_each_column(run):
    assert run("train", "cvae", "--steps", 2, *SMALL).code == 0
    size, _ = look("runs/cvae-digits-1/samples/step-000002.png")
    assert size[0] > size[1], "ten columns, six rows"


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings",
    [
        ("objective=stl",), ("objective=dreg", "samples=3"),
        ("objective=autoencoder", "corruption=0.3"), ("beta=4", "warm_up=3", "free_bits=0.1"),
        ("likelihood=gaussian",), ("likelihood=logistic",), ("convolutions=4,6",),
    ],
)  # fmt: skip
def test_the_settings_of_a_vae_can_be_chosen(run, settings):
    chosen = [part for s in settings for part in ("--set", s)]
    assert run("train", "vae", "--steps", 3, *SMALL, *chosen).code == 0


def test_a_generator_of_codes_needs_steps_of_its_own(run):
    result = run("train", "latent-gan", "--steps", 300)
    assert "such as --set first=100" in result.sentence
    assert not Path("runs").exists()


REFUSED = {
    "latent": (("--set", "latent=0"), "latent must be from 1"),
    "samples": (("--set", "samples=0"), "samples must be from 1"),
    "objective": (("--set", "objective=elbow"), "did you mean elbo?"),
    "likelihood": (("--set", "likelihood=bernouli"), "did you mean bernoulli?"),
    "beta of iwae": (("--set", "objective=iwae", "--set", "beta=2"), "only the objective 'elbo'"),
    "convolutions": (("--set", "convolutions=4"), "takes two numbers of channels"),
    "levels": (("--set", "likelihood=logistic", "--set", "levels=5"), "none of 5 grey levels"),
    "points": (("--data", "ring", "--set", "likelihood=bernoulli"), "take a Gaussian likelihood"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_do_not_fit_are_told_in_a_sentence(run, name):
    arguments, message = REFUSED[name]
    result = run("train", "vae", "--steps", 2, *arguments)
    assert message in result.sentence
    assert not Path("runs").exists()


def test_layers_beyond_the_memory_are_refused_before_they_are_made(run, monkeypatch):
    monkeypatch.setattr("tinygen.recipes.size.memory", lambda: 2**20)
    assert run("train", "vae", "--steps", 1, "--set", "hidden=256,256").code == 0
    for name, setting in (("vae", "hidden"), ("gan", "generator")):
        result = run("train", name, "--steps", 1, "--set", f"{setting}=512,1024")
        assert f"{setting}: training layers of 512, 1024 units" in result.sentence
    assert [path.name for path in Path("runs").iterdir()] == ["vae-digits-1"]


def test_a_conditional_model_needs_classes(run):
    save_images(Path("own.npz"))
    assert "cvae needs labelled data" in run("train", "cvae", "--data", "own.npz").sentence


def test_own_images_of_any_shape_are_shown(run):
    save_images(Path("own.npz"), shape=(3, 5, 4))
    for name in ("vae", "vq-vae", "aae", "vae-gan", "latent-gan"):
        result = run("train", name, "--data", "own.npz", "--steps", 2, *small(name))
        assert result.code == 0, result.err


def test_a_bound_that_is_not_finite_names_the_term_that_broke(run):
    result = run("train", "vae", "--steps", 40, *SMALL, "--set", "lr=1000", "--set", "latent=64")
    assert result.code == 2
    assert any(f"{term} became" in result.err for term in ("reconstruction", "kl")), result.err


def test_the_default_score_is_a_bound_on_held_out_data():
    recipe = recipes.find("vae")
    experiment = recipe.build(recipes.resolve(recipe, {"hidden": (8,)}))
    first = experiment.measure()["log_likelihood_bound"]
    assert first == experiment.measure()["log_likelihood_bound"], "the streams go on as before"
    assert -64 < first < -15
    assert np.isfinite(first)
