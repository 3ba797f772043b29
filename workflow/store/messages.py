"""The rows of ``message``: written by the sender, taken by a worker, ended once.

Owns every change of a message's status but two: what the end and the resumption of an incident do
to its messages is in ``incidents``, and waiting for a lock is in ``locks``.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Select, bindparam, func, insert, literal_column, select, update
from sqlalchemy.sql import ColumnElement

from workflow.model import OWED, Delivery, Message, MessageStatus
from workflow.store.database import Transaction, chunks
from workflow.store.schema import failed_attempt, message, worker


def status_is(*statuses: MessageStatus) -> ColumnElement[bool]:
    """A condition that the partial indexes serve: they want literals, not parameters."""
    literals: list[ColumnElement[str]] = [
        literal_column(f"'{status.value}'") for status in statuses
    ]
    if len(literals) == 1:
        return message.c.status == literals[0]
    return message.c.status.in_(literals)


@dataclass(frozen=True, kw_only=True, slots=True)
class Candidate:
    """A message that could be taken now. ``deaths`` above 0 make it a suspect."""

    id: str
    incident_id: str
    body: str
    originator: str
    attempts: int
    retries: int
    deliveries: int
    deaths: int


_INSERT = insert(message)
_COLUMNS = tuple(each.name for each in fields(Message))


def record(tx: Transaction, messages: Iterable[Message], statuses: Iterable[MessageStatus]) -> None:
    """Adds new rows, each with its first status."""
    rows = [
        {
            **{name: getattr(each, name) for name in _COLUMNS},
            "status": status.value,
            "attempts": 0,
            "retries": 0,
            "deliveries": 0,
            "deaths": 0,
        }
        for each, status in zip(messages, statuses, strict=True)
    ]
    if rows:
        tx.execute(_INSERT, rows)


def recorded(tx: Transaction, ids: Collection[str]) -> set[str]:
    """Which of ``ids`` are there already."""
    found: set[str] = set()
    for chunk in chunks(list(ids)):
        found.update(tx.execute(select(message.c.id).where(message.c.id.in_(chunk))).scalars())
    return found


_CANDIDATES = (
    select(
        message.c.id,
        message.c.incident_id,
        message.c.body,
        message.c.originator,
        message.c.attempts,
        message.c.retries,
        message.c.deliveries,
        message.c.deaths,
    )
    .where(status_is(MessageStatus.SENT), message.c.queue == bindparam("queue"))
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
_FRESH = _CANDIDATES.where(message.c.deaths == 0).order_by(message.c.id)
_SUSPECTS = _CANDIDATES.where(message.c.deaths > 0).order_by(message.c.deaths, message.c.id)


def candidates(
    tx: Transaction, queue: str, limit: int, *, suspects: bool = False
) -> list[Candidate]:
    """The oldest messages of a queue that are free, locked against others until the commit.

    ``suspects`` picks those that were in the hands of a worker that died, those of the fewest
    deaths first, and leaves the others.
    """
    query = _SUSPECTS if suspects else _FRESH
    rows = tx.execute(query, {"queue": queue, "limit": limit})
    return [Candidate(**row) for row in rows.mappings()]


_ANY_SENT: Select[Any] = (
    select(literal_column("1"))
    .where(status_is(MessageStatus.SENT), message.c.queue.in_(bindparam("queues", expanding=True)))
    .limit(1)
)
_ANY_SUSPECT = _ANY_SENT.where(message.c.deaths > 0)
# One for each status, so that each has its partial index.
_ANY_OWED: list[Select[Any]] = [
    select(literal_column("1"))
    .where(status_is(status), message.c.queue.in_(bindparam("queues", expanding=True)))
    .limit(1)
    for status in OWED
]


def any_sent(tx: Transaction, queues: Collection[str], *, suspects: bool = False) -> bool:
    query = _ANY_SUSPECT if suspects else _ANY_SENT
    return tx.execute(query, {"queues": list(queues)}).first() is not None


def any_owed(tx: Transaction, queues: Collection[str]) -> bool:
    """Whether these queues still have anything to do, now or later."""
    parameters = {"queues": list(queues)}
    return any(tx.execute(query, parameters).first() is not None for query in _ANY_OWED)


def assign(tx: Transaction, taken: Sequence[Candidate], *, worker_id: str, handler: str) -> None:
    """Gives messages to a worker. They are its own until it ends them or its lease ends."""
    tx.execute(
        update(message)
        .where(message.c.id.in_(bindparam("ids", expanding=True)))
        .values(
            status=MessageStatus.PROCESSING.value,
            worker_id=bindparam("worker"),
            handler=bindparam("to_handler"),
            deliveries=message.c.deliveries + 1,
            started_at=None,
        ),
        {"ids": [each.id for each in taken], "worker": worker_id, "to_handler": handler},
    )


def still_held(tx: Transaction, deliveries: Collection[Delivery]) -> list[Delivery]:
    """Those of these deliveries that nobody has taken away or ended meanwhile, locked."""
    rows = tx.execute(
        select(message.c.id, message.c.worker_id, message.c.deliveries)
        .where(
            message.c.id.in_(bindparam("ids", expanding=True)),
            message.c.status == MessageStatus.PROCESSING.value,
        )
        .with_for_update(),
        {"ids": [each.message_id for each in deliveries]},
    )
    tokens = {row.id: (row.worker_id, row.deliveries) for row in rows}
    return [
        each
        for each in deliveries
        if tokens.get(each.message_id) == (each.worker_id, each.deliveries)
    ]


_END = (
    update(message)
    .where(message.c.id == bindparam("message_id"))
    .values(
        status=bindparam("to_status"),
        attempts=bindparam("to_attempts"),
        started_at=bindparam("started"),
        ended_at=bindparam("ended"),
        run_seconds=bindparam("seconds"),
        error=bindparam("why"),
        deaths=0,
    )
)


def end(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Ends messages that are held: to COMPLETE, ERROR or NOT PROCESSED.

    Each row has message_id, to_status, to_attempts, started, ended, seconds and why.
    """
    if rows:
        tx.execute(_END, rows)


