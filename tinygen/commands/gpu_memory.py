"""`--gpu-memory-limit`, for every command that computes on a device of the user's choice."""

from __future__ import annotations

from typing import Any

from ..backend import backend_for
from ..backend.memory import read_limit
from ..config import ConfigError

__all__ = ["add_option", "limit_gpu_memory"]


def add_option(command: Any) -> None:
    """Its place on a command's line."""
    command.add_argument(
        "--gpu-memory-limit", metavar="SIZE",
        help="the most that arrays may take of the GPU's memory: 4GB, 512MiB or 50%% "
        "(default: all of it)",
    )  # fmt: skip


def limit_gpu_memory(limit: str | None, *devices: str | None) -> None:
    """Set it on those of the devices that have memory of their own.

    Args:
        limit: as given on the command line; None for none.
        devices: where arrays will be; None for the default device.

    Raises:
        ConfigError: none of the devices has a pool of its own, or the limit makes no sense.
        DeviceError: a device cannot be used.
    """
    if limit is None:
        return
    pools = [(backend, pool) for d in devices if (pool := (backend := backend_for(d)).memory())]
    if not pools:
        raise ConfigError(
            "--gpu-memory-limit does nothing on the processor, where this would run: leave it out, "
            "or add --device cuda."
        )
    for backend, pool in pools:
        try:
            backend.limit_memory(read_limit(limit, pool.total))
        except ValueError as error:
            raise ConfigError(f"--gpu-memory-limit: {error}") from None
