"""What becomes of a dead worker's messages.

Each goes back to its queue. One of them may be what killed the worker, and would kill the next one
too, with all that lies beside it: so from then on they are suspects (see ``intake``), and are taken
alone. One that was alone with a worker that died, and was there at
:attr:`~workflow.settings.Settings.max_deliveries` deaths, is given up.
"""

import logging
from datetime import datetime, timedelta

from workflow.effects import Effects
from workflow.errors import WorkerLost
from workflow.model import Ending, IncidentStatus, MessageStatus, WorkerInfo
from workflow.store import messages, workers
from workflow.store.apply import apply
from workflow.store.database import Transaction
from workflow.store.messages import Held
from workflow.worker.identity import is_running

log = logging.getLogger(__name__)


# A process that is there, and silent, may be computing without releasing Python's interpreter lock.
PATIENT_LEASES = 20


def is_dead(worker: WorkerInfo, now: datetime, lease: timedelta) -> bool:
    """Its process is gone, or its lease is over; long over, if the process is seen to be there."""
    running = is_running(worker.host, worker.pid)
    if running:
        return worker.expires_at + PATIENT_LEASES * lease <= now
    return running is False or worker.expires_at <= now


def bury(tx: Transaction, dead: WorkerInfo, *, max_deliveries: int, now: datetime) -> None:
    """Takes a dead worker's messages from it. Does nothing if it has shown life since."""
    if not workers.remove(tx, dead):
        return
    held = messages.held_by(tx, dead.id)
    if len(held) == 1 and held[0].deaths + 1 >= max_deliveries:
        _give_up(tx, held[0], dead, now)
    else:
        messages.release(tx, [each.id for each in held], deaths=1)
    log.warning(
        "worker %s (process %d on %s) died with %d messages in hand",
        dead.id,
        dead.pid,
        dead.host,
        len(held),
        extra={"worker_id": dead.id},
    )


def _give_up(tx: Transaction, guilty: Held, dead: WorkerInfo, now: datetime) -> None:
    error = WorkerLost(
        f"message {guilty.id} was taken {guilty.deliveries} times, and its worker died "
        f"{guilty.deaths + 1} times (a crash in native code, os._exit, or out of memory)"
    )
    number = guilty.attempts + 1
    messages.end(
        tx,
        [
            {
                "message_id": guilty.id,
                "to_status": MessageStatus.ERROR.value,
                "to_attempts": number,
                "started": None,
                "ended": now,
                "seconds": None,
                "why": str(error),
            }
        ],
    )
    messages.record_failures(
        tx,
        [
            {
                "message_id": guilty.id,
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
        incident_id=guilty.incident_id,
        status=IncidentStatus.ERROR,
        reason=str(error),
        by=f"process {dead.pid} on {dead.host}",
    )
    apply(tx, [Effects(ended=[ending])], now)
