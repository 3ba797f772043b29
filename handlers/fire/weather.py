"""From a forecast for the region to wind and humidity on each cell of the terrain.

The method is that of MicroMet: G. E. Liston and K. Elder, "A meteorological distribution system for
high-resolution terrestrial modeling (MicroMet)", Journal of Hydrometeorology 7 (2006) 217-234.
Ridges and windward slopes get more wind, hollows and lee slopes less (eqs. 13-18), and temperature
and dew point fall with height (eqs. 1-8).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from handlers.fire.inputs import Forecast
from handlers.fire.spread import Array, Grid

Field = npt.NDArray[np.float32]

TEMPERATURE_LAPSE = 0.0065  # K/m, the standard atmosphere's
VAPOUR_COEFFICIENT = 0.00033  # 1/m: MicroMet's value for August (north of the equator)
CURVATURE_METRES = 500.0  # half the wavelength of the terrain's ridges
# Saturation vapour pressure over water, A. L. Buck, J. Appl. Meteorol. 20 (1981) 1527.
_B, _C = 17.502, 240.97


@dataclass(frozen=True, kw_only=True)
class Weather:
    """Arrays of shape (hours, rows, columns): wind in m/s (towards), degrees Celsius, percent."""

    wind_east: Field
    wind_north: Field
    temperature_c: Field
    humidity_pct: Field


def downscale(forecast: list[Forecast], terrain: Grid) -> Weather:
    """One field for each hour of ``forecast``."""
    relief = _Relief.of(terrain)
    hours = [_hour(each, relief) for each in forecast]
    east, north, temperature, humidity = (np.stack(each) for each in zip(*hours, strict=True))
    return Weather(
        wind_east=east, wind_north=north, temperature_c=temperature, humidity_pct=humidity
    )


@dataclass(frozen=True, kw_only=True)
class _Relief:
    """``slope`` in radians, ``aspect`` the azimuth (from north, clockwise) that it faces."""

    above_mean: Array
    slope: Array
    aspect: Array
    curvature: Array

    @staticmethod
    def of(terrain: Grid) -> "_Relief":
        height, width = terrain.cell_metres
        elevation = terrain.values
        south_rise, east_rise = np.gradient(elevation, height, width)
        # Beside cells without data (the sea), the slope is not known: none is assumed.
        slope = np.nan_to_num(np.arctan(np.hypot(south_rise, east_rise)))
        aspect = np.nan_to_num(np.arctan2(-east_rise, south_rise))
        cells = max(1, round(CURVATURE_METRES / ((height + width) / 2)))
        return _Relief(
            above_mean=np.nan_to_num(elevation - np.nanmean(elevation)),
            slope=slope,
            aspect=aspect,
            curvature=_half(_curvature(elevation, cells)),
        )


def _curvature(elevation: Array, cells: int) -> Array:
    """How far a cell rises above those ``cells`` away, the diagonal ones weighted by distance."""
    around = np.pad(elevation, cells, mode="edge")
    rows, columns = elevation.shape
    total = np.zeros_like(elevation)
    for down in (-cells, 0, cells):
        for right in (-cells, 0, cells):
            there = around[
                cells + down : cells + down + rows, cells + right : cells + right + columns
            ]
            weight = np.sqrt(0.5) if down and right else 1.0
            total += weight * np.nan_to_num(elevation - there)
    return total


def _hour(weather: Forecast, relief: _Relief) -> list[Field]:
    """Wind to the east and north, temperature, humidity."""
    direction = np.radians(weather.wind_direction_deg)
    facing = _half(relief.slope * np.cos(direction - relief.aspect))
    speed = weather.wind_speed_ms * (1.0 + 0.5 * facing + 0.5 * relief.curvature)
    turned = direction - 0.5 * facing * np.sin(2.0 * (relief.aspect - direction))
    temperature = weather.temperature_c - TEMPERATURE_LAPSE * relief.above_mean
    of_region = _dew_point(weather.temperature_c, weather.relative_humidity_pct)
    dew_point = of_region - VAPOUR_COEFFICIENT * _C / _B * relief.above_mean
    humidity = 100.0 * np.exp(_vapour(dew_point) - _vapour(temperature))
    fields = (
        -speed * np.sin(turned),
        -speed * np.cos(turned),
        temperature,
        np.clip(humidity, 1.0, 100.0),
    )
    # Single precision, as days of hours on a large grid fill the memory.
    return [each.astype(np.float32) for each in fields]


def _half(values: Array) -> Array:
    """Scaled to lie within -0.5 and 0.5."""
    largest = float(np.abs(values).max())
    return values / (2.0 * largest) if largest > 0 else values


def _vapour(temperature_c: Array) -> Array:
    return _B * temperature_c / (temperature_c + _C)


def _dew_point(temperature_c: float, humidity_pct: float) -> float:
    log = np.log(max(humidity_pct, 1.0) / 100.0) + _B * temperature_c / (temperature_c + _C)
    return float(_C * log / (_B - log))
