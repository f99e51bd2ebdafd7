"""The table of GANs of several scales: seeds together, the best first."""

from __future__ import annotations

import pytest

from benchmarks import multiscale

RUNS = {
    f"{label}, seed {seed}": {"figures": {
        "32x32": value + seed, "16x16": 2.0, "coverage": 0.25, "seconds": 45.0, "steps": 100.0,
    }}
    for label, value in (("lapgan, recurrent", 30.0), ("single-scale", 10.0))
    for seed in (0, 2)
}  # fmt: skip


def test_seeds_stand_together_and_the_best_first():
    lines = multiscale.markdown(multiscale.table(RUNS)).splitlines()
    assert lines[2] == "| single-scale | 2 | 45 | 100 | 11.0 +- 1.4 | 2.0 +- 0.0 | 0.25 +- 0.00 |"
    assert lines[3].startswith("| lapgan, recurrent | 2 | 45 | 100 | 31.0 +- 1.4 |")


def test_training_images_have_no_steps_and_one_seed_no_spread():
    runs = {"training images, seed 0": {"figures": {"32x32": 3.0, "16x16": 4.0, "coverage": 1.0}}}
    assert multiscale.markdown(multiscale.table(runs)).splitlines()[2] == (
        "| training images | 1 |  |  | 3.0 | 4.0 | 1.00 |"
    )


def test_the_picture_is_drawn(tmp_path):
    pytest.importorskip("matplotlib", reason="draws with matplotlib")
    multiscale.draw(multiscale.table(RUNS), tmp_path / "made.png")
    assert (tmp_path / "made.png").read_bytes().startswith(b"\x89PNG")
