"""Which workers are alive. A worker's lease covers all messages that it has taken."""

import json
from datetime import datetime

from sqlalchemy import bindparam, delete, insert, select, update

from workflow.model import WorkerInfo
from workflow.store.database import Transaction
from workflow.store.schema import worker

_KNOWN = select(worker.c.id).where(worker.c.id == bindparam("worker"))


def register(tx: Transaction, info: WorkerInfo) -> None:
    tx.execute(insert(worker).values({**vars(info), "queues": json.dumps(info.queues)}))


def renew(tx: Transaction, worker_id: str, expires_at: datetime) -> bool:
    """False when the worker is not known any more: its messages have been given to others."""
    changed = tx.execute(
        update(worker).where(worker.c.id == worker_id).values(expires_at=expires_at)
    )
    return changed.rowcount == 1


def is_known(tx: Transaction, worker_id: str) -> bool:
    return tx.execute(_KNOWN, {"worker": worker_id}).first() is not None


def remove(tx: Transaction, info: WorkerInfo) -> bool:
    """False when another has removed it before, or it has renewed its lease since ``info``."""
    removed = tx.execute(
        delete(worker).where(worker.c.id == info.id, worker.c.expires_at == info.expires_at)
    )
    return removed.rowcount == 1


def leave(tx: Transaction, worker_id: str) -> None:
    tx.execute(delete(worker).where(worker.c.id == worker_id))


def all_workers(tx: Transaction) -> list[WorkerInfo]:
    rows = tx.execute(select(worker).order_by(worker.c.id)).mappings()
    return [WorkerInfo(**{**row, "queues": tuple(json.loads(row["queues"]))}) for row in rows]
