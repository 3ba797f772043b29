"""Keeps a number of worker processes running.

Owns the processes: starts them anew when they die, and passes SIGINT and SIGTERM on. Each is a
fresh interpreter ("spawn"), so nothing of one worker's state, threads or connections reaches
another. It needs no database: what a dead worker had in hand is given back by the others, and by
its successor.
"""

import contextlib
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from workflow.worker.signals import Stoppable, stop_on_signals

log = logging.getLogger(__name__)

# A worker that dies within this time of its start is started again only after a pause.
_EARLY_SECONDS = 5.0
_LONGEST_PAUSE_SECONDS = 10.0
_BETWEEN_SIGNALS_SECONDS = 0.2


class Supervisor:
    """Runs ``target(*arguments, ready)`` in ``processes`` processes.

    ``ready`` is to be called by each of them when it can take work; ``on_ready`` is called here,
    once, when all can.
    """

    def __init__(
        self,
        target: Callable[..., None],
        arguments: Sequence[Any],
        *,
        processes: int,
        grace_seconds: float,
        on_ready: Callable[[], None],
    ) -> None:
        self._target = target
        self._arguments = tuple(arguments)
        self._places = [_Place() for _ in range(processes)]
        self._grace_seconds = grace_seconds
        self._on_ready = on_ready
        self._announced = False
        self._stop_at: float | None = None
        self._terms = 0
        # Wakes the loop when a signal arrives.
        self._wake_reader, self._wake_writer = multiprocessing.Pipe(duplex=False)

    def stop(self) -> None:
        """Tells the workers to finish what they run."""
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self._grace_seconds + 5.0
            self._ask()

    def leave_now(self) -> None:
        """Tells the workers, a second time, to leave at once."""
        self._ask()

    def _ask(self) -> None:
        # Carried out by the loop: a signal may come while a process is being started.
        self._terms += 1
        self._wake_writer.send(None)

    def run(self) -> None:
        """Blocks until :meth:`stop` was called and all workers are gone."""
        with stop_on_signals(self):
            while self._stop_at is None or any(place.process for place in self._places):
                if self._stop_at is None:
                    self._start_missing()
                for place in self._places:
                    place.terminate(self._terms)
                    if self._stop_at is not None and time.monotonic() > self._stop_at:
                        place.kill()
                wait([*self._watched(), self._wake_reader], timeout=_BETWEEN_SIGNALS_SECONDS)
                if self._wake_reader.poll():
                    self._wake_reader.recv()
                self._notice()

    def _start_missing(self) -> None:
        for place in self._places:
            if place.process is None and time.monotonic() >= place.start_at:
                place.start(self._target, self._arguments)

    def _watched(self) -> list[Any]:
        sentinels = [place.process.sentinel for place in self._places if place.process]
        return [*sentinels, *(place.ready for place in self._places if place.ready)]

    def _notice(self) -> None:
        for place in self._places:
            place.check_ready()
            if place.process is not None and place.process.exitcode is not None:
                place.bury(expected=self._stop_at is not None)
        if not self._announced and all(place.is_ready for place in self._places):
            self._announced = True
            self._on_ready()


class _Place:
    """Where one worker process runs, and its successors after it."""

    def __init__(self) -> None:
        self.process: BaseProcess | None = None
        self.ready: Connection | None = None
        self.is_ready = False
        self.start_at = 0.0
        self._started_at = 0.0
        self._early_deaths = 0
        self._terms = 0
        self._next_term_at = 0.0

    def start(self, target: Callable[..., None], arguments: tuple[Any, ...]) -> None:
        context = multiprocessing.get_context("spawn")
        self.ready, theirs = context.Pipe(duplex=False)
        self.process = context.Process(
            target=_run_child, args=(target, arguments, theirs), name="worker"
        )
        self.process.start()
        theirs.close()
        self._started_at = time.monotonic()
        self._terms = 0

    def terminate(self, times: int) -> None:
        """Sends SIGTERM up to ``times`` times, but not at once: pending signals merge."""
        clock = time.monotonic()
        if self.process is not None and self._terms < times and clock >= self._next_term_at:
            self._terms += 1
            self._next_term_at = clock + _BETWEEN_SIGNALS_SECONDS
            self.process.terminate()

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    def check_ready(self) -> None:
        if self.ready is not None and self.ready.poll():
            with contextlib.suppress(EOFError):
                self.ready.recv()
                self.is_ready = True
            self.ready.close()
            self.ready = None

    def bury(self, *, expected: bool) -> None:
        assert self.process is not None
        code = self.process.exitcode
        pid = self.process.pid
        self.process.join()
        self.process = None
        if expected:
            return
        early = time.monotonic() - self._started_at < _EARLY_SECONDS
        self._early_deaths = min(self._early_deaths + 1, 10) if early else 0
        pause = min(_LONGEST_PAUSE_SECONDS, 0.125 * 2.0**self._early_deaths) if early else 0.0
        self.start_at = time.monotonic() + pause
        how = (
            f"was killed by signal {-code}" if code is not None and code < 0 else f"exited ({code})"
        )
        log.warning("worker process %s %s; a new one starts in %.1f s", pid, how, pause)


class _Ready:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __call__(self) -> None:
        self._connection.send(None)
        self._connection.close()


def _run_child(target: Callable[..., None], arguments: tuple[Any, ...], ready: Connection) -> None:
    # Ctrl-C in a terminal reaches every process of the group. The supervisor's word counts.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    target(*arguments, _Ready(ready))


def stop_with_parent(worker: Stoppable) -> None:
    """Stops the worker when the supervisor dies, so that none is left behind unseen."""
    parent = multiprocessing.parent_process()
    if parent is None:
        return

    def watch() -> None:
        parent.join()
        log.warning("the supervisor is gone; the worker stops")
        worker.stop()

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
