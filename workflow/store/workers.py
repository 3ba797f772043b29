"""Which workers are alive. A worker's lease covers all messages that it has taken."""

import json
from datetime import datetime

from sqlalchemy import delete, insert, select, update

from workflow.model import WorkerInfo
from workflow.store.database import Transaction
from workflow.store.schema import worker


def register(tx: Transaction, info: WorkerInfo) -> None:
    tx.execute(insert(worker).values({**vars(info), "queues": json.dumps(info.queues)}))


def renew(tx: Transaction, worker_id: str, expires_at: datetime) -> bool:
    """False when the worker is not known any more: its messages have been given to others."""
    changed = tx.execute(
        update(worker).where(worker.c.id == worker_id).values(expires_at=expires_at)
    )
    return changed.rowcount == 1


def remove(tx: Transaction, worker_id: str) -> bool:
    """False when another has removed it before."""
    return tx.execute(delete(worker).where(worker.c.id == worker_id)).rowcount == 1


def all_workers(tx: Transaction) -> list[WorkerInfo]:
    rows = tx.execute(select(worker).order_by(worker.c.id)).mappings()
    return [WorkerInfo(**{**row, "queues": tuple(json.loads(row["queues"]))}) for row in rows]
