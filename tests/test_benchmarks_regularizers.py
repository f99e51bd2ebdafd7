"""What is timed against PyTorch is the same penalty, and the table says what was found."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
regularizers = pytest.importorskip("benchmarks.regularizers")

import tinygen as tg  # noqa: E402
from tinygen.models.gan import R1, R2, mlp  # noqa: E402

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(("case", "ours"), [("r1", R1(1.0)), ("r2", R2(1.0))])
def test_the_penalties_of_both_libraries_are_one(case, ours):
    critic = mlp([6, 5, 1], tg.Generator(0, device="cpu"))
    theirs = regularizers._network([6, 5, 1])
    theirs.load_state_dict(
        {name: torch.from_numpy(value) for name, value in critic.state_dict().items()}
    )
    real, fake = np.random.default_rng(0).random((2, 4, 6), dtype="float32")
    expected = regularizers.penalty(case, theirs, torch.from_numpy(real), torch.from_numpy(fake))
    found = ours(critic, real, fake, tg.Generator(1, device="cpu"))
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_every_case_runs_in_turns_and_is_a_row(monkeypatch):
    monkeypatch.setattr(regularizers, "BATCH", 8)
    monkeypatch.setattr(regularizers, "WARM_UP", 1)
    text = regularizers.table(regularizers.measure(2))
    rows = text.splitlines()[2:]
    assert [row.split(" | ")[0].strip("| ") for row in rows] == list(regularizers.CASES)
    assert all(row.count("(") >= 2 for row in rows)
