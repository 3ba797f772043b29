"""Every setting, declared once: its name in the environment, its default, and what it means.

Read once, when an :class:`~workflow.engine.Engine` is made, into a frozen object that is passed
down. Nothing else in the package looks at the environment.
"""

import math
import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any

from workflow.errors import ConfigurationError


def _setting(variable: str, default: Any, help: str, *, secret: bool = False) -> Any:
    return field(default=default, repr=not secret, metadata={"variable": variable, "help": help})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one engine. Times are in seconds."""

    database_url: str = _setting(
        "WORKFLOW_DATABASE_URL",
        "sqlite:///workflow.db",
        "Where state is kept, as an SQLAlchemy URL. The default is one SQLite file in the current "
        "folder; every process of a system needs the same one.",
        secret=True,
    )
    broker_url: str = _setting(
        "WORKFLOW_BROKER_URL",
        "",
        "What hands messages to workers. Unset: the database itself, whose rows are the queues.",
        secret=True,
    )
    lease_seconds: float = _setting(
        "WORKFLOW_LEASE_SECONDS",
        30.0,
        "How long a worker may be silent before its messages are given to others. Workers renew "
        "it three times as often. On the same host, one that died is noticed within a second, and "
        "one whose process is still there is given twenty times as long.",
    )
    grace_seconds: float = _setting(
        "WORKFLOW_GRACE_SECONDS",
        30.0,
        "How long running handlers may go on after SIGTERM or SIGINT before they are left behind "
        "(their messages are handled again by others).",
    )
    max_deliveries: int = _setting(
        "WORKFLOW_MAX_DELIVERIES",
        5,
        "How often a message may take its worker process down before it becomes an ERROR.",
    )

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if isinstance(value, (int, float)) and not (value > 0 and math.isfinite(value)):
                raise ConfigurationError(
                    f"{each.metadata['variable']} has to be a positive number, not {value!r}"
                )
        if self.broker_url:
            raise ConfigurationError(
                "WORKFLOW_BROKER_URL is set, but this version hands out messages through the "
                "database alone: unset it"
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> "Settings":
        """The defaults, overridden by whatever ``environment`` (default: the process's) sets.

        Raises:
            ConfigurationError: a value is not of the setting's type, or out of its range.
        """
        environment = os.environ if environment is None else environment
        given = {
            each.name: _parse(each, environment[each.metadata["variable"]])
            for each in fields(cls)
            if environment.get(each.metadata["variable"])
        }
        return cls(**given)


def _parse(setting: "Field[Any]", text: str) -> Any:
    try:
        kind_of: type[Any] = type(setting.default)
        return kind_of(text)
    except ValueError:
        kind = "a whole number" if isinstance(setting.default, int) else "a number"
        raise ConfigurationError(
            f"{setting.metadata['variable']} has to be {kind}, not {text!r}"
        ) from None
