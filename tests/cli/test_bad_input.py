"""Whatever a user gives: one sentence, exit code 2, no traceback, nothing half-written left."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in, save_images
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinygen import recipes, runs
from tinygen.backend import cuda_status
from tinygen.data import LOADERS
from tinygen.models.gan import GANTrainer


@pytest.fixture
def refused(run, tmp_path):
    """Trains with these arguments; the sentence that refuses it, when nothing new was left."""

    def sentence(*arguments, **options) -> str:
        before = everything_in(tmp_path)
        result = run.train(*arguments, **options)
        assert everything_in(tmp_path) == before
        assert result.err.count("\n") == 1
        return result.sentence

    return sentence


# -- names -----------------------------------------------------------------------------------------


def test_an_unknown_recipe_lists_the_recipes(run):
    for command in (["train", "gam"], ["recipes", "gam"]):
        sentence = run(*command).sentence
        assert sentence.endswith("did you mean gan?")
        assert all(name in sentence for name in recipes.RECIPES)


def test_an_unknown_dataset_lists_the_datasets(refused):
    sentence = refused("--data", "fashion_mnist")
    assert sentence.endswith("did you mean fashion-mnist?")
    assert all(name in sentence for name in LOADERS)


def test_an_unknown_setting_lists_the_settings(refused):
    sentence = refused("--set", "d_step=2")
    assert sentence.endswith("did you mean d_steps?")
    assert "checkpoint_every" in sentence


def test_an_unknown_device_loss_or_output_lists_the_right_ones(refused):
    assert "cuda" in refused("--device", "gpu")
    assert "did you mean minimax?" in refused("--set", "objective=minmax")
    assert "did you mean sigmoid?" in refused("--set", "output=sigmoids")


@pytest.mark.skipif(cuda_status() is None, reason="CUDA works here")
def test_cuda_where_it_cannot_work_says_why(refused):
    assert cuda_status() in refused("--device", "cuda")


def test_a_device_from_the_environment_is_checked_too(refused, monkeypatch):
    monkeypatch.setenv("TINYGEN_DEVICE", "abacus")
    assert "abacus" in refused()


# -- numbers ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("setting", [
    "steps=0", "steps=-1", "steps=1.5", "steps=", "steps=nan", "steps=1e3", f"steps={10**30}",
    f"steps={'9' * 5000}", f"steps={'9' * 400}", "seed=-1", f"seed={2**70}", "batch=0", "batch=-5",
    "batch=1439", f"batch={2**40}", "lr=0", "lr=-1", "lr=nan", "lr=inf", "lr=1e300", "lr=fast",
    "lr=1e-30", "beta1=1", "beta1=-0.1", "ema=1", "ema=2", "d_steps=0", "noise=-1",
    f"noise={10**9}", "generator=0", "generator=8,-8", "generator=8;8", f"generator={10**12}",
    "slope=-1", "slope=2", "real_label=0", "real_label=1.1", "penalty_weight=-1", "penalty_every=0",
    "penalty=r3", "penalty_weight=nan", "penalty_every=1.5", "objective=", "d_lr=-1", "d_lr=nan",
    "instance_noise=-1", "instance_noise=inf", "pack=0", "pack=2000", "pack=1.5", "minibatch=-1",
    "minibatch=5000", "feature_matching=-1", "historical=nan", "unroll=-1", "unroll=1000",
    "unroll=x", "spectral_norm=maybe", "preprocess=2",
    "report_every=0", "checkpoint_every=0", "data=",
])  # fmt: skip
def test_a_setting_that_makes_no_sense_is_named(refused, setting):
    name = setting.partition("=")[0]
    sentence = refused("--set", setting)
    assert name in sentence or name == "data"
    assert len(sentence) < 6000


def test_set_wants_a_key_and_a_value(refused):
    assert refused("--set", "lr") == "--set takes KEY=VALUE, not 'lr'."


@pytest.mark.parametrize("arguments", [[], ["fly"], ["sample"], ["train", "gan", "--no"],
                                       ["sample", "x", "-n", "many"]])  # fmt: skip
def test_what_the_parser_refuses_exits_with_2_and_shows_the_usage(run, arguments):
    result = run(*arguments)
    assert result.code == 2
    assert "usage: tinygen" in result.err


def test_a_run_that_diverges_stops_in_one_sentence(run, monkeypatch):
    """A folder is left, for the run did begin: with its losses, and no checkpoint of a wreck."""
    step = GANTrainer.step

    def diverge(trainer, batch):
        losses = step(trainer, batch)
        return losses if trainer.steps < 3 else {name: float("nan") for name in losses}

    monkeypatch.setattr(GANTrainer, "step", diverge)
    result = run("train", "gan", "--set", "report_every=1", "--steps", 5)
    assert "(there was no checkpoint yet): try a smaller learning rate" in result.sentence
    for line in Path("runs/gan-digits-1/metrics.jsonl").read_text().splitlines():
        json.loads(line, parse_constant=lambda name: pytest.fail(name))


# -- data ------------------------------------------------------------------------------------------

IMAGES = np.random.default_rng(0).random((40, 5, 4), dtype="float32")
ARRAYS = {
    "nan": ({"train": np.where(IMAGES > 0.9, np.nan, IMAGES)}, "NaN or infinite"),
    "infinite": ({"train": np.where(IMAGES > 0.9, np.inf, IMAGES)}, "NaN or infinite"),
    "too large for float32": ({"train": np.full((4, 3), 1e300)}, "NaN or infinite"),
    "no examples": ({"train": IMAGES[:0]}, "empty"),
    "too few to hold some out": ({"train": IMAGES[:1]}, "empty"),
    "no axes": ({"train": np.float32(1)}, "shape"),
    "one axis": ({"train": IMAGES[:, 0, 0]}, "shape"),
    "five axes": ({"train": IMAGES[..., None, None]}, "shape"),
    "integers": ({"train": IMAGES.astype("int32")}, "dtype"),
    "complex": ({"train": IMAGES.astype("complex64")}, "dtype"),
    "text": ({"train": np.array([["a", "b"]])}, "dtype"),
    "objects": ({"train": np.array([[{}, 1]], dtype=object)}, "damaged or not plain"),
    "pixels to 255": ({"train": IMAGES * 255}, "scale images"),
    "another name": ({"images": IMAGES}, "train=..."),
    "too few labels": ({"train": IMAGES, "train_labels": np.arange(3)}, "labels"),
    "float labels": ({"train": IMAGES, "train_labels": np.zeros(40)}, "labels"),
    "negative labels": ({"train": IMAGES, "train_labels": np.arange(40) - 1}, "labels"),
    "another shape in test": ({"train": IMAGES, "test": IMAGES[:, :2]}, "same shape"),
}


@pytest.mark.parametrize(("arrays", "cause"), ARRAYS.values(), ids=ARRAYS)
def test_own_arrays_that_cannot_be_used(refused, arrays, cause):
    np.savez("own.npz", **arrays)
    assert cause in refused("--data", "own.npz")


def test_a_batch_larger_than_the_data(refused):
    save_images(Path("own.npz"), n=8)
    sentence = refused("--data", "own.npz", "--set", "batch=9")
    assert "batch" in sentence
    assert "6 examples" in sentence


def test_files_that_are_no_npz(refused, tmp_path):
    whole = save_images(Path("own.npz")).read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        Path("own.npz").write_bytes(whole[:length])
        assert "own.npz" in refused("--data", "own.npz")
    Path("own.npz").write_bytes(whole[:500] + b"damage" + whole[506:])
    assert "damaged" in refused("--data", "own.npz")
    Path("folder.npz").mkdir()
    assert "holds no images" in refused("--data", "folder.npz")
    assert "cannot be read" in refused("--data", "missing.npz")
    assert "holds no images" in refused("--data", tmp_path / "folder.npz")


def write_mnist(folder: Path) -> None:
    folder.mkdir()
    rng = np.random.default_rng(0)
    for part, n in (("train", 64), ("t10k", 16)):
        images = rng.integers(0, 256, (n, 28, 28), "uint8").tobytes()
        labels = (np.arange(n) % 10).astype("uint8").tobytes()
        for name, head, body in (
            (f"{part}-images-idx3-ubyte", struct.pack(">4I", 0x803, n, 28, 28), images),
            (f"{part}-labels-idx1-ubyte", struct.pack(">2I", 0x801, n), labels),
        ):
            (folder / f"{name}.gz").write_bytes(gzip.compress(head + body))


def test_mnist_is_trained_on_and_its_damaged_files_are_refused(refused, run, monkeypatch):
    write_mnist(Path("mnist"))
    monkeypatch.setenv("TINYGEN_DATA", ".")
    assert run.train("--data", "mnist").code == 0
    assert "10 classes" in run.train("--data", "mnist").err
    for name in ("train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"):
        path = Path("mnist") / name
        whole = path.read_bytes()
        plain = gzip.decompress(whole)
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 16
        for content in (b"", whole[:-9], bytes(flipped), plain[:-1], plain + b"x", plain[4:]):
            path.write_bytes(content)
            assert name in refused("--data", "mnist")
        path.write_bytes(whole)
    monkeypatch.setenv("TINYGEN_DATA", "nowhere")
    assert "no folder" in refused("--data", "mnist")


# -- folders ---------------------------------------------------------------------------------------


def test_places_where_no_run_can_be_written(refused):
    Path("file").write_text("precious")
    Path("full").mkdir()
    Path("full/thing").write_text("precious")
    for out in ("file", "full", "file/run", "/proc/run", "deep/" + "long" * 100):
        assert "--out" in refused("--out", out)


def test_runs_itself_may_be_a_file(refused):
    Path("runs").write_text("not a folder")
    assert "cannot" in refused()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(refused):
    Path("locked").mkdir(mode=0o555)
    assert "Permission denied" in refused("--out", "locked/run")


# -- sample ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("kept") / "runs"


@pytest.fixture
def trained(run, kept) -> Path:
    """A copy of a run that the first test to ask for it has trained."""
    if kept.exists():
        shutil.copytree(kept, "runs")
    else:
        run.train(steps=2)
        shutil.copytree("runs", kept)
    return Path("runs/gan-digits-1")


@pytest.mark.parametrize(
    ("arguments", "cause"),
    [
        (["-n", 0], "-n must be"),
        (["-n", -3], "-n must be"),
        (["-n", 10**12], "-n must be"),
        (["-n", 20_000], "at most 10000"),
        (["--seed", -1], "--seed must be"),
        (["--seed", 10**400], "--seed must be"),
        (["--out", "x.jpg"], "must end in .png, .npz or .csv"),
        (["--out", "x.csv"], "images are written as .png or .npz"),
        (["--out", "taken.npz"], "exists and holds something else"),
        (["--step", 1], "holds no checkpoint of step 1: it holds 2"),
        (["--interpolate", 0], "--interpolate must be"),
        (["--interpolate", 10**9], "--interpolate must be"),
        (["--interpolate", 2, "-n", 5], "-n has no say beside --interpolate"),
        (["--out", "nowhere/x.png"], "No such file"),
        (["--out", "folder.png"], "cannot write"),
        (["--device", "gpu"], "unknown device"),
    ],
)
def test_samples_that_cannot_be_drawn(run, trained, tmp_path, arguments, cause):
    Path("folder.png").mkdir()
    Path("taken.npz").write_bytes(b"precious")
    before = everything_in(tmp_path)
    assert cause in run("sample", trained, *arguments).sentence
    assert everything_in(tmp_path) == before


def test_what_is_no_run_is_not_sampled_from(run, trained):
    for path in ("nowhere", "runs", trained / "config.json", trained / "checkpoints", ""):
        for command in ("sample", "evaluate", "export", "report", "animate"):
            assert "not a run folder" in run(command, path).sentence


@pytest.mark.parametrize("text", [
    "", "{", "[]", "{}", '{"recipe": "gan"', '{"recipe": 3}', "[" * 100_000, "\xff",
])  # fmt: skip
def test_a_broken_config_is_named(run, trained, text):
    (trained / "config.json").write_text(text, encoding="latin-1")
    assert "config.json" in run("sample", trained).sentence


@pytest.mark.parametrize("change", [
    {"steps": None}, {"lr": "fast"}, {"data": ["digits"]}, {"data": "x"}, {"generator": 8},
    {"generator": [16]}, {"generator": [8, 8]}, {"discriminator": []}, {"ema": 0.5},
    {"generator": {"a": 1}}, {"noise": 5}, {"data": "ring"}, {"data": "\0.npz"}, {"wings": 2},
    {"device": 3}, {"recipe": "vae"}, {"recipe": "gan-small", "data": "grid"}, {"ema": 0},
], ids=str)  # fmt: skip
def test_a_config_that_was_changed_is_refused_or_does_no_harm(run, trained, change):
    path = trained / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    result = run("sample", trained)
    assert result.code == 0 or result.sentence


@pytest.mark.parametrize("state", [
    {}, {"steps": "many"}, {"steps": 1, "rng": 3}, {"steps": 1, "rng": {"key": [1], "counter": []}},
    {"steps": 1, "rng": {"key": [-1, 2], "counter": [0, 0, 0, 0]}, "generator": []},
], ids=str)  # fmt: skip
def test_a_checkpoint_of_something_else_is_refused(run, trained, state):
    runs.RunFolder.open(trained).save_checkpoint(9, state)
    assert "does not fit" in run("sample", trained).sentence


def test_damaged_and_missing_checkpoints(run, trained):
    newest = trained / "checkpoints" / "step-000002"
    weights = newest / "arrays.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    assert "checksum is wrong" in run("sample", trained).sentence
    shutil.rmtree(newest)
    assert "holds no checkpoint" in run("sample", trained).sentence


# -- anything --------------------------------------------------------------------------------------

junk = st.sampled_from([
    "", "0", "-1", "1", "2", "3.5", "nan", "-inf", "1e400", "9" * 40, "true", "8,8", ",", "a=b",
    "digits", "ring", "own.npz", "file", ".", "/", "..", "~", "gan", "cpu", "cuda:99", "auto",
    "cpu:7", "--", "-", "é\n", "\udcff", "a" * 300, "minimax", "x.png", "runs/gan-digits-1",
])  # fmt: skip
flags = st.sampled_from([
    "--data", "--device", "--steps", "--step", "--seed", "--out", "-n", "--set", "--interpolate",
])  # fmt: skip
SETTINGS = [name for name, _, _ in recipes.settings_of(recipes.find("gan"))]
assignments = st.builds("{}={}".format, st.sampled_from([*SETTINGS, "batch", "no"]), junk)
options = st.lists(
    st.tuples(flags, junk) | st.tuples(st.just("--set"), assignments) | st.tuples(junk), max_size=4
)
commands = st.sampled_from([
    "train", "train", "sample", "evaluate", "report", "animate", "export", "info", "recipes", "fly",
])  # fmt: skip
targets = st.sampled_from([*recipes.RECIPES, "runs/gan-digits-1"]) | junk


@pytest.mark.slow
@settings(
    max_examples=200,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(command=commands, target=targets, options=options)
def test_no_combination_of_arguments_gives_a_traceback(run, command, target, options):
    """Training stays short: the last --steps counts."""
    arguments = [word for option in options for word in option]
    last = ["--set", "checkpoint_every=1", "--steps", 2] if command == "train" else []
    result = run(command, target, *arguments, *last)
    assert result.code in (0, 2)
    assert "Traceback" not in result.err


def test_a_name_that_is_no_text_is_shown_escaped(run):
    """Linux takes any bytes for a name, and terminals do not."""
    result = run.train("--out", "run\udcff")
    assert result.code == 0
    assert "run\\udcff/samples" in result.out
