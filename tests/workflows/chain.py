"""A message that counts down, each step kept: what is lost or doubled shows."""

import workflow


@workflow.handler(queue="chain")
def chain(message):
    incident, left = message["IncidentID"], message["left"]
    workflow.Persist.Put(incident, {"chain": message["chain"], "left": left})
    if left:
        workflow.send("chain", {**message, "left": left - 1})
