"""`python -m benchmarks.gan_verdicts [--seeds 10] [--save FILE.md]`: are verdicts on GANs right?

Runs are staged to go well or to fail in a known way, and what became of each is judged by things
that the verdict does not look at: modes by `mode_coverage` of 2,500 samples of the ring within
three standard deviations, classes by a classifier of the digits, and the losses of every step of
the last quarter. (The verdict knows 256 samples by their nearest landmark, pairs of logits,
gradients, weights, and one loss at each of its 20 looks.) A run that was staged to fail and did not
is counted as such, and says nothing about the verdict. It ends with what looking costs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

import tinygen as tg
from tinygen import nn, recipes
from tinygen.bench import machine
from tinygen.bench.timing import threads
from tinygen.data import MIXTURES, Dataset, load
from tinygen.metrics import judge_of, mode_coverage
from tinygen.models.gan import R1, GANTrainer, GradientPenalty, mlp
from tinygen.models.gan.verdict import COLLAPSED, DIVERGING, HEALTHY, WON
from tinygen.models.gan.vitals import landmarks_of
from tinygen.models.gan.watch import Watch

BATCH, NOISE, HIDDEN, LOOKS = 128, 16, 64, 20
STEPS = {"ring": 2_000, "digits": 3_000}


class Scaled(nn.Module):
    """A generator that is given next to no noise."""

    def __init__(self, network: nn.Module, scale: float) -> None:
        self.network = network
        self.scale = scale

    def forward(self, z: Any) -> Any:
        return self.network(self.scale * z)


@dataclass(frozen=True)
class Ended:
    """How a run ended: shares of the modes that it reached; losses of its last quarter."""

    reached: float
    loss_d: np.ndarray
    loss_g: np.ndarray

    def is_as_staged(self, kind: str) -> bool:
        loud = np.abs(self.loss_d) + np.abs(self.loss_g)
        blew_up = not np.isfinite(loud).all() or loud.max() >= 100.0
        silent = np.abs(self.loss_g).mean() < 0.01  # D(x~) is below 1%, by minimax's loss
        return {
            HEALTHY: self.reached == 1.0 and not blew_up,
            COLLAPSED: self.reached <= 0.5 and not blew_up and not silent,
            WON: self.reached <= 0.5 and not blew_up and silent,
            DIVERGING: blew_up,
        }[kind]


@dataclass(frozen=True)
class Stage:
    """One way to make a run of a kind; `noise` scales what the generator is given."""

    kind: str
    words: str
    data: str
    options: dict[str, Any]
    noise: float = 1.0


RELAXED = {"lr": 1e-3, "regularizers": [R1(0.1, every=4)], "ema_decay": 0.99}
STARVED = {"lr": (2e-3, 1e-4), "objective": "minimax"}
OPTIMAL = {"lr": (1e-5, 3e-3), "d_steps": 10, "objective": "minimax"}
UNBOUND = {"lr": 2e-3, "d_steps": 3, "objective": "wasserstein"}

STAGES = (
    Stage(HEALTHY, "R1", "ring", RELAXED),
    Stage(HEALTHY, "relativistic, R1", "ring", {**RELAXED, "objective": "relativistic"}),
    Stage(
        HEALTHY,
        "Wasserstein, 3 steps of D, gradient penalty 1",
        "digits",
        {**UNBOUND, "lr": 1e-3, "regularizers": [GradientPenalty(1.0)], "ema_decay": 0.9},
    ),
    Stage(HEALTHY, "R1", "digits", RELAXED),
    Stage(COLLAPSED, "G's rate 25 times D's", "ring", {"lr": (5e-3, 2e-4)}),
    Stage(COLLAPSED, "minimax, G's rate 20 times D's", "ring", STARVED),
    Stage(COLLAPSED, "a thousandth of the noise", "digits", RELAXED, noise=1e-3),
    Stage(WON, "minimax, D optimal: 10 steps at 300 times the rate", "ring", OPTIMAL),
    Stage(WON, "the same", "digits", OPTIMAL),
    Stage(DIVERGING, "Wasserstein without a penalty", "ring", UNBOUND),
    Stage(DIVERGING, "the same", "digits", UNBOUND),
    Stage(DIVERGING, "rates of 1", "ring", {"lr": 1.0}),
)


def play(stage: Stage, seed: int, steps: int | None = None) -> tuple[Watch, Ended]:
    """One run from its seed to its end."""
    steps = steps or STEPS[stage.data]
    data = load(stage.data, tg.Generator(0))
    rows, _ = data.flat()
    weights = tg.Generator(seed)
    features = data.n_features
    output = nn.Sigmoid() if data.is_image else None
    trainer = GANTrainer(
        Scaled(
            mlp([NOISE, HIDDEN, HIDDEN, features], weights, slope=0.2, output=output), stage.noise
        ),
        mlp([features, HIDDEN, HIDDEN, 1], weights, slope=0.2),
        rng=tg.Generator(seed, stream=1),
        noise_shape=NOISE,
        **stage.options,
    )
    order = np.random.default_rng(seed)
    shown = rows[order.permutation(len(rows))[:BATCH]]
    watch = Watch(trainer, landmarks_of(data), shown, every=steps // LOOKS)
    told = []
    with np.errstate(all="ignore"):
        for step in range(1, steps + 1):
            losses = trainer.step(rows[order.integers(0, len(rows), BATCH)])
            losses_now = {name: float(loss) for name, loss in losses.items()}
            told.append((losses_now["loss_d"], losses_now.get("loss_g", 0.0)))
            if step % (steps // LOOKS) == 0:
                watch.remark(losses_now)
        samples = trainer.sample(2_500)
    loss_d, loss_g = np.array(told[-steps // 4 :]).T
    return watch, Ended(_reached(data, samples), loss_d, loss_g)


def _reached(data: Dataset, samples: np.ndarray) -> float:
    if data.name in MIXTURES:
        coverage = mode_coverage(samples, MIXTURES[data.name])
        return coverage.modes / len(coverage.counts)
    if not np.isfinite(samples).all():
        return 0.0
    return judge_of(data).judge(samples).classes_present / data.n_classes


def verdicts(seeds: int, note: Callable[[str], None]) -> list[str]:
    """The table, a row for each stage."""
    lines = [
        "| staged | how | data | runs that became so | verdict right | the others' verdicts |",
        "|---|---|---|---|---|---|",
    ]
    for stage in STAGES:
        became = right = 0
        wrong = []
        for seed in range(seeds):
            watch, ended = play(stage, seed)
            as_staged = ended.is_as_staged(stage.kind)
            agrees = watch.verdict.kind == stage.kind
            became += as_staged
            right += as_staged and agrees
            if not (as_staged and agrees):
                wrong.append(f"{watch.text}{'' if as_staged else ' (not as staged)'}")
            note(f"{stage.kind}, {stage.words}, {stage.data}, seed {seed}: {watch.text}; "
                 f"reached {ended.reached:.2f}, as staged: {as_staged}")  # fmt: skip
        lines.append(
            f"| {stage.kind} | {stage.words} | {stage.data} | {became} of {seeds} | **{right} of "
            f"{became}** | {'; '.join(wrong)} |"
        )
    return lines


def cost(name: str, data: str, looks: int = 12, block: int = 50) -> str:
    """A look's processor time over that of a step, taken in turns, and its share of a run."""
    recipe = recipes.find(name)
    config = recipes.resolve(recipe, {"data": data})
    experiment = recipe.build(config)
    losses = {k: float(v) for k, v in experiment.step().items()}
    experiment.watch.every = 1
    ratios = []
    for _ in range(looks + 1):
        start = process_time()
        for _ in range(block):
            experiment.step()
        middle = process_time()
        experiment.remark(losses)
        ratios.append((process_time() - middle) / ((middle - start) / block))
    ratio = float(np.median(ratios[1:]))  # the first look warms up
    every = max(config.steps // LOOKS, config.report_every)
    return f"| {name} | {data} | {ratio:.1f} | {every:,} | {100 * ratio / every:.2f}% |"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gan_verdicts", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="of each stage (default 10)")
    parser.add_argument("--save", type=Path, metavar="FILE.md", help="write the tables there")
    options = parser.parse_args()
    load_of_machine = machine.Load()
    with threads(1):
        table = verdicts(options.seeds, print)
        costs = [cost("gan", "digits"), cost("gan", "ring"), cost("dcgan", "digits", 4, 5)]
    facts = machine.facts({"tinygen": tg.__version__})
    busy = load_of_machine.others()
    text = "\n".join([
        f"{date.today()}: {facts.get('processor', '')}; `python -m benchmarks.gan_verdicts --seeds "
        f"{options.seeds}`." + (f" Others used {busy:.1f} cores meanwhile." if busy else ""),
        "", "### Verdicts on staged runs", "", *table, "",
        "### A look, in steps of training", "",
        "| recipe | data | a look costs as many steps | one in so many steps | of the time |",
        "|---|---|---|---|---|", *costs, "",
    ])  # fmt: skip
    print(text)
    if options.save:
        options.save.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
