"""`tinygen reproduce`: what a row prints, judges and writes; the RBM rows in their quick form."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinygen import reproduce as package
from tinygen.cli import main
from tinygen.config import ConfigError
from tinygen.reproduce import ROWS, Row, Verdict, rbm, rbm_small, reproduce


def make_row(value: float = 1.0) -> Row:
    return Row(
        "made-up", "a row", "2.5 (nobody)", "add the seed", "at least 1", "at least 3", 3,
        lambda seed, quick: {"figure": value + seed, "quick": float(quick)},
        lambda found: Verdict(
            found[0]["figure"] >= 1, found[-1]["figure"] >= 3, f"{len(found)} figures"
        ),
    )  # fmt: skip


@pytest.fixture
def rows(monkeypatch) -> dict[str, Row]:
    made = {"passes": make_row(), "misses": make_row(0.5)}
    monkeypatch.setattr("tinygen.commands.reproduce.ROWS", made)
    return made


def test_a_row_says_what_was_published_what_came_out_and_whether_it_is_met():
    text = reproduce(make_row()).describe()
    assert "published  2.5 (nobody)" in text
    assert "figure: 2.0000 +- 1.0000 (1.0000 to 3.0000)" in text
    assert "passed, stretch met: 3 figures (3 seeds" in text
    assert "MISSED, stretch not met" in reproduce(make_row(0.5)).describe()


def test_seeds_are_counted_and_a_quick_run_is_not_judged():
    assert reproduce(make_row(), seeds=5).seeds == (0, 1, 2, 3, 4)
    quick = reproduce(make_row(), quick=True)
    assert quick.seeds == (0,)
    assert quick.figures[0]["quick"] == 1.0
    assert quick.verdict is None
    assert "not judged" in quick.describe()


def test_the_exit_code_is_0_on_pass_and_1_on_a_miss(rows, capsys):
    assert main(["reproduce", "passes"]) == 0
    assert main(["reproduce", "passes", "misses"]) == 1
    assert main(["reproduce", "misses", "--quick"]) == 0
    assert capsys.readouterr().out.count("published") == 4


def test_figures_are_written_with_the_machine_and_without_the_users_paths(rows, tmp_path):
    out = tmp_path / "out.json"
    main(["reproduce", "passes", "misses", "--seeds", "2", "--json", str(out)])
    content = json.loads(out.read_text())
    assert [row["name"] for row in content["rows"]] == ["made-up", "made-up"]
    assert content["rows"][0]["figures"][1]["figure"] == 2.0
    assert content["rows"][0]["verdict"]["passed"] is True
    assert "numpy" in content["environment"]
    assert str(tmp_path) not in out.read_text()


def test_what_has_no_end_is_told_and_written_as_null():
    """As the seconds to what was never reached."""
    found = reproduce(make_row(-np.inf), seeds=2)
    assert found.as_dict()["figures"] == [{"figure": None, "quick": 0.0}] * 2
    assert "figure: -inf, -inf" in found.describe()


def test_figures_are_written_before_anything_can_go_wrong_with_telling_them(
    rows, tmp_path, monkeypatch
):
    monkeypatch.setattr("tinygen.reproduce.row.Outcome.describe", lambda self: 1 / 0)
    out = tmp_path / "out.json"
    with pytest.raises(ZeroDivisionError):
        main(["reproduce", "passes", "--json", str(out)])
    assert len(json.loads(out.read_text())["rows"][0]["figures"]) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["rbm-exat"], "did you mean rbm-exact?"), (["rbm-exact", "--seeds", "0"], "from 1 to 1000")],
)
def test_what_cannot_be_run_is_refused_in_a_sentence(arguments, message, capsys):
    assert main(["reproduce", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_without_a_name_the_rows_are_listed(capsys):
    assert main(["reproduce"]) == 0
    listed = capsys.readouterr().out
    assert all(f"{name} " in listed for name in ROWS)


def test_every_row_has_a_name_of_its_own_and_says_all_there_is_to_say():
    for name, row in ROWS.items():
        assert row.name == name
        assert all((row.summary, row.published, row.protocol, row.mark, row.stretch))
        assert row.seeds >= 1
    assert package.ROWS is ROWS


# -- the RBM rows ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("side", "bound"), [(3, -2.5993), (4, -3.3791)])
def test_bars_and_stripes_have_the_bound_that_the_row_names(side, bound):
    rows = rbm_small.bars_and_stripes(side)
    assert rows.shape == (2 ** (side + 1), side * side)
    assert len(np.unique(rows, axis=0)) == len(rows) - 2  # the empty and the full one stand twice
    assert rbm_small.best_possible(rows) == pytest.approx(bound, abs=1e-4)


def test_the_exact_gradient_comes_within_a_fiftieth_of_the_bound():
    found = rbm_small.likelihoods(3, rbm_small.Exact(), 3000, 3, 0, momentum=0.9, lr=0.5)
    assert found == sorted(found)
    assert rbm_small.best_possible(rbm_small.bars_and_stripes(3)) - found[-1] < 0.02


def test_nudged_digits_are_the_digits_and_each_moved_by_a_pixel():
    rows, labels = rbm_small.nudged_digits()
    assert rows.shape == (5 * 1797, 64)
    images = rows.reshape(5, 1797, 8, 8)
    np.testing.assert_array_equal(images[1][:, 1:], images[0][:, :-1])  # down
    np.testing.assert_array_equal(images[2][:, :-1], images[0][:, 1:])  # up
    np.testing.assert_array_equal(images[3][:, :, 1:], images[0][:, :, :-1])  # right
    np.testing.assert_array_equal(images[4][:, :, :-1], images[0][:, :, 1:])  # left
    np.testing.assert_array_equal(labels[:1797], labels[1797 : 2 * 1797])


def test_quick_rows_run_on_any_mnist(monkeypatch):
    """A stand-in of the right shapes: what the figures are does not matter here."""
    rng = np.random.default_rng(0)
    rows = (rng.random((600, 784)) < 0.1).astype("float32")
    monkeypatch.setattr(rbm, "binary_mnist", lambda: (rows, rows[:200]))
    monkeypatch.setattr(rbm, "temperatures", lambda n: np.linspace(0.0, 1.0, 20))
    rbm.small_mnist_rbm.cache_clear()
    for name in ("rbm-exact", "rbm-ais", "rbm-500"):
        found = ROWS[name].run(0, True)
        assert all(np.isfinite(value) for key, value in found.items() if "end" not in key)
        assert isinstance(ROWS[name].judge([found]), Verdict)
    rbm.small_mnist_rbm.cache_clear()


def test_without_scikit_learn_the_judging_rows_say_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sklearn.linear_model", None)
    with pytest.raises(ConfigError, match=r"pip install 'tinygen\[eval\]'"):
        rbm_small.logistic_regression()


@pytest.mark.slow
def test_the_digits_row_runs_quickly(monkeypatch):
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    rows, labels = rbm_small.nudged_digits()
    monkeypatch.setattr(rbm_small, "nudged_digits", lambda: (rows[::20], labels[::20]))
    found = ROWS["rbm-digits"].run(0, True)
    assert 0.0 < found["accuracy on features"] < 1.0
    assert found["points gained"] == pytest.approx(
        100.0 * (found["accuracy on features"] - found["accuracy on raw pixels"])
    )


def test_cross_validation_chooses_without_a_look_at_the_test_rows():
    """They are nan, which scikit-learn refuses; strength matters as the labels are noisy."""
    pytest.importorskip("sklearn", reason="needs scikit-learn")
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((90, 30))
    labels = (rows[:, 0] + 2.0 * rng.standard_normal(90) > 0).astype(int)
    test, rest = np.split(rng.permutation(90), [30])
    rows[test] = np.nan
    digits = rbm_small.Digits(rows, labels)
    seen = []

    def change(fit):
        seen.append(set(fit))
        return digits

    found = rbm_small.cross_validated(digits, rest, change)
    folds = np.array_split(rest, 3)
    assert seen == [set(rest) - set(fold) for fold in folds]
    scores = {
        c: np.mean([digits.accuracy(np.setdiff1d(rest, f), f, c) for f in folds])
        for c in rbm_small.STRENGTHS
    }
    assert found.accuracy == pytest.approx(max(scores.values()))
    assert scores[found.strength] == max(scores.values())
