"""What goes wrong between a worker and its database, and what must not come of it."""

import random
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import insert

import workflow
from workflow import InvalidData, InvalidMessage, MessageStatus, StoreUnavailable
from workflow.identifiers import uuid7
from workflow.model import WorkerInfo
from workflow.store import messages, persisted, schema, workers
from workflow.store.database import Database
from workflow.worker.identity import this_host

NOW = datetime.now(timezone.utc)


@pytest.fixture
def break_commits(monkeypatch):
    """Lets ``decide()`` say for each write transaction: None, or to fail "before" or "after"."""

    def install(decide):
        original = Database.writing

        @contextmanager
        def writing(self, *arguments, **options):
            how = decide()
            with original(self, *arguments, **options) as tx:
                yield tx
                if how == "before":
                    raise StoreUnavailable("cut before the COMMIT")
            if how == "after":
                raise StoreUnavailable("cut after the COMMIT")

        monkeypatch.setattr(Database, "writing", writing)

    return install


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_or_doubled_when_commits_fail_or_their_answers_are_lost(
    engine, incident, run, break_commits, seed, monkeypatch
):
    monkeypatch.setattr("workflow.worker.worker.LONGEST_PAUSE_SECONDS", 0.002)
    dice = random.Random(seed)

    @engine.handler(queue="chain")
    def chain(message):
        engine.put(incident, {"n": message["n"], "left": message["left"]})
        if message["left"]:
            engine.send("chain", {**message, "left": message["left"] - 1})

    @workflow.atomic
    @engine.handler(queue="count", retries=1, backoff=0.001)
    def count(message):
        if dice.random() < 0.1 and message["MessageID"] not in failed:
            failed.add(message["MessageID"])
            raise OSError
        engine.put(incident, {"n": len(engine.get(incident))})

    failed = set()
    for n in range(40):
        engine.send("chain", {"IncidentID": incident, "n": n, "left": 4})
        engine.send("count", {"IncidentID": incident})
    engine.flush()
    first = iter([None])  # A worker that cannot even announce itself does not start.
    break_commits(lambda: next(first, dice.choice([None, None, "before", "after"])))
    run(incident, threads=3)
    monkeypatch.undo()
    kept = [(each["n"], each["left"]) for each in engine.get(incident, handler="chain")]
    assert sorted(kept) == [(n, left) for n in range(40) for left in range(5)]
    assert [each["n"] for each in engine.get(incident, handler="count")] == list(range(40))
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 240}


def test_what_is_sent_after_a_lost_answer_is_sent_too(engine, incident, kept, run, break_commits):
    answers = iter(["after"])
    break_commits(lambda: next(answers, None))
    engine.send("keep", {"IncidentID": incident, "n": 1})
    with pytest.raises(StoreUnavailable):
        engine.flush()
    engine.send("keep", {"IncidentID": incident, "n": 2})
    assert engine.flush() == 2
    run(incident)
    assert [message["n"] for message in kept] == [1, 2]


def test_a_message_that_runs_while_it_is_cancelled_and_resumed_takes_effect_once(
    engine, incident, run, kept
):
    first_runs, go_on = threading.Event(), threading.Event()
    runs = []

    @engine.handler(queue="q")
    def handler(message):
        runs.append(1)
        if len(runs) == 1:
            first_runs.set()
        assert go_on.wait(30)
        engine.send("keep", {"IncidentID": incident})

    engine.send("q", {"IncidentID": incident})
    engine.flush()
    worker = threading.Thread(target=lambda: engine.execute(until_idle=True, threads=2))
    worker.start()
    assert first_runs.wait(30)
    engine.cancel(incident)
    engine.flush()
    engine.resume(incident)
    while len(runs) < 2:
        assert worker.is_alive()
        go_on.wait(0.01)
    go_on.set()
    worker.join()
    assert len(runs) == 2
    assert len(kept) == 1


def test_an_ending_that_came_to_nothing_holds_up_nobody(engine, incident, kept, run):
    """The handler completes another incident, and is itself cancelled meanwhile."""
    other = engine.create_incident("other", "TEST")
    running, ended = threading.Event(), threading.Event()

    @engine.handler(queue="ends other")
    def ends_other(message):
        running.set()
        assert ended.wait(30)
        engine.complete(other)

    engine.send("ends other", {"IncidentID": incident})
    engine.flush()
    worker = threading.Thread(target=lambda: engine.execute(until_idle=True))
    worker.start()
    assert running.wait(30)
    engine.cancel(incident)
    engine.send("keep", {"IncidentID": other})
    engine.flush()
    ended.set()
    worker.join(30)
    assert not worker.is_alive()
    assert len(kept) == 1


