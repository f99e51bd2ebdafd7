"""Error bars: do they cover what they should, and spread as repeated draws do?"""

from __future__ import annotations

import numpy as np
import pytest

from tinygen.metrics import Estimate, bootstrap, frechet_distance, jackknife, prdc
from tinygen.metrics.estimate import Measure

RNG = np.random.default_rng(0)


def test_intervals_of_a_known_mean_cover_it_in_95_of_100():
    draws = RNG.exponential(size=(300, 80))
    found = [bootstrap(np.mean, x, seed=i, resamples=300) for i, x in enumerate(draws)]
    assert 0.90 <= np.mean([e.low <= 1 <= e.high for e in found]) <= 0.98
    assert np.mean([e.error for e in found]) == pytest.approx(1 / 80**0.5, rel=0.1)
    cut = [jackknife(lambda x: [x.mean()], x, seed=i)[0] for i, x in enumerate(draws)]
    assert 0.90 <= np.mean([e.low <= 1 <= e.high for e in cut]) <= 0.99


def test_the_variances_of_two_sets_add_up():
    pairs = [(RNG.normal(size=200), RNG.normal(0, 2, size=100)) for _ in range(60)]
    wanted = (1 / 200 + 4 / 100) ** 0.5

    def gap(x, y):
        return x.mean() - y.mean()

    by_bootstrap = [bootstrap(gap, *p, seed=0, resamples=200).error for p in pairs]
    by_jackknife = [jackknife(lambda x, y: [gap(x, y)], *p, seed=0)[0].error for p in pairs]
    assert np.mean(by_bootstrap) == pytest.approx(wanted, rel=0.1)
    assert np.mean(np.square(by_jackknife)) ** 0.5 == pytest.approx(wanted, rel=0.15)


def spread(statistic, n, width):
    """The standard deviation over repeated draws, and the mean error that the jackknife tells."""
    pairs = [(RNG.normal(size=(n, width)), RNG.normal(size=(n, width)) + 0.3) for _ in range(60)]
    values = np.array([statistic(*p) for p in pairs])
    errors = [[e.error for e in jackknife(statistic, *p, seed=0)] for p in pairs[:40]]
    return values.std(0, ddof=1), np.sqrt(np.mean(np.square(errors), axis=0))


def test_errors_of_neighbours_are_about_what_repeated_draws_spread_by():
    """Within a third: radii and balls depend on all examples at once."""
    wanted, told = spread(prdc, 200, 6)
    assert (told > wanted / 1.5).all()
    assert (told < wanted * 1.6).all()


def test_errors_of_frechet_distances_are_about_what_repeated_draws_spread_by():
    wanted, told = spread(lambda x, y: [frechet_distance(x, y)], 200, 6)
    assert wanted / 1.4 < told < wanted * 1.4


def test_a_bootstrap_of_coverage_would_be_wrong():
    """Why there is a jackknife: repetition alone lowers coverage by many of its true errors."""
    real, fake = RNG.normal(size=(2, 300, 4))
    wrong = bootstrap(lambda a, b: prdc(a, b).coverage, real, fake, seed=0, resamples=30)
    assert wrong.high < wrong.value


def test_the_same_seed_gives_the_same_errors():
    x = RNG.normal(size=50)
    assert bootstrap(np.mean, x, seed=1) == bootstrap(np.mean, x, seed=1)
    assert bootstrap(np.mean, x, seed=1) != bootstrap(np.mean, x, seed=2)
    assert jackknife(lambda a: [a.std()], x, seed=1) == jackknife(lambda a: [a.std()], x, seed=1)


def test_too_few_examples_are_refused():
    with pytest.raises(ValueError, match="bootstrap: a set holds 1 examples; give at least 2"):
        bootstrap(np.mean, np.ones(1), seed=0)
    with pytest.raises(ValueError, match="jackknife: a set holds 19 examples; give at least 20"):
        jackknife(lambda a, b: [0.0], np.ones(30), np.ones(19), seed=0)


def test_intervals_leave_out_what_cannot_be():
    estimate = Estimate(0.95, 0.04, 0.87, 1.03)
    assert estimate.within(0, 1) == Estimate(0.95, 0.04, 0.87, 1)
    assert estimate.as_dict() == {"value": 0.95, "error": 0.04, "interval": [0.87, 1.03]}
    assert Estimate(1.0, 0.5, 0.5, 1.5).about(0.2) == Estimate(0.2, 0.5, 0.0, 0.7)


def test_a_line_of_the_table():
    line = Measure("coverage", Estimate(0.71, 0.05, 0.6, 0.8), 0.99, "1")
    assert line.cells() == ("coverage", "0.710 +- 0.050", "0.990", "1")
    far = Measure("distance", Estimate(94.771, 3.258, 88, 102), np.inf, "0")
    assert far.cells()[1] == "94.77 +- 3.26"
    assert far.as_dict()["training_data"] is None
