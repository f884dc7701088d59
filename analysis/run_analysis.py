"""From run files to results: what is analysed with what, joint results of samples, and why something was left out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from analysis.bootstrap import bootstrap_tasks, replicate_torques, with_bootstrap
from analysis.choices import Choices
from analysis.control_samples import analyze_control_samples, bottom_conductivity, control_groups
from analysis.errors import AsotError, InputError
from analysis.executors import Crash, Executor, executor
from analysis.finding import Finding
from analysis.result import Estimate
from analysis.run_groups import run_files, sample_of, units
from analysis.run_inputs import RunInput, each_point_once, read_input, warning, without_duplicates
from analysis.sample_analysis import SampleAnalysis
from analysis.stack import require
from analysis.substrate_background import SubstrateBackground
from analysis.thickness_series import SeriesAnalysis, analyze_thickness_series, thickness_series
from analysis.unit_analysis import Unit, UnitAnalysis, analyze_unit, background_of

_IMPROBABLE = 1e-3  # probability below which a chi2 is told


@dataclass(frozen=True)
class Analysis:
    """Torques of all samples, findings of all other measurements, and a warning for everything that was left out.

    Attributes
    ----------
    samples, findings
        Results, in the order of the names of their first run files.
    series
        Joint result of films that differ in thickness only, None where there are none.
    warnings
        One sentence each.
    inputs
        Every run file with its checksum and what became of it; those of the blank behind the others.
    choices
        What was chosen.
    """

    samples: tuple[SampleAnalysis, ...]
    warnings: tuple[str, ...]
    findings: tuple[Finding, ...] = ()
    series: SeriesAnalysis | None = None
    inputs: tuple[RunInput, ...] = ()
    choices: Choices = field(default_factory=Choices)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {
            "samples": [entry.as_dict() for entry in self.samples],
            "series": {} if self.series is None else self.series.as_dict(),
            "findings": [finding.as_dict() for finding in self.findings],
            "warnings": list(self.warnings),
            "inputs": [entry.as_dict() for entry in self.inputs],
            "choices": self.choices.as_dict(),
        }


def analyze(
    paths: Iterable[str | Path],
    *,
    current_density: float | None = None,
    blank: Iterable[str | Path] = (),
    reference_conductivity: float | None = None,
    choices: Choices | None = None,
    bootstrap: int | None = None,
    workers: int | None = None,
    scheduler: str | None = None,
) -> Analysis:
    """Analyse run files.

    Parameters
    ----------
    paths
        Run files, folders of them with all folders below, or patterns such as "runs/**/run-*.h5".
    current_density
        Current density (A/m^2) to which torques are reported; that of the runs by default.
    blank
        Run files of a blank (recipe "substrate"), or folders of them: its background is taken off every calibration.
    reference_conductivity
        Bottom-surface torque conductivity (S/m) with which control samples are compared; that of a thick film of the
        same material among the runs by default.
    choices
        From `read_choices`; what is given beside it wins over what it holds.
    bootstrap
        Replicates of each sample, drawn from the residuals of its loops (see `analysis.bootstrap`); that of the
        choices by default.
    workers
        Number of processes; by default one for each processor where there are many files, else none but this one.
    scheduler
        Address of a dask scheduler, whose workers see the files under the same paths, or "local" for a cluster of
        processes on this machine, for which a script needs a main guard. The result depends on neither, bit for bit.

    Returns
    -------
    Analysis

    Raises
    ------
    InputError
        Where a path does not exist, there is no run file at all, the current density is 0, `blank` holds none, or
        a key of the choices does not fit a sample.
    """
    given = {
        "current_density": current_density, "reference_conductivity": reference_conductivity, "bootstrap": bootstrap,
    }  # fmt: skip
    choices = _chosen(choices or Choices(), given)
    files = run_files(paths)
    of_blank = [*blank, *(choices.folder / name for name in choices.file.blank)]
    blanks = run_files(of_blank) if of_blank else []
    with executor(len(files), workers, scheduler) as run:
        inputs = each_point_once(without_duplicates(_described(run, files, choices)))
        _check_sample_changes(inputs, choices)
        blank_inputs = each_point_once(without_duplicates(_described(run, blanks, choices)))
        told = UnitAnalysis()
        background: SubstrateBackground | None = None
        if blanks:
            background = background_of(_usable(blank_inputs), choices, told)
        jobs = [Unit(tuple(group), choices, background) for group in units(_usable(inputs))]
        results = [_result(job, answer) for job, answer in zip(jobs, run.map(analyze_unit, jobs), strict=True)]
        samples = [entry for result in results for entry in result.samples]
        if choices.file.bootstrap:
            samples = _bootstrapped(run, samples, choices.file.bootstrap, choices.file.seed, told.warnings)
    lost = {entry.path: entry for result in [told, *results] for entry in result.lost}
    inputs, blank_inputs = ([lost.get(entry.path, entry) for entry in group] for group in (inputs, blank_inputs))
    warnings = [text for entry in (*inputs, *blank_inputs) if (text := warning(entry)) is not None]
    warnings += [text for result in [told, *results] for text in result.warnings]
    findings = [finding for result in results for finding in result.findings]
    series = _series(samples, choices, warnings)
    controls = control_groups(samples)
    for films in controls:
        reference = _reference(samples, series, films, choices.file.reference_conductivity)
        finding = analyze_control_samples(films, reference)
        findings.append(finding)
        warnings += finding.warnings
    thin = {id(entry) for films in controls for entry in films}  # their finding says what they can tell
    warnings += [_disagreement(entry) for entry in samples if id(entry) not in thin and _disagrees(entry)]
    everything = (*inputs, *blank_inputs)
    return Analysis(tuple(samples), tuple(warnings), tuple(findings), series, everything, choices)


def _chosen(choices: Choices, given: Mapping[str, float | None]) -> Choices:
    """Choices with what was given beside them."""
    present = {name: value for name, value in given.items() if value is not None}
    rules: dict[str, tuple[str, Callable[[float], bool]]] = {
        "current_density": ("finite and above 0 A/m^2", lambda value: value > 0),
        "reference_conductivity": ("finite and not 0 S/m", lambda value: value != 0),
        "bootstrap": ("a whole number of at least 2", lambda value: int(value) == value >= 2),
    }
    for name, value in present.items():
        must, holds = rules[name]
        require(name, value, must, holds(value), "Leave it out.")
    if not present:
        return choices
    settings = {**choices.settings, **{f"analysis.{name}": value for name, value in present.items()}}
    return replace(choices, file=choices.file.model_copy(update=present), settings=settings)


def _bootstrapped(
    run: Executor, samples: list[SampleAnalysis], count: int, seed: int, warnings: list[str]
) -> list[SampleAnalysis]:
    """Samples with their bootstrap."""
    tasks = bootstrap_tasks(samples, count, seed)
    answers = run.map(replicate_torques, tasks)
    parts = len(tasks) // max(1, len(samples))
    result = []
    for place, entry in enumerate(samples):
        own = answers[place * parts : (place + 1) * parts]
        torques = [answer for answer in own if not isinstance(answer, Crash)]
        if len(torques) < len(own):
            warnings.append(f"Sample {entry.sample.name}: no bootstrap, a process that worked at it died.")
        result.append(entry if len(torques) < len(own) else with_bootstrap(entry, np.concatenate(torques), seed))
    return result


def _described(run: Executor, files: Sequence[Path], choices: Choices) -> list[RunInput]:
    """What each file says of itself."""
    answers = run.map(partial(read_input, choices=choices), files)
    return [
        RunInput(path).left_out("crash", answer.text(path)) if isinstance(answer, Crash) else answer
        for path, answer in zip(files, answers, strict=True)
    ]


def _usable(inputs: Iterable[RunInput]) -> list[RunInput]:
    return [entry for entry in inputs if entry.verdict != "left out"]


def _result(job: Unit, answer: UnitAnalysis | Crash) -> UnitAnalysis:
    """Answer of a unit; where its worker died the file that it was at, or all of them, are lost."""
    if not isinstance(answer, Crash):
        return answer
    at = [entry for entry in job.inputs if entry.path == answer.reading] or job.inputs
    result = UnitAnalysis(lost=[entry.left_out("crash", answer.text(entry.path)) for entry in at])
    others = [entry.path.name for entry in job.inputs if entry not in at]
    if others:
        result.warnings.append(f"{', '.join(others)} left out: they belong to the same measurement.")
    return result


def _check_sample_changes(inputs: Sequence[RunInput], choices: Choices) -> None:
    """Raise InputError where what the choices set in a sample does not fit it, while the sample as stored is right."""
    for entry in inputs:
        if entry.fault != "sample":
            continue
        changes = choices.sample_changes(str(entry.attrs["sample"].get("name")))
        stored = {
            key: value
            for key, value in entry.attrs.get("overrides", {}).items()
            if key.removeprefix("sample.") not in changes
        }
        try:
            sample_of(replace(entry, attrs={**entry.attrs, "overrides": stored}))
        except InputError:
            continue
        raise InputError(f"Keys set for samples must fit them: {entry.reason}")


def _series(samples: list[SampleAnalysis], choices: Choices, warnings: list[str]) -> SeriesAnalysis | None:
    """Joint result of the largest thickness series among `samples`; what is left out is added to `warnings`."""
    groups = thickness_series(samples)
    for group in groups[1:]:
        names = ", ".join(entry.sample.name for entry in group)
        warnings.append(f"Thickness series of {names} not fitted beside a larger one. Analyse its runs alone.")
    if not groups:
        return None
    try:
        series = analyze_thickness_series(groups[0], choices)
    except AsotError as error:
        warnings.append(f"Thickness series left out: {error}")
        return None
    warnings += [f"Thickness series: {warning}" for warning in series.warnings]
    return series


def _disagrees(entry: SampleAnalysis) -> bool:
    imaginary = entry.result.checks.get("imaginary_torque")
    return imaginary is not None and imaginary.p_value() < _IMPROBABLE


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
