"""Where things are, for tests that run the project's scripts."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / "tests" / "workflows"
