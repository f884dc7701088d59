"""From run files to results: fits each sample, joins samples, analyses all else, says what was left out and why."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import detection
from analysis.asot_pair import analyze_asot_pair
from analysis.control_samples import analyze_control_samples, bottom_conductivity, control_groups
from analysis.errors import AsotError, InputError
from analysis.finding import Finding, file_name
from analysis.findings import ANALYSES, BATCH_ANALYSES
from analysis.pickup import pickup_inputs
from analysis.result import Estimate
from analysis.run_file import load_run, verify_run
from analysis.run_groups import (
    batches_of_procedures,
    batches_of_samples,
    measurements,
    run_files,
    sample_name,
    sample_of,
)
from analysis.sample_analysis import SampleAnalysis, analyze_sample
from analysis.stack import require
from analysis.substrate_background import SubstrateBackground, analyze_blank
from analysis.thickness_series import SeriesAnalysis, analyze_thickness_series, thickness_series

if TYPE_CHECKING:
    import xarray

    from analysis.configuration import Uncertain

_IMPROBABLE = 1e-3  # probability below which a chi2 is told


@dataclass(frozen=True)
class Analysis:
    """Torques of all samples, findings of all other measurements, and a warning for everything that was left out.

    `series` is the joint result of films that differ in thickness only, None where there are none.
    """

    samples: tuple[SampleAnalysis, ...]
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    series: SeriesAnalysis | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "samples": [entry.as_dict() for entry in self.samples],
            "series": {} if self.series is None else self.series.as_dict(),
            "findings": [finding.as_dict() for finding in self.findings],
            "warnings": list(self.warnings),
        }


def analyze(
    paths: Iterable[str | Path],
    *,
    current_density: float | None = None,
    blank: Iterable[str | Path] = (),
    reference_conductivity: float | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Analysis:
    """Analyse run files.

    Parameters
    ----------
    paths
        Run files, or folders of them.
    current_density
        Current density (A/m^2) to which torques are reported; that of the runs by default.
    blank
        Run files of a blank (recipe "substrate"), or folders of them: its background is taken off every calibration.
    reference_conductivity
        Bottom-surface torque conductivity (S/m) with which control samples are compared; that of a thick film of the
        same material among the runs by default.
    changes
        Keys of the sample file that replace those stored with the runs, by name of the sample, e.g.
        {"py32": {"film.thickness": "30 nm"}}.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        Where a path does not exist, there is no run file at all, the current density is 0, or `blank` holds none.
    """
    if current_density is not None:
        require("current_density", current_density, "finite and above 0 A/m^2", current_density > 0, "Leave it out.")
    if reference_conductivity is not None:
        good = reference_conductivity != 0
        require("reference_conductivity", reference_conductivity, "finite and not 0 S/m", good, "Leave it out.")
    warnings: list[str] = []
    runs = _finished_runs(paths, warnings)
    for run in runs:
        own = (changes or {}).get(sample_name(run), {})
        run.attrs["overrides"] = run.attrs.get("overrides", {}) | {f"sample.{key}": own[key] for key in own}
    background = _background(blank, warnings) if blank else None
    findings = _findings(runs, warnings)
    samples: list[SampleAnalysis] = []
    for group in measurements(run for run in runs if run.attrs["procedure"] not in ANALYSES):
        try:
            _analyze_group(group, runs, background, current_density, samples, findings, warnings)
        except AsotError as error:
            warnings.append(f"Sample {sample_name(group[0])} left out: {error}")
    for batch in batches_of_samples(runs):
        try:
            pair = analyze_asot_pair(batch, findings, sample_of(batch[0]))
        except AsotError as error:
            warnings.append(f"Drift of sample {sample_name(batch[0])} not found: {error}")
            continue
        if pair is not None:
            findings.append(pair)
            warnings += [f"Sample {pair.sample}: {warning}" for warning in pair.warnings]
    series = _series(samples, current_density, warnings)
    controls = control_groups(samples)
    for films in controls:
        finding = analyze_control_samples(films, _reference(samples, series, films, reference_conductivity))
        findings.append(finding)
        warnings += finding.warnings
    thin = {id(entry) for films in controls for entry in films}  # their finding says what they can tell
    warnings += [_disagreement(entry) for entry in samples if id(entry) not in thin and _disagrees(entry)]
    return Analysis(tuple(samples), tuple(warnings), tuple(findings), series)


def _findings(runs: list[xarray.Dataset], warnings: list[str]) -> list[Finding]:
    """What the runs show that are no field sweeps, alone and together; `warnings` is told of doubts."""
    findings: list[Finding] = []
    for run in runs:
        if run.attrs["procedure"] in ANALYSES:
            try:
                finding = ANALYSES[run.attrs["procedure"]](run, sample_of(run))
            except AsotError as error:
                warnings.append(f"{Path(run.attrs['path']).name} left out: {error}")
                continue
            findings.append(finding)
            warnings += [f"{finding.runs[0]}: {warning}" for warning in finding.warnings]
    for batch in batches_of_procedures(run for run in runs if run.attrs["procedure"] in BATCH_ANALYSES):
        procedure = batch[0].attrs["procedure"]
        try:
            combined = BATCH_ANALYSES[procedure](batch, sample_of(batch[0]))
        except AsotError as error:
            warnings.append(f"Runs of {procedure} not combined: {error}")
            continue
        if combined is not None:
            findings.append(combined)
            warnings += [f"{' and '.join(combined.runs)}: {warning}" for warning in combined.warnings]
    return findings


def _analyze_group(
    group: list[xarray.Dataset],
    runs: list[xarray.Dataset],
    background: SubstrateBackground | None,
    current_density: float | None,
    samples: list[SampleAnalysis],
    findings: list[Finding],
    warnings: list[str],
) -> None:
    """Analyse the field sweeps of one measurement: a blank's are a finding, all others give a torque."""
    sample = sample_of(group[0])
    if not sample.film.magnetic:
        found = analyze_blank(group, sample).finding()
        findings.append(found)
        warnings += [f"{found.sample}: {warning}" for warning in found.warnings]
        return
    for run in group:
        warnings += _phase_warnings(run)
    constants = background.pickups(group) if background is not None else _pickup(group, runs, findings)
    entry = analyze_sample(group, sample, current_density, constants)
    samples.append(entry)
    if background is not None:
        findings.append(background.finding_for(sample, entry.data, entry.result.current_density.value))


