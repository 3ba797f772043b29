"""What holds for the package as a whole: how light it is to import, and its layers."""

import subprocess
import sys
from pathlib import Path

import pytest

import workflow
from layout import ROOT

HEAVY = ("sqlalchemy", "alembic", "click", "graphviz", "numpy", "multiprocessing", "sqlite3")


def test_importing_workflow_loads_no_driver_and_opens_nothing(tmp_path):
    code = f"""
import sys, threading, workflow
heavy = [name for name in {HEAVY} if name in sys.modules]
assert not heavy, heavy
assert threading.active_count() == 1
@workflow.handler(queue="q")
def declared(message): ...
assert not [name for name in {HEAVY} if name in sys.modules]
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_imports_point_down():
    pytest.importorskip("importlinter")
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_every_public_name_is_there():
    for name in workflow.__all__:
        assert getattr(workflow, name) is not None


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        workflow.no_such_name  # noqa: B018
