"""The locks of atomic handlers: one holder for each handler and incident.

The holder is a message. It keeps the lock over its retries and over the death of its worker, and
the transaction that ends it hands the lock to the message that has waited longest. So no lock
outlives its holder, nobody polls, and first come is first served.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, insert, select, update

from workflow.model import MessageStatus
from workflow.store.database import Transaction
from workflow.store.messages import Candidate, status_is
from workflow.store.schema import lock, message


def acquire(tx: Transaction, handler: str, wanting: Sequence[Candidate]) -> list[Candidate]:
    """Takes the locks that are free; says which messages hold theirs now. The others WAIT."""
    incidents = sorted({each.incident_id for each in wanting})
    rows = tx.execute(
        select(lock.c.incident_id, lock.c.message_id)
        .where(
            lock.c.handler == handler,
            lock.c.incident_id.in_(bindparam("incidents", expanding=True)),
        )
        .order_by(lock.c.incident_id)
        # A holder that is about to end waits here for us, and then sees us WAITING.
        .with_for_update(),
        {"incidents": incidents},
    )
    holders = {row.incident_id: row.message_id for row in rows}
    free = [each for each in incidents if each not in holders]
    for each in wanting:
        holders.setdefault(each.incident_id, each.id)
    if free:
        tx.execute(
            insert(lock),
            [
                {"incident_id": each, "handler": handler, "message_id": holders[each]}
                for each in free
            ],
        )
    waiting = [each.id for each in wanting if holders[each.incident_id] != each.id]
    if waiting:
        tx.execute(
            update(message)
            .where(message.c.id.in_(bindparam("ids", expanding=True)))
            .values(status=MessageStatus.WAITING.value, handler=handler),
            {"ids": waiting},
        )
    return [each for each in wanting if holders[each.incident_id] == each.id]


def hand_over(tx: Transaction, endings: Collection[tuple[str, str, str]]) -> None:
    """Releases the locks of messages that end: (handler, incident, message) each.

    The message that has waited longest holds the lock next, and is free to be taken.
    """
    for handler, incident_id, message_id in sorted(endings):
        mine = (
            (lock.c.incident_id == incident_id)
            & (lock.c.handler == handler)
            & (lock.c.message_id == message_id)
        )
        held = tx.execute(select(lock.c.message_id).where(mine).with_for_update()).first()
        if held is None:
            continue  # The incident has ended, and its locks with it.
        heir = tx.execute(
            select(message.c.id)
            .where(
                status_is(MessageStatus.WAITING),
                message.c.incident_id == incident_id,
                message.c.handler == handler,
            )
            .order_by(message.c.id)
            .limit(1)
        ).scalar()
        if heir is None:
            tx.execute(delete(lock).where(mine))
            continue
        tx.execute(update(lock).where(mine).values(message_id=heir))
        tx.execute(
            update(message).where(message.c.id == heir).values(status=MessageStatus.SENT.value)
        )
