"""Figures of field loops: as measured, their odd and even parts, and fits with residuals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import AveragedLoop, FieldWindow, within
from analysis.figure_style import DOWN, FIT, OTHER, TWO_COLUMNS, UP, new_figure
from analysis.loops import CHANNELS, Channel, Loop
from analysis.sample_fit import FittedLoop, fitted_loops
from analysis.stack import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.sample_analysis import SampleAnalysis

PATHS = ("sample", "coil")
PATH_TITLES = {"sample": "ASOT", "coil": "Calibration field"}
CHANNEL_LABELS: dict[Channel, str] = {"rotation": "Kerr rotation", "ellipticity": "Kerr ellipticity"}
FIELD_LABEL = "External field µ₀H (mT)"

_MILLITESLA = 1e3
_MARKERS = "osD^v"
_COLORS = (DOWN, UP, OTHER, "#CC79A7", "#E69F00")


def angle_scale(values: FloatArray) -> tuple[float, str]:
    """Factor and unit in which angles (rad) as large as `values` are read best."""
    largest = float(np.nanmax(np.abs(values), initial=0.0))
    return (1e9, "nrad") if largest < 1e-6 else (1e6, "µrad") if largest < 1e-3 else (1e3, "mrad")


def draw_raw_loops(axes: Axes, loops: Sequence[Loop], title: str) -> None:
    """Draw loops of one channel as the set-up reports them, one colour per polarisation.

    Falling fields are filled, rising ones open; repeats share their colour.
    """
    channel = loops[0].channel
    scale, unit = angle_scale(np.concatenate([part for loop in loops for part in (loop.down, loop.up)]))
    angles = list(dict.fromkeys(loop.polarization for loop in loops))
    labelled: set[float] = set()
    for loop in loops:
        place = angles.index(loop.polarization)
        color, marker = _COLORS[place % len(_COLORS)], _MARKERS[place % len(_MARKERS)]
        label = None if loop.polarization in labelled else f"{math.degrees(loop.polarization):g}°"
        labelled.add(loop.polarization)
        axes.plot(
            loop.field_down * _MILLITESLA, loop.down * scale, marker, ms=2.5, color=color, mec="none", label=label
        )
        axes.plot(
            loop.field_up * _MILLITESLA, loop.up * scale, marker, ms=2.5, color=color, mfc="none", mew=0.6
        )  # fmt: skip
    _label(axes, title, f"{CHANNEL_LABELS[channel]} ({unit})", headroom=0.28)
    axes.legend(loc="upper center", ncols=len(angles))


def draw_loop(axes: Axes, loop: AveragedLoop, fit: FittedLoop, title: str, channel: Channel) -> None:
    """Draw both branches of an averaged loop with its fit."""
    scale, unit = angle_scale(np.abs([loop.even + loop.odd, loop.even - loop.odd]))
    axes.plot(
        loop.field * _MILLITESLA, (loop.even + loop.odd) * scale, "o", color=DOWN, label="field falling", mec="none"
    )
    axes.plot(
        -loop.field * _MILLITESLA, (loop.even - loop.odd) * scale, "s", mfc="none", mec=UP, mew=0.7,
        label="field rising",
    )  # fmt: skip
    for part in (fit.field < 0, fit.field > 0):
        line = (fit.even + fit.odd)[part] * scale
        axes.plot(fit.field[part] * _MILLITESLA, line, color=FIT, label="model" if part[-1] else None)
    _label(axes, title, f"{CHANNEL_LABELS[channel]} ({unit})", headroom=0.18)


def draw_part(
    axes: Axes, residual_axes: Axes, loop: AveragedLoop, fit: FittedLoop, parity: str, window: FieldWindow, title: str
) -> None:
    """Draw the odd or even part of an averaged loop with its fit, and data less model below.

    Fields outside the window, which no fit uses, are grey.
    """
    data, model = (loop.odd, fit.odd) if parity == "odd" else (loop.even, fit.even)
    used = within(loop.field, window)
    scale, unit = angle_scale(data)
    field = loop.field * _MILLITESLA
    axes.plot(field[~used], data[~used] * scale, "o", color="0.65", mec="none")
    axes.plot(field[used], data[used] * scale, "o", color=DOWN if parity == "odd" else UP, mec="none", label="measured")
    for part in (fit.field < 0, fit.field > 0):
        axes.plot(
            fit.field[part] * _MILLITESLA, model[part] * scale, color=FIT, label="model" if part[-1] else None
        )  # fmt: skip
    residuals = data - np.interp(loop.field, fit.field, model)
    fine, fine_unit = angle_scale(residuals[used])
    residual_axes.axhline(0, color="0.7", lw=0.6)
    residual_axes.plot(field[used], residuals[used] * fine, "o", ms=2.2, color=FIT, mec="none")
    span = 1.35 * float(np.max(np.abs(residuals[used]), initial=0.0)) * fine or 1.0
    residual_axes.set_ylim(-span, span)
    axes.tick_params(labelbottom=False)
    axes.set_title(title)
    axes.set_ylabel(f"{parity} ({unit})")
    axes.margins(y=0.15)
    residual_axes.set_ylabel(f"Δ ({fine_unit})")
    residual_axes.set_xlabel(FIELD_LABEL)


def raw_loops_figure(entry: SampleAnalysis) -> Figure:
    """Draw all loops of a sample as measured: a panel for each current path and channel."""
    keys = [(path, channel) for path in PATHS for channel in CHANNELS if (path, channel) in entry.data.loops]
    rows = -(-len(keys) // 2)
    figure = new_figure(TWO_COLUMNS, 4.9 * rows)
    for place, (path, channel) in enumerate(keys, 1):
        loops = entry.data.loops[(path, channel)].loops
        draw_raw_loops(figure.add_subplot(rows, 2, place), loops, f"{PATH_TITLES[path]}, {_amperes(entry, path)}")
    return figure


def parts_figure(entry: SampleAnalysis, path: str) -> Figure:
    """Draw odd and even parts of the averaged loops under one current, with fits and residuals."""
    sample = entry.sample
    fits = fitted_loops(
        entry.data, sample.stack(), sample.film.coercive_field, entry.side, entry.wavelength, entry.window
    )
    figure = new_figure(TWO_COLUMNS, 10.8)
    grid = figure.add_gridspec(4, 2, height_ratios=[2.3, 1, 2.3, 1])
    for row, channel in enumerate(CHANNELS):
        for column, parity in enumerate(("odd", "even")):
            axes = figure.add_subplot(grid[2 * row, column])
            below = figure.add_subplot(grid[2 * row + 1, column], sharex=axes)
            key = (path, channel)
            title = f"{CHANNEL_LABELS[channel]}, {parity} part"
            draw_part(axes, below, entry.data.loops[key], fits[key], parity, entry.window, title)
            if row == column == 0:
                axes.legend(loc="best")
    figure.align_ylabels()
    return figure


def _amperes(entry: SampleAnalysis, path: str) -> str:
    current = entry.data.current if path == "sample" else entry.data.coil_current
    assert current is not None  # a path without runs has no loops
    return f"{current * 1e3:.3g} mA peak"


def _label(axes: Axes, title: str, y_label: str, headroom: float) -> None:
    axes.set_xlabel(FIELD_LABEL)
    axes.set_ylabel(y_label)
    axes.set_title(title)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + headroom * (high - low))
