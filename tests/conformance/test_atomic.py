import threading

import pytest

import workflow
from workflow import MessageStatus


@pytest.fixture
def counter(engine):
    """An atomic handler that reads, waits for others to come in between, and writes."""

    @workflow.atomic
    @engine.handler(queue="count")
    def count(message):
        so_far = engine.get(message["IncidentID"])
        threading.Event().wait(0.001)
        engine.put(message["IncidentID"], {"n": len(so_far) + 1})


def numbers(engine, incident):
    return [each["n"] for each in engine.get(incident, handler="count")]


def test_threads_of_one_worker_take_turns(engine, counter, run):
    incidents = [engine.create_incident(str(n), "TEST") for n in range(4)]
    for _ in range(25):
        for incident in incidents:
            engine.send("count", {"IncidentID": incident})
    run(incidents[0], threads=4)
    assert [numbers(engine, each) for each in incidents] == [[*range(1, 26)]] * 4


def test_different_incidents_run_side_by_side(engine, run):
    meeting = threading.Barrier(2, timeout=30)

    @engine.handler(queue="q")
    @workflow.atomic
    def meets(message):
        meeting.wait()

    first, second = (engine.create_incident(name, "TEST") for name in "ab")
    engine.send("q", {"IncidentID": first})
    run(second, ("q", {}), threads=2)
    assert engine.counts(first) == engine.counts(second) == {MessageStatus.COMPLETE: 1}


def test_two_atomic_handlers_of_one_incident_run_side_by_side(engine, incident, run):
    meeting = threading.Barrier(2, timeout=30)
    for name in "ab":
        workflow.atomic(engine.handler(queue=name, name=name)(lambda message: meeting.wait()))
    run(incident, ("a", {}), ("b", {}), threads=2)
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 2}


def test_a_handler_of_several_queues_has_one_lock(engine, incident, run):
    inside = []

    @workflow.atomic
    @engine.handler(queue="one")
    def handler(message):
        inside.append(1)
        threading.Event().wait(0.02)
        assert len(inside) == 1
        inside.pop()

    engine.register(handler, "two")
    run(incident, ("one", {}), ("two", {}), ("one", {}), ("two", {}), threads=4)
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 4}


def test_first_come_is_first_served(engine, incident, run):
    order = []

    @workflow.atomic
    @engine.handler(queue="q")
    def handler(message):
        order.append(message["n"])

    run(incident, *(("q", {"n": n}) for n in range(50)), threads=3)
    assert order == list(range(50))


def test_a_retry_keeps_its_place(engine, incident, run):
    order = []

    @workflow.atomic
    @engine.handler(queue="q", retries=1, backoff=0.05)
    def handler(message):
        order.append(message["n"])
        if order == [0]:
            raise OSError

    run(incident, *(("q", {"n": n}) for n in range(3)))
    assert order == [0, 0, 1, 2]


def test_a_failure_leaves_no_lock_and_a_resume_goes_on(engine, incident, run):
    order = []

    @workflow.atomic
    @engine.handler(queue="q")
    def handler(message):
        order.append(message["n"])
        if order == [0]:
            raise OSError

    run(incident, *(("q", {"n": n}) for n in range(3)))
    assert engine.counts(incident) == {MessageStatus.ERROR: 1, MessageStatus.NOT_PROCESSED: 2}
    assert engine.resume(incident) == 3
    run(incident)
    assert order == [0, 0, 1, 2]
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 3}
