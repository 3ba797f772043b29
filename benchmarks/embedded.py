"""The embedded default, measured: one SQLite file, one worker.

    python benchmarks/embedded.py throughput    A sends B, each with a Persist.Put
    python benchmarks/embedded.py log           the same on a log of a million messages
    python benchmarks/embedded.py idle          CPU of an idle worker, and its pick-up time
    python benchmarks/embedded.py import        how long ``import workflow`` takes

Prints one JSON line for each measurement, with the machine's fsync time beside it.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from workflow import Engine, Settings

PAD = "x" * 200
INCIDENTS = 100


def make_engine(folder: Path) -> Engine:
    return Engine(Settings(database_url=f"sqlite:///{folder / 'bench.db'}"))


def add_handlers(engine: Engine) -> None:
    @engine.handler(queue="bench_a")
    def a(message: dict[str, Any]) -> None:
        engine.put(message["IncidentID"], {"n": message["n"]})
        engine.send("bench_b", message)

    @engine.handler(queue="bench_b")
    def b(message: dict[str, Any]) -> None:
        engine.put(message["IncidentID"], {"n": message["n"]})


def load(engine: Engine, n: int) -> float:
    incidents = [engine.create_incident(f"bench {i}", "BENCH") for i in range(INCIDENTS)]
    began = time.perf_counter()
    for i in range(n):
        engine.send("bench_a", {"IncidentID": incidents[i % INCIDENTS], "n": i, "pad": PAD})
        if i % 1000 == 999:
            engine.flush()
    engine.flush()
    return time.perf_counter() - began


def drain(engine: Engine, n: int) -> dict[str, float]:
    """Handles 2n messages in one worker with one thread, and checks that it was exactly those."""
    cpu, began = time.process_time(), time.perf_counter()
    engine.execute(until_idle=True)
    seconds = time.perf_counter() - began
    cpu = time.process_time() - cpu
    return {
        "handled_per_s": round(2 * n / seconds),
        "cpu_us_per_message": round(cpu / (2 * n) * 1e6, 1),
    }


def throughput(n: int) -> None:
    with (
        tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder,
        make_engine(Path(folder)) as engine,
    ):
        add_handlers(engine)
        loading = load(engine, n)
        figures = drain(engine, n)
        report("throughput", n=2 * n, sent_per_s=round(n / loading), **figures)


def grown_log(n: int, logged: int) -> None:
    """The rate on an empty log and on a grown one, in pairs, as machines drift."""
    with tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder:
        grown = Path(folder) / "grown"
        grown.mkdir()
        with make_engine(grown) as engine:
            add_handlers(engine)
            for _ in range(0, logged, 50_000):
                load(engine, 25_000)
                drain(engine, 25_000)
        pairs = []
        for number in range(5):
            empty = Path(folder) / f"empty{number}"
            empty.mkdir()
            rates = []
            for each in (empty, grown):
                with make_engine(each) as engine:
                    add_handlers(engine)
                    load(engine, n)
                    rates.append(drain(engine, n)["handled_per_s"])
            pairs.append(rates)
        ratios = [round(full / empty, 3) for empty, full in pairs]
        report(
            "grown log",
            logged=logged,
            empty_and_grown_per_s=pairs,
            ratios=ratios,
            median_ratio=statistics.median(ratios),
        )


def idle(seconds: float) -> None:
    with (
        tempfile.TemporaryDirectory(dir=".", prefix="bench-") as folder,
        make_engine(Path(folder)) as engine,
    ):
        picked = []
        arrived = threading.Event()

        @engine.handler(queue="bench_ping")
        def ping(message: dict[str, Any]) -> None:
            picked.append(time.time() - message["at"])
            arrived.set()

        # The sender is another connection, as another process is.
        with make_engine(Path(folder)) as sender:
            incident = sender.create_incident("bench", "BENCH")
            worker = engine.worker()
            thread = threading.Thread(target=worker.run)
            thread.start()
            time.sleep(1)
            before = resource.getrusage(resource.RUSAGE_SELF)
            time.sleep(seconds)
            after = resource.getrusage(resource.RUSAGE_SELF)
            for _ in range(100):
                arrived.clear()
                sender.send("bench_ping", {"IncidentID": incident, "at": time.time()})
                sender.flush()
                arrived.wait(10)
                time.sleep(0.03)
            worker.stop()
            thread.join()
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        picked.sort()
        report(
            "idle",
            cpu_percent=round(100 * cpu / seconds, 2),
            pick_up_ms={
                "median": round(statistics.median(picked) * 1e3, 1),
                "p99": round(picked[98] * 1e3, 1),
                "max": round(picked[-1] * 1e3, 1),
            },
        )


def import_time() -> None:
    code = "import time; t = time.perf_counter(); import workflow; print(time.perf_counter() - t)"
    runs = [
        float(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
        for _ in range(7)
    ]
    report("import", median_ms=round(statistics.median(runs) * 1e3), max_ms=round(max(runs) * 1e3))


def fsync_ms() -> float:
    with tempfile.NamedTemporaryFile(dir=".") as file:
        times = []
        for _ in range(50):
            file.write(b"x" * 4096)
            file.flush()
            began = time.perf_counter()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - began)
    return round(statistics.median(times) * 1e3, 2)


def report(name: str, **figures: object) -> None:
    machine = {"cpus": os.cpu_count(), "python": sys.version.split()[0], "fsync_ms": fsync_ms()}
    print(json.dumps({"benchmark": name, **figures, **machine}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=["throughput", "log", "idle", "import"])
    parser.add_argument("-n", type=int, default=20_000, help="messages to A (default: 20000)")
    parser.add_argument("--logged", type=int, default=1_000_000, help="the grown log's messages")
    parser.add_argument(
        "--seconds", type=float, default=10, help="how long to watch an idle worker"
    )
    given = parser.parse_args()
    if given.what == "throughput":
        throughput(given.n)
    elif given.what == "log":
        grown_log(given.n, given.logged)
    elif given.what == "idle":
        idle(given.seconds)
    else:
        import_time()


if __name__ == "__main__":
    main()
