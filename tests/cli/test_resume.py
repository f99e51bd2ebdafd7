"""Runs that are killed, stopped or changed go on, to the bit; see kills.py."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from commands import SMALL, everything_in, save_images
from kills import build

import tinygen
from tinygen import recipes, runs
from tinygen.runs import RunFolder

ROOT = Path(tinygen.__file__).parents[1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"}
RUN = "runs/gan-digits-1"


def weights(folder: str | Path, step: int) -> bytes:
    return Path(folder, f"checkpoints/step-{step:06d}/arrays.safetensors").read_bytes()


def state(folder: str | Path, step: int) -> dict:
    text = Path(folder, f"checkpoints/step-{step:06d}/state.json").read_bytes()
    found = json.loads(text)["state"]
    found["progress"].pop("seconds")
    return found


def logged(folder: str | Path) -> list[dict]:
    lines = Path(folder, "metrics.jsonl").read_text().splitlines()
    return [{k: v for k, v in json.loads(line).items() if k != "seconds"} for line in lines]


# -- stopping --------------------------------------------------------------------------------------


def begin(folder: Path, *arguments: object) -> subprocess.Popen:
    command = [sys.executable, "-W", "error", "-m", "tinygen.cli", "train", *map(str, arguments)]
    return subprocess.Popen(
        command, cwd=folder, env=ENVIRONMENT, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def wait_for(path: Path, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_after_its_step_and_it_goes_on(tmp_path, run, number, code):
    """It stops at some step of 10^7; then both it and an undisturbed run go on to the next 50."""
    process = begin(tmp_path, "gan", *SMALL, "--out", "a", "--steps", 10**7,
                    "--set", "checkpoint_every=1000000")  # fmt: skip
    wait_for(tmp_path / "a/metrics.jsonl", process)
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == code
    last = err.strip().split("\n")[-1]
    assert last.startswith("tinygen: interrupted (")
    assert last.endswith("stands; go on with tinygen train --resume a).")
    (newest,) = RunFolder.open(Path("a")).checkpoints()
    step = int(newest.name.removeprefix("step-"))
    more = ["--set", "checkpoint_every=1000000", "--set", f"report_every={10**6}"]
    total = step + 50
    assert run("train", "--resume", "a", "--steps", total, *more).code == 0
    assert run("train", "gan", *SMALL, *more, "--out", "b", "--steps", total).code == 0
    assert weights("a", total) == weights("b", total)
    assert state("a", total) == state("b", total)


def test_a_second_ctrl_c_ends_at_once(tmp_path, monkeypatch):
    def step(self):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)
        pytest.fail("went on")

    monkeypatch.setattr(recipes.Experiment, "step", step)
    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(tmp_path / "run", {})
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        runs.train(
            build("gan", save_images(Path("own.npz"))),
            folder,
            steps=5,
            report_every=5,
            checkpoint_every=5,
        )
    assert signal.getsignal(signal.SIGINT) is handler
    assert folder.checkpoints() == []


def test_a_signal_that_comes_while_ranks_agree_counts_in_the_next_step(tmp_path, monkeypatch):
    """Another rank does not know of it yet: this one must neither stop alone nor forget it."""
    asked: list[int | None] = []

    def agree(number: int | None) -> int | None:
        asked.append(number)
        if len(asked) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return number

    monkeypatch.chdir(tmp_path)
    folder = RunFolder.create(tmp_path / "run", {})
    with pytest.raises(runs.Stopped):
        runs.train(
            build("gan", save_images(Path("own.npz"))),
            folder,
            steps=5,
            report_every=5,
            checkpoint_every=5,
            agree=agree,
        )
    assert asked == [None, None, signal.SIGTERM]
    assert [path.name for path in folder.checkpoints()] == ["step-000002"]


def test_a_process_that_is_to_ignore_signals_does(tmp_path, monkeypatch):
    """As nohup and shells without job control have it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with runs.signals.stop_requests() as request:
            os.kill(os.getpid(), signal.SIGINT)
            assert request.signal is None
    finally:
        signal.signal(signal.SIGINT, before)


# -- resuming --------------------------------------------------------------------------------------


