"""Numbers that are not finite: found, named, stepped over."""

from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
from commands import SMALL

import tinygen as tg
from tinygen import optim, recipes
from tinygen.optim import optimizer as optimizer_module
from tinygen.runs import RunError, RunFolder, guards, train
from tinygen.runs.guards import RECORDING, first_nonfinite
from tinygen.runs.parts import parts_of
from tinygen.tensor import Node

BAD = 7
"""The step at which the batches below go bad."""


class Fit:
    """w is fitted to batches by a loss; it is trainer and experiment in one."""

    def __init__(self, loss, batch, lr: float = 0.01) -> None:
        self.loss = loss
        self.batch = batch
        self.steps = 0
        self.w = tg.tensor([0.5, 1.5, 2.5], requires_grad=True)
        self.adam = optim.Adam([("w", self.w)], lr=lr)
        self.trainer = self

    def step(self):
        self.steps += 1
        loss = self.loss(self.w, self.batch(self.steps))
        self.adam.step(tg.grad(loss, self.adam.params))
        return {"loss": loss.detach()}

    def state_dict(self):
        return {"steps": self.steps, "w": self.w.numpy().copy(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state):
        self.steps = state["steps"]
        self.w.data = state["w"]
        self.adam.load_state_dict(state["adam"])

    def pictures(self):
        return {}

    def measure(self):
        return {}

    def remark(self, losses):
        return {}, ""


def usual(step: int) -> tg.Tensor:
    return tg.tensor(np.full(3, 1 + step / 10, "float32"))


def spiked(value: float):
    """Batches that hold `value` at step BAD."""

    def batch(step: int) -> tg.Tensor:
        rows = usual(step).numpy().copy()
        rows[1] = value if step == BAD else rows[1]
        return tg.tensor(rows)

    return batch


def squares(w, x):
    return tg.sum((w * x) ** 2)


@pytest.fixture
def folder(tmp_path) -> RunFolder:
    return RunFolder.create(tmp_path / "run", {})


def failure(run, folder, **options) -> str:
    options = {"steps": 20, "report_every": 5, "checkpoint_every": 5, **options}
    with pytest.raises(RunError) as error:
        train(run, folder, **options)
    assert RECORDING.Node is Node
    assert optimizer_module._guard is None
    text = str(error.value)
    assert "\n" not in text
    assert re.search(r"\.$", text)
    return text


# -- finding the cause -----------------------------------------------------------------------------


def test_an_operation_that_overflows_is_named_with_its_step(folder, capfd):
    """The loss is looked at in step 10; what happened in step 7 is found by going back to 5."""
    text = failure(Fit(squares, spiked(1e30)), folder)
    assert text.startswith(f"loss became inf at step {BAD} (first the operation power_number, ")
    assert "the gradient of w in adam" in text
    assert f"({folder.path}/checkpoints/step-000005 stands): try a smaller" in text
    told = capfd.readouterr().err
    assert "step 10/20  loss became nan: repeating from step 6" in told
    assert folder.load_checkpoint()[0] == 5


def test_an_infinite_derivative_of_a_finite_result_is_named(folder):
    """sqrt is finite at 0, and its slope is not."""

    def loss(w, x):
        return tg.sum(tg.sqrt((w * x) ** 2))

    text = failure(Fit(loss, spiked(0.0)), folder)
    assert text.startswith(f"the gradient of w in adam became nan or infinite at step {BAD} ")
    assert "(first the derivative of sqrt, then the gradient of w in adam)" in text


def test_before_the_first_checkpoint_the_beginning_is_repeated(folder):
    text = failure(Fit(squares, spiked(np.inf)), folder, checkpoint_every=100, report_every=100)
    assert f"at step {BAD} " in text
    assert "(there was no checkpoint yet)" in text


def test_infinities_that_are_usual_are_not_blamed(folder):
    """A mask's are there in the good steps too."""

    def loss(w, x):
        masked = tg.where(np.array([True, False, True]), w, tg.tensor(-np.inf))
        return tg.sum(tg.exp(masked)) + tg.sum((w * x) ** 2)

    text = failure(Fit(loss, spiked(1e30)), folder)
    assert "(first the operation power_number, then" in text


def test_an_array_that_breaks_while_the_loss_stays_finite_is_named(folder):
    """Such as a running mean; it is seen when it is to be saved, and not saved."""

    class Running(Fit):
        def __init__(self):
            super().__init__(squares, usual)
            self.mean = np.zeros(2)

        def step(self):
            results = super().step()
            self.mean[1] += np.inf if self.steps == BAD else 1.0
            return results

        def state_dict(self):
            return {**super().state_dict(), "mean": self.mean.copy()}

        def load_state_dict(self, state):
            super().load_state_dict(state)
            self.mean = state["mean"]

    text = failure(Running(), folder)
    assert text.startswith(f"mean became nan or infinite at step {BAD}, so training stopped")
    assert [p.name for p in folder.checkpoints()] == ["step-000005"]


def test_what_does_not_come_back_is_told_as_it_was_seen(folder):
    class Once(Fit):
        broken = False

        def step(self):
            results = super().step()
            if self.steps == BAD and not self.broken:
                self.broken = True
                return {"loss": tg.tensor(np.nan)}
            return results

    text = failure(Once(squares, usual), folder, report_every=1)
    assert text.startswith(f"loss became nan by step {BAD}, so training stopped")


def test_repeating_can_be_interrupted(folder):
    run = Fit(squares, spiked(1e30))
    assert guards.repeat_watched(run, run, range(1, 21), False, lambda: run.steps == 3) is None
    assert run.steps == 3
    assert RECORDING.Node is Node


def test_second_derivatives_and_composed_graphs_train_under_the_watch():
    """Watched nodes are nodes: the same gradients, to the bit, at every order."""

    def loss(w, x):
        inner = tg.sum(tg.tanh(tg.concatenate([w * x, w])) ** 2)
        return tg.sum(tg.grad(inner, w, create_graph=True) ** 2) + inner

    plain, watched = Fit(loss, usual), Fit(loss, usual)
    for _ in range(3):
        plain.step()
    assert guards.repeat_watched(watched, watched, range(1, 4), True, lambda: False) is None
    np.testing.assert_array_equal(plain.w.numpy(), watched.w.numpy())


def _spoilt(batch):
    """Examples that are nan, beside labels if there are any."""
    return (batch[0] * np.float32(np.nan), *batch[1:])


WRECKED = {
    "gan-wide": ("--set", "generator=8", "--set", "discriminator=8"),
    "latent-gan": ("--set", "first=2"),
}


@pytest.mark.slow
@pytest.mark.parametrize("recipe", recipes.RECIPES)
def test_a_wreck_of_each_recipe_is_named(run, monkeypatch, recipe):
    """Batches of the real thing go bad at step 5."""
    step = recipes.Experiment.step

    def spoilt(self):
        prepare = self.prepare
        if _steps_of(self) == 4:
            self.prepare = lambda batch: _spoilt(prepare(batch))
        try:
            return step(self)
        finally:
            self.prepare = prepare

    def _steps_of(experiment) -> int:
        loader = experiment.loader
        return (loader.epoch * len(loader) * loader.batch_size + loader._position) // 16

    monkeypatch.setattr(recipes.Experiment, "step", spoilt)
    result = run(
        "train", recipe, "--steps", 12, "--set", "batch=16", "--set", "checkpoint_every=3",
        *WRECKED.get(recipe, ()),
    )  # fmt: skip
    assert result.code == 2
    assert " at step 5 " in result.err.splitlines()[-1] or " at step 5," in result.err
    assert "step-000003 stands" in result.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("vae-gan", {"optimizers.encoder", "optimizers.decoder", "optimizers.discriminator"}),
        ("latent-gan", {"optimizer", "gan.optimizer_g", "gan.optimizer_d"}),
        ("dbn", {"trainers.0.optimizer", "trainers.1.optimizer"}),
        ("amortised-cd", {"optimizer", "negative.optimizer"}),
    ],
)
def test_every_optimizer_of_a_trainer_has_a_name_of_its_own(name, expected):
    recipe = recipes.find(name)
    trainer = recipe.build(recipes.resolve(recipe, {})).trainer
    optimizers = [p for p in parts_of(trainer).values() if isinstance(p, optim.Optimizer)]
    assert {guards._name_in(trainer, each) for each in optimizers} == expected


