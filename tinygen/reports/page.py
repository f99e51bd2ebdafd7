"""One self-contained page about one or several runs: no network, no script from elsewhere.

All that comes from a run passes through `html.escape`, and the page's own policy lets a browser run
this package's script only, which it knows by its hash.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from html import escape
from importlib import resources

from .chart import COLOURS, Series, chart
from .frames import frames_within
from .read import RunRecord

__all__ = ["MARK", "report"]

MARK = '<meta name=generator content="tinygen report">'
"""By which a page is known as ours."""

PICTURE_BYTES = 3_500_000
"""Of a page's pictures: what mail and chat still carry."""

FILMS, CURVES = "Samples over time", "Curves"

SHARES = ("d_accuracy", "g_pull", "diversity", "coverage")
"""Numbers that go from 0 to 1 or so, in one chart."""

OF_ONE_RUN = ("started", "command", "sha256")
"""What differs between any two runs, or says no more than its neighbours."""


def report(records: list[RunRecord]) -> bytes:
    """The page, in UTF-8."""
    names = _names(records)
    sections = (
        ("Overview", _overview(records, names)),
        (FILMS, _films(records, names)),
        (CURVES, _curves(records, names)),
        ("Evaluation", _evaluations(records, names)),
        ("Settings", _table(records, names, lambda run: run.config)),
        ("Data", _table(records, names, lambda run: _in_words(run.data))),
        ("Environment", _table(records, names, lambda run: _in_words(run.environment))),
        ("Resumed", _resumptions(records, names)),
        ("Notes", _notes(records, names)),
    )
    parts = {
        title: f"<section><h2>{title}</h2>{content}</section>"
        for title, content in sections
        if content
    }
    alone = len(records) == 1
    if alone and {FILMS, CURVES} <= set(parts):
        parts[FILMS] = f"<div class=pair>{parts[FILMS]}{parts.pop(CURVES)}</div>"
    body = "".join(parts.values())
    style, script = _asset("page.css"), _asset("page.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    title = escape(", ".join(names))
    page = (
        f"<!doctype html><html lang=en><head><meta charset=utf-8>{MARK}"
        f'<meta http-equiv=Content-Security-Policy content="{policy}">'
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        '<meta name=color-scheme content="light dark">'
        f"<title>{title} · tinygen</title><style>{style}</style></head>"
        f"<body{' class=alone' * alone}>"
        f"<header><p class=brand>tinygen report</p><h1>{title}</h1>"
        f"<p>Made {time.strftime('%Y-%m-%d %H:%M')}</p></header>"
        f"<main>{body}</main><script>{script}</script></body></html>\n"
    )
    return page.encode("utf-8", "backslashreplace")


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")


def _names(records: list[RunRecord]) -> list[str]:
    """The folders' names; with their paths where two are alike."""
    names = [run.name for run in records]
    return [str(r.path) if names.count(n) > 1 else n for r, n in zip(records, names, strict=True)]


# -- sections --------------------------------------------------------------------------------------


def _overview(records: list[RunRecord], names: list[str]) -> str:
    cards = []
    for i, (run, name) in enumerate(zip(records, names, strict=True)):
        asked = run.config.get("steps", "?")
        facts = [
            ("recipe", run.config.get("recipe", "?")),
            ("data", run.data.get("name") or run.config.get("data", "?")),
            ("steps", f"{run.last_step:,} of {_grouped(asked)}"),
            ("training", _duration(run.total_seconds)),
            ("a step", _duration(run.seconds_per_step)),
            ("device", run.config.get("device", "?")),
            *((metric, _last(values)) for metric, (_, values) in run.metrics.items()),
        ]
        rows = "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in facts)
        cards.append(
            f'<article class="card c{i % COLOURS}"><h3>{escape(name)}</h3><dl>{rows}</dl></article>'
        )
    return f"<div class=cards>{''.join(cards)}</div>"


def _films(records: list[RunRecord], names: list[str]) -> str:
    n_films = sum(len(run.pictures) for run in records)
    films = []
    for run, name in zip(records, names, strict=True):
        for series, pictures in run.pictures.items():
            frames = frames_within(PICTURE_BYTES // n_films, pictures, run.notes)
            if not frames:
                continue
            title = name if series == "samples" else f"{name}: {series}"
            step, last = frames[-1]
            strip = "".join(
                f'<li><button type=button data-step={s}><img src="{address}" alt="" loading=lazy>'
                f"<span>{s:,}</span></button></li>"
                for s, address in frames
            )
            films.append(
                f"<article class=film><h3>{escape(title)}</h3>"
                f'<img class=screen src="{last}" alt="samples of {escape(name)}">'
                f"<p class=controls hidden><button type=button class=play>Play</button>"
                f"<input type=range min=0 max={len(frames) - 1} value={len(frames) - 1} "
                f'aria-label="step"><output>step {step:,}</output></p><ol>{strip}</ol></article>'
            )
    return f"<div class=films>{''.join(films)}</div>" if films else ""


def _curves(records: list[RunRecord], names: list[str]) -> str:
    """Verdicts; of one run, its losses in one chart; of several, a chart for each number."""
    if len(records) == 1:
        metrics = records[0].metrics
        losses = [name for name in metrics if name.startswith("loss")]
        shares = [name for name in metrics if name in SHARES]
        groups = [group for group in (losses, shares) if group]
        groups += [[name] for name in metrics if name not in losses + shares]
        charts = [
            chart(", ".join(g), [Series(n, i, *metrics[n]) for i, n in enumerate(g)])
            for g in groups
        ]
    else:
        all_metrics = list(dict.fromkeys(m for run in records for m in run.metrics))
        charts = [
            chart(m, [
                Series(name, i, *run.metrics[m])
                for i, (run, name) in enumerate(zip(records, names, strict=True))
                if m in run.metrics
            ])
            for m in all_metrics
        ]  # fmt: skip
    drawn = f"<div class=charts>{''.join(charts)}</div>" if charts else ""
    return _verdicts(records, names) + drawn


def _verdicts(records: list[RunRecord], names: list[str]) -> str:
    """How training went, the last verdict first in sight; those before it follow."""
    lines = []
    for i, (run, name) in enumerate(zip(records, names, strict=True)):
        *before, last = run.verdicts or [""]
        if last:
            whose = f"{escape(name)}: " if len(records) > 1 else ""
            earlier = f" <span>before: {escape('; '.join(before[-5:]))}</span>" if before else ""
            lines.append(
                f"<p class='verdict c{i % COLOURS}'>{whose}<b>{escape(last)}</b>{earlier}</p>"
            )
    return "".join(lines)


def _evaluations(records: list[RunRecord], names: list[str]) -> str:
    """The last evaluation of each run, and how many there are."""

    def last(run: RunRecord) -> dict[str, str]:
        return _in_words(run.evaluations[max(run.evaluations)]) if run.evaluations else {}

    return _table(records, names, last, marks=False)


def _table(
    records: list[RunRecord],
    names: list[str],
    of: Callable[[RunRecord], dict[str, str]],
    marks: bool = True,
) -> str:
    """A row for each key, a column for each run; rows in which runs differ are marked, and first.

    marks: whether to do so.
    """
    columns = [of(run) for run in records]
    keys = list(dict.fromkeys(key for column in columns for key in column))
    if not keys:
        return ""
    rows = []
    for key in keys:
        values = [column.get(key, "") for column in columns]
        differs = marks and len(set(values)) > 1 and key not in OF_ONE_RUN
        cells = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(
            (differs, f"<tr{' class=differs' * differs}><th>{_breakable(key)}</th>{cells}</tr>")
        )
    body = "".join(row for _, row in sorted(rows, key=lambda row: not row[0]))
    heads = "".join(f"<th class=c{i % COLOURS}>{escape(name)}</th>" for i, name in enumerate(names))
    head = f"<thead><tr><td></td>{heads}</tr></thead>" if len(records) > 1 else ""
    return f"<div class=scroll><table>{head}<tbody>{body}</tbody></table></div>"


def _resumptions(records: list[RunRecord], names: list[str]) -> str:
    items = "".join(
        f"<li><b>{escape(name)}</b>: "
        + ", ".join(f"{escape(k)} {escape(v)}" for k, v in line.items())
        for run, name in zip(records, names, strict=True)
        for line in run.resumed
    )
    return f"<ul>{items}</ul>" if items else ""


def _notes(records: list[RunRecord], names: list[str]) -> str:
    items = "".join(
        f"<li><b>{escape(name)}</b>: {escape(note)}."
        for run, name in zip(records, names, strict=True)
        for note in run.notes[:20]
    )
    return f"<ul>{items}</ul>" if items else ""


def _in_words(values: dict[str, str]) -> dict[str, str]:
    """Names that nobody will have to type."""
    return {name.replace("_", " "): value for name, value in values.items()}


def _breakable(name: str) -> str:
    """A name that a narrow screen breaks where its words end."""
    return escape(name).replace("_", "_<wbr>").replace(".", ".<wbr>")


def _last(values: list[float]) -> str:
    return f"{values[-1]:.4g}" if values else "?"


def _grouped(number: str) -> str:
    """A whole number in groups of three digits; another text as it is."""
    return f"{int(number):,}" if number.isdecimal() and len(number) < 20 else number


def _duration(seconds: float | None) -> str:
    """In the unit that suits it."""
    if seconds is None:
        return "?"
    if seconds >= 3600:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"
    if seconds >= 120:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"
