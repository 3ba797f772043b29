"""What ``make demo`` does: workers, an incident, its progress, its pictures.

    python -m handlers.fire.demo

It runs the same three scripts that a user runs, in the current folder. Leaves with 1, and the
reason, when the incident fails or does not go on.
"""

import subprocess
import sys
import threading
from pathlib import Path
from typing import IO

READY = "ready to accept messages"
PATIENCE_SECONDS = 40
START_SECONDS = 50


def main() -> int:
    print("Starting workers: python manager.py -p 2 handlers.fire\n", flush=True)
    manager = subprocess.Popen(
        [sys.executable, "manager.py", "-p", "2", "handlers.fire"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if not _wait_until_ready(manager):
            print("The workers did not start; the reason is above.", file=sys.stderr)
            return 1
        print("Starting an incident: python example.py --watch\n", flush=True)
        incident = _run_example()
    finally:
        manager.terminate()
        manager.wait()
    return 1 if incident is None else _show(incident)


def _wait_until_ready(manager: "subprocess.Popen[str]") -> bool:
    ready = threading.Event()
    ended = threading.Event()

    def echo(output: IO[str]) -> None:
        for line in output:
            print(line, end="", flush=True)
            if READY in line:
                ready.set()
        ended.set()
        ready.set()

    assert manager.stdout is not None
    threading.Thread(target=echo, args=(manager.stdout,), daemon=True).start()
    return ready.wait(START_SECONDS) and not ended.is_set()


def _run_example() -> str | None:
    """The incident, or None when it did not complete."""
    command = [sys.executable, "example.py", "--watch", "--patience", str(PATIENCE_SECONDS)]
    incident = None
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as example:
        assert example.stdout is not None
        for line in example.stdout:
            print(line, end="", flush=True)
            if incident is None and line.startswith("Incident "):
                incident = line.split()[1]
    return incident if example.returncode == 0 else None


def _show(incident: str) -> int:
    folder = Path("results") / incident
    drawn = subprocess.run(
        [sys.executable, "graph.py", incident, "-o", str(folder / "graph.svg")],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if drawn.returncode != 0:
        return 1
    print(
        f"""
What to look at:
  {folder / "fire.png"}
      when the fire arrives where, over the shaded terrain
  {drawn.stdout.strip()}
      the workflow that computed it: handlers, messages, times
  {folder / "burned_area.csv"}, {folder / "arrival.asc"}
      the same as numbers, for other programs
  handlers/fire/workflow_handlers.py
      the handlers themselves

Again with your own data: python manager.py in one terminal, python example.py --help in another.
"""
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
