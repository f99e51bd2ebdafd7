"""The estimators: scikit-learn's conventions, without scikit-learn; and with it where it is."""

from __future__ import annotations

import pickle
import subprocess
import sys
import warnings

import numpy as np
import pytest

import tinygen as tg
from tinygen.data import load
from tinygen.models.rbm import BernoulliRBM, GaussianRBM, mean_log_likelihood


def digits(n: int = 400) -> np.ndarray:
    return (load("digits").flat()[0][:n] > 0.5).astype("float32")


def fitted(**options) -> BernoulliRBM:
    settings = {"n_components": 16, "n_iter": 3, "learning_rate": 0.05, **options}
    return BernoulliRBM(**settings).fit(digits())


def test_fit_transform_reconstruct_and_sample_have_their_shapes():
    model = fitted()
    features = model.transform(digits(7))
    assert features.shape == (7, 16)
    assert ((features > 0) & (features < 1)).all()
    assert model.reconstruct(digits(7)).shape == (7, 64)
    drawn = model.sample(5, burn_in=10)
    assert drawn.shape == (5, 64)
    assert set(np.unique(drawn)) <= {0.0, 1.0}
    assert model.components_.shape == (16, 64)
    assert (model.n_features_in_, model.n_iter_) == (64, 3)


def test_fitting_is_training_with_the_trainer_and_one_seed_gives_one_model():
    one, two, other = fitted(), fitted(), fitted(random_state=1)
    np.testing.assert_array_equal(one.components_, two.components_)
    assert not np.array_equal(one.components_, other.components_)
    again = one.fit(digits())
    np.testing.assert_array_equal(again.components_, two.components_)


def test_scores_are_pseudo_likelihoods_and_rise_with_training():
    before, after = fitted(learning_rate=1e-9), fitted(n_iter=20, learning_rate=0.2)
    assert after.score(digits()) > before.score(digits()) + 2.0
    assert after.score_samples(digits(5)).shape == (5,)


def test_partial_fit_goes_on_from_where_it_was():
    model = BernoulliRBM(8)
    rows = digits(50)
    weights = []
    for _ in range(3):
        weights.append(model.partial_fit(rows).components_.copy())
    assert not np.array_equal(weights[0], weights[1])
    assert not np.array_equal(weights[1], weights[2])
    one_by_one = BernoulliRBM(8)
    for _ in range(3):
        one_by_one.partial_fit(rows)
    np.testing.assert_array_equal(one_by_one.components_, model.components_)


def test_a_pickled_model_goes_on_bit_for_bit():
    model = fitted(chains=7, momentum=0.5)
    twin = pickle.loads(pickle.dumps(model))
    for m in (model, twin):
        m.partial_fit(digits(20))
    np.testing.assert_array_equal(model.components_, twin.components_)
    np.testing.assert_array_equal(model.sample(3, burn_in=5), twin.sample(3, burn_in=5))


def test_reconstruction_is_better_than_the_mean():
    model = fitted(n_iter=20, n_components=32)
    rows = digits()
    error = ((model.reconstruct(rows) - rows) ** 2).mean()
    assert error < 0.7 * rows.var(0).mean()


def test_grey_values_are_refused_unless_they_are_asked_for():
    grey = load("digits").flat()[0][:100]
    with pytest.raises(ValueError, match="but Bernoulli units are 0 or 1"):
        BernoulliRBM(4).fit(grey)
    model = BernoulliRBM(4, grey=True, n_iter=1).fit(grey)
    assert model.transform(grey).shape == (100, 4)
    with pytest.raises(ValueError, match="but Bernoulli units are 0 or 1"):
        model.score_samples(grey)
    with pytest.raises(ValueError, match="which are no probabilities"):
        BernoulliRBM(4, grey=True).fit(2.0 * grey)


