"""The tables of losses, penalties and parts: what they count, and that every cell is run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tinygen import recipes
from tinygen.metrics import ModeCoverage
from tinygen.models.gan import OBJECTIVES, REGULARIZERS
from tinygen.reproduce.modes import Trained

gan_stability = pytest.importorskip("benchmarks.gan_stability")
gan_ablation = pytest.importorskip("benchmarks.gan_ablation")


def covered(reached: int, quality: float) -> ModeCoverage:
    return ModeCoverage(np.array([1] * reached + [0] * (25 - reached)), quality)


@pytest.mark.parametrize(
    ("reached", "quality", "failed"),
    [(25, 0.9, False), (13, 0.2, False), (12, 0.9, True), (25, 0.19, True), (0, 0.0, True)],
)
def test_a_run_has_failed_below_half_of_the_modes_or_a_fifth_of_quality(reached, quality, failed):
    assert gan_stability.has_failed(covered(reached, quality)) is failed


@pytest.fixture
def instant(monkeypatch):
    """Runs without training: what settings came."""
    asked = []

    def train(mixture, seed, settings, seconds=None):
        recipe = recipes.find(f"gan-{mixture}")
        config = recipes.resolve(recipe, {"seed": seed, **settings})
        asked.append((mixture, config, seconds))
        counts = np.ones(8 if mixture == "ring" else 25, int)
        return Trained(ModeCoverage(counts, 0.5 + seed % 10 / 10), 100, 4.0)

    monkeypatch.setattr(gan_stability, "train_covering", train)
    monkeypatch.setattr(gan_ablation, "train_covering", train)
    return asked


def test_every_loss_meets_every_penalty_on_both_mixtures(instant, monkeypatch, tmp_path, capsys):
    pytest.importorskip("matplotlib")
    monkeypatch.setattr(gan_stability, "RESULTS", tmp_path)
    assert gan_stability.main(["--seconds", "2", "--seeds", "2", "--save"]) == 0
    met = {(mixture, c.objective, c.penalty, c.second_penalty, c.seed) for mixture, c, _ in instant}
    penalties = len(REGULARIZERS) + 2
    assert len(met) == len(instant) == 2 * len(OBJECTIVES) * penalties * 2
    assert {c.penalty for _, c, _ in instant} == {"none", *REGULARIZERS}
    assert {seconds for _, _, seconds in instant} == {2.0}
    assert not any(c.instance_noise or c.ema or c.decay for _, c, _ in instant)
    text = (tmp_path / "gan-stability.md").read_text()
    assert text in capsys.readouterr().out
    assert text.count("| 0 of 2 |") == 2 * len(OBJECTIVES) * penalties
    assert "| hinge | r1 and r2 | 25.0 | 55.0 | 0.000 | 0 of 2 | 100 |" in text
    assert len(json.loads((tmp_path / "gan-stability.json").read_text())["runs"]) == len(instant)
    assert (tmp_path / "gan-stability.png").read_bytes().startswith(b"\x89PNG")


def test_what_is_not_a_number_is_a_dash():
    run = {
        "modes": 0, "high_quality": 0.0, "reverse_kl": None, "failed": True, "steps": 5,
    }  # fmt: skip
    assert gan_stability.cells([run]) == ["0.0", "0.0", "-", "1 of 1", "5"]


def test_each_variant_lacks_one_part_of_the_recipe(instant, monkeypatch, tmp_path):
    monkeypatch.setattr(gan_ablation, "RESULTS", tmp_path)
    assert gan_ablation.main(["--data", "grid", "--seeds", "2", "--seconds", "8", "--save"]) == 0
    recipe = recipes.find("gan-grid").defaults
    for name, settings in gan_ablation.WITHOUT.items():
        changed = recipes.resolve(recipes.find("gan-grid"), settings)
        assert (changed == recipe) == (name == "the recipe")
    text = (tmp_path / "gan-ablation.md").read_text()
    assert "grid: 8 s of processor time each, 2 seeds" in text
    assert text.count("| 25.0 +- 0.0 | 55.0 +- 5.0 | 0.000 +- 0.000 |") == len(
        gan_ablation.variants("grid")
    )
    # 200 steps took 4 s.
    assert {c.steps for _, c, _ in instant} == {200, 400}


def test_tuning_tries_all_rates_and_then_the_best_without_momentum(instant, capsys, monkeypatch):
    better = {"lr": 1e-3, "d_lr": 3e-4}
    real = gan_ablation.train_covering

    def train(mixture, seed, settings, seconds):
        found = real(mixture, seed, settings, seconds)
        if all(settings[name] == value for name, value in better.items()):
            return found
        uneven = np.array([7] + [1] * 7)
        return found._replace(coverage=ModeCoverage(uneven, 0.99))

    monkeypatch.setattr(gan_ablation, "train_covering", train)
    gan_ablation.main(["--tune", "--data", "ring", "--seconds", "3"])
    assert len(instant) == len(gan_ablation.RATES) ** 2 + 1
    assert {seconds for _, _, seconds in instant} == {3.0}
    assert all(c.penalty == "none" and c.seed == gan_ablation.TUNING_SEED for _, c, _ in instant)
    last = instant[-1][1]
    assert (last.lr, last.d_lr, last.beta1) == (1e-3, 3e-4, 0.0)
    assert "ring: best is" in capsys.readouterr().out


def test_modes_come_before_quality():
    more, sharper = Trained(covered(25, 0.1), 1, 1.0), Trained(covered(24, 0.9), 1, 1.0)
    assert gan_ablation.rank(more) > gan_ablation.rank(sharper)
