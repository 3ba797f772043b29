"""The tables. What they hold is written down in docs/design.md.

Ids are UUIDv7 as text of 36 characters, a native uuid in PostgreSQL. Bodies and metadata are JSON
text: nothing queries into them, and text keeps the sender's order of keys.

There are no foreign keys: the rows of a message are written by code that has read its incident in
the same transaction, and need not be checked again one by one.
"""

from datetime import datetime, timezone
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

# The newest migration in migrations/versions. Kept here so that opening a database that is up to
# date need not import Alembic.
REVISION = "0001"

metadata = MetaData()

Id = String(36).with_variant(postgresql.UUID(as_uuid=False), "postgresql")


class UtcDateTime(TypeDecorator[datetime]):
    """Aware datetimes, in UTC. In SQLite, ISO 8601 text of fixed length, which sorts."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "sqlite":
            return dialect.type_descriptor(String(32))
        return dialect.type_descriptor(DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None or dialect.name != "sqlite":
            return value
        return value.astimezone(timezone.utc).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        return moment.astimezone(timezone.utc)


incident = Table(
    "incident",
    metadata,
    Column("id", Id, primary_key=True),
    Column("name", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("incident_date", UtcDateTime, nullable=False),
    Column("status", String(16), nullable=False),
    Column("reason", Text, nullable=False, default=""),
    Column("metadata", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("tag", Text, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("ended_by", Text),
)

message = Table(
    "message",
    metadata,
    Column("id", Id, primary_key=True),
    Column("incident_id", Id, nullable=False),
    Column("queue", Text, nullable=False),
    Column("status", String(16), nullable=False),
    Column("handler", Text),
    Column("name", Text),
    Column("originator", Text, nullable=False),
    Column("cause_id", Id),
    Column("src_tag", Text, nullable=False),
    Column("dest_tag", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("metadata", Text, nullable=False),
    Column("sent_at", UtcDateTime, nullable=False),
    Column("due_at", UtcDateTime),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime),
    Column("run_seconds", Float),
    # Ended attempts over the message's whole life, and those since it was last sent or resumed
    # that were retries.
    Column("attempts", Integer, nullable=False, default=0),
    Column("retries", Integer, nullable=False, default=0),
    # How often it was taken. Never set back: with worker_id, it is the fencing token.
    Column("deliveries", Integer, nullable=False, default=0),
    # How many workers died with it in hand since its last ended attempt. Above 0, it is a suspect.
    Column("deaths", Integer, nullable=False, default=0),
    Column("worker_id", Id),
    Column("error", Text),
)

# The states below are literals in the queries too: SQLite uses a partial index only for those.
Index(
    "ix_message_sent",
    message.c.queue,
    message.c.deaths,
    message.c.id,
    sqlite_where=text("status = 'SENT'"),
    postgresql_where=text("status = 'SENT'"),
)
Index(
    "ix_message_delayed",
    message.c.due_at,
    sqlite_where=text("status = 'DELAYED'"),
    postgresql_where=text("status = 'DELAYED'"),
)
Index(
    "ix_message_waiting",
    message.c.incident_id,
    message.c.handler,
    message.c.id,
    sqlite_where=text("status = 'WAITING'"),
    postgresql_where=text("status = 'WAITING'"),
)
Index(
    "ix_message_processing",
    message.c.worker_id,
    sqlite_where=text("status = 'PROCESSING'"),
    postgresql_where=text("status = 'PROCESSING'"),
)
Index("ix_message_incident", message.c.incident_id, message.c.id)

# Attempts that did not succeed. The one that did, or that runs, is in the message's own row.
failed_attempt = Table(
    "failed_attempt",
    metadata,
    Column("message_id", Id, nullable=False),
    Column("number", Integer, nullable=False),
    Column("worker_id", Id, nullable=False),
    Column("started_at", UtcDateTime),
    Column("ended_at", UtcDateTime, nullable=False),
    Column("run_seconds", Float),
    Column("error", Text, nullable=False),
    PrimaryKeyConstraint("message_id", "number"),
)

# The holder of an atomic handler's lock is a message, not a worker.
lock = Table(
    "lock",
    metadata,
    Column("incident_id", Id, nullable=False),
    Column("handler", Text, nullable=False),
    Column("message_id", Id, nullable=False),
    PrimaryKeyConstraint("incident_id", "handler"),
)
Index("ix_lock_message", lock.c.message_id)

persisted = Table(
    "persisted",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident_id", Id, nullable=False),
    Column("handler", Text, nullable=False),
    Column("data", Text, nullable=False),
)
Index("ix_persisted", persisted.c.incident_id, persisted.c.handler, persisted.c.id)

# Results of workflow.once(): what a message has already done outside the database.
once = Table(
    "once",
    metadata,
    Column("message_id", Id, nullable=False),
    Column("key", Text, nullable=False),
    Column("incident_id", Id, nullable=False),
    Column("result", Text, nullable=False),
    PrimaryKeyConstraint("message_id", "key"),
)
Index("ix_once_incident", once.c.incident_id)

worker = Table(
    "worker",
    metadata,
    Column("id", Id, primary_key=True),
    Column("host", Text, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("queues", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)
