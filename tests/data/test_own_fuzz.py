"""Data from a stranger: damaged, lying, or made to exhaust memory. DataError, and nothing else."""

from __future__ import annotations

import contextlib
import io
import os
import pickle
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import tinygen
from tinygen.data import DataError, load, load_npz
from tinygen.data.limits import check_size

ROOT = Path(tinygen.__file__).parents[1]

LIMIT = 600 << 20
"""Of the address space of a process that reads a hostile file; Python with NumPy takes half."""

READ = f"""
import resource, sys
resource.setrlimit(resource.RLIMIT_AS, ({LIMIT}, {LIMIT}))
from tinygen.data import DataError, load
try:
    load(sys.argv[1])
except DataError as error:
    print(error)
    # getrusage would tell the peak of the process that started this one.
    with open("/proc/self/status") as lines:
        status = dict(line.split(":", 1) for line in lines)
    print(status["VmHWM"].split()[0])
"""


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured by /proc")


def refused_in_little_memory(path: Path) -> str:
    """The sentence that refuses it, from a process that used less than 150 MiB for it."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READ, str(path)],
        capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.stderr == ""
    sentence, peak = done.stdout.splitlines()
    assert int(peak) < 150 << 10, f"{int(peak) >> 10} MiB"
    return sentence


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises so many pixels and holds none."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@linux
@pytest.mark.parametrize("size", [(50_000, 43_000), (2**31 - 1, 2**31 - 1), (5_000, 5_000)])
def test_an_image_header_that_promises_gigapixels(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png_header(*size))
    assert "a.png has more than 16,777,216 pixels" in refused_in_little_memory(tmp_path)


@pytest.mark.slow
@linux
def test_a_zip_bomb(tmp_path):
    """A gigabyte of zeros in a megabyte: its size is asked before it is unpacked."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1 << 20, 1024)}
    )
    path = tmp_path / "own.npz"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("train.npy", "w") as file,
    ):
        file.write(header.getvalue())
        for _ in range(64):
            file.write(bytes(1 << 24))
    assert path.stat().st_size < 2 << 20
    assert "need 16.0 GiB" in refused_in_little_memory(path)


@linux
@pytest.mark.parametrize("shape", ["(10**12,)", f"({2**40}, 8)", f"({2**63}, {2**63})", "(-4, 2)"])
def test_a_header_that_promises_more_than_there_is(tmp_path, shape):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head.encode() + bytes(64)
    (tmp_path / "own.npy").write_bytes(content)
    assert "damaged or not plain arrays" in refused_in_little_memory(tmp_path / "own.npy")
    with zipfile.ZipFile(tmp_path / "own.npz", "w") as archive:
        archive.writestr("train.npy", content)
    assert "damaged or not plain arrays" in refused_in_little_memory(tmp_path / "own.npz")


@linux
def test_a_table_of_one_endless_line(tmp_path):
    path = tmp_path / "own.csv"
    path.touch()
    os.truncate(path, 400 << 20)
    assert "numbers need 3.1 GiB" in refused_in_little_memory(path)
    path.write_bytes(b"1" * (8 << 20))
    assert "has a line of over 4,194,304 characters" in refused_in_little_memory(path)
    path.write_bytes(b'a,b\n1,"' + b"x" * (1 << 20) + b'"\n')
    assert "field larger than field limit" in refused_in_little_memory(path)


def test_more_than_this_machine_has_is_refused_in_words():
    with pytest.raises(DataError, match=r"own: 1,000,000,000,000,000 numbers need .* GiB"):
        check_size(10**15, "own")


class Boom:
    """What a pickle runs when it is opened."""

    def __reduce__(self):
        return (os.mkdir, ("executed",))


def test_pickled_objects_are_never_opened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    objects = np.array([[Boom(), Boom()]], dtype=object)
    np.save("own.npy", objects)
    np.savez("own.npz", train=objects)
    Path("raw.npy").write_bytes(pickle.dumps(Boom()))
    for name in ("own.npy", "own.npz", "raw.npy"):
        with pytest.raises(DataError):
            load(name)
    assert not Path("executed").exists()


@pytest.mark.parametrize("member", [
    "../../outside.npy", "/tmp/outside.npy", "train/../../outside.npy", "C:\\outside.npy",
    "train.npy\n.npy", "\x1b[31mtrain.npy", "x" * 60_000,
])  # fmt: skip
def test_names_within_an_archive_are_names_and_no_paths(tmp_path, member):
    path = tmp_path / "in" / "own.npz"
    path.parent.mkdir()
    np.savez(path, train=np.zeros((5, 2)))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(member, b"content")
    with pytest.raises(DataError, match="holds") as caught:
        load_npz(path)
    message = str(caught.value)
    assert message.isprintable()
    assert len(message) < 1000
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "own.npz"]


def test_an_archive_with_two_arrays_of_one_name(tmp_path):
    path = tmp_path / "own.npz"
    np.savez(path, train=np.zeros((5, 2)))
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("train.npy", b"content")
    with pytest.raises(DataError, match="holds train, train"):
        load_npz(path)


def test_a_pipe_is_not_waited_for(tmp_path):
    for name in ("own.csv", "own.npy", "own.npz", "images/a.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        os.mkfifo(tmp_path / name)
        with pytest.raises(DataError, match="no plain file"):
            load(str(tmp_path / name).removesuffix("/a.png"))


# -- damage of every kind --------------------------------------------------------------------------


def whole(kind: str) -> bytes:
    """A small file of its kind."""
    buffer = io.BytesIO()
    rng = np.random.default_rng(0)
    if kind == "npy":
        np.save(buffer, rng.random((10, 2), "float32"))
    elif kind == "npz":
        np.savez_compressed(buffer, train=rng.random((10, 2), "float32"))
    elif kind == "csv":
        return b"a,b,label\n" + b"".join(b"%d,%d.5,c%d\n" % (i, i * i, i % 2) for i in range(10))
    else:
        pixels = rng.integers(0, 256, (8, 8, 3), "uint8")
        Image.fromarray(pixels).save(buffer, "JPEG" if kind == "jpg" else kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["npy", "npz", "csv", "png", "jpg", "webp", "bmp", "ppm"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damaged_files_raise_data_error_only(tmp_path_factory, kind, data):
    content = bytearray(whole(kind))
    for _ in range(data.draw(st.integers(0, 3), "flips")):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    if data.draw(st.booleans(), "truncated"):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    if data.draw(st.booleans(), "with junk"):
        content += data.draw(st.binary(max_size=40))
    folder = tmp_path_factory.mktemp("damaged")
    path = folder / f"own.{kind}"
    path.write_bytes(content)
    if kind not in ("npy", "npz", "csv"):
        for i in range(4):
            (folder / f"sound-{i}.{kind}").write_bytes(whole(kind))
        path = folder
    with contextlib.suppress(DataError):
        assert np.isfinite(load(str(path)).train).all()


@settings(max_examples=150, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("1.-e,;\t\n\r\"'aé_ \0\x1b"), max_size=60))
def test_any_text_is_a_table_or_refused(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "any.csv"
    path.write_text(text, encoding="utf-8", newline="")
    with contextlib.suppress(DataError):
        assert np.isfinite(load(str(path)).train).all()
