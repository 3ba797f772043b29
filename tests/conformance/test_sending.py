import math
import threading
import uuid
from datetime import datetime, timedelta, timezone

import pytest

from workflow import InvalidData, InvalidMessage, MessageStatus, StoreUnavailable, UnknownIncident
from workflow.store import messages


def test_a_handler_gets_the_dict_with_its_ids_and_the_sender(engine, incident, kept, run):
    run(incident, ("keep", {"wind": [1, 2.5], "name": "Ätna"}))
    (message,) = kept
    assert message["wind"] == [1, 2.5]
    assert message["name"] == "Ätna"
    assert message["IncidentID"] == incident
    assert uuid.UUID(message["MessageID"]).version == 7
    assert message["originator"] in ("__main__.py", "pytest", "python")


def test_the_originator_is_the_registered_name_of_the_sending_handler(engine, incident, kept, run):
    @engine.handler(queue="first", name="registered name")
    def first(message):
        # The whole dict is sent on, with the ids of the message that it came in.
        engine.send("keep", message)

    run(incident, ("first", {"x": 1}))
    (message,) = kept
    assert message["originator"] == "registered name"
    first_step, second_step = engine.steps(incident)
    assert message["MessageID"] == second_step.message_id
    assert second_step.cause_id == first_step.message_id


def test_a_message_is_a_snapshot_and_the_callers_dict_is_not_changed(engine, incident, kept, run):
    message = {"IncidentID": incident, "list": [1]}
    engine.send("keep", message)
    message["list"].append(2)
    assert message == {"IncidentID": incident, "list": [1, 2]}
    run(incident)
    assert kept[0]["list"] == [1]


def test_messages_of_one_sender_are_handled_in_the_order_sent(engine, incident, kept, run):
    run(incident, *(("keep", {"n": n}) for n in range(500)))
    assert [message["n"] for message in kept] == list(range(500))


def test_nothing_leaves_before_it_is_flushed(engine, incident, kept):
    engine.send("keep", {"IncidentID": incident})
    engine.execute(until_idle=True)
    assert (kept, engine.steps(incident)) == ([], [])
    assert engine.flush() == 1
    assert engine.flush() == 0
    engine.execute(until_idle=True)
    assert len(kept) == 1


def test_each_thread_flushes_its_own(engine, incident):
    engine.send("q", {"IncidentID": incident})
    flushed = []
    other = threading.Thread(target=lambda: flushed.append(engine.flush()))
    other.start()
    other.join()
    assert (flushed, engine.flush()) == ([0], 1)


@pytest.mark.parametrize("committed", [False, True])
def test_a_flush_that_failed_can_be_repeated(engine, incident, monkeypatch, committed):
    """Also when the answer to the COMMIT was lost: then the messages are there already."""
    for n in range(3):
        engine.send("q", {"IncidentID": incident, "n": n})
    original = messages.record

    def fail(tx, *arguments):
        original(tx, *arguments)
        if committed:
            tx.commit()
        raise StoreUnavailable("cut")

    monkeypatch.setattr(messages, "record", fail)
    with pytest.raises(StoreUnavailable):
        engine.flush()
    monkeypatch.undo()
    assert len(engine.steps(incident)) == (3 if committed else 0)
    assert engine.flush() == 3
    assert len(engine.steps(incident)) == 3


@pytest.mark.parametrize(
    ("message", "complaint"),
    [
        ("text", "has to be a dict, not str"),
        (None, "has to be a dict, not NoneType"),
        ({}, "has no 'IncidentID': add the one that CreateIncident"),
        ({"x": math.nan}, r"\['x'\]: nan is not JSON"),
        ({"x": [{2: 3}]}, r"\['x'\]\[0\]: the key 2 is int"),
        ({"x": {"y": object()}}, r"\['x'\]\['y'\]: object is not JSON"),
    ],
)
def test_a_message_that_cannot_be_sent_is_an_error_at_the_call(
    engine, incident, message, complaint
):
    if message and isinstance(message, dict):
        message["IncidentID"] = incident
    with pytest.raises(InvalidMessage, match=complaint):
        engine.send("q", message)
    assert engine.flush() == 0


