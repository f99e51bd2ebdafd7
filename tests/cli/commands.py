"""Running the command in-process, and what every refusal has in common."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinygen.cli import main

SMALL = [
    "--set", "batch=8", "--set", "generator=8", "--set", "discriminator=8",
    "--set", "report_every=2", "--set", "checkpoint_every=2",
]  # fmt: skip


@dataclass
class Result:
    code: int
    out: str
    err: str

    @property
    def sentence(self) -> str:
        """The one sentence on stderr of a command that was refused."""
        assert self.code == 2, f"exit code {self.code}: {self.err}"
        assert "Traceback" not in self.err
        lines = self.err.strip().split("\n")
        last = lines.pop()
        assert last.startswith("tinygen: ")
        assert re.search(r"[.?!)]$|\.\.\.$", last), last
        # What may stand before it: what is trained, and how it went until then.
        assert all(re.match(r"gan\S*: |step \d+/\d+ ", line) for line in lines), self.err
        return last.removeprefix("tinygen: ")


class Command:
    """`run("train", "gan", ...)` in a folder of its own."""

    def __init__(self, capfd: pytest.CaptureFixture[str]) -> None:
        self.capfd = capfd

    def __call__(self, *arguments: object) -> Result:
        self.capfd.readouterr()
        try:
            code = main([str(a) for a in arguments])
        except SystemExit as stop:  # argparse's own
            code = int(stop.code or 0)
        return Result(code, *self.capfd.readouterr())

    def train(self, *arguments: object, steps: int = 4, recipe: str = "gan") -> Result:
        return self("train", recipe, "--steps", steps, *SMALL, *arguments)


def everything_in(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes() if p.is_file() else b""
        for p in sorted(folder.rglob("*"))
    }


def save_images(path: Path, n: int = 40, shape: tuple[int, ...] = (5, 4), **more) -> Path:
    rng = np.random.default_rng(0)
    np.savez(path, train=rng.random((n, *shape), dtype="float32"), **more)
    return path


def look(path: str | Path) -> tuple[tuple[int, int], str]:
    """Width and height, and mode, of a complete picture."""
    with Image.open(path) as picture:
        picture.load()
        return picture.size, picture.mode


def samples_in(path: str | Path) -> np.ndarray:
    with np.load(path) as stored:
        return stored["samples"]
