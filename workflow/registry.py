"""Which function handles which queue, and how.

Owns the marks that ``@handler`` and ``@atomic`` leave on a function and the table of queues. It
opens nothing: handler modules can be imported, and their functions called, without any database.

Invariants: a queue has one handler; a handler's name belongs to one function, because what it
persists and locks is kept under that name.
"""

import inspect
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, overload

from workflow.encoding import is_text
from workflow.errors import RegistrationError

HandlerFunction = Callable[[dict[str, Any]], Any]
F = TypeVar("F", bound=Callable[..., Any])
Backoff = float | Callable[[int], float]

_OPTIONS = "__workflow_handler__"
_ATOMIC = "__workflow_atomic__"

BACKOFF_SECONDS = 1.0
BACKOFF_CAP_SECONDS = 600.0
LONGEST_BACKOFF_SECONDS = 3.2e7  # a year


@dataclass(frozen=True, kw_only=True)
class HandlerOptions:
    """What ``@handler(...)`` was given. ``timeout`` is in seconds."""

    name: str
    retries: int = 0
    retry_on: tuple[type[BaseException], ...] = (Exception,)
    backoff: Backoff = BACKOFF_SECONDS
    timeout: float | None = None


@dataclass(frozen=True)
class Handler:
    """A registered function with its options."""

    function: HandlerFunction
    options: HandlerOptions

    @property
    def name(self) -> str:
        return self.options.name

    @property
    def atomic(self) -> bool:
        # Asked for late: @atomic above @handler(queue=...) runs after the registration.
        return getattr(self.function, _ATOMIC, False)

    def retry_seconds(self, error: BaseException, retries: int) -> float | None:
        """How long to wait before the next try, or None when this failure is the last.

        ``retries`` is how many tries came before. The wait is drawn evenly from zero to
        ``backoff * 2**retries`` ("full jitter": Brooker, Exponential Backoff And Jitter, AWS
        Architecture Blog, 2015), at most ten minutes, unless ``backoff`` is a function of the
        number of the retry (1, 2, ...), whose word is taken as it is.
        """
        if retries >= self.options.retries or not isinstance(error, self.options.retry_on):
            return None
        backoff = self.options.backoff
        if callable(backoff):
            seconds = float(backoff(retries + 1))
            if not 0.0 <= seconds <= LONGEST_BACKOFF_SECONDS:
                raise ValueError(f"backoff has to give 0 to {LONGEST_BACKOFF_SECONDS:g} s")
            return seconds
        return random.uniform(0.0, min(BACKOFF_CAP_SECONDS, backoff * 2.0 ** min(retries, 40)))


def atomic(function: F) -> F:
    """One at a time for each incident. Above or below ``@handler`` means the same."""
    setattr(function, _ATOMIC, True)
    return function


def mark(function: F, options: HandlerOptions) -> F:
    _check_callable(function, options.name)
    setattr(function, _OPTIONS, options)
    return function


def make_options(
    function: Callable[..., Any],
    *,
    name: str | None,
    retries: int,
    retry_on: type[BaseException] | tuple[type[BaseException], ...],
    backoff: Backoff,
    timeout: float | timedelta | None,
) -> HandlerOptions:
    """Checks what ``@handler(...)`` was given.

    Raises:
        RegistrationError: one of them cannot be meant.
    """
    label = getattr(function, "__name__", repr(function))
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    kinds = retry_on if isinstance(retry_on, tuple) else (retry_on,)
    if isinstance(retries, bool) or not isinstance(retries, int) or retries < 0:
        raise RegistrationError(f"handler {label}: retries has to be 0 or more, not {retries!r}")
    if not all(isinstance(kind, type) and issubclass(kind, BaseException) for kind in kinds):
        raise RegistrationError(
            f"handler {label}: retry_on has to be exception classes, not {retry_on!r}"
        )
    if seconds is not None and not seconds > 0:
        raise RegistrationError(f"handler {label}: timeout has to be positive, not {timeout!r}")
    if not callable(backoff) and not backoff >= 0:
        raise RegistrationError(f"handler {label}: backoff has to be seconds, not {backoff!r}")
    if name is not None and (not is_text(name) or not name):
        raise RegistrationError(f"handler {label}: name has to be a text, not {name!r}")
    return HandlerOptions(
        name=name or label,
        retries=retries,
        retry_on=kinds,
        backoff=backoff,
        timeout=seconds,
    )


