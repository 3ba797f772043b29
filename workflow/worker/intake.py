"""What a worker takes, and when.

Owns the account of the hand: which messages were taken and are not yet reported. Takes as many as
its :class:`~workflow.worker.pace.Pace` allows, from each queue in turn; but a suspect, a message
that was in the hands of a worker when that died, is taken by an empty hand, and alone, until it has
run for a while. So what it may do to this worker, it does to itself.
"""

import time
from collections.abc import Iterable
from datetime import datetime

from workflow.broker.base import Broker
from workflow.model import Delivery
from workflow.registry import Registry
from workflow.store import messages
from workflow.store.database import Transaction
from workflow.worker.admission import admit
from workflow.worker.pace import Pace
from workflow.worker.runner import Outcome, Run, Runner

# After this long a handler counts as slow: messages do not wait behind it, and its start is noted
# in the database.
SLOW_SECONDS = 1.0


class Intake:
    def __init__(self, *, broker: Broker, registry: Registry, runner: Runner, threads: int) -> None:
        self._broker = broker
        self._registry = registry
        self._runner = runner
        self._threads = threads
        self._pace = Pace(threads)
        self._rotation = 0
        self._suspect: str | None = None
        self.hungry = True
        """Whether there may be messages that could be taken."""

    @property
    def in_hand(self) -> int:
        return self._pace.in_hand

    def ran(self, outcome: Outcome) -> None:
        """The runner has reported on a message."""
        self._pace.ran(outcome.delivery.queue, outcome.run_seconds)
        self._clear(outcome.delivery)

    def returned(self, delivery: Delivery) -> None:
        """A message leaves the hand without having been run."""
        self._pace.returned(delivery.queue)
        self._clear(delivery)

    def slow_runs(self) -> list[Run]:
        horizon = time.monotonic() - SLOW_SECONDS
        slow = [run for run in self._runner.running() if run.began < horizon]
        for run in slow:
            self._clear(run.delivery)
        return slow

    def has_room(self) -> bool:
        slow = len(self.slow_runs())
        return self._suspect is None and any(
            self._pace.limit(queue, slow=slow) > 0 for queue in self._registry
        )

    def look(self, tx: Transaction) -> bool:
        """Whether there is anything to take: a glance, to spare a write transaction."""
        self.hungry = messages.any_sent(tx, list(self._registry))
        return self.hungry

    def take(self, tx: Transaction, worker_id: str, now: datetime) -> list[Delivery]:
        """Takes what there is room for. Until ``tx`` is committed, it is only promised."""
        if not self.has_room():
            return []
        queues = list(self._registry)
        if messages.any_sent(tx, queues, suspects=True):
            return self._take_suspect(tx, queues, worker_id, now)
        self._rotation += 1
        slow = len(self.slow_runs())
        self.hungry = False
        taken: list[Delivery] = []
        for queue in _rotated(queues, self._rotation):
            limit = self._pace.limit(queue, slow=slow)
            if limit == 0:
                self.hungry = True
                continue
            found = self._broker.fetch(tx, queue, limit, suspects=False)
            self.hungry |= len(found) == limit
            taken += self._admit(tx, queue, found, worker_id, now)
        return taken

    def _take_suspect(
        self, tx: Transaction, queues: Iterable[str], worker_id: str, now: datetime
    ) -> list[Delivery]:
        self.hungry = True
        if self.in_hand > len(self.slow_runs()):
            return []
        for queue in queues:
            found = self._broker.fetch(tx, queue, 1, suspects=True)
            if taken := self._admit(tx, queue, found, worker_id, now):
                self._suspect = taken[0].message_id
                return taken
        return []

    def _admit(
        self,
        tx: Transaction,
        queue: str,
        found: list[messages.Candidate],
        worker_id: str,
        now: datetime,
    ) -> list[Delivery]:
        if not found:
            return []
        handler = self._registry[queue]
        taken = admit(tx, found, queue=queue, handler=handler, worker_id=worker_id, now=now)
        self._pace.taken(queue, len(taken))
        return taken

    def _clear(self, delivery: Delivery) -> None:
        if delivery.message_id == self._suspect:
            self._suspect = None


def _rotated(queues: list[str], by: int) -> list[str]:
    start = by % len(queues) if queues else 0
    return queues[start:] + queues[:start]
