"""Judges that are kept: found again, never mistaken for another, and never in the way."""

from __future__ import annotations

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn
from tinygen.data import DataError, Dataset, from_arrays, load
from tinygen.metrics import Judge, judge_of
from tinygen.metrics.classifier import Classifier
from tinygen.metrics.kept import judges_folder

DIGITS = load("digits")


def judge(folder, data: Dataset = DIGITS, seed: int = 0, epochs: int = 1) -> Judge:
    return Judge(data, tg.Generator(seed), epochs=epochs, kept_in=folder)


@pytest.fixture
def trainings(monkeypatch) -> list[str]:
    """A line for every training."""
    found: list[str] = []
    train = Classifier.train

    def noted(self, data, rng):
        found.append(data.name)
        train(self, data, rng)

    monkeypatch.setattr(Classifier, "train", noted)
    return found


def test_the_same_judge_is_trained_once(tmp_path, trainings):
    first, second = judge(tmp_path / "new" / "folder"), judge(tmp_path / "new" / "folder")
    assert len(trainings) == 1
    assert first.sha256 == second.sha256
    held = DIGITS.flat()[1]
    np.testing.assert_array_equal(first.probabilities(held), second.probabilities(held))
    assert (first.accuracy, first.real_confidence) == (second.accuracy, second.real_confidence)
    assert judge(None).sha256 == first.sha256


def changed(**arrays) -> Dataset:
    parts = ("train", "train_labels", "test", "test_labels")
    return from_arrays(
        "digits", *(arrays.get(name, getattr(DIGITS, name)) for name in parts),
        n_classes=arrays.get("n_classes", 10),
    )  # fmt: skip


def another_pixel():
    train = DIGITS.train.copy()
    train[700, 3, 3] = 0.123
    return changed(train=train)


def another_label():
    labels = DIGITS.train_labels.copy()
    labels[0] = (labels[0] + 1) % 10
    return changed(train_labels=labels)


@pytest.mark.parametrize(
    ("other", "settings"),
    [(another_pixel, {}), (another_label, {}), (lambda: changed(n_classes=11), {}),
     (lambda: DIGITS, {"seed": 1}), (lambda: DIGITS, {"epochs": 2})],
)  # fmt: skip
def test_another_one_is_not_taken_for_it(tmp_path, trainings, other, settings):
    first = judge(tmp_path)
    second = judge(tmp_path, other(), **settings)
    assert len(trainings) == 2
    assert first.sha256 != second.sha256


def test_a_change_of_the_method_makes_the_kept_ones_old(tmp_path, trainings, monkeypatch):
    judge(tmp_path)
    monkeypatch.setattr("tinygen.metrics.kept.VERSION", -1)
    judge(tmp_path)
    assert len(trainings) == 2


def test_other_held_out_data_has_the_same_judge_and_another_accuracy(tmp_path, trainings):
    first = judge(tmp_path)
    wrong = changed(test_labels=(DIGITS.test_labels + 1) % 10)
    assert judge(tmp_path, wrong).accuracy < 0.2 < first.accuracy
    assert len(trainings) == 1


@pytest.mark.parametrize("damage", ["cut", "other weights", "a folder", "empty"])
def test_what_is_damaged_is_trained_and_kept_anew(tmp_path, trainings, damage):
    whole = judge(tmp_path).sha256
    [path] = tmp_path.iterdir()
    content = path.read_bytes()
    if damage == "cut":
        path.write_bytes(content[:-100])
    elif damage == "other weights":
        nn.save(nn.Linear(2, 3, rng=tg.Generator(0)), path)
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
        path.mkdir()
    assert judge(tmp_path).sha256 == whole
    assert len(trainings) == 2
    if damage != "a folder":
        assert path.read_bytes() == content


def test_a_folder_that_cannot_be_written_is_no_failure(tmp_path, trainings):
    (tmp_path / "file").write_text("where the folder should be")
    for _ in range(2):
        assert judge(tmp_path / "file").accuracy > 0.5
    assert len(trainings) == 2


def test_where_judges_are_kept(monkeypatch, tmp_path):
    monkeypatch.setenv("TINYGEN_JUDGES", str(tmp_path))
    assert judges_folder() == tmp_path
    assert judge_of(DIGITS).accuracy > 0.97
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.delenv("TINYGEN_JUDGES")
    monkeypatch.setattr("tinygen.metrics.kept.cache_folder", lambda: tmp_path / "cache")
    assert judges_folder() == tmp_path / "cache" / "judges"


def test_without_a_cache_nothing_is_kept(monkeypatch):
    def missing():
        raise DataError("the cache needs pooch")

    monkeypatch.delenv("TINYGEN_JUDGES")
    monkeypatch.setattr("tinygen.metrics.kept.cache_folder", missing)
    assert judges_folder() is None
