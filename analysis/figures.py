"""Figures in the style of the paper: loops under both currents, and the thickness series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import AveragedLoop, SampleData
from analysis.loops import Channel
from analysis.sample_fit import FittedLoop
from analysis.stack import ComplexArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOWN, UP, FIT = "#0072B2", "#D55E00", "#333333"  # Okabe and Ito: told apart by every reader
_TITLES = {
    ("sample", "rotation"): "ASOT, Kerr rotation",
    ("sample", "ellipticity"): "ASOT, ellipticity",
    ("coil", "rotation"): "Calibration field, Kerr rotation",
    ("coil", "ellipticity"): "Calibration field, ellipticity",
}


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of `width` x `height` (inch) that needs no display."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"figure.constrained_layout.use": True}):
        return Figure(figsize=(width, height), layout="constrained")


def draw_loop(axes: Axes, loop: AveragedLoop, fit: FittedLoop, title: str, channel: Channel, letter: str) -> None:
    """Draw both branches of an averaged loop with its fit."""
    largest = float(np.max(np.abs([loop.even + loop.odd, loop.even - loop.odd])))
    scale, unit = (1e9, "nrad") if largest < 1e-6 else (1e6, "µrad")
    millitesla = 1e3
    axes.plot(
        loop.field * millitesla,
        (loop.even + loop.odd) * scale,
        "o",
        ms=3,
        color=DOWN,
        label="field falling",
        mec="none",
    )
    axes.plot(
        -loop.field * millitesla, (loop.even - loop.odd) * scale, "s", ms=3, mfc="none", mec=UP, label="field rising"
    )
    for part in (fit.field < 0, fit.field > 0):
        line = (fit.even + fit.odd)[part] * scale
        axes.plot(fit.field[part] * millitesla, line, color=FIT, lw=1.2, label="model" if part[-1] else None)
    axes.set_xlabel("External field µ₀H (mT)")
    symbol = "Kerr rotation" if channel == "rotation" else "Ellipticity"
    axes.set_ylabel(f"{symbol} ({unit})")
    axes.set_title(f"{letter}   {title}", loc="left", fontsize=9, fontweight="bold")
    axes.margins(y=0.18)


def draw_series(
    axes: Axes,
    thickness: FloatArray,
    angles: ComplexArray,
    model_thickness: FloatArray,
    model: ComplexArray,
    title: str,
) -> None:
    """Draw a thickness series with its fit."""
    nm, nrad = 1e9, 1e9
    axes.axhline(0, color="0.8", lw=0.8)
    axes.plot(thickness * nm, angles.real * nrad, "s", color="black", ms=4.5, label="Kerr rotation, measured")
    axes.plot(model_thickness * nm, model.real * nrad, "-", color="black", lw=1.2, label="Kerr rotation, model")
    axes.plot(thickness * nm, angles.imag * nrad, "o", color=UP, ms=4.5, label="Ellipticity, measured")
    axes.plot(model_thickness * nm, model.imag * nrad, "--", color=UP, lw=1.2, label="Ellipticity, model")
    axes.set_xlabel("Film thickness (nm)")
    axes.set_ylabel("Kerr angle (nrad)")
    axes.set_title(title, loc="left", fontsize=9, fontweight="bold")
    axes.legend(fontsize=7, frameon=False, ncols=2)


def demo_figure(
    data: SampleData,
    fits: dict[tuple[str, Channel], FittedLoop],
    series: tuple[FloatArray, ComplexArray, FloatArray, ComplexArray, float],
    note: str,
) -> Figure:
    """Loops of one sample under both currents (as Fig. 2 of the paper) and a thickness series (as Fig. 3d)."""
    figure = new_figure(7.2, 8.6)
    grid = figure.add_gridspec(3, 2)
    cells = zip("abcd", _TITLES.items(), ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True)
    for letter, (key, title), (row, column) in cells:
        path, channel = key
        axes = figure.add_subplot(grid[row, column])
        which: Channel = "rotation" if channel == "rotation" else "ellipticity"
        draw_loop(axes, data.loops[(path, which)], fits[(path, which)], title, which, letter)
        if letter == "a":
            axes.legend(fontsize=7, frameon=False)
    thickness, angles, fine, model, density = series
    title = f"e   Measured thickness series, ASOT at {density:.3g} A/m², signs as published (polarity −1)"
    draw_series(figure.add_subplot(grid[2, :]), thickness, angles, fine, model, title)
    figure.suptitle(note, fontsize=9)
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write PNG and PDF; the same figure gives the same bytes."""
    paths = [stem.with_suffix(".png"), stem.with_suffix(".pdf")]
    figure.savefig(paths[0], dpi=200, metadata={"Software": None})
    figure.savefig(paths[1], metadata={"CreationDate": None})
    return paths