def check_queue_name(queue: object, error: type[Exception]) -> None:
    """Refuses what no broker takes as a queue's name (AMQP 0-9-1: at most 255 bytes)."""
    if not is_text(queue) or not queue or len(queue.encode()) > 255:
        raise error(f"a queue's name has to be a text of 1 to 255 bytes, not {queue!r:.300}")
    if queue.startswith("amq."):
        raise error(f"queue {queue!r}: names that begin with 'amq.' are the broker's own")


class Registry:
    """The queues that this process handles."""

    def __init__(self) -> None:
        self._by_queue: dict[str, Handler] = {}

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_queue)

    def __len__(self) -> int:
        return len(self._by_queue)

    def __getitem__(self, queue: str) -> Handler:
        return self._by_queue[queue]

    def register(self, function: HandlerFunction, queue: str) -> None:
        """Binds a marked function to a queue; a second time is the same as once.

        Raises:
            RegistrationError: the function is not marked, or its queue or name is another's.
        """
        check_queue_name(queue, RegistrationError)
        options = getattr(function, _OPTIONS, None)
        if not isinstance(options, HandlerOptions):
            raise RegistrationError(
                f"{_where(function)} is not a handler: write @workflow.handler above its definition"
            )
        for other_queue, other in self._by_queue.items():
            if other.function is function:
                continue
            if other_queue == queue:
                raise RegistrationError(
                    f"queue {queue!r} is handled by {_where(other.function)} already: register "
                    f"{_where(function)} under a queue of its own"
                )
            if other.name == options.name:
                raise RegistrationError(
                    f"{_where(function)} and {_where(other.function)} are both named "
                    f"{options.name!r}, and would share what they persist: give one of them "
                    f"@workflow.handler(name=...)"
                )
        self._by_queue[queue] = Handler(function, options)

    @overload
    def handler(self, function: F, /) -> F: ...
    @overload
    def handler(
        self,
        function: None = None,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        retries: int = 0,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
        backoff: Backoff = BACKOFF_SECONDS,
        timeout: float | timedelta | None = None,
    ) -> Callable[[F], F]: ...
    def handler(
        self,
        function: F | None = None,
        /,
        *,
        queue: str | None = None,
        name: str | None = None,
        retries: int = 0,
        retry_on: type[BaseException] | tuple[type[BaseException], ...] = (Exception,),
        backoff: Backoff = BACKOFF_SECONDS,
        timeout: float | timedelta | None = None,
    ) -> F | Callable[[F], F]:
        """Marks a function as a handler: it takes one message, a dict. It stays callable as it is.

        Args:
            queue: registers the function for this queue at once.
            name: what the log, the graph and ``Persist`` call it; the function's own by default.
            retries: how many more tries a failed message gets.
            retry_on: the exceptions that are worth another try; all by default.
            backoff: seconds; the n-th retry waits a random time up to ``backoff * 2**(n-1)``. Or a
                function from n to seconds.
            timeout: seconds (or a timedelta) after which an attempt fails.

        Raises:
            RegistrationError: the function or an option cannot work, or the queue is taken.
        """

        def decorate(target: F) -> F:
            options = make_options(
                target,
                name=name,
                retries=retries,
                retry_on=retry_on,
                backoff=backoff,
                timeout=timeout,
            )
            mark(target, options)
            if queue is not None:
                self.register(target, queue)
            return target

        return decorate if function is None else decorate(function)


def _where(function: Callable[..., Any]) -> str:
    module = getattr(function, "__module__", "?")
    return f"{module}.{getattr(function, '__qualname__', repr(function))}"


def _check_callable(function: Callable[..., Any], label: str) -> None:
    if not inspect.isfunction(function):
        raise RegistrationError(f"a handler has to be a function, not {function!r}")
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise RegistrationError(
            f"handler {label}: an async function or a generator cannot be a handler; "
            f"call asyncio.run(...) in a plain one"
        )
    try:
        inspect.signature(function).bind({})
    except TypeError:
        raise RegistrationError(
            f"handler {label} has to take exactly one argument, the message: "
            f"{label}{inspect.signature(function)}"
        ) from None
