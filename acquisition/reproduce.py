"""Figures and measured numbers of the paper, again: from the model, the simulated bench, and the measured series."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.progress import Report
from acquisition.reproduction_runs import MATERIALS, experiments, measure
from analysis.errors import AnalysisError
from analysis.figure_style import publication_style, save
from analysis.finding import Finding
from analysis.loops import CHANNELS
from analysis.micromagnetics import exchange_length
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.page import write_page
from analysis.paper_figures import (
    CURRENT_DENSITY,
    figure_1c,
    figure_2,
    figure_2_model,
    figure_3ab,
    figure_3ab_model,
    figure_3c,
    figure_3d,
)  # fmt: skip
from analysis.published import Comparison, Origin, comparison_csv, published_values
from analysis.published_series import PublishedSeries, fit_published_series
from analysis.report_figures import ReportFigure
from analysis.reproduction_page import reproduction_html
from analysis.result import Estimate
from analysis.run_analysis import Analysis, analyze
from analysis.run_groups import run_files
from analysis.run_sources import run_sources
from analysis.sample import Sample, read_sample
from analysis.sample_analysis import SampleAnalysis
from analysis.thickness_series import SeriesAnalysis
from analysis.torque import spin_torque_efficiency, torque_conductivity

TWIN: Origin = "simulated bench"
_TORQUES = ("torque_bottom", "efficiency", "torque_conductivity")


@dataclass
class Reproduction:
    """What was found, and the figures that show it."""

    comparisons: list[Comparison] = field(default_factory=list)
    figures: list[ReportFigure] = field(default_factory=list)
    folders: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def compare(self, figure: str, name: str, found: Estimate | None, origin: Origin, note: str = "") -> None:
        """Set a result beside the published value called `name`."""
        if found is not None:
            self.comparisons.append(Comparison(figure, published_values()[name], found, origin, note))


def reproduce(out: Path, report: Report, *, quick: bool) -> dict[str, Any]:
    """Make the paper's figures and numbers, write page, figures, CSV and JSON to `out`, and return the JSON document.

    Parameters
    ----------
    out
        Folder for what is written; made if need be.
    report
        Where progress goes.
    quick
        Use the model and the measured series alone, without a bench.

    Raises
    ------
    AsotError
        Where a run failed, data do not carry the answer, or files cannot be written.
    """
    done = Reproduction()
    sample, _ = read_sample("py32-fused-silica")
    silicon, _ = read_sample("py-series-silicon")
    report.step("Fitting the measured Py thickness series")
    series = fit_published_series()
    _from_measured_series(done, series)
    done.figures.append(_figure("fig-1c", "Fig. 1c: stack, tilt over its largest value, and what the light sees.",
                                partial(figure_1c, sample)))  # fmt: skip
    if quick:
        _from_model(done, sample, silicon)
    else:
        _from_bench(done, out, report, silicon)
    done.figures.append(
        _figure("fig-3d", "Fig. 3d: the measured series, one pair of torques fitted; below: data less model.",
                partial(figure_3d, series))
    )  # fmt: skip
    _constants(done, sample)
    document = {
        "quick": quick,
        "comparisons": [row.as_dict() for row in done.comparisons],
        "variants": {name: estimate.as_dict() for name, estimate in series.variants.items()},
        "warnings": done.warnings,
    }
    with publication_style():
        for figure in done.figures:
            save(figure.draw(), out / figure.name)
    write_page(out / "reproduction.json", json.dumps(document, indent=2) + "\n")
    write_page(out / "reproduction.csv", comparison_csv(done.comparisons))
    runs = run_sources(run_files(done.folders)) if done.folders else []
    write_page(
        out / "reproduction.html",
        reproduction_html(done.comparisons, done.figures, series, done.warnings, runs, quick=quick),
    )
    report.comparisons(done.comparisons)
    report.step(f"Wrote reproduction.html, .csv, .json and {len(done.figures)} figures to {out}")
    return document


def _from_measured_series(done: Reproduction, series: PublishedSeries) -> None:
    for name in _TORQUES:
        found: Estimate | None = getattr(series.result, name)
        done.compare("3d", name, found, "measured series", "uncertainty from the residual scatter")
    thin = ", ".join(f"{1e9 * thickness:g}" for thickness in series.poor)
    imbalance = series.free.checks["imbalance"]
    note = f"both torques free, all films; the {thin} nm films are poorly described by opposite ones"
    done.compare("3d", "imbalance", imbalance, "measured series", note)


def _constants(done: Reproduction, sample: Sample) -> None:
    """What follows from the constants of Py and from the paper's own torque."""
    film = sample.stack().single_film
    done.compare("1c", "exchange_length", Estimate(float(exchange_length(film)), None, "m"), "model")
    depth = DEFAULT_WAVELENGTH / (4 * np.pi * sample.film.k.value)
    done.compare("2", "penetration_depth", Estimate(depth, None, "m"), "model")
    torque = published_values()["torque_bottom"].estimate
    per_density = float(spin_torque_efficiency(1.0, CURRENT_DENSITY))
    conversion = "from the paper's torque, conductivity 4.4 MS/m"
    done.compare(
        "3d", "efficiency", Estimate(per_density * torque.value, None, "1"), "model", "from the paper's torque"
    )
    per_field = float(torque_conductivity(1.0, CURRENT_DENSITY / sample.film.conductivity.value))
    done.compare("3d", "torque_conductivity", Estimate(per_field * torque.value, None, "S/m"), "model", conversion)


