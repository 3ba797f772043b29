"""Runs handlers, each in a thread, and reports what came of it.

Owns the threads and the hand: the messages that the worker has taken and not yet run. It never
touches the database. Every delivery that is given in comes out once: as an outcome, or taken back.
"""

import ctypes
import logging
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timezone
from queue import Empty, SimpleQueue

from workflow.context import Attempt, current_attempt
from workflow.effects import Effects
from workflow.encoding import decode, storable
from workflow.errors import HandlerTimeout, StoreUnavailable
from workflow.model import Delivery
from workflow.registry import Handler, Registry

log = logging.getLogger(__name__)


class _Interrupted(BaseException):
    """Raised inside a handler that has run out of time. Not an Exception: nobody is to catch it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Failure:
    """Why an attempt failed, in one line and in full; None for the wait when no try is left."""

    summary: str
    traceback: str
    retry_seconds: float | None


@dataclass(kw_only=True, slots=True, eq=False)
class Outcome:
    """What came of an attempt.

    ``skipped``: it counts for nothing, and the message is as before. Its incident was about to end
    and it was not begun, or the database was away.
    """

    delivery: Delivery
    started_at: datetime
    run_seconds: float
    effects: Effects
    failure: Failure | None = None
    skipped: bool = False


@dataclass(kw_only=True, slots=True, eq=False)
class Run:
    """A handler that runs now. ``began`` is of the monotonic clock."""

    delivery: Delivery
    thread_id: int
    timeout: float | None
    started_at: datetime
    began: float
    noted: bool = False
    over: bool = False


@dataclass(slots=True)
class CommitBarrier:
    """Lets a handler wait until the results before it are in the database.

    Results are numbered as they are reported, and committed in that order, so one number says how
    far the commits have come.
    """

    _reported: int = 0
    _committed: int = 0
    _latest: dict[str, int] = field(default_factory=dict)
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def report(self, outcome: Outcome, put: Callable[[Outcome], None]) -> None:
        with self._changed:
            self._reported += 1
            self._latest[outcome.delivery.incident_id] = self._reported
            put(outcome)

    def committed(self, outcomes: Collection[Outcome]) -> None:
        with self._changed:
            self._committed += len(outcomes)
            for outcome in outcomes:
                incident_id = outcome.delivery.incident_id
                if self._latest.get(incident_id, 0) <= self._committed:
                    self._latest.pop(incident_id, None)
            self._changed.notify_all()

    def wait(self, incident_id: str) -> None:
        """Until every result of the incident that was reported before now is committed."""
        with self._changed:
            target = self._latest.get(incident_id, 0)
            self._changed.wait_for(lambda: self._committed >= target)


class Runner:
    """``threads`` handlers at a time, in the order of :meth:`start`."""

    def __init__(
        self, registry: Registry, engine: object, threads: int, report: Callable[[Outcome], None]
    ) -> None:
        self._registry = registry
        self._engine = engine
        self._threads = threads
        self._report = report
        self._hand: SimpleQueue[Delivery | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._runs: dict[int, Run] = {}
        self._ending: set[str] = set()
        self._alive = 0
        self.barrier = CommitBarrier()

    def start(self, deliveries: Collection[Delivery]) -> None:
        while self._alive < self._threads:
            self._alive += 1
            name = f"handler-{self._alive}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
        for delivery in deliveries:
            self._hand.put(delivery)

    def stop(self) -> None:
        """Ends the threads that are idle; the others end after what they run."""
        for _ in range(self._alive):
            self._hand.put(None)

    @property
    def unstarted(self) -> int:
        return self._hand.qsize()

    def running(self) -> list[Run]:
        with self._lock:
            return list(self._runs.values())

    def take_back(self) -> list[Delivery]:
        """Whatever has not begun; it is the caller's again."""
        taken: list[Delivery] = []
        try:
            while True:
                delivery = self._hand.get_nowait()
                if delivery is not None:
                    taken.append(delivery)
        except Empty:
            return taken

    def forget(self, incident_ids: Collection[str]) -> list[Delivery]:
        """Drops what has not begun of incidents that have ended, and says what that was."""
        dropped: deque[Delivery] = deque()
        for delivery in self.take_back():
            if delivery.incident_id in incident_ids:
                dropped.append(delivery)
            else:
                self._hand.put(delivery)
        with self._lock:
            self._ending.difference_update(incident_ids)
        return list(dropped)

    def give_up(self, run: Run, error: BaseException) -> None:
        """Reports a run as failed while it goes on. Its thread is told to stop, and replaced.

        A thread inside C code (``time.sleep``, a solver) hears of it when that returns; until then
        it goes on beside its successor. Whatever it returns then counts for nothing.
        """
        with self._lock:
            if run.over:
                return
            run.over = True
            del self._runs[run.thread_id]
            self._alive -= 1
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(run.thread_id), ctypes.py_object(_Interrupted)
            )
        handler = self._registry[run.delivery.queue]
        self._finish(run, failure=_failure(handler, run.delivery, error))
        self.start(())

    def _work(self) -> None:
        try:
            while (delivery := self._hand.get()) is not None:
                if not self._handle(delivery):
                    return
        except _Interrupted:
            return  # It came after the handler had returned.

    def _handle(self, delivery: Delivery) -> bool:
        """False when this thread has been given up, and another has its place."""
        handler = self._registry[delivery.queue]
        run = Run(
            delivery=delivery,
            thread_id=threading.get_ident(),
            timeout=handler.options.timeout,
            started_at=datetime.now(timezone.utc),
            began=time.monotonic(),
        )
        with self._lock:
            skip = delivery.incident_id in self._ending
            if not skip:
                self._runs[run.thread_id] = run
        if skip:
            self._finish(run, skipped=True)
            return True
        attempt = Attempt(self._engine, delivery, self.barrier.wait)
        failure = None
        skip = False
        token = current_attempt.set(attempt)
        try:
            handler.function(
                {
                    **decode(delivery.body),
                    "IncidentID": delivery.incident_id,
                    "MessageID": delivery.message_id,
                    "originator": delivery.originator,
                }
            )
        except BaseException as raised:  # noqa: BLE001 - the handler's own affair, told in the log
            skip = attempt.store_failed and isinstance(raised, StoreUnavailable)
            failure = _failure(handler, delivery, raised)
        finally:
            current_attempt.reset(token)
        with self._lock:
            if run.over:
                return False
            run.over = True
            del self._runs[run.thread_id]
            if failure is None and attempt.effects.ended:
                self._ending.update(each.incident_id for each in attempt.effects.ended)
        if skip:
            self._finish(run, skipped=True)
        else:
            self._finish(run, attempt.effects if failure is None else None, failure=failure)
        return True

    def _finish(
        self,
        run: Run,
        effects: Effects | None = None,
        *,
        failure: Failure | None = None,
        skipped: bool = False,
    ) -> None:
        self.barrier.report(
            Outcome(
                delivery=run.delivery,
                started_at=run.started_at,
                run_seconds=time.monotonic() - run.began,
                effects=effects or Effects(),
                failure=failure,
                skipped=skipped,
            ),
            self._report,
        )


def timeout_error(run: Run) -> HandlerTimeout:
    return HandlerTimeout(
        f"handler {run.delivery.handler} ran longer than its timeout of {run.timeout:g} s"
    )


def _failure(handler: Handler, delivery: Delivery, error: BaseException) -> Failure:
    """Asks the exception and the handler's backoff: a user's code, which may fail as well."""
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    try:
        text = str(error).strip().split("\n")[0][:500]
        full = "".join(traceback.format_exception(type(error), error, trace))
    except BaseException as worse:  # noqa: BLE001
        text = f"(and telling why failed: {type(worse).__name__})"
        full = "".join(traceback.format_tb(trace)) + f"{type(error).__name__}: {text}\n"
    try:
        retry_seconds = handler.retry_seconds(error, delivery.retries)
    except BaseException as worse:  # noqa: BLE001
        retry_seconds = None
        full += f"\nThere is no retry, as backoff failed: {type(worse).__name__}: {worse}\n"
    summary = f"{type(error).__name__}: {text}"
    return Failure(summary=storable(summary), traceback=storable(full), retry_seconds=retry_seconds)
