"""`tinygen reproduce`: a published result, its protocol run here, and whether it came out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from .. import runs
from ..config import ConfigError, nearest
from ..reproduce import GROUPS, ROWS, Outcome, reproduce

MOST_SEEDS = 1_000


def add(commands: Any) -> None:
    """Its place on the command line."""
    row = commands.add_parser(
        "reproduce", help="run a published result's protocol: the figure, ours, passed or not"
    )
    row.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join([*ROWS, *GROUPS])}")
    row.add_argument("--seeds", type=int, metavar="N", help="how many (default: the row's own)")
    row.add_argument(
        "--quick", action="store_true", help="see that it works, in seconds; nothing is judged"
    )
    row.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this file")
    row.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print published, ours and the verdict of each; exit code 1 if one is missed."""
    if not options.names:
        for row in ROWS.values():
            print(f"{row.name:22} {row.summary}")
        return 0
    names = [row for name in options.names for row in GROUPS.get(name, [name])]
    for name in names:
        if name not in ROWS:
            raise ConfigError(f"unknown row {name!r}{nearest(name, [*ROWS, *GROUPS])}")
    if options.seeds is not None and not 1 <= options.seeds <= MOST_SEEDS:
        raise ConfigError(f"--seeds must be from 1 to {MOST_SEEDS}, not {options.seeds}.")
    facts = {k: v for k, v in runs.environment().items() if k != "command"}  # which is a user's
    outcomes: list[Outcome] = []
    for name in names:
        outcomes.append(reproduce(ROWS[name], options.seeds, options.quick, _note))
        if options.json:  # after each row, and before all else: it may have taken hours
            found = [outcome.as_dict() for outcome in outcomes]
            content = {"environment": facts, "quick": options.quick, "rows": found}
            runs.write_file(options.json, runs.as_json(content))
        print(outcomes[-1].describe(), flush=True)
    missed = [o for o in outcomes if o.verdict is not None and not o.verdict.passed]
    return 1 if missed else 0


def _note(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)
