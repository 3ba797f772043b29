"""Reads what the workflow starts from: terrain, hotspots, a forecast.

Each reader raises :class:`InputError`, which names the file, the line and what should stand there.
Times without a zone are UTC.
"""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import matplotlib.cbook
import numpy as np

from handlers.fire.spread import Grid

SAMPLES = Path(__file__).parent / "samples"
SAMPLE_HOTSPOTS = SAMPLES / "hotspots.csv"
SAMPLE_FORECAST = SAMPLES / "forecast.csv"
SAMPLE_DATE = datetime(2026, 8, 15, 12, tzinfo=timezone.utc)


class InputError(ValueError):
    """An input file that is not there or not as it has to be."""


@dataclass(frozen=True, kw_only=True)
class Hotspot:
    """A place that a satellite saw burning."""

    latitude: float
    longitude: float
    seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """The weather of one hour. The wind's direction is where it comes from, in degrees."""

    time: datetime
    wind_speed_ms: float
    wind_direction_deg: float
    temperature_c: float
    relative_humidity_pct: float


def sample_terrain() -> Grid:
    """Jacksboro, Tennessee: the elevation model that matplotlib ships (USGS, 3 arc seconds)."""
    # np.load would do, but where the file lies is matplotlib's affair.
    data: Any = matplotlib.cbook.get_sample_data("jacksboro_fault_dem.npz")
    with data:
        return Grid(
            values=data["elevation"].astype(float),
            west=float(data["xmin"]),
            # What the file calls ymin is its northern edge.
            south=min(float(data["ymin"]), float(data["ymax"])),
            cell_degrees=float(data["dx"]),
        )


def read_terrain(path: Path) -> Grid:
    """An ESRI ASCII grid of elevations in metres, on cells in degrees (EPSG:4326)."""
    lines = _lines(path)
    header: dict[str, float] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if len(words) != 2 or not words[0][0].isalpha():
            break
        header[words[0].lower()] = _number(path, number, words[0], words[1])
    missing = {"ncols", "nrows", "cellsize"} - set(header)
    if missing or not ({"xllcorner", "xllcenter"} & set(header)):
        raise InputError(
            f"{path}, line {len(header) + 1}: the header of an ESRI ASCII grid has to say ncols, "
            f"nrows, xllcorner, yllcorner and cellsize"
        )
    cell = header["cellsize"]
    half = cell / 2
    west = header.get("xllcorner", header.get("xllcenter", 0.0) - half)
    south = header.get("yllcorner", header.get("yllcenter", 0.0) - half)
    columns, rows = int(header["ncols"]), int(header["nrows"])
    values = np.array(list(_rows(path, lines, len(header), columns)))
    if values.shape != (rows, columns):
        raise InputError(
            f"{path}, line {len(header) + 1 + len(values)}: {rows} rows are announced, and "
            f"{len(values)} are there"
        )
    if not (-360 <= west <= 360 and -90 <= south <= 90 and 0 < cell < 10):
        raise InputError(
            f"{path}: the grid has to be in degrees of longitude and latitude (EPSG:4326); "
            f"this one begins at {west:g}, {south:g} with cells of {cell:g}. "
            f"gdalwarp -t_srs EPSG:4326 converts it"
        )
    values[values == header.get("nodata_value", -9999.0)] = np.nan
    return Grid(values=values, west=west, south=south, cell_degrees=cell)


def _rows(path: Path, lines: list[str], skip: int, columns: int) -> Iterator[list[float]]:
    for number, line in enumerate(lines[skip:], skip + 1):
        words = line.split()
        if not words:
            continue
        if len(words) != columns:
            raise InputError(f"{path}, line {number}: {columns} values are due, not {len(words)}")
        try:
            yield [float(word) for word in words]
        except ValueError:
            raise InputError(f"{path}, line {number}: holds something that is no number") from None


