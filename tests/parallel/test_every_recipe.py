"""Each recipe is the same on two ranks as on one, or is refused: none is another one in silence."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import every_recipe
import mpiexec
import numpy as np
import pytest

from tinygen import recipes

REFUSED = {"progressive", "msg-gan", "beam", "amortised-cd", "rbm-prior-gan", "energy-gan"}
TOLERANCE = 1e-3
"""Of the length of all arrays of one kind. Where a gradient is 0, rounding leaves a sign, of which
Adam makes a whole step: 3e-4. Other noise or other rows move the moments by 0.1."""

Kinds = dict[str, np.ndarray]


def kinds_by_recipe(n: int, path: Path) -> dict[str, Kinds]:
    """On n ranks: {recipe: {kind of array, such as the first moments of one player: all}}."""
    ended = mpiexec.run(n, every_recipe.__file__, path)
    assert ended.returncode == 0, ended.stderr
    parts: dict[str, dict[str, list[np.ndarray]]] = defaultdict(lambda: defaultdict(list))
    with np.load(path) as stored:
        for name in sorted(stored):
            recipe, part, *rest = name.split("|")
            kind = f"{part} {rest[-1]}" if part.startswith("optimizer") else part
            parts[recipe][kind].append(np.ravel(stored[name]).astype("float64"))
    return {r: {k: np.concatenate(a) for k, a in kinds.items()} for r, kinds in parts.items()}


@pytest.fixture(scope="module")
def on_ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, Kinds]]:
    folder = tmp_path_factory.mktemp("every")
    return mpiexec.Stored({n: kinds_by_recipe(n, folder / f"{n}.npz") for n in (1, 2)})


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """Of two vectors, in lengths of the second."""
    return float(np.linalg.norm(found - expected) / max(np.linalg.norm(expected), 1e-3))


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.RECIPES)
def test_a_recipe_on_two_ranks_is_the_same_or_refused(name, on_ranks):
    assert name in on_ranks[1], "one rank refuses nothing"
    assert (name not in on_ranks[2]) == (name in REFUSED)
    if name not in REFUSED:
        off = {kind: distance(found, on_ranks[1][name][kind])
               for kind, found in on_ranks[2][name].items()}  # fmt: skip
        assert max(off.values()) < TOLERANCE, off