def test_a_worker_taken_for_dead_starts_over_and_nothing_is_doubled(engine, incident, run, kept):
    running, buried = threading.Event(), threading.Event()
    runs = []

    @engine.handler(queue="q")
    def handler(message):
        runs.append(1)
        if len(runs) == 1:
            running.set()
            assert buried.wait(30)
        engine.send("keep", {"IncidentID": incident, "run": len(runs)})

    engine.send("q", {"IncidentID": incident})
    engine.flush()
    worker = threading.Thread(target=lambda: engine.execute(until_idle=True, threads=2))
    worker.start()
    assert running.wait(30)
    with engine.database.writing() as tx:
        (me,) = workers.all_workers(tx)
        messages.release(tx, [each.id for each in messages.held_by(tx, me.id)], deaths=1)
        workers.leave(tx, me.id)
    while len(runs) < 2:
        assert worker.is_alive()
        buried.wait(0.01)
    buried.set()
    worker.join()
    assert [message["run"] for message in kept] == [2]
    assert engine.workers() == []


def dead_worker(engine, *, expires_in=60.0, pid=None):
    """Registers a worker whose process has ended, and returns it."""
    if pid is None:
        process = subprocess.Popen([sys.executable, "-c", ""])
        process.wait()
        pid = process.pid
    info = WorkerInfo(
        id=uuid7(),
        host=this_host(),
        pid=pid,
        queues=("q",),
        started_at=NOW,
        expires_at=datetime.now(timezone.utc) + timedelta(seconds=expires_in),
    )
    with engine.database.writing() as tx:
        workers.register(tx, info)
    return info


def let_it_take(engine, info, limit):
    with engine.database.writing() as tx:
        taken = messages.candidates(tx, "q", limit)
        taken = taken or messages.candidates(tx, "q", limit, suspects=True)
        messages.assign(tx, taken, worker_id=info.id, handler="handler")


@pytest.mark.parametrize(
    "how", [{"expires_in": 60.0}, {"expires_in": -1000.0, "pid": 1}], ids=["gone", "silent"]
)
def test_the_messages_of_a_dead_worker_are_handled_by_the_next(engine, incident, run, how):
    handled = []

    @engine.handler(queue="q")
    def handler(message):
        handled.append(message["n"])

    for n in range(5):
        engine.send("q", {"IncidentID": incident, "n": n})
    engine.flush()
    let_it_take(engine, dead_worker(engine, **how), 3)
    run(incident)
    assert sorted(handled) == [0, 1, 2, 3, 4]
    assert engine.workers() == []


def test_suspects_run_one_at_a_time_and_beside_nothing_else(engine, incident, run):
    inside, together = [], []

    @engine.handler(queue="q")
    def handler(message):
        inside.append(message["n"])
        threading.Event().wait(0.01)
        together.append(len(inside))
        inside.remove(message["n"])

    for n in range(12):
        engine.send("q", {"IncidentID": incident, "n": n})
    engine.flush()
    let_it_take(engine, dead_worker(engine), 6)
    run(incident, threads=4)
    assert together[:6] == [1] * 6
    assert max(together[6:]) > 1


def test_a_message_alone_at_its_last_death_is_given_up(make_engine):
    engine = make_engine(max_deliveries=3)
    incident = engine.create_incident("n", "TEST")
    engine.handler(queue="q")(lambda message: None)
    engine.send("q", {"IncidentID": incident})
    engine.flush()
    for _ in range(3):
        let_it_take(engine, dead_worker(engine), 1)
        other = engine.worker()
        other.stop()
        other.run()
        with engine.database.connection() as connection:
            other._look_for_dead_at = 0
            other._turn(connection)
    (step,) = engine.steps(incident)
    assert step.status is MessageStatus.ERROR
    assert "its worker died 3 times" in step.error
    assert engine.incident(incident).reason == step.error


def test_messages_of_a_worker_that_is_not_known_are_freed(make_engine):
    engine = make_engine(lease_seconds=0.3)
    incident = engine.create_incident("n", "TEST")
    engine.handler(queue="q")(lambda message: None)
    engine.send("q", {"IncidentID": incident})
    engine.flush()
    info = dead_worker(engine)
    let_it_take(engine, info, 1)
    with engine.database.writing() as tx:
        workers.leave(tx, info.id)
    engine.execute(until_idle=True)
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 1}


