"""What is made of the measurements of a GAN while it trains: a verdict in words."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from test_gan import make_trainer
from test_gan_vitals import look, some_data

import tinygen as tg
from tinygen.data import MIXTURES, load
from tinygen.metrics import mode_coverage
from tinygen.models.gan import (
    R1,
    GANTrainer,
    mlp,
)
from tinygen.models.gan.verdict import COLLAPSED, DIVERGING, EARLY, HEALTHY, WON, Verdict
from tinygen.models.gan.vitals import Landmarks, Vitals, landmarks_of
from tinygen.models.gan.watch import Watch

ROOT = Path(__file__).resolve().parents[2]


# -- what is made of it ----------------------------------------------------------------------------

RING = Landmarks(np.zeros((8, 2)), np.arange(8), np.full(8, 1 / 8), 1.0, "modes")
GOOD = Vitals(0.7, 0.5, 0.1, 0.95, 0.9, 8, (7.0, 8.0))
FEW = GOOD._replace(coverage=0.25, modes=2)
SAME = GOOD._replace(diversity=0.05, coverage=0.6)
LOST = GOOD._replace(d_accuracy=1.0, pull=1e-4, coverage=0.3, modes=3)
HUGE = GOOD._replace(weights=(7.0, 200.0), coverage=0.5)


def told(*looks: Vitals, loss_d: float = 1.3, landmarks: Landmarks = RING) -> Verdict:
    """After these looks, at steps 100, 200, ..."""
    verdict = Verdict(landmarks, (6.0, 7.0))
    for i, seen in enumerate(looks, 1):
        verdict.hear(100 * i, seen, loss_d)
    return verdict


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (GOOD, "healthy since step 100"),
        (FEW, "collapsed to 2 of 8 modes at step 100"),
        (SAME, "collapsed: samples differ 5% as much as data, since step 100"),
        (LOST, "D has won: the generator's gradient vanished at step 100"),
        (HUGE, "diverging since step 100: the weights are 29 times as long as at first"),
        (GOOD._replace(diversity=1234.0),
         "diverging since step 100: samples differ 1,234 times as much as data"),
    ],
)  # fmt: skip
def test_three_looks_make_a_verdict(seen, text):
    assert (told(seen).text, told(seen, seen).kind) == (EARLY, EARLY)
    verdict = told(seen, seen, seen)
    assert verdict.text == text
    assert verdict.since == 100


def test_a_loss_beyond_reason_is_divergence():
    assert told(*[GOOD] * 3, loss_d=-311.4).text == "diverging since step 100: loss_d is -311"


def test_regions_have_no_names():
    nameless = Landmarks(RING.points, RING.modes, RING.shares, 1.0, "")
    text = told(FEW, FEW, FEW, landmarks=nameless).text
    assert text == "collapsed: samples reach 25% of the data, since step 100"


JUST = [  # what is still healthy, and what is not any more
    (GOOD._replace(coverage=0.51), GOOD._replace(coverage=0.49), COLLAPSED),
    (GOOD._replace(diversity=0.26), GOOD._replace(diversity=0.24), COLLAPSED),
    (LOST._replace(d_accuracy=0.989, coverage=0.9), LOST._replace(d_accuracy=0.991), WON),
    (LOST._replace(pull=0.011, coverage=0.9), LOST._replace(pull=0.009), WON),
    (GOOD._replace(diversity=4.9), GOOD._replace(diversity=5.1), DIVERGING),
    (HUGE._replace(weights=(59.0, 69.0)), HUGE._replace(weights=(61.0, 1.0)), DIVERGING),
    (HUGE._replace(coverage=0.76), HUGE._replace(coverage=0.74), DIVERGING),
]


@pytest.mark.parametrize(("within", "beyond", "kind"), JUST)
def test_a_threshold_lies_where_the_table_says(within, beyond, kind):
    assert told(within, within, within).kind == HEALTHY
    assert told(beyond, beyond, beyond).kind == kind


@pytest.mark.parametrize(("spread", "limit"), [(0.1, 10.0), (1.0, 10.0), (7.0, 70.0)])
def test_a_losss_limit_grows_with_the_spread_of_the_data(spread, limit):
    landmarks = Landmarks(RING.points, RING.modes, RING.shares, spread, "modes")
    assert told(GOOD, GOOD, GOOD, loss_d=-0.99 * limit, landmarks=landmarks).kind == HEALTHY
    assert told(GOOD, GOOD, GOOD, loss_d=-1.01 * limit, landmarks=landmarks).kind == DIVERGING


def test_a_gradient_that_died_is_vanished_whatever_the_pull():
    dead = GOOD._replace(d_accuracy=1.0, gradient=GOOD.gradient * 0.0009)
    assert told(GOOD, dead, dead, dead).kind == WON
    alive = dead._replace(gradient=GOOD.gradient * 0.0011)
    assert told(GOOD, alive, alive, alive).kind == HEALTHY


@pytest.mark.parametrize(("within", "beyond", "kind"), JUST)
def test_a_verdict_does_not_flicker(within, beyond, kind):
    """Neither by numbers to and fro across a threshold, nor by single looks."""
    assert told(*[beyond] * 3, *[within] * 9).kind == kind
    assert told(*[within] * 3, *[beyond, beyond, within] * 5).kind == HEALTHY
    assert told(*[beyond] * 3, *[GOOD, GOOD, beyond] * 5).kind == kind


def test_a_verdict_follows_what_lasts():
    verdict = told(*[GOOD] * 4, *[FEW] * 3)
    assert verdict.text == "collapsed to 2 of 8 modes at step 500"
    assert told(*[FEW] * 3, *[GOOD] * 3).text == "healthy since step 400"


def test_the_text_stays_while_the_kind_does():
    verdict = told(FEW, FEW, FEW, FEW._replace(modes=3, coverage=0.3))
    assert verdict.text == "collapsed to 2 of 8 modes at step 100"


@pytest.mark.parametrize(
    "broken", [{"weights": (math.nan, 8.0)}, {"gradient": math.inf}, {"diversity": math.nan}]
)
def test_what_is_not_finite_needs_no_second_look(broken):
    verdict = told(GOOD, GOOD, GOOD, GOOD._replace(**broken))
    assert verdict.text == "diverging since step 400: samples, weights or gradients are not finite"


def test_weights_that_are_not_finite_are_seen_without_a_warning():
    trainer = make_trainer()
    trainer.discriminator.parameters()[0][...] = math.inf
    seen = look(trainer, some_data())
    assert told(seen).kind == DIVERGING


def test_a_generator_on_its_way_has_not_collapsed():
    """Diversity as `tinygen train gan` on digits has it, in the first look and after."""
    way = [GOOD._replace(diversity=d, coverage=0.3) for d in (0.1, 0.18, 0.29, 0.39)]
    assert told(*way).kind == EARLY
    stuck = [GOOD._replace(diversity=d, coverage=0.3) for d in (0.10, 0.11, 0.12, 0.11)]
    assert told(*stuck).kind == COLLAPSED
    assert told(*stuck, *way).kind == COLLAPSED


def test_a_verdict_continues_from_its_state():
    looks = [GOOD, GOOD, GOOD, FEW, FEW, LOST, LOST, LOST, GOOD, HUGE, HUGE, HUGE, GOOD]
    for stop in range(len(looks)):
        first = told(*looks[:stop])
        again = Verdict(RING, (99.0, 99.0))
        again.load_state_dict(json.loads(json.dumps(first.state_dict())))
        for i, seen in enumerate(looks[stop:], stop + 1):
            for verdict in (first, again):
                verdict.hear(100 * i, seen, 1.3)
            assert again.text == first.text
        assert again.state_dict() == first.state_dict()


# -- staged failures: benchmarks/gan_verdicts.py ---------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("place", range(12))
def test_staged_runs_are_told_apart(place):
    """Of ten seeds each, `python -m benchmarks.gan_verdicts` tells; here of two."""
    sys.path.insert(0, str(ROOT))
    from benchmarks import gan_verdicts as staged

    assert len(staged.STAGES) == 12
    stage = staged.STAGES[place]
    for seed in range(2):
        watch, ended = staged.play(stage, seed)
        if ended.is_as_staged(stage.kind):
            assert watch.verdict.kind == stage.kind, watch.text


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_a_collapse_is_dated(seed):
    """Good rates for a thousand steps, then ones by which G runs away from D."""
    data = load("ring", tg.Generator(0))
    rows, _ = data.flat()
    weights = tg.Generator(seed)
    trainer = GANTrainer(
        mlp([16, 64, 64, 2], weights, slope=0.2),
        mlp([2, 64, 64, 1], weights, slope=0.2),
        rng=tg.Generator(seed, stream=1),
        noise_shape=16,
        lr=1e-3,
        regularizers=[R1(0.1, every=4)],
        ema_decay=0.9,
    )
    order = np.random.default_rng(seed)
    watch = Watch(trainer, landmarks_of(data), rows[:128], every=100)
    for step in range(2_000):
        if step == 1_000:
            assert watch.text == "healthy since step 100"
            trainer.optimizer_g.lr, trainer.optimizer_d.lr = 2e-2, 1e-4
        losses = trainer.step(rows[order.integers(0, len(rows), 128)])
        watch.remark({name: float(loss) for name, loss in losses.items()})
    assert mode_coverage(trainer.sample(2_500), MIXTURES["ring"]).modes <= 2
    assert watch.verdict.kind == COLLAPSED
    assert 1_000 < watch.verdict.since <= 1_700