_DELAY = (
    update(message)
    .where(message.c.id == bindparam("message_id"))
    .values(
        status=MessageStatus.DELAYED.value,
        attempts=bindparam("to_attempts"),
        retries=message.c.retries + 1,
        due_at=bindparam("due"),
        error=bindparam("why"),
        deaths=0,
        worker_id=None,
        started_at=None,
    )
)


def delay(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Puts held messages off for another try. Rows: message_id, to_attempts, due, why."""
    if rows:
        tx.execute(_DELAY, rows)


def record_failures(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        tx.execute(insert(failed_attempt), rows)


def skip(tx: Transaction, ids: Collection[str], reason: str, now: datetime) -> None:
    """Ends messages that nobody began to handle: their incident has ended, or is not there."""
    tx.execute(
        update(message)
        .where(message.c.id.in_(bindparam("ids", expanding=True)))
        .values(status=MessageStatus.NOT_PROCESSED.value, ended_at=now, error=reason),
        {"ids": list(ids)},
    )


def mark_started(tx: Transaction, started: Sequence[tuple[str, datetime]]) -> None:
    """Notes that messages are not only taken but run, once that has lasted a while."""
    tx.execute(
        update(message)
        .where(
            message.c.id == bindparam("message_id"),
            message.c.status == MessageStatus.PROCESSING.value,
        )
        .values(started_at=bindparam("started")),
        [{"message_id": each, "started": moment} for each, moment in started],
    )


def give_back(tx: Transaction, deliveries: Collection[Delivery]) -> None:
    """Returns messages that were taken and not run, as if they never had been.

    Those that have been taken away meanwhile are left alone.
    """
    if held := still_held(tx, deliveries) if deliveries else []:
        release(tx, [each.message_id for each in held])


def release(tx: Transaction, ids: Collection[str], *, deaths: int = 0) -> None:
    """Frees messages for others. ``deaths`` is 1 if the worker that had them has died."""
    for chunk in chunks(list(ids)):
        tx.execute(
            update(message)
            .where(message.c.id.in_(bindparam("ids", expanding=True)))
            .values(
                status=MessageStatus.SENT.value,
                worker_id=None,
                started_at=None,
                deaths=message.c.deaths + deaths,
            ),
            {"ids": chunk},
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """A message in the hands of a worker."""

    id: str
    incident_id: str
    attempts: int
    deliveries: int
    deaths: int


_HELD = (
    select(
        message.c.id,
        message.c.incident_id,
        message.c.attempts,
        message.c.deliveries,
        message.c.deaths,
    )
    .where(status_is(MessageStatus.PROCESSING))
    .order_by(message.c.id)
    .with_for_update()
)
_HELD_BY = _HELD.where(message.c.worker_id == bindparam("worker"))
_HELD_BY_NOBODY = _HELD.where(message.c.worker_id.not_in(select(worker.c.id)))


def held_by(tx: Transaction, worker_id: str) -> list[Held]:
    rows = tx.execute(_HELD_BY, {"worker": worker_id})
    return [Held(**row) for row in rows.mappings()]


def held_by_nobody(tx: Transaction) -> list[Held]:
    """Messages of workers that are not known. There should be none; if there are, they are free."""
    return [Held(**row) for row in tx.execute(_HELD_BY_NOBODY).mappings()]


_NEXT_DUE = select(func.min(message.c.due_at)).where(status_is(MessageStatus.DELAYED))


def next_due(tx: Transaction) -> datetime | None:
    """When the earliest delayed message of all queues is due."""
    return tx.execute(_NEXT_DUE).scalar()


def promote_due(tx: Transaction, now: datetime, limit: int = 1000) -> int:
    """Makes delayed messages whose time has come free to be taken; says how many."""
    due = (
        select(message.c.id)
        .where(status_is(MessageStatus.DELAYED), message.c.due_at <= now)
        .order_by(message.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    ids = list(tx.execute(due).scalars())
    if ids:
        tx.execute(
            update(message)
            .where(message.c.id.in_(bindparam("ids", expanding=True)))
            .values(status=MessageStatus.SENT.value),
            {"ids": ids},
        )
    return len(ids)
