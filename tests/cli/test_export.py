"""`tinygen export`: what PyTorch makes of the files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file

from tinygen import recipes
from tinygen.commands.export import states
from tinygen.commands.restore import restore
from tinygen.runs import RunFolder

RUN = Path("runs/gan-digits-1")
EXPORT = RUN / "export" / "step-000004"


def test_a_file_for_each_network_says_where_it_is_from(run):
    run.train()
    result = run("export", RUN)
    assert result.code == 0
    assert f"generator of step 4 (1,096 numbers): {EXPORT}/generator.safetensors" in result.out
    weights = load_file(EXPORT / "discriminator.safetensors")
    assert {k: v.shape for k, v in weights.items()} == {
        "0.weight": (8, 64), "0.bias": (8,), "2.weight": (1, 8), "2.bias": (1,),
    }  # fmt: skip
    with safe_open(EXPORT / "generator.safetensors", "np") as file:
        about = file.metadata()
    assert (about["format"], about["step"]) == ("pt", "4")
    assert json.loads(about["tinygen"])["recipe"] == "gan"


def test_other_places_and_checkpoints(run):
    run.train()
    assert run("export", RUN, "--step", 2, "--out", "all.safetensors").code == 0
    together = load_file("all.safetensors")
    assert run("export", RUN, "--step", 2, "--out", "folder").code == 0
    for name in ("generator", "discriminator"):
        alone = load_file(f"folder/{name}.safetensors")
        assert alone
        for key, array in alone.items():
            np.testing.assert_array_equal(together[f"{name}.{key}"], array)
    assert "cannot make the folder" in run("export", RUN, "--out", "a/b").sentence
    assert "cannot write" in run("export", RUN, "--out", "a/b.safetensors").sentence


@pytest.mark.parametrize(("command", "name"), [("sample", "drawn"), ("export", "export")])
def test_a_run_folder_that_takes_nothing_is_told_with_the_way_out(run, command, name):
    run.train()
    (RUN / name).write_bytes(b"in the way")
    assert run(command, RUN).sentence.endswith("or name another place with --out.")


def test_the_averaged_generator_is_exported(run):
    run.train("--set", "ema=0.9")
    run("export", RUN)
    _, experiment = restore(RunFolder.open(RUN))
    trainer = experiment.trainer
    exported = load_file(EXPORT / "generator.safetensors")
    raw = trainer.generator.state_dict()
    assert any(not np.array_equal(exported[key], raw[key]) for key in raw)
    with trainer.average.swapped():
        for key, array in trainer.generator.state_dict().items():
            np.testing.assert_array_equal(exported[key], array)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rbm", {"rbm"}),
        ("dbn", {"dbn"}),
        ("aae", {"autoencoder", "encoder", "decoder", "discriminator"}),
        ("latent-gan", {"model", "scale", "gan.generator", "gan.discriminator"}),
        ("amortised-cd", {"rbm", "negative.networks"}),
        ("rbm-prior-gan", {"memory", "generator", "discriminator"}),
    ],
)
def test_networks_with_weights_are_exported_under_public_names(name, expected):
    recipe = recipes.find(name)
    assert set(states(recipe.build(recipes.resolve(recipe, {})).trainer)) == expected


def test_of_two_averaged_networks_both_are_exported_so():
    recipe = recipes.find("energy-gan")
    experiment = recipe.build(recipes.resolve(recipe, {}))
    for _ in range(3):
        experiment.step()
    trainer = experiment.trainer
    found = states(trainer)
    for name, average in (("generator", trainer.average), ("discriminator", trainer.rested)):
        raw = getattr(trainer, name).state_dict()
        with average.swapped():
            averaged = getattr(trainer, name).state_dict()
        for key, array in found[name].items():
            np.testing.assert_array_equal(array, averaged[key])
        assert any(not np.array_equal(found[name][key], raw[key]) for key in raw)


@pytest.mark.torch
@pytest.mark.parametrize("ema", [0, 0.9])
def test_pytorch_makes_the_same_samples_with_them(run, ema):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as torch_load

    run.train("--set", f"ema={ema}", "--set", "slope=0.2")
    run("export", RUN)
    nn = torch.nn
    generator = nn.Sequential(nn.Linear(64, 8), nn.LeakyReLU(0.2), nn.Linear(8, 64), nn.Sigmoid())
    generator.load_state_dict(torch_load(EXPORT / "generator.safetensors"))
    _, experiment = restore(RunFolder.open(RUN))
    noise = experiment.trainer.noise(20)
    with torch.no_grad():
        theirs = generator(torch.from_numpy(noise)).numpy()
    np.testing.assert_allclose(experiment.trainer.sample(20, noise), theirs, atol=1e-6)


@pytest.mark.torch
def test_pytorch_makes_the_same_images_of_a_dcgan(run):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file as torch_load

    small = ("--set", "channels=2,3,4", "--set", "noise=5", "--set", "batch=8")
    assert run("train", "dcgan", "--steps", 4, *small).code == 0
    folder = Path("runs/dcgan-digits-1")
    assert run("export", folder).code == 0
    weights = torch_load(folder / "export" / "step-000004" / "generator.safetensors")
    nn = torch.nn
    generator = nn.Sequential(
        nn.ConvTranspose2d(5, 4, 4, 1, 0, bias=False), nn.BatchNorm2d(4), nn.ReLU(),
        nn.ConvTranspose2d(4, 3, 4, 2, 1, bias=False), nn.BatchNorm2d(3), nn.ReLU(),
        nn.ConvTranspose2d(3, 2, 4, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU(),
        nn.ConvTranspose2d(2, 1, 4, 2, 1, bias=False), nn.Sigmoid(),
    ).eval()  # fmt: skip
    generator.load_state_dict(weights)
    _, experiment = restore(RunFolder.open(folder))
    noise = experiment.trainer.noise(3)
    with torch.no_grad():
        theirs = generator(torch.from_numpy(noise)).numpy()
    np.testing.assert_allclose(experiment.trainer.sample(3, noise), theirs, atol=1e-5)


def test_a_checkpoint_that_is_not_there(run):
    run.train()
    assert "holds no checkpoint of step 9" in run("export", RUN, "--step", 9).sentence
