"""`tinygen compare`: the same seconds for everyone, one table, one report."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from commands import look, save_images

from tinygen.compare import Entry, Field, render
from tinygen.data import load
from tinygen.random import Generator


@pytest.mark.slow
def test_two_recipes_and_two_seeds_leave_runs_a_table_and_a_report(run):
    result = run("compare", "vae", "gan", "--budget", "1s", "--seeds", 2, "--out", "both")
    assert result.code == 0, result.err
    assert "4 runs, 4 s of training in all" in result.err
    rows = [line.split()[0] for line in result.out.splitlines()[1:4]]
    assert rows == ["vae", "gan", "real"]
    assert "log_likelihood_bound" in result.out.splitlines()[1]
    content = json.loads(Path("both/compare.json").read_text())
    assert [(r["recipe"], r["seed"]) for r in content["runs"]] == [
        ("vae", 0), ("gan", 0), ("vae", 1), ("gan", 1),
    ]  # fmt: skip
    for entry in content["runs"]:
        assert 1.0 <= entry["seconds"] < 4.0
        assert entry["steps"] % 10 == 0
        assert entry["failure"] == ""
        assert set(entry["measures"]) == set(content["real_data"])
        look(f"both/{entry['folder']}/samples/step-{entry['steps']:06d}.png")
    (one, _), _ = look(next(Path("both/vae-seed-0/samples").iterdir()))
    (both, _), _ = look("both/samples.png")
    assert both > 2 * one
    page = Path("both/report.html").read_text()
    assert all(name in page for name in ("vae-seed-0", "gan-seed-1"))
    assert run("sample", "both/vae-seed-1", "-n", 4, "--out", "four.npz").code == 0
    assert run("evaluate", "both/gan-seed-0").code == 0


def test_a_comparison_without_a_folder_takes_the_next_free_one(run):
    Path("runs/compare-own-1").mkdir(parents=True)
    save_images(Path("own.npz"))
    arguments = ("compare", "vae", "vae", "--data", "own.npz", "--budget", "0.1", "--seeds", 1,
                 "--set", "batch=8")  # fmt: skip
    assert run(*arguments).code == 0
    assert sorted(p.name for p in Path("runs").iterdir()) == ["compare-own-1", "compare-own-2"]
    assert [p.name for p in Path("runs/compare-own-2").glob("*-seed-*")] == ["vae-seed-0"]


def test_a_mixture_is_measured_by_its_modes(run):
    result = run("compare", "gan", "--data", "ring", "--budget", "0.2s", "--seeds", 1,
                 "--out", "ring")  # fmt: skip
    assert result.code == 0, result.err
    header = result.out.splitlines()[0]
    assert "modes" in header
    assert "high quality" in header


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("vea",), "did you mean vae?"),
        (("vae", "--budget", "soon"), "such as 90, 120s, 2m or 1h, not 'soon'"),
        (("vae", "--budget", "0s"), "not '0s'"),
        (("vae", "--budget", "-3"), "not '-3'"),
        (("vae", "gan", "--set", "latent=4"), "unknown setting 'latent'"),
        (("vae", "--set", "latent"), "--set takes KEY=VALUE"),
        (("vae", "--seeds", "0"), "--seeds must be from 1 to 100, not 0"),
        (("vae", "--data", "mnits"), "did you mean mnist?"),
        (("cvae", "--data", "own.npz"), "cvae needs labelled data"),
        (("vae", "--out", "taken"), "taken exists: name another folder"),
    ],
)
def test_what_cannot_be_compared_is_refused_before_any_training(run, arguments, message):
    Path("taken").mkdir()
    save_images(Path("own.npz"))
    result = run("compare", *(f"--budget={arguments[2]}",) if "-3" in arguments else (),
                 *(arguments[:1] if "-3" in arguments else arguments))  # fmt: skip
    assert result.code == 2
    assert message in result.err
    assert "Traceback" not in result.err
    assert not Path("runs").exists()


def test_real_data_sets_the_mark(digits):
    field = Field(digits, seed=0)
    real = field.of_real_data()
    assert real["confidence"] > 0.95
    assert real["classes in effect"] == pytest.approx(10, abs=0.2)
    assert abs(real["energy distance"]) < 0.02
    noise = field.measure(lambda n: np.random.default_rng(0).random((n, 8, 8), "float32"))
    assert noise["energy distance"] > 0.5
    one = field.measure(lambda n: digits.train[:1].repeat(n, 0))
    assert one["classes in effect"] == pytest.approx(1.0)


@pytest.fixture(scope="module")
def digits():
    return load("digits", Generator(0, device="cpu"))


def entry(recipe: str, seed: int, steps: int, value: float, **more) -> Entry:
    return Entry(recipe, seed, Path(f"{recipe}-{seed}"), steps, 2.0, {"m": value}, **more)


def test_the_table_has_means_over_seeds_and_how_far_they_differ():
    entries = [
        entry("a", 0, 100, 1.0, score={"bound": -3.0}),
        entry("a", 1, 300, 3.0, score={"bound": -5.0}),
        entry("b", 0, 10, 7.0), entry("b", 1, 0, 0.0, failure="loss became nan at step 3"),
    ]  # fmt: skip
    lines = render(entries, {"m": 0.5}).splitlines()
    cells = [re.split(r"\s{2,}", line) for line in lines]
    assert cells[0] == ["", "steps", "ms a step", "m", "score"]
    assert cells[1] == ["a", "200", "13.33", "2.000 +- 1.414", "-4.000 +- 1.414 bound"]
    assert cells[2] == ["b (1 of 2)", "10", "200.00", "7.000"]
    assert cells[3] == ["real data", "0.500"]
    assert lines[4] == "b, seed 1: loss became nan at step 3"
