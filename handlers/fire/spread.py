"""How a forest fire spreads over terrain in the wind: a cellular automaton.

This file needs NumPy and nothing else, so that it can be copied to a cluster and run there:

    python spread.py INPUT.npz OUTPUT_FOLDER

The model is that of A. Alexandridis, D. Vakalis, C. I. Siettos and G. V. Bafas, "A cellular
automata model for forest fire spread prediction: the case of the wildfire that swept through
Spetses Island in 1990", Applied Mathematics and Computation 204 (2008) 191-201. A cell that burns
sets each of its eight neighbours alight with the probability

    p = p_h * p_w * p_s * p_m                     within one step, and is burnt then,

    p_w = exp(V * (c1 + c2 * (cos(theta) - 1)))   wind of V m/s, theta between wind and spread
    p_s = exp(a * slope)                          slope in degrees, uphill positive

with the paper's constants. It has factors for vegetation, which are 1 here: fuel is taken to be
the same everywhere, and cells without data do not burn. Humidity is not in the paper: p_m is
Rothermel's moisture damping (USDA Forest Service Research Paper INT-115, 1972, eq. 29) over its
value at the moisture for which p_h holds. Moisture is that of fine dead fuel in equilibrium with
the air (A. J. Simard, The moisture content of forest fuels, Canadian Department of Forestry
FF-X-14, 1968).

The paper's fire goes one cell in a step, and a step has no length. Here it is the time that the
head of a fire needs for a cell, at a tenth of the wind's speed (M. G. Cruz and M. E. Alexander,
"The 10% wind speed rule of thumb for estimating a wildfire's forward rate of spread in forests and
shrublands", Annals of Forest Science 76 (2019) 44), and at :data:`CALM_RATE` if that is faster. So
the model tells where a fire goes rather than when: humidity and slope change its shape and the
chance that it goes on, and the speed of its head only in so far as it does not go on.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

P_H = 0.58
WIND_C1 = 0.045  # s/m
WIND_C2 = 0.131  # s/m
SLOPE_A = 0.078  # per degree
HEAD_SHARE = 0.1  # of the wind's speed
CALM_RATE = 0.05  # m/s; an assumption for shrubs and litter
EXTINCTION_MOISTURE = 25.0  # %, at which fine fuel no longer carries a fire
REFERENCE_MOISTURE = 5.0  # %, a dry summer afternoon: where p_h is taken to hold

NODATA = -9999.0
_METRES_PER_DEGREE = 111_320.0
# Rows go south, columns east.
_NEIGHBOURS = [(-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1)]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Values on cells of equal size in degrees; row 0 is the northernmost. No data is NaN."""

    values: Array
    west: float
    south: float
    cell_degrees: float

    @property
    def north(self) -> float:
        return self.south + len(self.values) * self.cell_degrees

    @property
    def east(self) -> float:
        return self.west + int(self.values.shape[1]) * self.cell_degrees

    @property
    def cell_metres(self) -> tuple[float, float]:
        """Height (north-south) and width (east-west) of a cell, at the grid's middle."""
        height = self.cell_degrees * _METRES_PER_DEGREE
        return height, height * float(np.cos(np.radians((self.north + self.south) / 2)))

    def cell_of(self, latitude: float, longitude: float) -> tuple[int, int] | None:
        """Row and column of the cell that holds a place, or None outside the grid."""
        row = int(np.floor((self.north - latitude) / self.cell_degrees))
        column = int(np.floor((longitude - self.west) / self.cell_degrees))
        rows, columns = self.values.shape
        return (row, column) if 0 <= row < rows and 0 <= column < columns else None


