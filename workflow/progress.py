"""Follows an incident to its end, and tells what happens on the way.

Owns the judgement whether an incident that has not ended still can: see :func:`why_stuck`.
"""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timezone

from workflow.engine import Engine
from workflow.model import OWED, Edge, Incident, MessageStatus

POLL_SECONDS = 0.2
# How long nothing may be owed, or nobody be there to do it, before that is called stuck.
SETTLED_SECONDS = 2.0
LONELY_SECONDS = 20.0


class Stuck(Exception):
    """The incident will not go on by itself; says why, and what to do."""


def follow(
    engine: Engine,
    incident_id: str,
    tell: Callable[[str], None],
    *,
    patience_seconds: float | None = None,
) -> Incident:
    """Blocks until the incident has ended; returns it.

    ``tell`` gets a line for whatever finishes. ``patience_seconds`` is how long a handler may run
    without anything else happening; for ever by default.

    Raises:
        Stuck: it has not ended, and cannot.
    """
    seen: Counter[tuple[str, MessageStatus]] = Counter()
    changed_at = time.monotonic()
    warned = False
    while True:
        # The incident first: what ended with it is then in the edges.
        incident = engine.incident(incident_id)
        edges = engine.edges(incident_id)
        now = _by_target(edges)
        if now != seen:
            changed_at = time.monotonic()
            for line in _news(seen, now, incident):
                tell(line)
            seen = now
        if incident.status.ended:
            return incident
        quiet = time.monotonic() - changed_at
        if not warned and quiet >= SETTLED_SECONDS:
            warned = True
            if unserved := _unserved(engine, [edge for edge in edges if edge.status in OWED]):
                tell(f"waiting for a worker that handles {unserved}: python manager.py runs them")
        reason = why_stuck(engine, edges, quiet, patience_seconds)
        if reason:
            raise Stuck(reason)
        time.sleep(POLL_SECONDS)


def why_stuck(
    engine: Engine, edges: list[Edge], quiet_seconds: float, patience_seconds: float | None
) -> str:
    """Why an incident on which nothing has changed for a while cannot go on; empty if it may."""
    owed = [edge for edge in edges if edge.status in OWED]
    if not owed:
        if quiet_seconds < SETTLED_SECONDS:
            return ""
        return (
            "every message has been handled, and no handler has called Complete(): the workflow "
            "ended without saying so, or waits for a message that nobody sends"
        )
    running = [edge for edge in owed if edge.status is MessageStatus.PROCESSING]
    if quiet_seconds >= min(LONELY_SECONDS, patience_seconds or LONELY_SECONDS) and not running:
        unserved = _unserved(engine, owed)
        if unserved:
            return f"no worker handles {unserved}: is manager.py running, with that module?"
    if patience_seconds is not None and quiet_seconds >= patience_seconds:
        names = ", ".join(sorted({edge.target for edge in running or owed}))
        return f"nothing has happened for {quiet_seconds:.0f} s; it waits for {names}"
    return ""


def _unserved(engine: Engine, owed: list[Edge]) -> str:
    """The queues with messages to handle that no live worker is there for."""
    served = {queue for worker in engine.workers() for queue in worker.queues}
    return ", ".join(sorted({edge.queue for edge in owed} - served))


def _by_target(edges: list[Edge]) -> Counter[tuple[str, MessageStatus]]:
    counts: Counter[tuple[str, MessageStatus]] = Counter()
    for edge in edges:
        counts[edge.target, edge.status] += edge.count
    return counts


def _news(
    before: Counter[tuple[str, MessageStatus]],
    now: Counter[tuple[str, MessageStatus]],
    incident: Incident,
) -> list[str]:
    seconds = (datetime.now(timezone.utc) - incident.created_at).total_seconds()
    lines = []
    for (target, status), count in now.items():
        new = count - before[target, status]
        if new > 0 and status not in OWED:
            times = f" (x {new:,})" if new > 1 else ""
            lines.append(f"{seconds:7.1f} s  {status.value.lower():<13}  {target}{times}")
    return lines
