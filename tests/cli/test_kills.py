"""All of a run survives: kills at any instant change no bit of what it ends with; see kills.py."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from commands import save_images
from kills import build

import tinygen
from tinygen import recipes, runs
from tinygen.runs import RunFolder

ROOT = Path(tinygen.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
LABELS = np.arange(40) % 3
QUICK = ("gan",)
"""The others are trained and killed by the slow tests."""


# -- kills -----------------------------------------------------------------------------------------


def killed(folder: Path, *arguments: object) -> int:
    """How many kills the runs of kills.py survived."""
    save_images(folder / "own.npz", train_labels=LABELS)
    script = Path(__file__).with_name("kills.py")
    done = subprocess.run(
        [sys.executable, "-W", "error", script, *map(str, arguments)], check=False,
        cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(
    "recipe",
    [r if r in QUICK else pytest.param(r, marks=pytest.mark.slow) for r in recipes.RECIPES],
)
def test_twenty_kills_at_random_instants_change_no_bit(tmp_path, recipe):
    assert killed(tmp_path, "random", recipe, 20) >= 20


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")
def test_a_kill_at_any_call_that_changes_a_file_changes_no_bit(tmp_path):
    assert killed(tmp_path, "everywhere", "gan") > 30


# -- what a checkpoint holds -----------------------------------------------------------------------


def assert_equal(a, b) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, np.ndarray):
        np.testing.assert_array_equal(a, b)
        assert a.dtype == b.dtype
    else:
        assert a == b


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_state_is_all_that_an_experiment_needs(tmp_path, monkeypatch, name):
    """Each recipe's, through the files; five steps cross the end of an epoch of 4 batches."""
    monkeypatch.chdir(tmp_path)
    one, other = (
        build(name, save_images(Path("own.npz"), train_labels=LABELS)),
        build(name, save_images(Path("own.npz"), train_labels=LABELS)),
    )
    for _ in range(2):
        one.step()
    folder = RunFolder.create(tmp_path / "run", {})
    folder.save_checkpoint(2, {**one.state_dict(), "progress": {"step": 2}})
    other.step()
    assert runs.resume(other, folder).step == 2
    assert_equal(other.state_dict(), one.state_dict())
    for _ in range(5):
        one.step()
        other.step()
    assert_equal(other.state_dict(), one.state_dict())


@pytest.mark.parametrize("name", recipes.RECIPES)
def test_pictures_and_scores_leave_an_experiment_as_it_was(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    experiment = build(name, save_images(Path("own.npz"), train_labels=LABELS))
    experiment.step()
    before = experiment.state_dict()
    pictures = experiment.pictures()
    assert pictures
    for file, content in pictures.items():
        assert content.startswith(b"{" if file.endswith(".json") else b"\x89PNG")
    experiment.measure()
    assert_equal(experiment.state_dict(), before)


def test_a_state_with_other_streams_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    experiment = build("gan", save_images(Path("own.npz")))
    saved = experiment.state_dict()
    del saved["streams"]["data"]
    with pytest.raises(ValueError, match="has the streams weights, noise"):
        experiment.load_state_dict(saved)
