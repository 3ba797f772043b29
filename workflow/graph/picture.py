"""What a picture of an incident shows, before any format: nodes, edges, words and tones.

Nodes are handlers, edges are messages. All messages from one handler to another are one edge with
their count; unfolded, every message is a node of its own. The same incident gives the same picture.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from workflow.model import Edge, Incident, IncidentStatus, MessageStatus, Step


class Tone(Enum):
    """What a colour stands for. The order is that of concern: the last one of several shows."""

    PLAIN = "plain"
    DONE = "done"
    UNTOUCHED = "untouched"
    OWED = "owed"
    RUNNING = "running"
    FAILED = "failed"


_TONES = {
    MessageStatus.COMPLETE: Tone.DONE,
    MessageStatus.NOT_PROCESSED: Tone.UNTOUCHED,
    MessageStatus.SENT: Tone.OWED,
    MessageStatus.DELAYED: Tone.OWED,
    MessageStatus.WAITING: Tone.OWED,
    MessageStatus.PROCESSING: Tone.RUNNING,
    MessageStatus.ERROR: Tone.FAILED,
}
_ENDS = {
    IncidentStatus.COMPLETE: Tone.DONE,
    IncidentStatus.CANCELLED: Tone.UNTOUCHED,
    IncidentStatus.ERROR: Tone.FAILED,
}
_CONCERN = list(Tone)


class Shape(Enum):
    SCRIPT = "script"
    HANDLER = "handler"
    QUEUE = "queue"
    END = "end"


@dataclass(frozen=True, kw_only=True)
class Node:
    id: str
    shape: Shape
    tone: Tone
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Arrow:
    source: str
    target: str
    tone: Tone
    label: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    title: str
    nodes: tuple[Node, ...]
    arrows: tuple[Arrow, ...]


def folded(incident: Incident, edges: Sequence[Edge]) -> Picture:
    """One node for each handler, one arrow for each pair of sender and receiver."""
    senders = {_sender(each): each for each in edges}
    receivers: dict[str, list[Edge]] = {}
    between: dict[tuple[str, str], list[Edge]] = {}
    for edge in edges:
        receivers.setdefault(_receiver(edge), []).append(edge)
        between.setdefault((_sender(edge), _receiver(edge)), []).append(edge)
    nodes = [
        Node(id=id, shape=Shape.SCRIPT, tone=Tone.PLAIN, lines=(edge.source,))
        for id, edge in senders.items()
        if edge.from_outside
    ]
    nodes += [_handler_node(id, group, incident) for id, group in receivers.items()]
    arrows = [
        Arrow(source=source, target=target, tone=_worst(group), label=_count_label(group))
        for (source, target), group in between.items()
    ]
    nodes, arrows = _with_end(incident, nodes, arrows, {node.id for node in nodes})
    return Picture(title=_title(incident), nodes=tuple(nodes), arrows=tuple(arrows))


def unfolded(incident: Incident, steps: Sequence[Step]) -> Picture:
    """One node for each message."""
    scripts = {step.originator: None for step in steps if step.cause_id is None}
    nodes = [
        Node(id=f"script:{name}", shape=Shape.SCRIPT, tone=Tone.PLAIN, lines=(name,))
        for name in scripts
    ]
    arrows = []
    for step in steps:
        tone = _TONES[step.status]
        lines = [step.name, step.status.value]
        if step.run_seconds is not None:
            lines.append(_seconds(step.run_seconds))
        if step.attempts > 1:
            lines.append(f"{step.attempts} attempts")
        shape = Shape.HANDLER if step.handler else Shape.QUEUE
        nodes.append(Node(id=step.message_id, shape=shape, tone=tone, lines=tuple(lines)))
        source = step.cause_id or f"script:{step.originator}"
        arrows.append(Arrow(source=source, target=step.message_id, tone=tone, label=""))
    return Picture(title=_title(incident), nodes=tuple(nodes), arrows=tuple(arrows))


def _sender(edge: Edge) -> str:
    return f"script:{edge.source}" if edge.from_outside else f"handler:{edge.source}"


def _receiver(edge: Edge) -> str:
    return f"handler:{edge.target}" if edge.handled else f"queue:{edge.target}"


def _handler_node(id: str, group: list[Edge], incident: Incident) -> Node:
    count = sum(edge.count for edge in group)
    lines = [group[0].target, _plural(count, "message")]
    if group[0].handled:
        lines[1] += f", {_seconds(sum(edge.run_seconds for edge in group))}"
        if window := _window(group, incident):
            lines.append(window)
        shape = Shape.HANDLER
    else:
        lines.append("not taken by any worker yet")
        shape = Shape.QUEUE
    return Node(id=id, shape=shape, tone=_worst(group), lines=tuple(lines))


def _window(group: list[Edge], incident: Incident) -> str:
    """From the first start to the last end, counted from the incident's start."""
    origin = incident.started_at or incident.created_at
    started = [edge.first_started_at for edge in group if edge.first_started_at]
    ended = [edge.last_ended_at for edge in group if edge.last_ended_at]
    if not started or not ended:
        return ""
    first, last = _since(min(started), origin), _since(max(ended), origin)
    return f"{_offset(first)} to {_offset(last)}"


def _since(moment: datetime, origin: datetime) -> float:
    return (moment - origin) / timedelta(seconds=1)


def _with_end(
    incident: Incident, nodes: list[Node], arrows: list[Arrow], known: Iterable[str]
) -> tuple[list[Node], list[Arrow]]:
    """Adds how the incident ended, by whose doing."""
    if not incident.status.ended or incident.ended_at is None:
        return nodes, arrows
    tone = _ENDS[incident.status]
    origin = incident.started_at or incident.created_at
    lines = (incident.status.value, f"after {_seconds(_since(incident.ended_at, origin))}")
    nodes = [*nodes, Node(id="end", shape=Shape.END, tone=tone, lines=lines)]
    sources = [f"handler:{incident.ended_by}", f"script:{incident.ended_by}"]
    for source in sources:
        if source in known:
            arrows = [*arrows, Arrow(source=source, target="end", tone=tone, label="")]
            break
    return nodes, arrows


def _worst(group: Iterable[Edge]) -> Tone:
    return max((_TONES[edge.status] for edge in group), key=_CONCERN.index)


def _count_label(group: Sequence[Edge]) -> str:
    total = sum(edge.count for edge in group)
    label = "" if total == 1 else f"x {total:,}"
    others: dict[MessageStatus, int] = {}
    for edge in group:
        if edge.status is not MessageStatus.COMPLETE:
            others[edge.status] = others.get(edge.status, 0) + edge.count
    notes = [f"{count:,} {status.value}" for status, count in others.items()]
    return "\n".join(filter(None, [label, *notes]))


def _title(incident: Incident) -> str:
    return f"{incident.name} ({incident.kind}) {incident.status.value}\n{incident.id}"


def _plural(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def _seconds(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 120:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def _offset(seconds: float) -> str:
    return f"+{_seconds(max(0.0, seconds))}"
