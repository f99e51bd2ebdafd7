"""Features judged: each task on made-up features where the answer is known, or has an oracle."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tinygen.config import ConfigError
from tinygen.data import Dataset, from_arrays
from tinygen.metrics import representation as rep
from tinygen.metrics.representation import (
    card,
    classification,
    clustering,
    estimators,
    outliers,
    reduction,
    view,
)

sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn")

CLASSES = 4


def blobs(n: int = 240, apart: float = 12.0, features: int = 6, seed: int = 0) -> Dataset:
    """Classes as round clouds whose centres are corners, `apart` standard deviations out."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(n) % CLASSES
    rows = rng.standard_normal((n, features)) + apart * np.eye(CLASSES, features)[labels]
    return from_arrays("blobs", rows.astype("float32"), labels)


def first_view(data: Dataset, seed: int = 0) -> view.View:
    return next(view.views(rep.Space("raw", *data.flat()), data, seed))


@pytest.mark.parametrize("task", [*card.WITH_LABELS, *card.WITHOUT])
def test_classes_far_apart_are_found_by_every_task(task):
    for name, value in task(first_view(blobs())).items():
        least = {"variance of inputs explained by 2": 0.4, "trustworthiness of the plane": 0.6}
        assert least.get(name, 0.85) <= value <= 1.0, name


def test_features_that_know_nothing_do_no_better_than_chance():
    data = blobs(600)
    rng = np.random.default_rng(1)
    noise = rep.Space("noise", *(rng.standard_normal((len(x), 6)) for x in data.flat()))
    found = rep.scorecard([noise], data, 0, draws=3).figures
    for name in ("linear probe, accuracy", "5 nearest neighbours, accuracy", "k-means, ACC"):
        assert found[name]["noise"].value == pytest.approx(1 / CLASSES, abs=0.12), name
    assert found["a class held out, AUROC"]["noise"].value == pytest.approx(0.5, abs=0.1)
    assert found["k-means, ARI"]["noise"].value == pytest.approx(0.0, abs=0.05)
    assert found["variance of inputs explained by 2"]["noise"].value < 0.05


def test_clustering_accuracy_is_the_best_of_all_pairings():
    rng = np.random.default_rng(0)
    labels, clusters = rng.integers(0, 4, 50), rng.integers(0, 4, 50)
    best = max(np.mean(np.array(p)[clusters] == labels) for p in permutations(range(4)))
    assert rep.clustering_accuracy(labels, clusters) == pytest.approx(best)


def test_clusters_may_be_more_or_fewer_than_classes():
    labels = np.array([0, 0, 1, 1, 2, 2])
    assert rep.clustering_accuracy(labels, np.array([3, 3, 1, 4, 0, 0])) == pytest.approx(5 / 6)
    assert rep.clustering_accuracy(labels, np.zeros(6, int)) == pytest.approx(1 / 3)


def test_areas_under_both_curves_by_counting():
    rng = np.random.default_rng(0)
    strange, scores = rng.random(40) < 0.3, rng.standard_normal(40)
    under_roc = np.mean(scores[strange][:, None] > scores[~strange])
    ranked = strange[np.argsort(-scores)]
    precision = np.cumsum(ranked) / np.arange(1, 41)
    assert rep.areas(strange, scores) == pytest.approx((under_roc, precision[ranked].mean()))


def test_a_score_that_is_not_a_number_is_the_strangest():
    strange = np.array([True, False, False, False])
    assert rep.areas(strange, np.array([np.nan, 1.0, 2.0, 3.0])) == (1.0, 1.0)
    assert rep.areas(strange, np.array([np.inf, 1.0, 2.0, 3.0])) == (1.0, 1.0)


def test_an_outlier_is_judged_without_the_training_examples_of_its_class():
    """Copies of held-out examples among the training ones would hide them."""
    data = blobs()
    known = first_view(data)
    copied = view.View(**{**vars(known), "test": known.fit, "test_labels": known.fit_labels})
    assert outliers.outliers(copied)["a class held out, AUROC"] > 0.99


def test_few_labels_take_each_class_in_turn():
    labels = np.array([2, 2, 2, 0, 1, 0, 1, 2])
    order = classification.by_turns(labels)
    assert sorted(order) == list(range(8))
    assert labels[order].tolist() == [0, 1, 2, 0, 1, 2, 2, 2]


def test_few_labels_are_left_out_where_there_are_not_as_many():
    found = classification.few_labels(first_view(blobs(160)))
    assert list(found) == ["10 labels, accuracy", "100 labels, accuracy"]


def test_a_class_of_one_is_the_answer_to_all():
    ones, mixed = np.ones(5, int), np.array([1, 0, 1, 1])
    assert classification._logistic(1.0, np.ones((5, 2)), ones, np.ones((4, 2)), mixed) == 0.75


