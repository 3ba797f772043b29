"""A handler that says who runs it and stays until it is killed, or until a file tells it to go."""

import os
import time
from pathlib import Path

import workflow


@workflow.atomic
@workflow.handler(queue="hold")
def hold(message):
    print(f"holding {message['n']} in {os.getpid()}")
    while not Path("go").exists():
        time.sleep(0.02)
    print(f"let go {message['n']}")
    workflow.send("done", {"IncidentID": message["IncidentID"], "n": message["n"]})


@workflow.handler(queue="done")
def done(message):
    print(f"done {message['n']}")
    if message["n"] == message.get("last", 2):
        workflow.Complete(message["IncidentID"])
