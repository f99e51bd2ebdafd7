"""Each example runs and prints what it says it prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "examples").glob("[0-9]*.py"))
NUMBER = re.compile(r"-?\d+\.?\d*(?:e-?\d+)?")


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_it_promises(path, tmp_path):
    result = subprocess.run(
        [sys.executable, "-W", "error", path],
        capture_output=True, text=True, cwd=tmp_path, timeout=120, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    promised = path.read_text().split("# Expected output")[1].split(":\n", 1)[1]
    promised = "\n".join(
        line.removeprefix("# ").removeprefix("#") for line in promised.splitlines()
    )
    assert NUMBER.sub("N", result.stdout).split() == NUMBER.sub("N", promised).split()
    printed, expected = (
        [float(n) for n in NUMBER.findall(text)] for text in (result.stdout, promised)
    )
    # Percentages may move by one held-out image or two; rounding errors by a factor.
    assert printed == pytest.approx(expected, rel=0.02, abs=0.02)
