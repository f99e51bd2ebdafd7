"""What a run says of how training goes: in its folder, on the terminal, in its report."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from test_report import HOSTILE, page_of
from test_runs import Counter, drive

from tinygen import recipes
from tinygen.models.gan.verdict import EARLY
from tinygen.reports import read_run
from tinygen.runs import RunError, RunFolder

RUN = Path("runs/gan-digits-1")
COLLAPSING = ["--set", "lr=5e-3", "--set", "d_lr=1e-6", "--set", "penalty=none"]


class Remarking(Counter):
    """Something new to say from step 6 on; nothing at all before step 4."""

    def remark(self, losses):
        assert set(losses) == {"loss"}
        if self.steps < 4:
            return {}, ""
        return {"pulse": self.steps / 10}, "well" if self.steps < 6 else "ill since step 6"


def records(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {"recipe": "none"})


# -- the loop --------------------------------------------------------------------------------------


def test_a_remark_stands_in_the_line_of_its_step(folder):
    drive(folder, Remarking())
    found = records(folder.path)
    assert [r.get("pulse") for r in found] == [None, 0.4, 0.6, 0.8, 1.0]
    assert [r.get("verdict") for r in found] == [None, "well", *["ill since step 6"] * 3]


def test_a_remark_is_asked_for_only_when_there_is_a_report(folder):
    asked = []

    class Asked(Counter):
        def remark(self, losses):
            asked.append(self.steps)
            return {}, ""

    drive(folder, Asked(), steps=11, report_every=3, checkpoint_every=2)
    assert asked == [3, 6, 9, 11]


def test_only_what_is_new_is_said(folder, capfd):
    drive(folder, Remarking())
    said = [line for line in capfd.readouterr().err.splitlines() if "loss" not in line]
    assert said == ["step 4/10  well", "step 6/10  ill since step 6"]


def test_it_is_said_above_the_bar_of_a_terminal(folder, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    drive(folder, Remarking())
    assert "step 6/10  ill since step 6\n" in sys.stderr.getvalue()
    assert sys.stderr.getvalue().count("ill since") == 1


def test_numbers_of_a_remark_are_not_the_loops_losses(folder):
    """They may be infinite without an end of training; the losses may not."""

    class Infinite(Counter):
        def remark(self, losses):
            return {"pulse": float("inf")}, "ill"

    drive(folder, Infinite())
    assert records(folder.path)[-1]["pulse"] is None


def test_the_last_remark_is_kept_where_training_fails(folder):
    class Failing(Remarking):
        def step(self):
            super().step()
            return {"loss": np.float32(np.nan if self.steps >= 8 else 1.0)}

    with pytest.raises(RunError, match="loss became nan"):
        drive(folder, Failing(), checkpoint_every=20)
    assert records(folder.path)[-1]["verdict"] == "ill since step 6"


# -- GANs ------------------------------------------------------------------------------------------


def test_a_run_ends_with_its_verdict(run):
    result = run.train(*COLLAPSING, steps=40)
    assert result.code == 0
    last = records(RUN)[-1]
    assert last["verdict"].startswith("collapsed")
    assert f"Verdict: {last['verdict']}." in result.out
    assert f"  {last['verdict']}\n" in result.err
    assert {"d_accuracy", "g_pull", "diversity", "coverage", "growth", "classes"} <= set(last)


def test_a_short_run_says_that_it_was_short(run):
    result = run.train(steps=4)
    assert f"Verdict: {EARLY}." in result.out
    assert not any("verdict" in record for record in records(RUN))


def test_looks_come_as_often_as_one_asks(run):
    run.train("--set", "watch_every=6", steps=20)
    assert [r["step"] for r in records(RUN) if "coverage" in r] == [6, 12, 18]


def test_a_verdict_goes_on_with_the_run(run):
    """Stopped after a look and before another, and gone on with: the same lines, the same state."""
    wish = ["--set", "watch_every=6", "--set", "keep=99", *COLLAPSING]
    run.train(*wish, "--out", "straight", steps=40)
    run.train(*wish, "--out", "parts", steps=14)
    run("train", "--resume", "parts", "--steps", 40)
    straight, parts = (
        [{k: v for k, v in r.items() if k != "seconds"} for r in records(Path(name))]
        for name in ("straight", "parts")
    )
    assert straight == parts
    assert straight[-1]["step"] == 40
    states = [
        json.loads(Path(name, "checkpoints/step-000040/state.json").read_bytes())["state"]
        for name in ("straight", "parts")
    ]
    assert states[0]["watch"] == states[1]["watch"]
    assert states[0]["watch"]["kind"] == "collapsed"
    assert states[0]["trainer"] == states[1]["trainer"]


def test_training_is_the_same_with_looks_and_without(run):
    for often in (1, 1000):
        run.train("--set", f"watch_every={often}", "--out", f"every-{often}", steps=20)
    arrays = [
        Path(f"every-{often}/checkpoints/step-000020/arrays.safetensors").read_bytes()
        for often in (1, 1000)
    ]
    assert arrays[0] == arrays[1]


def test_a_checkpoint_without_a_verdict_is_gone_on_with():
    recipe = recipes.find("gan")
    config = recipes.resolve(recipe, {"steps": "40", "generator": "8", "discriminator": "8"})
    experiment = recipe.build(config)
    state = experiment.state_dict()
    del state["watch"]
    recipe.build(config).load_state_dict(state)


@pytest.mark.slow
@pytest.mark.parametrize(
    "recipe", [name for name, r in recipes.RECIPES.items() if hasattr(r.defaults, "watch_every")]
)
def test_every_gan_is_watched(recipe):
    found = recipes.find(recipe)
    config = recipes.resolve(found, {"steps": "4", "watch_every": "1", "batch": "8"})
    experiment = found.build(config)
    losses = {name: float(value) for name, value in experiment.step().items()}
    before = experiment.trainer.rng.state_dict()
    numbers, _ = experiment.remark(losses)
    assert all(np.isfinite(list(numbers.values())))
    assert experiment.trainer.rng.state_dict() == before


# -- the report ------------------------------------------------------------------------------------


def test_a_page_shows_the_verdicts(run):
    run.train(*COLLAPSING, steps=40)
    run("report", RUN)
    (last,) = {r["verdict"] for r in records(RUN) if "verdict" in r}
    assert last in page_of(RUN / "report.html").words


def test_verdicts_of_several_runs_stand_beside_their_names(run):
    for name in ("a", "b"):
        run.train(*COLLAPSING, "--out", name, steps=40)
    run("report", "a", "b", "--out", "both.html")
    words = page_of("both.html").words
    for name in ("a", "b"):
        assert f"{name}: {records(Path(name))[-1]['verdict']}" in words


def test_earlier_verdicts_are_told_too_and_stay_text(run):
    run.train(steps=4)
    with (RUN / "metrics.jsonl").open("a") as file:
        for step, verdict in enumerate(("fine", "fine", 5, None, HOSTILE, "fine"), 5):
            file.write(json.dumps({"step": step, "verdict": verdict}) + "\n")
    assert read_run(RUN).verdicts == ["fine", HOSTILE, "fine"]
    run("report", RUN)
    page = page_of(RUN / "report.html")
    assert f"before: fine; {HOSTILE}" in page.words
    assert sum(tag == "script" for tag, _ in page.tags) == 1


def test_runs_that_nobody_watched_have_no_verdict(run):
    run("train", "rbm", "--steps", 4)
    (folder,) = Path("runs").iterdir()
    run("report", folder)
    assert read_run(folder).verdicts == []
    assert not any(
        "verdict" in (a.get("class") or "") for _, a in page_of(folder / "report.html").tags
    )
