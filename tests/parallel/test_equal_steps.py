"""Ranks with a share of the batch each take the steps of one process with all of it."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import equal_steps
import mpiexec
import numpy as np
import pytest

SCRIPT = Path(equal_steps.__file__)
CASES = [*equal_steps.RECIPES, *equal_steps.OPTIMIZERS]

State = dict[str, np.ndarray]


def sorted_by_case(found: State) -> dict[str, State]:
    cases: dict[str, State] = defaultdict(dict)
    for name, array in found.items():
        case, _, rest = name.partition("/")
        cases[case][rest] = array
    return mpiexec.Stored(cases)


def on_ranks(n: int, path: Path) -> dict[str, State]:
    ended = mpiexec.run(n, SCRIPT, path)
    assert ended.returncode == 0, ended.stderr
    with np.load(path) as stored:
        return sorted_by_case({name.replace("|", "/"): stored[name] for name in stored})


@pytest.fixture(scope="module")
def one() -> dict[str, State]:
    return sorted_by_case(equal_steps.everything())


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> dict[int, dict[str, State]]:
    folder = tmp_path_factory.mktemp("ranks")
    return mpiexec.Stored({n: on_ranks(n, folder / f"{n}.npz") for n in (2, 3)})


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("n", [2, 3])
def test_n_ranks_with_a_share_of_the_batch_take_the_steps_of_one_with_all_of_it(
    n, case, one, several
):
    expected, found = mpiexec.Stored(one[case]), mpiexec.Stored(several[n][case])
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_two_ranks_repeat_themselves_to_the_last_bit(several, tmp_path):
    again = on_ranks(2, tmp_path / "again.npz")
    for case, state in several[2].items():
        for name, array in state.items():
            np.testing.assert_array_equal(again[case][name], array, err_msg=f"{case} {name}")
