"""Standard output and error that outlive their readers.

After ``manager.py | head`` has seen enough, every ``print`` of a handler would raise, and look like
the handler's failure.
"""

import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast


def survive_broken_pipes(on_broken: Callable[[], None]) -> None:
    """From now on, what nobody reads goes nowhere; ``on_broken`` is called when that begins."""
    sys.stdout = cast(TextIO, _Output(sys.stdout, on_broken))
    sys.stderr = cast(TextIO, _Output(sys.stderr, on_broken))


class _Output:
    """A stream, but for what it does when its pipe is broken."""

    def __init__(self, stream: TextIO, on_broken: Callable[[], None]) -> None:
        self._stream = stream
        self._on_broken = on_broken

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())
            self._on_broken()
            return len(text)

    def flush(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._stream.flush()
