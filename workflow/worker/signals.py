"""SIGINT and SIGTERM to a worker: once to finish what runs, twice to leave at once."""

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Protocol


class Stoppable(Protocol):
    def stop(self) -> None: ...
    def leave_now(self) -> None: ...


@contextmanager
def stop_on_signals(
    target: Stoppable, numbers: Sequence[signal.Signals] = (signal.SIGINT, signal.SIGTERM)
) -> Iterator[None]:
    """Does nothing outside the main thread, where Python delivers no signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    owner = os.getpid()
    seen = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal seen
        if os.getpid() != owner:
            # A handler has forked this process, and now wants to end it.
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif seen:
            target.leave_now()
        else:
            seen = True
            target.stop()

    before = {number: signal.signal(number, on_signal) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
