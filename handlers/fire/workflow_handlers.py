"""The handlers: one for each box of the workflow's picture.

    weather_data -> weather_simulation -> weather_results -\\
                                        fire_terrain ------> fire_simulation -> fire_results
                                        fire_hotspot -----/

Large data goes through files in the incident's folder; messages say where. Handlers may run more
than once for the same message (a worker may die), so every file is written aside and renamed, and
depends on nothing but the message.
"""

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np

import workflow
from handlers.fire import chart, inputs, spread
from handlers.fire.weather import downscale

Message = dict[str, Any]

# What the simulation waits for, by the handler that sends it.
DEPENDENCIES = {
    "fire_hotspot_handler": "Hotspot",
    "fire_terrain_handler": "Terrain",
    "weather_results_handler": "Weather",
}


@workflow.handler(queue="weather_data", timeout=60)
def weather_data_handler(message: Message) -> None:
    print("In weather data handler")
    path = Path(message["forecast"])
    start = datetime.fromisoformat(message["date"])
    hours = inputs.hours_from(inputs.read_forecast(path), start, message["hours"], path)
    table = [{**asdict(each), "time": each.time.isoformat()} for each in hours]
    workflow.send("weather_simulation", {**message, "table": table})


@workflow.handler(queue="weather_simulation", timeout=600)
def weather_simulation_handler(message: Message) -> None:
    print("In weather simulation handler")
    table = [
        inputs.Forecast(**{**each, "time": datetime.fromisoformat(each["time"])})
        for each in message["table"]
    ]
    weather = downscale(table, _terrain(message))
    target = _folder(message) / "weather.npz"
    _write(target, lambda part: _save(part, **vars(weather)))
    workflow.send("weather_results", {**_basics(message), "weather": str(target)})


@workflow.handler(queue="weather_results", timeout=60)
def weather_results_handler(message: Message) -> None:
    print("In weather results handler")
    with np.load(message["weather"]) as weather:
        moisture = spread.fuel_moisture(weather["temperature_c"], weather["humidity_pct"])
        # Half precision: three digits of a forecast are plenty, in half the space.
        fields = {name: weather[name].astype("f2") for name in ("wind_east", "wind_north")}
        fields["moisture"] = moisture.astype("f2")
    target = _folder(message) / "fire_weather.npz"
    _write(target, lambda part: _save(part, **fields))
    workflow.send("fire_simulation", {**_basics(message), "data": str(target)})


@workflow.handler(queue="fire_hotspot", timeout=60)
def fire_hotspot_handler(message: Message) -> None:
    print("In Fire hotspot handler")
    start = datetime.fromisoformat(message["date"])
    seen = inputs.burning_at(inputs.read_hotspots(Path(message["hotspots"])), start)
    places = [(each.latitude, each.longitude) for each in seen]
    workflow.send("fire_simulation", {**_basics(message), "data": places})


@workflow.handler(queue="fire_terrain", timeout=60)
def fire_terrain_handler(message: Message) -> None:
    print("In Fire terrain handler")
    target = _folder(message) / "terrain.asc"
    terrain = _terrain(message)
    _write(target, lambda part: spread.write_ascii(terrain, part, decimals=1))
    workflow.send("fire_simulation", {**_basics(message), "data": str(target)})


@workflow.atomic
@workflow.handler(queue="fire_simulation", timeout=1800)
def fire_simulation_handler(message: Message) -> None:
    print("In fire simulation handler")
    incident = message["IncidentID"]
    workflow.Persist.Put(incident, {"from": message["originator"], "data": message["data"]})
    there = {each["from"]: each["data"] for each in workflow.Persist.Get(incident)}
    for sender, what in DEPENDENCIES.items():
        if sender in there:
            print(f"   {what} data available")
    if set(there) != set(DEPENDENCIES):
        print("Will do nothing - waiting for data")
        return
    print("Will execute fire simulation locally")
    folder = _folder(message)
    places = there["fire_hotspot_handler"]
    source = folder / "fire_input.npz"
    terrain = inputs.read_terrain(Path(there["fire_terrain_handler"]))
    weather = Path(there["weather_results_handler"])
    _write(source, lambda part: _save_input(part, message, terrain, weather, places))
    table = spread.run(source, folder)
    workflow.send("fire_results", {**_basics(message), "hotspots": places, "area": table[-1]})


