"""What is seen of a GAN while it trains, and what is made of it."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest
from test_gan import BATCH, FEATURES, FULL, NOISE, batches, bits, make_trainer

import tinygen as tg
from tinygen import nn
from tinygen.data import MIXTURES, from_arrays, load
from tinygen.metrics import mode_coverage
from tinygen.models.gan import (
    R1,
    ACGANTrainer,
    AuxiliaryDiscriminator,
    BiGANTrainer,
    Codes,
    Conditional,
    GANTrainer,
    InfoGANTrainer,
    Packed,
    UnrolledGANTrainer,
    mlp,
    vitals,
)
from tinygen.models.gan.verdict import COLLAPSED, DIVERGING, EARLY, HEALTHY, WON, Verdict
from tinygen.models.gan.vitals import Landmarks, Vitals, landmarks_of, measure
from tinygen.models.gan.watch import Watch

ROOT = Path(__file__).resolve().parents[2]


def some_data(n_classes: int = 3):
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(60, FEATURES)).astype("float32")
    return from_arrays("own", rows, np.arange(60) % n_classes)


# -- every kind of trainer, untouched --------------------------------------------------------------


def plain(weights):
    return make_trainer()


def everything(weights):
    return make_trainer(**FULL, instance_noise=0.1, instance_noise_steps=20)


def statistics(weights):
    """Layers whose buffers move when they are called, and one that draws."""
    generator = nn.Sequential(
        nn.Linear(NOISE, 5, rng=weights), nn.BatchNorm1d(5), nn.ReLU(),
        nn.Linear(5, FEATURES, rng=weights),
    )  # fmt: skip
    discriminator = nn.Sequential(
        nn.SpectralNorm(nn.Linear(FEATURES, 5, rng=weights), rng=weights), nn.BatchNorm1d(5),
        nn.LeakyReLU(0.2), nn.Dropout(0.3, rng=tg.Generator(8)), nn.Linear(5, 1, rng=weights),
    )  # fmt: skip
    return gan(weights, generator, discriminator, one_batch=False, ema_decay=0.9)


def packed(weights):
    return gan(weights, discriminator=Packed(mlp([2 * FEATURES, 5, 1], weights), 2))


def unrolled(weights):
    return gan(weights, kind=UnrolledGANTrainer, unroll=2)


def conditional(weights):
    return gan(
        weights,
        Conditional(mlp([NOISE + 3, 5, FEATURES], weights), 3),
        Conditional(mlp([FEATURES + 3, 5, 1], weights), 3),
        classes=3,
    )


def auxiliary(weights):
    return gan(
        weights,
        Conditional(mlp([NOISE + 3, 5, FEATURES], weights), 3),
        two_headed(weights, 3),
        kind=ACGANTrainer,
        classes=3,
    )


def informed(weights):
    codes = Codes(categorical=(3,), continuous=1)
    return gan(
        weights,
        mlp([NOISE + codes.width, 5, FEATURES], weights),
        two_headed(weights, codes.width),
        kind=InfoGANTrainer,
        codes=codes,
    )


def bidirectional(weights):
    return BiGANTrainer(
        mlp([NOISE, 5, FEATURES], weights),
        mlp([FEATURES, 5, NOISE], weights),
        mlp([FEATURES + NOISE, 5, 1], weights),
        latent=NOISE,
        rng=tg.Generator(3),
        objective="minimax",
    )


def gan(weights, generator=None, discriminator=None, kind=GANTrainer, **options) -> GANTrainer:
    return kind(
        generator or mlp([NOISE, 5, FEATURES], weights),
        discriminator or mlp([FEATURES, 5, 1], weights),
        rng=tg.Generator(3),
        noise_shape=NOISE,
        **options,
    )


def two_headed(weights, width: int) -> AuxiliaryDiscriminator:
    features = mlp([FEATURES, 7], weights, output=nn.ReLU())
    heads = nn.Linear(7, 1, rng=weights), nn.Linear(7, width, rng=weights)
    return AuxiliaryDiscriminator(features, *heads)


KINDS = (
    plain, everything, statistics, packed, unrolled, conditional, auxiliary, informed, bidirectional
)  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_looking_changes_nothing_of_training(backend, kind):
    """A watched run and its unwatched twin have the same bits, and their steps the same losses."""
    watched, alone = kind(tg.Generator(5)), kind(tg.Generator(5))
    landmarks = landmarks_of(some_data())
    data = batches(backend, 4)
    labels = backend.from_host(np.arange(BATCH) % 3)
    more = (labels,) if watched.classes else ()
    for batch in data:
        seen = measure(watched, landmarks, data[0], *more)
        assert all(math.isfinite(number) for number in (*seen[:-1], *seen.weights))
        assert 0.0 <= seen.d_accuracy <= 1.0
        assert seen.gradient > 0.0
        assert seen.pull > 0.0
        ours, theirs = watched.step(batch, *more), alone.step(batch, *more)
        assert {k: v.item() for k, v in ours.items()} == {k: v.item() for k, v in theirs.items()}
    assert bits(watched.state_dict()) == bits(alone.state_dict())
    drop = [m for t in (watched, alone) for m in t.discriminator.modules() if hasattr(m, "rng")]
    assert len({str(m.rng.state_dict()) for m in drop}) <= 1
    assert all(m.training for m in watched.discriminator.modules())


def test_everything_is_put_back_when_looking_fails(backend):
    trainer = statistics(tg.Generator(5))
    trainer.step(batches(backend, 1)[0])
    before = bits(trainer.state_dict())
    with pytest.raises(ValueError, match="the batch is"):
        measure(trainer, landmarks_of(some_data()), backend.zeros((4, FEATURES + 1)))
    assert bits(trainer.state_dict()) == before


def test_recorded_steps_are_replayed_beside_it(device):
    data = batches(device, 6)
    runs = []
    for captured in (False, True):
        trainer = make_trainer(ema_decay=0.9)
        if captured:
            trainer.capture()
        for batch in data:
            trainer.step(batch)
            measure(trainer, landmarks_of(some_data()), data[0])
        runs.append(bits(trainer.state_dict()))
    assert runs[0] == runs[1]


# -- what is measured ------------------------------------------------------------------------------


class Fixed(nn.Module):
    """C(x) = slope x_0 + bias."""

    def __init__(self, slope: float, bias: float) -> None:
        self.weight = nn.Parameter(np.float32([[slope] + [0.0] * (FEATURES - 1)]))
        self.bias = nn.Parameter(np.float32([bias]))

    def forward(self, x):
        return tg.linear(x, self.weight, self.bias)


class Around(nn.Module):
    """Noise, scaled, around a point."""

    def __init__(self, centre: float, scale: float = 1.0) -> None:
        self.centre = nn.Parameter(np.full(FEATURES, centre, "float32"))
        self.scale = scale

    def forward(self, z):
        return self.centre + self.scale * z


def fixed(slope=1.0, bias=0.0, centre=0.0, scale=1.0, **options) -> GANTrainer:
    return GANTrainer(
        Around(centre, scale), Fixed(slope, bias), rng=tg.Generator(0), noise_shape=FEATURES,
        **options,
    )  # fmt: skip


def look(trainer: GANTrainer, data=None, n: int = 200) -> Vitals:
    real = np.random.default_rng(4).normal(size=(n, FEATURES)).astype("float32")
    return measure(trainer, landmarks_of(data or some_data(1)), real)


@pytest.mark.parametrize(
    ("slope", "centre", "share"), [(1.0, -50.0, 1.0), (-1.0, -50.0, 0.0), (0.0, 9.0, 0.5)]
)
def test_accuracy_is_the_share_of_pairs_in_order(slope, centre, share):
    assert look(fixed(slope, centre=centre)).d_accuracy == share


def test_accuracy_is_half_where_there_is_nothing_to_tell():
    assert look(fixed(), n=4000).d_accuracy == pytest.approx(0.5, abs=0.03)


def test_pairs_are_counted_as_one_by_one():
    rng = np.random.default_rng(0)
    above, below = rng.integers(0, 5, 23) * 1.0, rng.integers(0, 4, 17) * 1.0
    pairs = above[:, None] - below
    expected = (pairs > 0).mean() + 0.5 * (pairs == 0).mean()
    assert vitals._share_in_order(above, below) == pytest.approx(expected, abs=1e-12)


SLOPE, BIAS = 1e-3, -6.0
D = 1.0 / (1.0 + math.exp(-BIAS))


@pytest.mark.parametrize(
    ("objective", "pull"),
    [("minimax", D), ("non-saturating", 1 - D), ("hinge", 1.0), ("wasserstein", 1.0),
     ("least-squares", 1 - BIAS), ("relativistic", 0.5)],
)  # fmt: skip
def test_the_pull_is_how_much_the_loss_heeds_a_logit(objective, pull):
    """All logits are -6, or so."""
    assert look(fixed(SLOPE, BIAS, objective=objective)).pull == pytest.approx(pull, rel=0.02)


def test_the_gradient_is_that_of_the_generators_loss():
    """Of -E C(x~) with respect to the centre: the slope."""
    seen = look(fixed(0.75, objective="wasserstein"))
    assert seen.gradient == pytest.approx(0.75, rel=1e-5)


def test_a_discriminator_without_slope_pulls_at_nothing():
    seen = look(fixed(0.0))
    assert (seen.pull, seen.gradient) == (0.0, 0.0)


@pytest.mark.parametrize("scale", [0.0, 0.3, 1.0, 20.0])
def test_diversity_is_relative_to_the_data(scale):
    """The data is N(0, 1), and so is the noise."""
    assert look(fixed(scale=scale)).diversity == pytest.approx(scale, rel=0.2)


def test_data_that_is_all_the_same_has_no_diversity_to_be_compared_with():
    same = from_arrays("own", np.ones((20, FEATURES), "float32"))
    assert look(fixed(), same).diversity == 1.0


def test_weights_have_the_length_of_one_vector(backend):
    trainer = make_trainer()
    seen = measure(trainer, landmarks_of(some_data()), batches(backend, 1)[0])
    for player, length in zip(
        (trainer.generator, trainer.discriminator), seen.weights, strict=True
    ):
        values = np.concatenate([p.numpy().ravel() for p in player.parameters()])
        assert length == pytest.approx(np.linalg.norm(values), rel=1e-5)


class Drawn(nn.Module):
    """Any noise to the next of these points."""

    def __init__(self, points: np.ndarray) -> None:
        self.points = nn.Parameter(points.astype("float32"))

    def forward(self, z):
        return self.points[np.arange(len(z)) % len(self.points)]


def reached(name: str, points: np.ndarray) -> Vitals:
    data = load(name, tg.Generator(0))
    n = data.n_features
    trainer = GANTrainer(
        Drawn(points), mlp([n, 4, 1], tg.Generator(0)), rng=tg.Generator(0), noise_shape=2
    )
    return measure(trainer, landmarks_of(data), data.flat()[0][:64])


@pytest.mark.parametrize("modes", [1, 2, 5, 8])
def test_modes_of_the_ring_are_counted_and_their_shares_compared(modes):
    seen = reached("ring", landmarks_of(load("ring", tg.Generator(0))).points[:modes])
    assert seen.modes == modes
    assert seen.coverage == pytest.approx(modes / 8, abs=0.01)


def test_a_mode_with_next_to_no_samples_is_not_reached():
    """All but 7 of 256 samples go to one mode, and one to each of the others."""
    centres = landmarks_of(load("ring", tg.Generator(0))).points
    seen = reached("ring", np.concatenate([np.repeat(centres[:1], 249, 0), centres[1:]]))
    assert seen.modes == 1


@pytest.mark.parametrize("classes", [[3], [0, 7], [1, 2, 3, 4, 5], range(10)])
def test_classes_of_the_digits_are_counted(classes):
    landmarks = landmarks_of(load("digits", tg.Generator(0)))
    rows = [landmarks.points[landmarks.modes == k][:15] for k in classes]
    seen = reached("digits", np.stack(rows, 1).reshape(-1, landmarks.points.shape[1]))
    assert seen.modes == len(classes)
    assert seen.coverage == pytest.approx(len(classes) / 10, abs=0.03)


def test_the_nearest_landmark_is_of_the_right_class_mostly():
    data = load("digits", tg.Generator(0))
    landmarks = landmarks_of(data)
    held = data.flat()[1]
    squares = ((held[:, None] - landmarks.points) ** 2).sum(2)
    assert (landmarks.modes[squares.argmin(1)] == data.test_labels).mean() > 0.9


@pytest.mark.parametrize("share", [0.1, 0.5, 1.0])
def test_regions_of_unlabelled_data_are_covered_by_as_much_of_it(share):
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(3000, 2)).astype("float32")
    landmarks = landmarks_of(from_arrays("own", rows))
    assert landmarks.kind == ""
    nearest = ((rows[:, None] - landmarks.points) ** 2).sum(2).argmin(1)
    wanted = round(share * len(landmarks.points))
    chosen = rows[nearest < wanted][:256]
    found = vitals._shares(chosen, landmarks.points, landmarks.modes, len(landmarks.shares))
    expected = landmarks.shares[:wanted].sum()
    assert np.minimum(found, landmarks.shares).sum() == pytest.approx(expected, abs=0.12)


def test_many_classes_are_not_counted():
    rows = np.random.default_rng(0).normal(size=(300, FEATURES)).astype("float32")
    many = from_arrays("own", rows, np.arange(300) % 60)
    assert landmarks_of(many).kind == ""


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


# -- when it is looked -----------------------------------------------------------------------------


def watched(every: int) -> Watch:
    trainer = make_trainer()
    return Watch(trainer, landmarks_of(some_data()), batches(trainer.backend, 1)[0], every=every)


def test_a_look_is_taken_every_so_many_steps():
    watch = watched(every=3)
    data = batches(watch.trainer.backend, 10)
    looked = []
    for batch in data:
        losses = {k: float(v) for k, v in watch.trainer.step(batch).items()}
        numbers, line = watch.remark(losses)
        if numbers:
            looked.append(watch.trainer.steps)
            assert set(numbers) == {
                "d_accuracy", "g_pull", "diversity", "coverage", "growth", "classes",
            }  # fmt: skip
            assert line == ("" if watch.verdict.kind == EARLY else watch.text)
    assert looked == [3, 6, 9]


def test_a_loss_that_is_not_finite_is_looked_at_once():
    watch = watched(every=1000)
    assert watch.remark({"loss_d": 1.0}) == ({}, "")
    numbers, _ = watch.remark({"loss_d": math.nan})
    assert numbers


def test_it_is_looked_at_least_at_every_step():
    with pytest.raises(ValueError, match="every must be at least 1, not 0"):
        watched(every=0)


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
