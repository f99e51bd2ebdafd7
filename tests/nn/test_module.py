"""Modules: which tensors they find and under which names, modes, places, states."""

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


class Everything(nn.Module):
    """Tensors in every place where they are looked for, and in some where they are not."""

    def __init__(self, rng):
        self.first = nn.Linear(2, 3, rng=rng)
        self.scale = nn.Parameter(tg.ones(3))
        self.mean = tg.zeros(3)
        self.several = [nn.Linear(3, 1, bias=False, rng=rng), (nn.Parameter(tg.zeros(2)),)]
        self.by_name = {"a": nn.Linear(1, 1, bias=False, rng=rng)}
        self.again = self.first
        self._hidden = nn.Linear(9, 9, rng=rng)
        self.label = "no tensor"

    def forward(self, x):
        self.last = self.first(x) * self.scale
        return self.last


def test_finds_tensors_in_order_once_and_by_their_first_name(backend):
    model = Everything(tg.Generator(0))
    model(tg.ones(1, 2))  # stores a result, which is neither parameter nor buffer
    assert [name for name, _ in model.named_parameters()] == [
        "first.weight", "first.bias", "scale", "several.0.weight", "several.1.0",
        "by_name.a.weight",
    ]  # fmt: skip
    assert [name for name, _ in model.named_buffers()] == ["mean"]
    assert list(model.state_dict()) == [
        "first.weight", "first.bias", "scale", "mean", "several.0.weight", "several.1.0",
        "by_name.a.weight",
    ]  # fmt: skip
    assert model.num_parameters() == 6 + 3 + 3 + 3 + 2 + 1
    assert len(model.modules()) == 4
    assert [p is q for p, (_, q) in zip(model.parameters(), model.named_parameters(), strict=True)]


def test_a_frozen_parameter_becomes_a_buffer():
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    layer.weight.requires_grad = False
    assert [name for name, _ in layer.named_parameters()] == ["bias"]
    assert [name for name, _ in layer.named_buffers()] == ["weight"]
    assert list(layer.state_dict()) == ["weight", "bias"]


def test_tied_weights_are_one_parameter():
    encoder = nn.Linear(3, 3, rng=tg.Generator(0))
    decoder = nn.Linear(3, 3, rng=tg.Generator(1))
    decoder.weight = encoder.weight
    model = nn.Sequential(encoder, decoder)
    assert list(model.state_dict()) == ["0.weight", "0.bias", "1.bias"]


def test_modules_may_refer_to_each_other_in_a_circle():
    a, b = nn.Identity(), nn.Linear(1, 1, rng=tg.Generator(0))
    a.other, b.other = b, a
    assert [name for name, _ in a.named_parameters()] == ["other.weight", "other.bias"]


def test_train_and_eval_reach_everything():
    model = Everything(tg.Generator(0))
    assert model.training
    assert model.eval() is model
    assert not any(module.training for module in model.modules())
    model.train()
    assert model.by_name["a"].training


def test_an_undefined_attribute_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing"):
        _ = nn.Identity().nothing


def test_without_forward():
    with pytest.raises(NotImplementedError, match="Module has no forward"):
        nn.Module()(1)


def test_parameter_shares_the_array():
    array = np.zeros(3, "float32")
    p = nn.Parameter(array)
    assert p.data is array
    assert p.requires_grad
    assert nn.Parameter(tg.Tensor(array)).data is array


def test_repr_is_nested():
    rng = tg.Generator(0)
    model = nn.Sequential(
        nn.Linear(2, 3, rng=rng), nn.Sequential(nn.ReLU(), nn.Dropout(0.2, rng=rng))
    )
    assert repr(model) == (
        "Sequential(\n"
        "  (0): Linear(in_features=2, out_features=3, bias=True)\n"
        "  (1): Sequential(\n"
        "    (0): ReLU()\n"
        "    (1): Dropout(p=0.2)\n"
        "  )\n"
        ")"
    )
    assert repr(nn.Sequential()) == "Sequential()"


def test_state_is_a_copy_on_the_host(backend):
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    state = layer.state_dict()
    assert all(type(array) is np.ndarray for array in state.values())
    before = layer.weight.numpy().copy()
    state["weight"] += 1
    np.testing.assert_array_equal(layer.weight.numpy(), before)


def test_load_writes_in_place_and_stales_graphs(backend):
    source = nn.Linear(3, 2, rng=tg.Generator(0))
    target = nn.Linear(3, 2, rng=tg.Generator(1))
    arrays = [p.data for p in target.parameters()]
    target.load_state_dict(source.state_dict())
    for name, array in source.state_dict().items():
        np.testing.assert_array_equal(target.state_dict()[name], array)
    assert all(p.data is a for p, a in zip(target.parameters(), arrays, strict=True))
    x = tg.ones(4, 3)
    x.requires_grad = True
    loss = tg.sum(target(x) ** 2)
    target.load_state_dict(source.state_dict())
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(loss, x)


def test_load_takes_tensors_and_other_floats(backend):
    layer = nn.Linear(2, 2, rng=tg.Generator(0))
    layer.load_state_dict({"weight": tg.ones(2, 2), "bias": np.full(2, 3.0)})
    np.testing.assert_array_equal(layer.weight.numpy(), np.ones((2, 2)))
    np.testing.assert_array_equal(layer.bias.numpy(), [3, 3])
    assert layer.bias.dtype == np.float32


def test_load_lists_every_problem_and_changes_nothing(backend):
    model = Everything(tg.Generator(0))
    model.count = tg.tensor(np.arange(3))
    before = model.state_dict()
    state = {name: array + 1 for name, array in before.items()}
    del state["scale"], state["mean"]
    state["other"] = np.zeros(1)
    state["first.weight"] = np.zeros((2, 3), "float32")
    state["count"] = np.zeros(3)
    state["several.1.0"] = np.zeros(2, "int32")
    state["by_name.a.weight"] = np.full((1, 1), 1e300)
    with pytest.raises(ValueError, match="changed nothing") as error:
        model.load_state_dict(state)
    message = str(error.value)
    assert "missing scale, mean;" in message
    assert "unexpected other;" in message
    assert "first.weight (float32 (3, 2), given float32 (2, 3))" in message
    assert "count (int64 (3,), given float64 (3,))" in message
    assert "several.1.0 (float32 (2,), given int32 (2,))" in message
    assert "too large for its type by_name.a.weight (float32)" in message
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_to_moves_parameters_buffers_and_gradients(backend):
    with tg.use_device("cpu"):
        model = Everything(tg.Generator(0))
        tg.sum(model(tg.ones(2, 2))).backward()
    tensors = model.parameters()
    device = tg.zeros(1).device
    assert model.to(device) is model
    everything = [*model.named_parameters(), *model.named_buffers()]
    assert {tensor.device for _, tensor in everything} == {device}
    assert all(p is q for p, q in zip(tensors, model.parameters(), strict=True))
    assert model.scale.grad.device == device
    tg.grad(tg.sum(model(tg.ones(2, 2))), model.scale)
