import contextlib
import threading
import time
from datetime import timedelta

import pytest

from workflow import MessageStatus, NotInHandler


class Boom(Exception):
    pass


def test_a_handler_that_raises_sends_and_keeps_nothing(engine, incident, kept, run, statuses):
    @engine.handler(queue="bad")
    def bad(message):
        engine.send("keep", {"IncidentID": incident})
        engine.put(incident, {"x": 1})
        engine.complete(incident)
        raise Boom("on purpose")

    run(incident, ("bad", {}))
    assert statuses(incident) == [("bad", "ERROR")]
    assert engine.get(incident, handler="bad") == []
    assert kept == []


def test_an_error_is_kept_with_its_traceback_and_ends_the_incident(engine, incident, run):
    @engine.handler(queue="bad")
    def bad(message):
        raise Boom("on purpose")

    run(incident, ("bad", {}))
    (step,) = engine.steps(incident)
    assert "in bad\n    raise Boom" in step.error
    assert "runner.py" not in step.error
    found = engine.incident(incident)
    assert found.status.value == "ERROR"
    assert found.reason == f"bad failed on message {step.message_id}: Boom: on purpose"


def test_what_is_queued_for_a_failed_incident_is_not_processed(engine, incident, run, statuses):
    @engine.handler(queue="bad")
    def bad(message):
        raise Boom

    @engine.handler(queue="never")
    def never(message):
        raise AssertionError("is not to run")

    engine.send("never", {"IncidentID": incident}, delay=3600, name="delayed")
    engine.send("no handler here", {"IncidentID": incident}, name="sent")
    run(incident, ("bad", {}))
    assert statuses(incident) == [
        ("delayed", "NOT PROCESSED"),
        ("sent", "NOT PROCESSED"),
        ("bad", "ERROR"),
    ]


def test_even_sys_exit_is_only_a_failure_of_its_message(engine, incident, run, statuses):
    @engine.handler(queue="bad")
    def bad(message):
        raise SystemExit(3)

    run(incident, ("bad", {}))
    assert statuses(incident) == [("bad", "ERROR")]


def test_a_retry_is_the_same_message_later_and_its_attempts_are_counted(
    engine, incident, run, kept
):
    seen = []

    @engine.handler(queue="flaky", retries=3, retry_on=Boom, backoff=lambda n: 0.02 * n)
    def flaky(message):
        seen.append(message["MessageID"])
        engine.send("keep", {"IncidentID": incident, "try": len(seen)})
        if len(seen) < 3:
            raise Boom

    run(incident, ("flaky", {}))
    assert len(seen) == 3
    assert len(set(seen)) == 1
    assert [message["try"] for message in kept] == [3]
    step = engine.steps(incident)[0]
    assert (step.status, step.attempts, step.error) == (MessageStatus.COMPLETE, 3, None)


def test_when_the_tries_run_out_it_is_an_error(engine, incident, run, statuses):
    tries = []

    @engine.handler(queue="bad", retries=2, backoff=0.01)
    def bad(message):
        tries.append(1)
        raise Boom

    run(incident, ("bad", {}))
    assert len(tries) == 3
    assert statuses(incident) == [("bad", "ERROR")]


def test_other_exceptions_are_not_tried_again(engine, incident, run, statuses):
    tries = []

    @engine.handler(queue="bad", retries=2, retry_on=OSError)
    def bad(message):
        tries.append(1)
        raise Boom

    run(incident, ("bad", {}))
    assert (tries, statuses(incident)) == ([1], [("bad", "ERROR")])


def test_a_handler_that_computes_too_long_is_stopped(engine, incident, run):
    stopped = threading.Event()

    @engine.handler(queue="endless", timeout=0.2)
    def endless(message):
        try:
            while True:
                # Catching everything is no way out.
                with contextlib.suppress(Exception):
                    time.monotonic()
        finally:
            stopped.set()

    run(incident, ("endless", {}))
    assert stopped.wait(10)
    (step,) = engine.steps(incident)
    assert "HandlerTimeout: handler endless ran longer than its timeout of 0.2 s" in step.error
    assert step.run_seconds >= 0.2


def test_a_handler_that_hangs_is_left_behind_and_the_next_one_runs(engine, incident, run, kept):
    release = threading.Event()
    other = engine.create_incident("other", "TEST")

    @engine.handler(queue="hangs", timeout=timedelta(milliseconds=200))
    def hangs(message):
        release.wait(60)
        engine.send("keep", {"IncidentID": other, "late": True})

    engine.send("hangs", {"IncidentID": incident})
    run(other, ("keep", {}))
    assert engine.incident(incident).status.value == "ERROR"
    assert [message.get("late") for message in kept] == [None]
    release.set()
    engine.execute(until_idle=True)
    assert len(kept) == 1


