"""The distance of two distributions, feature by feature."""

import numpy as np
import pytest
from scipy.stats import ks_2samp

from tinygen.metrics.marginals import kolmogorov_smirnov


@pytest.mark.parametrize("ties", [False, True])
def test_it_is_scipys(ties):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(40, 3)), rng.normal([0.0, 1.0, 9.0], 2.0, size=(70, 3))
    if ties:
        x, y = x.round(), y.round()
    expected = [ks_2samp(a, b).statistic for a, b in zip(x.T, y.T, strict=True)]
    np.testing.assert_allclose(kolmogorov_smirnov(x, y), expected, rtol=1e-12)


def test_its_ends_are_0_and_1():
    x = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_array_equal(kolmogorov_smirnov(x, x), 0.0)
    np.testing.assert_array_equal(kolmogorov_smirnov(x, x + 100), 1.0)
    assert kolmogorov_smirnov(np.full((5, 1), np.nan), x[:, :1]) == [1.0]


def test_sets_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="at least one example of each"):
        kolmogorov_smirnov(np.zeros((0, 2)), np.zeros((3, 2)))
    with pytest.raises(ValueError, match="as many features"):
        kolmogorov_smirnov(np.zeros((2, 2)), np.zeros((3, 3)))
