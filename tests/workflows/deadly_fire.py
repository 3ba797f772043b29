"""The forest-fire workflow on a bad day: each handler kills its worker, once in its life.

The run whose seed is n kills inside the n-th handler, after it has done all its work and before
that is recorded. A file in the incident's folder remembers that it has happened.
"""

import functools
import os
import signal
from pathlib import Path

import workflow

NAMES = (
    "weather_data_handler",
    "weather_simulation_handler",
    "weather_results_handler",
    "fire_hotspot_handler",
    "fire_terrain_handler",
    "fire_simulation_handler",
    "fire_results_handler",
)
_handler = workflow.handler


def deadly_handler(**options):
    def decorate(function):
        @functools.wraps(function)
        def deadly(message):
            function(message)
            if message["seed"] == NAMES.index(function.__name__):
                marker = Path(message["folder"]) / "killed"
                if not marker.exists():
                    marker.touch()
                    print(f"killed in {function.__name__}", flush=True)
                    os.kill(os.getpid(), signal.SIGKILL)

        return _handler(**options)(deadly)

    return decorate


workflow.handler = deadly_handler
try:
    import handlers.fire
finally:
    workflow.handler = _handler

__all__ = ["handlers"]
