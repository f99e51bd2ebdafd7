"""safetensors: there and back, to and from PyTorch, and what happens to broken files."""

import os

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


def make_model(seed):
    rng = tg.Generator(seed)
    model = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    model[1].count = tg.tensor(np.asarray(seed))
    return model


def test_there_and_back(backend, tmp_path):
    path = tmp_path / "model.safetensors"
    model, other = make_model(0), make_model(1)
    nn.save(model, path)
    other.load_state_dict(nn.load(path))
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(other.state_dict()[name], array)
    assert os.listdir(tmp_path) == [path.name]


def test_a_state_of_awkward_arrays(tmp_path):
    state = {
        "transposed": np.arange(6.0).reshape(2, 3).T,
        "strided": np.arange(10, dtype="int64")[::2],
        "scalar": np.asarray(3, "float32"),
        "empty": np.zeros((0, 3)),
    }
    nn.save(state, str(tmp_path / "state"))
    loaded = nn.load(str(tmp_path / "state"))
    assert set(loaded) == set(state)
    for name, array in state.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
        assert loaded[name].flags.writeable


@pytest.mark.parametrize("keep", [0, 4, 20, -1])
def test_a_truncated_file(tmp_path, keep):
    path = tmp_path / "model.safetensors"
    nn.save(make_model(0), path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match="not a complete safetensors file"):
        nn.load(path)


def test_a_file_whose_header_tells_another_type_changes_nothing(tmp_path):
    path = tmp_path / "model.safetensors"
    model = make_model(0)
    nn.save(make_model(1), path)
    path.write_bytes(path.read_bytes().replace(b'"F32"', b'"I32"', 1))
    before = model.state_dict()
    with pytest.raises(ValueError, match=r"changed nothing: misfitting .*given int32"):
        model.load_state_dict(nn.load(path))
    assert all(np.array_equal(model.state_dict()[name], a) for name, a in before.items())


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "picture.png"
    path.write_bytes(b"\x89PNG" + bytes(range(200)))
    with pytest.raises(ValueError, match=r"picture.png is not a complete safetensors file"):
        nn.load(path)
    with pytest.raises(FileNotFoundError):
        nn.load(tmp_path / "none")


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "model.safetensors"
    nn.save(make_model(0), path)
    before = path.read_bytes()

    def full(_):
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        nn.save(make_model(1), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.torch
def test_files_go_both_ways_with_pytorch(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    theirs = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2))
    rng = tg.Generator(0)
    ours = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    x = rng.normal((5, 3))

    nn.save(ours, tmp_path / "ours")
    theirs.load_state_dict(files.load_file(tmp_path / "ours"))
    y = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(tg.Tensor(x)).numpy(), y, atol=1e-6)

    torch.nn.init.normal_(theirs[0].weight)
    files.save_file(theirs.state_dict(), tmp_path / "theirs")
    ours.load_state_dict(nn.load(tmp_path / "theirs"))
    y = theirs(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours(tg.Tensor(x)).numpy(), y, atol=1e-6)

    files.save_file({"w": torch.zeros(2, dtype=torch.bfloat16)}, tmp_path / "half")
    with pytest.raises(ValueError, match=r"BF16.*save it as float32"):
        nn.load(tmp_path / "half")
