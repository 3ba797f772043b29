"""The worker's loop, and the only writer of a worker process.

Each turn is one transaction: it ends what the handlers have finished since the last one, does the
chores that are due, and takes new messages. Alone, a message waits for nobody; under load, the
turns' batches grow by themselves, as much as finishes while the last commit runs.

Handlers run in the threads of the ``runner`` and never wait for the loop, nor it for them.
"""

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from queue import Empty, SimpleQueue

from workflow.broker.base import Broker
from workflow.errors import StoreUnavailable
from workflow.identifiers import uuid7
from workflow.model import Delivery, WorkerInfo
from workflow.registry import Registry
from workflow.settings import Settings
from workflow.store import messages, workers
from workflow.store.database import Database, Transaction
from workflow.worker.burial import bury, is_dead
from workflow.worker.identity import this_host
from workflow.worker.intake import Intake
from workflow.worker.runner import Outcome, Run, Runner, timeout_error
from workflow.worker.settlement import settle

log = logging.getLogger(__name__)

LOOK_FOR_DEAD_SECONDS = 1.0
LARGEST_TURN = 1000
LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class _Chores:
    """What a turn is to do besides settling and taking."""

    slow: list[Run]
    dead: list[WorkerInfo]
    due: bool
    renewing: bool
    returning: list[Delivery]
    reconcile: bool

    def __bool__(self) -> bool:
        return any((self.slow, self.dead, self.due, self.renewing, self.returning, self.reconcile))


