import subprocess
import sys

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select, text

from workflow import ConfigurationError
from workflow.store import locks, messages, migrate, schema
from workflow.store.database import Database
from workflow.store.schema import message


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'm.db'}"


def test_the_newest_migration_is_the_one_that_the_code_expects():
    config = Config()
    config.set_main_option("script_location", str(migrate.FOLDER))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.REVISION


def test_the_migrations_make_the_tables_that_the_code_describes(url):
    database = Database(url)
    with database.reading() as tx:
        difference = compare_metadata(MigrationContext.configure(tx), schema.metadata)
    database.close()
    assert difference == []


def test_opening_again_does_nothing_and_loads_no_alembic(url):
    Database(url).close()
    code = f"""
import sys
from workflow.store.database import Database
from workflow.store.schema import message
Database({url!r}).close()
assert "alembic" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_database_of_a_newer_version_is_left_alone(url):
    database = Database(url)
    with database.writing() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    database.close()
    with pytest.raises(ConfigurationError, match=r"9999.*install the newer version"):
        Database(url)


def test_processes_that_start_together_make_the_tables_once(url):
    code = f"from workflow.store.database import Database; Database({url!r}).close()"
    started = [
        subprocess.Popen([sys.executable, "-W", "error", "-c", code], stderr=subprocess.PIPE)
        for _ in range(5)
    ]
    errors = [process.communicate()[1] for process in started]
    assert [process.returncode for process in started] == [0] * 5, errors


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("workflow.db", "no database URL"),
        ("sqlite://", "has to be a file"),
        ("sqlite:///:memory:", "has to be a file"),
        ("sqlite:////no/such/folder/w.db", "folder /no/such/folder does not exist"),
        ("nosuchdb://host/db", "no driver"),
    ],
)
def test_a_url_that_cannot_work_is_said_so(url, complaint):
    with pytest.raises(ConfigurationError, match=complaint):
        Database(url)


def test_the_partial_indexes_are_used(url):
    """A claim, the next due message and a waiting heir are each one look into an index."""
    queries = [
        (messages._FRESH.params(queue="q").limit(10), "ix_message_sent"),
        (messages._SUSPECTS.params(queue="q").limit(1), "ix_message_sent"),
        (messages._NEXT_DUE, "ix_message_delayed"),
        (messages._HELD_BY.params(worker="w"), "ix_message_processing"),
        (locks._HEIR.params(incident="i", by="h"), "ix_message_waiting"),
        (select(message.c.id).where(message.c.incident_id == "i"), "ix_message_incident"),
    ]
    database = Database(url)
    with database.reading() as tx:
        for query, index in queries:
            sql = str(query.compile(tx.engine, compile_kwargs={"literal_binds": True}))
            plan = str(tx.execute(text(f"EXPLAIN QUERY PLAN {sql}")).all())
            assert index in plan, (sql, plan)
            # What one worker holds is sorted; it is little.
            sorts = index == "ix_message_processing"
            assert ("TEMP B-TREE" in plan) is sorts, (sql, plan)
    database.close()
