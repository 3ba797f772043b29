"""A message-driven workflow system for urgent computing and HPC. See README.md and docs/."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from workflow.api import (
    Cancel,
    Complete,
    CreateIncident,
    FlushMessages,
    Persist,
    RegisterHandler,
    atomic,
    current_engine,
    execute,
    handler,
    once,
    resume,
    send,
)
from workflow.errors import (
    ConfigurationError,
    HandlerTimeout,
    InvalidData,
    InvalidMessage,
    NotInHandler,
    RegistrationError,
    StoreUnavailable,
    UnknownIncident,
    WorkerLost,
    WorkflowError,
)
from workflow.model import Incident, IncidentStatus, MessageStatus
from workflow.settings import Settings
from workflow.version import __version__

if TYPE_CHECKING:
    from workflow.engine import Engine

__all__ = [
    "Cancel",
    "Complete",
    "ConfigurationError",
    "CreateIncident",
    "Engine",
    "FlushMessages",
    "HandlerTimeout",
    "Incident",
    "IncidentStatus",
    "InvalidData",
    "InvalidMessage",
    "MessageStatus",
    "NotInHandler",
    "Persist",
    "RegisterHandler",
    "RegistrationError",
    "Settings",
    "StoreUnavailable",
    "UnknownIncident",
    "WorkerLost",
    "WorkflowError",
    "__version__",
    "atomic",
    "current_engine",
    "execute",
    "handler",
    "once",
    "resume",
    "send",
]


def __getattr__(name: str) -> Any:
    if name == "Engine":
        # Deferred (PEP 562): it loads SQLAlchemy, and most importers only declare handlers.
        return import_module("workflow.engine").Engine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
