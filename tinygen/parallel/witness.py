"""One sentence where a rank was killed.

mpiexec ends the others at once, by a signal that no process can answer; so nobody is left to say
what stands. This script is: rank 0 starts it, and holds the other end of its input. When that ends
without a word, rank 0 is gone, and the run with it.

Run as a script, it imports nothing but the standard library, and waits in 10 MB of memory.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["witnessed"]


@contextmanager
def witnessed(folder: Path, ranks: int) -> Iterator[None]:
    """Inside, the death of this process is told on stderr, with what stands in the run's folder."""
    command = [sys.executable, "-S", __file__, str(folder), str(ranks)]
    # A session of its own: it shall outlive the signals that end this process.
    watcher = subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield
    finally:
        with suppress(BrokenPipeError):
            watcher.communicate(b"alive")


def _main(folder: Path, ranks: str) -> None:
    if sys.stdin.buffer.read():
        return
    kept = sorted(
        (folder / "checkpoints").glob("step-*"), key=lambda p: int(p.name.partition("-")[2])
    )
    stands = f"{kept[-1]} stands" if kept else "there was no checkpoint yet"
    sys.stderr.write(
        f"tinygen: one of the {ranks} ranks died, and the run with it ({stands}; go on with "
        f"tinygen train --resume {folder}).\n"
    )


if __name__ == "__main__":
    _main(Path(sys.argv[1]), sys.argv[2])
