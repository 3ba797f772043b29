"""Draws an incident: ``python graph.py --help``."""

from workflow.commands.graph import main

if __name__ == "__main__":
    main()
