"""What the runs of one unit show: findings of single runs, torque of the sample, drift."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from analysis import detection
from analysis.asot_pair import analyze_asot_pair
from analysis.choices import Choices
from analysis.errors import AsotError, InputError
from analysis.finding import Finding, file_name
from analysis.findings import ANALYSES, BATCH_ANALYSES
from analysis.pickup import pickup_inputs
from analysis.run_file import RunFileError, load_run
from analysis.run_groups import (
    batches_of_procedures,
    batches_of_samples,
    measurements,
    sample_name,
    sample_of,
)
from analysis.run_inputs import RunInput
from analysis.sample_analysis import SampleAnalysis, analyze_sample
from analysis.substrate_background import SubstrateBackground, analyze_blank, is_complete

if TYPE_CHECKING:
    import xarray

    from analysis.configuration import Uncertain

_UNEXPECTED = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What contents that no writer of asot made can cause: a file without a checksum may hold anything."""


@dataclass(frozen=True)
class Unit:
    """Runs to be analysed by themselves, and what they are analysed with."""

    inputs: tuple[RunInput, ...]
    choices: Choices
    background: SubstrateBackground | None = None


@dataclass
class UnitAnalysis:
    """What a unit shows; `lost` are inputs that could not be read after all, or do not carry an analysis."""

    samples: list[SampleAnalysis] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lost: list[RunInput] = field(default_factory=list)


def analyze_unit(unit: Unit, reading: Callable[[Path], None]) -> UnitAnalysis:
    """Analyse a unit; `reading` is told of each file before it is read. No contents of files make it raise."""
    found = UnitAnalysis()
    runs = load_inputs(unit.inputs, unit.choices, found, reading)
    if runs:
        _single_runs(runs, found)
        _attempt(found, runs, partial(_joint_runs, runs, unit, found))
    return found


def load_inputs(
    inputs: Sequence[RunInput], choices: Choices, found: UnitAnalysis, reading: Callable[[Path], None]
) -> list[xarray.Dataset]:
    """Load runs as the choices have them; `found` is told of those that cannot be read, and of points left out."""
    runs = []
    for entry in inputs:
        reading(entry.path)
        try:
            run = load_run(entry.path)
        except RunFileError as error:
            found.lost.append(entry.left_out(error.fault, str(error)))
            continue
        choices.apply(run.attrs)
        name = file_name(run)
        try:
            excluded = choices.flag_points(run)
        except InputError as error:
            found.lost.append(entry.left_out("excluded", str(error)))
            continue
        flagged = int((run["lock_in_status"] != 0).sum()) - excluded if "lock_in_status" in run else 0
        if excluded:
            found.warnings.append(f"{name}: {excluded} of {run.sizes['point']} points excluded by the analysis file.")
        if flagged:
            found.warnings.append(
                f"{name}: {flagged} of {run.sizes['point']} points left out for overload or lost reference."
            )
        runs.append(run)
    return runs


def _attempt(found: UnitAnalysis, runs: Sequence[xarray.Dataset], analysis: Callable[[], None]) -> None:
    """Run an analysis; what it cannot answer, and contents that cannot be right, become a warning with the files."""
    names = ", ".join(file_name(run) for run in runs)
    try:
        analysis()
    except AsotError as error:
        found.warnings.append(f"{names} left out: {error}")
    except _UNEXPECTED as error:
        text = " ".join(f"{type(error).__name__}: {error}".split())
        found.warnings.append(
            f"{names} left out: their contents must be those of a run; they break the analysis ({text}). Check them "
            "with `asot runs verify`."
        )


def _single_runs(runs: Sequence[xarray.Dataset], found: UnitAnalysis) -> None:
    """What the runs show that are no field sweeps, each by itself."""

    def analyze(run: xarray.Dataset) -> None:
        finding = ANALYSES[run.attrs["procedure"]](run, sample_of(run))
        found.findings.append(finding)
        found.warnings += [f"{finding.runs[0]}: {warning}" for warning in finding.warnings]

    for run in runs:
        if run.attrs["procedure"] in ANALYSES:
            _attempt(found, [run], partial(analyze, run))


