"""Figures over the depth of a film: its tilt, and what the light sees of it (paper, Fig. 1c)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.figure_style import DOWN, FIT, OTHER, TWO_COLUMNS, UP, new_figure
from analysis.loop_figures import angle_scale
from analysis.micromagnetics import tilt_modes, tilt_profile
from analysis.optics import DEFAULT_WAVELENGTH, depth_sensitivity
from analysis.stack import FloatArray, Side, Stack

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.sample_analysis import SampleAnalysis

_CELLS = 160
_NANOMETRE = 1e9
HEIGHT_LABEL = "Height z in the film (nm)"


def cell_heights(stack: Stack, cells: int = _CELLS) -> FloatArray:
    """Heights (cells,) (m) of the middles of equal cells above the bottom face of the film."""
    return (np.arange(cells) + 0.5) / cells * float(np.asarray(stack.single_film.thickness))


def draw_tilt(axes: Axes, stack: Stack, torques: tuple[float, float], calibration_field: float) -> None:
    """Draw the out-of-plane tilt at zero field, for m_x = +1.

    Parameters
    ----------
    axes
        Where to.
    stack
        The sample.
    torques
        (top, bottom) (J/m^2).
    calibration_field
        Out-of-plane field (T) of the calibration.
    """
    film, heights = stack.single_film, cell_heights(stack) * _NANOMETRE
    asot = tilt_profile(film, cells=_CELLS, torque_top=torques[0], torque_bottom=torques[1])
    calibration = tilt_profile(film, cells=_CELLS, calibration_field=calibration_field)
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    axes.plot(heights, asot * 1e6, color=DOWN, label="torques")
    axes.plot(heights, calibration * 1e5, "--", color=UP, label=f"{calibration_field * 1e3:.3g} mT, × 0.1")
    axes.set_title("Tilt out of the plane")
    axes.set_xlabel(HEIGHT_LABEL)
    axes.set_ylabel("$m_z$ (10⁻⁶)")
    _headroom(axes, 0.3)
    axes.legend(loc="upper right")


def draw_kernel(axes: Axes, stack: Stack, side: Side = "top", wavelength: float = DEFAULT_WAVELENGTH) -> None:
    """Draw the depth kernel: Kerr angle per unit of tilt and of depth."""
    heights = cell_heights(stack)
    kernel = depth_sensitivity(stack, _CELLS, wavelength=wavelength, side=side) / (heights[1] - heights[0])
    microradian_per_nanometre = 1e-3
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    for part, line, color, label in (
        (kernel.real, "-", DOWN, "rotation"),
        (kernel.imag, "--", UP, "ellipticity"),
        (np.abs(kernel), ":", FIT, "magnitude"),
    ):
        axes.plot(heights * _NANOMETRE, part * microradian_per_nanometre, line, color=color, label=label)
    axes.set_title(f"Seen by light from the {side}")
    axes.set_xlabel(HEIGHT_LABEL)
    axes.set_ylabel("Kerr angle per $m_z$ and nm (µrad)")
    _headroom(axes, 0.4)
    axes.legend(loc="upper left")


def draw_signal_depth(
    axes: Axes, stack: Stack, torques: tuple[float, float], side: Side = "top", wavelength: float = DEFAULT_WAVELENGTH
) -> None:
    """Draw how the ASOT signal adds up over the depth, counted from the lit face of the film."""
    film = stack.single_film
    tilt = tilt_profile(film, cells=_CELLS, torque_top=torques[0], torque_bottom=torques[1])
    cells = depth_sensitivity(stack, _CELLS, wavelength=wavelength, side=side) * tilt
    inward = cells[::-1] if side == "top" else cells
    summed = np.concatenate([[0], np.cumsum(inward)])
    depth = np.linspace(0, float(np.asarray(film.thickness)), _CELLS + 1) * _NANOMETRE
    scale, unit = angle_scale(np.abs(summed))
    axes.axhline(0, color="0.8", lw=0.6, zorder=0)
    axes.plot(depth, summed.real * scale, color=DOWN, label="rotation")
    axes.plot(depth, summed.imag * scale, "--", color=UP, label="ellipticity")
    axes.set_title("ASOT signal, summed inwards")
    axes.set_xlabel("Depth below the lit face (nm)")
    axes.set_ylabel(f"Kerr angle ({unit})")
    _headroom(axes, 0.3)
    axes.legend(loc="upper right")


def draw_scaled_tilt(axes: Axes, stack: Stack) -> None:
    """Draw the tilt under opposite torques over its largest value, as a picture of the film (paper, Fig. 1c)."""
    film, heights = stack.single_film, cell_heights(stack)
    tilt = tilt_profile(film, cells=_CELLS, torque_top=-1e-6, torque_bottom=1e-6)
    scaled = tilt / np.max(np.abs(tilt))
    thickness = float(np.asarray(film.thickness)) * _NANOMETRE
    mesh = axes.imshow(
        scaled[:, np.newaxis], cmap="RdBu_r", vmin=-1, vmax=1, origin="lower", aspect="auto",
        extent=(-1.3, 1.3, 0, thickness), interpolation="nearest", alpha=0.55,
    )  # fmt: skip
    axes.plot(scaled, heights * _NANOMETRE, color="black", label="surface torques only")
    length = float(np.asarray(tilt_modes(film, 0.0, torque_top=-1.0, torque_bottom=1.0).length)) * _NANOMETRE
    axes.axhline(length, color=OTHER, lw=0.8, ls=":")
    axes.text(-1.22, length + 0.4, f"exchange length {length:.2g} nm", fontsize=7, va="bottom")
    axes.set_xlim(-1.3, 1.3)
    axes.set_xlabel("$m_z$ over its largest value")
    axes.set_ylabel("Height in the film (nm)")
    axes.set_title(f"Tilt in {thickness:g} nm {film.name.split()[0] if film.name else 'film'}")
    axes.figure.colorbar(mesh, ax=axes, ticks=[-1, 0, 1])


def depth_figure(entry: SampleAnalysis) -> Figure:
    """Draw tilt, kernel and how the signal adds up for a sample, at the torques found and the currents of its runs."""
    stack = entry.sample.stack()
    per_density = entry.current_density / entry.result.current_density.value
    torques = (entry.result.torque_top.value * per_density, entry.result.torque_bottom.value * per_density)
    figure = new_figure(TWO_COLUMNS, 6.2)
    first, second, third = figure.subplots(1, 3)
    draw_tilt(first, stack, torques, entry.calibration_field)
    draw_kernel(second, stack, entry.side, entry.wavelength)
    draw_signal_depth(third, stack, torques, entry.side, entry.wavelength)
    return figure


def _headroom(axes: Axes, share: float) -> None:
    """Leave room for the legend."""
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + share * (high - low))
