"""The README tells the truth: its code runs, its commands are those that CI runs."""

import re
from pathlib import Path

import tinygen as tg
from tinygen.recipes import RECIPES

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_code_runs_in_order():
    names: dict = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(blocks) >= 3
    try:
        for block in blocks:
            exec(block, names)
    finally:
        tg.primitive.__globals__["PRIMITIVES"].pop("swish", None)
    assert names["curvature"].shape == (3,)
    assert names["adam_g"].steps > 0


def test_ci_runs_the_test_command_of_the_readme():
    assert README.count("<!-- tests -->") == 1
    assert "README.md" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_recipes_and_pictures_that_are_named_exist():
    for name in re.findall(r"tinygen train ([a-z][a-z0-9-]*)", README):
        assert name in RECIPES
    for picture in re.findall(r"!\[.*?\]\((.*?)\)", README):
        assert (ROOT / picture).is_file()
