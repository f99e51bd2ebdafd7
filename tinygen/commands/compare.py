"""`tinygen compare`: models side by side, on the same data, for the same seconds."""

from __future__ import annotations

import argparse
import itertools
import re
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

from .. import recipes, runs
from ..compare import Entry, Field, contest, folder_name, render
from ..config import ConfigError
from ..data import LOADERS, load, located
from ..pictures import png_bytes, side_by_side
from ..random import Generator
from ..reports import read_run, report
from ..runs.files import explained
from .settings import assignment

UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
LONGEST = 7 * 24 * 3600.0
MOST_SEEDS, MOST_SHOWN = 100, 12


def add(commands: Any) -> None:
    """Its place on the command line."""
    parser = commands.add_parser(
        "compare", help="train several recipes for the same seconds and measure them alike",
        epilog="Example: tinygen compare vae gan rbm vae-gan --data mnist --budget 120s. Every run "
        "is a folder that `tinygen sample` and `tinygen train --resume` take.",
    )  # fmt: skip
    parser.add_argument("names", nargs="+", metavar="RECIPE", help="of `tinygen recipes`")
    parser.add_argument(
        "--data", default="digits", help=f"{', '.join(LOADERS)}, or your own (default: digits)"
    )
    parser.add_argument(
        "--budget", default="60s", metavar="TIME",
        help="training time of each run: 90, 120s, 2m or 1h (default 60s)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=int, default=3, help="runs of each recipe, to see how far they differ"
    )
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 or auto (default: cpu)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE",
        help="a setting that all of them have, such as batch; may be repeated",
    )  # fmt: skip
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="a new folder (default: runs/compare-DATA-N)"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, measure, print the table, and leave everything in one folder."""
    budget = _seconds(options.budget)
    if not 1 <= options.seeds <= MOST_SEEDS:
        raise ConfigError(f"--seeds must be from 1 to {MOST_SEEDS}, not {options.seeds}.")
    names = list(dict.fromkeys(options.names))
    settings = {
        **dict(map(assignment, options.set)),
        "data": located(options.data),
        "device": options.device,
    }
    for name in names:
        _check(name, settings)
    data = load(settings["data"], Generator(0, stream=4, device="cpu"))
    out = _new_folder(options.out, data.name)
    total = len(names) * options.seeds * budget
    _note(f"{data.describe()}; {len(names) * options.seeds} runs, {total:.0f} s of training in all")
    measuring = Field(data, seed=0)
    try:
        entries = contest(
            names, settings, out,
            budget=budget, seeds=options.seeds, measuring=measuring, note=_note,
        )  # fmt: skip
    except runs.Stopped as stopped:
        print(f"\ntinygen: interrupted; what was trained is in {out}.", file=sys.stderr)
        return stopped.code
    real = measuring.of_real_data()
    table = render(entries, real)
    print(table)
    for name, meaning in measuring.explanations().items():
        print(f"{name}: {meaning}")
    _leave(out, budget, entries, real, table)
    print(f"Report: {out / 'report.html'}")
    return 0 if not any(entry.failure for entry in entries) else 1


def _check(name: str, settings: dict[str, str]) -> None:
    """That the recipe can be trained on the data, and draws samples, before any time is spent."""
    recipe = recipes.find(name)
    experiment = recipe.build(recipes.resolve(recipe, settings))
    if not hasattr(experiment.trainer, "sample"):
        raise ConfigError(f"the model of {name} draws no samples to be compared: leave it out.")


def _leave(
    out: Path, budget: float, entries: list[Entry], real: dict[str, float], table: str
) -> None:
    """The numbers, the table, samples side by side, and a page about the first of the runs."""
    facts = {k: v for k, v in runs.environment().items() if k != "command"}
    results = {
        "environment": facts,
        "budget_seconds": budget,
        "real_data": real,
        "runs": [entry.as_dict() for entry in entries],
    }
    runs.write_file(out / "compare.json", runs.as_json(results))
    runs.write_file(out / "table.txt", f"{table}\n".encode())
    shown = [entry for entry in entries if entry.steps][:MOST_SHOWN]
    if shown:
        page = report([read_run(out / folder_name(e.recipe, e.seed)) for e in shown])
        runs.write_file(out / "report.html", page)
    drawn = _last_samples(out, entries)
    if drawn:
        runs.write_file(out / "samples.png", png_bytes(side_by_side(drawn)))


def _last_samples(out: Path, entries: list[Entry]) -> dict[str, bytes]:
    """The first run's of each recipe, by its name."""
    found: dict[str, bytes] = {}
    for entry in entries:
        drawn = sorted((out / folder_name(entry.recipe, entry.seed) / "samples").glob("*.png"))
        if drawn and entry.recipe not in found:
            found[entry.recipe] = drawn[-1].read_bytes()
    return found


def _seconds(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text.strip())
    seconds = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 0.0 < seconds <= LONGEST:
        raise ConfigError(f"--budget takes a time such as 90, 120s, 2m or 1h, not {text!r}.")
    return seconds


def _new_folder(out: Path | None, data: str) -> Path:
    """`out`, or the first of runs/compare-digits-1, ... that does not exist yet."""
    if out is not None:
        with explained(f"cannot make {out}"):
            try:
                out.mkdir(parents=True)
            except FileExistsError:
                raise runs.RunError(f"{out} exists: name another folder with --out.") from None
        return out
    with explained("cannot make a folder in runs"):
        for number in itertools.count(1):
            path = Path("runs") / f"compare-{data}-{number}"
            with suppress(FileExistsError):
                path.mkdir(parents=True)
                return path
    raise AssertionError("numbers have an end")


def _note(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)