def test_what_is_finished_says_so_and_goes_on_if_asked(run):
    run.train(steps=4)
    before = everything_in(Path(RUN))
    for arguments in ([], ["--steps", 4], ["--steps", 2], ["--set", "lr=1", "--steps", 3]):
        result = run("train", "--resume", RUN, *arguments)
        assert result.code == 0
        assert f"{RUN} is already at step 4; --steps N goes on" in result.out
        assert everything_in(Path(RUN)) == before
    assert run("train", "gan", "--resume", RUN, "--steps", 9).code == 0
    run.train("--out", "whole", steps=9)
    assert weights(RUN, 9) == weights("whole", 9)
    assert state(RUN, 9) == state("whole", 9)
    assert logged(RUN) == logged("whole")


def test_an_evaluation_that_was_cut_short_is_made_up_for(run):
    run.train(steps=4)
    path = Path(RUN, "evaluation/step-000004.json")
    before = path.read_bytes()
    path.unlink()
    assert "Samples: " in run("train", "--resume", RUN).out
    assert path.read_bytes() == before


def test_a_run_without_a_checkpoint_begins_again(run):
    run.train(steps=4)
    expected = weights(RUN, 4)
    shutil.rmtree(f"{RUN}/checkpoints")
    assert run("train", "--resume", RUN).code == 0
    assert weights(RUN, 4) == expected
    assert [line["step"] for line in logged(RUN)] == [2, 4]


def test_a_change_is_refused_unless_it_is_named_and_then_recorded(run):
    run.train(steps=4)
    config = Path(RUN, "config.json")
    before = everything_in(Path(RUN))
    Path("other.toml").write_text("lr = 0.5")
    for arguments in (["--config", "other.toml"], ["--on-nonfinite", "skip"], ["--device", "auto"]):
        sentence = run("train", "--resume", RUN, "--steps", 6, *arguments).sentence
        assert "write --set " in sentence
    assert "--set lr=0.5" in run("train", "--resume", RUN, "--config", "other.toml").sentence
    assert "run of gan, not dcgan" in run("train", "dcgan", "--resume", RUN).sentence
    assert "leave --out out" in run("train", "--resume", RUN, "--out", "x").sentence
    assert everything_in(Path(RUN)) == before

    result = run("train", "--resume", RUN, "--steps", 6, "--set", "lr=0.5", "--set", "batch=16")
    assert result.code == 0
    now = json.loads(config.read_bytes())
    assert (now["steps"], now["lr"], now["batch"]) == (6, 0.5, 16)
    (line,) = RunFolder.open(Path(RUN)).history()
    assert line["step"] == 4
    assert line["changed"] == {"steps": [4, 6], "lr": [1e-3, 0.5], "batch": [8, 16]}
    assert {"tinygen", "command", "started"} <= set(line)
    assert "differ" not in run("train", "--resume", RUN, "--set", "lr=0.5").err


@pytest.mark.parametrize("change", ["data=ring", "seed=1"])
def test_what_makes_another_run_cannot_change(run, change):
    run.train(steps=2)
    sentence = run("train", "--resume", RUN, "--set", change).sentence
    assert "cannot change within a run" in sentence
    assert f"--set {change}" in sentence


def test_a_change_that_the_checkpoint_does_not_fit_leaves_the_run_alone(run):
    run.train(steps=2)
    before = everything_in(Path(RUN))
    sentence = run("train", "--resume", RUN, "--steps", 4, "--set", "generator=9").sentence
    assert "does not fit the settings" in sentence
    assert "0.weight" in sentence
    assert everything_in(Path(RUN)) == before


@pytest.mark.parametrize("path", ["nowhere", ".", "runs"])
def test_what_is_no_run_is_not_resumed(run, path):
    Path("runs").mkdir()
    assert "not a run folder" in run("train", "--resume", path).sentence


def test_the_log_is_cut_at_the_checkpoint(tmp_path):
    folder = RunFolder.create(tmp_path / "run", {})
    for step in (2, 4, 6):
        folder.log({"step": step})
    path = folder.path / "metrics.jsonl"
    path.write_bytes(path.read_bytes() + b'{"step": 8, "lo')
    folder.cut_log(4)
    assert path.read_text() == '{"step": 2}\n{"step": 4}\n'
    folder.cut_log(0)
    assert path.read_text() == ""


