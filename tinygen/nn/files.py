"""Weights in safetensors files, under PyTorch's names: either loads what the other saved.

    nn.save(generator, "generator.safetensors")
    generator.load_state_dict(nn.load("generator.safetensors"))

A file appears complete or not at all.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from .module import Module

__all__ = ["load", "save"]


def save(source: Module | Mapping[str, np.ndarray], path: str | os.PathLike[str]) -> None:
    """Write a module's state, or a dict of host arrays, to a safetensors file.

    The file appears complete or not at all: it is written beside `path` and then renamed. Raises
    OSError where it cannot be written.

    >>> nn.save(nn.Linear(3, 2, rng=rng), "layer.safetensors")
    >>> sorted(nn.load("layer.safetensors"))
    ['bias', 'weight']
    """
    from safetensors.numpy import save as to_bytes

    state = source.state_dict() if isinstance(source, Module) else source
    # safetensors would write the memory of a transposed array in the wrong order
    content = to_bytes(
        {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in state.items()}
    )
    path = Path(path)
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """The arrays of a safetensors file by name, for `module.load_state_dict`.

    Raises:
        ValueError: the file is truncated, not a safetensors file, or of a type that NumPy lacks.
        OSError: it cannot be read.

    >>> nn.save({"w": np.ones(2)}, "weights.safetensors")
    >>> nn.load("weights.safetensors")
    {'w': array([1., 1.])}
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as from_bytes

    content = Path(path).read_bytes()
    try:
        arrays = from_bytes(content)
    except KeyError as error:
        raise ValueError(
            f"load: {path} holds numbers of type {error}, which NumPy lacks; save it as float32."
        ) from error
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"load: {path} is not a complete safetensors file ({error}); copy or save it again."
        ) from error
    return {name: array.copy() for name, array in arrays.items()}  # of its own, and writable
