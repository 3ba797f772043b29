"""What SQLite needs that other databases do not.

Owns the pragmas, the queue of writers and the notice that something changed. The file is in WAL
mode: readers never wait, and there is one writer at a time.

Writers line up on a lock file beside the database (``flock``), not on SQLite's own lock: that one
is waited for by sleeping and looking again, up to 100 ms at a time, and the unlucky one of several
busy processes ends in "database is locked".
"""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import URL

from workflow.errors import ConfigurationError

# For writers who do not line up: the sqlite3 shell, a backup.
BUSY_MILLISECONDS = 60_000
CACHE_KIB = 16_384
OLDEST = (3, 31, 0)


def path_of(url: URL) -> Path:
    """The database's file.

    Raises:
        ConfigurationError: a database in memory, which no second process could see, or a folder
            that is not there.
    """
    if not url.database or url.database == ":memory:" or url.query:
        raise ConfigurationError(
            f"WORKFLOW_DATABASE_URL={url.render_as_string()}: a SQLite database has to be a file, "
            f"e.g. sqlite:///workflow.db, and takes no options"
        )
    path = Path(url.database).absolute()
    if not path.parent.is_dir():
        raise ConfigurationError(f"the database's folder {path.parent} does not exist: create it")
    return path


def prepare(engine: Engine) -> None:
    """Makes ``engine``'s connections ours: pragmas at the start, transactions when we say so."""
    if sqlite3.sqlite_version_info < OLDEST:
        raise ConfigurationError(
            f"this Python has SQLite {sqlite3.sqlite_version}; 3.31 or newer is needed"
        )

    @event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # sqlite3's own idea of when a transaction starts is too late for us (PEP 249 mode).
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA cache_size = -{CACHE_KIB}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


def use_wal(connection: Connection) -> None:
    """Once for each file; it stays. Needs to be outside a transaction."""
    driver_connection(connection).execute("PRAGMA journal_mode = WAL")


def set_durable(connection: Connection, durable: bool) -> None:
    """Whether the next commit waits for the disk.

    One that does not is still atomic, and survives the death of the process; after a power failure
    it may be missing, with all that came after it. The next durable commit takes it along.
    """
    driver_connection(connection).execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


def data_version(connection: Connection) -> int:
    """A number that changes when another connection has committed. Costs a few microseconds."""
    (version,) = driver_connection(connection).execute("PRAGMA data_version").fetchone()
    return int(version)


def driver_connection(connection: Connection) -> Any:
    return connection.connection.driver_connection


class WriteQueue:
    """Lets one writer at a time through, in about the order of arrival, over all processes.

    The kernel gives the lock back when its holder dies.
    """

    def __init__(self, database: Path) -> None:
        self._path = database.with_name(database.name + ".lock")

    @contextmanager
    def turn(self) -> Iterator[None]:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            # Closing alone does not unlock while a forked child has the descriptor too.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)
