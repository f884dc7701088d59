"""The demonstration: a simulated experiment and a measured series, from set-up to spin-orbit torque."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from acquisition.batch import run_batch
from acquisition.progress import Report
from acquisition.states import State
from analysis.demo_figure import demo_figure
from analysis.errors import AnalysisError, AsotError
from analysis.figure_style import publication_style, save
from analysis.published_series import REPORTED_CURRENT_DENSITY, fit_published_series
from analysis.run_analysis import analyze


def demo(
    out: Path,
    report: Report,
    *,
    bench: str = "simulated",
    sample: str = "py32-fused-silica",
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Run the demonstration and return its JSON document.

    Parameters
    ----------
    out
        Folder for run files, figure and results; made if need be.
    report
        Where progress goes.
    bench, sample
        Names or paths of the files.
    settings
        Keys set beside the files: recipe., bench., sample. or twin.

    Raises
    ------
    InputError
        Where files or settings cannot be right.
    AsotError
        Where a run failed or the data do not carry the answer.
    """
    results = run_batch("asot-demo", out, report, bench=bench, sample=sample, settings=settings)
    failed = [result for result in results if result.state is not State.FINISHED]
    if failed:
        raise AsotError(f"Run {failed[0].path} {failed[0].state}: {failed[0].reason}")

    report.step("Analysing the run files alone: odd and even parts, loop fits, ratio to the calibration, budget")
    analysis = analyze([result.path for result in results if result.path], current_density=REPORTED_CURRENT_DENSITY)
    if not analysis.samples:
        raise AnalysisError("; ".join(analysis.warnings))
    measured = analysis.samples[0]
    report.step("Fitting the measured Py thickness series with the same model")
    series = fit_published_series()

    document = {**analysis.as_dict(), "series": series.as_dict()}
    try:
        (out / "result.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        with publication_style():
            figures = save(demo_figure(measured, series), out / "asot-demo")
    except OSError as error:
        raise AsotError(f"Folder {out} must take figure and result; {error}. Choose another with --out.") from None
    report.demo_result(measured, series, analysis.warnings)
    report.step(f"Wrote {len(results)} run files, {', '.join(path.name for path in figures)} and result.json to {out}")
    return document
