"""The rows of founding system A3: exact divergences, ranks, and how figures are judged."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pytest
from scipy.stats import spearmanr

import tinygen as tg
from tinygen.cli import main
from tinygen.data import GRID, RING
from tinygen.models.rbm import RBM, Bernoulli
from tinygen.reproduce import GROUPS, ROWS
from tinygen.reproduce import contrastive_adversarial as on_rbms
from tinygen.reproduce import contrastive_adversarial_gan as on_gans
from tinygen.reproduce import contrastive_adversarial_mnist as on_mnist
from tinygen.reproduce.row import Row, Verdict

DATA = on_rbms.Flipped(np.array([[0, 0, 1, 1, 0], [1, 1, 1, 0, 0], [1, 0, 0, 0, 1.0]]), 0.1)


def small_rbm() -> RBM:
    return RBM(Bernoulli(5), Bernoulli(3), rng=tg.Generator(0), std=0.8)


def test_the_density_of_turned_patterns_is_that_of_a_sum_over_patterns():
    states = np.array(list(product((0.0, 1.0), repeat=5)))
    expected = [
        np.mean([np.prod(np.where(v == p, 0.9, 0.1)) for p in DATA.patterns]) for v in states
    ]
    found = np.exp(DATA.log_density(states))
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.sum() == pytest.approx(1.0)
    drawn = DATA.draw(40_000, np.random.default_rng(0))
    np.testing.assert_allclose(drawn.mean(0), found @ states, atol=0.01)


def test_divergences_by_draws_agree_with_those_by_all_states():
    rbm = small_rbm()
    forward, reverse = on_rbms.divergences(rbm, DATA)
    assert forward > 0
    assert reverse > 0
    by_draws = on_rbms.sampled_divergences(rbm, DATA, np.random.default_rng(1), 40_000)
    assert by_draws == pytest.approx((forward, reverse), abs=0.03)


@pytest.mark.parametrize("ties", [False, True])
def test_ranks_correlate_as_scipy_has_it(ties):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 50))
    y += x
    if ties:
        x, y = np.rint(x), np.rint(y)
    assert on_gans.spearman(x, y) == pytest.approx(spearmanr(x, y)[0], abs=1e-12)


@pytest.mark.parametrize("mixture", [RING, GRID])
def test_places_are_where_they_say(mixture):
    places = on_gans.places(mixture, tg.Generator(0))
    nearest = {
        where: np.sqrt(((x[:, None] - mixture.centres) ** 2).sum(2)).min(1) / mixture.std
        for where, x in places.items()
    }
    assert (nearest["data"] < 3).mean() > 0.98
    assert (nearest["box"] < 3).mean() < 0.1
    assert len(places["half data, half box"]) == 2 * on_gans.POINTS
    assert (nearest["all distances"] < 3).mean() > 0.1
    assert (nearest["all distances"] > 10).mean() > 0.1
    reach = np.abs(mixture.centres).max() + 3 * mixture.std
    assert np.abs(places["box"]).max() <= reach + 1e-6
    x = places["data"][:5]
    shifted = on_gans.log_density(mixture, x) - on_gans.log_density(mixture, x[:1])
    squares = ((x[:, None].astype("float64") - mixture.centres) ** 2).sum(2)
    expected = np.log(np.exp(-squares / (2 * mixture.std**2)).sum(1))
    np.testing.assert_allclose(shifted, expected - expected[0], rtol=1e-6, atol=1e-9)


def beam_figures(forward: float, reverse: float) -> dict[str, float]:
    return {
        f"{task}: {way}: {which}, change in %": value
        for task in on_rbms.TASKS
        for way in ("BEAM", "BEAM, projected")
        for which, value in (("forward", forward), ("reverse", reverse))
    }


def test_the_adversary_is_judged_by_both_divergences():
    assert on_rbms.judge_beam([beam_figures(5.0, -10.0)]).passed
    assert not on_rbms.judge_beam([beam_figures(5.1, -10.0)]).passed
    assert not on_rbms.judge_beam([beam_figures(0.0, -9.9)]).passed
    assert not on_rbms.judge_beam([beam_figures(1.0, -20.0)]).stretch
    assert on_rbms.judge_beam([beam_figures(-1.0, -20.0)]).stretch


def amortised_figures(bars: float, direct: float, hidden: float) -> dict[str, float]:
    return {
        "bars and stripes: chains: forward KL": 0.1,
        "bars and stripes: generator: forward KL": 0.1 + bars,
        "bars and stripes: chains: seconds": 1.0,
        "bars and stripes: generator: seconds": 3.0,
        "MNIST: chains: test log-likelihood": -150.0,
        "MNIST: generator: test log-likelihood": -150.0 - direct,
        "MNIST: generator of hidden states: test log-likelihood": -150.0 - hidden,
    }


def test_the_generator_is_judged_by_nats_behind_the_chains():
    assert on_rbms.judge_amortised([amortised_figures(0.9, 5.0, 0.5)]).passed
    assert not on_rbms.judge_amortised([amortised_figures(1.1, 0.0, 0.0)]).passed
    assert not on_rbms.judge_amortised([amortised_figures(0.0, 1.1, 1.2)]).passed
    assert "3.0 times" in on_rbms.judge_amortised([amortised_figures(0.0, 0.0, 0.0)]).because


def test_the_critic_and_the_prior_are_judged_by_means():
    def critic(value: float) -> dict[str, float]:
        return {
            f"{name}, {who}: half data, half box": value
            for name in ("ring", "grid")
            for who in ("energy GAN", "plain GAN")
        }

    assert on_gans.judge_critic([critic(0.7), critic(0.95)]).passed
    assert not on_gans.judge_critic([critic(0.79)]).passed
    assert on_gans.judge_critic([critic(0.96)]).stretch

    def prior(modes: float, kl: float) -> dict[str, float]:
        return {
            "RBM prior: modes": modes, "normal prior: modes": 20.0,
            "RBM prior: reverse KL": kl, "normal prior: reverse KL": 0.5,
        }  # fmt: skip

    assert on_gans.judge_prior([prior(20.0, 0.4)]).passed
    assert not on_gans.judge_prior([prior(19.0, 0.4)]).passed
    assert not on_gans.judge_prior([prior(25.0, 0.5)]).passed


def test_a_table_with_a_hole_is_not_complete():
    assert on_mnist.judge([{"rbm: test log-likelihood": -90.0, "gan: coverage": 0.5}]).passed
    assert not on_mnist.judge([{"gan: coverage": float("nan")}]).passed


def test_normal_noise_has_the_networks_of_the_rbm_prior():
    from tinygen import recipes

    config = recipes.resolve(recipes.find("rbm-prior-gan"), {})
    settings = on_gans._same_but_for_the_prior(config)
    other = recipes.resolve(recipes.find("gan-grid"), settings)
    assert other.discriminator == (*config.discriminator, config.noise)
    for name in ("generator", "noise", "lr", "objective", "penalty", "ema", "gain", "reach"):
        assert getattr(other, name) == getattr(config, name)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["critic", "prior"])
def test_quick_rows_give_every_figure(name):
    found = ROWS[f"contrastive-adversarial-{name}"].run(0, True)
    assert np.isfinite(list(found.values())).all()


def test_one_name_stands_for_all_parts_and_each_is_saved(monkeypatch, tmp_path, capsys):
    names = GROUPS["contrastive-adversarial"]
    assert len(names) == 5
    saved = []
    target = tmp_path / "all.json"

    def run(seed: int, quick: bool) -> dict[str, float]:
        rows = json.loads(target.read_text())["rows"] if target.exists() else []
        saved.append(len(rows))
        return {"figure": 1.0}

    for name in names:
        texts = ["text"] * 4
        row = Row(name, *texts, "none", 1, run, lambda found: Verdict(True, None, "yes"))
        monkeypatch.setitem(ROWS, name, row)
    assert main(["reproduce", "contrastive-adversarial", "--json", str(target)]) == 0
    assert saved == [0, 1, 2, 3, 4]
    assert [row["name"] for row in json.loads(target.read_text())["rows"]] == names
