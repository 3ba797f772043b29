"""What becomes of a dead worker's messages.

Each goes back to its queue. One of them may be what killed the worker, and would kill the next one
too, with all that lies beside it; so from then on it is a suspect, and is taken alone. One that was
alone, and took the worker down with it :attr:`~workflow.settings.Settings.max_deliveries` times, is
given up.
"""

import logging
from collections.abc import Sequence
from datetime import datetime

from workflow.effects import Effects
from workflow.errors import WorkerLost
from workflow.model import Ending, IncidentStatus, MessageStatus, WorkerInfo
from workflow.store import messages, workers
from workflow.store.apply import apply
from workflow.store.database import Transaction
from workflow.store.messages import Held
from workflow.worker.identity import is_running

log = logging.getLogger(__name__)


def is_dead(worker: WorkerInfo, now: datetime) -> bool:
    """Its lease is over, or it ran on this host and is gone."""
    return worker.expires_at <= now or is_running(worker.host, worker.pid) is False


def bury(tx: Transaction, dead: WorkerInfo, *, max_deliveries: int, now: datetime) -> int:
    """Takes a dead worker's messages from it; says how many it had.

    Suspected are those that it had taken and that had not yet run for a while (see ``mark_started``
    in the worker); those that had, only if there are no others.
    """
    if not workers.remove(tx, dead.id):
        return 0
    held = messages.held_by(tx, dead.id)
    if not held:
        return 0
    suspects = [each for each in held if each.started_at is None] or held
    guilty = [each for each in suspects if each.deliveries >= max_deliveries]
    innocent = [each.id for each in held if each not in suspects]
    messages.orphan(tx, [each.id for each in suspects if each not in guilty], suspect=True)
    messages.orphan(tx, innocent, suspect=False)
    _give_up(tx, guilty, dead, now)
    log.warning(
        "worker %s (process %d on %s) died; %d messages go back to their queues, %d are given up",
        dead.id,
        dead.pid,
        dead.host,
        len(held) - len(guilty),
        len(guilty),
        extra={"worker_id": dead.id},
    )
    return len(held)


def _give_up(tx: Transaction, guilty: Sequence[Held], dead: WorkerInfo, now: datetime) -> None:
    for each in guilty:
        error = WorkerLost(
            f"message {each.id} was taken {each.deliveries} times, and each time its worker died "
            f"(a crash in native code, os._exit, or out of memory)"
        )
        row = {"message_id": each.id, "started": None, "ended": now, "seconds": None}
        number = each.attempts + 1
        messages.end(
            tx,
            [
                {
                    **row,
                    "to_status": MessageStatus.ERROR.value,
                    "to_attempts": number,
                    "why": str(error),
                }
            ],
        )
        messages.record_failures(
            tx,
            [
                {
                    "message_id": each.id,
                    "number": number,
                    "worker_id": dead.id,
                    "started_at": None,
                    "ended_at": now,
                    "run_seconds": None,
                    "error": str(error),
                }
            ],
        )
        ending = Ending(
            incident_id=each.incident_id,
            status=IncidentStatus.ERROR,
            reason=str(error),
            by=f"process {dead.pid} on {dead.host}",
        )
        apply(tx, [Effects(ended=[ending])], now)
