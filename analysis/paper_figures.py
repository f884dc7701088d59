"""Figures of the paper, drawn from the model, from analysed runs, and from the measured series."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import field_response
from analysis.depth_figures import draw_kernel, draw_scaled_tilt
from analysis.figure_style import DOWN, TWO_COLUMNS, UP, new_figure
from analysis.loop_figures import CHANNEL_LABELS, FIELD_LABEL, PATH_TITLES, angle_scale, draw_loop
from analysis.loops import Channel
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.sample import Sample, series_of_thickness
from analysis.sample_fit import fitted_loops
from analysis.series_figures import draw_series, draw_series_residuals
from analysis.series_file import CALIBRATION_SERIES, read_series
from analysis.stack import ComplexArray, FloatArray, Side, Stack
from analysis.stack_drawing import draw_stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.finding import Finding
    from analysis.published_series import PublishedSeries
    from analysis.sample_analysis import SampleAnalysis
    from analysis.thickness_series import SeriesAnalysis

SIDES: tuple[Side, Side] = ("top", "bottom")
TORQUE = 0.86e-6
"""Torque of the paper (J/m^2) at `CURRENT_DENSITY` at the bottom face of Py."""
CURRENT_DENSITY = 5e10  # A/m^2
CALIBRATION_FIELD = 0.85e-3  # T
_CHANNEL_TITLES = ("Kerr rotation", "Ellipticity")  # of the curves of both sweeps that show the signal itself
_ROWS: tuple[tuple[str, Channel], ...] = (
    ("sample", "rotation"), ("sample", "ellipticity"), ("coil", "rotation"), ("coil", "ellipticity"),
)  # fmt: skip


def figure_1c(sample: Sample) -> Figure:
    """Stack, scaled tilt and depth kernel of the sample of Fig. 1c."""
    stack = sample.stack()
    film = replace(stack.single_film, name=f"{sample.film.material}")
    figure = new_figure(TWO_COLUMNS, 7.0)
    first, second, third = figure.subplots(1, 3, width_ratios=[0.9, 1, 1])
    draw_stack(first, sample)
    draw_scaled_tilt(second, replace(stack, film=film))
    draw_kernel(third, stack)
    return figure


def figure_2_model(sample: Sample, current_density: float) -> Figure:
    """Loops of the model as in Fig. 2c to f: jumps of a film that is saturated on either side of zero field."""

    def draw(axes: Axes, side: Side, path: str, channel: Channel) -> None:
        torque = TORQUE * current_density / CURRENT_DENSITY
        pushes = {
            "sample": {"torque_top": -torque, "torque_bottom": torque},
            "coil": {"calibration_field": CALIBRATION_FIELD},
        }
        stack, positive = sample.stack(), np.linspace(0.1e-3, 50e-3, 60)
        response = field_response(stack, positive, side, DEFAULT_WAVELENGTH, **pushes[path])
        signal = response.real if channel == "rotation" else response.imag
        parity = -1 if path == "sample" else 1
        scale, unit = angle_scale(signal)
        axes.plot(
            np.concatenate([-positive[::-1], positive]) * 1e3,
            np.concatenate([parity * signal[::-1], signal]) * scale,
            color=DOWN if channel == "rotation" else UP,
        )
        axes.set_xlabel(FIELD_LABEL)
        axes.set_ylabel(f"{CHANNEL_LABELS[channel]} ({unit})")
        axes.margins(y=0.15)

    return _loops_grid(draw)


def figure_2(entries: Mapping[Side, SampleAnalysis]) -> Figure:
    """Measured loops as in Fig. 2c to f, light from the top and from below, with the model fitted."""
    fits = {
        side: fitted_loops(entry.data, entry.sample.stack(), entry.sample.film.coercive_field, side, entry.wavelength)
        for side, entry in entries.items()
    }

    def draw(axes: Axes, side: Side, path: str, channel: Channel) -> None:
        draw_loop(axes, entries[side].data.loops[(path, channel)], fits[side][(path, channel)], "", channel)
        if (side, path, channel) == ("top", "sample", "rotation"):
            axes.legend()

    return _loops_grid(draw)


def _loops_grid(draw: Callable[[Axes, Side, str, Channel], None]) -> Figure:
    figure = new_figure(TWO_COLUMNS, 21.0)
    grid = figure.subplots(len(_ROWS), 2)
    for row, (path, channel) in enumerate(_ROWS):
        for column, side in enumerate(SIDES):
            axes = grid[row, column]
            draw(axes, side, path, channel)
            axes.set_title(f"{PATH_TITLES[path]}, light from {'the top' if side == 'top' else 'below'}")
    return figure


def figure_3ab_model(sample: Sample) -> Figure:
    """Signal of the model against current density and angle, as in Fig. 3a and b."""
    stack = sample.stack()
    push = {"torque_top": -TORQUE, "torque_bottom": TORQUE}
    angle = complex(field_response(stack, np.array([50e-3]), "top", DEFAULT_WAVELENGTH, **push)[0])
    figure = new_figure(TWO_COLUMNS, 6.2)
    left, right = figure.subplots(1, 2, sharey=True)
    density, turn = np.linspace(0, CURRENT_DENSITY, 11), np.linspace(0, 360, 181)
    for name, value, line, color in (
        ("Kerr rotation", angle.real, "-", DOWN),
        ("ellipticity", angle.imag, "--", UP),
    ):
        left.plot(density * 1e-10, density / CURRENT_DENSITY * value * 1e9, line, color=color, label=name)
        right.plot(turn, np.cos(np.radians(turn)) * value * 1e9, line, color=color)
    left.set(title="a   Model", xlabel="Current density (10¹⁰ A/m²)", ylabel="Kerr angle (nrad)")
    right.set(title="b   Model", xlabel="Angle between current and magnetisation (degrees)", xticks=range(0, 361, 90))
    left.legend()
    return figure


def figure_3ab(current: Finding, angle: Finding) -> Figure:
    """Signal against current and angle as in Fig. 3a and b, from their sweeps: a row each."""
    curves = [curve for found in (current, angle) for curve in found.curves if curve.title in _CHANNEL_TITLES]
    figure = new_figure(TWO_COLUMNS, 11.4)
    for place, (letter, curve) in enumerate(zip("aabb", curves, strict=True), 1):
        axes = figure.add_subplot(2, 2, place)
        replace(curve, title=f"{letter}   {curve.title}").draw(axes)
    return figure


def figure_3c(sample: Sample, series: SeriesAnalysis | None) -> Figure:
    """Calibration against thickness as in Fig. 3c: model, published data, and films of the simulated bench."""
    published = read_series(CALIBRATION_SERIES)
    fine = np.linspace(4e-9, float(np.max(published.thickness)), 150)
    figure = new_figure(TWO_COLUMNS, 8.0)
    axes = figure.add_subplot()
    title = "c   Calibration field of 0.85 mT; published data with the scale factors of their source (signs turned)"
    draw_series(axes, published.thickness, -published.angles, fine, _calibration(sample, fine), title)
    if series is not None:
        stacks = [entry.sample.stack() for entry in series.entries]
        angles = series.gain * _of_stacks(stacks) * 1e6
        thickness = series.thickness * 1e9
        axes.plot(thickness, angles.real, "s", mfc="none", mec="black", ms=6, label="rotation, simulated bench")
        axes.plot(thickness, angles.imag, "o", mfc="none", mec="black", ms=6, label="ellipticity, simulated bench")
        axes.legend(ncols=3, loc="upper center")
    return figure


def figure_3d(series: PublishedSeries) -> Figure:
    """Measured ASOT series with the model fitted, as in Fig. 3d."""
    figure = new_figure(TWO_COLUMNS, 9.0)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    title = "d   Measured series at 5 × 10¹⁰ A/m², signs as published"
    draw_series(axes, series.thickness, series.angles, series.model_thickness, series.model, title)
    draw_series_residuals(below, series.thickness, series.result.residuals)
    axes.set_xlabel("")
    return figure


def _calibration(sample: Sample, thickness: FloatArray) -> ComplexArray:
    return _of_stacks(series_of_thickness(sample, thickness))


def _of_stacks(stacks: list[Stack]) -> ComplexArray:
    """Kerr angles (films,) (rad) under the calibration field of the paper."""
    field = np.zeros(1)
    responses = [
        field_response(stack, field, "top", DEFAULT_WAVELENGTH, calibration_field=CALIBRATION_FIELD) for stack in stacks
    ]
    return np.array([complex(response[0]) for response in responses])
