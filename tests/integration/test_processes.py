"""Several worker processes on one database, and what happens when they die."""

import os
import re
import signal
import subprocess
import sys

import pytest

from layout import ROOT, WORKFLOWS
from workflow import MessageStatus
from workflow.progress import follow


def finish(engine, incident):
    return follow(engine, incident, lambda line: None, patience_seconds=60).status.value


def test_eight_processes_count_right(manager, shared_engine):
    manager("-p", "8", str(WORKFLOWS / "counting.py"))
    incidents = [shared_engine.create_incident(str(n), "TEST") for n in range(10)]
    for _ in range(100):
        for incident in incidents:
            shared_engine.send("count", {"IncidentID": incident, "goal": 100})
    shared_engine.flush()
    for incident in incidents:
        # The hundredth completes it. Had a count been lost, none would have been the hundredth.
        assert finish(shared_engine, incident) == "COMPLETE"
        assert shared_engine.counts(incident) == {MessageStatus.COMPLETE: 100}


def test_a_killed_holder_of_a_lock_is_succeeded_by_the_same_message(
    manager, shared_engine, tmp_path
):
    running = manager("-p", "2", str(WORKFLOWS / "holding.py"))
    incident = shared_engine.create_incident("n", "TEST")
    for n in (1, 2):
        shared_engine.send("hold", {"IncidentID": incident, "n": n})
    shared_engine.flush()
    held_in = running.wait_for("holding")
    assert "holding 1" in held_in
    os.kill(int(held_in.split()[-1]), signal.SIGKILL)
    assert "holding 1" in running.wait_for("holding")
    (tmp_path / "go").touch()
    assert finish(shared_engine, incident) == "COMPLETE"
    order = [line.split(" in ")[0] for line in [*running.lines, running.wait_for("holding 2")]]
    assert [line for line in order if line.startswith("holding")] == [
        "holding 1", "holding 1", "holding 2",
    ]  # fmt: skip
    assert shared_engine.counts(incident) == {MessageStatus.COMPLETE: 4}


def test_a_poison_message_is_given_up_and_its_neighbours_succeed(manager, shared_engine):
    manager("-p", "1", str(WORKFLOWS / "poison.py"), WORKFLOW_MAX_DELIVERIES="3")
    incidents = [shared_engine.create_incident(str(n), "TEST") for n in range(5)]
    bad = shared_engine.create_incident("bad", "TEST")
    for n in range(40):
        for incident in incidents:
            shared_engine.send("work", {"IncidentID": incident, "n": n})
        if n == 30:
            shared_engine.send("work", {"IncidentID": bad, "n": n, "poison": n})
    shared_engine.flush()
    assert finish(shared_engine, bad) == "ERROR"
    (step,) = shared_engine.steps(bad)
    assert step.status is MessageStatus.ERROR
    assert "and its worker died 3 times" in step.error

    shared_engine.handler(queue="work")(lambda message: shared_engine.put(
        message["IncidentID"], {"n": message["n"]}, handler="work"))  # fmt: skip
    shared_engine.execute(until_idle=True)
    for incident in incidents:
        assert shared_engine.counts(incident) == {MessageStatus.COMPLETE: 40}
        kept = [each["n"] for each in shared_engine.get(incident, handler="work")]
        assert sorted(kept) == list(range(40))


def test_nothing_is_lost_or_doubled_when_workers_are_killed_under_load(manager, shared_engine):
    running = manager("-p", "3", str(WORKFLOWS / "chain.py"), WORKFLOW_MAX_DELIVERIES="1000")
    incidents = [shared_engine.create_incident(str(n), "TEST") for n in range(10)]
    chains, length = 10, 30
    for incident in incidents:
        for chain in range(chains):
            shared_engine.send("chain", {"IncidentID": incident, "chain": chain, "left": length})
    shared_engine.flush()

    def done():
        return sum(shared_engine.counts(each).get(MessageStatus.COMPLETE, 0) for each in incidents)

    total = len(incidents) * chains * (length + 1)
    for part in range(1, 6):
        while done() < total * part / 7:
            assert running.process.poll() is None
        workers = [each for each in shared_engine.workers() if is_running(each.pid)]
        os.kill(workers[part % len(workers)].pid, signal.SIGKILL)
    while done() < total:
        assert running.process.poll() is None
    for incident in incidents:
        kept = shared_engine.get(incident, handler="chain")
        expected = {(chain, left) for chain in range(chains) for left in range(length + 1)}
        assert len(kept) == len(expected)
        assert {(each["chain"], each["left"]) for each in kept} == expected
        assert shared_engine.counts(incident) == {MessageStatus.COMPLETE: len(expected)}


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_lets_a_running_handler_finish(manager, shared_engine, tmp_path, number):
    running = manager("-p", "2", str(WORKFLOWS / "holding.py"))
    incident = shared_engine.create_incident("n", "TEST")
    shared_engine.send("hold", {"IncidentID": incident, "n": 2})
    shared_engine.flush()
    running.wait_for("holding 2")
    running.process.send_signal(number)
    (tmp_path / "go").touch()
    assert running.process.wait(30) == 0
    assert "let go 2" in running.output()
    first, second = shared_engine.steps(incident)
    assert first.status is MessageStatus.COMPLETE
    # What it sent waits for the next worker, or was handled before the others left.
    assert second.status in (MessageStatus.SENT, MessageStatus.COMPLETE)
    assert shared_engine.workers() == []


