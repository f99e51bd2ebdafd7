"""What `import tinygen` costs beyond NumPy, and what it loads."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

from tinygen.bench.timing import Summary

SCRIPT = """
import json, sys, time
start = time.perf_counter()
import {module}
seconds = time.perf_counter() - start
tops = {{name.partition(".")[0] for name in sys.modules}}
foreign = sorted(t for t in tops - set(sys.stdlib_module_names) if not t.startswith("_"))
print(json.dumps([seconds, foreign]))
"""


def measure(rounds: int = 9) -> dict[str, Any]:
    """Milliseconds of importing NumPy and tinygen, each in a fresh interpreter, turn by turn."""
    seconds: dict[str, list[float]] = {"numpy": [], "tinygen": []}
    loaded: dict[str, set[str]] = {"numpy": set(), "tinygen": set()}
    for _ in range(rounds + 1):
        for module, found in seconds.items():
            spent, foreign = _run(module)
            found.append(1e3 * spent)
            loaded[module].update(foreign)
    _, background = _run("sys")  # what site-packages loads into every interpreter
    return {
        "ms": {module: Summary.of(found[1:]).asdict() for module, found in seconds.items()},
        "beyond_numpy_ms": Summary.of(seconds["tinygen"]).median
        - Summary.of(seconds["numpy"]).median,
        "loaded": sorted(loaded["tinygen"] - set(background)),
    }


def _run(module: str) -> tuple[float, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(module=module)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    spent, foreign = json.loads(done.stdout)
    return spent, foreign