def test_a_timeout_can_be_retried(engine, incident, run, statuses):
    tries = []

    @engine.handler(queue="slow once", timeout=0.2, retries=1, retry_on=TimeoutError, backoff=0.01)
    def slow_once(message):
        tries.append(1)
        if len(tries) == 1:
            threading.Event().wait(2)

    run(incident, ("slow once", {}))
    assert statuses(incident) == [("slow_once", "COMPLETE")]


def test_a_slow_handler_does_not_hold_back_the_commit_of_a_fast_one(engine, incident):
    committed = threading.Event()
    fast_done = threading.Event()

    @engine.handler(queue="slow")
    def slow(message):
        assert fast_done.wait(30)
        # What the fast one did is in the database while this one still runs.
        assert engine.counts(incident)[MessageStatus.COMPLETE] == 1
        committed.set()

    @engine.handler(queue="fast")
    def fast(message):
        pass

    engine.send("slow", {"IncidentID": incident})
    engine.send("fast", {"IncidentID": incident})
    engine.flush()
    worker = engine.worker(threads=2)
    watcher = threading.Thread(target=worker.run)
    watcher.start()
    while engine.counts(incident).get(MessageStatus.COMPLETE) != 1:
        fast_done.wait(0.01)
    fast_done.set()
    assert committed.wait(30)
    worker.stop()
    watcher.join()


def test_what_waits_behind_a_slow_handler_goes_back_for_other_workers(engine, incident, run):
    """A worker may hold two messages of a handler that it does not know yet."""
    release = threading.Event()
    ran_in = []

    @engine.handler(queue="slow")
    def slow(message):
        ran_in.append(threading.current_thread())
        release.wait(30 if len(ran_in) == 1 else 0)

    for _ in range(2):
        engine.send("slow", {"IncidentID": incident})
    engine.flush()
    first = engine.worker()
    watcher = threading.Thread(target=first.run)
    watcher.start()
    second = engine.worker()
    other = threading.Thread(target=second.run)
    other.start()
    while engine.counts(incident).get(MessageStatus.COMPLETE) != 1:
        release.wait(0.02)
    assert len(ran_in) == 2
    release.set()
    for worker, thread in ((first, watcher), (second, other)):
        worker.stop()
        thread.join()
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 2}


def test_once_calls_its_function_once_over_all_attempts(engine, incident, run, statuses):
    calls = []
    tries = []

    @engine.handler(queue="orders", retries=2, backoff=0.01)
    def orders(message):
        first = engine.once("order", lambda: calls.append("order") or {"id": 7})
        other = engine.once("mail", lambda: calls.append("mail"))
        tries.append((first, other))
        if len(tries) < 3:
            raise Boom

    run(incident, ("orders", {}))
    assert calls == ["order", "mail"]
    assert tries == [({"id": 7}, None)] * 3
    assert statuses(incident) == [("orders", "COMPLETE")]


def test_once_needs_a_message(engine):
    with pytest.raises(NotInHandler):
        engine.once("key", lambda: 1)


def test_an_incident_made_in_a_handler_is_there_when_that_returns(engine, incident, kept, run):
    made = []

    @engine.handler(queue="parent")
    def parent(message):
        child = engine.create_incident("child", "TEST")
        engine.send("keep", {"IncidentID": child})
        made.append(child)
        if message.get("fail"):
            raise Boom

    run(incident, ("parent", {}))
    assert [message["IncidentID"] for message in kept] == made
    assert engine.incident(made[0]).status.value == "ACTIVE"
    run(engine.create_incident("second", "TEST"), ("parent", {"fail": True}))
    with pytest.raises(ValueError, match="there is no incident"):
        engine.incident(made[1])


def test_two_engines_in_one_process_keep_to_themselves(engine, incident, tmp_path, run):
    from workflow import Engine, Settings

    with Engine(Settings(database_url=f"sqlite:///{tmp_path / 'other.db'}")) as other:
        elsewhere = other.create_incident("other", "TEST")

        @engine.handler(queue="q")
        def sends_to_both(message):
            other.send("q", {"IncidentID": elsewhere})
            other.flush()

        run(incident, ("q", {}))
        assert other.counts(elsewhere) == {MessageStatus.SENT: 1}
        assert engine.counts(incident) == {MessageStatus.COMPLETE: 1}


def test_the_module_functions_work_on_the_engine_whose_handler_calls_them(engine, incident, run):
    import workflow

    @engine.handler(queue="q")
    def handler(message):
        assert workflow.current_engine() is engine
        workflow.Persist.Put(message["IncidentID"], {"a": 1})
        assert workflow.Persist.Get(message["IncidentID"]) == [{"a": 1}]
        workflow.send("r", {"IncidentID": workflow.CreateIncident("n", "k")})
        assert workflow.FlushMessages() == 0

    run(incident, ("q", {}))
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 1}