def _from_model(done: Reproduction, sample: Sample, silicon: Sample) -> None:
    density = sample.current_density(40e-3)
    done.figures += [
        _figure("fig-2", "Fig. 2c to f, model: 40 mA through the sample, and the calibration field.",
                partial(figure_2_model, sample, density)),
        _figure("fig-3ab", "Fig. 3a and b, model.", partial(figure_3ab_model, sample)),
        _figure("fig-3c", "Fig. 3c: calibration of the model and of the published series.",
                partial(figure_3c, silicon, None)),
    ]  # fmt: skip


def _from_bench(done: Reproduction, out: Path, report: Report, silicon: Sample) -> None:
    folders = {name: measure(name, experiment, out / "runs", report) for name, experiment in experiments().items()}
    done.folders = list(folders.values())
    report.step("Analysing the run files")

    def analysed(*names: str, **choices: float) -> Analysis:
        analysis = analyze([folders[name] for name in names], **choices)  # type: ignore[arg-type]
        done.warnings += [f"{', '.join(names)}: {warning}" for warning in analysis.warnings]
        return analysis

    top, bottom = (
        _only(analysed(f"loops-{side}", current_density=CURRENT_DENSITY), side) for side in ("top", "bottom")
    )
    for name in _TORQUES:
        done.compare("2", name, getattr(top.result, name), TWIN, "light from the top")
    done.compare("2", "torque_bottom", bottom.result.torque_bottom, TWIN, "light from below")
    current, angle = analysed("current").findings[0], analysed("angle").findings[0]
    for channel in CHANNELS:
        done.compare("3a", "cubic_fraction", current.quantities[f"cubic_fraction_{channel}"], TWIN, channel)
    for channel in CHANNELS:
        done.compare("3b", "cosine_phase", angle.quantities[f"phase_{channel}"], TWIN, channel)
    series = analysed("series", current_density=CURRENT_DENSITY).series
    if series is None:
        raise AnalysisError("Thickness series must give a joint result; it gave none. Look at the warnings above.")
    for name in _TORQUES:
        done.compare("3d", name, getattr(series.result, name), TWIN, f"{len(series.entries)} films")
    controls = _controls(analysed("controls", "loops-top"))
    for name, share in controls.quantities.items():
        if name.startswith("share_"):
            done.compare("3e", "total_share", share, TWIN, name.removeprefix("share_"))
    for material in MATERIALS:
        transport = analysed(f"{material}-transport")
        quantities = {name: one for finding in transport.findings for name, one in finding.quantities.items()}
        done.compare("Table 1", f"{material}_conductivity", quantities["conductivity"], TWIN)
        done.compare("Table 1", f"{material}_hall_conductivity", quantities["anomalous_hall_conductivity"], TWIN)
        entry = _only(analysed(f"{material}-loops", current_density=CURRENT_DENSITY), material)
        done.compare("Table 1", f"{material}_torque_conductivity", entry.result.torque_conductivity, TWIN)
    done.figures += _bench_figures({"top": top, "bottom": bottom}, current, angle, series, controls, silicon)


def _bench_figures(
    entries: Mapping[Any, SampleAnalysis],
    current: Finding,
    angle: Finding,
    series: SeriesAnalysis,
    controls: Finding,
    silicon: Sample,
) -> list[ReportFigure]:
    return [
        _figure("fig-2", "Fig. 2c to f: loops on the simulated bench, averaged over the polarisations, with the model.",
                partial(figure_2, entries)),
        _figure("fig-3ab", "Fig. 3a and b on the simulated bench.", partial(figure_3ab, current, angle)),
        _figure("fig-3c", "Fig. 3c: calibration of model, published series and simulated bench.",
                partial(figure_3c, silicon, series)),
        _figure("fig-3d-bench", "Fig. 3d on the simulated bench: one pair of torques; below: data less model.",
                series.figure),
        _figure("fig-3e", "Fig. 3e on the simulated bench: total torque of 4 nm Py under five caps.", controls.figure),
    ]  # fmt: skip


def _only(analysis: Analysis, name: str) -> SampleAnalysis:
    if len(analysis.samples) != 1:
        raise AnalysisError(f"Runs of {name} must give one torque; {'; '.join(analysis.warnings)}. Measure them again.")
    return analysis.samples[0]


def _controls(analysis: Analysis) -> Finding:
    found = [finding for finding in analysis.findings if finding.procedure == "control-samples"]
    if not found:
        raise AnalysisError(f"Control samples must give a finding; {'; '.join(analysis.warnings)}. Measure them again.")
    return found[0]


def _figure(name: str, caption: str, draw: Any) -> ReportFigure:
    return ReportFigure(name, caption, caption, draw)
