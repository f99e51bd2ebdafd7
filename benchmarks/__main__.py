"""`python -m benchmarks [WORKLOAD ...] [--against torch,jax,...] [--threads 1,2] [--save]`.

With `--guard` the ratios are compared with those of the last `--save`, and the command fails where
tinygen has become slower beside PyTorch.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import date
from pathlib import Path
from typing import Any

from tinygen.backend.numpy import keep_freed_memory
from tinygen.bench import machine
from tinygen.bench.timing import threads

from . import chart, convolution, guard, imports, limits, memory, ops, peers, report, scaling, steps
from .timing import on_cores
from .workloads import WORKLOADS

HERE = Path(__file__).parent
ALL = ["ops", *WORKLOADS, "limits", "memory", "import"]
ON_REQUEST = ["convolution", "scaling"]
EVERYONE = ",".join(name for name in peers.ADAPTERS if name != "tinygen")
SAVED = HERE / "results" / "cpu.json"
BEGIN, END = "<!-- table -->", "<!-- end of table -->"


def main(argv: list[str] | None = None) -> int:
    options = parse(sys.argv[1:] if argv is None else argv)
    results = run(options)
    text = report.render(results)
    print(text, end="")
    if options.json:
        write_json(options.json, results)
    if options.save:
        write_json(SAVED, results)
        write_table(HERE / "README.md", text)
        SAVED.with_suffix(".png").write_bytes(chart.ratios(results))
    if results["scaling"]:
        (HERE / "results" / "scaling.png").write_bytes(chart.scaling(results["scaling"]))
    if options.guard:
        lines, slower = guard.compare(results, json.loads(SAVED.read_text()))
        print("\n".join(lines))
        return int(slower)
    return 0


def parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument(
        "workloads", nargs="*", metavar="WORKLOAD",
        help=f"of {', '.join(ALL)}, which is everything; and on request {', '.join(ON_REQUEST)}",
    )  # fmt: skip
    parser.add_argument("--against", default=EVERYONE, help=f"of {EVERYONE}, or none")
    parser.add_argument("--threads", default="1,2", help="counts to measure with, such as 1,2")
    parser.add_argument("--rounds", type=int, default=None, help="steps of each competitor")
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument(
        "--save",
        action="store_true",
        help="renew results/cpu.json, its picture and the table in README.md",
    )
    parser.add_argument(
        "--guard", action="store_true",
        help="compare the ratios with results/cpu.json; fails where tinygen has become slower",
    )  # fmt: skip
    options = parser.parse_args(argv)
    unknown = set(options.workloads) - {*ALL, *ON_REQUEST}
    if unknown:
        known = ", ".join(ALL + ON_REQUEST)
        parser.error(f"unknown {', '.join(sorted(unknown))}; known are {known}")
    options.workloads = options.workloads or ALL
    options.against = [n for n in options.against.split(",") if n not in ("", "none")]
    unknown = set(options.against) - set(peers.ADAPTERS)
    if unknown:
        parser.error(f"unknown {', '.join(sorted(unknown))}; known: {', '.join(peers.ADAPTERS)}")
    cores = machine.cores()
    options.threads = [int(n) for n in options.threads.split(",")]
    if not all(1 <= n <= cores for n in options.threads):
        parser.error(f"--threads: this machine has {cores} cores")
    return options


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Measure what was asked for."""
    kept = keep_freed_memory()  # a setting of the process, and so for all competitors alike
    # tracemalloc slows what it traces and import times want fresh interpreters: both go first.
    found: dict[str, Any] = {
        "ops": [], "steps": [], "convolution": [], "limits": [], "scaling": None, "memory": None,
        "import": None,
    }  # fmt: skip
    if "memory" in options.workloads:
        note("memory")
        found["memory"] = memory.measure()
    if "import" in options.workloads:
        note("import")
        found["import"] = imports.measure()
    competing = peers.load(options.against)
    load = machine.Load()
    if "ops" in options.workloads:
        for chain, trained in ops.CHAINS.items():
            note(f"ops, {chain}")
            with threads(1):
                measured = ops.measure(competing.adapters, trained, options.rounds or 100)
            found["ops"].append({"chain": chain, **measured})
    for name in (n for n in options.workloads if n in WORKLOADS):
        for count in options.threads:
            found["steps"].append(run_steps(name, count, competing, options.rounds))
    if "limits" in options.workloads:
        measured_steps = [n for n in WORKLOADS if n in options.workloads] or list(WORKLOADS)
        for count in options.threads:
            note(f"limits, {count} thread{'s' if count > 1 else ''}")
            with on_cores(count), threads(count):
                found["limits"].append({"threads": count, **limits.measure(measured_steps)})
    if "scaling" in options.workloads:
        found["scaling"] = scaling.measure(options.rounds or 5, note)
    if "convolution" in options.workloads:
        for count in options.threads:
            found["convolution"].append(run_convolution(count, competing, options.rounds))
    return {
        "date": date.today().isoformat(),
        "machine": {**machine.facts(competing.versions()), "keeps_freed_memory": kept},
        "others_cores": load.others(),
        "missing": competing.missing,
        **found,
    }


def run_steps(name: str, count: int, competing: peers.Peers, rounds: int | None) -> dict[str, Any]:
    workload = WORKLOADS[name]
    rounds = rounds or workload.rounds
    note(f"{name}, {count} thread{'s' if count > 1 else ''}, {rounds} rounds")
    load = machine.Load()
    with on_cores(count), threads(count):
        measured = steps.measure(workload, competing, count, rounds)
    others = load.others()
    return {"workload": name, "threads": count, "rounds": rounds, "others_cores": others,
            "peers": measured, "without": competing.without(name)}  # fmt: skip


def run_convolution(count: int, competing: peers.Peers, rounds: int | None) -> dict[str, Any]:
    rounds = rounds or 15
    note(f"convolution, {count} thread{'s' if count > 1 else ''}, {rounds} rounds")
    load = machine.Load()
    layers = convolution.measure(count, rounds, with_torch="torch" in competing.adapters)
    return {"threads": count, "rounds": rounds, "others_cores": load.others(), "layers": layers}


def note(what: str) -> None:
    print(f"... {what}", file=sys.stderr, flush=True)


def write_json(path: Path, results: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, default=float) + "\n")


def write_table(path: Path, text: str) -> None:
    """Put the report between the marks in README.md."""
    before, _, rest = path.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{text}{END}{after}")


if __name__ == "__main__":
    sys.exit(main())
