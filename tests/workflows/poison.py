"""A handler that takes its process down, and one that does no harm."""

import os

import workflow


@workflow.handler(queue="work")
def work(message):
    workflow.Persist.Put(message["IncidentID"], {"n": message["n"]})
    if message["n"] == message.get("poison"):
        os._exit(13)
