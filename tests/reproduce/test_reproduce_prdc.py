"""The row about precision, recall, density and coverage, and the authors' definition in short."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from tinygen.metrics import prdc as measured
from tinygen.random import Generator
from tinygen.reproduce import ROWS, prdc


def test_the_row_runs_quickly():
    found = ROWS["prdc"].run(0, True)
    assert list(found) == list(prdc.PUBLISHED)
    assert 0 < found["recall"] < 1
    assert 0.8 < found["density"] < 1.2


@pytest.mark.parametrize(
    ("changed", "passed"),
    [({}, True), ({"precision": 0.4862}, True), ({"recall": 0.4815}, False),
     ({"density": 1.04}, False), ({"coverage": 0.99}, False)],
)  # fmt: skip
def test_every_figure_counts(changed, passed):
    verdict = prdc.judge([{**prdc.PUBLISHED, **changed}])
    assert verdict.passed is passed
    if not passed:
        assert verdict.because.startswith(next(iter(changed)))


def test_the_means_over_seeds_are_judged_and_the_published_draw_placed_among_ours():
    above, below = (
        {name: value + step for name, value in prdc.PUBLISHED.items()} for step in (0.05, -0.04)
    )
    verdict = prdc.judge([above, below, above, below])
    assert verdict.passed
    assert "within 0.1 standard deviations" in verdict.because


def test_wide_float32_rows_give_what_the_definition_gives_in_float64():
    """As the row draws them, 400 of 1,000 numbers."""
    rng = Generator(0, device="cpu")
    real, fake = (rng.normal((400, 1000)) for _ in range(2))
    wide = [a.astype("float64") for a in (real, fake)]
    of_real, of_fake = (np.sort(cdist(a, a), axis=1)[:, 5] for a in wide)
    apart = cdist(*wide)
    inside = apart < of_real[:, None]
    wanted = (inside.any(0).mean(), (apart < of_fake).any(1).mean(), inside.sum(0).mean() / 5,
              inside.any(1).mean())  # fmt: skip
    np.testing.assert_allclose(measured(real, fake, 5), wanted, atol=2e-3)
