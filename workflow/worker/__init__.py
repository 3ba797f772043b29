"""Receive, run, commit: what a worker process does.

``worker`` is the loop and the only writer; ``runner`` has the handlers' threads; ``admission``,
``settlement`` and ``burial`` are what happens inside the loop's transaction.
"""
