"""Fixtures: engines on databases of their own, and real manager processes to talk to."""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from layout import ROOT
from workflow import Engine, Settings

WAIT_SECONDS = 60


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A database of the test's own, and impatient workers."""
    return Settings(database_url=f"sqlite:///{tmp_path / 'test.db'}", grace_seconds=5)


@pytest.fixture
def engine(settings: Settings) -> Iterator[Engine]:
    with Engine(settings) as made:
        yield made


@pytest.fixture
def make_engine(settings: Settings) -> Iterator[Callable[..., Engine]]:
    """More engines on the same database; keyword arguments change their settings."""
    made: list[Engine] = []

    def make(**changes: object) -> Engine:
        made.append(Engine(replace(settings, **changes)))
        return made[-1]

    yield make
    for each in made:
        each.close()


class Script:
    """A running script of this project, in a folder of its own, whose output can be waited for."""

    def __init__(self, folder: Path, *command: str, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, *command],
            cwd=folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.lines: list[str] = []
        self._new: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._new.put(line.rstrip("\n"))
        self._new.put(None)

    def wait_for(self, text: str) -> str:
        """The next line of the output that contains ``text``."""
        while True:
            line = self._new.get(timeout=WAIT_SECONDS)
            assert line is not None, f"ended without {text!r}:\n" + "\n".join(self.lines)
            self.lines.append(line)
            if text in line:
                return line

    def output(self) -> str:
        """All that it prints until it ends."""
        while (line := self._new.get(timeout=WAIT_SECONDS)) is not None:
            self.lines.append(line)
        return "\n".join(self.lines)

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(WAIT_SECONDS)

    def kill(self) -> None:
        """It, and whatever it has started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(WAIT_SECONDS)
        # Nobody can write to it any more, so the reader comes to its end.
        self._reader.join(WAIT_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()


@pytest.fixture
def script(tmp_path: Path) -> Iterator[Callable[..., Script]]:
    """Starts scripts in the test's own folder, where they find the test's own workflow.db."""
    started: list[Script] = []

    def start(*command: str, **environment: str) -> Script:
        started.append(Script(tmp_path, *command, **environment))
        return started[-1]

    yield start
    for each in started:
        each.kill()


@pytest.fixture
def manager(script: Callable[..., Script]) -> Callable[..., Script]:
    """Starts ``manager.py`` and waits until its workers take messages."""

    def start(*arguments: str, **environment: str) -> Script:
        started = script(str(ROOT / "manager.py"), *arguments, **environment)
        started.wait_for("ready to accept messages")
        return started

    return start


@pytest.fixture
def shared_engine(tmp_path: Path) -> Iterator[Engine]:
    """An engine on the workflow.db that the scripts of the same test use."""
    with Engine(Settings(database_url=f"sqlite:///{tmp_path / 'workflow.db'}")) as made:
        yield made
