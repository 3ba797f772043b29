from datetime import datetime, timedelta, timezone

import graphviz
import pytest

from workflow.graph.dot import to_dot
from workflow.graph.mermaid import to_mermaid
from workflow.graph.picture import Shape, Tone, folded, unfolded
from workflow.model import Edge, Incident, IncidentStatus, MessageStatus, Step

START = datetime(2026, 8, 15, 12, tzinfo=timezone.utc)


def at(seconds):
    return START + timedelta(seconds=seconds)


def incident(status=IncidentStatus.COMPLETE, **changes):
    ended = status.ended
    return Incident(
        **{
            "id": "01a1fc2f-7641-7a34-8632-8116970292c3",
            "name": 'a "fire"',
            "kind": "FIRE",
            "incident_date": START,
            "status": status,
            "reason": "",
            "metadata": {},
            "parameters": {},
            "tag": "",
            "created_at": START,
            "started_at": START,
            "ended_at": at(9) if ended else None,
            "ended_by": "join" if ended else None,
            **changes,
        }
    )


def edge(source, target, count=1, status=MessageStatus.COMPLETE, **changes):
    return Edge(
        **{
            "source": source,
            "from_outside": False,
            "target": target,
            "handled": True,
            "queue": f"{target}_queue",
            "status": status,
            "count": count,
            "first_sent_at": START,
            "first_started_at": at(1),
            "last_ended_at": at(3.5),
            "run_seconds": 0.25 * count,
            **changes,
        }
    )


FAN_OUT = [
    edge("start.py", "split", from_outside=True),
    edge("split", "work", 9_999),
    edge("split", "work", 1, MessageStatus.ERROR),
    edge("work", "join", 10_000),
    edge("join", "nobody", handled=False, status=MessageStatus.SENT),
]


def test_a_fan_out_is_one_edge_with_its_count_and_what_failed_shows():
    picture = folded(incident(), FAN_OUT)
    (arrow,) = [each for each in picture.arrows if each.target == "handler:work"]
    assert arrow.label == "x 10,000\n1 ERROR"
    assert arrow.tone is Tone.FAILED


def test_a_node_tells_how_many_messages_how_long_and_when():
    picture = folded(incident(), FAN_OUT)
    (node,) = [each for each in picture.nodes if each.id == "handler:join"]
    assert node.lines == ("join", "10,000 messages, 0:41:40", "+1.0 s to +3.5 s")


def test_a_queue_that_nobody_handles_is_drawn_as_one():
    picture = folded(incident(IncidentStatus.ACTIVE), FAN_OUT)
    (node,) = [each for each in picture.nodes if each.shape is Shape.QUEUE]
    assert (node.lines[0], node.tone) == ("nobody", Tone.OWED)


@pytest.mark.parametrize(
    ("status", "tone"),
    [
        (IncidentStatus.COMPLETE, Tone.DONE),
        (IncidentStatus.CANCELLED, Tone.UNTOUCHED),
        (IncidentStatus.ERROR, Tone.FAILED),
    ],
)
def test_the_end_is_drawn_from_the_handler_that_ended_it(status, tone):
    picture = folded(incident(status), FAN_OUT)
    (end,) = [each for each in picture.nodes if each.shape is Shape.END]
    assert (end.lines, end.tone) == ((status.value, "after 9.0 s"), tone)
    assert [each.source for each in picture.arrows if each.target == "end"] == ["handler:join"]


def test_an_incident_that_runs_has_no_end():
    picture = folded(incident(IncidentStatus.ACTIVE), FAN_OUT)
    assert not [each for each in picture.nodes if each.shape is Shape.END]


def test_an_incident_without_messages_can_be_drawn():
    picture = folded(incident(IncidentStatus.PENDING), [])
    assert (picture.nodes, picture.arrows) == ((), ())
    assert "digraph" in to_dot(picture)


def test_the_same_incident_gives_the_same_text():
    picture = folded(incident(), FAN_OUT)
    assert to_dot(picture) == to_dot(folded(incident(), FAN_OUT))
    assert to_mermaid(picture) == to_mermaid(folded(incident(), FAN_OUT))


def test_names_cannot_break_the_text_of_a_picture():
    nasty = 'a"b\\n|]:#<br>\n;-->'
    picture = folded(incident(name=nasty), [edge(nasty, nasty)])
    drawn = graphviz.Source(to_dot(picture)).pipe(format="plain", encoding="utf-8")
    assert [line.split()[0] for line in drawn.splitlines()].count("node") == len(picture.nodes)
    mermaid = to_mermaid(picture)
    assert [line for line in mermaid.splitlines() if line.strip().startswith("n0 -->")] == [
        "    n0 --> n0", "    n0 --> n1",
    ][: len(picture.arrows)]  # fmt: skip


def step(number, cause, **changes):
    return Step(
        **{
            "message_id": f"m{number}",
            "cause_id": cause,
            "name": f"step {number}",
            "queue": "q",
            "handler": "h",
            "originator": "start.py",
            "status": MessageStatus.COMPLETE,
            "attempts": 1,
            "sent_at": START,
            "due_at": None,
            "started_at": START,
            "ended_at": START,
            "run_seconds": 0.5,
            "error": None,
            **changes,
        }
    )


def test_unfolded_every_message_is_a_node_that_its_cause_points_to():
    steps = [step(1, None), step(2, "m1", attempts=3), step(3, "m1")]
    picture = unfolded(incident(), steps)
    assert [node.lines for node in picture.nodes] == [
        ("start.py",),
        ("step 1", "COMPLETE", "500 ms"),
        ("step 2", "COMPLETE", "500 ms", "3 attempts"),
        ("step 3", "COMPLETE", "500 ms"),
    ]
    assert [(arrow.source, arrow.target) for arrow in picture.arrows] == [
        ("script:start.py", "m1"), ("m1", "m2"), ("m1", "m3"),
    ]  # fmt: skip
