"""Connections and transactions.

Owns the SQLAlchemy engine and the turning of a driver's exceptions into ours. The invariant: a
write transaction sees no other writer between its start and its end on the rows that it has read
for writing (on SQLite on any row at all), and its block either commits as a whole or leaves no
trace.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from sqlalchemy import Connection, Insert, Table, create_engine, make_url
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
)

from workflow.errors import ConfigurationError, StoreUnavailable
from workflow.store import sqlite
from workflow.store.migrate import migrate

Transaction = Connection


class Database:
    """One database. Opening it brings its tables up to date.

    Raises:
        ConfigurationError: the URL cannot work, or the database is newer than this code.
        StoreUnavailable: it cannot be reached.
    """

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except ArgumentError:
            raise ConfigurationError(
                "WORKFLOW_DATABASE_URL is no database URL; e.g. sqlite:///workflow.db"
            ) from None
        if parsed.drivername == "postgresql":
            # What that means depends on SQLAlchemy's version.
            parsed = parsed.set(drivername="postgresql+psycopg2")
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self._write_queue = sqlite.WriteQueue(sqlite.path_of(parsed)) if self.is_sqlite else None
        self.name = parsed.render_as_string(hide_password=True)
        try:
            self._engine = create_engine(parsed, max_overflow=-1)
        except (ImportError, NoSuchModuleError):
            raise ConfigurationError(
                f"WORKFLOW_DATABASE_URL={self.name}: there is no driver for it in this Python"
            ) from None
        if self.is_sqlite:
            sqlite.prepare(self._engine)
        try:
            self._open()
        except BaseException:
            self._engine.dispose()
            raise

    def _open(self) -> None:
        prepare = sqlite.use_wal if self.is_sqlite else None
        try:
            with _our_errors(), self._writers_turn(), self._engine.connect() as connection:
                migrate(connection, self.name, prepare)
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{self.name} cannot be opened: {error}") from error
        except DBAPIError as error:
            raise ConfigurationError(
                f"{self.name} is not a database of ours ({error.orig}): move it away, or set "
                f"WORKFLOW_DATABASE_URL"
            ) from error

    def close(self) -> None:
        self._engine.dispose()

    def forget_parent(self) -> None:
        """In a forked child: leaves the parent's connections alone, and makes new ones."""
        self._engine.dispose(close=False)

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """A connection for a worker to keep; give it to :meth:`writing` and :meth:`reading`."""
        with _our_errors(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def reading(self, connection: Connection | None = None) -> Iterator[Transaction]:
        with _our_errors(), self._borrow(connection) as mine:
            mine = mine.execution_options(writing=False)
            with mine.begin():
                yield mine

    @contextmanager
    def writing(
        self, connection: Connection | None = None, *, durable: bool = True
    ) -> Iterator[Transaction]:
        """A transaction that commits at the end of the block, or not at all.

        ``durable=False`` is for what may be forgotten in a power failure: leases and claims.
        """
        with _our_errors(), self._borrow(connection) as mine:
            mine = mine.execution_options(writing=True)
            with self._writers_turn():
                if self.is_sqlite:
                    sqlite.set_durable(mine, durable)
                with mine.begin():
                    yield mine

    def data_version(self, connection: Connection) -> int:
        """SQLite only: a number that changes when another connection has committed."""
        with _our_errors():
            return sqlite.data_version(connection)

    def _borrow(self, connection: Connection | None) -> AbstractContextManager[Connection]:
        return self._engine.connect() if connection is None else nullcontext(connection)

    def _writers_turn(self) -> AbstractContextManager[None]:
        return nullcontext() if self._write_queue is None else self._write_queue.turn()


def chunks(ids: list[str]) -> Iterator[list[str]]:
    """As many ids at a time as a statement takes: SQLite's limits are 32,766, once 999."""
    for start in range(0, len(ids), 500):
        yield ids[start : start + 500]


def insert_or_ignore(tx: Transaction, table: Table) -> Insert:
    """An INSERT that skips rows whose key is there already."""
    if tx.dialect.name == "sqlite":
        return sqlite_insert(table).on_conflict_do_nothing()
    return postgresql_insert(table).on_conflict_do_nothing()


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        # The others are our mistakes: they stay what they are, and are not tried again.
        raise StoreUnavailable(f"the database did not answer: {error.orig}") from error
    except (OSError, sqlite3.OperationalError) as error:
        raise StoreUnavailable(f"the database did not answer: {error}") from error