def test_first_nonfinite_finds_arrays_only():
    state = {"best": float("inf"), "a": [np.ones(2), {"b": np.array([1, np.nan])}], "n": np.ones(1)}
    assert first_nonfinite(state) == "a/1/b"
    assert first_nonfinite({"a": np.arange(3), "t": "nan", "e": np.zeros(0)}) is None


# -- stepping over ---------------------------------------------------------------------------------


def test_skipping_leaves_out_the_update_and_counts_it(folder):
    """As if there had been no batch: weights, moments and Adam's count of steps."""
    run = Fit(squares, spiked(1e30))
    progress = train(
        run, folder, steps=10, report_every=2, checkpoint_every=5, on_nonfinite="skip"
    )  # fmt: skip
    assert progress.skipped == 1
    assert progress.in_a_row == {}
    other = Fit(squares, usual)
    for step in range(1, 11):
        if step != BAD:
            other.steps = step - 1
            other.step()
    np.testing.assert_array_equal(run.w.numpy(), other.w.numpy())
    assert run.adam.steps == 9
    lines = (folder.path / "metrics.jsonl").read_text().splitlines()
    assert ['"skipped": 0' in line for line in lines] == [True] * 3 + [False] * 2
    assert folder.load_checkpoint()[1]["progress"]["skipped"] == 1


