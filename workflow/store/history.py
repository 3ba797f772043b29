"""What has happened in an incident: the read side, for pictures, progress and logs.

Nothing here is written anywhere but in the rows of ``message``. Counting is the database's work,
so that an incident of a hundred thousand messages costs no more memory than its picture.
"""

from collections.abc import Iterator

from sqlalchemy import func, select

from workflow.model import Edge, MessageStatus, Step
from workflow.store.database import Transaction
from workflow.store.schema import message


def counts(tx: Transaction, incident_id: str) -> dict[MessageStatus, int]:
    """How many messages of the incident are in each status; those without any are left out."""
    rows = tx.execute(
        select(message.c.status, func.count())
        .where(message.c.incident_id == incident_id)
        .group_by(message.c.status)
    )
    return {MessageStatus(status): count for status, count in rows}


def edges(tx: Transaction, incident_id: str) -> list[Edge]:
    """All messages, folded by sender, receiver and status, in the order of their first."""
    from_outside = message.c.cause_id.is_(None)
    rows = tx.execute(
        select(
            message.c.originator.label("source"),
            from_outside.label("from_outside"),
            message.c.handler,
            message.c.queue,
            message.c.status,
            func.count().label("how_many"),
            func.min(message.c.sent_at).label("first_sent_at"),
            func.min(message.c.started_at).label("first_started_at"),
            func.max(message.c.ended_at).label("last_ended_at"),
            func.coalesce(func.sum(message.c.run_seconds), 0.0).label("run_seconds"),
        )
        .where(message.c.incident_id == incident_id)
        .group_by(
            message.c.originator, from_outside, message.c.handler, message.c.queue, message.c.status
        )
        .order_by(func.min(message.c.id))
    )
    return [
        Edge(
            source=row.source,
            from_outside=bool(row.from_outside),
            target=row.handler or row.queue,
            handled=row.handler is not None,
            queue=row.queue,
            status=MessageStatus(row.status),
            count=row.how_many,
            first_sent_at=row.first_sent_at,
            first_started_at=row.first_started_at,
            last_ended_at=row.last_ended_at,
            run_seconds=row.run_seconds,
        )
        for row in rows
    ]


def steps(tx: Transaction, incident_id: str) -> Iterator[Step]:
    """Every message of the incident, oldest first."""
    rows = tx.execute(
        select(
            message.c.id.label("message_id"),
            message.c.cause_id,
            func.coalesce(message.c.name, message.c.handler, message.c.queue).label("name"),
            message.c.queue,
            message.c.handler,
            message.c.originator,
            message.c.status,
            message.c.attempts,
            message.c.sent_at,
            message.c.due_at,
            message.c.started_at,
            message.c.ended_at,
            message.c.run_seconds,
            message.c.error,
        )
        .where(message.c.incident_id == incident_id)
        .order_by(message.c.id)
    ).mappings()
    for row in rows:
        yield Step(**{**row, "status": MessageStatus(row["status"])})
