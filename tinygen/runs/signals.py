"""Being asked to stop: the step under way is finished first.

    with stop_requests() as request:
        while request.signal is None:
            ...                                          # a step

SIGINT and SIGTERM are noted; a second SIGINT interrupts at once.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["StopRequest", "Stopped", "stop_requests"]


class Stopped(Exception):  # noqa: N818  nothing went wrong
    """A run was asked to stop, and has saved itself; `code` is for the process to exit with."""

    def __init__(self, number: int) -> None:
        self.code = 128 + number
        super().__init__(signal.Signals(number).name)


class StopRequest:
    """The signal that asked for an end; None while nobody has."""

    def __init__(self) -> None:
        self.signal: int | None = None


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Inside, SIGINT (Ctrl-C) and SIGTERM are noted; a second SIGINT interrupts at once.

    A signal that the process was told to ignore, as by nohup, stays ignored. Outside of the main
    thread, where Python takes no signals, nothing is noted.
    """
    request = StopRequest()

    def note(number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and request.signal is not None:
            raise KeyboardInterrupt
        request.signal = number

    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    watched = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) != signal.SIG_IGN]
    before = {number: signal.signal(number, note) for number in watched}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
