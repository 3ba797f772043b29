import random
from datetime import timedelta

import pytest

import workflow
from workflow import RegistrationError
from workflow.registry import HandlerOptions, Registry


@pytest.fixture
def registry():
    return Registry()


def test_a_marked_function_can_still_be_called(registry):
    @registry.handler
    def double(message):
        return message["n"] * 2

    assert double({"n": 4}) == 8


def test_queue_registers_at_once(registry):
    @registry.handler(queue="q", name="other", retries=2, timeout=timedelta(minutes=1))
    def function(message): ...

    options = registry["q"].options
    assert (options.name, options.retries, options.timeout) == ("other", 2, 60)


def test_one_handler_may_have_several_queues(registry):
    @registry.handler(queue="one")
    def function(message): ...

    registry.register(function, "two")
    registry.register(function, "two")
    assert list(registry) == ["one", "two"]


@pytest.mark.parametrize("above", [True, False])
def test_atomic_above_or_below_means_the_same(registry, above):
    def function(message): ...

    if above:
        workflow.atomic(registry.handler(queue="q")(function))
    else:
        registry.handler(queue="q")(workflow.atomic(function))
    assert registry["q"].atomic


def test_a_handler_is_not_atomic_by_itself(registry):
    registry.handler(queue="q")(lambda message: None)
    assert not registry["q"].atomic


def test_an_unmarked_function_is_refused_with_the_remedy(registry):
    def function(message): ...

    with pytest.raises(RegistrationError, match=r"function is not a handler: write @workflow"):
        registry.register(function, "q")


def test_a_queue_of_another_handler_is_refused_and_both_are_named(registry):
    @registry.handler(queue="q")
    def first(message): ...

    with pytest.raises(
        RegistrationError, match=r"queue 'q' is handled by .*first already: register .*second under"
    ):

        @registry.handler(queue="q")
        def second(message): ...


def test_two_functions_of_one_name_are_refused(registry):
    def make():
        @registry.handler
        def same(message): ...

        return same

    registry.register(make(), "one")
    with pytest.raises(RegistrationError, match=r"both named 'same'.*name="):
        registry.register(make(), "two")


@pytest.mark.parametrize("queue", ["", None, 3, "amq.direct", "x" * 256, "a\0b"])
def test_names_that_no_broker_takes_are_refused(registry, queue):
    with pytest.raises(RegistrationError, match="name"):
        registry.register(registry.handler(lambda message: None), queue)


@pytest.mark.parametrize(
    "options",
    [
        {"retries": -1},
        {"retries": 1.5},
        {"retries": True},
        {"retry_on": "OSError"},
        {"retry_on": (int,)},
        {"timeout": 0},
        {"timeout": float("nan")},
        {"backoff": -1},
        {"name": ""},
    ],
)
def test_options_that_cannot_be_meant_are_refused(registry, options):
    with pytest.raises(RegistrationError, match=next(iter(options))):
        registry.handler(**options)(lambda message: None)


async def an_async_function(message): ...


def a_generator(message):
    yield


@pytest.mark.parametrize(
    "function", [an_async_function, a_generator, lambda: None, lambda a, b: None, print, 3]
)
def test_what_cannot_take_one_message_is_no_handler(registry, function):
    with pytest.raises(RegistrationError, match="handler"):
        registry.handler(function)


def options_of(**given):
    registry = Registry()
    registry.handler(queue="q", **given)(lambda message: None)
    return registry["q"]


def test_no_retry_by_default():
    assert options_of().retry_seconds(OSError(), 0) is None


def test_retries_end():
    handler = options_of(retries=2)
    assert [handler.retry_seconds(OSError(), n) is None for n in range(4)] == [
        False, False, True, True,
    ]  # fmt: skip


def test_only_the_exceptions_named_are_retried():
    handler = options_of(retries=5, retry_on=(OSError, KeyError))
    assert handler.retry_seconds(ConnectionError(), 0) is not None
    assert handler.retry_seconds(ValueError(), 0) is None


def test_the_wait_is_drawn_evenly_up_to_a_bound_that_doubles():
    random.seed(1)
    handler = options_of(retries=100, backoff=0.5)
    for retries, bound in [(0, 0.5), (1, 1.0), (4, 8.0), (60, 600.0)]:
        waits = [handler.retry_seconds(OSError(), retries) for _ in range(400)]
        assert 0 <= min(waits) < bound * 0.05
        assert bound * 0.95 < max(waits) <= bound


def test_a_backoff_function_is_taken_at_its_word():
    handler = options_of(retries=3, backoff=lambda n: n * 10)
    assert [handler.retry_seconds(OSError(), n) for n in range(3)] == [10, 20, 30]


def test_the_defaults_are_what_the_documentation_says():
    defaults = HandlerOptions(name="x")
    assert (defaults.retries, defaults.retry_on, defaults.timeout) == (0, (Exception,), None)
