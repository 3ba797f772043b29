from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from handlers.fire import inputs
from handlers.fire.inputs import InputError
from handlers.fire.spread import write_ascii

HEADER = "ncols 3\nnrows 2\nxllcorner 10\nyllcorner 50\ncellsize 0.001\nNODATA_value -9999\n"
HOTSPOTS = "latitude,longitude,acq_date,acq_time,confidence\n"
NOON = datetime(2026, 8, 15, 12, tzinfo=timezone.utc)


@pytest.fixture
def file(tmp_path):
    def write(text, encoding="utf-8"):
        path = tmp_path / "input.txt"
        path.write_text(text, encoding=encoding)
        return path

    return write


def test_the_sample_terrain_is_where_it_says(tmp_path):
    terrain = inputs.sample_terrain()
    assert terrain.values.shape == (344, 403)
    assert terrain.south < 36.5 < terrain.north
    assert terrain.west < -84.3 < terrain.east
    assert terrain.north == pytest.approx(36.73291667, abs=1e-4)


def test_the_samples_fit_together():
    terrain = inputs.sample_terrain()
    seen = inputs.burning_at(inputs.read_hotspots(inputs.SAMPLE_HOTSPOTS), inputs.SAMPLE_DATE)
    assert len(inputs.ignition_cells([(h.latitude, h.longitude) for h in seen], terrain)) == 3
    forecast = inputs.read_forecast(inputs.SAMPLE_FORECAST)
    hours = inputs.hours_from(forecast, inputs.SAMPLE_DATE, 24, inputs.SAMPLE_FORECAST)
    assert hours[0].time == inputs.SAMPLE_DATE


def test_a_grid_comes_back_as_it_was_written(tmp_path):
    terrain = inputs.sample_terrain()
    terrain.values[3, 4] = np.nan
    write_ascii(terrain, tmp_path / "t.asc", decimals=1)
    again = inputs.read_terrain(tmp_path / "t.asc")
    np.testing.assert_array_equal(again.values, terrain.values)
    assert (again.west, again.south) == pytest.approx((terrain.west, terrain.south))
    assert again.cell_degrees == pytest.approx(terrain.cell_degrees)


def test_rows_go_south_and_columns_east(file):
    terrain = inputs.read_terrain(file(HEADER + "1 2 3\n4 5 -9999\n"))
    assert terrain.cell_of(50.0015, 10.0005) == (0, 0)
    assert terrain.cell_of(50.0005, 10.0025) == (1, 2)
    assert terrain.cell_of(50.0025, 10.0005) is None
    assert np.isnan(terrain.values[1, 2])


@pytest.mark.parametrize(
    "text",
    [
        HEADER.upper().replace("NODATA_VALUE -9999", "nodata_value nan") + "1 2 3\n4 5 nan\n",
        HEADER + "1 2\n3 4 5 -9999",
        HEADER.replace("corner 10", "center 10.0005").replace("corner 50", "center 50.0005")
        + "1 2 3\n4 5 -9999\n",
    ],
    ids=["upper case, nan", "wrapped rows", "centres"],
)
def test_every_usual_form_of_the_format_is_read(file, text):
    terrain = inputs.read_terrain(file(text))
    np.testing.assert_array_equal(terrain.values, [[1, 2, 3], [4, 5, np.nan]])
    assert (terrain.west, terrain.south) == pytest.approx((10, 50))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (HEADER.replace("yllcorner 50\n", "") + "1 2 3\n4 5 6", "has to say yllcorner or yllcen"),
        (HEADER.replace("ncols 3", "ncols 2.5") + "1 2 3\n4 5 6", "ncols has to be a whole number"),
        (HEADER.replace("ncols 3", "ncols x") + "1 2 3\n4 5 6", "line 1: ncols has to be a number"),
        (HEADER.replace("nrows 2", "nrows 1") + "1 2 3", "nrows has to be a whole number of 2"),
        (HEADER + "1 2 3\n4 5 x\n", "line 8: holds something that is no number"),
        (HEADER + "1 2 3\n4 5\n", "line 8: 2 rows of 3 values are announced, which makes 6; 5"),
        (HEADER + "-9999 " * 6, "holds nothing but NODATA"),
        (HEADER.replace("corner 50", "corner 5000000") + "1 2 3\n4 5 6", "gdalwarp -t_srs"),
        (HEADER.replace("0.001", "0.1") + "1 2 3\n4 5 6", "too coarse"),
        (HEADER.replace("0.001", "-1") + "1 2 3\n4 5 6", "cellsize has to be positive"),
        (HEADER.replace("cellsize", "dx") + "1 2 3\n4 5 6", "have to be square"),
    ],
)
def test_a_grid_that_cannot_be_used_is_said_so(file, text, complaint):
    with pytest.raises(InputError, match=complaint):
        inputs.read_terrain(file(text))


