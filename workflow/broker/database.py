"""The embedded default: the rows themselves are the queues."""

from workflow.store import messages
from workflow.store.database import Database, Transaction
from workflow.store.messages import Candidate


class DatabaseBroker:
    """Watches the database for commits of others, and reads the oldest rows that are free.

    On SQLite, looking costs a few microseconds (``PRAGMA data_version``), so it looks often; other
    databases are asked outright, and less often.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen: int | None = None
        self.poll_seconds = 0.03 if database.is_sqlite else 0.04

    def arrived(self, connection: Transaction) -> bool:
        if not self._database.is_sqlite:
            return True
        version = self._database.data_version(connection)
        changed = version != self._seen
        self._seen = version
        return changed

    def fetch(self, tx: Transaction, queue: str, limit: int, *, suspects: bool) -> list[Candidate]:
        return messages.candidates(tx, queue, limit, suspects=suspects)
