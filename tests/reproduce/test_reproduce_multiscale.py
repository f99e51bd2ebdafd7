"""The row of GANs of several scales: what is compared with what, what is claimed, what is kept."""

from __future__ import annotations

import json
import math
import os

import numpy as np
import pytest

import tinygen as tg
from tinygen.models.multiscale import FEATURES, MODELS, Scales, multiplications
from tinygen.reproduce import ROWS, multiscale, multiscale_runs
from tinygen.reproduce.multiscale import BASELINE, WIDER, label, verdict
from tinygen.reproduce.multiscale_runs import REAL, Kept, Run, measured, one_thread

RUNS = multiscale.all_runs(0)


@pytest.fixture
def kept(tmp_path, monkeypatch) -> Kept:
    monkeypatch.setenv("TINYGEN_REPRODUCED", str(tmp_path))
    return Kept.usual()


def test_every_model_is_run_with_every_kind_of_features():
    labels = [run.label for run in RUNS]
    assert len(set(labels)) == len(labels) == 2 + 5 * len(FEATURES) + 1
    for run in RUNS:
        if run.recipe != REAL:
            config = run.config(quick=False)
            assert (config.data, config.batch) == ("mnist", 32)
            assert config.features in run.label or run.recipe == "single-scale"


def test_a_run_is_known_by_all_that_decides_it():
    run = RUNS[2]
    changed = [
        run._replace(seed=1),
        run._replace(recipe="sagan"),
        run._replace(settings=(("features", "recurrent"),)),
        run._replace(settings=(*run.settings, ("lr", 0.5))),
    ]
    assert len({run.identity(), *(other.identity() for other in changed)}) == 5
    assert run.identity() == multiscale.all_runs(0)[2].identity()


def cost(model: str, channels: tuple[int, int, int]) -> np.ndarray:
    """Parameters, and multiplications for one example, of both players together."""
    more = {"phase": 1} if model == "progressive" else {}
    trainer = MODELS[model](
        Scales(channels=channels), noise=64, weights=tg.Generator(0), rng=tg.Generator(1), **more
    )
    if more:
        trainer._at(2, 1.0)
    players = (trainer.generator, trainer.discriminator)
    images = trainer.shown(np.zeros((1, 1, 32, 32), "float32"))
    outputs = [
        trainer.generator(tg.Tensor(trainer.noise(1))),
        trainer.discriminator(tg.Tensor(images)),
    ]
    return np.array(
        [sum(p.num_parameters() for p in players), sum(map(multiplications, outputs))], float
    )


@pytest.mark.parametrize("model", multiscale.MODELS)
def test_the_baselines_are_of_equal_parameters_and_equal_multiplications(model):
    wide = model in ("lapgan", "multiscale-d")
    baseline = cost("single-scale", (36, 18, 9) if wide else (32, 16, 8))
    ratio = cost(model, (32, 16, 8)) / baseline
    assert np.abs(ratio - 1).max() <= (0.11 if wide else 0.08)


# -- claims ----------------------------------------------------------------------------------------

ORDINARY = {
    "32x32": 50.0,
    "16x16": 50.0,
    "coverage": 0.5,
    **{
        f"{level} after {share}% of the seconds": 60.0
        for level in ("32x32", "16x16")
        for share in (60, 100)
    },
}
GOOD = {f"{run.label}: {name}": value for run in RUNS for name, value in ORDINARY.items()}
GOOD[f"{label('lapgan')}: 32x32"] = GOOD[f"{label('multiscale-d')}: 16x16"] = 40.0
GOOD[f"{label('sagan', 'recurrent')}: 32x32"] = 39.0
GOOD[f"{label('sagan', 'recurrent')}: 16x16"] = 29.0


def test_all_claims_are_met_by_figures_that_meet_them():
    found = verdict([GOOD, GOOD])
    assert (found.passed, found.stretch) == (True, False)
    assert "NO" not in found.because
    assert "best: sagan, recurrent, 39.0 and 29.0" in found.because


