"""The map: when the fire arrives where, over shaded terrain."""

import os
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LightSource
from matplotlib.figure import Figure

from handlers.fire.spread import Grid


def draw(
    terrain: Grid, arrival: Grid, ignitions: list[tuple[float, float]], title: str, path: Path
) -> None:
    """Writes a PNG. ``ignitions`` are latitudes and longitudes."""
    height, width = terrain.cell_metres
    light = LightSource(azdeg=315, altdeg=45)
    filled = np.nan_to_num(terrain.values, nan=float(np.nanmin(terrain.values)))
    shade = light.hillshade(filled, vert_exag=2, dx=width, dy=height)
    box = (terrain.west, terrain.east, terrain.south, terrain.north)
    # Not pyplot: that keeps figures in a global, and handlers may run in threads.
    figure = Figure(figsize=(9, 7.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.imshow(shade, extent=box, cmap="gray", vmin=0, vmax=1.1)
    burnt = axes.imshow(arrival.values, extent=box, cmap="inferno", alpha=0.75)
    axes.plot(
        [longitude for _, longitude in ignitions],
        [latitude for latitude, _ in ignitions],
        "c^",
        markeredgecolor="black",
        label="hotspots",
    )
    axes.set_aspect(height / width)
    axes.set(title=title, xlabel="longitude (degrees)", ylabel="latitude (degrees)")
    axes.legend(loc="upper right")
    figure.colorbar(burnt, ax=axes, label="arrival of the fire (hours after start)", shrink=0.8)
    # Written aside and renamed: nobody sees half a picture.
    aside = path.with_suffix(".part")
    figure.savefig(aside, format="png", dpi=110)
    os.replace(aside, path)
