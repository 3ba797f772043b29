"""Writes what handlers and scripts have asked for, in the order in which they asked.

Owns the rule what a new message's first status is, and the order of the writes within the
transaction: first what is new, then what ends.
"""

import logging
from collections.abc import Collection, Sequence
from datetime import datetime

from workflow.effects import Effects
from workflow.model import IncidentStatus, Message, MessageStatus
from workflow.store import incidents, messages, persisted
from workflow.store.database import Transaction

log = logging.getLogger(__name__)


def apply(tx: Transaction, batch: Collection[Effects], now: datetime) -> None:
    """Records all of ``batch``. A message for an incident that has ended stays unprocessed."""
    incidents.create(tx, [each for effects in batch for each in effects.created])
    _send(tx, [each for effects in batch for each in effects.sent], now)
    persisted.put(tx, [each for effects in batch for each in effects.persisted])
    for effects in batch:
        for ending in effects.ended:
            if not incidents.end(tx, ending, now):
                log.warning(
                    "incident %s has ended before; %s wants it %s, which changes nothing",
                    ending.incident_id,
                    ending.by,
                    ending.status.value,
                    extra={"incident_id": ending.incident_id},
                )


def _send(tx: Transaction, sent: Sequence[Message], now: datetime) -> None:
    if not sent:
        return
    known = incidents.statuses(tx, {each.incident_id for each in sent})
    pending = {each for each, status in known.items() if status is IncidentStatus.PENDING}
    incidents.activate(tx, pending, now)
    messages.record(tx, sent, [_first_status(each, known, now) for each in sent])


def _first_status(
    message: Message, known: dict[str, IncidentStatus], now: datetime
) -> MessageStatus:
    status = known.get(message.incident_id)
    if status is None or status.ended:
        log.warning(
            "message %s to queue %s stays unprocessed: its incident %s has ended",
            message.id,
            message.queue,
            message.incident_id,
            extra={"incident_id": message.incident_id, "message_id": message.id},
        )
        return MessageStatus.NOT_PROCESSED
    if message.due_at is not None and message.due_at > now:
        return MessageStatus.DELAYED
    return MessageStatus.SENT