def _pickup(group: list[xarray.Dataset], runs: list[xarray.Dataset], findings: list[Finding]) -> dict[str, Uncertain]:
    """What the runs of procedure "pickup" in the recipes of `group` show."""
    batches = {run.attrs.get("batch", "") for run in group} - {""}
    files = {file_name(run) for run in runs if run.attrs.get("batch", "") in batches}
    own = [found for found in findings if found.procedure == "pickup" and found.sample == sample_name(group[0])]
    return dict(pickup_inputs(found for found in own if found.runs[0] in files))


def _finished_runs(paths: Iterable[str | Path], warnings: list[str]) -> list[xarray.Dataset]:
    """Runs that can be analysed; `warnings` is told of the others, and of points that are left out."""
    runs = []
    for path in run_files(paths):
        try:
            run = load_run(path)
            if "sha256" in run.attrs:
                verify_run(path)
        except InputError as error:
            warnings.append(f"{path.name} left out: {error}")
            continue
        if run.attrs["status"] != "finished":
            warnings.append(f"{path.name} left out: its status is {run.attrs['status']}: {run.attrs['exit_reason']}")
            continue
        flagged = int((run["lock_in_status"] != 0).sum()) if "lock_in_status" in run else 0
        if flagged:
            warnings.append(
                f"{path.name}: {flagged} of {run.sizes['point']} points left out for overload or lost reference."
            )
        runs.append(run)
    return runs


def _background(blank: Iterable[str | Path], warnings: list[str]) -> SubstrateBackground:
    """What the one measurement of a blank among the files `blank` shows."""
    sweeps = [run for run in _finished_runs(blank, warnings) if run.attrs["procedure"] not in ANALYSES]
    groups = [group for group in measurements(sweeps) if not sample_of(group[0]).film.magnetic]
    if len(groups) != 1:
        raise InputError(
            f"Blank must be one measurement of a sample with voigt = 0 in its file; received {len(groups)}. Give the "
            "folder of a run of recipe substrate."
        )
    found = analyze_blank(groups[0], sample_of(groups[0][0]))
    warnings += [f"{found.sample.name}: {warning}" for warning in found.warnings]
    return found


def _series(samples: list[SampleAnalysis], current_density: float | None, warnings: list[str]) -> SeriesAnalysis | None:
    """Joint result of the largest thickness series among `samples`; what is left out is added to `warnings`."""
    groups = thickness_series(samples)
    for group in groups[1:]:
        names = ", ".join(entry.sample.name for entry in group)
        warnings.append(f"Thickness series of {names} not fitted beside a larger one. Analyse its runs alone.")
    if not groups:
        return None
    try:
        series = analyze_thickness_series(groups[0], current_density)
    except AsotError as error:
        warnings.append(f"Thickness series left out: {error}")
        return None
    warnings += [f"Thickness series: {warning}" for warning in series.warnings]
    return series


def _disagrees(entry: SampleAnalysis) -> bool:
    return entry.result.checks["imaginary_torque"].p_value() < _IMPROBABLE


def _disagreement(entry: SampleAnalysis) -> str:
    result = entry.result
    return (
        f"Sample {entry.sample.name}: rotation and ellipticity do not agree with opposite torques of equal size (chi2 "
        f"{result.chi2:.3g} for {result.dof} dof). Do not trust the torque: check phases, wave plates and the "
        "sample file, or fit both torques freely (fit_sample(..., torque='free'))."
    )


def _reference(
    samples: list[SampleAnalysis], series: SeriesAnalysis | None, controls: list[SampleAnalysis], given: float | None
) -> tuple[str, Estimate] | None:
    """What control samples are compared with: the value given, a series of the same material, or a thick film."""
    if given is not None:
        return "reference", Estimate(given, 0.0, "S/m")
    material = controls[0].sample.film.material
    if series is not None and series.entries[-1].sample.film.material == material:
        conductivity = series.result.torque_conductivity
        if conductivity is not None:
            return "series", conductivity
    return bottom_conductivity(samples, material)


def _phase_warnings(run: xarray.Dataset) -> list[str]:
    """Warn where the signal stands off the detection phase: what is in Y is missing in X."""
    if not {"x", "y", "lock_in_status"} <= set(run.data_vars):  # imported data may not have them
        return []
    x, y = (run[name].to_numpy() for name in ("x", "y"))
    good = (run["lock_in_status"].to_numpy() == 0) & np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) < 3 or not np.any(x):
        return []
    slope = float(np.sum(x * y) / np.sum(x**2))
    std = math.sqrt(float(np.sum((y - slope * x) ** 2)) / (len(x) - 1) / float(np.sum(x**2)))
    warnings = detection.phase_warnings(slope, std, str(run.attrs["parameters"].get("path")))
    return [f"{file_name(run)}: {warning}" for warning in warnings]
