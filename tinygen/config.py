"""Settings of a recipe: a frozen dataclass whose fields say what they mean and what they may be.

@dataclass(frozen=True)
class Config:
    steps: int = setting(1000, "updates", low=1)
    loss: str = setting("hinge", choices=("hinge", "minimax"))

configure(Config(), {"steps": "2000"})
"""

from __future__ import annotations

import difflib
import json
import math
import tomllib
import typing
from collections.abc import Collection, Mapping
from dataclasses import field, fields, replace
from pathlib import Path
from typing import Any

__all__ = ["ConfigError", "configure", "meanings", "nearest", "read_settings", "setting"]


class ConfigError(ValueError):
    """A recipe or a setting does not exist or does not fit; the message says what would."""


def setting(
    default: Any,
    meaning: str = "",
    *,
    low: float | None = None,
    high: float | None = None,
    choices: Collection[str] = (),
) -> Any:
    """A field with its default, its meaning, and its least and greatest value or its choices.

    Limits of a tuple hold for each of its numbers.
    """
    metadata = {"meaning": meaning, "low": low, "high": high, "choices": tuple(choices)}
    return field(default=default, metadata=metadata)


def configure(defaults: Any, settings: Mapping[str, Any]) -> Any:
    """The defaults with `settings` put in, checked.

    Args:
        settings: name to value; texts are read as the setting's type: "1e-3", "128,128", "true".
            Values of other types must be of the setting's, but a whole number may stand for 2.0.
    """
    types = typing.get_type_hints(type(defaults))
    for name in settings:
        if name not in types:
            raise ConfigError(f"unknown setting {name!r}{nearest(name, types)}")
    config = replace(defaults, **{k: _read(k, v, types[k]) for k, v in settings.items()})
    for f in fields(config):
        _check(f.name, getattr(config, f.name), f.metadata)
    return config


def read_settings(path: Path) -> dict[str, Any]:
    """The settings in a file, by name: TOML, or JSON such as a run's config.json."""
    readers = {".toml": tomllib.loads, ".json": json.loads}
    if path.suffix not in readers:
        raise ConfigError(f"--config takes a .toml or .json file, not {path}.")
    try:
        settings = readers[path.suffix](path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path} ({error.strerror}): check the path.") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not {path.suffix[1:].upper()} ({error}): mend it.") from None
    if not isinstance(settings, dict):
        raise ConfigError(f"{path} holds no settings by name: write it as config.json is.")
    return settings


def meanings(defaults: Any) -> list[tuple[str, Any, str]]:
    """Name, default and meaning of each setting."""
    return [(f.name, getattr(defaults, f.name), f.metadata["meaning"]) for f in fields(defaults)]


def nearest(name: str, known: Collection[str]) -> str:
    """The end of an error about an unknown name: the known ones, and the likeliest."""
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]}?" if close else "."
    return f": known are {', '.join(known)}{hint}"


def _check(name: str, value: Any, metadata: Mapping[str, Any]) -> None:
    if metadata["choices"] and value not in metadata["choices"]:
        raise ConfigError(f"unknown {name} {value!r}{nearest(str(value), metadata['choices'])}")
    if metadata["low"] is None:
        return
    low, high = metadata["low"], metadata["high"]
    for number in value if isinstance(value, tuple) else (value,):
        if not low <= number <= high:
            raise ConfigError(
                f"{name} must be from {_grouped(low)} to {_grouped(high)}, not {_grouped(number)}."
            )


def _grouped(number: float) -> str:
    """As people read it, and never rounded to a limit that it exceeds."""
    return f"{number:,}" if isinstance(number, int) else f"{number:.15g}"


def _read(name: str, value: Any, kind: Any) -> Any:
    try:
        if not isinstance(value, str):
            return _typed(value, kind)
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        if kind in (int, float):
            return _typed(kind(value), kind)
        if kind is str:
            if "\0" in value:
                raise ValueError
            return value
        return tuple(int(part) for part in value.split(",") if part.strip())
    except (ValueError, TypeError, KeyError, OverflowError):
        expected = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
        wanted = expected.get(kind, "whole numbers with commas between, such as 128,128")
        raise ConfigError(f"{name} must be {wanted}, not {value!r}.") from None


def _typed(value: Any, kind: Any) -> Any:
    """A value that is no text, if it is of the type that it should be."""
    if kind is float and type(value) is int:
        value = float(value)
    if kind in (bool, int, float, str):
        if type(value) is not kind or (kind is float and not math.isfinite(value)):
            raise TypeError
        return value
    if any(type(part) is not int for part in value):
        raise TypeError
    return tuple(value)