def read_hotspots(path: Path) -> list[Hotspot]:
    """Active fires as NASA FIRMS hands them out (MODIS or VIIRS, CSV).

    https://www.earthdata.nasa.gov/data/tools/firms/faq names the columns. Detections of low
    confidence ("l", or below 30 of 100) are left out.
    """
    hotspots = []
    needed = ("latitude", "longitude", "acq_date", "acq_time")
    for number, row in _table(path, needed):
        if _is_doubtful(row.get("confidence", "")):
            continue
        clock = row["acq_time"].replace(":", "").zfill(4)
        seen_at = _moment(path, number, "acq_date", f"{row['acq_date']}T{clock[:2]}:{clock[2:]}")
        hotspots.append(
            Hotspot(
                latitude=_number(path, number, "latitude", row["latitude"], -90, 90),
                longitude=_number(path, number, "longitude", row["longitude"], -180, 180),
                seen_at=seen_at,
            )
        )
    if not hotspots:
        raise InputError(f"{path}: holds no hotspot of at least nominal confidence")
    return hotspots


def _is_doubtful(confidence: str) -> bool:
    return confidence.lower() in ("l", "low") or (confidence.isdigit() and int(confidence) < 30)


def read_forecast(path: Path) -> list[Forecast]:
    """A table of hourly weather, oldest first, with the columns of :class:`Forecast`."""
    names = tuple(Forecast.__dataclass_fields__)
    table: list[Forecast] = []
    for number, row in _table(path, names):
        each = Forecast(
            time=_moment(path, number, "time", row["time"]),
            wind_speed_ms=_number(path, number, names[1], row[names[1]], 0, 150),
            wind_direction_deg=_number(path, number, names[2], row[names[2]], 0, 360),
            temperature_c=_number(path, number, names[3], row[names[3]], -90, 60),
            relative_humidity_pct=_number(path, number, names[4], row[names[4]], 0, 100),
        )
        if table and each.time != table[-1].time + timedelta(hours=1):
            raise InputError(
                f"{path}, line {number}: time has to be one hour after the line before, "
                f"{table[-1].time.isoformat()}"
            )
        table.append(each)
    if not table:
        raise InputError(f"{path}: holds no hour of weather")
    return table


def hours_from(forecast: list[Forecast], start: datetime, hours: int, path: Path) -> list[Forecast]:
    """The hours that a run needs.

    Raises:
        InputError: the forecast does not cover them.
    """
    end = start + timedelta(hours=hours)
    covered = [each for each in forecast if start - timedelta(hours=1) < each.time <= end]
    if len(covered) < hours:
        raise InputError(
            f"{path}: covers {forecast[0].time.isoformat()} to {forecast[-1].time.isoformat()}, "
            f"and the run needs {start.isoformat()} to {end.isoformat()}"
        )
    return covered


def ignition_cells(hotspots: list[Hotspot], terrain: Grid) -> list[tuple[int, int]]:
    """The cells in which hotspots lie.

    Raises:
        InputError: none lies on the terrain.
    """
    cells = {terrain.cell_of(each.latitude, each.longitude) for each in hotspots} - {None}
    if not cells:
        raise InputError(
            f"none of the {len(hotspots)} hotspots lies on the terrain, which spans latitude "
            f"{terrain.south:.3f} to {terrain.north:.3f} and longitude {terrain.west:.3f} to "
            f"{terrain.east:.3f}"
        )
    return sorted(cell for cell in cells if cell is not None)


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _table(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and row of a CSV file that has at least the columns ``needed``."""
    reader = csv.DictReader(_lines(path))
    missing = [name for name in needed if name not in (reader.fieldnames or ())]
    if missing:
        raise InputError(f"{path}, line 1: the column {missing[0]!r} is missing")
    for row in reader:
        if any(row[name] is None for name in needed):
            raise InputError(f"{path}, line {reader.line_num}: is shorter than the first line")
        yield reader.line_num, {name: (text or "") for name, text in row.items() if name}


def _number(
    path: Path, line: int, name: str, text: str, low: float = -math.inf, high: float = math.inf
) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{path}, line {line}: {name} has to be a number, not {text!r}") from None
    if not low <= value <= high:
        raise InputError(f"{path}, line {line}: {name} has to be {low:g} to {high:g}, not {text}")
    return value


def _moment(path: Path, line: int, name: str, text: str) -> datetime:
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise InputError(
            f"{path}, line {line}: {name} has to be a date and time as in 2026-08-15T12:00, "
            f"not {text!r}"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
