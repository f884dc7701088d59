"""From run files to results: groups runs by sample, fits each sample, says what was left out and why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from analysis import configuration
from analysis.averaged_loops import SampleData, sample_data
from analysis.errors import AnalysisError, InputError
from analysis.result import TorqueResult
from analysis.run_file import load_run
from analysis.sample import Sample
from analysis.sample_fit import fit_sample

if TYPE_CHECKING:
    import xarray


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
    """

    sample: Sample
    runs: tuple[str, ...]
    result: TorqueResult
    data: SampleData

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {"name": self.sample.name, "runs": list(self.runs), **self.result.as_dict()}


@dataclass(frozen=True)
class Analysis:
    """Results of all samples, and a warning for everything that was left out."""

    samples: tuple[SampleAnalysis, ...]
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {"samples": [entry.as_dict() for entry in self.samples], "series": {}, "warnings": list(self.warnings)}


def sample_of(run: xarray.Dataset) -> Sample:
    """Sample of a run: its note, with the keys that were set beside the file."""
    name = Path(run.attrs["path"]).name
    overrides = {
        key.removeprefix("sample."): value
        for key, value in run.attrs.get("overrides", {}).items()
        if key.startswith("sample.")
    }
    document = configuration.override(run.attrs["sample"], overrides, name)
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
        Where a path does not exist, or there is no run file at all.
    """
    warnings: list[str] = []
    groups: dict[str, list[xarray.Dataset]] = {}
    for path in run_files(paths):
        try:
            run = load_run(path)
        except InputError as error:
            warnings.append(f"{path.name} left out: {error}")
            continue
        if run.attrs["status"] != "finished":
            warnings.append(f"{path.name} left out: its status is {run.attrs['status']}: {run.attrs['exit_reason']}")
            continue
        flagged = int((run["lock_in_status"] != 0).sum())
        if flagged:
            warnings.append(
                f"{path.name}: {flagged} of {run.sizes['point']} points left out for overload or lost reference."
            )
        groups.setdefault(str(run.attrs["sample"].get("name")), []).append(run)
    samples = []
    for name, runs in groups.items():
        try:
            samples.append(_analyze_sample(runs, current_density))
        except AnalysisError as error:
            warnings.append(f"Sample {name} left out: {error}")
    return Analysis(tuple(samples), tuple(warnings))


def _analyze_sample(runs: list[xarray.Dataset], current_density: float | None) -> SampleAnalysis:
    sample = sample_of(runs[0])
    stack = sample.stack()
    result = fit_sample(
        runs,
        stack,
        coercive_field=sample.film.coercive_field,
        current_density=current_density,
        uncertainties=sample.uncertainties(),
    )
    data = sample_data(runs, stack, sample.film.coercive_field)
    return SampleAnalysis(sample, tuple(Path(run.attrs["path"]).name for run in runs), result, data)


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