def test_skipping_without_end_stops(folder):
    text = failure(
        Fit(squares, lambda step: usual(step) * (np.nan if step > 3 else 1.0)), folder,
        steps=10**6, on_nonfinite="skip",
    )  # fmt: skip
    assert "the gradient of w in adam was not finite 100 times in a row, up to step 103" in text


def test_skipping_does_not_save_a_wreck(folder):
    """A parameter that overflows in an update by a finite gradient."""
    run = Fit(squares, usual, lr=1e38)
    text = failure(run, folder, on_nonfinite="skip")
    assert "became nan or infinite at step" in text
    assert not folder.checkpoints()


def test_skip_is_a_setting_and_a_flag(run):
    for i, how in enumerate((["--on-nonfinite", "skip"], ["--set", "on_nonfinite=skip"])):
        assert run.train("--out", f"run-{i}", *how).code == 0
        assert '"skipped": 0' in Path(f"run-{i}/metrics.jsonl").read_text()
    assert "did you mean skip?" in run.train("--on-nonfinite", "skipp").sentence


def test_a_guard_gives_way_to_the_one_before_it():
    asked = []
    run = Fit(squares, usual)
    with optimizer_module.guarded(lambda optimizer, gradient: asked.append("outer") or True):
        with optimizer_module.guarded(lambda optimizer, gradient: False) as before:
            run.step()
            assert before(run.adam, run.adam.gradients["w"])
        run.step()
    run.step()
    assert asked == ["outer", "outer"]
    assert run.adam.steps == 2


def test_a_stop_request_during_the_search_ends_it(tmp_path, run, monkeypatch):
    """Ctrl-C while the cause is looked for: the sentence comes without it."""
    step = recipes.Experiment.step

    def nan_then_interrupt(self):
        results = step(self)
        if self.loader.epoch or self.loader._position > 32:
            os.kill(os.getpid(), signal.SIGINT)
            return {name: np.float32(np.nan) for name in results}
        return results

    monkeypatch.setattr(recipes.Experiment, "step", nan_then_interrupt)
    result = run("train", "gan", *SMALL, "--steps", 20)
    assert result.code == 2
    assert "became nan by step 5, so training stopped" in result.sentence
