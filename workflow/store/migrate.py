"""Brings a database's tables to the version of this code.

Owns the decision whether anything is to be done; what is done stands in ``migrations/``. Alembic
and the migrations are loaded only when there is something to do: they take half a second.
"""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from workflow.errors import ConfigurationError
from workflow.store.schema import REVISION

FOLDER = Path(__file__).with_name("migrations")


def migrate(
    connection: Connection, name: str, prepare: Callable[[Connection], None] | None = None
) -> None:
    """Upgrades to :data:`~workflow.store.schema.REVISION`; nothing when that is what it has.

    The caller holds the writers' lock, so processes that start together take turns.

    Raises:
        ConfigurationError: the database was written by a newer version of this package.
    """
    if (found := current_revision(connection)) == REVISION:
        return
    connection.rollback()
    if found is not None and found > REVISION:
        raise ConfigurationError(
            f"the database {name} has tables of version {found}, and this package knows "
            f"{REVISION}: install the newer version of the package"
        )
    if prepare is not None:
        prepare(connection)
    upgrade(connection)
    connection.commit()


def current_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(connection: Connection) -> None:
    # Deferred: half a second, for a step that happens once for each database.
    command = import_module("alembic.command")
    config = import_module("alembic.config").Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
