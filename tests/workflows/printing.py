"""A handler that prints."""

import workflow


@workflow.handler(queue="print")
def talk(message):
    print("a line", "x" * 200)
