"""The run folder and the training loop, driven by a trainer that learns nothing."""

from __future__ import annotations

import errno
import io
import json
import math
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

from tinygen import runs
from tinygen.runs import RunError, RunFolder, growing_steps, train


class Counter:
    """An experiment that counts; `losses` may tell another loss for some steps."""

    trainer = None

    def __init__(self, losses: dict[int, float] | None = None) -> None:
        self.steps = 0
        self.losses = losses or {}

    def step(self):
        self.steps += 1
        return {"loss": np.float32(self.losses.get(self.steps, 1 / self.steps))}

    def state_dict(self):
        return {"steps": self.steps, "w": np.full(3, self.steps, "float32")}

    def load_state_dict(self, state):
        self.steps = state["steps"]

    def pictures(self):
        return {"samples": b"picture"}

    def measure(self):
        return {}

    def remark(self, losses):
        return {}, ""


def drive(folder: RunFolder, run: Counter | None = None, steps: int = 10, **options) -> Counter:
    run = run or Counter()
    options = {"report_every": 2, "checkpoint_every": 4, **options}
    train(run, folder, steps=steps, **options)
    return run


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b""
        for p in sorted(folder.rglob("*"))
    }


def one_sentence(error: pytest.ExceptionInfo) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert re.search(r"[.)]$", text)
    return text


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {"recipe": "none"})


# -- what a run leaves behind ----------------------------------------------------------------------


def test_a_run_leaves_what_the_module_says(folder):
    drive(folder, draw_at=frozenset({1, 10}))
    assert set(everything_in(folder.path)) == {
        "config.json", "env.json", "metrics.jsonl", "samples", "samples/step-000001.png",
        "samples/step-000010.png", "checkpoints", "checkpoints/step-000008",
        "checkpoints/step-000008/arrays.safetensors", "checkpoints/step-000008/state.json",
        "checkpoints/step-000010", "checkpoints/step-000010/arrays.safetensors",
        "checkpoints/step-000010/state.json",
    }  # fmt: skip
    assert folder.config == {"recipe": "none"}
    environment = json.loads((folder.path / "env.json").read_bytes())
    assert {"tinygen", "python", "numpy", "cuda", "platform", "command"} <= set(environment)


def test_metrics_are_one_valid_json_object_a_line(folder):
    drive(folder, steps=5)
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert [r["step"] for r in records] == [2, 4, 5]
    assert all(r["loss"] == pytest.approx(1 / r["step"]) and r["seconds"] >= 0 for r in records)


def test_numbers_that_json_lacks_become_null(folder):
    folder.log({"step": 1, "a": math.nan, "b": -math.inf, "c": 1.5})
    line = (folder.path / "metrics.jsonl").read_text()
    assert json.loads(line) == {"step": 1, "a": None, "b": None, "c": 1.5}


def test_losses_are_read_only_when_they_are_reported_or_saved(folder):
    """Reading one waits for the device."""
    read = []

    class Loss:
        def __init__(self, step):
            self.step = step

        def __float__(self):
            read.append(self.step)
            return 0.0

    class Unread(Counter):
        def step(self):
            self.steps += 1
            return {"loss": Loss(self.steps)}

    drive(folder, Unread(), steps=23, report_every=10, checkpoint_every=15)
    assert read == [10, 15, 20, 23]


def test_growing_steps():
    assert sorted(growing_steps(1)) == [1]
    assert sorted(growing_steps(7)) == [1, 2, 5, 7]
    assert sorted(growing_steps(100)) == [1, 2, 5, 10, 20, 50, 100]
    assert sorted(growing_steps(120)) == [1, 2, 5, 10, 20, 50, 100, 120]
    assert len(growing_steps(10**9)) < 32


# -- checkpoints -----------------------------------------------------------------------------------


