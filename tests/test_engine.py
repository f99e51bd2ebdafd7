"""The reverse pass: deep and wide graphs, repeated passes, and what `grad` accepts and refuses."""

import numpy as np
import pytest
from checks import leaves
from numpy.testing import assert_allclose, assert_array_equal

import tinygen as tg
from tinygen.primitive import PRIMITIVES


def leaf(*values: float) -> tg.Tensor:
    return tg.tensor(np.array(values), requires_grad=True)


# -- shapes of graphs ------------------------------------------------------------------------------


def test_a_chain_of_100_000_operations():
    x = leaf(1.0, 2.0)
    y = x
    for _ in range(50_000):
        y = y * 1.00001 + 1e-6
    g = tg.grad(tg.sum(y), x)
    assert_allclose(g.numpy(), np.full(2, 1.00001**50_000), rtol=1e-9)
    del y  # and dropping it does not recurse either


def test_dropping_a_long_chain_without_a_backward_pass():
    y = leaf(1.0)
    for _ in range(100_000):
        y = y * 1.0
    del y


def test_a_diamond_of_a_million_paths_is_walked_once():
    x = leaf(3.0)
    y = x
    for _ in range(20):
        y = y + y
    g = tg.grad(y, x, create_graph=True)
    assert g.item() == 2**20
    y.backward()
    assert x.grad.item() == 2**20


def test_a_wide_sum_of_10_000_uses():
    x = leaf(2.0)
    total = tg.stack([x * float(i) for i in range(10_000)])
    assert tg.grad(tg.sum(total), x).item() == sum(range(10_000))


def test_uses_of_different_age_are_all_counted(backend):
    (x,) = leaves([np.array([0.5, -1.0])], backend)
    a = tg.sin(x)
    b = a * x
    y = tg.sum(b * a + x * b)
    expected = lambda v: np.sum(v * np.sin(v) ** 2 + v * v * np.sin(v))  # noqa: E731
    assert_allclose(y.item(), expected(np.array([0.5, -1.0])))
    tg.gradcheck(lambda x: tg.sum((tg.sin(x) * x) * tg.sin(x) + x * (tg.sin(x) * x)), [x], order=3)


# -- more than one pass ----------------------------------------------------------------------------


def test_a_second_pass_over_a_freed_graph_names_the_remedies():
    x = leaf(1.0, 2.0)
    y = tg.sum(tg.exp(x))
    tg.grad(y, x)
    with pytest.raises(RuntimeError, match=r"freed.*retain_graph=True"):
        tg.grad(y, x)
    with pytest.raises(RuntimeError, match="freed"):
        y.backward()


@pytest.mark.parametrize("option", ["retain_graph", "create_graph"])
def test_a_retained_graph_can_be_walked_again(option):
    x = leaf(1.0, 2.0)
    y = tg.sum(tg.exp(x) * x)
    first = tg.grad(y, x, **{option: True}).numpy()
    assert_array_equal(tg.grad(y, x).numpy(), first)


def test_freeing_one_graph_leaves_another_that_shares_leaves():
    x = leaf(1.0, 2.0)
    y, z = tg.sum(tg.exp(x)), tg.sum(tg.exp(x))
    tg.grad(y, x)
    assert_allclose(tg.grad(z, x).numpy(), np.exp([1.0, 2.0]))


def test_backward_adds_up_and_none_starts_again():
    x, unused = leaf(1.0, 2.0), leaf(5.0)
    for _ in range(2):
        tg.sum(x * x).backward()
    assert_array_equal(x.grad.numpy(), [4.0, 8.0])
    assert unused.grad is None
    x.grad = None
    (x * 3.0).backward(np.array([1.0, 10.0]))
    assert_array_equal(x.grad.numpy(), [3.0, 30.0])


def test_accumulating_does_not_write_into_an_earlier_grad():
    x = leaf(1.0, 2.0)
    tg.sum(x * x).backward()
    first = x.grad
    tg.sum(x * x).backward()
    assert_array_equal(first.numpy(), [2.0, 4.0])


def test_hessian_vector_product_of_a_quadratic(backend):
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    (x,) = leaves([np.array([0.3, -0.7])], backend)
    v = tg.tensor(np.array([1.0, -2.0]))
    f = tg.dot(x, tg.tensor(a) @ x) + tg.sum(x**3)
    slope = tg.grad(f, x, create_graph=True)
    product = tg.grad(tg.dot(slope, v), x)
    hessian = a + a.T + 6.0 * np.diag([0.3, -0.7])
    assert_allclose(product.numpy(), hessian @ [1.0, -2.0])


