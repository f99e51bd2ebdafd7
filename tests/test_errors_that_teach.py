"""The mistakes that learners make most: each is refused in one sentence that shows what to write.

`wrong` and `right` are lines of code; both are run, and the message is held to the letter.
"""

import math
from typing import NamedTuple

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn


class Mistake(NamedTuple):
    before: str
    wrong: str
    right: str
    message: str


FREED = (
    "the graph through sum was freed by an earlier pass over it: there write tg.grad(y, x, "
    "retain_graph=True), not tg.grad(y, x), or y.backward(retain_graph=True), not y.backward()."
)
NOT_A_SCALAR = (
    "grad: the output has shape (2,): write tg.grad(y.sum(), x), not tg.grad(y, x), or "
    "y.sum().backward(); or pass a cotangent of that shape."
)
A_NUMPY_FUNCTION = (
    "np.{0} cannot record what it does to a Tensor: write tg.{0}(x), not np.{0}(x); for values "
    "only, np.{0}(x.numpy())."
)

MISTAKES = {
    "a universal function of NumPy": Mistake(
        "", "np.sin(x)", "tg.sin(x)", A_NUMPY_FUNCTION.format("sin"),
    ),
    "another function of NumPy": Mistake(
        "", "np.sum(x)", "tg.sum(x)", A_NUMPY_FUNCTION.format("sum"),
    ),
    "a function of NumPy's on several tensors": Mistake(
        "", "np.stack([x, x])", "tg.stack([x, x])",
        "np.stack cannot record what it does to a Tensor: write tg.stack(xs), not np.stack(xs); "
        "for values only, np.stack([x.numpy() for x in xs]).",
    ),
    "a function that tinygen lacks": Mistake(
        "", "np.linalg.pinv(A)", "tg.inv(A.T @ A) @ A.T",
        "np.linalg.pinv cannot record what it does to a Tensor: build it of tg's operations; for "
        "values only, np.linalg.pinv(x.numpy()).",
    ),
    "a function that tinygen lacks, of one number each": Mistake(
        "", "np.cbrt(x)", "x ** (1 / 3)",
        "np.cbrt cannot record what it does to a Tensor: build it of tg's operations; for values "
        "only, np.cbrt(x.numpy()).",
    ),
    "conversion": Mistake(
        "", "np.array(x)", "x.numpy()",
        "a Tensor is not converted silently: write x.numpy(), not np.array(x), for its values.",
    ),
    "writing in place": Mistake(
        "y = (x * x).sum()", "x[0] = 3.0; tg.grad(y, x)", "g = tg.grad(y, x); x[0] = 3.0",
        "an array that multiply still needs for its derivative was overwritten after it was used: "
        "write g = tg.grad(y, x); x.data -= g.data, not the other way round.",
    ),
    "writing into a result": Mistake(
        "y = x * x", "y[0] = 3.0", "y = tg.where(tg.arange(2) == 0, 3.0, y)",
        "cannot write into the result of multiply, which a graph remembers; write y = "
        "tg.where(mask, value, y), not y[mask] = value, or detach() it first.",
    ),
    "no requires_grad": Mistake(
        "c = tg.tensor([1.0]); d = tg.tensor([1.0], requires_grad=True)",
        "tg.grad(c.sum(), c)", "tg.grad(d.sum(), d)",
        "grad: input 0 does not require gradients: write x = tg.tensor(values, "
        "requires_grad=True), not x = tg.tensor(values).",
    ),
    "a second pass by grad": Mistake(
        "y = (x * x).sum()",
        "tg.grad(y, x); tg.grad(y, x)", "tg.grad(y, x, retain_graph=True); tg.grad(y, x)", FREED,
    ),
    "a second pass by backward": Mistake(
        "y = (x * x).sum()",
        "y.backward(); y.backward()", "y.backward(retain_graph=True); y.backward()", FREED,
    ),
    "a detached loss": Mistake(
        "", "tg.grad(tg.sum(x.detach() ** 2), x)", "tg.grad(tg.sum(x ** 2), x)",
        "grad: the output does not depend on input 0 (shape (2,)): compute it from x, not from "
        "x.detach(), x.numpy() or under no_grad(); or pass allow_unused=True to get None for it.",
    ),
    "a detached loss, backward": Mistake(
        "", "tg.sum(x.detach() ** 2).backward()", "tg.sum(x ** 2).backward()",
        "backward: nothing that made this tensor requires gradients: compute it from x, not from "
        "x.detach(), x.numpy() or under no_grad(), where x has requires_grad=True.",
    ),
    "a gradient of integers": Mistake(
        "",
        "tg.tensor([1, 2], requires_grad=True)", "tg.tensor([1.0, 2.0], requires_grad=True)",
        "only floating-point tensors can require gradients, not int64: write tg.tensor([1.0, "
        "2.0]), not tg.tensor([1, 2]), or convert with .astype('float32').",
    ),
    "two devices": Mistake(
        "a = tg.ones(2, device='strict'); b = tg.ones(2, device='cpu')",
        "a + b", "a + b.to(a.device)",
        "add(float32 (2,), float32 (2,)): the arguments are on different devices (numpy and "
        "strict): write a + b.to(a.device), not a + b.",
    ),
    "channels last": Mistake(
        "conv = nn.Conv2d(3, 4, 3, rng=tg.Generator(0)); x = tg.ones(2, 8, 8, 3)",
        "conv(x)", "conv(x.transpose(0, 3, 1, 2))",
        "Conv2d(3, 4, kernel_size=3): conv2d: input has 8 channels, weight expects 3 (input "
        "(2, 8, 8, 3), weight (4, 3, 3, 3)); channels come second: write x.transpose(0, 3, 1, 2), "
        "not x.",
    ),
    "channels last, one axis": Mistake(
        "conv = nn.Conv1d(3, 4, 3, rng=tg.Generator(0)); x = tg.ones(2, 8, 3)",
        "conv(x)", "conv(x.transpose(0, 2, 1))",
        "Conv1d(3, 4, kernel_size=3): conv1d: input has 8 channels, weight expects 3 (input "
        "(2, 8, 3), weight (4, 3, 3)); channels come second: write x.transpose(0, 2, 1), not x.",
    ),
    "one image": Mistake(
        "conv = nn.Conv2d(3, 4, 3, rng=tg.Generator(0)); x = tg.ones(3, 8, 8)",
        "conv(x)", "conv(x[None])",
        "Conv2d(3, 4, kernel_size=3): conv2d: input must be (N, C, H, W) and weight have 4 axes "
        "too (input (3, 8, 8), weight (4, 3, 3, 3)); for one example write x[None], not x.",
    ),
    "no eval mode": Mistake(
        "model = nn.BatchNorm1d(3); x = tg.ones(1, 3)", "model(x)", "model.eval()(x)",
        "BatchNorm1d(3, eps=1e-05, momentum=0.1): needs more than one value per channel to take a "
        "mean of, the input (1, 3) has 1; use a larger batch, or, to use a trained model, call "
        "model.eval() before model(x).",
    ),
    "grad of several numbers": Mistake(
        "", "tg.grad(x * x, x)", "tg.grad((x * x).sum(), x)", NOT_A_SCALAR,
    ),
    "backward of several numbers": Mistake(
        "", "(x * x).backward()", "(x * x).sum().backward()", NOT_A_SCALAR,
    ),
    "a choice by several numbers": Mistake(
        "", "y = 1.0 if x > 1.0 else 2.0", "y = tg.where(x > 1.0, 1.0, 2.0)",
        "the truth of 2 elements is not defined: write tg.where(x > 0, a, b), not a if x > 0 else "
        "b; or ask of the values, as in (x > 0).numpy().any().",
    ),
    "several numbers as one": Mistake(
        "", "math.sqrt(x)", "tg.sqrt(x)",
        "a tensor of shape (2,) is not one number: write tg.sqrt(x), not math.sqrt(x), and "
        "float(x.sum()), not float(x).",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_refused_and_its_remedy_works(name):
    before, wrong, right, message = MISTAKES[name]

    def scene():
        x = tg.tensor([1.0, 2.0], requires_grad=True)
        names = {"tg": tg, "nn": nn, "np": np, "math": math, "x": x, "A": tg.eye(2)}
        exec(before, names)
        return names

    with pytest.raises((TypeError, ValueError, RuntimeError)) as error:
        exec(wrong, scene())
    assert str(error.value) == message
    exec(right, scene())


def test_questions_about_shape_are_no_mistake():
    x = tg.ones(2, 3)
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)


def test_an_array_on_the_left_of_an_operator_is_no_mistake():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    assert isinstance(np.add(np.ones(2), x), tg.Tensor)
    np.testing.assert_array_equal((np.ones(2) + x).numpy(), [2.0, 3.0])


def test_true_channels_last_are_told_from_a_wrong_number_of_channels():
    with pytest.raises(ValueError, match=r"expects 3 .*\)\)\.$") as error:
        tg.conv2d(tg.ones(2, 4, 8, 8), tg.ones(4, 3, 3, 3))
    assert "transpose" not in str(error.value)
