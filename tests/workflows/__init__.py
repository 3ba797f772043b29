"""Handler modules that the tests give to manager.py, by their files."""
