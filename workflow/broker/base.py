"""The port between a worker and whatever hands it messages.

A broker only points at rows of the database, which is the truth: taking a message, and ending it,
are changes of its row in the worker's own transaction.
"""

from typing import Protocol

from workflow.store.database import Transaction
from workflow.store.messages import Candidate


class Broker(Protocol):
    poll_seconds: float
    """How long a worker may wait for its handlers before it asks :meth:`arrived` again."""

    def arrived(self, connection: Transaction) -> bool:
        """Whether there may be messages that were not there when this was last asked.

        Cheap; True too often does no harm. ``connection`` is the worker's own, outside a
        transaction.
        """

    def fetch(self, tx: Transaction, queue: str, limit: int, *, suspects: bool) -> list[Candidate]:
        """Up to ``limit`` messages of the queue, oldest first, that no other worker gets as well
        before ``tx`` ends. ``suspects`` asks for those that outlived a worker, and only for those.
        """
