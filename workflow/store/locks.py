"""The locks of atomic handlers: one holder for each handler and incident.

The holder is a message. It keeps the lock over its retries and over the death of its worker, and
the transaction that ends it hands the lock to the message that has waited longest. So no lock
outlives its holder, nobody polls, and first come is first served.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, delete, select, update

from workflow.model import MessageStatus
from workflow.store.database import Transaction, insert_or_ignore
from workflow.store.messages import Candidate, status_is
from workflow.store.schema import lock, message


def acquire(tx: Transaction, handler: str, wanting: Sequence[Candidate]) -> list[Candidate]:
    """Takes the locks that are free; says which messages hold theirs now. The others WAIT."""
    first: dict[str, str] = {}
    for each in wanting:
        first.setdefault(each.incident_id, each.id)
    tx.execute(
        insert_or_ignore(tx, lock),
        [
            {"incident_id": incident_id, "handler": handler, "message_id": message_id}
            for incident_id, message_id in sorted(first.items())
        ],
    )
    rows = tx.execute(
        select(lock.c.incident_id, lock.c.message_id)
        .where(
            lock.c.handler == handler,
            lock.c.incident_id.in_(bindparam("incidents", expanding=True)),
        )
        .order_by(lock.c.incident_id)
        # A holder that is about to end waits here for us, and then sees us WAITING.
        .with_for_update(),
        {"incidents": list(first)},
    )
    holders = {row.incident_id: row.message_id for row in rows}
    waiting = [each.id for each in wanting if holders.get(each.incident_id) != each.id]
    if waiting:
        tx.execute(
            update(message)
            .where(message.c.id.in_(bindparam("ids", expanding=True)))
            .values(status=MessageStatus.WAITING.value, handler=handler),
            {"ids": waiting},
        )
    return [each for each in wanting if holders.get(each.incident_id) == each.id]


def hand_over(tx: Transaction, ended: Collection[str]) -> None:
    """Releases the locks that these messages hold, by whatever handler's name they got them.

    The message that has waited longest holds a lock next, and is free to be taken.
    """
    held = tx.execute(_HELD, {"ids": list(ended)}).all()
    for incident_id, handler in held:
        mine = (lock.c.incident_id == incident_id) & (lock.c.handler == handler)
        heir = tx.execute(_HEIR, {"incident": incident_id, "by": handler}).scalar()
        if heir is None:
            tx.execute(delete(lock).where(mine))
            continue
        tx.execute(update(lock).where(mine).values(message_id=heir))
        tx.execute(
            update(message).where(message.c.id == heir).values(status=MessageStatus.SENT.value)
        )


_HELD = (
    select(lock.c.incident_id, lock.c.handler)
    .where(lock.c.message_id.in_(bindparam("ids", expanding=True)))
    .order_by(lock.c.incident_id, lock.c.handler)
    .with_for_update()
)
_HEIR = (
    select(message.c.id)
    .where(
        status_is(MessageStatus.WAITING),
        message.c.incident_id == bindparam("incident"),
        message.c.handler == bindparam("by"),
    )
    .order_by(message.c.id)
    .limit(1)
)
