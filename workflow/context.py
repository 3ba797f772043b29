"""What a running handler is, to the calls that it makes.

Owns the current attempt of this thread (a context variable, so helper functions see it too). It is
set by the worker around the handler and by nobody else.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from workflow.effects import Effects
from workflow.model import Delivery


@dataclass(slots=True, eq=False)
class Attempt:
    """One try at handling one message. ``engine`` is whose worker runs it.

    ``await_commits`` blocks until every result of the same incident that finished in this worker
    before now is in the database, so that what is read next contains it.
    """

    engine: object
    delivery: Delivery
    await_commits: Callable[[str], None]
    effects: Effects = field(default_factory=Effects)
    # The engine could not reach its database for this handler, which is not the handler's failure.
    store_failed: bool = False


current_attempt: ContextVar[Attempt | None] = ContextVar("current_attempt", default=None)