def _joint_runs(runs: list[xarray.Dataset], unit: Unit, found: UnitAnalysis) -> None:
    """What runs show together: batches of one procedure, the torque of the sample, drift."""
    for batch in batches_of_procedures(run for run in runs if run.attrs["procedure"] in BATCH_ANALYSES):
        procedure = batch[0].attrs["procedure"]
        try:
            combined = BATCH_ANALYSES[procedure](batch, sample_of(batch[0]))
        except AsotError as error:
            found.warnings.append(f"Runs of {procedure} not combined: {error}")
            continue
        if combined is not None:
            found.findings.append(combined)
            found.warnings += [f"{' and '.join(combined.runs)}: {warning}" for warning in combined.warnings]
    sweeps = _needed([run for run in runs if run.attrs["procedure"] not in ANALYSES], found)
    for group in measurements(sweeps):
        try:
            _analyze_group(group, runs, unit, found)
        except AsotError as error:
            found.warnings.append(f"Sample {sample_name(group[0])} left out: {error}")
    left = {file_name(run) for run in sweeps}
    for batch in batches_of_samples(
        run for run in runs if run.attrs["procedure"] in ANALYSES or file_name(run) in left
    ):
        try:
            pair = analyze_asot_pair(batch, found.findings, sample_of(batch[0]))
        except AsotError as error:
            found.warnings.append(f"Drift of sample {sample_name(batch[0])} not found: {error}")
            continue
        if pair is not None:
            found.findings.append(pair)
            found.warnings += [f"Sample {pair.sample}: {warning}" for warning in pair.warnings]


def _needed(sweeps: list[xarray.Dataset], found: UnitAnalysis) -> list[xarray.Dataset]:
    """Field sweeps without those that ended early where the others are a whole measurement."""
    whole = [run for run in sweeps if run.attrs["status"] == "finished"]
    if not is_complete(whole):
        return sweeps
    found.warnings += [
        f"{file_name(run)} left out: the measurement is complete without it."
        for run in sweeps
        if run.attrs["status"] != "finished"
    ]
    return whole


def _analyze_group(group: list[xarray.Dataset], runs: list[xarray.Dataset], unit: Unit, found: UnitAnalysis) -> None:
    """Analyse the field sweeps of one measurement: a blank's are a finding, all others give a torque."""
    sample = sample_of(group[0])
    if not sample.film.magnetic:
        blank = analyze_blank(group, sample).finding()
        found.findings.append(blank)
        found.warnings += [f"{blank.sample}: {warning}" for warning in blank.warnings]
        return
    for run in group:
        found.warnings += _phase_warnings(run)
    background = unit.background
    constants = background.pickups(group) if background is not None else _pickup(group, runs, found.findings)
    entry = analyze_sample(group, sample, constants=constants, choices=unit.choices)
    found.samples.append(entry)
    found.warnings += [f"Sample {sample.name}: {warning}" for warning in entry.warnings]
    if background is not None:
        found.findings.append(background.finding_for(sample, entry.data, entry.result.current_density.value))


def _pickup(group: list[xarray.Dataset], runs: list[xarray.Dataset], findings: list[Finding]) -> dict[str, Uncertain]:
    """What the runs of procedure "pickup" in the recipes of `group` show."""
    batches = {run.attrs.get("batch", "") for run in group} - {""}
    files = {file_name(run) for run in runs if run.attrs.get("batch", "") in batches}
    own = [found for found in findings if found.procedure == "pickup" and found.sample == sample_name(group[0])]
    return dict(pickup_inputs(found for found in own if found.runs[0] in files))


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


def background_of(inputs: Sequence[RunInput], choices: Choices, found: UnitAnalysis) -> SubstrateBackground:
    """What the one measurement of a blank among `inputs` shows; InputError where there is none, or more."""
    runs = load_inputs(inputs, choices, found, lambda path: None)
    sweeps = [run for run in runs if run.attrs["procedure"] not in ANALYSES]
    groups = [group for group in measurements(sweeps) if not sample_of(group[0]).film.magnetic]
    if len(groups) != 1:
        raise InputError(
            f"Blank must be one measurement of a sample with voigt = 0 in its file; received {len(groups)}. Give the "
            "folder of a run of recipe substrate."
        )
    blank = analyze_blank(groups[0], sample_of(groups[0][0]))
    found.warnings += [f"{blank.sample.name}: {warning}" for warning in blank.warnings]
    return blank
