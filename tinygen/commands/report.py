"""`tinygen report`: runs as one page that a browser opens, alone or side by side."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import runs
from ..config import ConfigError
from ..reports import read_run, report
from ..reports.page import MARK
from ..runs.files import explained

MOST_RUNS = 12


def add(commands: Any) -> None:
    """Its place on the command line."""
    parser = commands.add_parser(
        "report", help="one HTML file about one or several runs: curves, samples, settings"
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="RUN", help="the folder of a run; several compare"
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE",
        help="an .html file (default: RUN/report.html, or report.html for several)",
    )  # fmt: skip
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Read them, write the page, and say where it is."""
    if len(options.folders) > MOST_RUNS:
        raise ConfigError(
            f"a report compares at most {MOST_RUNS} runs, not {len(options.folders)}."
        )
    records = [read_run(folder) for folder in options.folders]
    one = options.folders[0] / "report.html"
    out = options.out or (one if len(records) == 1 else Path("report.html"))
    if out.suffix not in (".html", ".htm"):
        raise ConfigError(f"--out must end in .html, not {out.name!r}.")
    with explained(f"cannot write {out}"):
        if out.is_file() and MARK.encode() not in out.read_bytes()[:1000]:
            raise runs.RunError(f"{out} is no report of tinygen: name another file with --out.")
    page = report(records)
    runs.write_file(out, page)
    print(f"{len(page) / 1e6:.1f} MB, to be opened in a browser: {out}")
