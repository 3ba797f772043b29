"""From outcomes to rows: the transaction in which a message has been handled.

The invariant of the whole system is kept here: what a handler did and that its message was handled
are written together, once, and only while the message is still this worker's.
"""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from workflow.effects import Effects
from workflow.model import Delivery, Ending, IncidentStatus, MessageStatus
from workflow.store import locks, messages
from workflow.store.apply import apply
from workflow.store.database import Transaction
from workflow.worker.runner import Failure, Outcome

log = logging.getLogger(__name__)


def settle(tx: Transaction, outcomes: Sequence[Outcome], now: datetime) -> set[str]:
    """Ends the messages of ``outcomes`` and records their effects, in the order given.

    Returns the incidents that this ends, one way or the other.

    An outcome whose message has been taken away meanwhile leaves no trace, and so do those that
    come after the end of their incident in the same batch.
    """
    return _Settlement(now).write(tx, outcomes) if outcomes else set()


class _Settlement:
    """Sorts outcomes into the rows to write."""

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._ended_incidents: set[str] = set()
        self._ends: list[dict[str, Any]] = []
        self._delays: list[dict[str, Any]] = []
        self._failures: list[dict[str, Any]] = []
        self._effects: list[Effects] = []

    def write(self, tx: Transaction, outcomes: Sequence[Outcome]) -> set[str]:
        held = set(map(_token, messages.still_held(tx, [each.delivery for each in outcomes])))
        for outcome in outcomes:
            delivery = outcome.delivery
            if _token(delivery) not in held:
                if not outcome.skipped:
                    _log_discarded(outcome)
            elif outcome.skipped:
                messages.release(tx, [delivery.message_id])
            elif delivery.incident_id in self._ended_incidents:
                self._end(outcome, MessageStatus.NOT_PROCESSED, "the incident ended meanwhile")
            elif outcome.failure is None:
                self._complete(outcome)
            else:
                self._fail(outcome, outcome.failure)
        messages.end(tx, self._ends)
        messages.delay(tx, self._delays)
        messages.record_failures(tx, self._failures)
        apply(tx, self._effects, self._now)
        locks.hand_over(tx, [row["message_id"] for row in self._ends])
        return self._ended_incidents

    def _complete(self, outcome: Outcome) -> None:
        self._end(outcome, MessageStatus.COMPLETE, None)
        self._effects.append(outcome.effects)
        self._ended_incidents.update(each.incident_id for each in outcome.effects.ended)

    def _fail(self, outcome: Outcome, failure: Failure) -> None:
        delivery = outcome.delivery
        number = delivery.attempts + 1
        self._failures.append(
            {
                "message_id": delivery.message_id,
                "number": number,
                "worker_id": delivery.worker_id,
                "started_at": outcome.started_at,
                "ended_at": self._now,
                "run_seconds": outcome.run_seconds,
                "error": failure.traceback,
            }
        )
        _log_failed(outcome, failure, number)
        if failure.retry_seconds is not None:
            self._delays.append(
                {
                    "message_id": delivery.message_id,
                    "to_attempts": number,
                    "due": self._now + timedelta(seconds=failure.retry_seconds),
                    "why": failure.traceback,
                }
            )
            return
        self._end(outcome, MessageStatus.ERROR, failure.traceback)
        ending = Ending(
            incident_id=delivery.incident_id,
            status=IncidentStatus.ERROR,
            reason=f"{delivery.handler} failed on message {delivery.message_id}: {failure.summary}",
            by=delivery.handler,
        )
        self._effects.append(Effects(ended=[ending]))
        self._ended_incidents.add(delivery.incident_id)

    def _end(self, outcome: Outcome, status: MessageStatus, why: str | None) -> None:
        delivery = outcome.delivery
        self._ends.append(
            {
                "message_id": delivery.message_id,
                "to_status": status.value,
                "to_attempts": delivery.attempts + 1,
                "started": outcome.started_at,
                "ended": outcome.started_at + timedelta(seconds=outcome.run_seconds),
                "seconds": outcome.run_seconds,
                "why": why,
            }
        )


def _token(delivery: Delivery) -> tuple[str, str, int]:
    return delivery.message_id, delivery.worker_id, delivery.deliveries


def _log_discarded(outcome: Outcome) -> None:
    delivery = outcome.delivery
    log.info(
        "message %s was taken away while %s ran; what it did is discarded",
        delivery.message_id,
        delivery.handler,
        extra={"incident_id": delivery.incident_id, "message_id": delivery.message_id},
    )


def _log_failed(outcome: Outcome, failure: Failure, number: int) -> None:
    delivery, wait = outcome.delivery, failure.retry_seconds
    what_next = "no try is left" if wait is None else f"the next try is in {wait:.1f} s"
    log.log(
        logging.ERROR if wait is None else logging.WARNING,
        "handler %s failed on message %s (attempt %d); %s\n%s",
        delivery.handler,
        delivery.message_id,
        number,
        what_next,
        failure.traceback.rstrip(),
        extra={"incident_id": delivery.incident_id, "message_id": delivery.message_id},
    )
