"""What handlers keep between messages, and what they have done once and for all."""

from collections.abc import Iterable

from sqlalchemy import bindparam, insert, select

from workflow.model import IncidentStatus, PersistedItem
from workflow.store.database import Transaction, insert_or_ignore
from workflow.store.schema import incident, once, persisted


def put(tx: Transaction, items: Iterable[PersistedItem]) -> None:
    rows = [
        {"incident_id": each.incident_id, "handler": each.handler, "data": each.data}
        for each in items
    ]
    if rows:
        tx.execute(insert(persisted), rows)


_GET = (
    select(persisted.c.data)
    .join(incident, incident.c.id == persisted.c.incident_id)
    .where(
        persisted.c.incident_id == bindparam("incident"),
        persisted.c.handler == bindparam("by"),
        # A cancelled incident's data is kept only in case that it is resumed.
        incident.c.status != IncidentStatus.CANCELLED.value,
    )
    .order_by(persisted.c.id)
)


def get(tx: Transaction, incident_id: str, handler: str) -> list[str]:
    """The JSON texts in the order of their commits."""
    return list(tx.execute(_GET, {"incident": incident_id, "by": handler}).scalars())


def get_result(tx: Transaction, message_id: str, key: str) -> str | None:
    query = select(once.c.result).where(once.c.message_id == message_id, once.c.key == key)
    return tx.execute(query).scalar()


def put_result(tx: Transaction, message_id: str, key: str, incident_id: str, result: str) -> str:
    """Records a result unless there is one; returns the one that is there then."""
    row = {"message_id": message_id, "key": key, "incident_id": incident_id, "result": result}
    tx.execute(insert_or_ignore(tx, once), row)
    return get_result(tx, message_id, key) or result
