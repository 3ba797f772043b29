"""Example workflows, and the place for your own: ``manager.py`` imports every module in here."""
