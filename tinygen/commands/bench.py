"""`tinygen bench`: operations and training steps over sizes, on every device of this machine."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any

from .. import bench
from ..bench.competitors import DEVICES, PEERS
from ..bench.workloads import WORKLOADS
from ..config import ConfigError, nearest
from ..runs.files import RunError, explained, write_file
from .gpu_memory import add_option, limit_gpu_memory

QUICK = bench.Effort(seconds=0.05, turns=3)
USUAL = bench.Effort()


def add(commands: Any) -> None:
    """Its place on the command line."""
    command = commands.add_parser(
        "bench", help="how fast operations and training steps are here, on every device",
        epilog="Example: tinygen bench matmul gan-784 --device cpu,cuda --out here",
    )  # fmt: skip
    command.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(WORKLOADS)} (default: all)"
    )
    command.add_argument(
        "--device", metavar="LIST",
        help=f"such as cpu,cuda:1 (default: {','.join(DEVICES)}, as far as they can be used)",
    )  # fmt: skip
    command.add_argument(
        "--against",
        metavar="LIST",
        help=f"other libraries: {', '.join(PEERS)}, or none (default: those that are installed)",
    )
    command.add_argument(
        "--sizes",
        metavar="LIST",
        help="such as 1000,100000, for all that is named: elements, rows or examples, as the "
        "table says (default: each workload's own)",
    )
    command.add_argument(
        "--quick",
        action="store_true",
        help="some seconds instead of a minute or two: fewer sizes, fewer turns",
    )
    command.add_argument(
        "--json", type=Path, metavar="FILE", help="the numbers go here (default: DIR/bench.json)"
    )
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="the folder (default: runs/bench-N)"
    )
    add_option(command)
    command.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Measure, print, and leave the numbers and the picture behind; 1 if results were wrong."""
    sizes = _sizes(options)
    field = bench.find(_devices(options.device), _peers(options.against))
    limit_gpu_memory(options.gpu_memory_limit, *(c.device for c in field.competitors))
    if options.json and not options.json.parent.is_dir():
        raise RunError(f"there is no folder {options.json.parent}: make it, or name another file.")
    folder = _new_folder(options.out)
    target = options.json or folder / "bench.json"
    try:
        results = bench.run(
            sizes, field, QUICK if options.quick else USUAL,
            begin=lambda found: _show(bench.heading(found)),
            each=lambda entry: _show(bench.rows(entry)),
        )  # fmt: skip
    except BaseException:
        with suppress(OSError):
            folder.rmdir()
        raise
    _show(bench.closing(results))
    write_file(target, (json.dumps(results, indent=1) + "\n").encode())
    print(f"Numbers: {target}")
    try:
        picture = bench.draw(results)
    except bench.MissingMatplotlib as error:
        print(f"tinygen: {error}", file=sys.stderr)
    else:
        write_file(folder / "bench.png", picture)
        print(f"Plot: {folder / 'bench.png'}")
    points = [p for entry in results["workloads"] for p in entry["points"]]
    return int(any(f["fault"] for p in points for f in p["failures"].values()))


def _sizes(options: argparse.Namespace) -> dict[str, list[int]]:
    """The sizes of each workload that is wanted."""
    for name in options.names:
        if name not in WORKLOADS:
            raise ConfigError(f"unknown workload {name!r}{nearest(name, WORKLOADS)}")
    wanted = [WORKLOADS[name] for name in dict.fromkeys(options.names or WORKLOADS)]
    if options.sizes is None:
        return {w.name: list(w.quick_sizes if options.quick else w.sizes) for w in wanted}
    try:
        sizes = sorted({int(part) for part in options.sizes.split(",")})
    except ValueError:
        raise ConfigError(
            f"--sizes takes whole numbers with commas between, not {options.sizes!r}."
        ) from None
    for w in wanted:
        if not 1 <= sizes[0] <= sizes[-1] <= w.largest:
            raise ConfigError(
                f"sizes of {w.name} must be from 1 to {w.largest:,} {w.size_is}, not "
                f"{options.sizes}: name other sizes, or the workloads that they are for."
            )
    return {w.name: sizes for w in wanted}


def _new_folder(out: Path | None) -> Path:
    """A folder for the results, made before anything is measured: an error costs no minutes."""
    numbered = (Path("runs") / f"bench-{n}" for n in count(1))
    folder = out or next(path for path in numbered if not path.exists())
    with explained(f"cannot make the folder {folder}"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder} exists already; name another folder with --out.")
        folder.mkdir(parents=True, exist_ok=True)
    return folder


def _devices(text: str | None) -> list[str] | None:
    """The devices that were named; None for the default ones."""
    if text is None:
        return None
    names = _names(text)
    if "" in names or "none" in names:
        raise ConfigError(f"--device takes names with commas between, such as cpu, not {text!r}.")
    return names


def _peers(text: str | None) -> list[str] | None:
    """The other libraries that were named; None for those that are installed."""
    if text is None or text == "none":
        return None if text is None else []
    for name in _names(text):
        if name not in PEERS:
            raise ConfigError(f"unknown library {name!r}{nearest(name, [*PEERS, 'none'])}")
    return _names(text)


def _names(text: str) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in text.split(",")))


def _show(lines: Iterable[str]) -> None:
    for line in lines:
        print(line, flush=True)