def test_the_newest_checkpoint_is_the_one_of_the_greatest_step(folder):
    """Not the last in alphabetical order: step-1000000 sorts before step-999999."""
    for step in (999_998, 999_999, 1_000_000):
        folder.save_checkpoint(step, {"step": step})
    assert [p.name for p in folder.checkpoints()] == ["step-999999", "step-1000000"]
    assert folder.load_checkpoint() == (1_000_000, {"step": 1_000_000})


def test_what_a_killed_process_left_is_no_checkpoint_and_in_nobodys_way(folder):
    leftover = folder.path / "checkpoints" / f".writing-{os.getpid()}"
    leftover.mkdir(parents=True)
    (leftover / "arrays.safetensors").write_bytes(b"half")
    assert folder.checkpoints() == []
    folder.save_checkpoint(1, {"a": 1})
    assert folder.load_checkpoint() == (1, {"a": 1})
    assert not leftover.exists()


def test_a_checkpoint_of_the_same_step_is_replaced(folder):
    folder.save_checkpoint(1, {"a": 1})
    folder.save_checkpoint(1, {"a": 2})
    assert folder.load_checkpoint() == (1, {"a": 2})


def test_a_run_that_ended_early_has_none(folder):
    with pytest.raises(RunError, match=r"ended before its first; go on with .*--resume"):
        folder.load_checkpoint()


# -- folders that are in the way -------------------------------------------------------------------


def test_an_existing_run_is_never_written_into(folder):
    before = everything_in(folder.path)
    with pytest.raises(RunError, match="exists already"):
        RunFolder.create(folder.path, {"recipe": "other"})
    assert everything_in(folder.path) == before


def test_an_existing_file_is_not_overwritten(tmp_path):
    (tmp_path / "file").write_text("precious")
    with pytest.raises(RunError, match="exists already"):
        RunFolder.create(tmp_path / "file", {})
    assert (tmp_path / "file").read_text() == "precious"


def test_an_empty_folder_is_used(tmp_path):
    RunFolder.create(tmp_path, {"a": 1})
    assert RunFolder.open(tmp_path).config == {"a": 1}


@pytest.mark.parametrize(
    "path", ["file/run", "file/deep/run", "/proc/run", "deep/" + "long" * 100], ids=str
)
def test_a_folder_that_cannot_be_made_leaves_nothing_behind(tmp_path, path):
    (tmp_path / "file").write_text("a file")
    with pytest.raises(RunError, match=r"cannot .* name another") as error:
        RunFolder.create(tmp_path / path, {})
    one_sentence(error)
    assert everything_in(tmp_path) == {"file": b"a file"}


def test_a_full_disk_from_the_start_leaves_no_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", no_space)
    (tmp_path / "empty").mkdir()
    for path in ("a/b/run", "empty"):
        with pytest.raises(RunError, match="No space left on device"):
            RunFolder.create(tmp_path / path, {})
    assert everything_in(tmp_path) == {"empty": b""}


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "\xff", "[" * 100_000])
def test_a_broken_config_is_told_in_one_sentence(folder, text):
    (folder.path / "config.json").write_text(text, encoding="latin-1")
    with pytest.raises(RunError, match=r"config\.json") as error:
        _ = RunFolder.open(folder.path).config
    one_sentence(error)


@pytest.mark.parametrize("name", ["nothing", "file", "empty", "file/under", "long" * 100])
def test_what_is_no_run_is_not_opened(tmp_path, name):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(RunError, match=r"is not a run folder|cannot open") as error:
        RunFolder.open(tmp_path / name)
    one_sentence(error)


# -- a disk that fills up --------------------------------------------------------------------------