# -- two processes ---------------------------------------------------------------------------------


def test_a_second_process_is_refused_and_the_lock_dies_with_its_owner(tmp_path, run):
    process = begin(tmp_path, "gan", *SMALL, "--out", "a", "--steps", 10**7)
    wait_for(tmp_path / "a/samples/step-000050.png", process)
    assert "a is in use by another process" in run("train", "--resume", "a").sentence
    assert "exists already" in run.train("--out", "a").sentence
    assert process.poll() is None
    process.kill()
    process.communicate(timeout=60)
    step = int(RunFolder.open(Path("a")).checkpoints()[-1].name.removeprefix("step-"))
    assert run("train", "--resume", "a", "--steps", step + 2).code == 0


def test_runs_begun_at_one_instant_get_a_folder_each(tmp_path):
    save_images(tmp_path / "own.npz")
    small = ["gan", *SMALL, "--steps", 2, "--data", "own.npz"]
    processes = [begin(tmp_path, *small, "--seed", s) for s in range(3)]
    for process in processes:
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    seeds = [RunFolder.open(tmp_path / f"runs/gan-own-{i}").config["seed"] for i in (1, 2, 3)]
    assert sorted(seeds) == [0, 1, 2]


def test_a_line_of_history_that_was_cut_short_is_passed_over(tmp_path):
    folder = RunFolder.create(tmp_path / "run", {})
    folder.record_resumption(1, {}, {})
    path = folder.path / "history.jsonl"
    path.write_bytes(path.read_bytes() + b'{"step": 2, "cha')
    folder.record_resumption(3, {"lr": [1, 2]}, {"lr": 2})
    assert [(r["step"], r["changed"]) for r in folder.history()] == [(1, {}), (3, {"lr": [1, 2]})]
    assert folder.config == {"lr": 2}


def test_a_folder_that_a_killed_process_had_just_made_is_used(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    (path / "env.json").write_text("{}")
    (path / ".writing-1-config.json").write_text("{")
    folder = RunFolder.create(path, {"a": 1})
    assert folder.config == {"a": 1}
    with folder.taken():
        assert set(everything_in(path)) == {"env.json", "config.json"}


# -- a folder that vanishes ------------------------------------------------------------------------


def test_a_folder_that_vanishes_is_told_and_not_made_again(run, monkeypatch):
    step = recipes.Experiment.step

    def vanish(self):
        shutil.rmtree("a", ignore_errors=True)
        return step(self)

    monkeypatch.setattr(recipes.Experiment, "step", vanish)
    for every in (1, 100):  # at the first report, or only when a picture or a checkpoint is due
        sentence = run.train("--out", "a", "--set", f"report_every={every}").sentence
        assert "a is gone" in sentence
        assert not Path("a").exists()


# -- the best --------------------------------------------------------------------------------------


class Scored:
    """An experiment whose score rises and falls again."""

    trainer = None
    scores = (1.0, 3.0, 2.0, 3.0, float("nan"), 0.5)

    def __init__(self) -> None:
        self.steps = 0

    def step(self):
        self.steps += 1
        return {"loss": 0.0}

    def state_dict(self):
        return {"steps": self.steps}

    def measure(self):
        return {"score": self.scores[self.steps // 2 - 1]}

    def remark(self, losses):
        return {}, ""


def test_the_best_checkpoint_is_kept_and_logged(tmp_path):
    folder = RunFolder.create(tmp_path / "run", {})
    runs.train(Scored(), folder, steps=12, report_every=12, checkpoint_every=2, keep=2)
    assert [p.name for p in folder.checkpoints()] == ["step-000008", "step-000010", "step-000012"]
    assert folder.best_checkpoint().name == "step-000008"  # the later of two equal ones
    assert folder.load_checkpoint(folder.best_checkpoint())[1]["steps"] == 8
    assert [(line["step"], line["score"]) for line in logged(folder.path)] == [
        (2, 1.0), (4, 3.0), (6, 2.0), (8, 3.0), (10, None), (12, 0.5),
    ]  # fmt: skip
