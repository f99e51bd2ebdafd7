"""The `tinygen` command: what it takes, and how it ends.

`main(["info"])` does from Python what `tinygen info` does in a shell, and returns the exit code.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence

from . import __version__
from .backend import DeviceError
from .backend.numpy import keep_freed_memory
from .commands import COMMANDS
from .config import ConfigError
from .data import DataError
from .parallel.launch import LaunchError, alone
from .runs import RunError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code.

    0; 1 for a failed check, 2 for what the user can mend, 130 for Ctrl-C, 143 for SIGTERM.

    What cannot be done is told in one sentence on stderr. A traceback is a bug.
    """
    options = _parser().parse_args(arguments)
    keep_freed_memory()
    if isinstance(sys.stdout, io.TextIOWrapper):  # a file's name may be no text
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        if not options.on_ranks:
            alone(options.command)
        code = options.run(options)
        sys.stdout.flush()
    except (ConfigError, RunError, DataError, DeviceError, LaunchError) as error:
        print(f"tinygen: {_one_line(str(error))}", file=sys.stderr)
        return 2
    except MemoryError:
        print(
            "tinygen: there is not enough memory for this: take narrower layers, a smaller batch "
            "or fewer samples.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt as interrupt:
        standing = f" ({interrupt})" if str(interrupt) else ""
        print(f"\ntinygen: interrupted{standing}.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # as by `tinygen recipes | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code or 0


def _one_line(message: str) -> str:
    """A message whose names of files and columns cannot break the line or steer the terminal."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in message)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="tinygen", description="Generative models on a small autograd engine."
    )
    parser.add_argument("--version", action="version", version=f"tinygen {__version__}")
    parser.set_defaults(on_ranks=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    for command in COMMANDS:
        command.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
