"""The read side of a system: what can be asked of its database, as typed values.

Pictures, progress and whatever else shows an incident ask here, and nowhere else.
"""

from contextlib import AbstractContextManager
from datetime import datetime, timezone
from uuid import UUID

from workflow.errors import UnknownIncident
from workflow.identifiers import canonical_uuid
from workflow.model import Edge, Incident, MessageStatus, Step, WorkerInfo
from workflow.store import history, incidents, workers
from workflow.store.database import Transaction


class Views:
    """To be inherited by whatever has a database to read from.

    What takes an incident's id raises :class:`UnknownIncident` when there is no such incident.
    """

    def _reading(self) -> AbstractContextManager[Transaction]:
        raise NotImplementedError

    def incident(self, incident_id: str | UUID) -> Incident:
        """The incident as it is now."""
        with self._reading() as tx:
            return _existing(tx, incident_id)

    def newest_incidents(self, limit: int = 20) -> list[Incident]:
        """The latest first."""
        with self._reading() as tx:
            return incidents.newest(tx, limit)

    def counts(self, incident_id: str | UUID) -> dict[MessageStatus, int]:
        """How many messages of the incident are in each status."""
        with self._reading() as tx:
            return history.counts(tx, _existing(tx, incident_id).id)

    def edges(self, incident_id: str | UUID) -> list[Edge]:
        """The incident's messages, folded by sender, receiver and status."""
        with self._reading() as tx:
            return history.edges(tx, _existing(tx, incident_id).id)

    def steps(self, incident_id: str | UUID) -> list[Step]:
        """Every message of the incident, oldest first."""
        with self._reading() as tx:
            return list(history.steps(tx, _existing(tx, incident_id).id))

    def workers(self) -> list[WorkerInfo]:
        """The workers whose lease is running, of all processes and hosts."""
        now = datetime.now(timezone.utc)
        with self._reading() as tx:
            return [each for each in workers.all_workers(tx) if each.expires_at > now]


def _existing(tx: Transaction, incident_id: str | UUID) -> Incident:
    found = incidents.get(tx, canonical_uuid(incident_id))
    if found is None:
        raise UnknownIncident(incident_id)
    return found
