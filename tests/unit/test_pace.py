import pytest

from workflow.worker.pace import AHEAD_SECONDS, LARGEST_HAND, Pace


def test_a_handler_that_was_never_seen_gets_few():
    assert 1 <= Pace(1).limit("q") <= 2


def test_fast_handlers_get_many_and_slow_ones_one_for_each_thread():
    pace = Pace(2)
    for queue, seconds in (("fast", 1e-5), ("slow", 30.0)):
        pace.taken(queue, 1)
        pace.ran(queue, seconds)
    assert pace.limit("fast") == LARGEST_HAND
    assert pace.limit("slow") == 2


def test_what_is_in_hand_counts():
    pace = Pace(1)
    pace.taken("q", 1)
    pace.ran("q", AHEAD_SECONDS / 10)
    assert pace.limit("q") == 10
    pace.taken("q", 10)
    assert pace.limit("q") == 0
    pace.returned("q")
    pace.ran("q", AHEAD_SECONDS / 10)
    assert pace.limit("q") == 2


def test_nothing_is_taken_while_every_thread_is_slow():
    assert Pace(2).limit("q", {"q": 1, "other": 1}) == 0


def test_a_slow_handler_does_not_count_against_a_fast_one():
    pace = Pace(2)
    for queue, seconds in (("fast", 1e-4), ("slow", 30.0)):
        pace.taken(queue, 1)
        pace.ran(queue, seconds)
    pace.taken("slow", 1)
    assert pace.limit("fast", {"slow": 1}) == pytest.approx(AHEAD_SECONDS / 1e-4, abs=1)


def test_the_hand_has_a_bound():
    pace = Pace(1)
    pace.taken("q", LARGEST_HAND)
    assert pace.limit("q") == 0
