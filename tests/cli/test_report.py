"""The report: complete, self-contained, small, and blind to what a run would have it say."""

from __future__ import annotations

import json
import math
import re
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from commands import everything_in
from PIL import Image

from tinygen.reports import read_run, report
from tinygen.reports.chart import Series, chart

RUN = Path("runs/gan-digits-1")
VOID = {"meta", "img", "input", "line", "path", "circle", "wbr", "link", "br"}
HOSTILE = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{7*7}}"


class Page(HTMLParser):
    """What a browser would see: tags with their attributes, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID and tag not in ("li",):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("li",) and tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def page_of(path: str | Path) -> Page:
    page = Page(Path(path).read_text(encoding="utf-8"))
    assert page.open == []
    return page


def test_a_page_shows_what_the_run_left(run):
    run.train(steps=20)
    result = run("report", RUN)
    assert result.code == 0
    assert f"{RUN}/report.html" in result.out
    page = page_of(RUN / "report.html")
    for word in ("Samples over time", "loss_d", "Settings", "checkpoint_every", "numpy",
                 "classifier accuracy", "20 of 20", "held out examples"):  # fmt: skip
        assert word in page.words
    pictures = [a["src"] for tag, a in page.tags if tag == "img"]
    assert len(pictures) == 1 + len(list((RUN / "samples").iterdir()))
    lines = map(json.loads, (RUN / "metrics.jsonl").read_text().splitlines())
    drawn = {name for line in lines for name in line} - {"step", "seconds", "verdict"}
    assert sum(tag == "path" for tag, _ in page.tags) == len(drawn)


def test_nothing_is_fetched_and_only_our_script_may_run(run):
    run.train()
    run("report", RUN)
    page = page_of(RUN / "report.html")
    for _, attributes in page.tags:
        for name in ("src", "href", "action"):
            assert (attributes.get(name) or "data:image/png;base64,").startswith("data:image/png")
        assert not any(name.startswith("on") for name in attributes)
    text = (RUN / "report.html").read_text()
    assert not re.search(r"https?://|url\(|@import", text)
    (policy,) = [a["content"] for t, a in page.tags if a.get("http-equiv")]
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert "'unsafe-inline'; script-src 'sha256-" in policy


def test_several_runs_side_by_side_mark_what_differs(run):
    run.train("--set", "lr=5e-4")
    run.train("--seed", 1)
    result = run("report", RUN, "runs/gan-digits-2")
    assert result.out.endswith("opened in a browser: report.html\n")
    text = Path("report.html").read_text()
    marked = re.findall(r"<tr class=differs><th>(.*?)</th>", text)
    assert marked == ["seed", "lr"]
    assert text.index(">lr<") < text.index(">recipe</th>")
    assert page_of("report.html").words.count("gan-digits-2") > 4
    assert "at most 12" in run("report", *[RUN] * 13).sentence


def test_a_report_takes_no_other_files_place(run):
    run.train()
    Path("thesis.html").write_text("precious")
    assert "no report of tinygen" in run("report", RUN, "--out", "thesis.html").sentence
    assert Path("thesis.html").read_text() == "precious"
    assert "must end in .html" in run("report", RUN, "--out", "x.pdf").sentence
    before = set(everything_in(RUN))
    for _ in range(2):
        assert run("report", RUN).code == 0
    assert set(everything_in(RUN)) == {*before, "report.html"}


def test_markup_in_names_and_values_stays_text(run):
    run.train()
    folder = Path("runs") / HOSTILE.replace("/", "\u2215")
    RUN.rename(folder)
    config = json.loads((folder / "config.json").read_bytes())
    config |= {"lr": HOSTILE, HOSTILE: 1, "steps": HOSTILE}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "env.json").write_text(json.dumps({HOSTILE: {HOSTILE: [HOSTILE]}}))
    (folder / "history.jsonl").write_text(json.dumps({HOSTILE: HOSTILE}) + "\n")
    (folder / "metrics.jsonl").write_text(
        json.dumps({"step": 1, HOSTILE: 1.0}) + "\n" + json.dumps({"step": 2, HOSTILE: 2.0}) + "\n"
    )
    (folder / "evaluation" / "step-000004.json").write_text(json.dumps({HOSTILE: HOSTILE}))
    series = folder / HOSTILE.replace("/", "")
    series.mkdir()
    Image.new("L", (4, 4)).save(series / "step-000001.png")
    assert run("report", folder, "--out", "x.html").code == 0
    page = page_of("x.html")
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    assert not any("onerror" in attributes for _, attributes in page.tags)
    assert page.words.count("alert(1)") >= 8


BROKEN = {
    "metrics.jsonl": ["", "junk\n{\n", '{"step": "x", "loss": 1}\n', '{"step": -1, "loss": 1}\n',
                      '{"step": 1, "loss": 1e400}\n{"step": 2, "loss": null}\n', "[]\n", "\xff\n",
                      '{"step": 1, "loss": true}\n', f'{{"step": {10**400}}}\n', "[" * 100_000,
                      '{"step": 5, "loss": 1}\n{"step": 5, "loss": 2, "seconds": 3}\n'],
    "env.json": ["", "[]", "3", "{", "null", "[" * 100_000,
                 '{"a":' * 900 + "1" + "}" * 900, '{"a":' + "[" * 900 + "]" * 900 + "}",
                 '{"a": [1, {"b": []}]}'],
    "data.json": ["", "x"],
    "history.jsonl": ["{}\n", "x\n{}\n"],
    "evaluation/step-000004.json": ["", "[]", '{"a": NaN}'],
    "samples/step-000004.png": ["", "not a picture"],
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "texts"), BROKEN.items(), ids=BROKEN)
def test_what_is_broken_is_left_out_and_the_rest_is_shown(run, name, texts):
    run.train()
    for text in texts:
        (RUN / name).write_text(text, encoding="latin-1")
        assert run("report", RUN, "--out", "x.html").code == 0
        assert "Settings" in page_of("x.html").words
    (RUN / name).unlink()
    assert run("report", RUN, "--out", "x.html").code == 0


@pytest.mark.parametrize("value", ["\u00b2", "9" * 5000, "\udcff", {}, [[]], -1e308, None])
def test_settings_of_any_kind_are_shown(run, value):
    run.train()
    config = json.loads((RUN / "config.json").read_bytes()) | {"steps": value, "lr": value}
    (RUN / "config.json").write_text(json.dumps(config))
    assert run("report", RUN, "--out", "x.html").code == 0
    assert "Settings" in page_of("x.html").words


def test_a_run_without_settings_is_none(run):
    run.train()
    (RUN / "config.json").write_text("{")
    assert "config.json cannot be read" in run("report", RUN).sentence


def test_a_large_run_is_a_small_page_made_quickly(run):
    """Thirty thousand reports, and pictures that no compression helps: under 5 MB."""
    run.train()
    rng = np.random.default_rng(0)
    with (RUN / "metrics.jsonl").open("w") as file:
        for i in range(1, 30_001):
            line = {
                "step": i,
                "seconds": i / 100,
                **dict.fromkeys(("loss_d", "loss_g"), rng.random()),
            }
            file.write(json.dumps(line) + "\n")
    for i in range(24):
        pixels = rng.integers(0, 256, (400, 400, 3), "uint8")
        Image.fromarray(pixels).save(RUN / "samples" / f"step-{i + 1:06d}.png", compress_level=0)
    started = time.perf_counter()
    assert run("report", RUN).code == 0
    assert time.perf_counter() - started < 60
    assert (RUN / "report.html").stat().st_size < 5e6
    page = page_of(RUN / "report.html")
    shown = [int(a["data-step"]) for tag, a in page.tags if tag == "button" and "data-step" in a]
    assert shown[0] == 1
    assert shown[-1] == 24
    assert len(shown) >= 4


# -- numbers ---------------------------------------------------------------------------------------


def points_of(figure: str) -> list[tuple[float, float]]:
    path = re.findall(r'bold" d="(.*?)"', figure)[0]
    return [tuple(map(float, p.split())) for p in re.split("[ML]", path)[1:]]


def test_a_curve_goes_through_its_points():
    figure = chart("loss", [Series("a", 0, [0, 10, 20], [1.0, 3.0, 2.0])])
    (x0, y0), (x1, y1), (x2, y2) = points_of(figure)
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.2)
    assert (y0 - y2) == pytest.approx(y2 - y1, abs=0.2)  # upwards is less in SVG
    assert y1 < y2 < y0
    assert "log scale" not in figure


def test_two_decades_of_positive_values_are_drawn_by_their_logarithm():
    figure = chart("loss", [Series("a", 0, [1, 2, 3], [1e-3, 1e-1, 1e1])])
    assert "log scale" in figure
    y = [p[1] for p in points_of(figure)]
    assert y[0] - y[1] == pytest.approx(y[1] - y[2], abs=0.2)
    for tick in ("0.001", "0.1", "10"):
        assert f">{tick}</text>" in figure
    assert "log scale" not in chart("loss", [Series("a", 0, [1, 2], [-1.0, 1e3])])


def test_what_is_not_a_number_is_a_gap():
    figure = chart("loss", [Series("a", 0, [1, 2, 3, 4], [1.0, math.nan, 2.0, 3.0])])
    path = re.findall(r'bold" d="(.*?)"', figure)[0]
    assert path.count("M") == 2
    assert "nan" not in figure.lower().replace("nance", "")
    assert "No numbers" in chart("loss", [Series("a", 0, [1], [math.nan])])


def test_a_spike_outlives_the_thinning_and_the_mean_runs_through_the_middle():
    values = [1.0, 1.2] * 5000
    values[6001] = 50.0
    figure = chart("loss", [Series("a", 0, list(range(10_000)), values)])
    drawn = json.loads(re.findall(r'data-chart="(.*?)"', figure)[0].replace("&quot;", '"'))
    assert max(y for _, y in drawn["lines"][0]["points"]) == 50
    assert len(drawn["lines"][0]["points"]) < 600
    assert "running mean" in figure


def test_time_of_a_run_that_was_interrupted(tmp_path):
    """Its clock may begin anew: the steps' time is the median, and all sessions are summed."""
    (tmp_path / "config.json").write_text('{"recipe": "gan", "steps": 50}')
    lines = [(10, 1.0), (20, 2.0), (30, 0.5), (40, 1.5), (50, 2.5)]
    (tmp_path / "metrics.jsonl").write_text(
        "".join(json.dumps({"step": s, "seconds": t, "loss": 1}) + "\n" for s, t in lines)
    )
    record = read_run(tmp_path)
    assert record.seconds_per_step == pytest.approx(0.1)
    assert record.total_seconds == pytest.approx(4.5)
    assert b"4.5 s" in report([record])
    assert b"100 ms" in report([record])
