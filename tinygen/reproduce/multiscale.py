"""GANs of several scales beside one of a single scale, each for the same seconds, on MNIST.

`tinygen reproduce multiscale` runs it and judges it by its mark; with `--quick` one only sees that
it works.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from statistics import fmean

from ..models.multiscale import FEATURES
from .multiscale_runs import REAL, SECONDS, Kept, Run, judge, measured, one_thread
from .row import Figures, Row, Verdict

__all__ = ["ROWS"]

WORKERS = min(2, os.cpu_count() or 1)

BASELINE, WIDER = "single-scale", "single-scale, wider"
"""Of progressive's, MSG-GAN's and SAGAN's parameters and multiplications, within 8%; and, with
channels 36, 18 and 9, of LAPGAN's and of several discriminators', within 11%: both at once."""

MODELS = ("lapgan", "progressive", "msg-gan", "multiscale-d", "sagan")

PHASE = 120
"""Steps in which progressive growing has all scales in use after a third of the seconds."""


def all_runs(seed: int) -> list[Run]:
    """The baselines; each model with each kind of features; and real images."""
    made = [
        Run(BASELINE, "single-scale", (), seed),
        Run(WIDER, "single-scale", (("channels", (36, 18, 9)),), seed),
    ]
    for model in MODELS:
        own = (("phase", PHASE),) if model == "progressive" else ()
        for kind in FEATURES:
            made.append(Run(label(model, kind), model, (("features", kind), *own), seed))
    return [*made, Run(REAL, REAL, (), seed)]


def label(model: str, kind: str = "convolutional") -> str:
    """In the table."""
    return f"{model}, {kind}"


def run(seed: int, quick: bool) -> Figures:
    """What all runs of a seed gave; those that were finished before are not run again."""
    figures: dict[str, float] = {}
    todo = all_runs(seed)
    if quick:
        found = {each: measured(each, quick=True) for each in todo}
    else:
        kept = Kept.usual()
        found = {each: done for each in todo if (done := kept.find(each)) is not None}
        missing = [each for each in todo if each not in found]
        if missing:
            judge(quick=False)  # trained and kept once, not by each process
        for each, done in in_processes(missing):
            kept.add(each, done)
            found[each] = done
            print(f"... {each.name}: {done['32x32']:.1f}, {done['16x16']:.1f}", file=sys.stderr)
    for each in todo:
        figures |= {f"{each.label}: {name}": value for name, value in found[each].items()}
    return figures


def in_processes(todo: Sequence[Run]) -> Iterator[tuple[Run, dict[str, float]]]:
    """Each run as it ends; as many at a time as there are processors, two at most."""
    if not todo:
        return
    with one_thread(), ProcessPoolExecutor(WORKERS, mp_context=get_context("spawn")) as pool:
        ends = {pool.submit(measured, each): each for each in todo}
        for end in as_completed(ends):
            yield ends[end], end.result()


# -- what is claimed -------------------------------------------------------------------------------


def verdict(found: Sequence[Figures]) -> Verdict:
    """Each claim by the means over the seeds."""

    def mean(who: str, what: str) -> float:
        return fmean(f[f"{who}: {what}"] for f in found)

    def below(model: str, level: str) -> tuple[bool, str]:
        ours, theirs = mean(label(model), level), mean(WIDER, level)
        told = f"{model} {100 * (1 - ours / theirs):.0f}% below one scale at {level}"
        return ours <= 0.8 * theirs, f"{told} ({ours:.1f}, {theirs:.1f})"

    early = all(
        mean(label("progressive"), f"{level} after 60% of the seconds")
        <= mean(BASELINE, f"{level} after 100% of the seconds")
        for level in ("32x32", "16x16")
    )
    covers, one_scale = (mean(who, "coverage") for who in (label("msg-gan"), BASELINE))
    best = min(
        (max(mean(each.label, "32x32") / 40, mean(each.label, "16x16") / 30), each.label)
        for each in all_runs(0)
        if each.recipe != REAL
    )[1]
    at_32, at_16 = mean(best, "32x32"), mean(best, "16x16")
    claims = [
        below("lapgan", "32x32"),
        below("multiscale-d", "16x16"),
        (early, "progressive at 60% of the seconds as good as one scale at the end"),
        (covers >= one_scale, f"msg-gan covers {covers:.3f}, one scale {one_scale:.3f}"),
        (at_32 <= 40 and at_16 <= 30, f"best: {best}, {at_32:.1f} and {at_16:.1f}"),
    ]
    because = "; ".join(f"{told}: {'yes' if met else 'NO'}" for met, told in claims)
    return Verdict(all(met for met, _ in claims), at_32 <= 15 and at_16 <= 15, because)


ROWS = (
    Row(
        "multiscale",
        "GANs of several scales on MNIST at 32 x 32, each with three kinds of features: sliced "
        "Wasserstein distances of patches (times 1000) at two levels",
        "no figure at this size and time: LAPGAN (2015), progressive growing (2018), MSG-GAN "
        "(2020), several discriminators (2018) and SAGAN (2019) each claim to be better than one "
        "scale",
        f"{SECONDS:.0f} seconds of one processor for each run, two at a time; 16,384 samples "
        "against the 10,000 test images (repeated), 128 patches of 7 x 7 from each, 512 "
        "directions; coverage of 2,500 in the features of a classifier. A single scale of as many "
        "parameters and multiplications stands beside each model. Rates are the best of three or "
        "four by training images held out, with convolutional features",
        "LAPGAN 20% below one scale at 32; several discriminators 20% below at 16; progressive "
        "growing at 60% of the seconds where one scale ends; MSG-GAN covers no less; the best at "
        "most 40 and 30",
        "the best at most 15 and 15",
        3,
        run,
        verdict,
    ),
)
