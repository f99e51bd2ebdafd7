"""The command as a user runs it: train, sample, info, recipes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from commands import SMALL, everything_in, look, samples_in, save_images
from safetensors.numpy import load_file

import tinygen
from tinygen import recipes
from tinygen.metrics import Judge

ROOT = Path(tinygen.__file__).parents[1]


def spawn(*arguments: str, code: list[str] | None = None, **options) -> subprocess.Popen:
    """The command, or Python code, in a process of its own; warnings are errors there too."""
    command = code or ["-m", "tinygen.cli"]
    return subprocess.Popen(
        [sys.executable, "-W", "error", *command, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, **options,
    )  # fmt: skip


# -- train -----------------------------------------------------------------------------------------


def test_training_leaves_a_folder_with_everything_promised(run, tmp_path):
    result = run.train()
    assert result.code == 0
    folder = tmp_path / "runs" / "gan-digits-1"
    assert set(everything_in(folder)) == {
        "config.json", "data.json", "env.json", "metrics.jsonl", "samples",
        "evaluation", "evaluation/step-000004.json",
        *(f"samples/step-00000{i}.png" for i in (1, 2, 4)), "checkpoints",
        *(f"checkpoints/step-00000{i}{file}" for i in (2, 4)
          for file in ("", "/arrays.safetensors", "/state.json")),
    }  # fmt: skip
    config = json.loads((folder / "config.json").read_bytes())
    assert config["recipe"] == "gan"
    assert config["generator"] == [8]
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [2, 4]
    assert {"loss_d", "loss_g"} <= set(json.loads(lines[0]))
    side = 7 * (8 * 9 + 1)  # 8 digits of 8 pixels and a gap, at 7 times their size
    assert look(folder / "samples" / "step-000004.png") == ((side, side), "L")


def test_training_says_where_the_picture_is_and_what_a_classifier_thinks(run, monkeypatch):
    monkeypatch.setattr("tinygen.metrics.evaluation.Judge", Judge)
    result = run.train()
    assert "Samples: runs/gan-digits-1/samples/step-000004.png" in result.out
    assert "of 10 classes present; mean confidence" in result.out
    assert "1,438 training and 359 test images of 8x8" in result.err
    results = json.loads(Path("runs/gan-digits-1/evaluation/step-000004.json").read_bytes())
    assert results["classifier_accuracy"] >= 0.97
    assert len(results["shares"]) == 10
    assert sum(results["shares"]) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("recipe", [name for name in recipes.RECIPES if name.startswith("gan")])
@pytest.mark.parametrize("data", ["ring", "grid"])
def test_points_in_the_plane_are_trained_on_and_drawn(run, recipe, data):
    assert run.train("--data", data, recipe=recipe).code == 0
    folder = Path(f"runs/{recipe}-{data}-1")
    assert look(folder / "samples" / "step-000004.png") == ((480, 480), "RGB")
    results = json.loads((folder / "evaluation/step-000004.json").read_bytes())
    assert "classifier_accuracy" not in results


@pytest.mark.slow
def test_the_convolutional_gan_enlarges_digits_and_refuses_points(run):
    small = ("train", "dcgan", "--steps", 4, "--set", "channels=2,3,4", "--set", "noise=5")
    assert run(*small).code == 0
    assert look(Path("runs/dcgan-digits-1/samples/step-000004.png"))[1] == "L"
    assert run("sample", "runs/dcgan-digits-1", "-n", 2, "--out", "two.npz").code == 0
    assert samples_in("two.npz").shape == (2, 32, 32)
    assert "dcgan needs images" in run(*small, "--data", "ring").sentence
    assert "three numbers" in run(*small, "--set", "channels=2,3").sentence


@pytest.mark.parametrize(
    ("shape", "mode"),
    [((5, 4), "L"), ((1, 5, 4), "L"), ((3, 5, 4), "RGB"), ((2, 5, 4), "L"), ((7,), "L"),
     ((2,), "RGB")],
)  # fmt: skip
@pytest.mark.parametrize("labelled", [False, True])
def test_own_arrays_are_trained_on_sampled_and_drawn(run, shape, mode, labelled):
    labels = {"train_labels": np.arange(40) % 2} if labelled else {}
    save_images("own.npz", shape=shape, **labels)
    assert run.train("--data", "own.npz").code == 0
    folder = Path("runs/gan-own-1")
    assert look(folder / "samples" / "step-000004.png")[1] == mode
    results = json.loads((folder / "evaluation/step-000004.json").read_bytes())
    assert ("classifier_accuracy" in results) == (labelled and len(shape) > 1)
    assert run("sample", folder, "-n", 3, "--out", "some.npz").code == 0
    assert samples_in("some.npz").shape == (3, *shape)


def test_one_seed_gives_one_run_bit_for_bit(run):
    for out, seed in (("a", 3), ("b", 3), ("c", 4)):
        assert run.train("--seed", seed, "--out", out, "--set", "ema=0.9").code == 0
        assert run("sample", out, "-n", 5, "--out", f"{out}.npz").code == 0
    a, b, c = (everything_in(Path(name)) for name in "abc")
    differing = {name for name in a if a[name] != b[name]}
    checkpoints = {name for name in a if name.endswith("state.json")}
    assert differing <= {"metrics.jsonl", "env.json", *checkpoints}  # which hold times
    weights = "checkpoints/step-000004/arrays.safetensors"
    assert a[weights] != c[weights]
    samples = [samples_in(f"{name}.npz") for name in "abc"]
    np.testing.assert_array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[0], samples[2])


def test_runs_are_numbered_and_never_overwritten(run):
    for number in (1, 2):
        assert run.train(steps=1).code == 0
        assert Path(f"runs/gan-digits-{number}/config.json").exists()
    before = everything_in(Path("runs/gan-digits-1"))
    assert "exists already" in run.train("--out", "runs/gan-digits-1").sentence
    assert everything_in(Path("runs/gan-digits-1")) == before


def test_settings_are_read_as_what_they_are(run):
    given = {"lr": "1e-3", "generator": "4,5", "discriminator": "", "objective": "minimax",
             "noise": "3", "slope": "0.1", "real_label": "0.9", "d_steps": "2",
             "output": "sigmoid"}  # fmt: skip
    assert run.train(*(x for k, v in given.items() for x in ("--set", f"{k}={v}"))).code == 0
    config = json.loads(Path("runs/gan-digits-1/config.json").read_bytes())
    assert {k: config[k] for k in given} == {
        "lr": 1e-3, "generator": [4, 5], "discriminator": [], "objective": "minimax", "noise": 3,
        "slope": 0.1, "real_label": 0.9, "d_steps": 2, "output": "sigmoid",
    }  # fmt: skip
    weights = load_file("runs/gan-digits-1/checkpoints/step-000004/arrays.safetensors")
    assert weights["trainer/generator/0.weight"].shape == (4, 3)
    assert weights["trainer/discriminator/0.weight"].shape == (1, 64)
    assert run("sample", "runs/gan-digits-1").code == 0


def test_what_suits_a_dataset_gives_way_to_what_is_asked_for():
    recipe = recipes.find("gan")
    assert recipes.resolve(recipe, {"data": "ring"}).batch == 256
    assert recipes.resolve(recipe, {"data": "ring", "batch": "32"}).batch == 32


# -- sample ----------------------------------------------------------------------------------------


def test_samples_are_new_pictures_or_arrays(run):
    run.train()
    folder = "runs/gan-digits-1"
    drawn = f"{folder}/drawn/step-000004-seed-0-n-64.png"
    assert run("sample", folder).out == f"64 samples of step 4: {drawn}\n"
    assert look(drawn)[1] == "L"
    for n in (1, 10_001):
        assert run("sample", folder, "-n", n, "--seed", 1, "--out", f"{n}.npz").code == 0
        samples = samples_in(f"{n}.npz")
        assert (samples.shape, samples.dtype) == ((n, 8, 8), np.float32)


def test_samples_depend_on_their_seed_only(run):
    run.train()
    drawn = []
    for seed in (5, 5, 6):
        run("sample", "runs/gan-digits-1", "--seed", seed, "--out", "x.npz", "--force")
        drawn.append(samples_in("x.npz"))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_run_on_own_data_is_sampled_from_anywhere(run, tmp_path, monkeypatch):
    save_images("own.npz")
    run.train("--data", "own.npz")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert run("sample", "../runs/gan-own-1").code == 0


# -- info and recipes ------------------------------------------------------------------------------


def test_info_tells_versions_and_what_of_cuda(run):
    out = run("info").out
    for word in ("tinygen", "python", "numpy", "safetensors", "tqdm", "pooch", "pillow", "cpu"):
        assert f"\n{word}" in f"\n{out}"
    assert "\ncuda         usable" in out or "\ncuda         not usable: " in out


def test_recipes_lists_them_and_the_settings_of_each(run):
    assert all(f"{name} " in run("recipes").out for name in recipes.RECIPES)
    for name in recipes.RECIPES:
        out = run("recipes", name).out
        assert all(
            f"  {setting}=" in out for setting, _, _ in recipes.settings_of(recipes.find(name))
        )


# -- the process -----------------------------------------------------------------------------------


def test_importing_tinygen_loads_numpy_and_nothing_else():
    code = (
        "import sys, tinygen; print({n.partition('.')[0] for n in sys.modules} & {'PIL', 'tqdm',"
        " 'pooch', 'safetensors', 'scipy', 'matplotlib', 'cupy', 'requests', 'numpy'})"
    )
    out, err = spawn(code=["-c", code]).communicate(timeout=60)
    assert (out, err) == ("{'numpy'}\n", "")


def test_ctrl_c_ends_with_130_and_the_run_so_far_is_intact(tmp_path):
    process = spawn("train", "gan", *SMALL, cwd=tmp_path)
    folder = tmp_path / "runs" / "gan-digits-1"
    checkpoint = folder / "checkpoints"
    deadline = time.monotonic() + 60
    while not (checkpoint.exists() and list(checkpoint.glob("step-*"))):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert err.strip().split("\n")[-1].startswith("tinygen: interrupted (")
    assert "stands" in err
    assert not list(folder.rglob(".writing*"))
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        json.loads(line)
    out, err = spawn("sample", folder, cwd=tmp_path).communicate(timeout=60)
    assert "64 samples of step" in out
    assert err == ""


def test_a_reader_that_goes_away_is_no_error():
    process = spawn("recipes", "gan")
    process.stdout.close()
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.wait(60) in (0, 1)


def test_a_disk_that_fills_up_within_a_file(tmp_path):
    """Files of at most 16 KiB: a real partial write, which the kernel refuses to complete."""
    limit = "import resource as r; r.setrlimit(r.RLIMIT_FSIZE, (16384, 16384)); "
    code = limit + "import sys; from tinygen.cli import main; sys.exit(main(sys.argv[1:]))"
    process = spawn("train", "gan", "--steps", "2", cwd=tmp_path, code=["-c", code])
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "Traceback" not in err
    again = "free some space and go on with tinygen train --resume runs/gan-digits-1 ("
    assert err.rstrip().endswith(f"{again}there was no checkpoint yet).")
    left = everything_in(tmp_path / "runs" / "gan-digits-1")
    assert not [name for name in left if ".writing" in name or "step-000002/" in name]
