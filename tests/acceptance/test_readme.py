"""The documentation does what it says: its commands run, and nothing public is left out."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import click
import pytest

import example
import workflow
from layout import ROOT
from workflow import Settings
from workflow.commands import graph, manager

README = (ROOT / "README.md").read_text()
DOCS = {path.name: path.read_text() for path in (ROOT / "docs").glob("*.md")}


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def copy(tmp_path):
    """The files of this repository, without what was made of them."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    for name in names:
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, tmp_path / name)
    return tmp_path


def test_readme_is_short():
    assert len(README.splitlines()) <= 150


def test_the_two_commands_are_those_of_the_makefile():
    commands = [line[2:] for line in blocks("console")[0].splitlines()]
    assert commands == ["make demo", "make test"]
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"demo", "test", "check", "help"} <= targets
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_the_demo_runs_and_what_it_shows_is_there(copy):
    stamp = copy / "stamp"
    stamp.touch()
    done = subprocess.run(
        ["make", "demo", f"VENV={sys.prefix}", f"STAMP={stamp}"],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        env={**os.environ, "PYTHONPATH": str(copy)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    shown = re.findall(r"results/[\w./-]+", done.stdout.split("What to look at")[1])
    assert {Path(name).name for name in shown} == {
        "fire.png", "graph.svg", "burned_area.csv", "arrival.asc",
    }  # fmt: skip
    for name in shown:
        assert (copy / name).stat().st_size > 0
    assert "fire_simulation_handler" in next(copy.glob("results/*/graph.svg")).read_text()


def test_the_demo_says_why_it_failed(copy):
    (copy / "handlers" / "fire" / "samples" / "hotspots.csv").write_text("nothing\n")
    done = subprocess.run(
        [sys.executable, "-m", "handlers.fire.demo"],
        cwd=copy, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "the column 'latitude' is missing" in done.stderr
    assert "What to look at" not in done.stdout


def test_the_example_prints_what_the_readme_says(tmp_path):
    (code,) = blocks("python")
    assert len([line for line in code.split("if __name__")[0].splitlines() if line.strip()]) <= 20
    (tmp_path / "area.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "area.py"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert f"$ python area.py\n{done.stdout}" in README


def test_the_example_runs_with_workers_too(manager, script, shared_engine, tmp_path):
    (code,) = blocks("python")
    code = code.replace("    workflow.execute(until_idle=True)\n", "")
    (tmp_path / "area.py").write_text(code)
    running = manager("-p", "4", "area.py")
    script("area.py").output()
    assert running.wait_for("The area is").endswith("67.5")


@pytest.mark.parametrize("name", [name for name in workflow.__all__ if name != "Engine"])
def test_every_public_name_is_documented(name):
    assert re.search(rf"`[^`\n]*\b{re.escape(name)}\b", DOCS["handlers.md"]), name


def test_every_setting_is_documented_with_its_default():
    for setting in fields(Settings):
        variable = setting.metadata["variable"]
        default = f"{setting.default:g}" if isinstance(setting.default, float) else setting.default
        assert f"| `{variable}` | {f'`{default}`' if default else 'unset'} |" in DOCS["settings.md"]
    known = {setting.metadata["variable"] for setting in fields(Settings)}
    assert set(re.findall(r"WORKFLOW_[A-Z_]+", "".join([README, *DOCS.values()]))) <= known


def test_every_option_has_a_help_text():
    for command in (manager.main, graph.main, example.main):
        assert command.help
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help or parameter.show_default, parameter.name


def test_links_lead_somewhere():
    for name, text in {"README.md": README, **{f"docs/{k}": v for k, v in DOCS.items()}}.items():
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert ((ROOT / name).parent / target).exists(), (name, target)


def test_the_diagram_of_incidents_is_the_table_of_transitions():
    diagram = DOCS["design.md"].split("## Incidents")[1].split("```")[1]
    drawn = set(re.findall(r"([A-Z]+) --> ([A-Z]+)", diagram))
    table = {
        (source.value, target.value)
        for source, targets in workflow.model.TRANSITIONS.items()
        for target in targets
    }
    assert drawn | {("PENDING", "ERROR")} == table