@workflow.handler(queue="fire_results", timeout=120)
def fire_results_handler(message: Message) -> None:
    folder = _folder(message)
    hours, _, hectares = message["area"]
    date = datetime.fromisoformat(message["date"]).astimezone(timezone.utc)
    title = f"{hectares:,.0f} ha burnt {hours} h after {date:%Y-%m-%d %H:%M} UTC"
    terrain = inputs.read_terrain(folder / "terrain.asc")
    arrival = inputs.read_terrain(folder / "arrival.asc")
    picture = folder / "fire.png"
    chart.draw(terrain, arrival, message["hotspots"], title, picture)
    summary = {"hours": hours, "hectares": hectares, "map": str(picture)}
    _write(folder / "summary.json", lambda part: part.write_text(json.dumps(summary)))
    print("Simulation results are:")
    print("-" * 80)
    print(f"{title}\n{picture}")
    print("-" * 80)
    workflow.Complete(message["IncidentID"])


def start_incident(
    *,
    terrain: Path | None,
    hotspots: Path,
    forecast: Path,
    date: datetime,
    hours: int,
    seed: int,
    results: Path,
) -> str:
    """Checks the inputs, declares an incident and sends its first three messages; returns its id.

    Raises:
        InputError: an input is missing or malformed; then there is no incident.
        OSError: ``results`` cannot be written; likewise.
    """
    grid = inputs.sample_terrain() if terrain is None else inputs.read_terrain(terrain)
    seen = inputs.burning_at(inputs.read_hotspots(hotspots), date)
    if not seen:
        raise inputs.InputError(
            f"{hotspots}: no hotspot was seen in the {inputs.SEEN_HOURS} hours before "
            f"{date.isoformat()}"
        )
    inputs.ignition_cells([(each.latitude, each.longitude) for each in seen], grid)
    inputs.hours_from(inputs.read_forecast(forecast), date, hours, forecast)
    # Before there is an incident: it would be left without a folder.
    results.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=results):
        pass
    incident = workflow.CreateIncident(name="forest fire", kind="FIRE", incident_date=date)
    folder = results.absolute() / incident
    folder.mkdir()
    message = {
        "IncidentID": incident,
        "terrain": None if terrain is None else str(terrain.absolute()),
        "hotspots": str(hotspots.absolute()),
        "forecast": str(forecast.absolute()),
        "date": date.isoformat(),
        "hours": hours,
        "seed": seed,
        "folder": str(folder),
    }
    for queue in ("weather_data", "fire_hotspot", "fire_terrain"):
        workflow.send(queue, message)
    workflow.FlushMessages()
    return incident


def _basics(message: Message) -> Message:
    return {key: message[key] for key in ("IncidentID", "folder", "date", "hours", "seed")} | {
        "terrain": message.get("terrain")
    }


def _folder(message: Message) -> Path:
    return Path(message["folder"])


def _terrain(message: Message) -> spread.Grid:
    if message["terrain"] is None:
        return inputs.sample_terrain()
    return inputs.read_terrain(Path(message["terrain"]))


def _save_input(
    part: Path,
    message: Message,
    terrain: spread.Grid,
    weather: Path,
    places: list[tuple[float, float]],
) -> None:
    with np.load(weather) as fields:
        _save(
            part,
            elevation=terrain.values,
            west=terrain.west,
            south=terrain.south,
            cell_degrees=terrain.cell_degrees,
            ignitions=inputs.ignition_cells(places, terrain),
            hours=message["hours"],
            seed=message["seed"],
            **fields,
        )


def _save(part: Path, **arrays: Any) -> None:
    # By an open file: given a name, NumPy appends .npz to it.
    with part.open("wb") as file:
        np.savez(file, **arrays)


def _write(target: Path, write: Callable[[Path], object]) -> None:
    """Writes a file aside and renames it, so that nobody ever reads half of it."""
    part = target.with_name(f"{target.name}.{os.getpid()}.part")
    write(part)
    os.replace(part, target)
