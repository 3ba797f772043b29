"""Starts a forest-fire incident: ``python example.py --help``."""

import sys
from datetime import datetime, timezone
from pathlib import Path

import click

import workflow
from handlers.fire import inputs
from handlers.fire.workflow_handlers import start_incident
from workflow.progress import Stuck, follow

FILE = click.Path(path_type=Path)


@click.command()
@click.option(
    "--hotspots",
    type=FILE,
    default=inputs.SAMPLE_HOTSPOTS,
    help="Active fires, CSV as NASA FIRMS hands them out.",
)
@click.option(
    "--terrain",
    type=FILE,
    help="Elevations in metres, an ESRI ASCII grid in degrees. Default: the hills near Jacksboro, "
    "Tennessee, which matplotlib ships.",
)
@click.option(
    "--forecast",
    type=FILE,
    default=inputs.SAMPLE_FORECAST,
    help="Hourly weather: CSV with time, wind_speed_ms, wind_direction_deg, temperature_c and "
    "relative_humidity_pct.",
)
@click.option(
    "--date",
    default=inputs.SAMPLE_DATE.isoformat(),
    show_default=True,
    help="The start of the run, ISO 8601; UTC unless it says otherwise.",
)
@click.option("--hours", type=click.IntRange(1, 240), default=12, show_default=True)
@click.option("--seed", type=click.IntRange(0, 2**63 - 1), default=1, show_default=True)
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Each incident gets a folder in here.",
)
@click.option("--watch", is_flag=True, help="Follow the incident to its end.")
@click.option(
    "--patience",
    type=click.FloatRange(min=1),
    help="With --watch: give up when nothing has happened for so many seconds.",
)
def main(
    hotspots: Path,
    terrain: Path | None,
    forecast: Path,
    date: str,
    hours: int,
    seed: int,
    results: Path,
    watch: bool,
    patience: float | None,
) -> None:
    """Start a forest-fire incident; the workers of manager.py carry it out.

    Without options it takes the sample inputs in handlers/fire/samples.
    """
    try:
        incident = start_incident(
            terrain=terrain,
            hotspots=hotspots,
            forecast=forecast,
            date=_parse_date(date),
            hours=hours,
            seed=seed,
            results=results,
        )
    except OSError as error:
        raise click.ClickException(f"--results {results} cannot be written: {error}") from None
    except (inputs.InputError, workflow.WorkflowError) as error:
        raise click.ClickException(str(error)) from None
    print(f"Incident {incident}", flush=True)
    if watch:
        sys.exit(_watch(incident, patience))


def _parse_date(text: str) -> datetime:
    try:
        date = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise click.BadParameter(
            f"{text!r} is no date and time; write it as in 2026-08-15T12:00", param_hint="--date"
        ) from None
    return date if date.tzinfo else date.replace(tzinfo=timezone.utc)


def _watch(incident: str, patience: float | None) -> int:
    """Prints what happens until the incident has ended; the exit code to leave with."""
    engine = workflow.current_engine()
    try:
        ended = follow(
            engine, incident, lambda line: print(line, flush=True), patience_seconds=patience
        )
    except Stuck as stuck:
        print(f"Incident {incident} is stuck: {stuck}", file=sys.stderr)
        return 1
    print(f"Incident {incident} is {ended.status.value}. {ended.reason}")
    return 0 if ended.status is workflow.IncidentStatus.COMPLETE else 1


if __name__ == "__main__":
    main()
