"""From messages that could be taken to messages that are taken."""

from collections.abc import Sequence
from datetime import datetime

from workflow.model import Delivery
from workflow.registry import Handler
from workflow.store import incidents, locks, messages
from workflow.store.database import Transaction
from workflow.store.messages import Candidate


def admit(
    tx: Transaction,
    candidates: Sequence[Candidate],
    *,
    queue: str,
    handler: Handler,
    worker_id: str,
    now: datetime,
) -> list[Delivery]:
    """Gives the worker those candidates that may run now.

    Messages of incidents that have ended are ended; those of an atomic handler whose lock is
    another's are set to wait for it.
    """
    statuses = incidents.statuses(tx, {each.incident_id for each in candidates})
    running = {incident for incident, status in statuses.items() if not status.ended}
    alive = [each for each in candidates if each.incident_id in running]
    late = [each.id for each in candidates if each.incident_id not in running]
    if late:
        messages.skip(tx, late, "the incident had ended, or is not there", now)
    if alive and handler.atomic:
        alive = locks.acquire(tx, handler.name, alive)
    if alive:
        messages.assign(tx, alive, worker_id=worker_id, handler=handler.name)
    return [
        Delivery(
            message_id=each.id,
            incident_id=each.incident_id,
            queue=queue,
            handler=handler.name,
            atomic=handler.atomic,
            body=each.body,
            originator=each.originator,
            attempts=each.attempts,
            retries=each.retries,
            deliveries=each.deliveries + 1,
            worker_id=worker_id,
        )
        for each in alive
    ]
