"""The rows of mode coverage: what is compared with what, and how it is judged."""

from __future__ import annotations

import pytest

from tinygen import recipes
from tinygen.reproduce import ROWS, modes

SMALL = {"generator": (4,), "discriminator": (4,), "batch": 8}


def figures(reached: float, quality: float = 97.0, kl: float = 0.01) -> dict[str, float]:
    plain = {"plain GAN, tuned: modes": 20.0, "plain GAN, tuned: high quality, %": 80.0}
    return {"modes": reached, "high quality, %": quality, "reverse KL": kl, **plain}


@pytest.mark.parametrize("mixture", ["ring", "grid"])
def test_the_plain_gan_is_the_recipe_without_its_parts(mixture):
    recipe = recipes.find(f"gan-{mixture}")
    config = recipes.resolve(recipe, {**modes.PLAIN, **modes.TUNED[mixture]})
    same = ("generator", "discriminator", "noise", "gain", "batch", "data")
    assert all(getattr(config, name) == getattr(recipe.defaults, name) for name in same)
    off = ("instance_noise", "ema", "decay", "reach")
    assert not any(getattr(config, name) for name in off)
    assert (config.penalty, config.second_penalty) == ("none", "none")
    assert all(getattr(recipe.defaults, name) for name in off)


def test_a_run_takes_the_steps_that_settings_say_and_counts_modes():
    trained = modes.train_covering("ring", 0, {**SMALL, "steps": 7})
    assert trained.steps == 7
    assert len(trained.coverage.counts) == 8
    assert trained.seconds > 0


def test_with_seconds_given_the_clock_decides_and_not_the_steps():
    trained = modes.train_covering("grid", 0, {**SMALL, "steps": 3, "decay": False}, 0.2)
    assert trained.steps > 3
    assert 0.2 <= trained.seconds < 2.0


def test_a_quick_row_gives_both_gans_the_same_seconds(monkeypatch):
    calls = []
    real = modes.train_covering

    def small(mixture, seed, settings, seconds=None):
        calls.append((mixture, seed, seconds))
        return real(mixture, seed, {**settings, **SMALL}, seconds)

    monkeypatch.setattr(modes, "train_covering", small)
    found = ROWS["gan-ring"].run(3, True)
    assert calls == [("ring", 3, None), ("ring", 3, found["seconds of processor time"])]
    assert list(found)[:3] == ["modes", "high quality, %", "reverse KL"]
    assert found["steps"] == 300


def test_the_mark_is_judged_by_means_and_the_stretch_needs_ten_seeds():
    judge = ROWS["gan-grid"].judge
    assert judge([figures(25.0), figures(23.0)]).passed
    assert not judge([figures(25.0), figures(22.9)]).passed
    assert not judge([figures(25.0, quality=89.0)]).passed
    assert not ROWS["gan-ring"].judge([figures(8.0)] * 9 + [figures(7.0)]).passed
    assert judge([figures(25.0)] * 10).stretch
    assert not judge([figures(25.0)] * 9).stretch
    assert not judge([figures(25.0)] * 9 + [figures(24.0)]).stretch
    assert not judge([figures(25.0, kl=0.021)] * 10).stretch
    assert not judge([figures(25.0, quality=94.9)] * 10).stretch


def test_the_verdict_tells_both_gans_with_their_errors():
    because = ROWS["gan-grid"].judge([figures(25.0), figures(24.0)]).because
    assert "24.5 +- 0.5 of 25 modes" in because
    assert "plain GAN 20.0 +- 0.0 modes" in because
    assert "25.0 of 25" in ROWS["gan-grid"].judge([figures(25.0)]).because
