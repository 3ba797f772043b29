"""``python graph.py``: an incident to a picture."""

from pathlib import Path

import click

from workflow.api import current_engine
from workflow.errors import WorkflowError
from workflow.graph.dot import NoGraphviz, render, to_dot
from workflow.graph.mermaid import to_mermaid
from workflow.graph.picture import Picture, folded, unfolded

FORMATS = ("svg", "png", "dot", "mermaid")
SUFFIXES = {".svg": "svg", ".png": "png", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid"}
HOW_TO_GET_DOT = (
    "Graphviz is not installed, so this is its DOT text, not the picture. Install it "
    "(apt install graphviz, or brew install graphviz) and run this again, or draw it with "
    "--format mermaid, which needs no program"
)


@click.command()
@click.argument("incident", metavar="IncidentID")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to write; by default IncidentID.FORMAT in the current folder.",
)
@click.option(
    "--format",
    type=click.Choice(FORMATS),
    help="By default, what the name of the output says; otherwise svg.",
)
@click.option(
    "--every-message",
    is_flag=True,
    help="Draw each message by itself, instead of one edge with their number.",
)
def main(incident: str, output: Path | None, format: str | None, every_message: bool) -> None:
    """Draw an incident: handlers as nodes, messages as edges, colours for how they fared.

    It may be drawn while it runs.
    """
    format = format or _format_of(output)
    engine = current_engine()
    try:
        found = engine.incident(incident.strip())
        if every_message:
            picture = unfolded(found, engine.steps(found.id))
        else:
            picture = folded(found, engine.edges(found.id))
    except WorkflowError as error:
        raise click.ClickException(str(error)) from None
    path = output or Path(f"{found.id}.{'mmd' if format == 'mermaid' else format}")
    try:
        print(_write(picture, path, format))
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error}") from None


def _format_of(output: Path | None) -> str:
    if output is None or not output.suffix:
        return "svg"
    try:
        return SUFFIXES[output.suffix.lower()]
    except KeyError:
        raise click.BadParameter(
            f"{output.suffix} is not among {', '.join(SUFFIXES)}; or say --format",
            param_hint="--output",
        ) from None


def _write(picture: Picture, path: Path, format: str) -> Path:
    if format == "dot":
        path.write_text(to_dot(picture))
    elif format == "mermaid":
        path.write_text(to_mermaid(picture))
    else:
        try:
            render(picture, path, format)
        except NoGraphviz:
            path = path.with_suffix(".dot")
            path.write_text(to_dot(picture))
            click.echo(HOW_TO_GET_DOT, err=True)
    return path
