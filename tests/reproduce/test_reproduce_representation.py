"""The rows that judge features and models by use: their pieces, and each row in its quick form."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from tinygen import Generator
from tinygen.data import load
from tinygen.metrics import Judge
from tinygen.models.vae import dense
from tinygen.reproduce import ROWS, anomaly, augmentation, filling, from_decoder, pretraining
from tinygen.reproduce.pretraining import FROM_NOTHING, Labelled, Start

pytest.importorskip("sklearn", reason="needs scikit-learn")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """What the figures are does not matter here."""

    def few(trainer, rows, steps, seed, batch=0):
        for _ in range(3):
            trainer.step(rows[:20].astype("float32"))
        return trainer

    for module in (filling, anomaly, pretraining, from_decoder):
        if hasattr(module, "run_steps"):
            monkeypatch.setattr(module, "run_steps", few)
    monkeypatch.setattr("tinygen.reproduce.families.run_steps", few)
    monkeypatch.setattr(filling, "FILLED", 5)
    monkeypatch.setattr(anomaly, "SEARCHED", 50)
    monkeypatch.setattr("tinygen.metrics.evaluation.Judge", partial(Judge, epochs=1))


@pytest.mark.parametrize(
    "name",
    [
        "filling-in", "anomaly", "pretraining", "augmentation",
        *(pytest.param(n, marks=pytest.mark.slow)
          for n in ("generator-from-autoencoder", "clustering")),
    ],
)  # fmt: skip
def test_a_quick_row_gives_finite_figures(name):
    pretraining.starts.cache_clear()
    found = ROWS[name].run(0, True)
    may_never_be = ("share of the seconds",)
    assert found
    for key, value in found.items():
        assert np.isfinite(value) or any(end in key for end in may_never_be), key
    pretraining.starts.cache_clear()


# -- pre-training ----------------------------------------------------------------------------------


def test_a_classifier_begins_with_the_layers_that_it_is_given():
    rng = Generator(0, device="cpu")
    network = dense([5, 4, 3, 2], rng)
    start = Start(pretraining._linear(network)[:-1], pretraining.nn.ReLU)
    made = pretraining.classifier(start, 7, 0.5, rng)
    weights = [m.weight.numpy() for m in made.modules() if isinstance(m, pretraining.nn.Linear)]
    for (wanted, _), found in zip(start.layers, weights, strict=False):
        np.testing.assert_array_equal(found, wanted)
    assert weights[-1].shape == (7, 3)


def test_labelled_examples_are_as_many_of_each_class_and_new_ones_each_draw():
    data = load("digits")
    first, second = (pretraining.labelled(data, 100, seed) for seed in (0, 1))
    assert np.bincount(first.labels).tolist() == [10] * 10
    assert len(np.unique(first.labels[:20])) > 2, "they are in random order"
    assert not np.array_equal(np.sort(first.rows.sum(1)), np.sort(second.rows.sum(1)))
    rows = {row.tobytes() for row in data.flat()[0]}
    assert all(row.tobytes() in rows for row in first.rows)


def test_tuning_sees_no_test_row():
    data = load("digits")
    few = pretraining.labelled(data, 40, 0)
    start = Start(pretraining._linear(dense([64, 8], Generator(0))), pretraining.nn.ReLU)
    tests = [Labelled(data.flat()[1][:50], labels) for labels in np.zeros((2, 50), int)]
    tests[1] = tests[1]._replace(labels=np.ones(50, int))
    a, b = (pretraining.tuned_accuracy(start, few, test, 10, 20, 0) for test in tests)
    assert a + b <= 1.0  # the same answers, judged by two sets of labels that exclude each other


def test_gains_are_paired_with_the_same_draw():
    def draw(base: float, rbm: float) -> dict[str, float]:
        return {f"{n} labels, {who}: accuracy, %": value for n in ("100", "1,000")
                for who, value in ((FROM_NOTHING, base), ("RBM", rbm))}  # fmt: skip

    found = [draw(70.0, 75.0), draw(80.0, 83.0)]
    assert pretraining.gains(found, 1_000) == {"RBM": 4.0}
    assert pretraining.verdict_of_few(found).passed
    assert not pretraining.verdict_of_few([draw(70.0, 72.0)]).passed


# -- the others ------------------------------------------------------------------------------------


def test_errors_are_of_what_is_missing_alone_and_over_those_of_the_mean():
    train, test = np.zeros((4, 3), "float32"), np.ones((2, 3), "float32")
    known = np.array([[1, 0, 0], [1, 1, 0]], "float32")
    seen = {}

    def half(values, known):
        seen["values"] = values
        return np.full_like(values, 0.5)

    found = filling.errors_over_mean_fill(train, test, known, {"half": half})
    assert found["half"] == pytest.approx(0.5)
    np.testing.assert_array_equal(seen["values"], known)  # what is missing is the mean, 0


def test_anomaly_models_are_not_shown_the_digit(monkeypatch):
    data = load("digits")
    shown = []

    def look(rows, seed, quick):
        shown.append(rows)
        return {"none": lambda x: x.sum(1)}

    monkeypatch.setattr(anomaly, "scores", look)
    anomaly.of_digit(data, 7, 0, True)
    assert len(shown[0]) == (data.train_labels != 7).sum()


def test_the_anomaly_verdict_counts_digits():
    def figures(vae: float, bigan: float) -> dict[str, float]:
        found = {}
        for d, p in anomaly.PUBLISHED["VAE"].items():
            found[f"{d} held out, VAE: AUPRC (published {p:.3f})"] = p + vae
            found[f"{d} held out, BiGAN: AUPRC (published 0.1)"] = p + bigan
            for name in ("BiGAN and search", "AnoGAN"):
                found[f"{d} held out, {name}: AUPRC"] = 0.0
        return found

    assert anomaly.verdict([figures(0.05, 0.06)]).passed
    assert not anomaly.verdict([figures(0.09, 0.1)]).passed
    assert not anomaly.verdict([figures(0.05, 0.04)]).passed


def test_a_way_is_judged_by_the_median_of_its_shares():
    never = float("inf")
    ways = [*from_decoder.BEGINNINGS, from_decoder.CODES]

    def figures(share: float) -> dict[str, float]:
        shares = [*[never] * (len(ways) - 1), share]
        return {f"{w}: share of the seconds": s for w, s in zip(ways, shares, strict=True)}

    verdict = from_decoder.verdict([figures(share) for share in (0.3, 0.4, never)])
    assert verdict.passed
    assert "0.40, by an autoencoder's codes" in verdict.because
    assert not from_decoder.verdict([figures(0.6)]).passed


def test_seconds_are_to_the_first_look_that_is_as_near():
    found = from_decoder.Course(np.array([1.0, 2.0, 3.0, 4.0]), np.array([9.0, 5.0, 6.0, 4.0]))
    assert found.seconds_to(5.5) == 2.0
    assert found.seconds_to(4.5) == 4.0
    assert found.seconds_to(1.0) == float("inf")
    assert found.quality == 5.0


def test_shifts_are_by_one_pixel_each_way():
    image = np.zeros((1, 5, 5), "float32")
    image[0, 2, 2] = 1.0
    found = augmentation.shifted(Labelled(image.reshape(1, 25), np.array([3])), (5, 5))
    places = {tuple(np.argwhere(x.reshape(5, 5))[0]) for x in found.rows}
    assert places == {(1, 2), (3, 2), (2, 1), (2, 3)}
    assert found.labels.tolist() == [3] * 4


def test_the_conditional_gan_sees_the_labelled_images_alone_and_gives_all_classes():
    few = pretraining.labelled(load("digits"), 20, 0)
    made = augmentation.generated(few, 10, 2, 0)
    assert made.rows.shape == (200, 64)
    assert np.bincount(made.labels).tolist() == [20] * 10


def test_the_sign_is_told_as_the_interval_has_it():
    names = (f"points gained by {augmentation.GAN}", "points of the GAN's samples over shifts")
    found = [dict.fromkeys(names, value) for value in (-1.0, -1.1, -0.9)]
    assert ": -)" in augmentation.verdict(found).because
    found = [dict.fromkeys(names, value) for value in (-1.0, 1.1, -0.1)]
    assert "no sign" in augmentation.verdict(found).because
