"""`tinygen gradcheck`, and its library form: all is right here; what is planted wrong is found."""

import math

import numpy as np
import pytest

import tinygen as tg
from tinygen.cli import main
from tinygen.examples import EXAMPLES
from tinygen.primitive import PRIMITIVES
from tinygen.selfcheck import primitives_to_check, selfcheck


def plant(monkeypatch, name, rule):
    """Replace the first rule of an operation."""
    op = PRIMITIVES[name].operation
    monkeypatch.setattr(op, "rules", [(rule, op.rules[0][1]), *op.rules[1:]])


def check(name, **settings):
    return next(iter(selfcheck([name], devices=["cpu"], **settings)))


def frozen(y):
    return tg.Tensor(y.data) if isinstance(y, tg.Tensor) else y


def test_everything_has_an_example_and_is_right(capsys):
    assert main(["gradcheck", "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    names = [line.split()[0] for line in lines[1:] if " cpu " in line]
    assert names == primitives_to_check()
    assert {"tanh", "matmul", "concatenate", "identity"} <= set(names)
    assert "less" not in names
    assert all(line.endswith("kept") for line in lines[1 : len(names) + 1])
    assert lines[-1] == f"{len(names)} of {len(names)} right to order 3."


def test_the_strict_backend():
    results = list(selfcheck(["tanh", "linear", "getitem"], devices=["strict"], order=2))
    assert [r.device for r in results] == ["strict"] * 3
    assert all(not r.failure and max(r.errors) < 1e-8 and len(r.errors) == 2 for r in results)


def test_a_linear_operation_is_examined_at_every_order(monkeypatch):
    op = PRIMITIVES["conv2d_weight"].operation
    right, picker = op.rules[1]

    def rule(g, x, geometry):  # right while nobody differentiates in g
        return right(frozen(g), x, geometry)

    monkeypatch.setattr(op, "rules", [op.rules[0], (rule, picker)])
    wrong = [error > 1e-7 for error in check("conv2d_weight").errors]
    assert wrong == [False, True, True]


@pytest.mark.parametrize(("rule", "first_wrong"), [
    (lambda g, y: g * (1 - y * y) * 1.001, 1),
    (lambda g, y: g * 0.0, 1),
    (lambda g, y: g * (1 - frozen(y) * frozen(y)), 2),
    (lambda g, y: g * (1 - y * y) + 0.01 * g * (y - frozen(y)) * (y - frozen(y)), 3),
])  # fmt: skip
def test_wrong_rules_are_found_at_their_order(monkeypatch, rule, first_wrong):
    plant(monkeypatch, "tanh", rule)
    result = check("tanh")
    wrong = [error > 1e-7 for error in result.errors]
    assert wrong.index(True) + 1 == first_wrong
    assert result.failure.startswith(f"order {first_wrong}: finite differences give")


def test_a_rule_that_raises_is_found(monkeypatch):
    def rule(g, y):
        if isinstance(g, tg.Tensor):
            raise RuntimeError("tanh has no second derivative here")
        return g * (1 - y * y)

    plant(monkeypatch, "tanh", rule)
    result = check("tanh")
    assert result.errors[0] < 1e-8
    assert result.errors[1:] == (math.inf, math.inf)
    assert result.failure == "order 2: tanh has no second derivative here"


def test_widening_is_found(monkeypatch):
    op = PRIMITIVES["sin"].operation
    wide = tg.primitive("sin_wide", lambda xp, x: np.sin(x.astype("float64")), op.rules[0][0])
    try:
        example = next(e for e in EXAMPLES if e.name == "sin")
        monkeypatch.setitem(example.__dict__, "function", wide)
        result = check("sin", order=1)
    finally:
        del PRIMITIVES["sin_wide"]
    assert not result.keeps_float32
    assert result.errors[0] < 1e-8
    assert result.failure == "order 1: float32 inputs give float64 somewhere"


def test_a_primitive_without_an_example_fails(monkeypatch, capsys):
    without = [e for e in EXAMPLES if e.op != "tanh"]
    monkeypatch.setattr("tinygen.selfcheck.EXAMPLES", without)
    assert main(["gradcheck", "tanh", "exp", "--device", "cpu", "--order", "1"]) == 1
    out = capsys.readouterr().out
    assert "tanh on cpu: it has no example in tinygen/examples.py" in out
    assert out.count("FAILED") == 1
    assert "1 of 2 right to order 1." in out


def test_a_failure_is_told_by_the_command(monkeypatch, capsys):
    plant(monkeypatch, "tanh", lambda g, y: g * 0.5)
    assert main(["gradcheck", "tanh"]) == 1
    out = capsys.readouterr().out
    assert "tanh on cpu: order 1: finite differences give" in out


def test_bad_input(capsys):
    assert main(["gradcheck", "tahn"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("tinygen: no differentiable operation is called 'tahn'; the nearest")
    assert "tanh" in error
    assert error.count("\n") == 1
    assert main(["gradcheck", "tanh", "--device", "tpu"]) == 2
    assert "unknown device 'tpu'" in capsys.readouterr().err
