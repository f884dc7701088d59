"""All figures of an analysis, in the order of the report, with what they show in words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.budget_figure import budget_figure
from analysis.depth_figures import depth_figure
from analysis.figure_style import publication_style, save
from analysis.loop_figures import PATH_TITLES, PATHS, parts_figure, raw_loops_figure
from analysis.stack_drawing import stack_figure
from analysis.typography import quantity_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.finding import Finding
    from analysis.run_analysis import Analysis
    from analysis.sample import Sample
    from analysis.sample_analysis import SampleAnalysis
    from analysis.thickness_series import SeriesAnalysis


@dataclass(frozen=True)
class ReportFigure:
    """A figure that is drawn when it is needed.

    Attributes
    ----------
    name
        Stem of its files, unique in an analysis.
    caption, alt
        What stands below it, and what is read to those who do not see it.
    draw
        Draws it; called within `publication_style`.
    """

    name: str
    caption: str
    alt: str
    draw: Callable[[], Figure]


def sample_figures(entry: SampleAnalysis, number: int) -> dict[str, ReportFigure]:
    """Figures of one sample by what they show: "stack", "raw", "sample", "coil", "depth", "budget"."""
    sample = entry.sample
    stem, name = f"{number:02d}-{slug(sample.name)}", sample.name
    figures = {
        "stack": ReportFigure(
            f"{stem}-stack",
            f"Layers of {name}, from the substrate up. Heights grow with the thickness, but not in proportion.",
            f"Drawing of the layers of {name} with light from the {entry.side} and current along +x: "
            + ", ".join(layer_words(entry.sample)),
            partial(stack_figure, sample, entry.side, entry.wavelength),
        ),
        "raw": ReportFigure(
            f"{stem}-loops",
            "Loops as the set-up reports them, by polarisation of the light (colour). Filled: field falling from +max; "
            "open: rising. An offset under the ASOT current is the Oersted field off the centre.",
            f"Measured Kerr loops of {name} against the external field, rotation and ellipticity, under both currents",
            partial(raw_loops_figure, entry),
        ),
    }
    meaning = {
        "sample": "The odd part is the torque, the even part the Oersted field.",
        "coil": "The even part is the calibration; an odd part should not be.",
    }
    for path in PATHS:
        if any(key[0] == path for key in entry.data.loops):
            figures[path] = ReportFigure(
                f"{stem}-{'asot' if path == 'sample' else 'calibration'}",
                f"{PATH_TITLES[path]}: odd and even parts in the field, averaged over the polarisations, with the "
                f"model fitted to them and what it leaves (data less model). {meaning[path]} Grey: fields within three "
                "coercive fields, which are not fitted.",
                f"{PATH_TITLES[path]}, {name}: odd and even parts of rotation and ellipticity with fit and residuals",
                partial(parts_figure, entry, path),
            )
    density = quantity_text(entry.current_density, "A/m^2", 3)
    figures["depth"] = ReportFigure(
        f"{stem}-depth",
        f"Left: tilt under the torques found, at the {density} of the runs, and under the calibration field. Middle: "
        "Kerr angle per tilt and depth of this stack. Right: both together, summed from the lit face; the end is the "
        "signal.",
        f"Depth profile of the tilt in {name}, depth kernel of the light, and their product summed over the depth",
        partial(depth_figure, entry),
    )
    if entry.result.systematics:
        figures["budget"] = ReportFigure(
            f"{stem}-budget",
            "Change of the bottom torque when an input of the model grows or shrinks by its standard uncertainty.",
            f"Bar chart of the systematics budget of {name}; the table beside it has the numbers",
            partial(budget_figure, entry.result),
        )
    return figures


def series_figures(series: SeriesAnalysis) -> dict[str, ReportFigure]:
    """Figures of a thickness series: "series" and "budget"."""
    names = ", ".join(entry.sample.name for entry in series.entries)
    figures = {
        "series": ReportFigure(
            "series",
            "Kerr angles of all films, corrected by their calibration, with one pair of torques fitted to all; below: "
            "data less model. Bars are standard deviations from the scatter of the loops.",
            f"Kerr rotation and ellipticity against film thickness for {names}, with model and residuals",
            series.figure,
        )
    }
    if series.result.systematics:
        figures["budget"] = ReportFigure(
            "series-budget",
            "Change of the common bottom torque when an input grows or shrinks by its standard uncertainty.",
            "Bar chart of the systematics budget of the series; the table has the numbers",
            partial(budget_figure, series.result),
        )
    return figures


def finding_figure(finding: Finding, number: int) -> ReportFigure | None:
    """Figure of a finding; None where it has nothing to draw."""
    panels = [*(curve.title for curve in finding.curves), *(panel.title for panel in finding.maps)]
    if not panels:
        return None
    return ReportFigure(
        f"finding-{number:02d}-{slug(finding.procedure)}",
        f"{'; '.join(panels)}.",
        f"{finding.procedure} of {finding.sample}: {'; '.join(panels)}",
        finding.figure,
    )


def analysis_figures(analysis: Analysis) -> Iterator[ReportFigure]:
    """Go through all figures of an analysis."""
    for number, entry in enumerate(analysis.samples, 1):
        yield from sample_figures(entry, number).values()
    if analysis.series is not None:
        yield from series_figures(analysis.series).values()
    for number, finding in enumerate(analysis.findings, 1):
        figure = finding_figure(finding, number)
        if figure is not None:
            yield figure


def write_figures(analysis: Analysis, folder: Path) -> list[Path]:
    """Write all figures of an analysis as SVG, PDF and PNG into `folder`, which is made if need be."""
    paths = []
    with publication_style():
        for figure in analysis_figures(analysis):
            paths += save(figure.draw(), folder / figure.name)
    return paths


def layer_words(sample: Sample) -> list[str]:
    """Layers of a sample from the substrate to the cap, in words."""

    def word(layer: object) -> str:
        material, index = getattr(layer, "material", None), getattr(layer, "index", None)
        thickness = getattr(layer, "thickness", None)
        name = material if material is not None else f"layer of index {complex(index):.4g}"  # type: ignore[arg-type]
        return name if thickness is None else f"{name} {quantity_text(thickness, 'm')}"

    film = f"{sample.film.material} {quantity_text(sample.film.thickness.value, 'm')}"
    return [word(sample.substrate), *map(word, reversed(sample.below)), film, *map(word, sample.above)]


def slug(name: str) -> str:
    """Part of a file name that stands for `name` on every file system."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-") or "unnamed"
