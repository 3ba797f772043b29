"""The life of an incident, and what its end and its resumption do to its messages.

Owns the only writes of ``incident.status``; what may follow what is ``model.TRANSITIONS``.
"""

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, insert, select, update
from sqlalchemy.sql import ColumnElement

from workflow.encoding import decode, encode
from workflow.model import (
    OWED,
    Ending,
    Incident,
    IncidentStatus,
    MessageStatus,
    sources_of,
)
from workflow.store.database import Transaction, chunks
from workflow.store.messages import status_is
from workflow.store.schema import incident, lock, message, once, persisted


def create(tx: Transaction, incidents: Iterable[Incident]) -> None:
    rows = [
        {
            **vars(each),
            "status": each.status.value,
            "metadata": encode(each.metadata),
            "parameters": encode(each.parameters),
        }
        for each in incidents
    ]
    if rows:
        tx.execute(insert(incident), rows)


def get(tx: Transaction, incident_id: str) -> Incident | None:
    row = tx.execute(select(incident).where(incident.c.id == incident_id)).mappings().first()
    return None if row is None else _incident(row)


def newest(tx: Transaction, limit: int) -> list[Incident]:
    rows = tx.execute(select(incident).order_by(incident.c.id.desc()).limit(limit))
    return [_incident(row) for row in rows.mappings()]


def _incident(row: Mapping[Any, Any]) -> Incident:
    return Incident(
        **{
            **row,
            "status": IncidentStatus(row["status"]),
            "metadata": decode(row["metadata"]),
            "parameters": decode(row["parameters"]),
        }
    )


_STATUSES = (
    select(incident.c.id, incident.c.status)
    .where(incident.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(incident.c.id)
    # Shared among senders and takers; whoever ends the incident waits for them, and they for it.
    .with_for_update(read=True)
)


def statuses(tx: Transaction, ids: Collection[str]) -> dict[str, IncidentStatus]:
    """The status of each incident that exists. It does not change before the transaction ends."""
    return {
        row.id: IncidentStatus(row.status)
        for chunk in chunks(sorted(ids))
        for row in tx.execute(_STATUSES, {"ids": chunk})
    }


def activate(tx: Transaction, ids: Collection[str], now: datetime) -> None:
    """From PENDING to ACTIVE, with the first message."""
    for chunk in chunks(sorted(ids)):
        tx.execute(
            update(incident)
            .where(
                incident.c.id.in_(bindparam("ids", expanding=True)),
                incident.c.status == IncidentStatus.PENDING.value,
            )
            .values(status=IncidentStatus.ACTIVE.value, started_at=now),
            {"ids": chunk},
        )


def end(tx: Transaction, ending: Ending, now: datetime) -> bool:
    """Ends an incident: what is owed for it becomes NOT PROCESSED, and its locks go.

    A completed one loses its persisted data too. A cancelled or failed one can be resumed, and
    keeps what its finished steps have left for the others; nobody sees it until then.

    Returns False, and changes nothing, when the incident has ended before. What other workers are
    running for it just now finds its message taken away, and comes to nothing.
    """
    changed = tx.execute(
        update(incident)
        .where(
            incident.c.id == ending.incident_id,
            _status_among(sources_of(ending.status)),
        )
        .values(status=ending.status.value, reason=ending.reason, ended_at=now, ended_by=ending.by)
    )
    if changed.rowcount == 0:
        return False
    # Before the messages: who waits for a lock, or hands one over, has it first.
    tx.execute(delete(lock).where(lock.c.incident_id == ending.incident_id))
    tx.execute(
        update(message)
        .where(message.c.incident_id == ending.incident_id, status_is(*OWED))
        .values(
            status=MessageStatus.NOT_PROCESSED.value,
            ended_at=now,
            error=f"the incident had ended: {ending.status.value}",
        )
    )
    if ending.status is IncidentStatus.COMPLETE:
        for table in (persisted, once):
            tx.execute(delete(table).where(table.c.incident_id == ending.incident_id))
    return True


def resume(tx: Transaction, incident_id: str, now: datetime) -> int | None:
    """Puts failed and unfinished messages of an ended incident back; says how many.

    None, and nothing is changed, when the incident is not one that can be resumed.
    """
    changed = tx.execute(
        update(incident)
        .where(
            incident.c.id == incident_id,
            incident.c.status.in_([IncidentStatus.ERROR.value, IncidentStatus.CANCELLED.value]),
        )
        .values(
            status=IncidentStatus.ACTIVE.value,
            reason="",
            started_at=now,
            ended_at=None,
            ended_by=None,
        )
    )
    if changed.rowcount == 0:
        return None
    return tx.execute(
        update(message)
        .where(
            message.c.incident_id == incident_id,
            status_is(MessageStatus.ERROR, MessageStatus.NOT_PROCESSED),
        )
        .values(
            status=case(
                (message.c.due_at > now, MessageStatus.DELAYED.value),
                else_=MessageStatus.SENT.value,
            ),
            retries=0,
            deaths=0,
            worker_id=None,
            started_at=None,
            ended_at=None,
            run_seconds=None,
            error=None,
        )
    ).rowcount


def _status_among(among: Iterable[IncidentStatus]) -> ColumnElement[bool]:
    return incident.c.status.in_([status.value for status in among])
