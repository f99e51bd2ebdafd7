"""The benchmark of RBM updates compares like with like, and runs."""

import sys
from pathlib import Path

import pytest

pytest.importorskip("threadpoolctl")
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import rbm


def test_competitors_make_the_same_update_from_the_same_uniform_numbers():
    assert {"tinygen", "NumPy by hand"} <= set(rbm.check())


def test_another_update_is_refused(monkeypatch):
    by_hand = rbm.by_hand

    def slightly_off(problem, draw=None):
        problem.b += 0.5
        return by_hand(problem, draw)

    monkeypatch.setattr(rbm, "by_hand", slightly_off)
    with pytest.raises(RuntimeError, match="NumPy by hand makes another update"):
        rbm.check()


def test_the_table_names_every_competitor_and_its_mark(monkeypatch):
    monkeypatch.setattr(rbm, "scikit_learn", _missing)
    monkeypatch.setattr(rbm, "pytorch", _missing)
    table = rbm.render(rbm.measure(1, 2), 1, 0.0)
    assert "| tinygen | " in table
    assert "products and random numbers alone" in table
    assert "mark 1.3: " in table
    assert "not judged" in rbm.render(rbm.measure(1, 2), 1, 1.0)


def _missing(*_):
    raise ImportError
