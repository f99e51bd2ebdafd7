"""Samples of a run: other draws, other checkpoints, paths between them, the data's own units."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in, look, samples_in, save_images
from PIL import Image

RUN = Path("runs/gan-digits-1")


@pytest.fixture
def trained(run):
    assert run.train().code == 0
    return run


def test_no_draw_is_written_over_another(trained):
    for arguments in ((), ("--seed", 1), ("-n", 3), ("--step", 2), ("--interpolate", 3)):
        before = everything_in(RUN)
        assert trained("sample", RUN, *arguments).code == 0
        after = everything_in(RUN)
        assert before.items() <= after.items()
        assert len(after.keys() - before.keys() - {"drawn"}) == 1
    before = everything_in(RUN)
    trained("sample", RUN)  # the same once more
    assert everything_in(RUN) == before


def test_a_named_file_is_replaced_on_demand_only(trained):
    for out in ("x.png", "x.npz"):
        assert trained("sample", RUN, "--out", out).code == 0
        assert trained("sample", RUN, "--out", out).code == 0  # the same draw
        before = Path(out).read_bytes()
        assert "--force" in trained("sample", RUN, "--seed", 1, "--out", out).sentence
        assert Path(out).read_bytes() == before
        assert trained("sample", RUN, "--seed", 1, "--out", out, "--force").code == 0
        assert Path(out).read_bytes() != before


def test_each_checkpoint_can_be_sampled(trained):
    drawn = {}
    for step in (2, 4):
        result = trained("sample", RUN, "--step", step, "--out", f"{step}.npz")
        assert f"of step {step}" in result.out
        drawn[step] = samples_in(f"{step}.npz")
    assert not np.array_equal(drawn[2], drawn[4])
    trained("sample", RUN, "--out", "newest.npz")
    np.testing.assert_array_equal(samples_in("newest.npz"), drawn[4])


def test_sampling_repeats_no_noise_of_training(trained):
    """A run and its samples with one seed, and the pictures drawn on the way."""
    trained("sample", RUN, "--out", "x.png")
    with Image.open("x.png") as new, Image.open(RUN / "samples" / "step-000004.png") as old:
        assert new.size == old.size
        assert new.tobytes() != old.tobytes()


def test_paths_run_from_one_sample_to_another(trained):
    assert trained("sample", RUN, "--interpolate", 3, "--out", "x.npz").code == 0
    paths = samples_in("x.npz")
    assert paths.shape == (3, 10, 8, 8)
    steps = np.abs(np.diff(paths, axis=1)).mean((2, 3))
    ends = np.abs(paths[:, 0] - paths[:, -1]).mean((1, 2))
    assert (steps < 0.6 * ends[:, None]).all()
    assert len({p.tobytes() for p in paths.reshape(30, 64)}) == 30
    assert trained("sample", RUN, "--interpolate", 3).code == 0
    gap = 1
    size = look(RUN / "drawn" / "step-000004-seed-0-paths-3.png")[0]
    assert size == (7 * (10 * (8 + gap) + gap), 7 * (3 * (8 + gap) + gap))


@pytest.mark.parametrize(("shape", "mode"), [((3, 5, 4), "RGB"), ((2,), "RGB"), ((7,), "L")])
def test_paths_of_other_data_are_drawn_too(run, shape, mode):
    save_images("own.npz", shape=shape)
    assert run.train("--data", "own.npz").code == 0
    assert run("sample", "runs/gan-own-1", "--interpolate", 2, "--out", "x.png").code == 0
    assert look("x.png")[1] == mode


def write_table(rows: int = 60) -> None:
    rng = np.random.default_rng(0)
    with open("own.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["height (cm)", "income", "class"])
        for i in range(rows):
            writer.writerow([rng.normal(170, 8), rng.normal(3e6, 1e5), "ab"[i % 2]])


def test_samples_of_a_table_are_in_its_own_units(run):
    write_table()
    assert run.train("--data", "own.csv", steps=60).code == 0
    folder = Path("runs/gan-own-1")
    assert run("sample", folder, "-n", 500, "--out", "x.csv").code == 0
    with open("x.csv", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["height (cm)", "income"]
    values = np.array(rows, float)
    assert values.shape == (500, 2)
    np.testing.assert_allclose(values.mean(0), [170, 3e6], rtol=0.2)
    assert run("sample", folder, "-n", 500, "--out", "x.npz").code == 0
    np.testing.assert_allclose(samples_in("x.npz"), values, rtol=1e-5)


def test_data_that_was_changed_since_is_refused(run):
    """Its columns would be given back by another rule than they were learned by."""
    write_table()
    run.train("--data", "own.csv")
    for command in ("sample", "evaluate", "export"):
        assert run(command, "runs/gan-own-1").code == 0
    write_table(rows=50)
    for command in ("sample", "evaluate", "export"):
        sentence = run(command, "runs/gan-own-1").sentence
        assert "own.csv is not what this run was trained on" in sentence
    Path("own.csv").unlink()
    assert "No such file" in run("sample", "runs/gan-own-1").sentence


def test_a_folder_of_images_is_trained_on_and_sampled(run):
    for name in ("cats", "dogs"):
        Path("photos", name).mkdir(parents=True)
        for i in range(10):
            pixels = np.random.default_rng(i).integers(0, 256, (6, 5, 3), "uint8")
            Image.fromarray(pixels).save(f"photos/{name}/{i}.png")
    result = run.train("--data", "photos", "--device", "cpu")
    assert result.code == 0
    assert "2 classes" in result.err
    folder = Path("runs/gan-photos-1")
    assert look(folder / "samples" / "step-000004.png")[1] == "RGB"
    assert run("sample", folder, "-n", 2, "--out", "x.npz").code == 0
    assert samples_in("x.npz").shape == (2, 3, 6, 5)
