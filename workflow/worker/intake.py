"""What a worker takes, and when.

Owns the account of the hand: which messages were taken and are not yet reported. Takes as many as
its :class:`~workflow.worker.pace.Pace` allows, from each queue in turn.

A suspect, a message that was in the hands of a worker when that died, is taken alone, so that what
it may do to this worker it does to itself: after a first death only until it has run for a while,
and beside handlers that have; after more, quite alone and until it ends.
"""

import time
from collections import Counter
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
        self._pace = Pace(threads)
        self._hand: dict[tuple[str, int], Delivery] = {}
        # Queues that may have messages for us.
        self._hungry: set[str] = set(registry)
        self._rotation = 0
        # Nothing is taken beside a suspect; nor, while the hand is being emptied for one, until it
        # is not this hand any more (its size, and how many of it are slow).
        self._suspect: Delivery | None = None
        self._suspect_stays_alone = False
        self._clearing: tuple[int, int] | None = None

    # The hand.

    @property
    def in_hand(self) -> int:
        return len(self._hand)

    def holds(self, message_id: str, deliveries: int) -> bool:
        return (message_id, deliveries) in self._hand

    def ran(self, outcome: Outcome) -> None:
        """The runner has reported on a message."""
        self._pace.ran(outcome.delivery.queue, outcome.run_seconds)
        self._forget(outcome.delivery)

    def returned(self, delivery: Delivery) -> None:
        """A message leaves the hand without having been run."""
        self._pace.returned(delivery.queue)
        self._forget(delivery)

    def _forget(self, delivery: Delivery) -> None:
        del self._hand[delivery.message_id, delivery.deliveries]
        if delivery is self._suspect:
            self._suspect = None

    def slow_runs(self) -> list[Run]:
        horizon = time.monotonic() - SLOW_SECONDS
        slow = [run for run in self._runner.running() if run.began < horizon]
        if not self._suspect_stays_alone and any(run.delivery is self._suspect for run in slow):
            self._suspect = None
        return slow

    # Hunger.

    @property
    def hungry(self) -> bool:
        """Whether some queue may have messages."""
        return bool(self._hungry)

    def expect(self) -> None:
        """Any queue may have messages now."""
        self._hungry.update(self._registry)

    def has_room(self) -> bool:
        """Whether a queue that may have messages has room in the hand for one."""
        return bool(self._roomy())

    def look(self, tx: Transaction) -> bool:
        """Whether there is anything to take: a glance, to spare a write transaction."""
        roomy = self._roomy()
        if roomy and messages.any_sent(tx, roomy):
            return True
        self._hungry.difference_update(roomy)
        return False

    def _roomy(self) -> list[str]:
        slow = self._slow()
        if self._suspect is not None or self._clearing == (self.in_hand, slow.total()):
            return []
        self._clearing = None
        return [queue for queue in self._hungry if self._pace.limit(queue, slow) > 0]

    def _slow(self) -> Counter[str]:
        return Counter(run.delivery.queue for run in self.slow_runs())

    # Taking.

    def take(self, tx: Transaction, worker_id: str, now: datetime, taken: list[Delivery]) -> None:
        """Adds to ``taken`` what there is room for. If ``tx`` fails, it is to be ``returned``."""
        if not self.has_room():
            return
        queues = list(self._registry)
        if messages.any_sent(tx, queues, suspects=True):
            self._take_suspect(tx, queues, worker_id, now, taken)
            if taken or self._clearing is not None:
                return
        slow = self._slow()
        self._rotation += 1
        for queue in _rotated(queues, self._rotation):
            limit = self._pace.limit(queue, slow) if queue in self._hungry else 0
            if limit == 0:
                continue
            found = self._broker.fetch(tx, queue, limit, suspects=False)
            if len(found) < limit:
                self._hungry.discard(queue)
            self._admit(tx, queue, found, worker_id, now, taken)

    def _take_suspect(
        self,
        tx: Transaction,
        queues: list[str],
        worker_id: str,
        now: datetime,
        taken: list[Delivery],
    ) -> None:
        """Takes one, or sees to it that the hand is emptied for it."""
        slow = len(self.slow_runs())
        for queue in queues:
            # One that goes to wait for a lock, or whose incident has ended, makes way for the next.
            while found := self._broker.fetch(tx, queue, 1, suspects=True):
                alone = found[0].deaths > 1
                if self.in_hand > (0 if alone else slow):
                    self._clearing = (self.in_hand, slow)
                    return
                self._admit(tx, queue, found, worker_id, now, taken)
                if taken:
                    self._suspect = taken[0]
                    self._suspect_stays_alone = alone
                    return

    def _admit(
        self,
        tx: Transaction,
        queue: str,
        found: list[messages.Candidate],
        worker_id: str,
        now: datetime,
        taken: list[Delivery],
    ) -> None:
        if not found:
            return
        handler = self._registry[queue]
        new = admit(tx, found, queue=queue, handler=handler, worker_id=worker_id, now=now)
        for delivery in new:
            self._hand[delivery.message_id, delivery.deliveries] = delivery
        self._pace.taken(queue, len(new))
        taken += new


def _rotated(queues: list[str], by: int) -> list[str]:
    start = by % len(queues) if queues else 0
    return queues[start:] + queues[:start]
