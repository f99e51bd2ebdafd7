"""The comparison of orthogonal GANs: its placebo, its verdicts, and that no run is lost."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.metrics import ModeCoverage

bench = pytest.importorskip("benchmarks.orthogonal_gan")
variants = pytest.importorskip("benchmarks.orthogonal_variants")
report = pytest.importorskip("benchmarks.orthogonal_report")

# -- the placebo -----------------------------------------------------------------------------------


def test_the_placebo_turns_by_chance_and_keeps_lengths_and_biases():
    weight, bias = nn.Parameter(tg.ones(20, 30)), nn.Parameter(tg.ones(20))
    placebo = variants.OrthogonalToChance(seed=0)
    optimizer = optim.SGD([weight, bias], lr=0.0, transforms=[placebo])
    g = np.random.default_rng(0).normal(size=(20, 30)).astype("float32")
    of_bias = np.arange(20, dtype="float32")
    found = []
    for _ in range(3):
        optimizer.step([tg.tensor(g), tg.tensor(of_bias)])
        turned, left = (np.array(a) for a in optimizer.gradients.values())
        np.testing.assert_array_equal(left, of_bias)
        assert np.linalg.norm(turned) == pytest.approx(np.linalg.norm(g), rel=1e-5)
        # What is taken out lies along one direction, which is no multiple of the gradient.
        taken = g * (np.linalg.norm(turned) / np.linalg.norm(g)) - turned
        assert 0.0 < np.linalg.norm(taken) < 0.3 * np.linalg.norm(g)
        found.append(turned)
    assert not np.allclose(found[0], found[1])
    assert not np.allclose(found[1], found[2])


def test_the_placebo_is_with_both_players():
    trainer = variants.made("ring", "placebo", 0, 1e-3, 9).trainer
    for optimizer in (trainer.optimizer_g, trainer.optimizer_d):
        assert [type(t) for t in optimizer.transforms] == [variants.OrthogonalToChance]


# -- what is measured ------------------------------------------------------------------------------


def test_overlap_wants_modes_quality_and_evenness():
    def overlap(counts, quality=1.0):
        return bench.of_mixture(ModeCoverage(np.array(counts), quality))["overlap"]

    n = bench.SAMPLES
    assert overlap([n // 4] * 4) == 1.0
    assert overlap([n, 0, 0, 0]) == 0.25
    assert overlap([n // 8] * 4) == pytest.approx(0.5, abs=1e-3)
    assert overlap([n // 2, n // 4, n // 4, 0]) == 0.75


@pytest.mark.parametrize(
    ("modes", "quality", "failed"),
    [([4, 4], 0.2, False), ([4, 3], 0.9, True), ([8, 8], 0.19, True), ([8, 2], 0.3, False)],
)
def test_a_run_is_the_mean_of_its_looks(modes, quality, failed):
    looks = [
        {"modes": m, "high_quality": quality, "reverse_kl": kl}
        for m, kl in zip(modes, (0.5, math.nan), strict=True)
    ]
    found = bench.summary("ring", looks)
    assert found == {
        "modes": sum(modes) / 2, "high_quality": quality, "reverse_kl": 0.5, "failed": failed,
    }  # fmt: skip


def test_what_never_was_a_number_is_none_and_failed():
    look = {"modes": 0, "high_quality": math.nan, "reverse_kl": math.nan}
    assert bench.summary("grid", [look]) == {
        "modes": 0, "high_quality": None, "reverse_kl": None, "failed": True,
    }  # fmt: skip


def test_digits_are_judged(monkeypatch):
    class Judged:
        n_classes = 10

        def judge(self, samples):
            return self

        classes_present = 7

    class Suite:
        def values(self, samples):
            return {"Frechet distance": 3.0, "precision": 0.5, "coverage": 0.25}

    monkeypatch.setattr(bench, "_judge", lambda data: (Judged(), Suite()))
    found = bench.measured("digits", np.zeros((4, 64)))
    assert found == {
        "classes": 7, "precision": 0.5, "coverage": 0.25, "frechet": 3.0, "score": -3.0,
    }  # fmt: skip
    assert bench.measured("digits", np.full((4, 64), np.nan))["classes"] == 0


@pytest.mark.parametrize("data", ["ring", "digits"])
@pytest.mark.parametrize("name", bench.VARIANTS)
def test_every_variant_trains_for_as_many_steps_as_it_costs(name, data, monkeypatch):
    monkeypatch.setattr(bench, "STEPS", {data: 12})
    looks = []
    monkeypatch.setattr(bench, "measured", lambda data, samples: looks.append(samples))
    monkeypatch.setattr(bench, "summary", lambda data, looks: {"score": 0.5})
    run = bench.one(data, name, seed=3, lr=1e-3, cost=2.5)
    assert run.pop("seconds") > 0
    assert run == {
        "data": data, "variant": name, "seed": 3, "lr": 1e-3, "cost": 2.5, "steps": 5, "score": 0.5,
    }  # fmt: skip
    assert [len(samples) for samples in looks] == [bench.SAMPLES] * len(bench.LOOKS)
    assert all(np.isfinite(samples).all() for samples in looks)


def test_costs_are_relative_to_plain_adam_and_with_a_full_memory(monkeypatch):
    monkeypatch.setattr(bench, "TURNS", 3)
    names = ["plain Adam", "to-past, D's", "rotation"]
    monkeypatch.setattr(bench, "VARIANTS", {name: bench.VARIANTS[name] for name in names})
    seen = []
    real = bench.made
    monkeypatch.setattr(bench, "made", lambda *args: seen.append(real(*args)) or seen[-1])
    found = bench.costs("ring")
    assert found["plain Adam"] == 1.0
    assert found["rotation"] > 2.0
    [kept] = seen[1].trainer.optimizer_d.transforms
    assert kept.stored == kept.capacity


# -- verdicts --------------------------------------------------------------------------------------

OVERLAP, FRECHET = report.OF_MIXTURES[0], report.OF_DIGITS[0]


def runs(name: str, values, key: str = "overlap") -> list[dict]:
    return [{"variant": name, "seed": i, key: value} for i, value in enumerate(values)]


PLAIN = [0.5, 0.6, 0.7, 0.4, 0.5]


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ([0.10, 0.11, 0.09, 0.10, 0.12], "better"),
        ([-0.10, -0.11, -0.09, -0.10, -0.12], "worse"),
        ([0.10, -0.11, 0.09, -0.10, 0.02], "-"),
        # By the bootstrap alone this would be better.
        ([0.01, 0.30, 0.02, 0.03, 0.01], "-"),
    ],
)
def test_a_verdict_needs_both_intervals(gains, verdict):
    own = runs("x", [p + g for p, g in zip(PLAIN, gains, strict=True)])
    found = report.difference(own, runs("plain", PLAIN), OVERLAP)
    assert found.verdict == verdict
    assert found.estimate.value == pytest.approx(100 * np.mean(gains))
    if gains[1] == 0.30:
        assert found.estimate.low > 0


def test_the_bootstraps_interval_is_of_the_differences_and_not_of_the_means():
    own = runs("x", [p + 0.1 for p in PLAIN])
    found = report.difference(own, runs("plain", PLAIN), OVERLAP).estimate
    assert found.low == pytest.approx(10.0)
    assert found.high == pytest.approx(10.0)


def test_a_smaller_distance_is_better():
    own, plain = (runs("x", v, "frechet") for v in ([1, 2, 1, 2, 1], [9, 8, 9, 9, 8]))
    assert report.difference(own, plain, FRECHET).verdict == "better"


def test_seeds_are_matched_and_what_is_missing_is_left_out():
    own = [{"seed": 2, "overlap": 0.9}, {"seed": 1, "overlap": None}, {"seed": 0, "overlap": 0.7}]
    found = report.difference(own, runs("plain", PLAIN), OVERLAP)
    assert found.estimate.value == pytest.approx(20.0)
    assert report.difference(own[:2], runs("plain", PLAIN), OVERLAP) is None


# -- the whole -------------------------------------------------------------------------------------


@pytest.fixture
def instant(monkeypatch, tmp_path):
    """Runs without training; the third rate is the best for all."""
    asked = []

    def one(data, name, seed, lr, cost):
        asked.append((data, name, seed, lr, cost))
        good = 0.9 if lr == bench.RATES[2] else 0.3
        quality = good + seed % 5 / 100 - 0.2 * (name == "placebo")
        return {
            "data": data, "variant": name, "seed": seed, "lr": lr, "cost": cost, "steps": 50,
            "seconds": 1.0, "modes": 8, "high_quality": quality,
            "reverse_kl": None, "overlap": quality, "classes": 10, "precision": quality,
            "coverage": 0.5, "frechet": 1 - quality, "score": quality, "failed": quality < 0.5,
        }  # fmt: skip

    monkeypatch.setattr(bench, "one", one)
    monkeypatch.setattr(bench, "costs", lambda data: dict.fromkeys(bench.VARIANTS, 1.5))
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    return asked


@pytest.mark.slow  # 600 runs that train nothing are still written to disk, one by one
def test_rates_come_first_and_no_run_is_lost_or_repeated(instant, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    assert bench.main(["--save"]) == 0
    per_seed = len(bench.STEPS) * len(bench.VARIANTS)
    tuning = instant[: len(bench.RATES) * per_seed]
    assert {job[2] for job in tuning} == {bench.TUNING_SEED}
    assert len({(*job[:2], job[3]) for job in tuning}) == len(tuning)
    final = instant[len(tuning) :]
    assert len({job[:3] for job in final}) == len(final) >= bench.SEEDS * per_seed
    assert {lr for *_, lr, _ in final} == {bench.RATES[2]}
    assert {job[2] for job in final} == set(range(bench.MORE_SEEDS))
    assert {cost for *_, cost in instant} == {1.5}
    kept = json.loads((tmp_path / "orthogonal-gan.json").read_text())
    whole = kept["runs"]
    assert len(whole) == len(instant)
    (tmp_path / "orthogonal-gan.json").write_text(json.dumps({**kept, "runs": whole[:-3]}))
    lost = [(run["data"], run["variant"], run["seed"]) for run in whole[-3:]]
    instant.clear()
    assert bench.main(["--save"]) == 0
    assert [job[:3] for job in instant] == lost
    text = (tmp_path / "orthogonal-gan.md").read_text()
    assert text in capsys.readouterr().out
    assert "Than plain Adam on grid, better: none; worse: placebo." in text
    assert (tmp_path / "orthogonal-gan.png").read_bytes().startswith(b"\x89PNG")
    instant.clear()
    assert bench.main(["--table"]) == 0
    assert not instant


def test_a_row_has_means_with_intervals_differences_and_failures(instant):
    plain = [bench.one("ring", "plain Adam", seed, bench.RATES[2], 1.0) for seed in range(5)]
    own = [bench.one("ring", "placebo", seed, bench.RATES[0], 1.0) for seed in range(5)]
    text = report.table(plain + own, list(bench.VARIANTS))
    assert "## ring, 5 seeds of plain Adam" in text
    brief, row = [line for line in text.splitlines() if line.startswith("| placebo |")]
    assert brief == "| placebo | -80.0 (-80.0 to -80.0) **worse** |"
    assert "| plain Adam itself | 92.0 (90.8 to 93.2) |" in text
    assert row.startswith(
        "| placebo | 12.0 (10.8 to 13.2) | -80.0 (-80.0 to -80.0) | worse | 8.0 ("
    )
    assert "| - | 5 of 5 | 1.00 | 50 | 0.001 |" in row
    assert "muon" not in text.lower()


def test_a_variant_that_is_new_is_timed_and_the_others_keep_their_costs(instant, tmp_path):
    pytest.importorskip("matplotlib")
    costs = dict.fromkeys(bench.VARIANTS, 2.0)
    del costs["Muon"]
    kept = {"costs": {"ring": costs}, "runs": []}
    (tmp_path / "orthogonal-gan.json").write_text(json.dumps(kept))
    bench.main(["--data", "ring", "--save"])
    assert {name for _, name, _, _, cost in instant if cost == 1.5} == {"Muon"}
    found = json.loads((tmp_path / "orthogonal-gan.json").read_text())["costs"]
    assert found == {"ring": {**costs, "Muon": 1.5}}


def test_without_save_nothing_is_written(instant, tmp_path):
    bench.main(["--data", "digits"])
    assert not list(tmp_path.iterdir())
