"""The forest-fire workflow: the same steps and one result, however many workers, whoever dies."""

import json
from collections import Counter

import numpy as np
import pytest

from handlers.fire.inputs import read_terrain
from handlers.fire.spread import Grid, write_ascii
from layout import ROOT, WORKFLOWS
from workflow import MessageStatus
from workflow.progress import follow

KILLED_IN = 7
STEPS = {
    ("weather_data", "example.py"): 1,
    ("fire_hotspot", "example.py"): 1,
    ("fire_terrain", "example.py"): 1,
    ("weather_simulation", "weather_data_handler"): 1,
    ("weather_results", "weather_simulation_handler"): 1,
    ("fire_simulation", "fire_hotspot_handler"): 1,
    ("fire_simulation", "fire_terrain_handler"): 1,
    ("fire_simulation", "weather_results_handler"): 1,
    ("fire_results", "fire_simulation_handler"): 1,
}


@pytest.fixture
def terrain(tmp_path):
    """A few hills around the sample's hotspots; small, so that a run takes a second."""
    rows, columns = np.mgrid[0:40, 0:50]
    grid = Grid(
        values=300 + 60 * np.sin(rows / 6) + 40 * np.cos(columns / 5),
        west=-84.33,
        south=36.545,
        cell_degrees=0.001,
    )
    write_ascii(grid, tmp_path / "hills.asc")
    return "hills.asc"


@pytest.fixture
def start(script, terrain):
    def go(seed):
        started = script(
            str(ROOT / "example.py"), "--terrain", terrain, "--hours", "6", "--seed", str(seed)
        )
        return started.wait_for("Incident").split()[1]

    return go


def check(engine, incident, folder):
    ended = follow(engine, incident, lambda line: None, patience_seconds=100)
    assert (ended.status.value, ended.ended_by) == ("COMPLETE", "fire_results_handler")
    steps = engine.steps(incident)
    assert Counter((step.queue, step.originator) for step in steps) == STEPS
    assert {step.status for step in steps} == {MessageStatus.COMPLETE}
    results = folder / "results" / incident
    assert (results / "fire.png").read_bytes().startswith(b"\x89PNG")
    assert not list(results.glob("*.part"))
    hectares = json.loads((results / "summary.json").read_text())["hectares"]
    table = (results / "burned_area.csv").read_text().splitlines()
    assert float(table[-1].split(",")[2]) == pytest.approx(hectares, abs=0.06)
    arrival = read_terrain(results / "arrival.asc")
    assert np.count_nonzero(~np.isnan(arrival.values)) == int(table[-1].split(",")[1]) > 3
    return arrival.values


def test_one_four_and_eight_workers_do_the_same_steps(manager, start, shared_engine, tmp_path):
    arrivals = []
    for processes in ("1", "4", "8"):
        running = manager("-p", processes, "handlers.fire")
        arrivals.append(check(shared_engine, start(seed=100), tmp_path))
        assert running.stop() == 0
    for other in arrivals[1:]:
        np.testing.assert_array_equal(arrivals[0], other)


def test_a_worker_killed_inside_any_handler_changes_nothing(
    manager, start, shared_engine, tmp_path
):
    manager("-p", "2", str(WORKFLOWS / "deadly_fire.py"))
    for seed in range(KILLED_IN):
        incident = start(seed)
        check(shared_engine, incident, tmp_path)
        assert (tmp_path / "results" / incident / "killed").exists()
