"""The engine: where settings, database, broker and handlers meet.

Several can live in one process. Making one opens nothing; the database is opened by the first call
that needs it.
"""

import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar
from uuid import UUID
from weakref import WeakSet

from workflow.broker.database import DatabaseBroker
from workflow.context import Attempt, current_attempt
from workflow.drafts import Delay, check_message, check_text, draft_incident, draft_message
from workflow.effects import Effects
from workflow.encoding import decode, encode, encode_dict
from workflow.errors import InvalidData, NotInHandler, StoreUnavailable, UnknownIncident
from workflow.identifiers import canonical_uuid
from workflow.model import (
    Ending,
    IncidentStatus,
    PersistedItem,
)
from workflow.outbox import Outbox
from workflow.registry import HandlerFunction, Registry
from workflow.settings import Settings
from workflow.store import incidents, messages, persisted
from workflow.store.apply import apply
from workflow.store.database import Database, Transaction
from workflow.views import Views
from workflow.worker.signals import stop_on_signals
from workflow.worker.worker import Worker

log = logging.getLogger(__name__)

T = TypeVar("T")
IncidentId = str | UUID


class Engine(Views):
    """One workflow system: a database, and the handlers that this process has for its queues.

    Inside a handler, what its methods do belongs to that handler's message: it happens when the
    handler returns, in one step with the fact that the message was handled, or not at all. Outside,
    messages and endings are kept for this thread until :meth:`flush`.
    """

    def __init__(
        self, settings: Settings | None = None, *, registry: Registry | None = None
    ) -> None:
        self.settings = settings or Settings.from_environment()
        self.registry = Registry() if registry is None else registry
        self.handler = self.registry.handler
        self._opening = threading.Lock()
        self._database: Database | None = None
        self._outbox = Outbox()
        self._known: set[str] = set()
        _engines.add(self)

    def __repr__(self) -> str:
        return f"<Engine of {len(self.registry)} queues>"

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the database. What was sent and not flushed is not sent; a warning says so."""
        if self._outbox:
            log.warning(
                "%d messages were sent but never flushed: call FlushMessages()", len(self._outbox)
            )
        self._outbox.clear()
        with self._opening:
            if self._database is not None:
                self._database.close()
                self._database = None

    def forget_parent(self) -> None:
        """In a forked child: the connections are the parent's."""
        self._opening = threading.Lock()
        if self._database is not None:
            self._database.forget_parent()

    @property
    def database(self) -> Database:
        """The database, opened (and its tables brought up to date) when first asked for."""
        if self._database is None:
            with self._opening:
                if self._database is None:
                    self._database = Database(self.settings.database_url)
        return self._database

    # Handlers.

    def register(self, handler: HandlerFunction, queue: str) -> None:
        """Binds a marked function to a queue. See :meth:`Registry.register`."""
        self.registry.register(handler, queue)

    def execute(self, *, until_idle: bool = False, threads: int = 1) -> None:
        """Handles messages until interrupted; SIGINT and SIGTERM let finish what runs.

        Args:
            until_idle: return as soon as nothing is owed to the queues handled here, now or later.
            threads: how many handlers may run at a time.
        """
        worker = self.worker(threads=threads)
        with stop_on_signals(worker):
            worker.run(until_idle=until_idle)

    def worker(self, *, threads: int = 1) -> Worker:
        """A worker for the queues of this engine, to run and stop by hand."""
        return Worker(
            database=self.database,
            broker=DatabaseBroker(self.database),
            registry=self.registry,
            settings=self.settings,
            engine=self,
            threads=threads,
        )

    # Incidents.

    def create_incident(
        self,
        name: str,
        kind: str,
        incident_date: datetime | None = None,
        *,
        metadata: dict[str, Any] | None = None,
        parameters: dict[str, Any] | None = None,
        tag: str = "",
    ) -> str:
        """Declares a run of a workflow and returns its id, a UUID as text.

        Args:
            incident_date: when what it is about began; now by default. Without a time zone, it is
                taken as local time.
            metadata: anything worth keeping with it, as a dict that JSON can hold.
            parameters: likewise, for its handlers.

        Raises:
            InvalidData: (a ValueError) one of them is not of its kind.
        """
        incident = draft_incident(name, kind, incident_date, metadata, parameters, tag)
        attempt = self._attempt()
        if attempt is not None:
            attempt.effects.created.append(incident)
        else:
            with self._writing() as tx:
                incidents.create(tx, [incident])
            self._know(incident.id)
        return incident.id

    def complete(self, incident_id: IncidentId) -> None:
        """Ends an incident well; see :meth:`cancel` for when, and for what becomes of the rest."""
        self._end(incident_id, IncidentStatus.COMPLETE, "")

    def cancel(self, incident_id: IncidentId, reason: str = "") -> None:
        """Ends an incident before its time.

        Effective when the handler returns, or with :meth:`flush`. Messages still owed, and those
        sent later, become NOT PROCESSED; what handlers have persisted goes; the log stays. On an
        incident that has ended already: a warning in the log, and nothing else.

        Raises:
            UnknownIncident: there is no such incident.
        """
        check_text("reason", reason, InvalidData)
        self._end(incident_id, IncidentStatus.CANCELLED, reason)

    def resume(self, incident_id: IncidentId) -> int:
        """Puts the failed and unfinished messages of an incident back; returns how many.

        For one in ERROR or CANCELLED. What is finished is not run again. On any other it changes
        nothing and returns 0.

        Raises:
            UnknownIncident: there is no such incident.
        """
        known = self._require(incident_id)
        with self._writing() as tx:
            return incidents.resume(tx, known, _now()) or 0

    # Messages.

    def send(
        self,
        queue: str,
        message: dict[str, Any],
        *,
        delay: Delay | None = None,
        name: str | None = None,
        metadata: dict[str, Any] | None = None,
        src_tag: str = "",
        dest_tag: str = "",
    ) -> str:
        """Sends a snapshot of ``message`` to whatever handles ``queue``; returns its MessageID.

        Inside a handler it leaves when the handler returns, in the order sent, and never when it
        raises. Outside, :meth:`flush` sends it.

        Args:
            message: a dict that JSON can hold, with the ``IncidentID`` that it belongs to.
            delay: not to be handled before this many seconds, this timedelta, or this moment.
            name: what the log calls this step; the handler's name by default.
            metadata: kept with the step.
            src_tag, dest_tag: free labels for the graph.

        Raises:
            InvalidMessage: (a ValueError) says what is wrong, and where in the message.
            UnknownIncident: there is no such incident.
        """
        check_message(queue, message)
        attempt = self._attempt()
        sent = draft_message(
            queue,
            message,
            incident_id=self._require(message["IncidentID"]),
            originator=_script_name() if attempt is None else attempt.delivery.handler,
            cause_id=None if attempt is None else attempt.delivery.message_id,
            delay=delay,
            name=name,
            metadata=metadata,
            src_tag=src_tag,
            dest_tag=dest_tag,
        )
        self._effects().sent.append(sent)
        return sent.id

    def flush(self) -> int:
        """Sends what this thread has sent outside a handler, and ends what it has ended.

        Returns how many messages that were. All of them are recorded, or none: then it raises, and
        may be called again. Inside a handler it does nothing, as all leaves when that returns.

        Raises:
            StoreUnavailable: the database cannot be reached or written.
        """
        effects = self._outbox.mine()
        if not effects or self._attempt() is not None:
            return 0
        count = len(effects.sent)
        # Should the answer to the COMMIT be lost, the next call finds what was recorded.
        tried, effects.tried = effects.tried, True
        with self._writing() as tx:
            if tried:
                known = messages.recorded(tx, [each.id for each in effects.sent])
                effects.sent = [each for each in effects.sent if each.id not in known]
            apply(tx, [effects], _now())
        self._outbox.empty_mine()
        return count

    # What handlers keep.

    def put(
        self, incident_id: IncidentId, data: dict[str, Any], *, handler: str | None = None
    ) -> None:
        """Keeps a dict for this handler and incident, with the message's other effects.

        Outside a handler, ``handler`` says whose it is to be, and it is kept at once.

        Raises:
            InvalidData: (a ValueError) not a dict that JSON can hold; says where.
            NotInHandler: outside a handler, and ``handler`` is not given.
        """
        attempt = self._attempt()
        item = PersistedItem(
            incident_id=self._require(incident_id),
            handler=self._persist_scope(attempt, handler),
            data=encode_dict(data, "the data to persist", InvalidData),
        )
        if attempt is not None:
            attempt.effects.persisted.append(item)
        else:
            with self._writing() as tx:
                persisted.put(tx, [item])

    def get(self, incident_id: IncidentId, *, handler: str | None = None) -> list[dict[str, Any]]:
        """The dicts that this handler has put for this incident so far, in order.

        It sees what every handler has put that returned before this call in the same worker or
        whose message is recorded as handled, and what this handler has put itself.

        Raises:
            NotInHandler: outside a handler, and ``handler`` is not given.
        """
        attempt = self._attempt()
        known = self._require(incident_id)
        scope = self._persist_scope(attempt, handler)
        if attempt is not None:
            attempt.await_commits(known)
        with self._reading() as tx:
            texts = persisted.get(tx, known, scope)
        if attempt is not None:
            texts += [
                each.data
                for each in attempt.effects.persisted
                if each.incident_id == known and each.handler == scope
            ]
        return [decode(text) for text in texts]

    def once(self, key: str, function: Callable[[], T]) -> T:
        """Calls ``function`` unless an earlier attempt at this message has done so; its result.

        For what the database cannot undo: an order to another system, a file, a mail. The result
        (which JSON has to hold) is recorded at once, before the handler returns. Should the process
        die between the call and the recording, the call is made again: give the other system the
        ``MessageID``, which stays the same over all attempts, to tell by.

        Raises:
            NotInHandler: there is no message outside a handler.
        """
        attempt = self._attempt()
        if attempt is None:
            raise NotInHandler("once() works inside a handler only: it counts for its message")
        check_text("key", key, InvalidData)
        delivery = attempt.delivery
        with self._reading() as tx:
            known = persisted.get_result(tx, delivery.message_id, key)
        if known is not None:
            result: T = decode(known)
            return result
        text = encode(function())
        with self._writing() as tx:
            # If the message was taken away meanwhile, what this attempt does comes to nothing; if
            # its successor was faster here, then its result is the one.
            if messages.still_held(tx, [delivery]):
                text = persisted.put_result(
                    tx, delivery.message_id, key, delivery.incident_id, text
                )
        result = decode(text)
        return result

    # Inside.

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        with self._noting_failure(), self.database.reading() as tx:
            yield tx

    @contextmanager
    def _writing(self) -> Iterator[Transaction]:
        with self._noting_failure(), self.database.writing() as tx:
            yield tx

    @contextmanager
    def _noting_failure(self) -> Iterator[None]:
        try:
            yield
        except StoreUnavailable:
            if (attempt := self._attempt()) is not None:
                attempt.store_failed = True
            raise

    def _attempt(self) -> Attempt | None:
        attempt = current_attempt.get()
        return attempt if attempt is not None and attempt.engine is self else None

    def _effects(self) -> Effects:
        attempt = self._attempt()
        return self._outbox.mine() if attempt is None else attempt.effects

    def _end(self, incident_id: IncidentId, status: IncidentStatus, reason: str) -> None:
        attempt = self._attempt()
        by = _script_name() if attempt is None else attempt.delivery.handler
        ending = Ending(incident_id=self._require(incident_id), status=status, reason=reason, by=by)
        self._effects().ended.append(ending)

    def _require(self, incident_id: IncidentId) -> str:
        """The id in its usual form, of an incident that is there."""
        attempt = self._attempt()
        if attempt is not None and incident_id == attempt.delivery.incident_id:
            return attempt.delivery.incident_id
        if incident_id in self._known:
            return str(incident_id)
        canonical = canonical_uuid(incident_id)
        if canonical in self._known:
            return canonical
        if attempt is not None and any(canonical == each.id for each in attempt.effects.created):
            return canonical
        with self._reading() as tx:
            if not incidents.statuses(tx, [canonical]):
                raise UnknownIncident(incident_id)
        self._know(canonical)
        return canonical

    def _know(self, incident_id: str) -> None:
        if len(self._known) >= 10_000:
            self._known.clear()
        self._known.add(incident_id)

    def _persist_scope(self, attempt: Attempt | None, handler: str | None) -> str:
        if handler is not None:
            check_text("handler", handler, InvalidData)
            return handler
        if attempt is None:
            raise NotInHandler(
                "outside a handler, Persist needs to know whose data is meant: give handler='name'"
            )
        return attempt.delivery.handler


_engines: "WeakSet[Engine]" = WeakSet()


def _forget_parent() -> None:
    for engine in list(_engines):
        engine.forget_parent()


os.register_at_fork(after_in_child=_forget_parent)


def _script_name() -> str:
    return Path(sys.argv[0]).name or "python"


def _now() -> datetime:
    return datetime.now(timezone.utc)