def test_a_gradient_of_a_gradient_reaches_other_leaves():
    """A gradient penalty: the norm of d critic / d x, differentiated for the critic's weights."""
    x, w = leaf(0.2, 0.4), leaf(1.5, -0.5)
    critic = tg.sum(tg.tanh(w * x))
    slope = tg.grad(critic, x, create_graph=True)
    found = tg.grad(tg.sum(slope * slope), w)

    def penalty(w):
        return np.sum((w * (1 - np.tanh(w * np.array([0.2, 0.4])) ** 2)) ** 2)

    step = 1e-6 * np.eye(2)
    numeric = [(penalty(w.numpy() + h) - penalty(w.numpy() - h)) / 2e-6 for h in step]
    assert_allclose(found.numpy(), numeric, rtol=1e-7)


# -- only what is asked for ------------------------------------------------------------------------


@pytest.fixture
def counting():
    """A product whose rules count their calls, under a name of its own."""
    calls = {"a": 0, "b": 0}

    def rule_a(g, b):
        calls["a"] += 1
        return g * b

    def rule_b(g, a):
        calls["b"] += 1
        return g * a

    yield tg.primitive("test_counting", lambda xp, a, b: a * b, rule_a, rule_b), calls
    del PRIMITIVES["test_counting"]


def test_a_generator_step_never_computes_the_weight_gradients_of_the_discriminator(counting):
    product, calls = counting
    generator, discriminator = leaf(0.5), leaf(2.0)
    loss = product(product(generator, 3.0), discriminator)
    assert tg.grad(loss, generator).item() == 6.0
    assert calls == {"a": 2, "b": 0}


def test_only_the_path_from_an_interior_result_is_walked(counting):
    product, calls = counting
    x = leaf(2.0)
    middle = product(x, x)
    loss = product(middle, 5.0)
    assert tg.grad(loss, middle).item() == 5.0
    assert calls == {"a": 1, "b": 0}


def test_gradients_of_leaves_and_results_in_one_pass():
    x = leaf(2.0)
    a = x * x
    b = a * x
    of_x, of_a, of_b = tg.grad(b, [x, a, b])
    assert (of_x.item(), of_a.item(), of_b.item()) == (12.0, 2.0, 1.0)


def test_a_result_asked_for_twice_is_given_twice_in_separate_memory():
    x = leaf(2.0)
    first, second = tg.grad(x * 3.0, [x, x])
    first.data[...] = 0.0
    assert second.item() == 3.0


# -- what is refused -------------------------------------------------------------------------------


def test_an_unused_input_is_an_error_unless_allowed():
    x, other = leaf(1.0), leaf(2.0)
    y = x * 2.0
    with pytest.raises(RuntimeError, match="does not depend on input 1"):
        tg.grad(y, [x, other], retain_graph=True)
    of_x, of_other = tg.grad(y, [x, other], allow_unused=True)
    assert of_x.item() == 2.0
    assert of_other is None


def test_an_output_without_a_graph_depends_on_nothing():
    x = leaf(1.0)
    assert tg.grad(tg.ones(1), x, allow_unused=True) is None
    with pytest.raises(RuntimeError, match="requires gradients"):
        tg.ones(1).backward()


def test_an_input_without_gradients_is_named():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="input 1 does not require gradients"):
        tg.grad(x * 2.0, [x, tg.ones(1)])


def test_an_output_that_is_no_scalar_needs_a_cotangent_of_its_shape():
    x = leaf(1.0, 2.0)
    y = x * 2.0
    with pytest.raises(ValueError, match=r"shape \(2,\).*cotangent"):
        tg.grad(y, x)
    with pytest.raises(ValueError, match=r"cotangent has shape \(3,\), the output \(2,\)"):
        tg.grad(y, x, cotangent=np.ones(3))


def test_a_cotangent_is_cast_to_the_dtype_of_the_output():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    g = tg.grad(tg.exp(x), x, cotangent=np.array([1.0, 2.0]))
    assert g.dtype == np.float32


def test_devices_do_not_mix_silently():
    a, b = tg.ones(3, device="cpu"), tg.ones(3, device="strict")
    for function in (lambda: a * b, lambda: b * a):
        with pytest.raises(TypeError, match=r"multiply\(.*numpy and strict.*\.to\(a\.device\)"):
            function()
    with pytest.raises(TypeError, match=r"concatenate.*different devices"):
        tg.concatenate([a, b])


