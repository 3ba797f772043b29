"""Runs workers: ``python manager.py --help``."""

from workflow.commands.manager import main

if __name__ == "__main__":
    main()
