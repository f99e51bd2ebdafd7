"""A DCGAN's weights go both ways between here and PyTorch, and give the same images and scores."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn

torch = pytest.importorskip("torch")
files = pytest.importorskip("safetensors.torch")
torch.set_num_threads(1)
pytestmark = pytest.mark.torch


def generator(lib, **options):
    up = {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False, **options}
    first = {"kernel_size": 4, "bias": False, **options}
    return lib.Sequential(
        lib.ConvTranspose2d(20, 32, **first), lib.BatchNorm2d(32), lib.ReLU(),
        lib.ConvTranspose2d(32, 16, **up), lib.BatchNorm2d(16), lib.ReLU(),
        lib.ConvTranspose2d(16, 8, **up), lib.BatchNorm2d(8), lib.ReLU(),
        lib.ConvTranspose2d(8, 1, **up), lib.Tanh(),
    )  # fmt: skip


def discriminator(lib, spectral, **options):
    down = {"kernel_size": 4, "stride": 2, "padding": 1, "bias": False, **options}
    last = {"kernel_size": 4, "bias": False, **options}
    return lib.Sequential(
        lib.Conv2d(1, 8, **down), lib.LeakyReLU(0.2),
        spectral(lib.Conv2d(8, 16, **down)), lib.BatchNorm2d(16), lib.LeakyReLU(0.2),
        lib.Conv2d(16, 32, **down), lib.BatchNorm2d(32), lib.LeakyReLU(0.2),
        lib.Conv2d(32, 1, **last), lib.Flatten(),
    )  # fmt: skip


def pair(which, seed=0):
    rng = tg.Generator(seed, device="cpu")
    torch.manual_seed(seed)
    if which == "generator":
        return generator(nn, rng=rng), generator(torch.nn), rng.normal((4, 20, 1, 1))
    ours = discriminator(nn, lambda layer: nn.SpectralNorm(layer, rng=rng), rng=rng)
    theirs = discriminator(torch.nn, torch.nn.utils.parametrizations.spectral_norm)
    return ours, theirs, rng.normal((4, 1, 32, 32))


def same(ours, theirs, x):
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(ours(tg.Tensor(x)).numpy(), expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_there_and_back(which, mode, tmp_path):
    ours, theirs, x = pair(which)
    for _ in range(3):  # so that running statistics and singular vectors have moved
        theirs(torch.from_numpy(x))
    assert set(ours.state_dict()) == set(theirs.state_dict())
    files.save_file(theirs.state_dict(), tmp_path / "theirs")
    ours.load_state_dict(nn.load(tmp_path / "theirs"))
    ours.train(mode == "train")
    theirs.train(mode == "train")
    same(ours, theirs, x)

    ours, theirs, x = pair(which, seed=1)
    for _ in range(3):
        ours(tg.Tensor(x))
    nn.save(ours, tmp_path / "ours")
    theirs.load_state_dict(files.load_file(tmp_path / "ours"))
    ours.train(mode == "train")
    theirs.train(mode == "train")
    same(ours, theirs, x)


def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    ours, theirs, _ = pair("generator")
    state = theirs.state_dict()
    del state["1.running_mean"]
    state["3.weight"] = torch.zeros(2, 2)
    state["more"] = torch.zeros(1)
    files.save_file(state, tmp_path / "theirs")
    before = ours.state_dict()
    message = r"missing 1.running_mean; unexpected more; misfitting 3\.weight"
    with pytest.raises(ValueError, match=message):
        ours.load_state_dict(nn.load(tmp_path / "theirs"))
    for name, array in ours.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
