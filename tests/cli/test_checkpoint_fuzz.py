"""Checkpoints from a stranger, or from a dying disk: refused in one sentence, nothing executed."""

from __future__ import annotations

import json
import os
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import save

import tinygen
from tinygen.runs import RunError, RunFolder
from tinygen.runs.checkpoints import pack

ROOT = Path(tinygen.__file__).parents[1]


@pytest.fixture(scope="module")
def sound(tmp_path_factory) -> Path:
    """A run's folder with one checkpoint."""
    path = tmp_path_factory.mktemp("sound") / "run"
    folder = RunFolder.create(path, {"recipe": "gan"})
    state = {"w": np.arange(12.0).reshape(3, 4), "steps": 3, "nested": {"list": [1, 2.5, None]}}
    folder.save_checkpoint(3, state)
    return path


def files_of(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in (path / "checkpoints" / "step-000003").iterdir()}


def opened(path: Path) -> tuple[int, dict] | str:
    """The checkpoint, or the sentence that refuses it."""
    try:
        return RunFolder.open(path).load_checkpoint()
    except RunError as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert len(sentence) < 2000
    return sentence


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_damage_is_noticed(sound, tmp_path_factory, data):
    """Truncated, flipped or prolonged: never read as something else."""
    path = tmp_path_factory.mktemp("damaged") / "run"
    shutil.copytree(sound, path)
    name = data.draw(st.sampled_from(sorted(files_of(path))))
    content = bytearray(files_of(path)[name])
    kind = data.draw(st.sampled_from(["flip", "cut", "longer", "empty", "zeros"]))
    if kind == "flip":
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    elif kind == "cut":
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    elif kind == "longer":
        content += data.draw(st.binary(min_size=1, max_size=30))
    else:
        content = bytearray(len(content) if kind == "zeros" else 0)
    (path / "checkpoints" / "step-000003" / name).write_bytes(content)
    found = opened(path)
    if not isinstance(found, str):  # white space in JSON, say
        step, state = found
        assert step == 3
        np.testing.assert_array_equal(state["w"], np.arange(12.0).reshape(3, 4))
        assert state["nested"] == {"list": [1, 2.5, None]}


def header(entries: dict, length: int | None = None) -> bytes:
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text


HOSTILE = {
    "a header of 2^64 bytes": header({}, 2**64 - 1),
    "a header of 2^40 bytes": header({}, 2**40) + bytes(100),
    "a header that is no JSON": struct.pack("<Q", 8) + b"{{{{{{{{",
    "a deep header": struct.pack("<Q", 100_000) + b"[" * 100_000,
    "a petabyte": header({"w": {"dtype": "F64", "shape": [2**47], "data_offsets": [0, 2**50]}}),
    "a shape that overflows": header(
        {"w": {"dtype": "F64", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}
    ) + bytes(8),
    "offsets that run backwards": header(
        {"w": {"dtype": "F64", "shape": [1], "data_offsets": [8, 0]}}
    ) + bytes(8),
    "offsets beyond the end": header(
        {"w": {"dtype": "F64", "shape": [4], "data_offsets": [0, 32]}}
    ) + bytes(8),
    "negative shapes": header(
        {"w": {"dtype": "F64", "shape": [-1, -1], "data_offsets": [0, 8]}}
    ) + bytes(8),
    "a type unknown to NumPy": save({"w": np.zeros(4, "uint16")}).replace(b"U16", b"F99"),
}  # fmt: skip


def with_true_checksum(path: Path, content: bytes, monkeypatch) -> None:
    """A forger knows how checksums are made: write one that is right over hostile arrays."""
    import safetensors.numpy

    monkeypatch.setattr(safetensors.numpy, "save", lambda arrays: content)
    for name, part in pack(3, {"w": np.zeros(1)}).items():
        (path / "checkpoints" / "step-000003" / name).write_bytes(part)
    monkeypatch.undo()


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_headers_under_a_true_checksum(sound, tmp_path, monkeypatch, content):
    path = tmp_path / "run"
    shutil.copytree(sound, path)
    with_true_checksum(path, content, monkeypatch)
    found = opened(path)
    assert isinstance(found, str), found
    assert "cannot be used" in found
    assert "checksum" not in found


READ = """
import resource, sys
from pathlib import Path
limit = 700 << 20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
from tinygen.runs import RunError, RunFolder
try:
    RunFolder.open(Path(sys.argv[1])).load_checkpoint()
except RunError as error:
    print(error)
"""


@pytest.mark.parametrize("name", ["a header of 2^40 bytes", "a petabyte", "a deep header"])
def test_hostile_headers_take_little_memory(sound, tmp_path, monkeypatch, name):
    path = tmp_path / "run"
    shutil.copytree(sound, path)
    with_true_checksum(path, HOSTILE[name], monkeypatch)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ, str(path)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stderr == ""
    assert "cannot be used" in done.stdout


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "a/../../b", "\x1b[31m", ""])
def test_names_of_arrays_are_no_paths(tmp_path, name):
    folder = RunFolder.create(tmp_path / "run", {"recipe": "gan"})
    folder.save_checkpoint(3, {name: np.ones(2)})
    _, state = folder.load_checkpoint()
    np.testing.assert_array_equal(state[name], np.ones(2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["run"]


def test_links_and_pipes_in_place_of_files(sound, tmp_path):
    path = tmp_path / "run"
    shutil.copytree(sound, path)
    state = path / "checkpoints" / "step-000003" / "state.json"
    state.unlink()
    state.symlink_to("state.json")  # to itself
    assert "cannot be used" in opened(path)
    state.unlink()
    state.mkdir()
    assert "cannot be used" in opened(path)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_state_of_wrong_shapes_is_refused_by_every_command(run, data):
    """A sound checkpoint, of another network."""
    path = Path("runs/gan-digits-1")
    if not path.exists():
        run.train(steps=2)
    folder = RunFolder.open(path)
    intact = path.parent / "intact"
    if not intact.exists():
        shutil.copytree(path / "checkpoints", intact)
    _, state = folder.load_checkpoint(intact / "step-000002")

    def places(node, where=()):
        if isinstance(node, dict):
            return [p for key, value in node.items() for p in places(value, (*where, key))]
        return [where]

    place = data.draw(st.sampled_from(places(state)))
    node = state
    for key in place[:-1]:
        node = node[key]
    other = st.sampled_from([
        None, "text", -1, 10**30, [], {}, [[1]], np.zeros(3), np.zeros((2, 2), "float32"),
        np.zeros(3, "int64"), float("nan"),
    ])  # fmt: skip
    if data.draw(st.booleans(), "left out"):
        del node[place[-1]]
    else:
        node[place[-1]] = data.draw(other)
    folder.save_checkpoint(3, state)
    for command in ("sample", "export"):
        result = run(command, path, "--step", 3)
        assert "Traceback" not in result.err
        assert result.code == 0 or result.sentence
