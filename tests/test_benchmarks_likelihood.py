"""The benchmark of the likelihood runs; figures belong on a quiet machine."""

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytest.importorskip("threadpoolctl")
sys.path.insert(0, str(ROOT))

from benchmarks import likelihood  # noqa: E402


def test_the_bound_and_its_products_are_timed_in_turns():
    seconds = likelihood.measure(examples=2, samples=20, rows=10, rounds=3)
    assert {name: len(values) for name, values in seconds.items()} == {"bound": 3, "products": 3}
    assert all((values > 0).all() for values in seconds.values())


def test_the_command_tells_the_ratio(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["likelihood", "--rows", "5000", "--rounds", "1"])
    whole = likelihood.measure
    monkeypatch.setattr(
        likelihood, "measure", lambda **given: whole(examples=1, samples=10, **given | {"rows": 5})
    )
    likelihood.main()
    assert "mark 1.2" in capsys.readouterr().out
