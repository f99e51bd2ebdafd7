"""`tinygen animate`: how a run's samples came about, as a short film."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .. import runs
from ..config import ConfigError
from ..data.pixels import open_image, read_content
from ..pictures import film_bytes
from ..reports.read import pictures_of

KINDS = {".gif": "GIF", ".webp": "WEBP"}


def add(commands: Any) -> None:
    """Its place on the command line."""
    animate = commands.add_parser("animate", help="a film of a run's samples over time")
    animate.add_argument("folder", type=Path, metavar="RUN", help="the folder of the run")
    animate.add_argument(
        "--out", type=Path, metavar="FILE", help="a .gif or .webp file (default: RUN/samples.gif)"
    )
    animate.set_defaults(run=run)


def run(options: argparse.Namespace) -> None:
    """Put the pictures of RUN/samples after one another, and write the file."""
    folder = runs.RunFolder.open(options.folder)
    out = options.out or folder.path / "samples.gif"
    if out.suffix not in KINDS:
        raise ConfigError(f"--out must end in .gif or .webp, not {out.name!r}.")
    paths = pictures_of(folder.path).get("samples", {})
    if not paths:
        raise runs.RunError(f"{folder.path} holds no pictures in samples/: train it first.")
    frames = []
    for path in paths.values():
        with open_image(read_content(path), path) as picture:
            frames.append(picture.copy())
    if len({frame.size for frame in frames}) > 1:
        raise runs.RunError(f"the pictures in {folder.path / 'samples'} differ in size.")
    runs.write_file(out, film_bytes(frames, KINDS[out.suffix]))
    print(f"{len(frames)} pictures, to step {max(paths)}: {out}")
