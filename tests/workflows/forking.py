"""A handler that starts a process, and ends it before its time."""

import multiprocessing
import time

import workflow


def child(started):
    started.set()
    time.sleep(3600)


@workflow.handler(queue="fork", timeout=30)
def fork(message):
    context = multiprocessing.get_context("fork")
    started = context.Event()
    process = context.Process(target=child, args=(started,))
    process.start()
    # CPython forgets a signal that comes while the child is being born.
    started.wait()
    process.terminate()
    process.join()
    assert process.exitcode == -15, process.exitcode
    workflow.Complete(message["IncidentID"])