def test_principal_components_explain_what_pca_says():
    data = blobs()
    seen = first_view(data)
    pca = sklearn.decomposition.PCA(2).fit(seen.fit_inputs)
    again = pca.inverse_transform(pca.transform(seen.test_inputs))
    error = ((seen.test_inputs - again) ** 2).sum()
    whole = ((seen.test_inputs - seen.fit_inputs.mean(0)) ** 2).sum()
    found = reduction.reduction(seen)["variance of inputs explained by 2"]
    assert found == pytest.approx(1 - error / whole, abs=1e-3)


def test_draws_are_the_same_in_every_space_and_overlap_only_where_they_must():
    data = blobs(100)
    spaces = [rep.Space("a", *data.flat()), rep.Space("b", *(2 * x for x in data.flat()))]
    seen = [[v.fit_labels.tolist() for v in view.views(s, data, 3)] for s in spaces]
    assert seen[0] == seen[1]
    large = from_arrays("large", np.arange(20_000.0)[:, None])
    drawn = [v.fit_inputs[:, 0] for v in view.views(rep.Space("a", *large.flat()), large, 0)]
    assert len(np.unique(np.concatenate(drawn))) == 5 * view.MOST


def test_features_are_scaled_by_one_number():
    data = blobs()
    seen = first_view(data)
    assert np.mean((seen.fit**2).sum(1)) == pytest.approx(1.0)
    ratio = seen.fit.std(0) / seen.fit_inputs.std(0)
    assert ratio == pytest.approx(np.full(6, ratio[0]), rel=1e-4)


def test_an_interval_is_students():
    found = card.over_draws([1.0, 2.0, 3.0, 4.0, 5.0])
    assert found.value == 3.0
    assert found.error == pytest.approx(np.sqrt(2.5 / 5))
    assert found.high - found.value == pytest.approx(2.7764 * found.error, rel=1e-4)


def test_without_labels_only_the_dimensions_are_reduced():
    data = from_arrays("rows", np.random.default_rng(0).standard_normal((100, 5)))
    found = rep.scorecard(rep.baselines(data, 3), data, 0, draws=2)
    assert set(found.figures) == {
        "variance of inputs explained by 2",
        "trustworthiness of the plane",
    }
    assert "Without labels" in found.describe()


@pytest.mark.parametrize("rows", [10, 20])
def test_a_handful_of_examples_is_enough(rows):
    data = blobs(rows)
    found = rep.scorecard([*rep.baselines(data, 2)], data, 0, draws=2)
    assert found.figures
    assert found.as_dict()["draws"] == 2


def test_features_that_are_not_finite_are_refused():
    data = blobs()
    train, test = data.flat()
    with pytest.raises(ValueError, match="not all finite"):
        rep.scorecard([rep.Space("broken", train * np.nan, test)], data, 0)


def test_the_plane_has_two_axes_even_of_one_feature():
    rng = np.random.default_rng(0)
    found = reduction.plane(rng.standard_normal((30, 1)), rng.standard_normal((7, 1)))
    assert found.shape == (7, 2)
    assert (found[:, 1] == 0).all()


def test_a_mixture_finds_a_dense_cloud_beside_a_wide_one():
    """Half-way between the means, where k-means cuts, all examples are of the wide one."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 400)
    rows = (
        rng.standard_normal((400, 2)) * np.where(labels, 3.0, 0.2)[:, None] + 4.0 * labels[:, None]
    )
    found = clustering.clustering(first_view(from_arrays("two", rows, labels)))
    assert found["mixture, ACC"] > 0.95
    assert found["k-means, ACC"] < 0.92


def test_a_map_parts_classes_that_no_gaussian_covers():
    """Two half circles, the end of each in the other."""
    rng = np.random.default_rng(0)
    labels, angle = rng.integers(2, size=240), rng.uniform(0.0, np.pi, 240)
    rows = np.stack([np.cos(angle), np.sin(angle)], 1)
    rows = np.where(labels[:, None], rows, [1.0, 0.5] - rows) + 0.06 * rng.standard_normal((240, 2))
    seen = first_view(from_arrays("moons", rows, labels))
    assert clustering.clustering(seen)["mixture, ACC"] < 0.9
    assert clustering.clustering_of_map(seen)["mixture on a map, ACC"] > 0.95


def test_features_that_are_all_the_same_are_one_cluster():
    data = blobs()
    seen = first_view(data)
    alike = replace(seen, fit=np.ones_like(seen.fit), test=np.ones_like(seen.test))
    largest = np.bincount(seen.test_labels).max() / len(seen.test_labels)
    assert clustering.clustering_of_map(alike)["mixture on a map, ACC"] == largest


def test_without_scikit_learn_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.cluster", None)
    with pytest.raises(ConfigError, match=r"pip install 'tinygen\[eval\]'"):
        estimators.sklearn("cluster")
