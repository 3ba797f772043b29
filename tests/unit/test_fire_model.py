"""The forest-fire example's physics: each rule by itself, where its outcome can be told."""

from datetime import datetime, timezone

import numpy as np
import pytest

from handlers.fire import spread
from handlers.fire.inputs import Forecast
from handlers.fire.spread import Grid
from handlers.fire.weather import downscale

NOON = datetime(2026, 8, 15, 12, tzinfo=timezone.utc)
SIZE = 61
MIDDLE = (30, 30)


def grid(values):
    return Grid(values=np.asarray(values, dtype=float), west=10.0, south=-0.03, cell_degrees=0.001)


FLAT = grid(np.zeros((SIZE, SIZE)))


def burn(terrain=FLAT, east=0.0, north=0.0, moisture=5.0, hours=6.0, seed=1):
    field = np.ones((1, SIZE, SIZE))
    return spread.spread(
        elevation=terrain,
        wind_east=field * east,
        wind_north=field * north,
        moisture=field * moisture,
        ignitions=[MIDDLE],
        hours=hours,
        seed=seed,
    ).values


def extent(arrival):
    """How far the fire went to the north, east, south and west, in cells."""
    rows, columns = np.nonzero(~np.isnan(arrival))
    return (
        MIDDLE[0] - rows.min(), columns.max() - MIDDLE[1],
        rows.max() - MIDDLE[0], MIDDLE[1] - columns.min(),
    )  # fmt: skip


def mean_extent(**conditions):
    return np.mean([extent(burn(seed=seed, **conditions)) for seed in range(8)], axis=0)


def test_the_same_seed_gives_the_same_fire_and_another_one_another():
    np.testing.assert_array_equal(burn(seed=3), burn(seed=3))
    assert not np.array_equal(burn(seed=3), burn(seed=4), equal_nan=True)


def test_without_wind_and_slope_no_direction_is_preferred():
    far = mean_extent()
    assert far.min() > 5
    assert far.max() / far.min() < 1.3


@pytest.mark.parametrize(("east", "north", "ahead"), [(0, 8, 0), (8, 0, 1), (0, -8, 2), (-8, 0, 3)])
def test_wind_drives_the_fire_along(east, north, ahead):
    far = mean_extent(east=east, north=north, hours=0.9)
    behind = (ahead + 2) % 4
    assert far[ahead] > 2 * far[behind]
    assert far[ahead] == far.max()


def test_more_wind_makes_a_faster_head():
    heads = [mean_extent(east=wind, hours=0.8)[1] for wind in (0.0, 3.0, 6.0)]
    assert heads[0] < heads[1] < heads[2]


def test_uphill_is_easier_than_downhill():
    rising_north = grid(np.arange(SIZE)[::-1, None] * 40.0 * np.ones((1, SIZE)))
    far = mean_extent(terrain=rising_north, hours=12.0)
    assert far[0] > 1.5 * far[2]


def test_wet_fuel_stops_a_fire():
    assert np.count_nonzero(~np.isnan(burn(moisture=40.0))) == 1


def test_what_has_no_data_does_not_burn():
    values = np.zeros((SIZE, SIZE))
    values[:, 35] = np.nan
    arrival = burn(terrain=grid(values), hours=20)
    assert np.isnan(arrival[:, 35:]).all()
    assert extent(arrival)[1] == 4


def test_arrival_times_begin_at_zero_and_do_not_pass_the_end():
    arrival = burn(hours=3.0)
    assert arrival[MIDDLE] == 0
    assert np.nanmax(arrival) <= 3.0


def test_the_table_adds_up():
    arrival = grid([[0.0, 0.5, np.nan], [1.0, 1.5, 3.0]])
    height, width = arrival.cell_metres
    table = spread.burned_area(arrival, 3)
    assert [(hour, cells) for hour, cells, _ in table] == [(0, 1), (1, 3), (2, 4), (3, 5)]
    assert table[-1][2] == pytest.approx(5 * height * width / 1e4)


@pytest.mark.parametrize(
    ("temperature", "humidity", "moisture"),
    # By hand from Simard's three formulas, in degrees Fahrenheit: 86, 68 and 50.
    [(30.0, 5.0, 1.18909), (20.0, 40.0, 7.62646), (10.0, 80.0, 16.62068)],
)
def test_fuel_moisture_is_simards(temperature, humidity, moisture):
    found = spread.fuel_moisture(np.array(temperature), np.array(humidity))
    assert float(found) == pytest.approx(moisture, abs=2e-4)


def test_the_moisture_factor_is_one_at_the_reference_and_falls_to_nothing():
    moistures = np.linspace(0, 40, 100)
    factors = spread.moisture_factor(moistures)
    assert (np.diff(factors) <= 1e-12).all()
    assert float(spread.moisture_factor(np.array(5.0))) == pytest.approx(1.0)
    assert factors[-1] == pytest.approx(0.0, abs=1e-12)


def forecast(wind=5.0, direction=270.0, temperature=25.0, humidity=40.0):
    return Forecast(
        time=NOON,
        wind_speed_ms=wind,
        wind_direction_deg=direction,
        temperature_c=temperature,
        relative_humidity_pct=humidity,
    )


def test_over_flat_land_the_weather_is_the_forecasts():
    weather = downscale([forecast()], FLAT)
    assert np.allclose(weather.wind_east, 5.0)
    assert np.allclose(weather.wind_north, 0.0, atol=1e-5)
    assert np.allclose(weather.temperature_c, 25.0)
    assert np.allclose(weather.humidity_pct, 40.0, atol=0.1)


def hill():
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    return 400.0 * np.exp(-((rows - 30) ** 2 + (columns - 30) ** 2) / 100.0)


def test_the_summit_and_the_windward_side_get_more_wind_than_the_lee():
    speed = np.hypot(*(getattr(downscale([forecast()], grid(hill())), name)[0]
                       for name in ("wind_east", "wind_north")))  # fmt: skip
    assert speed[30, 30] > speed[0, 0]
    assert speed[30, 23] > speed[30, 37]


def test_height_is_cooler():
    weather = downscale([forecast()], grid(hill()))
    rise = hill()[30, 30] - hill()[0, 0]
    fall = weather.temperature_c[0, 0, 0] - weather.temperature_c[0, 30, 30]
    assert fall == pytest.approx(0.0065 * rise, rel=1e-4)


def test_a_coast_makes_no_cliffs():
    """The sea has no data. The wind beside it is that of flat land, not of a precipice."""
    values = np.full((SIZE, SIZE), 300.0)
    values[:, 40:] = np.nan
    weather = downscale([forecast()], grid(values))
    assert np.allclose(weather.wind_east, 5.0)
