"""Files that hold results of an analysis: JSON, figures, and whatever text there is."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AsotError
from analysis.loops import CHANNELS

_UNFIT = re.compile(r"[^\w-]+")  # for the name of a file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from analysis.run_analysis import Analysis
    from analysis.sample_analysis import SampleAnalysis


def write_text(path: Path, text: str) -> Path:
    """Write a text file, or write it anew.

    Raises
    ------
    AsotError
        Where it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise AsotError(f"File {path} must be writable; {error.strerror}. Choose another name or folder.") from None
    return path


def write_json(analysis: Analysis, path: Path) -> Path:
    """Write what `asot analyze --json` prints.

    Raises
    ------
    AsotError
        Where it cannot be written.
    """
    return write_text(path, json.dumps(analysis.as_dict(), indent=2) + "\n")


def write_results(analysis: Analysis, folder: Path) -> list[Path]:
    """Write result.json, and a figure (PNG and PDF) of every sample, of the series and of every finding.

    Parameters
    ----------
    analysis
        From `analyze`.
    folder
        Made if need be.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    AsotError
        Where they cannot be written.
    """
    from analysis.figures import save

    figures = [(entry.sample.name, sample_figure(entry)) for entry in analysis.samples]
    figures += [("thickness-series", analysis.series.figure())] if analysis.series is not None else []
    figures += [
        (f"{finding.sample}-{finding.procedure}", finding.figure())
        for finding in analysis.findings
        if finding.curves or finding.maps
    ]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        paths = [write_json(analysis, folder / "result.json")]
        for number, (name, figure) in enumerate(figures, 1):
            paths += save(figure, folder / f"{number:02d}-{_UNFIT.sub('_', name)}")
    except OSError as error:
        raise AsotError(f"Folder {folder} must take the results; {error}. Choose another.") from None
    return paths


def sample_figure(entry: SampleAnalysis) -> Figure:
    """Draw the loops of one sample under both currents with their fits."""
    from analysis.figures import draw_loop, new_figure
    from analysis.sample_fit import fitted_loops

    sample = entry.sample
    fits = fitted_loops(entry.data, sample.stack(), sample.film.coercive_field, entry.side, entry.wavelength)
    figure = new_figure(7.2, 5.8)
    titles = {"sample": "ASOT", "coil": "Calibration field"}
    for place, path in enumerate(titles):
        for column, channel in enumerate(CHANNELS):
            axes = figure.add_subplot(2, 2, 2 * place + column + 1)
            key = path, channel
            title = f"{titles[path]}, {'Kerr rotation' if channel == 'rotation' else 'ellipticity'}"
            draw_loop(axes, entry.data.loops[key], fits[key], title, channel, "abcd"[2 * place + column])
    figure.suptitle(f"{sample.name}: efficiency {entry.result.efficiency}", fontsize=9)
    return figure
