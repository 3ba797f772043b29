"""An atomic read-modify-write, which loses counts as soon as two run at a time."""

import workflow


@workflow.atomic
@workflow.handler(queue="count")
def count(message):
    incident = message["IncidentID"]
    so_far = workflow.Persist.Get(incident)
    n = so_far[-1]["n"] + 1 if so_far else 1
    workflow.Persist.Put(incident, {"n": n})
    if n == message["goal"]:
        workflow.Complete(incident)
