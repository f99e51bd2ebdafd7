"""Whether the layers that settings ask for fit into memory: asked before any is made."""

from __future__ import annotations

from dataclasses import fields
from itertools import pairwise
from typing import Any

from ..config import ConfigError
from ..data.limits import memory

__all__ = ["check_size"]

BYTES_PER_WEIGHT = 12
"""At the least: it, its gradient and one average of the optimizer's, in float32."""


def check_size(config: Any) -> None:
    """Raise ConfigError when the weights between the widths in one setting cannot be held.

    A bound from below, for what would surely end in the process being killed: layers at the ends of
    a network and kernels larger than 1 come on top. On a GPU its own memory is the limit.
    """
    if config.device.startswith("cuda"):
        return
    there_is = memory()
    for field in fields(config):
        widths = getattr(config, field.name)
        if not isinstance(widths, tuple) or not all(isinstance(width, int) for width in widths):
            continue
        needed = BYTES_PER_WEIGHT * sum(a * b for a, b in pairwise(widths))
        if needed > there_is:
            raise ConfigError(
                f"{field.name}: training layers of {', '.join(map(str, widths))} units takes at "
                f"least {needed / 2**30:,.1f} GiB, and this machine has {there_is / 2**30:,.1f} "
                "GiB: take narrower layers."
            )
