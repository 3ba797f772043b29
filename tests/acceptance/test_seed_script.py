"""The script that the seed system's documentation begins with, word for word."""

import signal

from workflow import IncidentStatus

SCRIPT = """
import workflow

#define the handlers for A and B
@workflow.handler
def A_handler(message):
    #do something with message
    print("Hello from A")
    #enqueue message to queue associated with B.
    #This is automatically sent as this handler exits
    workflow.send(message=message,queue="B_queue")

@workflow.handler
def B_handler(message):
    #do something with message
    print("Hello from B")

    #Tell the workflow system that this incident is finished
    workflow.Complete(message["IncidentID"])



#register these handlers to the queues
workflow.RegisterHandler(handler=A_handler,queue="A_queue")
workflow.RegisterHandler(handler=B_handler,queue="B_queue")


if __name__ == "__main__":

    #create an incident
    IncidentID = workflow.CreateIncident(name="some name",kind="DUMMY_INCIDENT")

    #create a dictionary for the message and include the IncidentID
    message={ "IncidentID" : IncidentID}

    #enqueue message to A to start workflow
    workflow.send(queue="A_queue",message=message)

    #send the enqueued message
    workflow.FlushMessages()

    #execute the workflow (this starts up an infinite loop)
    workflow.execute()
"""


def test_it_runs_as_it_stands_and_ends_on_an_interrupt(script, tmp_path, shared_engine):
    (tmp_path / "ab.py").write_text(SCRIPT)
    running = script("ab.py")
    running.wait_for("Hello from A")
    running.wait_for("Hello from B")
    assert running.stop(signal.SIGINT) == 0
    assert running.output() == "Hello from A\nHello from B"
    (incident,) = shared_engine.newest_incidents()
    assert incident.status is IncidentStatus.COMPLETE
    steps = shared_engine.steps(incident.id)
    assert [(step.handler, step.originator) for step in steps] == [
        ("A_handler", "ab.py"), ("B_handler", "A_handler"),
    ]  # fmt: skip
