from workflow.worker.pace import AHEAD_SECONDS, LARGEST_HAND, Pace


def test_a_handler_that_was_never_seen_gets_few():
    assert 1 <= Pace(1).limit("q", slow=0) <= 2


def test_fast_handlers_get_many_and_slow_ones_one_for_each_thread():
    pace = Pace(2)
    for queue, seconds in (("fast", 1e-5), ("slow", 30.0)):
        pace.taken(queue, 1)
        pace.ran(queue, seconds)
    assert pace.limit("fast", slow=0) == LARGEST_HAND
    assert pace.limit("slow", slow=0) == 2


def test_what_is_in_hand_counts():
    pace = Pace(1)
    pace.taken("q", 1)
    pace.ran("q", AHEAD_SECONDS / 10)
    assert pace.limit("q", slow=0) == 10
    pace.taken("q", 10)
    assert pace.limit("q", slow=0) == 0
    pace.returned("q")
    pace.ran("q", AHEAD_SECONDS / 10)
    assert (pace.in_hand, pace.limit("q", slow=0)) == (8, 2)


def test_nothing_is_taken_while_every_thread_is_slow():
    assert Pace(2).limit("q", slow=2) == 0


def test_the_hand_has_a_bound():
    pace = Pace(1)
    pace.taken("q", LARGEST_HAND)
    assert pace.limit("q", slow=0) == 0
