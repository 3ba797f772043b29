"""An incident as a picture: what happened, folded into nodes and edges, in several formats."""