def test_ctrl_c_in_a_terminal_reaches_all_processes_and_lets_handlers_finish(
    manager, shared_engine, tmp_path
):
    running = manager("-p", "2", str(WORKFLOWS / "holding.py"))
    incident = shared_engine.create_incident("n", "TEST")
    shared_engine.send("hold", {"IncidentID": incident, "n": 2})
    shared_engine.flush()
    running.wait_for("holding 2")
    os.killpg(running.process.pid, signal.SIGINT)
    # The supervisor tells its workers, and they have had the signal from the terminal as well.
    with pytest.raises(subprocess.TimeoutExpired):
        running.process.wait(2)
    (tmp_path / "go").touch()
    assert running.process.wait(30) == 0
    assert "let go 2" in running.output()
    assert shared_engine.steps(incident)[0].status is MessageStatus.COMPLETE


def test_nobody_reading_what_handlers_print_is_not_their_failure(shared_engine, tmp_path):
    incident = shared_engine.create_incident("n", "TEST")
    for _ in range(3000):
        shared_engine.send("print", {"IncidentID": incident})
    shared_engine.flush()
    with subprocess.Popen(
        [sys.executable, str(ROOT / "manager.py"), "-p", "2", str(WORKFLOWS / "printing.py")],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as running:
        subprocess.run(["head", "-n", "20"], stdin=running.stdout, check=True)
        running.stdout.close()
        assert running.wait(60) == 0
    assert set(shared_engine.counts(incident)) <= {MessageStatus.COMPLETE, MessageStatus.SENT}
    assert shared_engine.incident(incident).status.value == "ACTIVE"


def test_a_child_that_a_handler_forks_can_be_terminated(manager, shared_engine):
    manager("-p", "1", str(WORKFLOWS / "forking.py"))
    incident = shared_engine.create_incident("n", "TEST")
    shared_engine.send("fork", {"IncidentID": incident})
    shared_engine.flush()
    assert finish(shared_engine, incident) == "COMPLETE"


def test_a_second_signal_leaves_at_once_and_the_message_is_kept(manager, shared_engine):
    running = manager("-p", "1", str(WORKFLOWS / "holding.py"))
    incident = shared_engine.create_incident("n", "TEST")
    shared_engine.send("hold", {"IncidentID": incident, "n": 2})
    shared_engine.flush()
    running.wait_for("holding 2")
    running.process.send_signal(signal.SIGINT)
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(30) == 0
    assert shared_engine.counts(incident) == {MessageStatus.SENT: 1}
    assert shared_engine.workers() == []


def test_workers_stop_when_their_supervisor_is_killed(manager, shared_engine, tmp_path):
    running = manager("-p", "2", str(WORKFLOWS / "holding.py"))
    assert len(shared_engine.workers()) == 2
    os.kill(running.process.pid, signal.SIGKILL)
    # Its output ends when the last process that can write to it has gone.
    assert running.output().count("the supervisor is gone") == 2
    assert shared_engine.workers() == []


def test_senders_and_workers_of_many_processes_never_see_a_locked_database(
    manager, script, shared_engine
):
    running = manager("-p", "3", str(WORKFLOWS / "chain.py"))
    incident = shared_engine.create_incident("n", "TEST")
    code = f"""
import workflow
for n in range(60):
    workflow.send("chain", {{"IncidentID": "{incident}", "chain": n, "left": 2}})
    workflow.FlushMessages()
    workflow.CreateIncident(str(n), "TEST")
print("sent all")
"""
    senders = [script("-W", "error", "-c", code) for _ in range(4)]
    for sender in senders:
        assert sender.output() == "sent all"
    total = 4 * 60 * 3
    while shared_engine.counts(incident).get(MessageStatus.COMPLETE, 0) < total:
        assert running.process.poll() is None
    running.stop()
    assert not re.search("locked|Error|Traceback", running.output())
