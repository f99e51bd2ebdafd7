"""The recipes of conditional, informative and bidirectional GANs, as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in, look, samples_in

from tinygen import recipes
from tinygen.recipes import gan_conditional

NAMES = [recipe.name for recipe in gan_conditional.RECIPES]
LABELLED = ("cgan", "acgan")

PICTURES = {
    "cgan": {"samples"},
    "acgan": {"samples"},
    "infogan": {"samples", "code-1", "code-2", "code-3"},
    "bigan": {"samples", "reconstructions", "interpolation", "latent-grid"},
}
SCORES = {
    "cgan": "class_agreement",
    "acgan": "class_agreement",
    "infogan": "code_agreement",
    "bigan": "negative_reconstruction_error",
}
SETTINGS = [
    ("cgan", "conditioning=projection"), ("acgan", "class_weight=0.5"), ("infogan", "categorical="),
    ("infogan", "continuous=0"), ("infogan", "code_std=2"), ("infogan", "information=0.3"),
    ("bigan", "latent=3"), ("bigan", "lr_end=1"),
]  # fmt: skip


@pytest.fixture
def unmeasured(monkeypatch):
    """Runs end without an evaluation, which takes most of their time."""
    monkeypatch.setattr("tinygen.commands.train.can_be_evaluated", lambda experiment: False)


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("name", NAMES)
def test_a_run_leaves_pictures_a_score_and_a_model_to_sample_and_resumes_bit_for_bit(run, name):
    constant = ("--set", "lr_end=1") if name == "bigan" else ()  # else it depends on the last step
    assert run.train("--out", "whole", *constant, recipe=name, steps=6).code == 0
    assert run.train("--out", "parts", *constant, recipe=name, steps=3).code == 0
    assert run("train", "--resume", "parts", "--steps", 6).code == 0
    whole, parts = everything_in(Path("whole")), everything_in(Path("parts"))
    weights = "checkpoints/step-000006/arrays.safetensors"
    assert whole[weights] == parts[weights]
    pictures = {p.parent.name for p in Path("whole").glob("*/step-000006.png")}
    assert pictures == PICTURES[name]
    for kind in pictures:
        look(f"whole/{kind}/step-000006.png")
    lines = [json.loads(line) for line in Path("whole/metrics.jsonl").read_text().splitlines()]
    assert SCORES[name] in lines[-1]
    assert run("sample", "whole", "-n", 3, "--out", "three.npz").code == 0
    assert samples_in("three.npz").shape == (3, 8, 8)
    assert run("sample", "whole", "--interpolate", 2, "--out", "paths.png").code == 0


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("name", LABELLED)
def test_each_column_is_a_class(run, name):
    assert run.train(recipe=name, steps=2).code == 0
    size, _ = look(f"runs/{name}-digits-1/samples/step-000002.png")
    assert size[0] > size[1], "ten columns, six rows"
    assert run("sample", f"runs/{name}-digits-1", "-n", 20, "--out", "drawn.png").code == 0
    size, _ = look("drawn.png")
    assert size[0] > 4 * size[1], "ten columns, two rows"


@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("name", NAMES)
def test_points_in_the_plane_are_trained_on_too(run, name):
    assert run.train("--data", "ring", recipe=name).code == 0
    assert look(f"runs/{name}-ring-1/samples/step-000004.png") == ((480, 480), "RGB")


@pytest.mark.slow
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize(("name", "setting"), SETTINGS)
def test_every_setting_trains_and_changes_what_is_trained(run, name, setting):
    assert run.train("--out", "plain", recipe=name).code == 0
    assert run.train("--out", "set", "--set", setting, recipe=name).code == 0
    weights = "checkpoints/step-000004/arrays.safetensors"
    assert Path("plain", weights).read_bytes() != Path("set", weights).read_bytes()


@pytest.mark.parametrize("name", LABELLED)
def test_a_dataset_without_labels_is_refused_in_a_sentence(run, name):
    np.save("images.npy", np.random.default_rng(0).random((40, 8, 8), "float32"))
    sentence = run("train", name, "--data", "images.npy").sentence
    assert sentence.startswith(f"{name} needs labelled data, and")
    assert sentence.endswith("has one class: take gan.")


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("infogan", ("categorical=", "continuous=0"), "infogan needs codes"),
        ("infogan", ("categorical=1",), "categorical must be from 2"),
        ("infogan", ("code_std=0",), "code_std must be from"),
        ("acgan", ("discriminator=",), "at least one hidden layer"),
        ("cgan", ("conditioning=projection", "discriminator="), "at least one hidden layer"),
        ("cgan", ("conditioning=shouting",), "known are concatenation, projection"),
        ("acgan", ("class_weight=-1",), "class_weight must be from 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(run, name, settings, message):
    given = [part for setting in settings for part in ("--set", setting)]
    assert message in run("train", name, *given).sentence


def test_a_code_varies_in_each_row_and_nothing_else_does():
    codes = gan_conditional.Codes((3, 2), 2)
    first, second, third, fourth = gan_conditional._code_grids(codes)
    assert first.shape == (gan_conditional.ROWS, 3, 7)
    np.testing.assert_array_equal(first[4], np.eye(7)[:3])
    np.testing.assert_array_equal(second[0], np.eye(7)[3:5])
    assert third.shape == fourth.shape == (3, gan_conditional.STEPS, 7)
    assert (third[..., :3].argmax(2) == np.arange(3)[:, None]).all()
    np.testing.assert_array_equal(third[1, :, 5], np.linspace(-2, 2, 10).astype("float32"))
    assert (third[..., 6] == 0).all()
    assert (fourth[..., 5] == 0).all()


def test_codes_agree_with_classes_by_majority(monkeypatch):
    recipe = recipes.find("infogan")
    small = {"generator": (8,), "discriminator": (8,)}
    made = recipe.build(recipes.resolve(recipe, small))
    labels = made.data.test_labels
    permuted = np.random.default_rng(0).permutation(10)
    monkeypatch.setattr(made.trainer, "read", lambda batch: np.eye(12)[permuted[labels]])
    assert made.measure() == {"code_agreement": 1.0}
    monkeypatch.setattr(made.trainer, "read", lambda batch: np.eye(12)[0 * labels])
    share = np.bincount(labels).max() / len(labels)
    assert made.measure() == {"code_agreement": pytest.approx(share)}
