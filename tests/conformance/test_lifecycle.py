import threading

import pytest

import workflow
from workflow import IncidentStatus, MessageStatus, UnknownIncident


@pytest.mark.parametrize(
    ("end", "status"),
    [("complete", IncidentStatus.COMPLETE), ("cancel", IncidentStatus.CANCELLED)],
)
def test_outside_a_handler_an_end_is_effective_with_the_flush(engine, incident, end, status):
    getattr(engine, end)(incident)
    assert engine.incident(incident).status is IncidentStatus.PENDING
    engine.flush()
    found = engine.incident(incident)
    assert found.status is status
    assert found.ended_at is not None


def test_inside_a_handler_it_is_effective_when_that_returns(engine, incident, run, statuses):
    seen = []

    @engine.handler(queue="ends")
    def ends(message):
        engine.complete(incident)
        engine.send("never", {"IncidentID": incident})
        seen.append(engine.incident(incident).status)

    run(incident, ("ends", {}))
    assert seen == [IncidentStatus.ACTIVE]
    assert engine.incident(incident).status is IncidentStatus.COMPLETE
    assert engine.incident(incident).ended_by == "ends"
    assert statuses(incident) == [("ends", "COMPLETE"), ("never", "NOT PROCESSED")]


def test_a_handler_that_raises_ends_nothing(engine, incident, run):
    @engine.handler(queue="bad", retries=1, backoff=0.01)
    def bad(message):
        engine.cancel(incident)
        raise OSError

    run(incident, ("bad", {}))
    assert engine.incident(incident).status is IncidentStatus.ERROR


def test_no_handler_starts_after_the_end_also_for_messages_in_hand(engine, incident, run):
    """They are taken in one go with the one that ends the incident."""
    ran = []

    @engine.handler(queue="q")
    def handler(message):
        ran.append(message["n"])
        if message["n"] == 5:
            engine.complete(incident)

    # The worker learns that the handler is fast, and takes many at a time from then on.
    warm = engine.create_incident("warm", "TEST")
    run(warm, *(("q", {"n": -1}) for _ in range(50)))
    ran.clear()
    run(incident, *(("q", {"n": n}) for n in range(50)))
    assert ran == [0, 1, 2, 3, 4, 5]
    assert engine.counts(incident) == {
        MessageStatus.COMPLETE: 6, MessageStatus.NOT_PROCESSED: 44,
    }  # fmt: skip


def test_what_runs_while_its_incident_ends_comes_to_nothing(engine, incident, run, kept):
    running = threading.Event()
    ended = threading.Event()

    @engine.handler(queue="long")
    def long(message):
        running.set()
        assert ended.wait(30)
        engine.send("keep", {"IncidentID": other})
        engine.put(incident, {"x": 1})

    other = engine.create_incident("other", "TEST")
    engine.send("long", {"IncidentID": incident})
    engine.flush()
    worker = threading.Thread(target=lambda: engine.execute(until_idle=True))
    worker.start()
    assert running.wait(30)
    engine.cancel(incident, "enough")
    engine.flush()
    ended.set()
    worker.join()
    assert engine.counts(incident) == {MessageStatus.NOT_PROCESSED: 1}
    assert kept == []
    found = engine.incident(incident)
    assert (found.status, found.reason) == (IncidentStatus.CANCELLED, "enough")


def test_delayed_and_waiting_messages_end_with_the_incident(engine, incident, run, statuses):
    @workflow.atomic
    @engine.handler(queue="q")
    def handler(message):
        if message["n"] == 1:
            engine.cancel(incident)

    engine.send("q", {"IncidentID": incident, "n": 0}, delay=3600)
    run(incident, *(("q", {"n": n}) for n in (1, 2, 3)))
    assert [status for _, status in statuses(incident)] == [
        "NOT PROCESSED", "COMPLETE", "NOT PROCESSED", "NOT PROCESSED",
    ]  # fmt: skip


@pytest.mark.parametrize("end", ["complete", "cancel"])
@pytest.mark.parametrize("again", ["complete", "cancel"])
def test_ending_twice_is_a_warning_and_nothing_else(engine, incident, end, again, caplog):
    getattr(engine, end)(incident)
    engine.flush()
    before = engine.incident(incident)
    getattr(engine, again)(incident)
    engine.flush()
    assert engine.incident(incident) == before
    assert "has ended before" in caplog.text


def test_a_message_to_an_ended_incident_is_not_processed(engine, incident, run, kept, statuses):
    engine.complete(incident)
    engine.flush()
    run(incident, ("keep", {}))
    assert (kept, statuses(incident)) == ([], [("keep", "NOT PROCESSED")])


def test_an_unknown_incident_is_an_error(engine):
    for call in (engine.complete, engine.cancel, engine.resume, engine.incident, engine.steps):
        with pytest.raises(UnknownIncident):
            call("00000000-0000-7000-8000-000000000000")


def test_a_resume_runs_what_failed_and_what_was_left_and_nothing_twice(
    engine, incident, run, statuses
):
    ran = []
    broken = [True]

    @engine.handler(queue="good")
    def good(message):
        engine.put(incident, {"n": message["n"]})
        ran.append("good")

    @engine.handler(queue="bad")
    def bad(message):
        ran.append("bad")
        if broken:
            raise OSError

    run(incident, ("good", {"n": 1}))
    engine.send("good", {"IncidentID": incident, "n": 2}, delay=0.2)
    run(incident, ("bad", {}))
    assert engine.incident(incident).status is IncidentStatus.ERROR
    broken.clear()
    assert engine.resume(incident) == 2
    found = engine.incident(incident)
    assert (found.status, found.reason, found.ended_at) == (IncidentStatus.ACTIVE, "", None)
    run(incident)
    assert ran == ["good", "bad", "bad", "good"]
    assert {status for _, status in statuses(incident)} == {"COMPLETE"}
    assert engine.get(incident, handler="good") == [{"n": 1}, {"n": 2}]


def test_a_cancelled_incident_can_be_resumed_with_what_it_had_persisted(engine, incident, run):
    engine.put(incident, {"a": 1}, handler="h")
    engine.send("keep", {"IncidentID": incident})
    engine.cancel(incident)
    engine.flush()
    assert engine.get(incident, handler="h") == []
    assert engine.resume(incident) == 1
    assert engine.get(incident, handler="h") == [{"a": 1}]
    assert engine.counts(incident) == {MessageStatus.SENT: 1}


def test_resuming_what_runs_or_is_complete_changes_nothing(engine, incident, run):
    engine.send("q", {"IncidentID": incident})
    engine.flush()
    assert engine.resume(incident) == 0
    engine.complete(incident)
    engine.flush()
    before = engine.incident(incident)
    assert engine.resume(incident) == 0
    assert engine.incident(incident) == before


def test_a_resumed_message_has_its_retries_again_and_goes_on_counting_attempts(
    engine, incident, run
):
    tries = []

    @engine.handler(queue="bad", retries=1, backoff=0.01)
    def bad(message):
        tries.append(1)
        if len(tries) < 4:
            raise OSError

    run(incident, ("bad", {}))
    assert len(tries) == 2
    engine.resume(incident)
    run(incident)
    assert len(tries) == 4
    assert engine.steps(incident)[0].attempts == 4
