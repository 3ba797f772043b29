"""The forest-fire workflow: from hotspots and a forecast to a map of where it will burn."""

from handlers.fire import workflow_handlers

__all__ = ["workflow_handlers"]
