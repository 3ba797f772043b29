"""Incidents, messages, locks, persisted data, workers."""

import sqlalchemy as sa
from alembic import op

from workflow.store.schema import Id, UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "incident",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("incident_date", UtcDateTime, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("tag", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("ended_by", sa.Text),
    )
    op.create_table(
        "message",
        sa.Column("id", Id, primary_key=True),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("queue", sa.Text, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("handler", sa.Text),
        sa.Column("name", sa.Text),
        sa.Column("originator", sa.Text, nullable=False),
        sa.Column("cause_id", Id),
        sa.Column("src_tag", sa.Text, nullable=False),
        sa.Column("dest_tag", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("metadata", sa.Text, nullable=False),
        sa.Column("sent_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("started_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("run_seconds", sa.Float),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("deliveries", sa.Integer, nullable=False),
        sa.Column("deaths", sa.Integer, nullable=False),
        sa.Column("worker_id", Id),
        sa.Column("error", sa.Text),
    )
    _partial("ix_message_sent", ["queue", "deaths", "id"], "SENT")
    _partial("ix_message_delayed", ["due_at"], "DELAYED")
    _partial("ix_message_waiting", ["incident_id", "handler", "id"], "WAITING")
    _partial("ix_message_processing", ["worker_id"], "PROCESSING")
    op.create_index("ix_message_incident", "message", ["incident_id", "id"])
    op.create_table(
        "failed_attempt",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("worker_id", Id, nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("ended_at", UtcDateTime, nullable=False),
        sa.Column("run_seconds", sa.Float),
        sa.Column("error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "number"),
    )
    op.create_table(
        "lock",
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("handler", sa.Text, nullable=False),
        sa.Column("message_id", Id, nullable=False),
        sa.PrimaryKeyConstraint("incident_id", "handler"),
    )
    op.create_index("ix_lock_message", "lock", ["message_id"])
    op.create_table(
        "persisted",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("handler", sa.Text, nullable=False),
        sa.Column("data", sa.Text, nullable=False),
    )
    op.create_index("ix_persisted", "persisted", ["incident_id", "handler", "id"])
    op.create_table(
        "once",
        sa.Column("message_id", Id, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("incident_id", Id, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("message_id", "key"),
    )
    op.create_index("ix_once_incident", "once", ["incident_id"])
    op.create_table(
        "worker",
        sa.Column("id", Id, primary_key=True),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("pid", sa.Integer, nullable=False),
        sa.Column("queues", sa.Text, nullable=False),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
    )


def downgrade() -> None:
    for table in ("worker", "once", "persisted", "lock", "failed_attempt", "message", "incident"):
        op.drop_table(table)


def _partial(name: str, columns: list[str], status: str) -> None:
    condition = sa.text(f"status = '{status}'")
    op.create_index(name, "message", columns, sqlite_where=condition, postgresql_where=condition)
