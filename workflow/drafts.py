"""From what a caller gives to what the store takes: incidents and messages, checked.

Owns every check of user data at the moment of the call, and the words of its errors. Knows no
database: whether an incident exists is the engine's question.
"""

import math
from datetime import datetime, timedelta, timezone
from typing import Any

from workflow.encoding import decode, encode_dict, is_text
from workflow.errors import InvalidData, InvalidMessage
from workflow.identifiers import uuid7
from workflow.model import Incident, IncidentStatus, Message
from workflow.registry import check_queue_name

Delay = float | timedelta | datetime

# Set by us in what a handler receives, so a handler may send on the dict that it got.
_OURS = ("MessageID", "originator")


def draft_incident(
    name: str,
    kind: str,
    incident_date: datetime | None,
    metadata: dict[str, Any] | None,
    parameters: dict[str, Any] | None,
    tag: str,
) -> Incident:
    """A new incident.

    Raises:
        InvalidData: says which argument, and where in it.
    """
    now = datetime.now(timezone.utc)
    for what, value in (("name", name), ("kind", kind), ("tag", tag)):
        check_text(what, value, InvalidData)
    if incident_date is not None and not isinstance(incident_date, datetime):
        raise InvalidData(f"incident_date has to be a datetime, not {incident_date!r}")
    return Incident(
        id=uuid7(),
        name=name,
        kind=kind,
        incident_date=(incident_date or now).astimezone(timezone.utc),
        status=IncidentStatus.PENDING,
        reason="",
        metadata=_snapshot(metadata, "metadata"),
        parameters=_snapshot(parameters, "parameters"),
        tag=tag,
        created_at=now,
    )


def check_message(queue: object, message: object) -> None:
    """The checks that come before the question whether the incident exists."""
    check_queue_name(queue, InvalidMessage)
    if not isinstance(message, dict):
        raise InvalidMessage(
            f"a message has to be a dict, not {type(message).__name__}: {message!r:.80}"
        )
    if "IncidentID" not in message:
        raise InvalidMessage(
            f"the message to {queue!r} has no 'IncidentID': add the one that CreateIncident() "
            f"returned, or that of the message being handled"
        )


def draft_message(
    queue: str,
    message: dict[str, Any],
    *,
    incident_id: str,
    originator: str,
    cause_id: str | None,
    delay: Delay | None,
    name: str | None,
    metadata: dict[str, Any] | None,
    src_tag: str,
    dest_tag: str,
) -> Message:
    """A snapshot of a message that :func:`check_message` has passed.

    Raises:
        InvalidMessage: says what is wrong, and where in the message.
        InvalidData: the same of ``metadata``.
    """
    for what, value in (("name", name or ""), ("src_tag", src_tag), ("dest_tag", dest_tag)):
        check_text(what, value, InvalidMessage)
    now = datetime.now(timezone.utc)
    body = {key: value for key, value in message.items() if key not in _OURS}
    body["IncidentID"] = incident_id
    return Message(
        id=uuid7(),
        incident_id=incident_id,
        queue=queue,
        body=encode_dict(body, f"the message to {queue!r}", InvalidMessage),
        name=name,
        originator=originator,
        cause_id=cause_id,
        src_tag=src_tag,
        dest_tag=dest_tag,
        metadata="{}" if metadata is None else encode_dict(metadata, "metadata", InvalidData),
        sent_at=now,
        due_at=None if delay is None else _due(delay, now),
    )


def check_text(what: str, value: object, error: type[Exception]) -> None:
    if not is_text(value):
        raise error(f"{what} has to be a text without NUL and surrogates, not {value!r:.80}")


def _snapshot(value: dict[str, Any] | None, what: str) -> dict[str, Any]:
    given = {} if value is None else value
    snapshot: dict[str, Any] = decode(encode_dict(given, what, InvalidData))
    return snapshot


def _due(delay: Delay, now: datetime) -> datetime:
    try:
        if isinstance(delay, datetime):
            return delay.astimezone(timezone.utc)
        if isinstance(delay, (int, float)) and not isinstance(delay, bool) and math.isfinite(delay):
            delay = timedelta(seconds=delay)
        if isinstance(delay, timedelta) and delay >= timedelta(0):
            return now + delay
    except OverflowError:
        pass
    raise InvalidMessage(
        f"delay has to be seconds, a timedelta or a datetime, not before now and not after the "
        f"year 9999: {delay!r}"
    )