def write_ascii(grid: Grid, path: Path, decimals: int = 3) -> None:
    """As an ESRI ASCII grid (Arc/Info ASCIIGRID), in degrees."""
    rows, columns = grid.values.shape
    with path.open("w") as file:
        file.write(
            f"ncols {columns}\nnrows {rows}\n"
            f"xllcorner {grid.west:.8f}\nyllcorner {grid.south:.8f}\n"
            f"cellsize {grid.cell_degrees:.10f}\nNODATA_value {NODATA:g}\n"
        )
        values = np.where(np.isnan(grid.values), NODATA, grid.values)
        np.savetxt(file, values, fmt=f"%.{decimals}f")


def fuel_moisture(temperature_c: Array, humidity_pct: Array) -> Array:
    """Equilibrium moisture of fine dead fuel in percent of its dry weight (Simard 1968)."""
    t = temperature_c * 9.0 / 5.0 + 32.0
    h = humidity_pct
    return np.select(
        [h < 10.0, h <= 50.0],
        [
            0.03229 + 0.281073 * h - 0.000578 * h * t,
            2.22749 + 0.160107 * h - 0.014784 * t,
        ],
        21.0606 + 0.005565 * h**2 - 0.00035 * h * t - 0.483199 * h,
    )


def moisture_factor(moisture: Array) -> Array:
    """p_m: 1 at the reference moisture, 0 at extinction."""
    factor: Array = _damping(moisture) / _damping(np.array(REFERENCE_MOISTURE))
    return factor


def _damping(moisture: Array) -> Array:
    r = np.clip(moisture / EXTINCTION_MOISTURE, 0.0, 1.0)
    # The clip is for what floating point makes of the cubic's 0 at extinction.
    return np.clip(1.0 - 2.59 * r + 5.11 * r**2 - 3.52 * r**3, 0.0, 1.0)


def spread(
    *,
    elevation: Grid,
    wind_east: Array,
    wind_north: Array,
    moisture: Array,
    ignitions: Iterable[tuple[int, int]],
    hours: float,
    seed: int,
) -> Grid:
    """Arrival times in hours since the start, NaN where the fire does not come.

    Args:
        elevation: metres.
        wind_east, wind_north: m/s, towards; shape (n, rows, columns), one for each hour. After the
            last hour, the last one stays.
        moisture: of fine fuel, percent, likewise.
        ignitions: row and column of the cells that burn at the start.
        hours: how long to look ahead.
        seed: the same seed gives the same fire.
    """
    random = np.random.default_rng(seed)
    shape = elevation.values.shape
    uphill = [_slope_factor(elevation, *each) for each in _NEIGHBOURS]
    cell_metres = sum(elevation.cell_metres) / 2.0
    arrival = np.full(shape, np.nan)
    unburnt = ~np.isnan(elevation.values)
    burning = np.zeros(shape, dtype=bool)
    for cell in ignitions:
        burning[cell] = unburnt[cell]
    arrival[burning] = 0.0
    unburnt &= ~burning
    now, hour, step_hours = 0.0, -1, 0.0
    chances: list[Array] = []
    while burning.any():
        if hour != (hour := min(int(now), len(moisture) - 1)):
            east, north, wet = (
                np.asarray(each[hour], dtype=float) for each in (wind_east, wind_north, moisture)
            )
            head = max(CALM_RATE, HEAD_SHARE * float(np.hypot(east, north).mean()))
            step_hours = cell_metres / head / 3600.0
            chances = _chances(elevation, uphill, east, north, wet)
        now += step_hours
        if now > hours:
            break
        # Nothing happens farther than one cell from what burns.
        near = _box_around(burning)
        spared = np.ones(burning[near].shape)
        for each, chance in zip(_NEIGHBOURS, chances, strict=True):
            spared *= 1.0 - np.where(_shifted(burning[near], *each, False), chance[near], 0.0)
        catches = unburnt[near] & (random.random(spared.shape) < 1.0 - spared)
        arrival[near][catches] = now
        unburnt[near] &= ~catches
        burning[:] = False
        burning[near] = catches
    return Grid(
        values=arrival,
        west=elevation.west,
        south=elevation.south,
        cell_degrees=elevation.cell_degrees,
    )


