"""The functions that handler modules and scripts call: each one line to the current engine.

The current engine is the one whose worker runs the handler that calls; outside a handler, the
process's own, made from the environment when it is first needed. Importing this module opens
nothing and loads no driver: handlers are declared long before anything is connected.
"""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from datetime import datetime
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from workflow.context import current_attempt
from workflow.drafts import Delay
from workflow.registry import HandlerFunction, Registry, atomic

if TYPE_CHECKING:
    from workflow.engine import Engine

T = TypeVar("T")

registry = Registry()
handler = registry.handler
_making = threading.Lock()
_default: Engine | None = None

__all__ = [
    "Cancel",
    "Complete",
    "CreateIncident",
    "FlushMessages",
    "Persist",
    "RegisterHandler",
    "atomic",
    "current_engine",
    "execute",
    "handler",
    "once",
    "resume",
    "send",
]


def current_engine() -> Engine:
    """The engine that the functions of this package work on here and now."""
    global _default
    attempt = current_attempt.get()
    if attempt is not None:
        engine: Engine = attempt.engine  # type: ignore[assignment]
        return engine
    with _making:
        if _default is None:
            # Deferred: it loads SQLAlchemy, which takes longer than all else together.
            _default = import_module("workflow.engine").Engine(registry=registry)
            atexit.register(_default.close)
        return _default


def RegisterHandler(handler: HandlerFunction, queue: str) -> None:
    """Binds a function marked with ``@workflow.handler`` to a queue.

    Raises:
        RegistrationError: the function is not marked, or its queue or name is another's.
    """
    registry.register(handler, queue)


def send(
    queue: str,
    message: dict[str, Any],
    *,
    delay: Delay | None = None,
    name: str | None = None,
    metadata: dict[str, Any] | None = None,
    src_tag: str = "",
    dest_tag: str = "",
) -> str:
    """Sends a message; see :meth:`Engine.send`."""
    return current_engine().send(
        queue,
        message,
        delay=delay,
        name=name,
        metadata=metadata,
        src_tag=src_tag,
        dest_tag=dest_tag,
    )


def FlushMessages() -> int:
    """Sends what was sent outside a handler; see :meth:`Engine.flush`."""
    return current_engine().flush()


def CreateIncident(
    name: str,
    kind: str,
    incident_date: datetime | None = None,
    *,
    metadata: dict[str, Any] | None = None,
    parameters: dict[str, Any] | None = None,
    tag: str = "",
) -> str:
    """Declares a run of a workflow; see :meth:`Engine.create_incident`."""
    return current_engine().create_incident(
        name, kind, incident_date, metadata=metadata, parameters=parameters, tag=tag
    )


def Complete(IncidentID: str | UUID) -> None:
    """Ends an incident well; see :meth:`Engine.complete`."""
    current_engine().complete(IncidentID)


def Cancel(IncidentID: str | UUID, reason: str = "") -> None:
    """Ends an incident before its time; see :meth:`Engine.cancel`."""
    current_engine().cancel(IncidentID, reason)


def resume(IncidentID: str | UUID) -> int:
    """Puts what failed or was not run back; see :meth:`Engine.resume`."""
    return current_engine().resume(IncidentID)


def once(key: str, function: Callable[[], T]) -> T:
    """Does something outside the database once for each message; see :meth:`Engine.once`."""
    return current_engine().once(key, function)


def execute(*, until_idle: bool = False, threads: int = 1) -> None:
    """Handles messages until interrupted; see :meth:`Engine.execute`."""
    current_engine().execute(until_idle=until_idle, threads=threads)


class Persist:
    """What a handler keeps from one message of an incident to the next."""

    @staticmethod
    def Put(IncidentID: str | UUID, data: dict[str, Any], *, handler: str | None = None) -> None:
        """Keeps a dict; see :meth:`Engine.put`."""
        current_engine().put(IncidentID, data, handler=handler)

    @staticmethod
    def Get(IncidentID: str | UUID, *, handler: str | None = None) -> list[dict[str, Any]]:
        """The dicts put so far, in order; see :meth:`Engine.get`."""
        return current_engine().get(IncidentID, handler=handler)
