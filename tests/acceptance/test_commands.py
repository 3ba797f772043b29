"""``graph.py`` and ``example.py`` as people use and misuse them."""

import os
import subprocess
import sys

import pytest

from layout import ROOT
from workflow import Engine


@pytest.fixture
def call(tmp_path):
    def run(name, *arguments, **environment):
        return subprocess.run(
            [sys.executable, str(ROOT / name), *arguments],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    return run


@pytest.fixture
def fan_out(shared_engine: Engine):
    """An incident of 10,000 messages in the middle."""

    @shared_engine.handler(queue="split")
    def split(message):
        for n in range(10_000):
            shared_engine.send("work", {"IncidentID": message["IncidentID"], "n": n})

    @shared_engine.handler(queue="work")
    def work(message):
        if message["n"] == 9_999:
            shared_engine.send("join", {"IncidentID": message["IncidentID"]})

    @shared_engine.handler(queue="join")
    def join(message):
        shared_engine.complete(message["IncidentID"])

    incident = shared_engine.create_incident("fan-out", "TEST")
    shared_engine.send("split", {"IncidentID": incident})
    shared_engine.flush()
    shared_engine.execute(until_idle=True)
    return incident


def test_a_fan_out_is_drawn_folded_in_every_format(call, fan_out, tmp_path):
    done = call("graph.py", fan_out)
    assert (done.returncode, done.stdout) == (0, f"{fan_out}.svg\n")
    svg = (tmp_path / f"{fan_out}.svg").read_text()
    assert "x 10,000" in svg
    assert "10,000 messages" in svg
    assert len(svg) < 20_000
    assert call("graph.py", fan_out, "-o", "p.png").returncode == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")
    assert call("graph.py", fan_out, "--format", "dot", "-o", "p").returncode == 0
    assert (tmp_path / "p").read_text().startswith("digraph")
    assert call("graph.py", fan_out, "-o", "p.mmd").returncode == 0
    assert "flowchart LR" in (tmp_path / "p.mmd").read_text()


def test_every_message_unfolds(call, fan_out, tmp_path):
    done = call("graph.py", fan_out, "--every-message", "-o", "all.dot")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "all.dot").read_text().count(" -> ") == 10_002


def test_without_graphviz_it_writes_dot_and_says_how_to_get_the_rest(call, fan_out, tmp_path):
    done = call("graph.py", fan_out, PATH="/nowhere")
    assert (done.returncode, done.stdout) == (0, f"{fan_out}.dot\n")
    assert "apt install graphviz" in done.stderr
    assert (tmp_path / f"{fan_out}.dot").read_text().startswith("digraph")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no-uuid"], "there is no incident 'no-uuid'"),
        (["00000000-0000-7000-8000-000000000000"], "there is no incident"),
        ([], "IncidentID"),
    ],
)
def test_graph_says_what_is_wrong(call, arguments, complaint):
    done = call("graph.py", *arguments)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_graph_says_when_it_cannot_write(call, fan_out):
    done = call("graph.py", fan_out, "-o", "no/such/folder/p.dot")
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


HOTSPOTS = "latitude,longitude,acq_date,acq_time,confidence\n"
FORECAST = "time,wind_speed_ms,wind_direction_deg,temperature_c,relative_humidity_pct\n"


@pytest.mark.parametrize(
    ("option", "text", "complaint"),
    [
        ("--hotspots", None, "file.txt: cannot be read"),
        ("--hotspots", "a,b\n1,2\n", "file.txt, line 1: the column 'latitude' is missing"),
        ("--hotspots", HOTSPOTS, "file.txt: holds no hotspot"),
        ("--hotspots", HOTSPOTS + "36.5,x,2026-08-15,0718,n\n", "line 2: longitude has to be a"),
        ("--hotspots", HOTSPOTS + "96.5,-84,2026-08-15,0718,n\n", "line 2: latitude has to be -90"),
        ("--hotspots", HOTSPOTS + "36.5,-84.2,15/8/26,0718,n\n", "line 2: acq_date has to be a d"),
        ("--hotspots", HOTSPOTS + "36.5,-84.2\n", "line 2: is shorter than the first line"),
        ("--hotspots", HOTSPOTS + "1.5,4.2,2026-08-15,718,n\n", "no hotspot lies on the terrain"),
        (
            "--hotspots",
            HOTSPOTS + "36.5,-84.2,2027-08-15,718,n\n",
            "no hotspot was seen in the 24 hours before",
        ),
        ("--terrain", None, "file.txt: cannot be read"),
        ("--terrain", "hello\n", "line 1: the header of an ESRI ASCII grid has to say ncols"),
        (
            "--terrain",
            "ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n1 2\n3\n",
            "line 7: 2 rows of 2 values",
        ),
        ("--forecast", None, "file.txt: cannot be read"),
        ("--forecast", FORECAST + "2026-08-15T12:00Z,3,400,20,50\n", "line 2: wind_direction_deg"),
        ("--forecast", FORECAST + "2026-08-15T12:00Z,3,40,20,50\n", "and the run needs 2026-08-15"),
        ("--date", "tomorrow", "'tomorrow' is no date and time"),
    ],
)
def test_example_names_what_is_wrong_before_an_incident_starts(
    call, tmp_path, option, text, complaint
):
    if option == "--date":
        done = call("example.py", option, text)
    else:
        if text is not None:
            (tmp_path / "file.txt").write_text(text)
        done = call("example.py", option, "file.txt")
    assert done.returncode in (1, 2)
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()
    assert not (tmp_path / "workflow.db").exists()