def _chances(
    elevation: Grid, uphill: list[Array], east: Array, north: Array, moisture: Array
) -> list[Array]:
    """p for each cell as the target, by the way that the fire comes."""
    calm = P_H * moisture_factor(moisture)
    return [
        np.minimum(calm * slope * _wind_factor(east, north, elevation, *each), 1.0)
        for slope, each in zip(uphill, _NEIGHBOURS, strict=True)
    ]


def _box_around(burning: npt.NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = (np.flatnonzero(burning.any(axis=axis)) for axis in (1, 0))
    return (
        slice(max(int(rows[0]) - 1, 0), int(rows[-1]) + 2),
        slice(max(int(columns[0]) - 1, 0), int(columns[-1]) + 2),
    )


def _shifted(values: npt.NDArray[Any], down: int, right: int, fill: object) -> npt.NDArray[Any]:
    """What the neighbour of each cell holds from which a fire comes by ``down`` and ``right``."""
    result: npt.NDArray[Any] = np.full_like(values, fill)
    rows, columns = values.shape
    result[max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)] = values[
        max(-down, 0) : rows + min(-down, 0), max(-right, 0) : columns + min(-right, 0)
    ]
    return result


def _slope_factor(elevation: Grid, down: int, right: int) -> Array:
    height, width = elevation.cell_metres
    rise = elevation.values - _shifted(elevation.values, down, right, np.nan)
    degrees = np.degrees(np.arctan(rise / np.hypot(down * height, right * width)))
    factor: Array = np.nan_to_num(np.exp(SLOPE_A * degrees))
    return factor


def _wind_factor(east: Array, north: Array, grid: Grid, down: int, right: int) -> Array:
    height, width = grid.cell_metres
    to_north, to_east = -down * height, right * width
    speed = np.hypot(east, north)
    along = (east * to_east + north * to_north) / np.hypot(to_east, to_north)
    # cos(theta) = along / speed, so speed * (cos(theta) - 1) needs no division.
    factor: Array = np.exp(WIND_C1 * speed + WIND_C2 * (along - speed))
    return factor


def burned_area(arrival: Grid, hours: float) -> list[tuple[int, int, float]]:
    """For each full hour: the hour, the cells burnt by then, and their area in hectares."""
    height, width = arrival.cell_metres
    table = []
    for hour in range(int(hours) + 1):
        cells = int(np.count_nonzero(arrival.values <= hour))
        table.append((hour, cells, cells * height * width / 10_000.0))
    return table


def run(source: Path, folder: Path) -> list[tuple[int, int, float]]:
    """Reads one .npz file; writes ``arrival.asc`` and ``burned_area.csv``; returns the table.

    Each is written aside and renamed: under its name, it is whole.
    """
    with np.load(source) as given:
        elevation = Grid(
            values=given["elevation"],
            west=float(given["west"]),
            south=float(given["south"]),
            cell_degrees=float(given["cell_degrees"]),
        )
        hours = float(given["hours"])
        arrival = spread(
            elevation=elevation,
            wind_east=given["wind_east"],
            wind_north=given["wind_north"],
            moisture=given["moisture"],
            ignitions=[(int(row), int(column)) for row, column in given["ignitions"]],
            hours=hours,
            seed=int(given["seed"]),
        )
    table = burned_area(arrival, hours)
    aside = folder / "arrival.part"
    write_ascii(arrival, aside)
    aside.replace(folder / "arrival.asc")
    lines = [f"{hour},{cells},{hectares:.1f}" for hour, cells, hectares in table]
    aside.write_text("\n".join(["hour,cells,hectares", *lines]) + "\n")
    aside.replace(folder / "burned_area.csv")
    return table


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python spread.py INPUT.npz OUTPUT_FOLDER")
    hour, cells, hectares = run(Path(sys.argv[1]), Path(sys.argv[2]))[-1]
    print(f"after {hour} h: {cells} cells, {hectares:.1f} ha")
