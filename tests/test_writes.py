"""Writing into arrays: what a live graph still needs must not change under it, silently."""

import numpy as np
import pytest
from checks import leaves
from numpy.testing import assert_array_equal

import tinygen as tg


@pytest.fixture
def x(backend) -> tg.Tensor:
    return leaves([np.array([0.5, 1.5, 2.5])], backend)[0]


def _assign_item(x):
    x[...] = 7.0


def _assign_one_item(x):
    x[1] = 7.0


def _assign_data(x):
    x.data = 7.0


def _update_data(x):
    x.data -= 0.1


def _write_through_a_view(x):
    x.detach()[1:][0] = 7.0


def _write_through_another_tensor(x):
    tg.Tensor(x.data[::2])[...] = 7.0


WRITES = [_assign_item, _assign_one_item, _assign_data, _update_data, _write_through_a_view,
          _write_through_another_tensor]  # fmt: skip
each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)


@each_write
@pytest.mark.parametrize("create_graph", [False, True])
def test_overwriting_what_a_graph_needs_is_an_error(x, write, create_graph):
    y = tg.sum(tg.log(x))
    write(x)
    with pytest.raises(RuntimeError, match=r"log still needs.*overwritten"):
        tg.grad(y, x, create_graph=create_graph)


@each_write
def test_writing_before_use_is_fine(x, write):
    write(x)
    expected = 1.0 / x.numpy()
    assert_array_equal(tg.grad(tg.sum(tg.log(x)), x).numpy(), expected)


@each_write
def test_overwriting_what_no_rule_reads_is_fine(x, write):
    y = tg.sum(tg.exp(x))  # exp reads its output, which is elsewhere
    before = np.exp(x.numpy())
    write(x)
    assert_array_equal(tg.grad(y, x).numpy(), before)


@each_write
def test_writing_after_the_pass_is_fine(x, write):
    for _ in range(2):
        g = tg.grad(tg.sum(tg.log(x)), x)
        write(x)
        assert g.shape == (3,)


def test_writing_into_a_base_reaches_its_views(x):
    part = tg.Tensor(x.data[1:], requires_grad=True)
    y = tg.sum(tg.log(part))
    x[...] = 1.0
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(y, part)


def test_writing_into_unrelated_memory_is_fine(x):
    other = tg.zeros(3, dtype="float64")
    y = tg.sum(tg.log(x * 1.0))
    other[...] = 1.0
    other.data += 1.0
    assert_array_equal(tg.grad(y, x).numpy(), 1.0 / x.numpy())


def test_a_second_pass_over_a_retained_graph_sees_the_write(x):
    y = tg.sum(tg.log(x))
    tg.grad(y, x, retain_graph=True)
    x[...] = 1.0
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(y, x)


def test_the_graph_of_a_gradient_sees_the_write(x):
    slope = tg.grad(tg.sum(x**3), x, create_graph=True)
    x[...] = 1.0
    with pytest.raises(RuntimeError, match="overwritten"):
        tg.grad(tg.sum(slope), x)


def test_results_cannot_be_written_into(x):
    y = x * 2.0
    with pytest.raises(RuntimeError, match=r"result of multiply.*tg.where"):
        y[0] = 1.0
    with pytest.raises(RuntimeError, match="result of multiply"):
        y.data = 1.0
    y.detach()[0] = 1.0  # the remedy that the message names


def test_writing_takes_tensors_as_index_and_value(x):
    x[tg.tensor(np.array([2, 0]))] = tg.tensor(np.array([20.0, 10.0]))
    assert_array_equal(x.numpy(), [10.0, 1.5, 20.0])


def test_assigning_data_writes_into_the_same_memory(x):
    array = x.data
    x.data = tg.tensor(np.array([1.0, 2.0, 3.0])).data
    assert x.data is array
    assert_array_equal(x.numpy(), [1.0, 2.0, 3.0])