@pytest.mark.parametrize("change", ["plain", "renamed"])
def test_who_waits_for_a_lock_goes_on_after_the_handler_was_changed(
    make_engine, engine, incident, change
):
    @workflow.atomic
    @engine.handler(queue="q")
    def handler(message):
        if message["n"] == 1:
            worker.stop()

    for n in range(6):
        engine.send("q", {"IncidentID": incident, "n": n})
    engine.flush()
    worker = engine.worker()
    worker.run()
    assert MessageStatus.WAITING in engine.counts(incident)

    later = make_engine()
    options = {"name": "handler"} if change == "plain" else {"name": "renamed"}
    function = later.handler(queue="q", **options)(lambda message: None)
    if change == "renamed":
        workflow.atomic(function)
    later.execute(until_idle=True)
    assert later.counts(incident) == {MessageStatus.COMPLETE: 6}


class Unprintable(Exception):
    def __str__(self):
        raise self.args[0]


@pytest.mark.parametrize(
    ("error", "options", "told"),
    [
        (Unprintable(OSError()), {}, "Unprintable: (and telling why failed: OSError)"),
        (Unprintable(SystemExit()), {}, "Unprintable: (and telling why failed: SystemExit)"),
        (SyntaxError("bad", ("f", "x", "y", 5)), {}, "SyntaxError"),
        (OSError("nul \0 and \ud800"), {}, r"nul \0 and \ud800"),
        (OSError(), {"retries": 2, "backoff": lambda n: 1 / 0}, "backoff failed: ZeroDivisionErr"),
        (OSError(), {"retries": 2, "backoff": lambda n: float("inf")}, "backoff has to give 0 to"),
    ],
)
def test_a_failure_that_cannot_be_told_harms_nobody_else(
    engine, incident, kept, run, error, options, told
):
    other = engine.create_incident("other", "TEST")

    @engine.handler(queue="bad", **options)
    def bad(message):
        raise error

    engine.send("bad", {"IncidentID": incident})
    run(other, *(("keep", {}) for _ in range(5)))
    assert len(kept) == 5
    (step,) = engine.steps(incident)
    assert step.status is MessageStatus.ERROR
    assert told in step.error


def test_text_that_some_database_cannot_hold_is_an_error_at_the_call(engine, incident):
    for text in ("a\0b", "\ud800", 7):
        for key in ("name", "src_tag", "dest_tag"):
            with pytest.raises(InvalidMessage, match=key):
                engine.send("q", {"IncidentID": incident}, **{key: text})
        with pytest.raises(InvalidData, match="reason"):
            engine.cancel(incident, text)
        with pytest.raises(InvalidData, match="handler"):
            engine.put(incident, {}, handler=text)
        with pytest.raises(InvalidData, match="kind"):
            engine.create_incident("n", text)
    engine.send("q", {"IncidentID": incident, "text": "a\0b \ud800"})
    engine.flush()


def test_a_queue_with_room_and_a_queue_with_messages_do_not_spin(
    engine, incident, run, monkeypatch
):
    transactions = []
    original = Database.writing
    monkeypatch.setattr(
        Database,
        "writing",
        lambda *args, **options: (transactions.append(1), original(*args, **options))[1],
    )
    engine.handler(queue="slow", name="slow")(lambda message: threading.Event().wait(0.06))
    engine.handler(queue="empty", name="empty")(lambda message: None)
    run(incident, *(("slow", {}) for _ in range(20)))
    assert len(transactions) < 80


