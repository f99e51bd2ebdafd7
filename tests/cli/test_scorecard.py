"""`tinygen scorecard`: of each kind of data, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from commands import look
from PIL import Image

pytest.importorskip("sklearn", reason="needs scikit-learn")

VAE = ["--steps", 4, "--set", "hidden=8", "--set", "latent=4", "--set", "batch=16"]


@pytest.fixture(autouse=True)
def two_draws(monkeypatch):
    monkeypatch.setattr("tinygen.metrics.representation.card.DRAWS", 2)
    monkeypatch.setattr("tinygen.metrics.representation.view.MOST", 150)


def results(folder: Path, step: int = 4) -> dict:
    return json.loads((folder / "scorecard" / f"step-{step:06d}.json").read_bytes())


@pytest.mark.slow
def test_a_run_on_digits_is_judged_beside_pixels_and_pca(run):
    run("train", "vae", *VAE)
    said = run("scorecard", "runs/vae-digits-1")
    assert said.code == 0
    found = results(Path("runs/vae-digits-1"))
    assert found["widths"] == {"vae": 4, "pixels": 64, "PCA of pixels": 4}
    probe = found["figures"]["linear probe, accuracy"]
    assert list(probe) == ["vae", "pixels", "PCA of pixels"]
    assert probe["pixels"]["value"] > 0.8
    assert probe["vae"]["interval"][0] <= probe["vae"]["value"] < probe["pixels"]["value"]
    assert found["draws"] == 2
    assert "linear probe, accuracy" in said.out
    (width, _), mode = look("runs/vae-digits-1/scorecard/step-000004.png")
    assert width > 900
    assert mode == "RGB"
    again = run("scorecard", "runs/vae-digits-1").out
    assert again.splitlines()[:-1] == said.out.splitlines()[:-1]


def test_a_folder_of_images(run):
    rng = np.random.default_rng(0)
    for i in range(60):
        folder = Path("pictures") / "ab"[i % 2]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (6, 6)).astype("uint8") + 100 * (i % 2)
        Image.fromarray(pixels.astype("uint8")).save(folder / f"{i}.png")
    run("train", "vae", "--data", "pictures", *VAE)
    assert run("scorecard", "runs/vae-pictures-1").code == 0
    assert results(Path("runs/vae-pictures-1"))["widths"]["pixels"] == 36


@pytest.mark.parametrize("labelled", [True, False])
def test_a_table(run, labelled):
    rng = np.random.default_rng(0)
    lines = ["a,b,c" + ",class" * labelled]
    for i in range(80):
        cells = [f"{v:.3f}" for v in rng.standard_normal(3) + i % 2 * 4]
        lines.append(",".join(cells + ["xy"[i % 2]] * labelled))
    Path("rows.csv").write_text("\n".join(lines))
    run("train", "rbm-gaussian", "--data", "rows.csv", "--steps", 4, "--set", "hidden=6")
    assert run("scorecard", "runs/rbm-gaussian-rows-1").code == 0
    found = results(Path("runs/rbm-gaussian-rows-1"))["figures"]
    assert "trustworthiness of the plane" in found
    assert ("linear probe, accuracy" in found) == labelled
    assert "columns" in found["trustworthiness of the plane"]


@pytest.mark.parametrize(("recipe", "arguments", "cause"), [
    ("cvae", VAE, "told the class"), ("continual", ["--steps", 4], "makes no features"),
])  # fmt: skip
def test_models_without_features_are_refused_in_a_sentence(run, recipe, arguments, cause):
    run("train", recipe, *arguments)
    assert cause in run("scorecard", f"runs/{recipe}-digits-1").sentence


def test_without_scikit_learn_it_says_what_to_install(run, monkeypatch):
    run("train", "vae", *VAE)
    monkeypatch.setitem(__import__("sys").modules, "sklearn.base", None)
    assert "pip install 'tinygen[eval]'" in run("scorecard", "runs/vae-digits-1").sentence
