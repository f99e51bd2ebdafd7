"""Each example runs on every device, prints what it says it prints, and leaves its pictures."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tinygen.backend import cuda_status

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("[0-9]*.py"))
LONGEST = 120
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")
PICTURE = re.compile(r"[a-z]+\.(?:png|gif|svg)")

SLOW = {
    "cpu": {"06", "08", "09", "12", "13", "15"},
    "strict": {"04", "06", "07", "08", "09", "10", "12", "13", "15"},
}
"""What takes more than 3 s of processor time, or 5 s on the stand-in for a GPU."""


def runs():
    for device in ("cpu", "strict", "cuda"):
        for path in EXAMPLES:
            slow = [pytest.mark.slow] if path.stem[:2] in SLOW.get(device, ()) else []
            on_gpu = [pytest.mark.cuda] if device == "cuda" else []
            yield pytest.param(path, device, marks=slow + on_gpu, id=f"{path.stem[:2]}-{device}")


def expected(source):
    """What an example promises to print, and how far its numbers may be off: (rel, abs)."""
    heading, promised = re.search(r"^# Expected output(.*?):\n(.*)", source, re.M | re.S).groups()
    percent = re.search(r"within (\d+)%", heading)
    plus = re.search(r"% or (\d+\.?\d*)", heading)
    share = int(percent[1]) / 100 if percent else 1e-3
    lines = [line.removeprefix("#").removeprefix(" ") for line in promised.splitlines()]
    return "\n".join(lines), {"rel": share, "abs": float(plus[1]) if plus else share}


def without_times(text, device):
    """Times are not compared, nor rows of the device that stands beside the processor."""
    lines = [line for line in text.splitlines() if device == "cpu" or not line.startswith(device)]
    return re.sub(r"[\d.]+ ms", "T", "\n".join(lines))


def looks_like_something(path):
    if path.suffix == ".svg":
        return path.read_text(encoding="utf-8").count("<text") > 3
    with Image.open(path) as picture:
        frames = getattr(picture, "n_frames", 1)
        return len(set(picture.convert("L").tobytes())) > 1 and (
            path.suffix != ".gif" or frames > 9
        )


@pytest.mark.parametrize(("path", "device"), list(runs()))
def test_an_example_prints_what_it_promises(path, device, tmp_path):
    if device == "cuda" and (reason := cuda_status()):
        pytest.skip(reason)
    runner = [ROOT / "tests" / "on_strict.py"] if device == "strict" else []
    result = subprocess.run(
        [sys.executable, "-W", "error", *runner, path, "--device", device],
        capture_output=True, text=True, cwd=tmp_path, timeout=1800, check=False,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "TINYGEN_DEVICE": "cpu"},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    promised, tolerance = expected(path.read_text(encoding="utf-8"))
    printed, promised = (without_times(text, device) for text in (result.stdout, promised))
    assert NUMBER.sub("N", printed).split() == NUMBER.sub("N", promised).split()
    numbers, wanted = (list(map(float, NUMBER.findall(text))) for text in (printed, promised))
    assert numbers == pytest.approx(wanted, **tolerance), printed
    pictures = [tmp_path / name for name in PICTURE.findall(result.stdout)]
    assert sorted(pictures) == sorted(tmp_path.iterdir())
    assert all(map(looks_like_something, pictures))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem[:2])
def test_an_example_is_a_page_to_be_read_and_says_how_it_is_run(path):
    source = path.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST
    assert f"Run it: python examples/{path.name}" in source


def test_a_tolerance_is_read_from_the_example():
    assert expected("# Expected output:\n# 1\n") == ("1", {"rel": 1e-3, "abs": 1e-3})
    loose = "x = 1\n\n# Expected output (numbers within 10% or 1: noisy):\n# a\n#   2\n"
    assert expected(loose) == ("a\n  2", {"rel": 0.1, "abs": 1.0})
