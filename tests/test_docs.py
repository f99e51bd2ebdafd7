"""The documentation: every public name is told, and shown by an example; pdoc builds it."""

import doctest
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygen as tg
from tinygen import nn, optim
from tinygen.primitive import PRIMITIVES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = re.search(r"<!-- docs -->\n```sh\n(.*?)\n```", README, re.DOTALL)[1]

PUBLIC = [
    "tinygen",
    *(f"tinygen.{part}" for part in (
        "nn", "nn.init", "optim", "optim.schedules", "optim.transforms", "optim.games", "data",
        "metrics", "metrics.representation", "distributions", "tracing", "parallel",
    )),
    *(f"tinygen.models.{family}" for family in (
        "gan", "vae", "rbm", "multiscale", "adversarial_energy", "anomaly", "dcgan", "features",
        "filling", "latent", "latent_search", "when_read",
    )),
]  # fmt: skip

WITHOUT_EXAMPLE: dict[str, str] = {}
"""Public names without an example, and why."""

NEEDS = {"tinygen.metrics.representation": "sklearn"}


def public():
    """(module, name, object) of each class and function once, under its shortest path."""
    seen = set()
    for path in PUBLIC:
        module = importlib.import_module(path)
        for name in module.__all__:
            thing = getattr(module, name)
            if (inspect.isclass(thing) or inspect.isroutine(thing)) and id(thing) not in seen:
                seen.add(id(thing))
                yield module, name, thing


NAMES = [pytest.param(*found, id=f"{found[0].__name__}.{found[1]}") for found in public()]


def own_doc(thing):
    """Its docstring, unless it is only inherited."""
    return vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__


def names_in_examples(module):
    """What an example may use without a word: these, and what its module offers."""
    here = {name: getattr(module, name) for name in module.__all__}
    return here | {"tg": tg, "nn": nn, "optim": optim, "np": np, "rng": tg.Generator(0)}


@pytest.fixture
def aside(tmp_path, monkeypatch):
    """Files are written elsewhere, and operations that an example declares are forgotten."""
    monkeypatch.chdir(tmp_path)
    before = dict(PRIMITIVES)
    yield
    PRIMITIVES.clear()
    PRIMITIVES.update(before)


def test_there_is_much_to_be_told():
    assert len(NAMES) > 380


@pytest.mark.parametrize(("module", "name", "thing"), NAMES)
def test_a_public_name_is_documented_and_shown(module, name, thing, aside):
    doc = own_doc(thing)
    assert doc, f"{module.__name__}.{name} has no docstring"
    if f"{module.__name__}.{name}" in WITHOUT_EXAMPLE:
        return
    if needed := NEEDS.get(module.__name__):
        pytest.importorskip(needed)
    example = doctest.DocTestParser().get_doctest(
        inspect.cleandoc(doc), names_in_examples(module), name, None, 0
    )
    assert example.examples, f"{module.__name__}.{name} has no example: add one to its docstring"
    assert any(step.want for step in example.examples), f"{name}: the example shows no result"
    told: list[str] = []
    doctest.DocTestRunner(verbose=False).run(example, out=told.append)
    assert not told, "".join(told)


def test_an_example_that_is_wrong_is_found():
    """A planted fault: the machinery above can fail."""
    wrong = ">>> tg.ones(1)\nTensor([2.])"
    example = doctest.DocTestParser().get_doctest(wrong, {"tg": tg}, "wrong", None, 0)
    runner = doctest.DocTestRunner(verbose=False)
    assert runner.run(example, out=lambda text: None).failed == 1


def test_each_operation_of_the_tour_is_one_of_ours():
    from tinygen.ops.tour import TOUR

    shown = [re.findall(r"tg\.(\w+)\(", line)[0] for line in TOUR.split("\n") if line[:3] == ">>>"]
    assert len(shown) == len(set(shown))
    assert set(shown) | {"absolute"} == set(tg.ops.__all__)


def test_help_names_the_arguments():
    assert str(inspect.signature(tg.tanh)) == "(x, /)"
    assert str(inspect.signature(tg.where)) == "(condition, a, b, /)"


@pytest.mark.slow
def test_pdoc_builds_without_warnings(tmp_path):
    pytest.importorskip("pdoc", reason="pdoc is not installed: pip install 'tinygen[docs]'")
    arguments = DOCS.partition("pdoc ")[2].split()
    arguments[arguments.index("-o") + 1] = str(tmp_path)
    built = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pdoc", *arguments],
        capture_output=True, text=True, cwd=ROOT, timeout=600, check=False,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    assert "warn" not in built.stderr.lower(), built.stderr
    pages = {path: path.read_text(encoding="utf-8") for path in tmp_path.rglob("*.html")}
    for module in PUBLIC:
        page = pages[tmp_path / f"{module.replace('.', '/')}.html"]
        formulas = importlib.import_module(module).__doc__.count("$$") // 2
        assert "MathJax" in page
        assert len(re.findall(r"\$\$[^<$]+\$\$", page)) >= formulas, "Markdown broke a formula"
        for name in importlib.import_module(module).__all__:
            assert f'id="{name}"' in page or f"{name}.html" in page, f"{module}.{name}"


def documented_files():
    for folder in ("tinygen", "benchmarks", "examples"):
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", list(documented_files()), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_opens_with_what_it_is_for(path):
    source = path.read_text(encoding="utf-8")
    opening = re.match(r'(?:#!.*\n)?r?"""(.+?)"""', source, re.DOTALL)
    assert opening, "no docstring on the first line"
    first = opening[1].strip().split("\n")[0]
    assert len(first.split()) >= 4, f"says too little: {first!r}"


def reading_path():
    """(paths, lines) of each row of the README's reading path."""
    table = README.partition("## Reading the source")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| \d+ \| (.+?) \| ([\d,]+) \|", table, re.MULTILINE)
    for files, lines in rows:
        yield re.findall(r"`([^`]+)`", files), int(lines.replace(",", ""))


def length(path):
    files = [path] if path.is_file() else sorted(path.rglob("*.py"))
    assert files, f"{path} is not there"
    return sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)


@pytest.mark.parametrize(("paths", "lines"), list(reading_path()), ids=lambda v: str(v)[:40])
def test_the_reading_path_leads_somewhere(paths, lines):
    assert sum(length(ROOT / "tinygen" / path) for path in paths) == pytest.approx(lines, rel=0.15)


def test_the_reading_path_passes_every_part_of_the_package():
    named = {path.split("/")[0] for paths, _ in reading_path() for path in paths}
    parts = {path.name for path in (ROOT / "tinygen").iterdir() if path.name != "__pycache__"}
    assert parts - named <= {"__init__.py", "__main__.py", "py.typed"}
