"""How many messages a worker takes at a time.

Enough that its threads never wait for the database, few enough that nothing lies in the hand of a
busy worker while another is idle: about :data:`AHEAD_SECONDS` of work for each free thread, by the
time that messages of the queue took lately.
"""

from collections import Counter
from collections.abc import Mapping

AHEAD_SECONDS = 0.1
LARGEST_HAND = 1000
# What a handler that was never seen is taken to need.
FIRST_GUESS_SECONDS = 0.05
_SHORTEST_SECONDS = 20e-6
_WEIGHT = 0.1
_NONE: Mapping[str, int] = {}


class Pace:
    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._seconds: dict[str, float] = {}
        self._in_hand: Counter[str] = Counter()

    def taken(self, queue: str, count: int) -> None:
        self._in_hand[queue] += count

    def returned(self, queue: str) -> None:
        """One of the queue left the hand without having been run."""
        self._in_hand[queue] -= 1

    def ran(self, queue: str, seconds: float) -> None:
        self._in_hand[queue] -= 1
        mean = self._seconds.get(queue)
        self._seconds[queue] = seconds if mean is None else mean + _WEIGHT * (seconds - mean)

    def limit(self, queue: str, slow: Mapping[str, int] = _NONE) -> int:
        """How many of the queue to take now.

        ``slow`` says how many handlers of which queues have run long, and may run on for ever:
        their threads are not to be counted on.
        """
        free = self._threads - sum(slow.values())
        in_hand = self._in_hand.total()
        if free <= 0 or in_hand >= LARGEST_HAND:
            return 0
        planned = sum(
            self._guess(each) * (count - slow.get(each, 0)) for each, count in self._in_hand.items()
        )
        spare = (AHEAD_SECONDS * free - planned) / self._guess(queue)
        idle = self._threads - in_hand
        return max(0, idle, min(int(spare), LARGEST_HAND - in_hand))

    def _guess(self, queue: str) -> float:
        return max(_SHORTEST_SECONDS, self._seconds.get(queue, FIRST_GUESS_SECONDS))
