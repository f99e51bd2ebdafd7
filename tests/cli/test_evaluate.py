"""`tinygen evaluate`: what `train` said at its end, and of any checkpoint."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

RUN = Path("runs/gan-digits-1")


def results(step: int) -> dict:
    return json.loads((RUN / "evaluation" / f"step-{step:06d}.json").read_bytes())


def test_it_repeats_what_train_said_to_the_last_digit(run):
    run.train("--seed", 5)
    said = results(4)
    assert said["step"] == 4
    assert {"classes_present", "energy_distance", "energy_distance_of_training_data"} <= set(said)
    (RUN / "evaluation" / "step-000004.json").unlink()
    result = run("evaluate", RUN)
    assert result.code == 0
    assert "of 10 classes present" in result.out
    assert "Measured at step 4" in result.out
    assert results(4) == said


def test_other_checkpoints_and_seeds(run):
    run.train()
    run("evaluate", RUN, "--step", 2)
    assert results(2)["step"] == 2
    assert results(2)["energy_distance"] != results(4)["energy_distance"]
    before = results(4)
    run("evaluate", RUN, "--seed", 3)
    assert results(4)["seed"] == 3
    assert results(4)["energy_distance"] != before["energy_distance"]


def test_a_mixture_has_its_modes_counted(run):
    run.train("--data", "ring")
    found = json.loads(Path("runs/gan-ring-1/evaluation/step-000004.json").read_bytes())
    assert found["modes_there_are"] == 8
    assert 0 <= found["modes"] <= 8


@pytest.mark.parametrize(("arguments", "cause"), [
    (["--seed", -1], "--seed must be"), (["--seed", 2**64], "--seed must be"),
    (["--step", 3], "no checkpoint of step 3"),
])  # fmt: skip
def test_what_cannot_be_evaluated(run, arguments, cause):
    run.train()
    assert cause in run("evaluate", RUN, *arguments).sentence
