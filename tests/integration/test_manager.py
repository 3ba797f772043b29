"""What a person sees of ``python manager.py``."""

import re
import subprocess
import sys

import pytest

from layout import ROOT, WORKFLOWS


def run(folder, *arguments, **environment):
    return subprocess.run(
        [sys.executable, str(ROOT / "manager.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_its_output_begins_as_the_documentation_says(manager):
    running = manager("-p", "1", str(WORKFLOWS / "chain.py"))
    assert running.lines == [
        " [*] Opening sqlite:///workflow.db",
        "Database initialised",
        "",
        " [*] Workflow Manager ready to accept messages. To exit press CTRL+C ",
    ]


def test_a_module_that_fails_to_import_stops_the_start_with_its_traceback(tmp_path):
    (tmp_path / "broken.py").write_text("import workflow\n\nvalue = 1 / 0\n")
    done = run(tmp_path, "broken.py")
    assert done.returncode == 1
    assert 'broken.py", line 3' in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert "no worker was started" in done.stderr
    assert "ready" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["no.such.module"], "no module 'no.such.module'"),
        (["no_such_file.py"], "no file no_such_file.py"),
        (["json"], "no handler is registered by json"),
        (["-p", "0"], "-p"),
    ],
)
def test_arguments_that_cannot_work_are_errors_without_a_traceback(tmp_path, arguments, complaint):
    done = run(tmp_path, *arguments)
    assert done.returncode != 0
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_help_tells_every_option(tmp_path):
    done = run(tmp_path, "--help")
    assert done.returncode == 0
    for word in ("--processes", "--threads", "HANDLER_MODULES", "SIGTERM"):
        assert word in done.stdout


def test_a_worker_that_dies_is_replaced(manager, shared_engine):
    running = manager("-p", "1", str(WORKFLOWS / "holding.py"))
    incident = shared_engine.create_incident("n", "TEST")
    shared_engine.send("hold", {"IncidentID": incident, "n": 2})
    shared_engine.flush()
    first = running.wait_for("holding 2")
    subprocess.run(["kill", "-9", first.split()[-1]], check=True)
    assert re.search(r"was killed by signal 9; a new one starts", running.wait_for("killed"))
    second = running.wait_for("holding 2")
    assert first != second
