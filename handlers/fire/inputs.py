"""Reads what the workflow starts from: terrain, hotspots, a forecast.

Each reader raises :class:`InputError`, which names the file, the line and what should stand there.
Times without a zone are UTC.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator
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


# A fire that was last seen longer ago is taken to be out.
SEEN_HOURS = 24
# Coarser, and a fire would need hours for a cell, and miss the weather's changes.
LARGEST_CELL_METRES = 500


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
        # NODATA_value may be "nan".
        limit = math.inf if words[0].lower() != "nodata_value" else math.nan
        header[words[0].lower()] = _number(path, number, words[0], words[1], -limit, limit)
    grid = _georeference(path, header)
    rows, columns = (_count(path, header, name, 2) for name in ("nrows", "ncols"))
    values = np.array(list(_values(path, lines, len(header))))
    if values.size != rows * columns:
        raise InputError(
            f"{path}, line {len(lines)}: {rows} rows of {columns} values are announced, which "
            f"makes {rows * columns}; {values.size} are there"
        )
    values = values.reshape(rows, columns)
    values[values == header.get("nodata_value", -9999.0)] = np.nan
    west, south, cell = grid
    if np.isnan(values).all():
        raise InputError(f"{path}: holds nothing but NODATA")
    east, north = west + columns * cell, south + rows * cell
    if west < -360 or east > 360 or south < -90 or north > 90:
        raise InputError(
            f"{path}: the grid has to be in degrees of longitude and latitude (EPSG:4326); this "
            f"one spans {west:g} to {east:g} and {south:g} to "
            f"{north:g}. gdalwarp -t_srs EPSG:4326 converts it"
        )
    terrain = Grid(values=values, west=west, south=south, cell_degrees=cell)
    if max(terrain.cell_metres) > LARGEST_CELL_METRES:
        raise InputError(
            f"{path}: cells of {max(terrain.cell_metres):.0f} m are too coarse for a fire, "
            f"{LARGEST_CELL_METRES} m is the most: gdalwarp -tr 0.001 0.001 makes them finer"
        )
    return terrain


def _georeference(path: Path, header: dict[str, float]) -> tuple[float, float, float]:
    """West, south and cell size; or what the header lacks."""
    if "dx" in header or "dy" in header:
        raise InputError(
            f"{path}: has cells of dx by dy; they have to be square (cellsize): "
            f"gdalwarp -tr 0.001 0.001 makes them so"
        )
    for names in (("ncols",), ("nrows",), ("xllcorner", "xllcenter"), ("yllcorner", "yllcenter"),
                  ("cellsize",)):  # fmt: skip
        if not set(names) & set(header):
            raise InputError(
                f"{path}, line {len(header) + 1}: the header of an ESRI ASCII grid has to say "
                f"{' or '.join(names)}"
            )
    cell = header["cellsize"]
    if not cell > 0:
        raise InputError(f"{path}: cellsize has to be positive, not {cell:g}")
    west = header.get("xllcorner", header.get("xllcenter", 0.0) - cell / 2)
    south = header.get("yllcorner", header.get("yllcenter", 0.0) - cell / 2)
    return west, south, cell


def _count(path: Path, header: dict[str, float], name: str, least: int) -> int:
    value = header[name]
    if not (value >= least and value.is_integer()):
        raise InputError(f"{path}: {name} has to be a whole number of {least} or more")
    return int(value)


def _values(path: Path, lines: list[str], skip: int) -> Iterator[float]:
    """All numbers after the header; the format lets a row go on in the next line."""
    for number, line in enumerate(lines[skip:], skip + 1):
        try:
            yield from map(float, line.split())
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
        if not re.fullmatch("([01][0-9]|2[0-3])[0-5][0-9]", clock) or not row["acq_time"]:
            raise InputError(
                f"{path}, line {number}: acq_time has to be hours and minutes, as in 0718, not "
                f"{row['acq_time']!r}"
            )
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
    try:
        return float(confidence) < 30
    except ValueError:
        return confidence.lower() in ("l", "low")


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
        if table and each.time - table[-1].time != timedelta(hours=1):
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
    try:
        end = start + timedelta(hours=hours)
    except OverflowError:
        raise InputError(
            f"a run of {hours} h from {start.isoformat()} ends after all time"
        ) from None
    covered = [each for each in forecast if start - timedelta(hours=1) < each.time <= end]
    if len(covered) < hours or covered[0].time > start:
        raise InputError(
            f"{path}: covers {forecast[0].time.isoformat()} to {forecast[-1].time.isoformat()}, "
            f"and the run needs {start.isoformat()} to {end.isoformat()}"
        )
    return covered


def burning_at(hotspots: list[Hotspot], start: datetime) -> list[Hotspot]:
    """Those seen in the day before ``start``: earlier ones are out, later ones not yet known."""
    return [
        each for each in hotspots if start - timedelta(hours=SEEN_HOURS) <= each.seen_at <= start
    ]


def ignition_cells(places: Iterable[tuple[float, float]], terrain: Grid) -> list[tuple[int, int]]:
    """The cells in which places (latitude, longitude) lie and that can burn.

    Raises:
        InputError: there is none.
    """
    cells = {terrain.cell_of(*each) for each in places} - {None}
    inside = sorted(cell for cell in cells if cell and not np.isnan(terrain.values[cell]))
    if not inside:
        why = "all that do lie where it has no data" if cells else "it spans other places"
        raise InputError(
            f"no hotspot lies on the terrain: {why}. It goes from latitude {terrain.south:.3f} to "
            f"{terrain.north:.3f} and from longitude {terrain.west:.3f} to {terrain.east:.3f}"
        )
    return inside


def _lines(path: Path) -> list[str]:
    try:
        # Excel begins its files with a byte order mark.
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from None


def _table(path: Path, needed: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Line number and row of a CSV file that has at least the columns ``needed``."""
    reader = csv.DictReader(_lines(path), skipinitialspace=True)
    try:
        missing = [name for name in needed if name not in (reader.fieldnames or ())]
        if missing:
            raise InputError(
                f"{path}, line 1: the column {missing[0]!r} is missing (columns are separated by "
                f"commas)"
            )
        for row in reader:
            if any(row[name] is None for name in needed):
                raise InputError(f"{path}, line {reader.line_num}: is shorter than the first line")
            yield (
                reader.line_num,
                {name: (text or "").strip() for name, text in row.items() if name},
            )
    except csv.Error as error:
        raise InputError(f"{path}, line {reader.line_num}: is no CSV: {error}") from None


def _number(
    path: Path, line: int, name: str, text: str, low: float = -math.inf, high: float = math.inf
) -> float:
    try:
        value = float(text)
    except ValueError:
        raise InputError(f"{path}, line {line}: {name} has to be a number, not {text!r}") from None
    if not (low <= value <= high or math.isnan(low)):
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
