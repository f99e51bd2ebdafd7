"""Each schedule against its closed form."""

import math

import pytest

from tinygen.optim import schedules


def test_constant():
    assert [schedules.constant(0.3)(step) for step in (0, 1, 10**6)] == [0.3] * 3


def test_linear():
    f = schedules.linear(1.0, 0.2, 8)
    assert [f(step) for step in range(9)] == pytest.approx([1.0 - 0.1 * s for s in range(9)])
    assert f(100) == pytest.approx(0.2)


def test_cosine():
    f = schedules.cosine(2.0, 10, floor=0.5)
    for step in range(11):
        assert f(step) == pytest.approx(0.5 + 1.5 * (1 + math.cos(math.pi * step / 10)) / 2)
    assert f(0) == 2.0
    assert f(10) == f(99) == pytest.approx(0.5)


def test_cosine_with_warmup():
    f = schedules.cosine(2.0, 14, floor=0.5, warmup=4)
    plain = schedules.cosine(2.0, 10, floor=0.5)
    assert [f(step) for step in range(4)] == [0.5, 1.0, 1.5, 2.0]
    assert [f(step) for step in range(4, 16)] == [plain(step) for step in range(12)]


def test_exponential():
    f = schedules.exponential(3.0, 0.9)
    assert [f(step) for step in range(5)] == pytest.approx([3.0 * 0.9**s for s in range(5)])


def test_step_decay():
    f = schedules.step_decay(1.0, 0.1, every=3)
    assert [f(step) for step in range(8)] == pytest.approx([1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])


def test_warmup():
    f = schedules.warmup(schedules.exponential(1.0, 0.5), 4)
    expected = [0.5**s * min((s + 1) / 4, 1) for s in range(8)]
    assert [f(step) for step in range(8)] == pytest.approx(expected)
    assert schedules.warmup(2.0, 2)(0) == 1.0


def test_values_are_python_floats():
    made = [
        schedules.constant(1.0), schedules.linear(1, 0, 3), schedules.cosine(1, 3, warmup=1),
        schedules.exponential(1.0, 0.5), schedules.step_decay(1.0, 0.5, 2),
        schedules.warmup(1.0, 3),
    ]  # fmt: skip
    assert all(type(f(step)) is float for f in made for step in range(5))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: schedules.linear(1.0, 0.0, 0), "linear: steps must be positive"),
        (lambda: schedules.cosine(1.0, 5, warmup=5), "warmup must lie in"),
        (lambda: schedules.exponential(1.0, 0.0), "exponential: decay"),
        (lambda: schedules.step_decay(1.0, 0.1, 0), "step_decay: every"),
        (lambda: schedules.warmup(1.0, 0), "warmup: steps"),
    ],
)
def test_refuses(make, message):
    with pytest.raises(ValueError, match=message):
        make()
