"""The figure of the demonstration: loops of one sample under both currents, and a thickness series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.figure_style import TWO_COLUMNS, new_figure
from analysis.loop_figures import CHANNEL_LABELS, PATH_TITLES, PATHS, draw_loop
from analysis.loops import CHANNELS
from analysis.sample_fit import fitted_loops
from analysis.series_figures import draw_series

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.published_series import PublishedSeries
    from analysis.sample_analysis import SampleAnalysis


def demo_figure(measured: SampleAnalysis, series: PublishedSeries) -> Figure:
    """Loops of one sample under both currents (as Fig. 2 of the paper) and a thickness series (as Fig. 3d)."""
    sample = measured.sample
    fits = fitted_loops(measured.data, sample.stack(), sample.film.coercive_field, measured.side, measured.wavelength)
    figure = new_figure(TWO_COLUMNS, 20.5)
    grid = figure.add_gridspec(3, 2)
    letters = iter("abcd")
    for row, path in enumerate(PATHS):
        for column, channel in enumerate(CHANNELS):
            axes, letter = figure.add_subplot(grid[row, column]), next(letters)
            key = (path, channel)
            title = f"{letter}   {PATH_TITLES[path]}, {CHANNEL_LABELS[channel]}"
            draw_loop(axes, measured.data.loops[key], fits[key], title, channel)
            if letter == "a":
                axes.legend()
    draw_series(
        figure.add_subplot(grid[2, :]), series.thickness, series.angles, series.model_thickness, series.model,
        "e   Measured thickness series, ASOT at 5 × 10¹⁰ A/m², signs as published (polarity −1)",
    )  # fmt: skip
    figure.suptitle(
        f"{sample.name}: efficiency {measured.result.efficiency}      "
        f"measured series: efficiency {series.result.efficiency}",
        fontsize=9,
    )
    return figure
