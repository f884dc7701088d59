"""Figures of Kerr angles against film thickness (paper, Fig. 3c,d)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.figure_style import DOWN, UP
from analysis.loop_figures import angle_scale
from analysis.stack import ComplexArray, FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NANOMETRE = 1e9
THICKNESS_LABEL = "Film thickness (nm)"


def draw_series(
    axes: Axes,
    thickness: FloatArray,
    angles: ComplexArray,
    model_thickness: FloatArray,
    model: ComplexArray,
    title: str,
    std: ComplexArray | None = None,
) -> None:
    """Draw a thickness series with its model.

    Parameters
    ----------
    axes
        Where to.
    thickness, angles : (films,)
        (m) and complex Kerr angles (rad), rotation + i ellipticity.
    model_thickness, model : (n,)
        The lines.
    title
        What is shown.
    std : (films,), optional
        Complex standard deviations (rad).
    """
    scale, unit = angle_scale(np.abs(angles))
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    parts = (("Kerr rotation", np.real, "s", "-", DOWN), ("ellipticity", np.imag, "o", "--", UP))
    for name, part, marker, line, color in parts:
        errors = None if std is None else part(std) * scale
        axes.errorbar(
            thickness * _NANOMETRE, part(angles) * scale, yerr=errors, fmt=marker, color=color, mec="none", ms=4,
            label=f"{name}, measured",
        )  # fmt: skip
        axes.plot(model_thickness * _NANOMETRE, part(model) * scale, line, color=color, label=f"{name}, model")
    axes.set_xlabel(THICKNESS_LABEL)
    axes.set_ylabel(f"Kerr angle ({unit})")
    axes.set_title(title)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.3 * (high - low))
    axes.legend(ncols=2, loc="upper center")


def draw_series_residuals(
    axes: Axes, thickness: FloatArray, residuals: ComplexArray, std: ComplexArray | None = None
) -> None:
    """Draw what the model leaves of a thickness series; arguments as in `draw_series`."""
    scale, unit = angle_scale(np.abs(residuals))
    axes.axhline(0, color="0.7", lw=0.6, zorder=0)
    for part, marker, color in ((np.real, "s", DOWN), (np.imag, "o", UP)):
        errors = None if std is None else part(std) * scale
        axes.errorbar(
            thickness * _NANOMETRE, part(residuals) * scale, yerr=errors, fmt=marker, color=color, mec="none"
        )  # fmt: skip
    axes.margins(y=0.25)
    axes.set_xlabel(THICKNESS_LABEL)
    axes.set_ylabel(f"Δ ({unit})")
