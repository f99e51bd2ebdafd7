"""Commands run in an empty folder, with no setting from the environment."""

from functools import partial

import pytest
from commands import Command

from tinygen.metrics import Judge


@pytest.fixture
def run(tmp_path, monkeypatch, capfd) -> Command:
    """`run("train", "gan", ...)`; a judge in training for an epoch only does for most tests."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinygen.metrics.evaluation.Judge", partial(Judge, epochs=1))
    monkeypatch.setattr("tinygen.metrics.resampling.GROUPS", 4)  # rougher errors, sooner
    for name in ("TINYGEN_DATA", "TINYGEN_DEVICE"):
        monkeypatch.delenv(name, raising=False)
    return Command(capfd)