def test_a_forked_child_does_not_keep_the_writers_waiting(engine, incident):
    """A handler may fork while the worker commits, and the child has every descriptor too."""
    code = f"""
import os, sys
from workflow import Engine, Settings
with Engine(Settings(database_url={engine.settings.database_url!r})) as engine:
    with engine.database.writing():
        if os.fork() == 0:
            sys.stdin.read()
            os._exit(0)
    print("left", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as forking:
        assert forking.stdout.readline() == "left\n"
        written = threading.Event()

        def write():
            engine.send("q", {"IncidentID": incident})
            engine.flush()
            written.set()

        threading.Thread(target=write, daemon=True).start()
        assert written.wait(20)
        forking.communicate("")


def test_a_handler_for_whom_the_database_is_away_is_run_again_and_no_try_is_used_up(
    engine, incident, kept, run, monkeypatch
):
    original = Database.reading
    failures = iter(range(3))

    @engine.handler(queue="reads")
    def reads(message):
        with monkeypatch.context() as patch:
            if next(failures, None) is not None:
                patch.setattr(Database, "reading", fail)
            engine.send("keep", {"IncidentID": incident, "got": engine.get(incident)})

    @contextmanager
    def fail(self, *arguments):
        if threading.current_thread().name.startswith("handler"):
            raise StoreUnavailable("away")
        with original(self, *arguments) as tx:
            yield tx

    run(incident, ("reads", {}))
    assert [message["got"] for message in kept] == [[]]
    first = engine.steps(incident)[0]
    assert (first.status, first.attempts) == (MessageStatus.COMPLETE, 1)


def test_a_silent_worker_whose_process_is_there_is_given_time(engine, incident):
    """It may be computing without letting any other thread of its interpreter run."""
    engine.handler(queue="q")(lambda message: None)
    engine.send("q", {"IncidentID": incident})
    engine.flush()
    silent = dead_worker(engine, expires_in=-30.0, pid=1)
    let_it_take(engine, silent, 1)
    worker = engine.worker()
    thread = threading.Thread(target=worker.run)
    thread.start()
    engine.send("q", {"IncidentID": incident})
    engine.flush()
    while engine.counts(incident).get(MessageStatus.COMPLETE) != 1:
        assert thread.is_alive()
    worker.stop()
    thread.join()
    assert engine.counts(incident)[MessageStatus.PROCESSING] == 1


def test_more_incidents_at_once_than_a_statement_takes_parameters(engine):
    incidents = [engine.create_incident(str(n), "TEST") for n in range(1200)]
    for incident in incidents:
        engine.send("q", {"IncidentID": incident})
    assert engine.flush() == 1200
    assert engine.incident(incidents[-1]).status.value == "ACTIVE"


def test_the_first_result_of_once_is_the_result_for_both_attempts(engine, incident):
    """The message is cancelled and resumed while its first attempt is at it."""
    first_runs, go_on = threading.Event(), threading.Event()
    results, calls = [], []

    @engine.handler(queue="q")
    def handler(message):
        def call():
            calls.append(1)
            if len(calls) == 1:
                first_runs.set()
                assert go_on.wait(30)
            return len(calls)

        results.append(engine.once("key", call))

    engine.send("q", {"IncidentID": incident})
    engine.flush()
    worker = threading.Thread(target=lambda: engine.execute(until_idle=True, threads=2))
    worker.start()
    assert first_runs.wait(30)
    engine.cancel(incident)
    engine.flush()
    engine.resume(incident)
    while not results:
        assert worker.is_alive()
        go_on.wait(0.01)
    go_on.set()
    worker.join()
    assert engine.counts(incident) == {MessageStatus.COMPLETE: 1}
    with engine.database.reading() as tx:
        (step,) = engine.steps(incident)
        assert persisted.get_result(tx, step.message_id, "key") == "2"


def test_a_suspect_that_has_to_wait_does_not_hide_the_others(make_engine):
    engine = make_engine(lease_seconds=300)
    held, free = (engine.create_incident(name, "TEST") for name in ("held", "free"))
    handled = []

    @workflow.atomic
    @engine.handler(queue="q")
    def handler(message):
        handled.append(message["n"])

    holder = engine.send("q", {"IncidentID": held, "n": 0}, delay=2)
    engine.flush()
    with engine.database.writing() as tx:
        tx.execute(
            insert(schema.lock).values(incident_id=held, handler="handler", message_id=holder)
        )
    for n, incident in enumerate((held, free, free), 1):
        engine.send("q", {"IncidentID": incident, "n": n})
    engine.flush()
    let_it_take(engine, dead_worker(engine), 3)
    engine.execute(until_idle=True)
    # Those of the free incident do not wait until the lock's holder is due.
    assert handled == [2, 3, 0, 1]


def test_a_forked_sender_sends_its_own_messages_and_not_its_parents(engine, tmp_path):
    code = f"""
import os
from workflow import Engine, Settings
with Engine(Settings(database_url={engine.settings.database_url!r})) as engine:
    incident = engine.create_incident("n", "TEST")
    engine.send("q", {{"IncidentID": incident}}, name="parent")
    if os.fork() == 0:
        engine.send("q", {{"IncidentID": incident}}, name="child")
        os._exit(0 if engine.flush() == 1 else 1)
    assert os.wait()[1] == 0
    assert engine.flush() == 1
    print(incident)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert [step.name for step in engine.steps(done.stdout.strip())] == ["parent", "child"]
