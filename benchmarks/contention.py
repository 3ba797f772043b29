"""Several worker processes on one SQLite file: writers who line up, against SQLite's own lock.

    python benchmarks/contention.py [-n 10000] [-p 6]

Runs both in turns and prints one JSON line for each pair, with the ratio.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from embedded import add_handlers, fsync_ms, load, make_engine

from workflow.store.sqlite import WriteQueue


@contextmanager
def no_turn(self: WriteQueue) -> Iterator[None]:
    yield


def work(folder: Path, *, line_up: bool) -> None:
    if not line_up:
        WriteQueue.turn = no_turn  # type: ignore[method-assign]
    with make_engine(folder) as engine:
        add_handlers(engine)
        engine.execute(until_idle=True)


def handled_per_s(n: int, processes: int, how: str) -> float:
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder:
        with make_engine(Path(folder)) as engine:
            load(engine, n)
        began = time.perf_counter()
        started = [
            subprocess.Popen([sys.executable, __file__, "--work", folder, "--how", how])
            for _ in range(processes)
        ]
        if any(process.wait() for process in started):
            raise SystemExit(f"a worker failed ({how})")
        return 2 * n / (time.perf_counter() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-n", type=int, default=10_000, help="messages to A (default: 10000)")
    parser.add_argument("-p", type=int, default=6, help="worker processes (default: 6)")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--how", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work, line_up=given.how == "line up")
        return
    for _ in range(3):
        line_up = handled_per_s(given.n, given.p, "line up")
        own = handled_per_s(given.n, given.p, "SQLite's lock")
        figures = {
            "benchmark": "contention",
            "processes": given.p,
            "line_up_per_s": round(line_up),
            "sqlite_lock_per_s": round(own),
            "ratio": round(line_up / own, 2),
            "fsync_ms": fsync_ms(),
        }
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