def no_space(*args, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


class FailsAt:
    """Stands for a function of the file system whose n-th call finds the disk full."""

    def __init__(self, function, n: int) -> None:
        self.function, self.left = function, n

    def __call__(self, *args, **options):
        self.left -= 1
        return no_space() if self.left == 0 else self.function(*args, **options)


@pytest.mark.parametrize(
    ("name", "call"),
    [("fsync", 1), ("fsync", 2), ("fsync", 3), ("fsync", 4), ("replace", 1)],
)
def test_whichever_write_fails_the_earlier_checkpoint_stands(folder, monkeypatch, name, call):
    """The log, two files and their folder are flushed, and the folder is renamed."""
    drive(folder, steps=4)
    before = everything_in(folder.path)
    monkeypatch.setattr(os, name, FailsAt(getattr(os, name), call))
    with pytest.raises(RunError, match=r"No space left on device\): free some space") as error:
        folder.save_checkpoint(8, {"w": np.ones(5)})
    assert f"--resume {folder.path} (" in one_sentence(error)
    assert "step-000004 stands" in one_sentence(error)
    assert everything_in(folder.path) == before
    assert folder.load_checkpoint()[0] == 4


def test_the_first_checkpoint_failing_leaves_none(folder, monkeypatch):
    before = everything_in(folder.path)
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(RunError, match="cannot write the checkpoint"):
        folder.save_checkpoint(1, {})
    assert everything_in(folder.path) == before


def test_a_file_is_replaced_whole_or_stays_as_it_was(folder, monkeypatch):
    folder.write("note.txt", b"old")
    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(RunError):
        folder.write("note.txt", b"new")
    assert (folder.path / "note.txt").read_bytes() == b"old"
    assert not list(folder.path.glob(".writing*"))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_line_of_metrics_on_a_full_disk(folder):
    (folder.path / "metrics.jsonl").symlink_to("/dev/full")
    with pytest.raises(RunError, match=r"metrics.jsonl \(No space left on device\)") as error:
        folder.log({"step": 1})
    one_sentence(error)


def test_a_line_of_metrics_that_fits_only_in_part_is_taken_back(folder, monkeypatch):
    folder.log({"step": 1})

    class Short(io.FileIO):
        def write(self, line):
            return super().write(line[:5])

    monkeypatch.setattr("builtins.open", lambda path, mode, buffering: Short(path, mode))
    with pytest.raises(RunError, match="No space left"):
        folder.log({"step": 2})
    monkeypatch.undo()
    assert (folder.path / "metrics.jsonl").read_text() == '{"step": 1}\n'


# -- stopping --------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [math.nan, math.inf, -math.inf])
def test_a_loss_that_is_no_number_stops_the_run(folder, loss):
    with pytest.raises(RunError, match=r"loss became -?(nan|inf) at step 5, so") as error:
        drive(folder, Counter({5: loss, 6: loss}))
    assert "step-000004 stands" in one_sentence(error)
    assert folder.load_checkpoint()[0] == 4
    last = (folder.path / "metrics.jsonl").read_text().splitlines()[-1]
    assert json.loads(last)["loss"] is None


def test_no_checkpoint_is_made_of_a_model_that_diverged(folder):
    with pytest.raises(RunError, match="there was no checkpoint yet"):
        drive(folder, Counter({4: math.nan}), report_every=100)
    assert folder.checkpoints() == []


def test_numpys_warnings_do_not_come_between(folder):
    class Overflowing(Counter):
        def step(self):
            _ = np.float32([1e30]) * np.float32(1e30)
            return super().step()

    drive(folder, Overflowing())  # warnings are errors in these tests


# -- progress --------------------------------------------------------------------------------------


def test_where_stderr_is_no_terminal_there_are_some_twenty_lines(folder, capfd):
    drive(folder, steps=1000, report_every=1, checkpoint_every=1000)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 20
    assert lines[-1] == "step 1000/1000  loss 0.0010"
    assert not any("\r" in line for line in lines)


def test_on_a_terminal_there_is_a_bar_with_the_losses(folder, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    drive(folder)
    shown = sys.stderr.getvalue()
    assert "10/10" in shown
    assert "loss=0.100" in shown


def test_npz_bytes_are_an_npz_file():
    with np.load(io.BytesIO(runs.npz_bytes(samples=np.eye(2)))) as stored:
        np.testing.assert_array_equal(stored["samples"], np.eye(2))
