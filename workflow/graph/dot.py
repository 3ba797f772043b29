"""Pictures through Graphviz. The only module that knows it."""

from pathlib import Path

import graphviz

from workflow.graph.picture import Picture, Shape, Tone

_SHAPES = {
    Shape.SCRIPT: {"shape": "ellipse"},
    Shape.HANDLER: {"shape": "box", "style": "rounded,filled"},
    Shape.QUEUE: {"shape": "cds", "style": "filled"},
    Shape.END: {"shape": "box", "style": "filled", "peripheries": "2"},
}
# Fill and line. Told apart by people who see red and green alike (Okabe and Ito's palette).
_COLOURS = {
    Tone.PLAIN: ("#ffffff", "#444444"),
    Tone.DONE: ("#d9f0e6", "#009e73"),
    Tone.UNTOUCHED: ("#eeeeee", "#999999"),
    Tone.OWED: ("#fff3d1", "#e69f00"),
    Tone.RUNNING: ("#dcecf9", "#0072b2"),
    Tone.FAILED: ("#fbe0d5", "#d55e00"),
}


class NoGraphviz(Exception):
    """The ``dot`` program is not on this machine."""


def to_dot(picture: Picture) -> str:
    graph = graphviz.Digraph(
        graph_attr={
            "label": graphviz.escape(picture.title),
            "labelloc": "t",
            "rankdir": "LR",
            "fontname": "Helvetica",
        },
        node_attr={"fontname": "Helvetica", "fontsize": "11"},
        edge_attr={"fontname": "Helvetica", "fontsize": "10"},
    )
    # Names of our own: Graphviz takes a colon in a node's name for a port.
    names = {node.id: f"n{number}" for number, node in enumerate(picture.nodes)}
    for node in picture.nodes:
        fill, line = _COLOURS[node.tone]
        graph.node(
            names[node.id],
            label=graphviz.escape("\n".join(node.lines)),
            fillcolor=fill,
            color=line,
            **_SHAPES[node.shape],
        )
    for arrow in picture.arrows:
        _, line = _COLOURS[arrow.tone]
        graph.edge(
            names[arrow.source],
            names[arrow.target],
            label=graphviz.escape(arrow.label),
            color=line,
        )
    source: str = graph.source
    return source


def render(picture: Picture, path: Path, format: str) -> None:
    """Draws to ``path``, as ``svg`` or ``png``.

    Raises:
        NoGraphviz: ``dot`` is not installed.
    """
    try:
        data = graphviz.Source(to_dot(picture)).pipe(format=format)
    except graphviz.ExecutableNotFound:
        raise NoGraphviz from None
    path.write_bytes(data)