def test_gaussian_units_learn_the_mean_and_the_variance_of_the_data():
    rng = np.random.default_rng(0)
    x = rng.normal([2.0, -1.0, 0.0], [1.0, 0.5, 2.0], size=(1000, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # independent features leave hidden units nothing to do
        model = GaussianRBM(4, n_iter=20, batch_size=50).fit(x)
    drawn = model.sample(3000, burn_in=100)
    np.testing.assert_allclose(drawn.mean(0), x.mean(0), atol=0.25)
    np.testing.assert_allclose(drawn.std(0), x.std(0), rtol=0.2)


def test_parameters_are_gotten_and_set_and_shown():
    model = BernoulliRBM(5, k=2)
    assert repr(model) == "BernoulliRBM(k=2, n_components=5)"
    assert model.get_params()["k"] == 2
    assert model.set_params(k=3).k == 3
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        model.set_params(nothing=1)


def test_dead_or_saturated_hidden_units_are_told_once_with_their_share():
    rows = digits(100)
    with pytest.warns(UserWarning, match=r"\d+% of the hidden units are dead or saturated") as told:
        BernoulliRBM(20, n_iter=1, learning_rate=1e-9).fit(np.tile(rows[:1], (50, 1)))
    assert len(told) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted(n_iter=5)


def test_training_that_diverges_is_told_in_a_sentence():
    x = np.random.default_rng(0).normal(size=(100, 3)) * 1e4
    with pytest.raises(ValueError, match="not finite any more; take a smaller learning_rate"):
        GaussianRBM(4, learning_rate=1e6, n_iter=20).fit(x)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: BernoulliRBM().transform(digits(3)), "not fitted yet"),
        (lambda: BernoulliRBM().sample(), "not fitted yet"),
        (lambda: fitted().transform(digits(3)[:, :9]), "X has 9 features, but BernoulliRBM is exp"),
        (lambda: BernoulliRBM().fit(np.full((3, 2), np.nan)), "Input X contains NaN"),
        (lambda: BernoulliRBM().fit(np.ones(5)), "Reshape your data"),
        (lambda: BernoulliRBM().fit(np.ones((0, 5))), "0 sample"),
        (lambda: BernoulliRBM().fit(np.ones((5, 0))), "0 feature"),
        (lambda: BernoulliRBM().fit(np.ones((5, 2)) * 1j), "Complex data"),
        (lambda: BernoulliRBM(k=0).fit(digits(20)), "k must be at least 1, not 0"),
        (lambda: BernoulliRBM(0).fit(digits(20)), "n_components must be at least 1, not 0"),
        (lambda: BernoulliRBM(n_iter=0).fit(digits(20)), "n_iter must be at least 1, not 0"),
        (lambda: fitted().sample(0), "chains must be at least 1, not 0"),
    ],
)  # fmt: skip
def test_what_cannot_be_fitted_is_refused_in_a_sentence(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_the_likelihood_of_a_fitted_model_can_be_asked():
    model = fitted(n_iter=10)
    rows = digits()
    from tinygen.models.rbm import exact_log_z

    assert -40.0 < mean_log_likelihood(model.rbm_, rows, exact_log_z(model.rbm_)) < -10.0


def test_scikit_learn_is_not_imported_for_it():
    code = (
        "import sys; from tinygen.models.rbm import BernoulliRBM; import numpy as np;"
        "BernoulliRBM(2, n_iter=1).fit(np.eye(12));"
        "assert not any(m.partition('.')[0] == 'sklearn' for m in sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def test_the_device_is_the_estimators_own():
    model = fitted(device="strict", n_iter=1)
    assert model.rbm_.weight.device == "strict"
    assert isinstance(model.transform(digits(2)), np.ndarray)
    assert tg.default_device() == "cpu"


# -- with scikit-learn -----------------------------------------------------------------------------


def test_gaussian_rbm_passes_every_check_of_an_estimator():
    checks = pytest.importorskip("sklearn.utils.estimator_checks", reason="needs scikit-learn")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tiny data sets: dead units; of checks that are skipped
        checks.check_estimator(GaussianRBM(n_components=4, n_iter=2))


def test_it_works_in_a_pipeline_and_can_be_cloned_and_searched():
    base = pytest.importorskip("sklearn.base", reason="needs scikit-learn")
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import Pipeline

    data = load("digits")
    rows, labels = digits(600), data.train_labels[:600]
    model = Pipeline([
        ("rbm", BernoulliRBM(64, n_iter=10, learning_rate=0.05, momentum=0.5)),
        ("classifier", LogisticRegression(C=100.0, max_iter=500)),
    ])  # fmt: skip
    assert model.fit(rows, labels).score(rows, labels) > 0.9
    twin = base.clone(fitted(k=2))
    assert twin.k == 2
    assert not hasattr(twin, "rbm_")
    search = GridSearchCV(BernoulliRBM(8, n_iter=2), {"learning_rate": [1e-9, 0.05]}, cv=2)
    assert search.fit(rows).best_params_ == {"learning_rate": 0.05}
