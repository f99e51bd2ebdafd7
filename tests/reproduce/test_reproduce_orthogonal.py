"""The rows of orthogonal gradients in their quick form, and how they judge."""

from __future__ import annotations

import numpy as np
import pytest

from tinygen.optim import OrthogonalToPast
from tinygen.reproduce import ROWS, orthogonal, orthogonal_mnist
from tinygen.reproduce.orthogonal_mnist import Split


@pytest.fixture
def stand_in(monkeypatch):
    """Of the right shapes, and learnable: each class lights its own pixels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, 12_000)
    lit = (np.arange(784)[None] % 10 == labels[:, None]) * 0.9
    rows = (rng.random((12_000, 784)) < lit).astype("float32")
    split = Split(rows, labels, rows[:500], labels[:500])
    monkeypatch.setattr(orthogonal_mnist, "mnist", lambda: split)


def test_all_sums():
    rows, labels = orthogonal.sums()
    assert rows.shape == (113**2, 226)
    a, b = rows[:, :113].argmax(1), rows[:, 113:].argmax(1)
    np.testing.assert_array_equal((a + b) % 113, labels)
    assert len({*zip(a.tolist(), b.tolist(), strict=True)}) == 113**2
    assert (rows.sum(1) == 2).all()


def test_surgery_has_its_known_answers():
    found = ROWS["pcgrad"].run(0, True)
    assert ROWS["pcgrad"].judge([found]).passed


@pytest.mark.parametrize("name", ["ogd-permuted", "muon"])
def test_rows_on_mnist_run_quickly(name, stand_in):
    found = ROWS[name].run(0, True)
    assert all(np.isfinite(value) for value in found.values())
    assert ROWS[name].judge([found]).because


def test_the_modular_row_runs_quickly():
    found = ROWS["orthograd-modular"].run(0, True)
    assert set(found) == {"test accuracy, orthogonal", "test accuracy, plain"}
    assert not ROWS["orthograd-modular"].judge([found]).passed


def test_a_past_keeps_more_of_the_first_task(stand_in):
    ours = orthogonal_mnist.after_all_tasks(0, True, OrthogonalToPast(32))
    plain = orthogonal_mnist.after_all_tasks(0, True, None)
    assert len(ours) == len(plain) == 5
    assert ours != plain


JUDGED = {
    # row: (figures that pass, what to change so that they do not)
    "orthograd-modular": ([0.996, 0.0], {0: 0.9, 1: 0.2}),
    "pcgrad": ([0.0, -1e-15, 0.0], {0: 1e-9, 1: -1e-3, 2: 1e-9}),
    "muon": ([0.978, 0.970, 0.68, 1.2, 0.02, 3e-3], {0: 0.96, 2: 0.5, 3: 1.4}),
    "ogd-permuted": (
        [88.0, 85.0, 86.0, 88.0, 90.0, 91.0, 80.0, 70.0, 75.0, 80.0, 85.0, 91.5, 1e-6],
        {0: 85.0, 1: 77.0, 5: 90.0},
    ),
}


@pytest.mark.parametrize("name", JUDGED)
def test_marks(name, stand_in):
    row = ROWS[name]
    names = list(row.run(0, True))
    values, misses = JUDGED[name]
    good = dict(zip(names, values, strict=True))
    assert row.judge([good]).passed
    for i, value in misses.items():
        assert not row.judge([{**good, names[i]: value}]).passed, names[i]
