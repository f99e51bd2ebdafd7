"""Checkpoints: any state comes back to the last bit; a damaged one is refused, never loaded."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygen.runs import RunError, RunFolder
from tinygen.runs.checkpoints import CheckpointError, pack, unpack

STATE = {
    "steps": 3,
    "rng": {"key": [2**64 - 1, 0], "counter": [1, 2, 3, 4]},
    "generator": {"0.weight": np.arange(6, dtype="float32").reshape(2, 3)},
    "nothing": {},
    "empty": np.zeros((0, 3), "float64"),
    "scalar": np.array(2.5, "float32"),
    "flags": np.array([True, False]),
    "counts": np.array([-1, 2**62]),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "list": [1, None, {"deep": np.ones(1, "uint8")}, "text", True],
    "inf": math.inf,
}


def write(folder: Path, state, step: int = 1) -> Path:
    folder.mkdir(exist_ok=True)
    for name, content in pack(step, state).items():
        (folder / name).write_bytes(content)
    return folder


def assert_same(a, b) -> None:
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_same(x, y)
    elif isinstance(a, np.ndarray):
        assert (a.shape, a.dtype, a.tobytes()) == (b.shape, b.dtype, b.tobytes())
    else:
        assert repr(a) == repr(b)  # nan too


def test_a_state_comes_back_as_it_was(tmp_path):
    step, state = unpack(write(tmp_path / "c", STATE, step=17))
    assert step == 17
    assert_same(state, STATE)


def test_what_comes_back_is_writable_and_the_files_are_plain(tmp_path):
    folder = write(tmp_path / "c", STATE)
    _, state = unpack(folder)
    state["counts"] += 1
    strict_json = json.loads(
        (folder / "state.json").read_bytes(), parse_constant=lambda name: pytest.fail(name)
    )
    assert strict_json["state"]["empty"] == {"$array": "empty"}


def test_numpys_numbers_become_pythons_and_tuples_lists(tmp_path):
    _, state = unpack(write(tmp_path / "c", {"a": np.float32(0.5), "b": (1, np.int64(2))}))
    assert_same(state, {"a": 0.5, "b": [1, 2]})


def test_names_with_slashes_do_not_collide(tmp_path):
    state = {"a": {"b": np.zeros(1)}, "a/b": np.ones(1), "a/b'": np.full(1, 2.0)}
    assert_same(unpack(write(tmp_path / "c", state))[1], state)


arrays = hnp.arrays(
    st.sampled_from(["float32", "float64", "int64", "bool"]),
    hnp.array_shapes(min_dims=0, min_side=0),
)
plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
names = st.text(max_size=6).filter(lambda name: not name.startswith("$"))
states = st.recursive(
    plain | arrays,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=8,
)


@given(state=st.dictionaries(names, states, max_size=4))
def test_any_state_comes_back_as_it_was(tmp_path_factory, state):
    assert_same(unpack(write(tmp_path_factory.mktemp("c"), state))[1], state)


# -- damage ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json"])
def test_a_truncated_file_is_refused(tmp_path, name):
    folder = write(tmp_path / "c", STATE)
    content = (folder / name).read_bytes()
    for length in range(0, len(content) - 1, 37):
        (folder / name).write_bytes(content[:length])
        with pytest.raises(CheckpointError):
            unpack(folder)


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json"])
def test_a_flipped_bit_is_noticed(tmp_path, name):
    """Wherever it means something: white space and the like may differ."""
    folder = write(tmp_path / "c", STATE)
    content = (folder / name).read_bytes()
    for place in range(0, len(content), 11):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        (folder / name).write_bytes(damaged)
        try:
            step, state = unpack(folder)
        except CheckpointError:
            continue
        assert name == "state.json"
        assert step == 1
        assert_same(state, STATE)


HOSTILE = {
    "a list": "[]",
    "nested too deep": "[" * 100_000,
    "another format": '{"schema": 99}',
    "no state": '{"schema": 1, "step": 1, "sha256": ""}',
    "no text": "\xff\xfe",
    "a huge number": '{"schema": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_index_is_refused(tmp_path, text):
    folder = write(tmp_path / "c", STATE)
    (folder / "state.json").write_text(text, encoding="latin-1")
    with pytest.raises(CheckpointError):
        unpack(folder)


def test_a_missing_array_is_refused_even_where_the_checksum_is_right(tmp_path):
    folder = write(tmp_path / "c", {"a": {"$array": "not there"}})
    with pytest.raises(CheckpointError, match="form of a checkpoint"):
        unpack(folder)


def test_a_run_names_the_damaged_checkpoint_and_the_remedy(tmp_path):
    run = RunFolder.create(tmp_path / "run", {})
    run.save_checkpoint(1, STATE)
    target = run.save_checkpoint(2, STATE)
    (target / "arrays.safetensors").write_bytes(b"")
    with pytest.raises(RunError, match=r"step-000002 cannot be used .*: restore it, or remove it"):
        run.load_checkpoint()
    (target / "state.json").unlink()
    with pytest.raises(RunError, match="No such file"):
        run.load_checkpoint()
    assert run.load_checkpoint(run.checkpoints()[0])[0] == 1
