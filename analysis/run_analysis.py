"""From run files to results: groups runs by sample, fits each sample, says what was left out and why."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis import configuration
from analysis.averaged_loops import SampleData, sample_data
from analysis.errors import AnalysisError, AsotError, InputError
from analysis.finding import Finding
from analysis.findings import ANALYSES
from analysis.loops import CHANNELS, measured_channels
from analysis.pickup import pickup_inputs
from analysis.result import TorqueResult
from analysis.run_file import load_run, verify_run
from analysis.sample import Sample
from analysis.sample_fit import fit_sample
from analysis.stack import require

if TYPE_CHECKING:
    import xarray

_IMPROBABLE = 1e-3  # probability below which a chi2 is told
_LARGEST_PHASE = math.radians(5)  # of the signal against the detection phase; its cosine is then 0.996


@dataclass(frozen=True)
class SampleAnalysis:
    """Result of one sample.

    Attributes
    ----------
    sample
        The sample as described in its runs.
    runs
        Names of the run files used.
    result
        Torques with uncertainties.
    data
        Averaged loops behind them.
    wavelength
        Of the light (m).
    """

    sample: Sample
    runs: tuple[str, ...]
    result: TorqueResult
    data: SampleData
    wavelength: float

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {"name": self.sample.name, "runs": list(self.runs), **self.result.as_dict()}


@dataclass(frozen=True)
class Analysis:
    """Torques of all samples, findings of all other measurements, and a warning for everything that was left out."""

    samples: tuple[SampleAnalysis, ...]
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "samples": [entry.as_dict() for entry in self.samples],
            "series": {},
            "findings": [finding.as_dict() for finding in self.findings],
            "warnings": list(self.warnings),
        }


def sample_of(run: xarray.Dataset) -> Sample:
    """Sample of a run: its note, with the keys that were set beside the file."""
    name = Path(run.attrs["path"]).name
    document = configuration.override(run.attrs["sample"], _sample_overrides(run), name)
    return configuration.validate(Sample, document, f"{name}, note sample")


def analyze(paths: Iterable[str | Path], *, current_density: float | None = None) -> Analysis:
    """Analyse run files.

    Parameters
    ----------
    paths
        Run files, or folders of them.
    current_density
        Current density (A/m^2) to which torques are reported; that of the runs by default.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        Where a path does not exist, there is no run file at all, or the current density is 0.
    """
    if current_density is not None:
        require("current_density", current_density, "finite and above 0 A/m^2", current_density > 0, "Leave it out.")
    warnings: list[str] = []
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
    findings: list[Finding] = []
    pickups: dict[str, list[Finding]] = {}  # by the recipe that they were measured in
    for run in runs:
        if run.attrs["procedure"] in ANALYSES:
            try:
                finding = ANALYSES[run.attrs["procedure"]](run, sample_of(run))
            except AsotError as error:
                warnings.append(f"{Path(run.attrs['path']).name} left out: {error}")
                continue
            findings.append(finding)
            if finding.procedure == "pickup":
                pickups.setdefault(run.attrs.get("batch", ""), []).append(finding)
            warnings += [f"{finding.runs[0]}: {warning}" for warning in finding.warnings]
    samples = []
    sweeps = [run for run in runs if run.attrs["procedure"] not in ANALYSES]
    for run in sweeps:
        warnings += _phase_warnings(run)
    for group in measurements(sweeps):
        name = _sample_overrides(group[0]).get("name", group[0].attrs["sample"].get("name"))
        try:
            batches = {run.attrs.get("batch", "") for run in group}
            inputs = pickup_inputs(
                found for batch in batches if batch for found in pickups.get(batch, ()) if found.sample == name
            )
            entry = _analyze_sample(group, current_density, inputs)
        except AsotError as error:
            warnings.append(f"Sample {name} left out: {error}")
            continue
        samples.append(entry)
        result = entry.result
        if result.checks["imaginary_torque"].p_value() < _IMPROBABLE:
            warnings.append(
                f"Sample {name}: rotation and ellipticity do not agree with opposite torques of equal size (chi2 "
                f"{result.chi2:.3g} for {result.dof} dof). Do not trust the torque: check phases, wave plates and the "
                "sample file, or fit both torques freely (fit_sample(..., torque='free'))."
            )
    return Analysis(tuple(samples), tuple(warnings), tuple(findings))


def measurements(runs: Iterable[xarray.Dataset]) -> list[list[xarray.Dataset]]:
    """Group runs into measurements of one sample.

    The runs of one recipe that hold calibration and ASOT, each in both channels, stand by themselves, so that a
    repeated measurement gives a second result and not a mixture. What is not complete by itself is pooled with the
    other incomplete recipes of the same sample file.
    """
    batches: dict[tuple[str, str], list[xarray.Dataset]] = {}
    for run in runs:
        sample = json.dumps([run.attrs["sample"], _sample_overrides(run)], sort_keys=True, default=str)
        batches.setdefault((sample, run.attrs.get("batch", "")), []).append(run)
    groups: list[list[xarray.Dataset]] = []
    pooled: dict[str, list[xarray.Dataset]] = {}
    for (sample, _), members in batches.items():
        kinds = {(run.attrs["parameters"].get("path"), name) for run in members for name in measured_channels(run)}
        if {(path, channel) for path in ("sample", "coil") for channel in CHANNELS} <= kinds:
            groups.append(members)
        else:
            pooled.setdefault(sample, []).extend(members)
    return groups + list(pooled.values())


def _phase_warnings(run: xarray.Dataset) -> list[str]:
    """Warn where the signal stands off the detection phase: what is in Y is missing in X."""
    x, y = (run[name].to_numpy() for name in ("x", "y"))
    good = (run["lock_in_status"].to_numpy() == 0) & np.isfinite(x) & np.isfinite(y)
    x, y = x[good], y[good]
    if len(x) < 3 or not np.any(x):
        return []
    slope = float(np.sum(x * y) / np.sum(x**2))
    std = math.sqrt(float(np.sum((y - slope * x) ** 2)) / (len(x) - 1) / float(np.sum(x**2)))
    if abs(slope) < max(math.tan(_LARGEST_PHASE), 5 * std):
        return []
    path = run.attrs["parameters"].get("path")
    source = "sample_source" if path == "sample" else "calibration_source"
    return [
        f"{Path(run.attrs['path']).name}: the signal is {math.degrees(math.atan(slope)):+.0f} degrees off the "
        f"detection phase, so that X misses part of it. Measure the phase of this current path on a shunt and set "
        f"`phase` of [{source}] in the bench file."
    ]


def _sample_overrides(run: xarray.Dataset) -> dict[str, Any]:
    """Keys of the sample file that were set beside it."""
    overrides = run.attrs.get("overrides", {}).items()
    return {key.removeprefix("sample."): value for key, value in overrides if key.startswith("sample.")}


def _analyze_sample(
    runs: list[xarray.Dataset], current_density: float | None, pickup: Mapping[str, configuration.Uncertain]
) -> SampleAnalysis:
    sample = sample_of(runs[0])
    stack = sample.stack()
    wavelengths = {run.attrs["beam"]["incident_wavelength"][0] for run in runs}
    if len(wavelengths) != 1:
        raise AnalysisError(f"Runs must share a wavelength; received {sorted(wavelengths)} m. Analyse them apart.")
    wavelength = float(wavelengths.pop())
    result = fit_sample(
        runs,
        stack,
        coercive_field=sample.film.coercive_field,
        width=sample.conducting_width,
        current_density=current_density,
        wavelength=wavelength,
        uncertainties={**sample.uncertainties(), **pickup},
    )
    data = sample_data(runs, stack, sample.film.coercive_field, wavelength=wavelength)
    return SampleAnalysis(sample, tuple(Path(run.attrs["path"]).name for run in runs), result, data, wavelength)


def run_files(paths: Iterable[str | Path]) -> list[Path]:
    """Run files among `paths`: files as given, and `run-*.h5` of folders, in order of name."""
    files: list[Path] = []
    for entry in paths:
        path = Path(entry)
        if path.is_dir():
            files += sorted(path.glob("run-*.h5"))
        elif path.is_file():
            files.append(path)
        else:
            raise InputError(f"Path must be a run file or a folder of them; {path} does not exist. Check its spelling.")
    if not files:
        raise InputError(
            "Folder must hold run files called run-*.h5; there are none. Give the folder of a measurement."
        )
    return files
