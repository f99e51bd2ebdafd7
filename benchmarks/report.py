"""Results as Markdown: the tables that the command prints and that README.md holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygen.bench.machine import is_busy

from .convolution import BATCH
from .ops import MARK, PHASES
from .peers import REFERENCE
from .workloads import WORKLOADS

ENGINE_MARKS = {"forward": 1.5, "backward": 2.5}


def render(results: dict[str, Any]) -> str:
    """The whole report."""
    sections = [_heading(results)]
    busy = is_busy(results["others_cores"])
    for entry in results["ops"]:
        sections.append("\n".join(_ops(entry, busy)))
    for entry in results["steps"]:
        sections.append("\n".join(_steps(entry)))
    if results.get("limits"):
        sections.append("\n".join(_limits(results["limits"])))
    if results.get("scaling"):
        sections.append("\n".join(_scaling(results["scaling"])))
    for entry in results.get("convolution", []):
        sections.append("\n".join(_convolution(entry)))
    if results.get("memory"):
        sections.append("\n".join(_memory(results["memory"])))
    if results.get("import"):
        sections.append("\n".join(_imports(results["import"])))
    return "\n\n".join(sections) + "\n"


def _heading(results: dict[str, Any]) -> str:
    m = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in m["versions"].items())
    lines = [
        f"{results['date']}: {m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB; "
        f"Python {m['python']}, NumPy {m['numpy']}; {', '.join(m['blas'])}; {versions}.",
        _describe_load(results["others_cores"]),
    ]
    chosen = ", ".join(f"{name}={value}" for name, value in m["environment"].items())
    lines += [f"**Set in the environment: {chosen}.**"] if chosen else []
    lines += [f"Missing: {name} ({reason})." for name, reason in results["missing"].items()]
    if not m.get("keeps_freed_memory", True):
        lines.append(
            "**This C library could not be asked to keep freed memory, so steps with large arrays "
            "spend their time in page faults, every competitor's.**"
        )
    return "  \n".join(lines)


def _ops(entry: dict[str, Any], busy: bool) -> Iterator[str]:
    yield f"### ops: a chain of 600 small operations, a and b {entry['chain']}, 1 thread"
    yield ""
    yield "Microseconds per operation: median (10th to 90th percentile); beyond NumPy: the engine."
    yield ""
    yield "| | " + " | ".join(f"{phase} | beyond NumPy" for phase in PHASES) + " |"
    yield "|---|" + "---|" * (2 * len(PHASES))
    for name, found in entry["peers"].items():
        cells = []
        for phase in PHASES:
            s = found[phase]
            by_hand = name == "numpy"
            if by_hand and phase not in ENGINE_MARKS:
                cells += ["", ""]
                continue
            beyond = "" if by_hand or "beyond_numpy" not in s else f"{s['beyond_numpy']:.2f}"
            if name == "tinygen" and beyond and phase in ENGINE_MARKS:
                beyond += _against(s["beyond_numpy"], ENGINE_MARKS[phase], busy)
            cells += [f"{s['median']:.2f} ({s['low']:.2f} to {s['high']:.2f})", beyond]
        yield f"| {name} | " + " | ".join(cells) + " |"
    if entry.get("together"):
        yield from _together(entry["together"], busy)


def _together(found: dict[str, Any], busy: bool) -> Iterator[str]:
    yield ""
    yield f"| forward and backward together | us | ratio to {REFERENCE} |"
    yield "|---|---|---|"
    for name, both in found.items():
        ratio = _spread(both["ratio"], 2) if both["ratio"] else ""
        if ratio and _is_ours(name):
            ratio += _against(both["ratio"]["median"], MARK, busy)
        yield f"| {name} | {_spread(both['us'], 2)} | {ratio} |"


def _steps(entry: dict[str, Any]) -> Iterator[str]:
    workload = WORKLOADS[entry["workload"]]
    yield from _title(workload.name, entry)
    busy = is_busy(entry["others_cores"])
    yield f"{workload.summary}. {entry['rounds']} rounds.{_warning(entry)}"
    yield ""
    yield f"| | ms: median (10th to 90th percentile) | ratio to {REFERENCE} | over the floor |"
    yield "|---|---|---|---|"
    for name, found in entry["peers"].items():
        cells = [_spread(found["ms"], 3)]
        for ratio, mark in (("ratio", workload.mark), ("over_floor", workload.floor_mark)):
            cell = _spread(found[ratio], 2) if found.get(ratio) else ""
            if cell and _is_ours(name) and mark is not None:
                cell += _against(found[ratio]["median"], mark, busy)
            cells.append(cell)
        yield f"| {name} | " + " | ".join(cells) + " |"
    if entry.get("without"):
        yield ""
        yield f"Not run, having no code for this workload: {', '.join(entry['without'])}."


def _convolution(entry: dict[str, Any]) -> Iterator[str]:
    yield from _title("convolution, layer by layer", entry)
    yield f"Batch {BATCH}: median ms (GFLOP/s). {entry['rounds']} rounds.{_warning(entry)}"
    yield ""
    names = list(entry["layers"][0]["ms"]["forward"])
    yield "| | | " + " | ".join(names) + " |"
    yield "|---|---|" + "---|" * len(names)
    for layer in entry["layers"]:
        for what, ms in layer["ms"].items():
            work = 1e3 * layer["gigaflop"]
            cells = " | ".join(f"{ms[name]:.2f} ({work / ms[name]:.0f})" for name in names)
            yield f"| {layer['layer']} | {what} | {cells} |"


def _limits(entries: list[dict[str, Any]]) -> Iterator[str]:
    counts = [str(entry["threads"]) for entry in entries]
    yield "### limits: what this machine can do at most"
    yield ""
    yield "| | " + " | ".join(f"{n} thread{'s' if n != '1' else ''}" for n in counts) + " |"
    yield "|---|" + "---|" * len(counts)
    for products in zip(*(entry["products"] for entry in entries), strict=True):
        count, m, k, n = products[0]["shape"]
        times = f"{count} times " if count > 1 else ""
        label = f"{products[0]['workload']}: {times}({m}, {k}) by ({k}, {n}), GFLOP/s"
        yield f"| {label} | " + " | ".join(f"{p['gflops']['median']:.0f}" for p in products) + " |"
    for name, label in (
        ("copy", "copy of 64 MB, GB/s read and written"),
        ("normals", "normal numbers, millions a second"),
        ("uniforms", "uniform numbers, millions a second"),
    ):
        yield f"| {label} | " + " | ".join(f"{e[name]['median']:.1f}" for e in entries) + " |"


def _scaling(curves: list[dict[str, Any]]) -> Iterator[str]:
    yield "### scaling: how time and memory grow, 1 thread"
    yield ""
    yield "Milliseconds of processor time of a step, MB at its peak; exponents by least squares of"
    yield "logarithms, of the upper half of the sizes."
    yield ""
    yield "| | sizes | ms | exponent | MB | exponent |"
    yield "|---|---|---|---|---|---|"
    for curve in curves:
        cells = [curve["what"], ", ".join(str(size) for size in curve["sizes"])]
        for values, exponent in (("ms", "ms_exponent"), ("mb", "mb_exponent")):
            cells += [", ".join(f"{v:.3g}" for v in curve[values]), f"{curve[exponent]:.2f}"]
        yield "| " + " | ".join(cells) + " |"


def _spread(found: dict[str, float], digits: int) -> str:
    median, low, high = (f"{found[k]:.{digits}f}" for k in ("median", "low", "high"))
    return f"{median} ({low} to {high})"


def _title(name: str, entry: dict[str, Any]) -> Iterator[str]:
    yield f"### {name}, {entry['threads']} thread{'s' if entry['threads'] > 1 else ''}"
    yield ""


def _warning(entry: dict[str, Any]) -> str:
    others = entry["others_cores"]
    return f" **Others used {others:.2f} cores meanwhile.**" if is_busy(others) else ""


def _memory(entry: dict[str, Any]) -> Iterator[str]:
    yield "### memory: the peak of a gan-784 step"
    yield ""
    yield "| | MB |"
    yield "|---|---|"
    for part, size in entry["parts"].items():
        yield f"| {part} | {size / 1e6:.2f} |"
    yield f"| **needed** | {entry['needed'] / 1e6:.2f} |"
    yield f"| **peak, measured** | {entry['peak'] / 1e6:.2f} |"
    yield f"| **ratio** | {entry['ratio']:.2f}{_against(entry['ratio'], entry['mark'])} |"


def _imports(entry: dict[str, Any]) -> Iterator[str]:
    ms = entry["ms"]
    yield "### import"
    yield ""
    yield (
        f"`import numpy` {ms['numpy']['median']:.0f} ms, `import tinygen` "
        f"{ms['tinygen']['median']:.0f} ms ({entry['beyond_numpy_ms']:.0f} ms of its own); "
        f"loaded beside the standard library: {', '.join(entry['loaded'])}."
    )


def _is_ours(name: str) -> bool:
    """Whether the marks are for this competitor."""
    return name.partition(",")[0] == "tinygen"


def _against(value: float, mark: float, busy: bool = False) -> str:
    verdict = "not judged" if busy else "met" if value <= mark else "missed"
    return f"; mark {mark:g}: {verdict}"


def _describe_load(others: float | None) -> str:
    """One sentence."""
    if others is None:
        return "This system does not say what other processes were doing meanwhile."
    if not is_busy(others):
        return f"The machine was quiet: other processes used {others:.2f} of a core meanwhile."
    return (
        f"**The machine was busy: other processes used {others:.2f} cores meanwhile, so no mark is "
        "judged. Measure again on a quiet one before building on these figures.**"
    )
