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
from analysis.findings import ANALYSES, BATCH_ANALYSES
from analysis.pickup import pickup_inputs
from analysis.result import TorqueResult
from analysis.run_file import load_run, verify_run
from analysis.sample import Sample
from analysis.sample_fit import fit_sample
from analysis.stack import Side, require
from analysis.substrate_background import (
    SubstrateBackground,
    analyze_blank,
    is_complete,
    light_side,
    wavelength_of,
)

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
    wavelength, side
        Of the light (m), and where it came from.
    """

    sample: Sample
    runs: tuple[str, ...]
    result: TorqueResult
    data: SampleData
    wavelength: float
    side: Side = "top"

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


def analyze(
    paths: Iterable[str | Path], *, current_density: float | None = None, blank: Iterable[str | Path] = ()
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
    warnings: list[str] = []
    runs = _finished_runs(paths, warnings)
    background = _background(blank, warnings) if blank else None
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
    for batch in batches(run for run in runs if run.attrs["procedure"] in BATCH_ANALYSES):
        procedure = batch[0].attrs["procedure"]
        try:
            combined = BATCH_ANALYSES[procedure](batch, sample_of(batch[0]))
        except AsotError as error:
            warnings.append(f"Runs of {procedure} not combined: {error}")
            continue
        if combined is not None:
            findings.append(combined)
            warnings += [f"{' and '.join(combined.runs)}: {warning}" for warning in combined.warnings]
    samples = []
    sweeps = [run for run in runs if run.attrs["procedure"] not in ANALYSES]
    for group in measurements(sweeps):
        name = _sample_overrides(group[0]).get("name", group[0].attrs["sample"].get("name"))
        try:
            sample = sample_of(group[0])
            if not sample.film.magnetic:
                found = analyze_blank(group, sample).finding()
                findings.append(found)
                warnings += [f"{found.sample}: {warning}" for warning in found.warnings]
                continue
            for run in group:
                warnings += _phase_warnings(run)
            own = {run.attrs.get("batch", "") for run in group} - {""}
            pickup = pickup_inputs(found for batch in own for found in pickups.get(batch, ()) if found.sample == name)
            entry = _analyze_sample(group, sample, current_density, background, pickup)
        except AsotError as error:
            warnings.append(f"Sample {name} left out: {error}")
            continue
        samples.append(entry)
        result = entry.result
        if background is not None:
            findings.append(background.finding_for(sample, entry.data, result.current_density.value))
        if result.checks["imaginary_torque"].p_value() < _IMPROBABLE:
            warnings.append(
                f"Sample {name}: rotation and ellipticity do not agree with opposite torques of equal size (chi2 "
                f"{result.chi2:.3g} for {result.dof} dof). Do not trust the torque: check phases, wave plates and the "
                "sample file, or fit both torques freely (fit_sample(..., torque='free'))."
            )
    return Analysis(tuple(samples), tuple(warnings), tuple(findings))


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


def measurements(runs: Iterable[xarray.Dataset]) -> list[list[xarray.Dataset]]:
    """Group runs into measurements of one sample.

    The runs of one recipe that hold calibration and ASOT, each in both channels, stand by themselves, so that a
    repeated measurement gives a second result and not a mixture. What is not complete by itself is pooled with the
    other incomplete recipes of the same sample file.
    """
    batches: dict[tuple[str, str], list[xarray.Dataset]] = {}
    for run in runs:
        sample = json.dumps([run.attrs["sample"], _sample_overrides(run), light_side(run)], sort_keys=True, default=str)
        batches.setdefault((sample, run.attrs.get("batch", "")), []).append(run)
    groups: list[list[xarray.Dataset]] = []
    pooled: dict[str, list[xarray.Dataset]] = {}
    for (sample, _), members in batches.items():
        if is_complete(members):
            groups.append(members)
        else:
            pooled.setdefault(sample, []).extend(members)
    return groups + list(pooled.values())


def batches(runs: Iterable[xarray.Dataset]) -> list[list[xarray.Dataset]]:
    """Group runs of one procedure on one sample that one recipe measured; a single one is no group."""
    groups: dict[tuple[str, str, str], list[xarray.Dataset]] = {}
    for run in runs:
        sample = json.dumps([run.attrs["sample"], _sample_overrides(run)], sort_keys=True, default=str)
        groups.setdefault((sample, run.attrs.get("batch", ""), run.attrs["procedure"]), []).append(run)
    return [group for group in groups.values() if len(group) > 1]


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
    runs: list[xarray.Dataset],
    sample: Sample,
    current_density: float | None,
    background: SubstrateBackground | None,
    pickup: Mapping[str, configuration.Uncertain],
) -> SampleAnalysis:
    stack, side = sample.stack(), light_side(runs[0])
    wavelengths = {wavelength_of(run) for run in runs}
    if len(wavelengths) != 1:
        raise AnalysisError(f"Runs must share a wavelength; received {sorted(wavelengths)} m. Analyse them apart.")
    wavelength = wavelengths.pop()
    pickups = dict(pickup) if background is None else background.pickups(runs)  # the blank shows pick-up, too
    result = fit_sample(
        runs,
        stack,
        coercive_field=sample.film.coercive_field,
        width=sample.conducting_width,
        current_density=current_density,
        side=side,
        wavelength=wavelength,
        uncertainties={**sample.uncertainties(), **pickups},
    )
    constant = complex(*(entry.value for entry in pickups.values())) if pickups else 0.0
    data = sample_data(runs, stack, sample.film.coercive_field, side=side, wavelength=wavelength, pickup=constant)
    names = tuple(Path(run.attrs["path"]).name for run in runs)
    return SampleAnalysis(sample, names, result, data, wavelength, side)


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
