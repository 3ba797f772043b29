"""What threads have sent outside handlers and not yet flushed.

Each thread has its own, so one thread's flush is not another's. A forked child has none of its
parent's: they would be sent twice.
"""

import os
import threading
from weakref import WeakSet

from workflow.effects import Effects


class Outbox:
    def __init__(self) -> None:
        self._by_thread: dict[threading.Thread, Effects] = {}
        _outboxes.add(self)

    def __len__(self) -> int:
        """How many messages and endings of all threads are waiting."""
        return sum(len(each.sent) + len(each.ended) for each in self._by_thread.values())

    def mine(self) -> Effects:
        """This thread's, to add to."""
        return self._by_thread.setdefault(threading.current_thread(), Effects())

    def empty_mine(self) -> None:
        self._by_thread.pop(threading.current_thread(), None)

    def clear(self) -> None:
        self._by_thread.clear()


_outboxes: "WeakSet[Outbox]" = WeakSet()


def _clear_all() -> None:
    for outbox in list(_outboxes):
        outbox.clear()


os.register_at_fork(after_in_child=_clear_all)
