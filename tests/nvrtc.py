"""NVRTC, NVIDIA's compiler of kernels, called directly: it needs neither a GPU nor a driver."""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
import importlib.util
from pathlib import Path

WHY_NOT = "NVRTC is not installed; pip install 'tinygen[nvrtc]' brings it"


class CompileError(Exception):
    """What the compiler says of a source."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """That of the wheel, or the system's; None where there is none."""
    spec = importlib.util.find_spec("nvidia")
    folders = [] if spec is None else list(spec.submodule_search_locations or [])
    wheels = [str(p) for folder in folders for p in Path(folder).rglob("libnvrtc.so.*")]
    system = [ctypes.util.find_library("nvrtc"), "libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"]
    for name in (*wheels, *system):
        try:
            if name:
                return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def compiled(source: str, options: tuple[str, ...]) -> tuple[bytes, str]:
    """The machine code of a source, and the compiler's warnings.

    Raises:
        CompileError: with the compiler's log.
    """
    nvrtc = library()
    assert nvrtc is not None, WHY_NOT
    program = ctypes.c_void_p()
    made = nvrtc.nvrtcCreateProgram(
        ctypes.byref(program), source.encode(), b"kernels.cu", 0, None, None
    )
    assert made == 0, f"nvrtcCreateProgram: error {made}"
    try:
        flags = [option.encode() for option in options]
        done = nvrtc.nvrtcCompileProgram(
            program, len(flags), (ctypes.c_char_p * len(flags))(*flags)
        )
        log = _bytes(nvrtc, "ProgramLog", program).rstrip(b"\0").decode().strip()
        if done:
            raise CompileError(log or f"error {done}")
        return _bytes(nvrtc, "CUBIN", program), log
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _bytes(nvrtc: ctypes.CDLL, what: str, program: ctypes.c_void_p) -> bytes:
    size = ctypes.c_size_t()
    assert getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size)) == 0
    buffer = ctypes.create_string_buffer(size.value)
    assert getattr(nvrtc, f"nvrtcGet{what}")(program, buffer) == 0
    return buffer.raw
