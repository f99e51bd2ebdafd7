"""IDX files: the good ones read back, each kind of bad one is refused in one sentence."""

import contextlib
import gzip
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygen.data import DataError, read_idx
from tinygen.data.idx import check_pair


def encode(array, code=0x08):
    sizes = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, code, array.ndim]) + sizes + array.tobytes()


IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
GOOD = encode(IMAGES)


def read_bytes(folder, contents):
    path = folder / "file"
    path.write_bytes(contents)
    return read_idx(path)


@settings(deadline=None)
@given(
    array=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5)),
    zipped=st.booleans(),
)
def test_reads_back_what_was_written(tmp_path_factory, array, zipped):
    contents = encode(array)
    folder = tmp_path_factory.getbasetemp()
    read = read_bytes(folder, gzip.compress(contents, mtime=0) if zipped else contents)
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, array)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
@pytest.mark.parametrize(
    ("contents", "cause"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (b"PK\3\4" + GOOD, "not an IDX file"),
        (encode(IMAGES, code=0x0D), "type code 0x0d is not supported"),
        (encode(IMAGES, code=0x00), "type code 0x00 is not supported"),
        (b"\0\0\x08\0", "0 axes"),
        (b"\0\0\x08\xff" + GOOD, "255 axes"),
        (GOOD[:9], "truncated within the IDX header"),
        (GOOD[:-1], r"truncated, the header declares shape \(2, 3, 4\) \(24 bytes\) but 23 follow"),
        (GOOD[:16], "but 0 follow"),
        (GOOD + b"\0", "bytes remain after the 24"),
    ],
)
def test_malformed_contents_are_refused(tmp_path, wrap, contents, cause):
    with pytest.raises(DataError, match=cause):
        read_bytes(tmp_path, wrap(contents))


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_lying_header_allocates_nothing(tmp_path, wrap):
    huge = b"\0\0\x08\x03" + struct.pack(">3I", 2**32 - 1, 2**32 - 1, 2**32 - 1) + b"few"
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="truncated"):
            read_bytes(tmp_path, wrap(huge))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 << 20


ZIPPED = gzip.compress(GOOD, mtime=0)


@pytest.mark.parametrize(
    "contents",
    [
        ZIPPED[:-9],
        ZIPPED[:-1],
        ZIPPED[:5],
        ZIPPED[:-8] + bytes([ZIPPED[-8] ^ 1]) + ZIPPED[-7:],
        ZIPPED[:10] + b"\xff" * 20,
        ZIPPED + b"garbage",
    ],
    ids=["no-trailer", "short-trailer", "header-only", "checksum", "deflate", "garbage-after"],
)
def test_corrupt_gzip_is_refused(tmp_path, contents):
    with pytest.raises(DataError, match="the gzip data is corrupt"):
        read_bytes(tmp_path, contents)


@settings(deadline=None)
@given(st.data())
def test_any_damaged_byte_is_refused_or_harmless(tmp_path_factory, data):
    """A flipped byte gives a DataError, never another exception, and never other pixels."""
    place = data.draw(st.integers(0, len(ZIPPED) - 1))
    damaged = bytearray(ZIPPED)
    damaged[place] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(DataError):
        read = read_bytes(tmp_path_factory.getbasetemp(), bytes(damaged))
        np.testing.assert_array_equal(read, IMAGES)


def test_unreadable_paths_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"cannot be read \(No such file or directory\)"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


def test_images_and_labels_must_belong_together():
    labels = np.zeros(2, np.uint8)
    check_pair(IMAGES, labels, "mine")
    with pytest.raises(DataError, match="mine: 2 images but 3 labels"):
        check_pair(IMAGES, np.zeros(3, np.uint8), "mine")
    with pytest.raises(DataError, match="not swapped"):
        check_pair(labels, IMAGES, "mine")
