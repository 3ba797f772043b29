"""The smallest workflow: Start -> A -> B -> End.

Start it with ``python -m handlers.ab`` while ``python manager.py`` runs.
"""

from typing import Any

import workflow


@workflow.handler(queue="A_queue")
def A_handler(message: dict[str, Any]) -> None:
    print("Hello from A")
    workflow.send(queue="B_queue", message=message)


@workflow.handler(queue="B_queue")
def B_handler(message: dict[str, Any]) -> None:
    print("Hello from B")
    workflow.Complete(message["IncidentID"])


if __name__ == "__main__":
    incident = workflow.CreateIncident(name="A and B", kind="EXAMPLE")
    workflow.send(queue="A_queue", message={"IncidentID": incident})
    workflow.FlushMessages()
    print(incident)
