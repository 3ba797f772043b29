"""The words of the domain: incidents, messages, their states, and what may follow what.

Owns no behaviour beyond the transition table. The values are frozen; whatever changes one writes a
row and reads it back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any


class IncidentStatus(str, Enum):
    PENDING = "PENDING"
    ACTIVE = "ACTIVE"
    COMPLETE = "COMPLETE"
    CANCELLED = "CANCELLED"
    ERROR = "ERROR"

    @property
    def ended(self) -> bool:
        return self in ENDED


ENDED = frozenset({IncidentStatus.COMPLETE, IncidentStatus.CANCELLED, IncidentStatus.ERROR})

TRANSITIONS: Mapping[IncidentStatus, frozenset[IncidentStatus]] = {
    IncidentStatus.PENDING: frozenset({IncidentStatus.ACTIVE, *ENDED}),
    IncidentStatus.ACTIVE: ENDED,
    # Both only by an explicit resume.
    IncidentStatus.ERROR: frozenset({IncidentStatus.ACTIVE}),
    IncidentStatus.CANCELLED: frozenset({IncidentStatus.ACTIVE}),
    IncidentStatus.COMPLETE: frozenset(),
}


def sources_of(target: IncidentStatus) -> list[IncidentStatus]:
    """The states from which an incident may become ``target``."""
    return [status for status, targets in TRANSITIONS.items() if target in targets]


class MessageStatus(str, Enum):
    SENT = "SENT"
    DELAYED = "DELAYED"
    WAITING = "WAITING"
    PROCESSING = "PROCESSING"
    COMPLETE = "COMPLETE"
    ERROR = "ERROR"
    NOT_PROCESSED = "NOT PROCESSED"


OWED = (
    MessageStatus.SENT,
    MessageStatus.DELAYED,
    MessageStatus.WAITING,
    MessageStatus.PROCESSING,
)


@dataclass(frozen=True, kw_only=True)
class Incident:
    """One run of a workflow. Times are aware and in UTC."""

    id: str
    name: str
    kind: str
    incident_date: datetime
    status: IncidentStatus
    reason: str
    metadata: Mapping[str, Any]
    parameters: Mapping[str, Any]
    tag: str
    created_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """A message as its sender records it. ``body`` and ``metadata`` are JSON text."""

    id: str
    incident_id: str
    queue: str
    body: str
    name: str | None
    originator: str
    cause_id: str | None
    src_tag: str
    dest_tag: str
    metadata: str
    sent_at: datetime
    due_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """A message that one worker has taken, to handle it once.

    ``worker_id`` and ``deliveries`` (how often the message has been taken) together are the fencing
    token: the result counts only while the message's row still bears both.
    """

    message_id: str
    incident_id: str
    queue: str
    handler: str
    atomic: bool
    body: str
    originator: str
    attempts: int
    retries: int
    deliveries: int
    worker_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """That an incident is to be completed, cancelled or given up, by which handler, and why."""

    incident_id: str
    status: IncidentStatus
    reason: str = ""
    by: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PersistedItem:
    """One dict (as JSON text) that a handler keeps for an incident."""

    incident_id: str
    handler: str
    data: str


@dataclass(frozen=True, kw_only=True)
class Edge:
    """All messages of an incident with the same sender, receiver and status, folded into one.

    ``source`` is the sending handler, or the script when ``from_outside``. ``target`` is the
    handler that took them; the queue's name when none has yet (``handled`` is False).
    """

    source: str
    from_outside: bool
    target: str
    handled: bool
    queue: str
    status: MessageStatus
    count: int
    first_sent_at: datetime
    first_started_at: datetime | None
    last_ended_at: datetime | None
    run_seconds: float


@dataclass(frozen=True, kw_only=True)
class Step:
    """One message of an incident, as the log tells it. ``error`` is of the last attempt."""

    message_id: str
    cause_id: str | None
    name: str
    queue: str
    handler: str | None
    originator: str
    status: MessageStatus
    attempts: int
    sent_at: datetime
    due_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    run_seconds: float | None
    error: str | None


@dataclass(frozen=True, kw_only=True)
class WorkerInfo:
    """A worker process as it announced itself; ``expires_at`` is the end of its lease."""

    id: str
    host: str
    pid: int
    queues: tuple[str, ...]
    started_at: datetime
    expires_at: datetime
