"""Drawing of a sample: its layers, where the light comes from, which way the current runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.figure_style import new_figure
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.stack import Side
from analysis.typography import formula

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from analysis.sample import LayerTable, MediumTable, Sample

_FILM, _METAL, _OXIDE, _SUBSTRATE = "#9FC5E8", "#E8C57A", "#E6E6E6", "#C9D2C3"
_WIDTH = 1.0
_LIGHT = "#B2182B"


@dataclass(frozen=True)
class _Slab:
    """A layer as it is drawn: height, colour, text."""

    height: float
    color: str
    text: str
    magnetic: bool = False


def draw_stack(axes: Axes, sample: Sample, side: Side = "top", wavelength: float = DEFAULT_WAVELENGTH) -> None:
    """Draw the layers of a sample, the light, the current and the axes of the model.

    Heights grow with the thickness, but slower, so that 2 nm and 1 µm fit into one drawing; thicknesses are written.

    Parameters
    ----------
    axes
        Where to; its frame is taken away.
    sample
        The sample.
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    """
    film = sample.film
    text = f"{formula(film.material)}, {_length(film.thickness.value)}"
    slabs = [_Slab(0.75, _SUBSTRATE, f"{_medium(sample.substrate)} substrate")]
    slabs += [_slab(layer) for layer in reversed(sample.below)]
    slabs.append(_Slab(_height(film.thickness.value), _FILM, text, magnetic=True))
    slabs += [_slab(layer) for layer in sample.above]
    bottom, middle = 0.0, 0.0
    for slab in slabs:
        axes.fill_between([0, _WIDTH], bottom, bottom + slab.height, facecolor=slab.color, edgecolor="black", lw=0.5)
        centre = bottom + slab.height / 2
        axes.text(
            _WIDTH + 0.03, centre, slab.text, va="center", fontsize=7, fontweight="bold" if slab.magnetic else "normal"
        )  # fmt: skip
        middle = centre if slab.magnetic else middle
        bottom += slab.height
    arrow: dict[str, Any] = {
        "arrowstyle": "-|>",
        "lw": 1.2,
        "shrinkA": 0,
        "shrinkB": 0,
        "mutation_scale": 8,
        "color": "black",
    }
    axes.annotate("", (0.86, middle), (0.14, middle), arrowprops=arrow)
    axes.text(0.5, middle + 0.05, "current, +x", ha="center", va="bottom", fontsize=7)
    top = bottom + 0.62
    beam = 0.5
    ends = ((beam, bottom + 0.04), (beam, top)) if side == "top" else ((beam, -0.04), (beam, -0.62))
    axes.annotate("", *ends, arrowprops={**arrow, "color": _LIGHT, "lw": 2.0, "mutation_scale": 11})
    light = f"light, {wavelength * 1e9:.4g} nm"
    axes.text(beam + 0.05, (ends[0][1] + ends[1][1]) / 2, light, color=_LIGHT, fontsize=7, va="center")
    axes.annotate("", (-0.12, 1.15), (-0.12, 0.1), arrowprops={**arrow, "lw": 0.9})
    axes.text(-0.16, 0.62, "+z", ha="right", va="center", fontsize=7)
    axes.text(0.03, bottom + 0.2, _medium(sample.ambient), fontsize=7, va="center", color="0.35")
    axes.set_xlim(-0.3, 2.0)
    axes.set_ylim(-0.7 if side == "bottom" else -0.1, top + 0.05 if side == "top" else bottom + 0.4)
    axes.set_axis_off()


def stack_figure(sample: Sample, side: Side = "top", wavelength: float = DEFAULT_WAVELENGTH) -> Figure:
    """Draw a sample in a figure of its own."""
    count = 2 + len(sample.above) + len(sample.below)
    figure = new_figure(8.6, 2.6 + 0.75 * count)
    draw_stack(figure.add_subplot(), sample, side, wavelength)
    return figure


def _height(thickness: float) -> float:
    """Height of a layer in the drawing: a text's for nothing, three for a micrometre."""
    return 0.3 + 0.22 * math.log10(1 + thickness / 1e-9)


def _slab(layer: LayerTable) -> _Slab:
    metal = layer.conductivity > 0 or (layer.index is not None and abs(layer.index.imag) > 1)
    return _Slab(
        _height(layer.thickness), _METAL if metal else _OXIDE, f"{_medium(layer)}, {_length(layer.thickness)}"
    )  # fmt: skip


def _medium(layer: LayerTable | MediumTable) -> str:
    if layer.material is not None:
        return formula(layer.material)
    index = complex(np.asarray(layer.index))
    return f"n = {index.real:.4g}" + (f" + {index.imag:.3g}i" if index.imag else "")


def _length(thickness: float) -> str:
    return f"{thickness * 1e6:.4g} µm" if thickness >= 0.9995e-6 else f"{thickness * 1e9:.4g} nm"