@pytest.mark.parametrize(
    ("who", "what", "value", "told"),
    [
        (label("lapgan"), "32x32", 41.0, "lapgan 18% below one scale at 32x32"),
        (label("multiscale-d"), "16x16", 41.0, "multiscale-d 18% below one scale at 16x16"),
        (label("progressive"), "16x16 after 60% of the seconds", 61.0, "progressive at 60%"),
        (label("msg-gan"), "coverage", 0.49, "msg-gan covers 0.490, one scale 0.500"),
        (label("sagan", "recurrent"), "16x16", 31.0, "best: "),
    ],
)
def test_each_claim_is_judged_by_itself(who, what, value, told):
    found = verdict([{**GOOD, f"{who}: {what}": value}])
    assert not found.passed
    missed = [part for part in found.because.split("; ") if part.endswith("NO")]
    assert len(missed) == 1
    assert told in missed[0]


def test_the_stretch_is_the_best_models():
    best = {f"{label('sagan')}: 32x32": 14.0, f"{label('sagan')}: 16x16": 15.0}
    assert verdict([{**GOOD, **best}]).stretch


# -- running and keeping ---------------------------------------------------------------------------


def test_finished_runs_are_kept_and_found_again(kept, tmp_path):
    run, figures = RUNS[3], {"32x32": 12.5, "16x16": 7.25}
    assert kept.find(run) is None
    kept.add(run, figures)
    assert Kept.usual().find(run) == figures
    assert Kept.usual().find(run._replace(seed=1)) is None
    assert Kept.usual().find(run._replace(settings=(("lr", 0.1),))) is None
    content = (tmp_path / "multiscale-runs.json").read_text()
    assert str(tmp_path) not in content
    assert json.loads(content)["runs"][run.name]["environment"]["numpy"] == np.__version__


@pytest.mark.parametrize("content", ["", "[1]", '{"runs": 3}', '{"runs": {"x": 1}}', "\xff"])
def test_a_damaged_file_of_runs_is_as_good_as_none(kept, tmp_path, content):
    (tmp_path / "multiscale-runs.json").write_text(content, encoding="latin-1")
    assert Kept.usual().find(RUNS[0]) is None


def test_a_row_goes_on_where_it_stopped(kept, monkeypatch):
    """Each run is written down as it ends; the next time only the others are run."""
    asked: list[Run] = []

    def some(todo):
        for run in todo:
            asked.append(run)
            if len(asked) == 5:
                raise KeyboardInterrupt
            yield run, {"32x32": float(len(asked)), "16x16": 0.0}

    monkeypatch.setattr(multiscale, "in_processes", some)
    monkeypatch.setattr(multiscale, "judge", lambda quick: None)
    with pytest.raises(KeyboardInterrupt):
        multiscale.run(0, quick=False)
    first = list(asked)
    figures = multiscale.run(0, quick=False)
    assert asked[5:] == RUNS[4:]
    assert [figures[f"{run.label}: 32x32"] for run in first[:4]] == [1.0, 2.0, 3.0, 4.0]
    multiscale.run(0, quick=False)
    assert len(asked) == 5 + len(RUNS[4:])


def test_processes_get_one_thread_each(monkeypatch):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    with one_thread():
        assert os.environ["OPENBLAS_NUM_THREADS"] == "1"
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"
    monkeypatch.delenv("OPENBLAS_NUM_THREADS")
    with one_thread():
        pass
    assert "OPENBLAS_NUM_THREADS" not in os.environ


@pytest.mark.slow
def test_runs_are_shared_among_processes(monkeypatch):
    monkeypatch.setattr(multiscale, "measured", len)  # of a Run: its four fields
    assert dict(multiscale.in_processes(RUNS[:3])) == dict.fromkeys(RUNS[:3], 4)
    assert list(multiscale.in_processes([])) == []


@pytest.mark.parametrize("run", [RUNS[0], RUNS[2], RUNS[5], RUNS[-1]], ids=lambda run: run.label)
def test_a_run_is_measured_at_both_levels_and_on_the_way(run):
    figures = measured(run, quick=True)
    assert all(math.isfinite(value) for value in figures.values())
    assert {"32x32", "16x16", "coverage"} <= set(figures)
    if run.recipe != REAL:
        assert figures["steps"] == multiscale_runs.LOOKS
        assert "16x16 after 60% of the seconds" in figures
    else:
        assert figures["coverage"] > 0.5


def test_the_row_is_there():
    row = ROWS["multiscale"]
    assert row.seeds == 3
    assert f"{multiscale_runs.SECONDS:.0f} seconds" in row.protocol
    assert {BASELINE, WIDER} <= {run.label for run in RUNS}
