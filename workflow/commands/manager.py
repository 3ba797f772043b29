"""``python manager.py``: worker processes under a supervisor."""

import logging
import multiprocessing
import os
import signal
import sys
import traceback
from collections.abc import Callable

import click

from workflow.api import current_engine, registry
from workflow.commands.output import survive_broken_pipes
from workflow.errors import ConfigurationError, WorkflowError
from workflow.settings import Settings
from workflow.worker.loading import load_handlers
from workflow.worker.signals import Stoppable, stop_on_signals
from workflow.worker.supervisor import Supervisor, stop_with_parent

MOST_DEFAULT_PROCESSES = 4


@click.command()
@click.option(
    "-p",
    "--processes",
    type=click.IntRange(min=1),
    default=lambda: min(MOST_DEFAULT_PROCESSES, os.cpu_count() or 1),
    show_default=f"the cores of this machine, {MOST_DEFAULT_PROCESSES} at most",
    help="How many worker processes to run.",
)
@click.option(
    "-t",
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="How many handlers each process runs at a time. More than one only for handlers that "
    "are safe to run in threads.",
)
@click.option("-v", "--verbose", is_flag=True, help="Log more.")
@click.argument("modules", nargs=-1, metavar="[HANDLER_MODULES]...")
def main(processes: int, threads: int, verbose: bool, modules: tuple[str, ...]) -> None:
    """Run workers, which handle the messages of every queue that HANDLER_MODULES register.

    A module is named as in an import (handlers.fire) or by its file (handlers/quicksort.py).
    Without any, all modules in the folder "handlers" are taken.

    SIGINT (Ctrl-C) and SIGTERM let running handlers finish; a second one does not wait for them.
    Settings come from the environment; docs/settings.md lists them.
    """
    level = logging.DEBUG if verbose else logging.INFO
    configure_logging(level)
    try:
        settings = Settings.from_environment()
        _load_or_exit(modules)
        engine = current_engine()
        print(f" [*] Opening {engine.database.name}")
        print("Database initialised", flush=True)
        engine.close()
    except WorkflowError as error:
        raise click.ClickException(str(error)) from None
    supervisor = Supervisor(
        run_worker,
        (modules, threads, level),
        processes=processes,
        grace_seconds=settings.grace_seconds,
        on_ready=_say_ready,
    )
    survive_broken_pipes(supervisor.stop)
    supervisor.run()


def run_worker(
    modules: tuple[str, ...], threads: int, level: int, ready: Callable[[], None]
) -> None:
    """One worker process, from its start to its end."""
    configure_logging(level)
    # Handlers print; line by line, also into a file, so that a log shows what happens as it does.
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # A committing thread beside a computing one waits this long for the interpreter, many times in
    # each commit. Python's default is 5 ms.
    sys.setswitchinterval(0.001)
    load_handlers(modules)
    engine = current_engine()
    worker = engine.worker(threads=threads)
    stop_with_parent(worker)
    survive_broken_pipes(lambda: _stop_with_supervisor(worker))
    # The supervisor's word counts. Ctrl-C in a terminal reaches us too, and would be a second one.
    with stop_on_signals(worker, [signal.SIGTERM]):
        worker.run(on_ready=ready)


def _stop_with_supervisor(worker: Stoppable) -> None:
    worker.stop()
    supervisor = multiprocessing.parent_process()
    if supervisor is not None and supervisor.is_alive() and supervisor.pid is not None:
        os.kill(supervisor.pid, signal.SIGTERM)


def configure_logging(level: int) -> None:
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s [%(process)d] %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)


def _load_or_exit(modules: tuple[str, ...]) -> None:
    try:
        names = load_handlers(modules)
    except ConfigurationError:
        raise
    except Exception:  # noqa: BLE001 - whatever a user's module raises is shown as it is
        traceback.print_exc()
        print(
            "\nA handler module failed to import (above); no worker was started.", file=sys.stderr
        )
        sys.exit(1)
    if not len(registry):
        raise ConfigurationError(f"no handler is registered by {', '.join(names) or 'any module'}")


def _say_ready() -> None:
    print("\n [*] Workflow Manager ready to accept messages. To exit press CTRL+C \n", flush=True)
