"""IDX: the file format of MNIST and its descendants.

Two zero bytes, a type code, the number of axes, each axis as a big-endian uint32, then the elements
in C order. Source: LeCun, Cortes and Burges, "The MNIST database of handwritten digits", 1998.
"""

import gzip
import math
import struct
import zlib
from os import PathLike, fspath
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from .errors import DataError

UNSIGNED_BYTE = 0x08
GZIP_MAGIC = b"\x1f\x8b"
CHUNK = 1 << 20


def read_idx(path: str | PathLike[str]) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an IDX file, gzipped or plain (told by its first bytes).

    Its shape is what the header declares: (N, H, W) for images, (N,) for labels.

    Raises DataError when the file cannot be read, is not IDX, holds another element type, or holds
    fewer or more bytes than its header declares.

    >>> with open("bytes.idx", "wb") as file:
    ...     _ = file.write(bytes([0, 0, 8, 1, 0, 0, 0, 2, 7, 9]))  # one axis of length 2
    >>> read_idx("bytes.idx")
    array([7, 9], dtype=uint8)
    """
    name = fspath(path)
    try:
        with open(name, "rb") as file:
            is_gzip = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if not is_gzip:
                return _parse(file, name)
            with gzip.GzipFile(fileobj=file) as unzipped:
                return _parse(cast(IO[bytes], unzipped), name)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{name}: the gzip data is corrupt ({error}): fetch it again.") from error
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{name}: cannot be read ({reason}): check the path.") from error


def check_pair(images: NDArray[np.uint8], labels: NDArray[np.uint8], name: str) -> None:
    """Raise DataError unless images (N, H, W) and labels (N,) belong together; name: whose."""
    if images.ndim != 3 or labels.ndim != 1:
        raise DataError(
            f"{name}: images have shape {images.shape} and labels {labels.shape}, expected"
            " (N, H, W) and (N,): check that the two files are not swapped."
        )
    if len(images) != len(labels):
        raise DataError(
            f"{name}: {len(images)} images but {len(labels)} labels: the two files must come from"
            " one release of the dataset."
        )


def _parse(file: IO[bytes], name: str) -> NDArray[np.uint8]:
    shape = _read_shape(file, name)
    declared = math.prod(shape)
    # One byte past the end tells trailing bytes, and makes gzip verify its checksum.
    elements = _read_up_to(file, declared + 1)
    if len(elements) < declared:
        raise DataError(
            f"{name}: truncated, the header declares shape {shape} ({declared} bytes) but"
            f" {len(elements)} follow: fetch it again."
        )
    if len(elements) > declared:
        raise DataError(
            f"{name}: bytes remain after the {declared} that the header declares (shape {shape}):"
            " fetch it again."
        )
    return np.frombuffer(elements, dtype=np.uint8).reshape(shape)


def _read_shape(file: IO[bytes], name: str) -> tuple[int, ...]:
    magic = file.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0":
        raise DataError(
            f"{name}: not an IDX file, it starts with {magic!r} instead of two zero bytes, a type"
            " code and a number of axes: check the path."
        )
    code, n_axes = magic[2], magic[3]
    if code != UNSIGNED_BYTE:
        raise DataError(
            f"{name}: IDX type code 0x{code:02x} is not supported: store unsigned bytes"
            f" (0x{UNSIGNED_BYTE:02x})."
        )
    if not 1 <= n_axes <= 4:
        raise DataError(
            f"{name}: the IDX header declares {n_axes} axes, expected 1 to 4: fetch it again."
        )
    sizes = file.read(4 * n_axes)
    if len(sizes) < 4 * n_axes:
        raise DataError(f"{name}: truncated within the IDX header: fetch it again.")
    return struct.unpack(f">{n_axes}I", sizes)


def _read_up_to(file: IO[bytes], limit: int) -> bytearray:
    """At most `limit` bytes, in chunks: a lying header must not decide how much is allocated."""
    contents = bytearray()
    while len(contents) < limit:
        chunk = file.read(min(CHUNK, limit - len(contents)))
        if not chunk:
            break
        contents += chunk
    return contents
