"""Ids that sort by the time they were made.

Owns the making of UUIDs of version 7 (RFC 9562). Within a process each one is greater than the one
before, as text too, so ``ORDER BY id`` is the order of sending and a B-tree grows at its end.
"""

import os
import threading
import time
from uuid import UUID

from workflow.errors import UnknownIncident

_lock = threading.Lock()
_last_tick = 0


def _new_lock() -> None:
    # A forked child may have been born while another thread held it.
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_new_lock)


def uuid7() -> str:
    """A new UUIDv7 in the usual 36-character form.

    The 12 bits after the milliseconds hold the fraction of the millisecond (RFC 9562, section 6.2,
    method 3), and are counted up when the clock has not moved on.
    """
    global _last_tick
    with _lock:
        tick = time.time_ns() * 4096 // 1_000_000
        if tick <= _last_tick:
            tick = _last_tick + 1
        _last_tick = tick
    low = int.from_bytes(os.urandom(8), "big") >> 2 | 1 << 63
    text = f"{tick >> 12:012x}7{tick & 0xFFF:03x}{low:016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def canonical_uuid(value: object) -> str:
    """The 36-character form of an incident's id, given as a string or a UUID.

    Raises:
        UnknownIncident: ``value`` is no UUID, so no incident can have it.
    """
    try:
        return str(UUID(str(value)))
    except ValueError:
        raise UnknownIncident(value) from None
