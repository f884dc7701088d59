"""The demonstration: a simulated experiment and a measured series, from set-up to spin-orbit torque."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.batch import run_batch
from acquisition.progress import Report
from acquisition.states import State
from analysis.errors import AnalysisError, AsotError
from analysis.figures import demo_figure, save
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import Estimate, TorqueResult
from analysis.run_analysis import analyze
from analysis.sample import read_sample, series_of_thickness
from analysis.sample_analysis import SampleAnalysis
from analysis.sample_fit import fitted_loops
from analysis.series_file import MEASURED_CURRENT_DENSITY, MEASURED_SERIES, read_series
from analysis.series_fit import fit_thickness_series
from analysis.stack import Film, Layer, Stack
from analysis.thickness_series import series_response

REPORTED_CURRENT_DENSITY = 5e10  # A/m^2, as in the paper
SERIES_SAMPLE = "py-series-silicon"
SERIES_POLARITY = -1
_POORLY_DESCRIBED = 0.25  # residual over signal


@dataclass(frozen=True)
class Series:
    """Fit of the measured series, and what other assumptions would make of it."""

    result: TorqueResult
    variants: Mapping[str, Estimate]
    poor: tuple[float, ...]
    curve: tuple[Any, Any, Any, Any, float]

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "name": "measured Py thickness series",
            **self.result.as_dict(),
            "variants": {name: efficiency.as_dict() for name, efficiency in self.variants.items()},
            "poorly_described_thicknesses": [float(d) for d in self.poor],
        }


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
    series = fit_measured_series()

    document = {**analysis.as_dict(), "series": series.as_dict()}
    try:
        (out / "result.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        figures = write_figure(measured, series, out)
    except OSError as error:
        raise AsotError(f"Folder {out} must take figure and result; {error}. Choose another with --out.") from None
    report.demo_result(measured, series, analysis.warnings)
    report.step(f"Wrote {len(results)} run files, {', '.join(path.name for path in figures)} and result.json to {out}")
    return document


def fit_measured_series() -> Series:
    """Fit the published Py series, and repeat the fit under other assumptions."""
    series = read_series(MEASURED_SERIES)
    scale = REPORTED_CURRENT_DENSITY / MEASURED_CURRENT_DENSITY
    angles = series.angles * scale
    sample, _ = read_sample(SERIES_SAMPLE)
    stacks = series_of_thickness(sample, series.thickness)

    def fit(films: list[Stack]) -> TorqueResult:
        return fit_thickness_series(films, angles, current_density=REPORTED_CURRENT_DENSITY, polarity=SERIES_POLARITY)

    def oxide(index: float) -> list[Stack]:
        return [replace(stack, below=[replace(stack.below[0], index=index)]) for stack in stacks]

    def film(stack: Stack) -> Film:
        return replace(stack.single_film, surface_anisotropy=(0.0, 0.0))

    result = fit(stacks)
    variants = {
        "oxide index 1.46": fit(oxide(1.46)),
        "oxide index 1.48": fit(oxide(1.48)),
        "3 nm SiO2 cap": fit([replace(stack, above=[Layer("SiO2", 3e-9)]) for stack in stacks]),
        "no surface anisotropy": fit([replace(stack, film=film(stack)) for stack in stacks]),
    }
    poor = tuple(series.thickness[np.abs(result.residuals) > _POORLY_DESCRIBED * np.abs(angles)])
    fine = np.linspace(4e-9, float(np.max(series.thickness)), 120)
    model = SERIES_POLARITY * series_response(series_of_thickness(sample, fine), result, DEFAULT_WAVELENGTH)
    return Series(
        result,
        {name: variant.efficiency for name, variant in variants.items()},
        poor,
        (series.thickness, angles, fine, model, REPORTED_CURRENT_DENSITY),
    )


def write_figure(measured: SampleAnalysis, series: Series, out: Path) -> list[Path]:
    """Draw and save the figure of the demonstration."""
    sample = measured.sample
    fits = fitted_loops(measured.data, sample.stack(), sample.film.coercive_field, measured.side, measured.wavelength)
    note = (
        f"{sample.name}: efficiency {measured.result.efficiency}      "
        f"measured series: efficiency {series.result.efficiency}"
    )
    return save(demo_figure(measured.data, fits, series.curve, note), out / "asot-demo")