ERRORS = {
    "shapes do not broadcast": (lambda x: x + tg.ones(4), r"add\(float64 \(2,\), float32 \(4,\)\)"),
    "matmul": (lambda x: tg.ones(3, 4) @ tg.ones(3, 4), r"matmul: .* not 4 and 3 \(a \(3, 4\)"),
    "index": (lambda x: x[5], r"getitem\(float64 \(2,\), 5\)"),
    "list": (lambda x: x * [1.0, 2.0], r"multiply: takes tensors.*not list.*tg.tensor"),
    "string": (lambda x: x + "1", r"add: takes tensors.*not str"),
    "axis": (lambda x: tg.sum(x, 3), r"sum\(float64 \(2,\), 3"),
    "reshape": (lambda x: tg.reshape(x, 3), r"reshape\(float64 \(2,\), \(3,\)\)"),
    "no loop for the dtype": (
        lambda x: tg.square(np.array(["a"])) * x,
        r"square\(.*\): ufunc 'multiply' did not contain a loop",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors_name_the_operation_and_its_arguments(name):
    function, message = ERRORS[name]
    with pytest.raises((TypeError, ValueError, IndexError), match=message):
        function(leaf(1.0, 2.0))


# -- switching recording off -----------------------------------------------------------------------


def test_no_grad_records_nothing_and_nests():
    x = leaf(1.0)
    with tg.no_grad():
        with tg.no_grad():
            assert not (x * 2.0).requires_grad
        assert not tg.concatenate([x, x]).requires_grad
        assert not tg.where(tg.tensor(True), x, 1.0).requires_grad
    assert (x * 2.0).requires_grad


@pytest.mark.parametrize(
    "function",
    [
        lambda x, one: tg.sum(x * x, one),
        lambda x, one: tg.concatenate([x, x * x], axis=one),
        lambda x, one: tg.flip(x * x, one),
        lambda x, one: tg.softmax(x, one),
        lambda x, one: tg.reshape(x * x, one, one * -1),
        lambda x, one: x[one - 1] ** 2,
        lambda x, one: tg.transpose(x * x, one, one - 1),
    ],
)
def test_numpy_integers_do_as_axes_lengths_and_indices(function):
    tg.gradcheck(lambda x: function(x, np.int64(1)), [np.array([[0.5, 1.5, -1.0]])], order=2)


def test_an_exception_inside_leaves_no_state():
    x = leaf(1.0)
    with pytest.raises(ZeroDivisionError), tg.no_grad():
        raise ZeroDivisionError
    with pytest.raises(ValueError, match="add"):
        x + tg.ones(2, 3) + tg.ones(4)
    assert tg.grad(x * 2.0, x).item() == 2.0


def test_an_exception_inside_a_rule_leaves_other_graphs_usable():
    def broken(g):
        raise OverflowError("planted")

    op = tg.primitive("test_broken", lambda xp, x: x * 1.0, broken)
    try:
        x = leaf(1.0)
        shared = tg.exp(x)
        with pytest.raises(OverflowError, match="planted"):
            tg.grad(op(shared), x)
        assert_allclose(tg.grad(shared * 2.0, x).numpy(), 2 * np.exp([1.0]))
    finally:
        del PRIMITIVES["test_broken"]


def test_detach_shares_the_array_and_forgets_the_history():
    x = leaf(1.0, 2.0)
    y = (x * 2.0).detach()
    assert not y.requires_grad
    assert tg.grad(tg.sum(y * x), x).numpy().tolist() == [2.0, 4.0]
    assert x.detach().data is x.data


# -- declaring operations --------------------------------------------------------------------------


def test_an_operation_without_a_rule_cannot_be_declared():
    with pytest.raises(TypeError, match="has no rule"):
        tg.primitive("test_no_rule", lambda xp, x: x)
    with pytest.raises(ValueError, match="already declared"):
        tg.primitive("exp", lambda xp, x: x, lambda g: g)
    with pytest.raises(ValueError, match="already declared"):
        tg.constant("exp", lambda xp, x: x)
    assert "test_no_rule" not in PRIMITIVES


def test_a_rule_that_reads_what_is_not_there_is_refused_when_declared():
    with pytest.raises(TypeError, match=r"'z'; it can have y, x, x_shape"):
        tg.primitive("test_reads", lambda xp, x: x, lambda g, z: g)


RAW = {
    "exp": ((np.zeros(2),), [1.0, 1.0]),
    "add": ((np.ones(2), 1.0), [2.0, 2.0]),
    "sum_to": ((np.ones((3, 2)), (2,)), [3.0, 3.0]),
    "concatenate": ((0, np.ones(2), np.ones(1)), [1.0, 1.0, 1.0]),
}


@pytest.mark.parametrize("name", RAW)
def test_raw_arrays_give_raw_arrays(name):
    arguments, expected = RAW[name]
    y = PRIMITIVES[name](*arguments)
    assert type(y) is np.ndarray
    assert y.tolist() == expected