def test_firms_files_are_read_as_they_come(file):
    rows = "1.5,2.5,2026-08-15,718,n\n1.5,2.5,2026-08-15,0718,h\n1.5,2.5,2026-08-15,23:59,30\n"
    for encoding in ("utf-8", "utf-8-sig"):
        hotspots = inputs.read_hotspots(file(HOTSPOTS + rows, encoding))
        assert [(each.seen_at.hour, each.seen_at.minute) for each in hotspots] == [
            (7, 18), (7, 18), (23, 59),
        ]  # fmt: skip


@pytest.mark.parametrize("confidence", ["l", "low", "L", "0", "29", "29.5"])
def test_doubtful_hotspots_are_left_out(file, confidence):
    rows = f"1,2,2026-08-15,718,{confidence}\n3,4,2026-08-15,718,nominal\n"
    assert [each.latitude for each in inputs.read_hotspots(file(HOTSPOTS + rows))] == [3]


@pytest.mark.parametrize("clock", ["", "noon", "2575", "12345"])
def test_a_time_that_is_none_is_named(file, clock):
    with pytest.raises(InputError, match="line 2: acq_time has to be hours and minutes"):
        inputs.read_hotspots(file(HOTSPOTS + f"1,2,2026-08-15,{clock},n\n"))


def test_only_hotspots_of_the_last_day_burn():
    ages = [-1, 0, 3, 23, 25, 24 * 365]
    spots = [
        inputs.Hotspot(latitude=age, longitude=0, seen_at=NOON - timedelta(hours=age))
        for age in ages
    ]
    assert [each.latitude for each in inputs.burning_at(spots, NOON)] == [0, 3, 23]


def test_hotspots_where_nothing_can_burn_are_an_error(file):
    terrain = inputs.read_terrain(file(HEADER + "1 2 3\n4 5 -9999\n"))
    assert inputs.ignition_cells([(50.0015, 10.0005), (0, 0)], terrain) == [(0, 0)]
    with pytest.raises(InputError, match="where it has no data"):
        inputs.ignition_cells([(50.0005, 10.0025)], terrain)
    with pytest.raises(InputError, match=r"latitude 50\.000 to 50\.002"):
        inputs.ignition_cells([(0, 0)], terrain)


def hours(*clock):
    return [
        inputs.Forecast(
            time=NOON.replace(hour=hour),
            wind_speed_ms=1,
            wind_direction_deg=1,
            temperature_c=1,
            relative_humidity_pct=1,
        )
        for hour in clock
    ]


@pytest.mark.parametrize(("start", "length"), [(11, 2), (10, 1), (13, 3)])
def test_a_forecast_has_to_cover_the_run(tmp_path, start, length):
    with pytest.raises(InputError, match="and the run needs"):
        inputs.hours_from(hours(12, 13, 14), NOON.replace(hour=start), length, tmp_path)


def test_a_run_that_begins_within_an_hour_takes_that_hours_weather(tmp_path):
    start = NOON + timedelta(minutes=30)
    found = inputs.hours_from(hours(12, 13, 14), start, 2, tmp_path)
    assert [each.time.hour for each in found] == [12, 13, 14]


def test_a_forecast_with_a_gap_is_named(file):
    names = ",".join(inputs.Forecast.__dataclass_fields__)
    text = f"{names}\n2026-08-15T12:00Z,1,1,1,1\n2026-08-15T14:00Z,1,1,1,1\n"
    with pytest.raises(InputError, match="line 3: time has to be one hour after the line before"):
        inputs.read_forecast(file(text))
