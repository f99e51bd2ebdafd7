"""Arrays and weights shared with other libraries: DLPack without copies, safetensors both ways."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen import nn

DTYPES = ["float16", "float32", "float64", "int32", "int64", "uint8", "bool"]


def arrays(dtype: str) -> list[np.ndarray]:
    base = np.arange(24).reshape(2, 3, 4).astype(dtype)
    return [base, base[:, ::2].transpose(2, 0, 1), base[1, 2, 3:][0:0], base.reshape(24)[5:6][0:1]]


# -- DLPack ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_numpy_reads_a_tensor_without_copying(dtype):
    for array in arrays(dtype):
        x = tg.Tensor(array)
        seen = np.from_dlpack(x)
        assert_array_equal(seen, array)
        assert seen.dtype == array.dtype
        assert np.shares_memory(seen, array) or not array.size
    assert np.from_dlpack(tg.tensor(np.array(2.5))).item() == 2.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_tensor_reads_numpy_without_copying(dtype):
    for array in arrays(dtype):
        x = tg.from_dlpack(array)
        assert_array_equal(x.numpy(), array)
        assert x.dtype == array.dtype
        assert np.shares_memory(x.data, array) or not array.size
        assert not x.requires_grad


@pytest.mark.torch
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d != "bool"])
def test_dlpack_both_ways_with_pytorch(dtype):
    torch = pytest.importorskip("torch")
    for array in arrays(dtype):
        x = tg.Tensor(array)
        theirs = torch.from_dlpack(x)
        assert tuple(theirs.shape) == x.shape
        assert str(theirs.dtype) == f"torch.{dtype}"
        back = tg.from_dlpack(theirs)
        assert_array_equal(back.numpy(), array)
        if array.size:
            theirs[...] = 7  # one memory, seen from three sides
            assert (x.numpy() == 7).all()
            assert np.shares_memory(back.data, array)


@pytest.mark.torch
def test_gradients_on_memory_shared_with_pytorch():
    torch = pytest.importorskip("torch")
    theirs = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    x = tg.from_dlpack(theirs)
    x.requires_grad = True
    slope = torch.from_dlpack(tg.grad(tg.sum(tg.exp(x)), x))
    torch.testing.assert_close(slope, theirs.exp())
    with pytest.raises((BufferError, RuntimeError), match="grad"):
        tg.from_dlpack(theirs.clone().requires_grad_())


@pytest.mark.torch
def test_numpy_arrays_pass_through_torch_and_back():
    torch = pytest.importorskip("torch")
    array = np.arange(6.0).reshape(2, 3)
    x = tg.from_dlpack(torch.from_numpy(array).T)
    assert x.shape == (3, 2)
    assert np.shares_memory(x.data, array)


# -- safetensors -----------------------------------------------------------------------------------


class Net(nn.Module):
    """Modules as attributes and in a list, and a parameter of its own: PyTorch's names for them."""

    def __init__(self, rng):
        self.first = nn.Linear(5, 8, rng=rng)
        self.blocks = [nn.Linear(8, 8, rng=rng) for _ in range(2)]
        self.scale = nn.Parameter(np.ones(8, "float32"))

    def forward(self, x):
        h = tg.tanh(self.first(x))
        for block in self.blocks:
            h = h + tg.relu(block(h))
        return h * self.scale


def torch_net(torch):
    class Theirs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first = torch.nn.Linear(5, 8)
            self.blocks = torch.nn.ModuleList([torch.nn.Linear(8, 8) for _ in range(2)])
            self.scale = torch.nn.Parameter(torch.ones(8))

        def forward(self, x):
            h = torch.tanh(self.first(x))
            for block in self.blocks:
                h = h + torch.relu(block(h))
            return h * self.scale

    torch.manual_seed(0)
    return Theirs()


@pytest.mark.torch
@pytest.mark.parametrize("direction", ["ours to theirs", "theirs to ours"])
def test_a_net_moves_in_a_safetensors_file(tmp_path, direction):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    ours, theirs, path = Net(tg.Generator(0)), torch_net(torch), tmp_path / "net.safetensors"
    if direction == "ours to theirs":
        nn.save(ours, path)
        theirs.load_state_dict(files.load_file(path))  # strict: the same names, all of them
    else:
        files.save_file(theirs.state_dict(), path)
        ours.load_state_dict(nn.load(path))
    x = np.random.default_rng(0).normal(size=(4, 5)).astype("float32")
    y, expected = ours(tg.Tensor(x)), theirs(torch.from_numpy(x))
    assert_allclose(y.numpy(), expected.detach().numpy(), rtol=1e-5, atol=1e-6)

    names = [name for name, _ in ours.named_parameters()]
    assert set(names) == {name for name, _ in theirs.named_parameters()}
    tg.sum(y * y).backward()
    (expected * expected).sum().backward()
    by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        assert_allclose(
            parameter.grad.numpy(), by_name[name].grad.numpy(), rtol=1e-4, atol=1e-5, err_msg=name
        )


@pytest.mark.torch
def test_a_double_precision_file_fits_a_single_precision_net(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    theirs, ours = torch_net(torch).double(), Net(tg.Generator(0))
    files.save_file(theirs.state_dict(), tmp_path / "net")
    ours.load_state_dict(nn.load(tmp_path / "net"))
    assert ours.first.weight.dtype == np.float32
    assert_array_equal(ours.scale.numpy(), np.ones(8))


@pytest.mark.torch
def test_a_file_that_does_not_fit_changes_nothing(tmp_path):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    files.save_file(torch.nn.Linear(5, 8).state_dict(), tmp_path / "net")
    ours = Net(tg.Generator(0))
    before = ours.state_dict()
    with pytest.raises(ValueError, match=r"changed nothing: missing first\.weight.*unexpected "):
        ours.load_state_dict(nn.load(tmp_path / "net"))
    for name, array in ours.state_dict().items():
        assert_array_equal(array, before[name])