@pytest.mark.parametrize("bad", [str(uuid.uuid4()), "fire", None, 12])
def test_an_unknown_incident_is_an_error_at_the_call(engine, bad):
    with pytest.raises(UnknownIncident, match=r"WORKFLOW_DATABASE_URL.*CreateIncident"):
        engine.send("q", {"IncidentID": bad})


@pytest.mark.parametrize("queue", ["", None, 5, "amq.x", "x" * 300])
def test_a_queue_name_that_no_broker_takes_is_an_error(engine, incident, queue):
    with pytest.raises(InvalidMessage, match="name"):
        engine.send(queue, {"IncidentID": incident})


@pytest.mark.parametrize("delay", [-1, math.inf, math.nan, "1", timedelta(-1), True, 1e300])
def test_a_delay_that_cannot_be_meant_is_an_error(engine, incident, delay):
    with pytest.raises(InvalidMessage, match="delay"):
        engine.send("q", {"IncidentID": incident}, delay=delay)


def test_metadata_has_to_be_a_dict_of_json(engine, incident):
    for bad in ([1], {"a": {1: 2}}):
        with pytest.raises(InvalidData, match="metadata"):
            engine.send("q", {"IncidentID": incident}, metadata=bad)
        with pytest.raises(ValueError, match="metadata"):
            engine.create_incident("n", "k", metadata=bad)


def test_an_incident_keeps_what_it_was_made_with(engine):
    date = datetime(2026, 8, 15, 12, 30, tzinfo=timezone(timedelta(hours=2)))
    made = engine.create_incident(
        "Etna", "VOLCANO", date, metadata={"a": 1}, parameters={"b": [2]}, tag="t"
    )
    found = engine.incident(made)
    assert (found.name, found.kind, found.tag) == ("Etna", "VOLCANO", "t")
    assert (found.metadata, found.parameters) == ({"a": 1}, {"b": [2]})
    assert found.incident_date == date
    assert found.incident_date.utcoffset() == timedelta(0)
    assert found.status.value == "PENDING"


def test_the_incident_date_is_now_by_default(engine):
    before = datetime.now(timezone.utc)
    found = engine.incident(engine.create_incident("n", "k"))
    assert before <= found.incident_date <= datetime.now(timezone.utc)


def test_the_first_message_makes_an_incident_active(engine, incident):
    engine.send("q", {"IncidentID": incident})
    assert engine.incident(incident).status.value == "PENDING"
    engine.flush()
    assert engine.incident(incident).status.value == "ACTIVE"


def test_a_delayed_message_is_handled_when_it_is_due_and_not_before(engine, incident, run):
    handled = {}

    @engine.handler(queue="late")
    def late(message):
        handled[message["n"]] = datetime.now(timezone.utc)

    now = datetime.now(timezone.utc)
    due = {0: 0.15, 1: timedelta(seconds=0.3), 2: now + timedelta(seconds=0.45), 3: 0}
    for n, delay in due.items():
        engine.send("late", {"IncidentID": incident, "n": n}, delay=delay)
    engine.flush()
    assert engine.counts(incident) == {MessageStatus.DELAYED: 3, MessageStatus.SENT: 1}
    run(incident)
    assert list(handled) == [3, 0, 1, 2]
    for step in engine.steps(incident):
        assert step.started_at >= step.due_at


def test_a_moment_that_has_passed_is_now(engine, incident, kept, run):
    engine.send("keep", {"IncidentID": incident}, delay=datetime(2020, 1, 1))
    run(incident)
    assert len(kept) == 1


def test_a_warning_tells_of_what_was_never_flushed(make_engine, caplog):
    with make_engine() as engine:
        incident = engine.create_incident("n", "k")
        engine.send("q", {"IncidentID": incident})
    assert "1 messages were sent but never flushed" in caplog.text