class Worker:
    """Handles the messages of the queues in ``registry`` until it is told to stop."""

    def __init__(
        self,
        *,
        database: Database,
        broker: Broker,
        registry: Registry,
        settings: Settings,
        engine: object,
        threads: int,
    ) -> None:
        self._database = database
        self._broker = broker
        self._registry = registry
        self._settings = settings
        self._threads = threads
        self._finished: SimpleQueue[Outcome | None] = SimpleQueue()
        self._runner = Runner(registry, engine, threads, self._finished.put)
        self._intake = Intake(
            broker=broker, registry=registry, runner=self._runner, threads=threads
        )
        self._id = ""
        self._announced = ""
        # Finished and not yet committed; taken and to be given back.
        self._unsettled: list[Outcome] = []
        self._returning: list[Delivery] = []
        # A commit has failed: it may have happened all the same.
        self._reconcile = False
        self._next_due: datetime | None = None
        self._renew_at = 0.0
        self._look_for_dead_at = 0.0
        self._stop_at: float | None = None
        self._leave_now = False

    # What others may call, from any thread and from signal handlers.

    def stop(self) -> None:
        """Take nothing more, finish what runs (for the grace time at most), leave."""
        if self._stop_at is None:
            self._stop_at = time.monotonic() + self._settings.grace_seconds
            self._finished.put(None)

    def leave_now(self) -> None:
        """Leave without waiting for what runs. It is run again by others; nothing is lost."""
        self.stop()
        self._leave_now = True
        self._finished.put(None)

    # The loop.

    def run(self, *, until_idle: bool = False, on_ready: Callable[[], None] = lambda: None) -> None:
        """Blocks until :meth:`stop`; with ``until_idle``, also until nothing is owed.

        ``on_ready`` is called when the worker is known to the others and takes messages.
        """
        with self._database.connection() as connection:
            self._register(connection)
            on_ready()
            failures = 0
            # Should this end in any other exception, others bury this worker as they do a dead one.
            while True:
                try:
                    if self._done(connection, until_idle):
                        break
                    self._wait(connection)
                    self._turn(connection)
                    failures = 0
                except StoreUnavailable as error:
                    failures += 1
                    self._pause(connection, error, failures)
            self._leave(connection)

    def _done(self, connection: Transaction, until_idle: bool) -> bool:
        if self._leave_now:
            return True
        idle = self._intake.in_hand == 0 and not self._unsettled
        if self._stop_at is not None:
            return idle or time.monotonic() >= self._stop_at
        if not (until_idle and idle and not self._intake.hungry):
            return False
        with self._database.reading(connection) as tx:
            return not messages.any_owed(tx, list(self._registry))

    def _wait(self, connection: Transaction) -> None:
        """Until a handler has finished, or it is time to look for messages again."""
        if not self._unsettled and not (self._intake.hungry and self._may_take()):
            self._collect(self._patience())
        self._collect()
        if not self._intake.hungry and self._broker.arrived(connection):
            self._intake.expect()
            self._ask_next_due(connection)

    def _patience(self) -> float:
        patience = self._broker.poll_seconds
        if self._next_due is not None:
            patience = min(patience, (self._next_due - _now()).total_seconds())
        return max(0.0, patience)

    def _collect(self, patience: float | None = None) -> None:
        """Gathers what has finished; waits for the first if there is none and ``patience`` is."""
        for outcome in _drain(self._finished, patience, LARGEST_TURN - len(self._unsettled)):
            if outcome is not None:  # None only wakes: someone has called stop().
                self._intake.ran(outcome)
                self._unsettled.append(outcome)

    def _turn(self, connection: Transaction) -> None:
        now = _now()
        if self._nothing_to_do(now):
            return
        self._give_up_overdue()
        chores = self._chores(connection, now)
        looking = self._wants_more(connection)
        if not (self._unsettled or looking or chores):
            return
        # Out of reach of whatever finishes during the transaction.
        outcomes, self._unsettled = self._unsettled, []
        taken: list[Delivery] = []
        try:
            with self._database.writing(connection, durable=bool(outcomes)) as tx:
                ended = settle(tx, outcomes, now)
                worker_id = self._stay_known(tx, now, renewing=chores.renewing)
                self._do(tx, chores, worker_id, now)
                if outcomes or chores:
                    # Either may have freed messages, and our own commits do not wake us.
                    self._intake.expect()
                if self._stop_at is None:
                    self._intake.take(tx, worker_id, now, taken)
                self._next_due = messages.next_due(tx)
        except StoreUnavailable:
            self._unsettled = outcomes + self._unsettled
            for delivery in taken:
                self._intake.returned(delivery)
            raise
        if worker_id != self._id or chores.renewing:
            self._id = worker_id
            self._renew_at = time.monotonic() + self._settings.lease_seconds / 3
        self._chores_done(chores)
        self._outcomes_committed(outcomes, ended)
        self._runner.start(taken)

    def _outcomes_committed(self, outcomes: list[Outcome], ended: set[str]) -> None:
        self._runner.barrier.committed(outcomes)
        for outcome in outcomes:
            # Also of outcomes that came to nothing: the runner skips what may have ended.
            ended.update(each.incident_id for each in outcome.effects.ended)
        if ended:
            self._drop(self._runner.forget(ended))

    def _nothing_to_do(self, now: datetime) -> bool:
        """What an idle worker asks itself many times a second."""
        return not (
            self._intake.hungry
            or self._intake.in_hand
            or self._unsettled
            or self._returning
            or self._reconcile
            or time.monotonic() >= min(self._renew_at, self._look_for_dead_at)
            or (self._next_due is not None and self._next_due <= now)
        )

    def _may_take(self) -> bool:
        return self._stop_at is None and self._intake.has_room()

    def _wants_more(self, connection: Transaction) -> bool:
        """Whether it is worth a write transaction to take messages."""
        if not (self._intake.hungry and self._may_take()):
            return False
        if self._unsettled:
            return True
        with self._database.reading(connection) as tx:
            return self._intake.look(tx)

    # Chores.

    def _chores(self, connection: Transaction, now: datetime) -> _Chores:
        return _Chores(
            slow=self._notice_slow(),
            dead=self._look_for_dead(connection, now),
            due=self._next_due is not None and self._next_due <= now,
            renewing=time.monotonic() >= self._renew_at,
            returning=list(self._returning),
            reconcile=self._reconcile,
        )

    def _do(self, tx: Transaction, chores: _Chores, worker_id: str, now: datetime) -> None:
        for other in chores.dead:
            bury(tx, other, max_deliveries=self._settings.max_deliveries, now=now)
        if chores.due:
            messages.promote_due(tx, now)
        if chores.slow:
            started = [(run.delivery.message_id, run.started_at) for run in chores.slow]
            messages.mark_started(tx, started)
        messages.give_back(tx, chores.returning)
        if chores.reconcile:
            # After a failed commit: messages may be ours in the database that we never saw.
            held = messages.held_by(tx, worker_id)
            messages.release(tx, [each.id for each in held if not self._holds(each)])
        if chores.renewing:
            messages.release(tx, [each.id for each in messages.held_by_nobody(tx)])

    def _chores_done(self, chores: _Chores) -> None:
        for run in chores.slow:
            run.noted = True
        self._returning = self._returning[len(chores.returning) :]
        self._reconcile = False

    def _holds(self, held: messages.Held) -> bool:
        return self._intake.holds(held.id, held.deliveries) or any(
            each.delivery.message_id == held.id and each.delivery.deliveries == held.deliveries
            for each in self._unsettled
        )

    def _stay_known(self, tx: Transaction, now: datetime, *, renewing: bool) -> str:
        """The id to take messages under: a new one when others have taken us for dead.

        Then what we had is theirs, and what we still run comes to nothing.
        """
        for worker_id in {self._id, self._announced}:
            if renewing:
                known = workers.renew(tx, worker_id, now + self._lease())
            else:
                known = workers.is_known(tx, worker_id)
            if known:
                return worker_id
        log.warning("worker %s was taken for dead; it starts over", self._id)
        self._drop(self._runner.take_back())
        return self._announce(tx, now)

    def _look_for_dead(self, connection: Transaction, now: datetime) -> list[WorkerInfo]:
        clock = time.monotonic()
        if clock < self._look_for_dead_at:
            return []
        self._look_for_dead_at = clock + LOOK_FOR_DEAD_SECONDS
        with self._database.reading(connection) as tx:
            others = [each for each in workers.all_workers(tx) if each.id != self._id]
        return [each for each in others if is_dead(each, now, self._lease())]

    def _ask_next_due(self, connection: Transaction) -> None:
        with self._database.reading(connection) as tx:
            self._next_due = messages.next_due(tx)

    def _give_up_overdue(self) -> None:
        clock = time.monotonic()
        for run in self._runner.running():
            if run.timeout is not None and clock - run.began >= run.timeout:
                self._runner.give_up(run, timeout_error(run))
        self._collect()

    def _notice_slow(self) -> list[Run]:
        """Handlers that have become slow. What would have to wait for them alone is let go."""
        slow = self._intake.slow_runs()
        if len(slow) == self._threads or self._stop_at is not None:
            self._drop(self._runner.take_back())
        return [run for run in slow if not run.noted]

    def _drop(self, deliveries: Iterable[Delivery]) -> None:
        for delivery in deliveries:
            self._intake.returned(delivery)
            self._returning.append(delivery)

    # Coming and going, and trouble.

    def _register(self, connection: Transaction) -> None:
        with self._database.writing(connection, durable=False) as tx:
            self._id = self._announce(tx, _now())
        self._renew_at = time.monotonic() + self._settings.lease_seconds / 3
        self._ask_next_due(connection)

    def _announce(self, tx: Transaction, now: datetime) -> str:
        info = WorkerInfo(
            id=uuid7(),
            host=this_host(),
            pid=os.getpid(),
            queues=tuple(self._registry),
            started_at=now,
            expires_at=now + self._lease(),
        )
        workers.register(tx, info)
        # Known from the commit on, also if its answer is lost.
        self._announced = info.id
        return info.id

    def _lease(self) -> timedelta:
        return timedelta(seconds=self._settings.lease_seconds)

    def _leave(self, connection: Transaction) -> None:
        """Gives back whatever is in hand. Handlers that still run come to nothing."""
        self._drop(self._runner.take_back())
        running = len(self._runner.running())
        self._runner.stop()
        if running:
            log.warning("left %d running handlers behind; others run them again", running)
        self._collect()
        try:
            with self._database.writing(connection) as tx:
                settle(tx, self._unsettled, _now())
                messages.release(tx, [each.id for each in messages.held_by(tx, self._id)])
                workers.leave(tx, self._id)
        except StoreUnavailable as error:
            log.warning("left without a word, as the database is away: %s", error)
        self._runner.barrier.committed(self._unsettled)
        self._unsettled = []

    def _pause(self, connection: Transaction, error: StoreUnavailable, failures: int) -> None:
        """The database is away: waits, longer each time; then asks what the last commit became."""
        if failures == 1:
            log.warning("the worker pauses: %s", error)
        if connection.invalidated:
            connection.rollback()
        self._reconcile = True
        self._intake.expect()
        time.sleep(min(LONGEST_PAUSE_SECONDS, 0.05 * 2.0 ** min(failures, 10)))


def _drain(
    queue: SimpleQueue[Outcome | None], patience: float | None, most: int
) -> Iterator[Outcome | None]:
    try:
        if patience is not None:
            yield queue.get(timeout=patience)
        for _ in range(most):
            yield queue.get_nowait()
    except Empty:
        return


def _now() -> datetime:
    return datetime.now(timezone.utc)
