"""Results in files: HDF5 with everything behind the numbers, the same as JSON, and a table as CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.errors import InputError
from analysis.finding import Finding
from analysis.result import Estimate, TorqueResult
from analysis.run_analysis import Analysis
from analysis.sample_analysis import SampleAnalysis
from analysis.sample_fit import fitted_loops
from analysis.thickness_series import SeriesAnalysis

if TYPE_CHECKING:
    import h5py

RESULT_VERSION = 1
"""Version of the layout of result files."""

_COLUMNS = ("kind", "name", "quantity", "value", "std", "unit", "runs")
_TORQUES = ("torque_top", "torque_bottom", "efficiency", "torque_conductivity", "current_density")


def write_results(analysis: Analysis, folder: str | Path, provenance: Mapping[str, Any] | None = None) -> list[Path]:
    """Write `result.h5`, `result.json` and `result.csv` into a folder; earlier ones are replaced.

    Equal inputs, choices and programs give equal bytes: nothing in the files depends on the time, the machine, the
    order of the paths or the number of processes.

    Parameters
    ----------
    analysis
        From `analyze`.
    folder
        Made where it does not exist. Run files are never written to.
    provenance
        Versions of the program that made the result.

    Returns
    -------
    list of Path

    Raises
    ------
    InputError
        Where the folder cannot be written, or holds a file `result.h5` that is no result.
    """
    folder = Path(folder)
    document = {**analysis.as_dict(), "provenance": dict(provenance or {})}
    targets = [folder / f"result.{suffix}" for suffix in ("h5", "json", "csv")]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _check_replaceable(targets[0])
        _publish(targets[0], lambda path: _write_hdf5(path, analysis, document))
        text = json.dumps(document, indent=1, default=_number) + "\n"
        _publish(targets[1], lambda path: _write_text(path, text))
        _publish(targets[2], lambda path: _write_text(path, table(analysis)))
    except OSError as error:
        raise InputError(
            f"Folder of results must be one that can be written; {folder}: {error}. Choose another."
        ) from None
    return targets


def table(analysis: Analysis) -> str:
    """Every quantity with its uncertainty as CSV: kind, name, quantity, value, std, unit, runs."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for kind, name, runs, quantities in _tables(analysis):
        for key, estimate in quantities.items():
            std = "" if estimate.std is None else repr(float(estimate.std))
            writer.writerow([kind, name, key, repr(float(estimate.value)), std, estimate.unit, " ".join(runs)])
    return stream.getvalue()


def _tables(analysis: Analysis) -> Iterator[tuple[str, str, Sequence[str], Mapping[str, Estimate]]]:
    for entry in analysis.samples:
        yield "sample", entry.sample.name, entry.runs, {**_torques(entry.result), **entry.result.checks}
    if analysis.series is not None:
        names = " ".join(entry.sample.name for entry in analysis.series.entries)
        runs = [run for entry in analysis.series.entries for run in entry.runs]
        yield "series", names, runs, {**_torques(analysis.series.result), "imbalance": analysis.series.imbalance}
    for finding in analysis.findings:
        yield finding.procedure, finding.sample, finding.runs, finding.quantities


def _torques(result: TorqueResult) -> dict[str, Estimate]:
    return {name: estimate for name in _TORQUES if (estimate := getattr(result, name)) is not None}


def _write_hdf5(path: Path, analysis: Analysis, document: Mapping[str, Any]) -> None:
    import h5py

    with h5py.File(path, "w", track_order=True) as file:
        file.attrs["asot_result"] = RESULT_VERSION
        texts = ("provenance", "choices", "warnings")
        for name in texts:
            file[name] = json.dumps(document[name], default=_number)
        file["choices_file"] = analysis.choices.text
        inputs = file.create_group("inputs")
        for key in document["inputs"][0] if document["inputs"] else ():
            values = [entry[key] for entry in document["inputs"]]
            inputs[key] = [-1 if value is None else value for value in values]
        for number, entry in enumerate(analysis.samples):
            _write_sample(file.create_group(f"samples/{number}"), entry)
        if analysis.series is not None:
            _write_series(file.create_group("series"), analysis.series)
        for number, finding in enumerate(analysis.findings):
            _write_finding(file.create_group(f"findings/{number}"), finding)


def _write_sample(group: h5py.Group, entry: SampleAnalysis) -> None:
    group.attrs["name"] = entry.sample.name
    group["runs"], group["incomplete_runs"] = _texts(entry.runs), _texts(entry.incomplete)
    group["sample"] = entry.sample.model_dump_json()
    group["wavelength"], group["side"], group["window"] = entry.wavelength, entry.side, entry.window
    _write_result(group.create_group("result"), entry.result)
    if entry.bootstrap is not None:
        group["bootstrap"] = entry.bootstrap.torques
        group["bootstrap"].attrs["units"], group["bootstrap"].attrs["seed"] = "J/m^2", entry.bootstrap.seed
    fits = fitted_loops(
        entry.data,
        entry.sample.stack(),
        entry.sample.film.coercive_field,
        entry.side,
        entry.wavelength,
        entry.window,
    )
    for (path, channel), loop in entry.data.loops.items():
        node = group.create_group(f"loops/{path}_{channel}")
        for name in ("field", "odd", "even"):
            node[name] = getattr(loop, name)
            node[f"fit_{name}"] = getattr(fits[(path, channel)], name)
        node["difference"] = loop.difference
        for number, one in enumerate(loop.loops):
            single = node.create_group(f"measured/{number}")
            single.attrs["polarization"], single.attrs["sign"] = one.polarization, loop.signs.get(one.polarization, 1)
            for name in ("asked", "field_down", "field_up", "down", "up"):
                single[name] = getattr(one, name)


def _write_series(group: h5py.Group, series: SeriesAnalysis) -> None:
    group["samples"], group["held"] = _texts([entry.sample.name for entry in series.entries]), series.held
    for name in ("thickness", "angles", "std", "gain"):
        group[name] = getattr(series, name)
    group["poorly_described"] = _texts(series.poor)
    _write_estimate(group, "imbalance", series.imbalance)
    _write_result(group.create_group("result"), series.result)


def _write_finding(group: h5py.Group, finding: Finding) -> None:
    group.attrs["procedure"], group.attrs["sample"] = finding.procedure, finding.sample
    group["runs"], group["warnings"] = _texts(finding.runs), _texts(finding.warnings)
    for name, estimate in finding.quantities.items():
        _write_estimate(group.require_group("quantities"), name, estimate)
    for kind, panels, arrays in (
        ("curves", finding.curves, ("x", "y", "errors", "fit_x", "fit_y")),
        ("maps", finding.maps, ("x", "y", "values")),
    ):
        for number, panel in enumerate(panels):
            node = group.create_group(f"{kind}/{number}")
            for name in ("title", "x_label", "y_label", "value_label"):
                if hasattr(panel, name):
                    node.attrs[name] = getattr(panel, name)
            for name in arrays:
                if getattr(panel, name) is not None:
                    node[name] = np.asarray(getattr(panel, name))


def _write_result(group: h5py.Group, result: TorqueResult) -> None:
    for name, estimate in _torques(result).items():
        _write_estimate(group, name, estimate)
    for name, estimate in result.checks.items():
        _write_estimate(group.require_group("checks"), name, estimate)
    group["parameters"], group["at_bounds"] = _texts(result.parameters), _texts(result.at_bounds)
    group["polarity"], group["std_source"] = result.polarity, result.std_source
    for name in ("covariance", "chi2", "dof", "residuals", "model_angles", "calibration_residuals"):
        if getattr(result, name) is not None:
            group[name] = getattr(result, name)
    for entry in result.systematics:
        node = group.create_group(f"systematics/{entry.name}")
        node.attrs["value"], node.attrs["std"] = entry.value, entry.std
        for direction in ("effects", "up", "down"):
            for key, change in getattr(entry, direction).items():
                node.attrs[f"{direction}_{key}"] = change


def _write_estimate(group: h5py.Group, name: str, estimate: Estimate) -> None:
    group[name] = estimate.value
    group[name].attrs["units"] = estimate.unit
    for key in ("std", "noise_std", "dof"):
        if getattr(estimate, key) is not None:
            group[name].attrs[key] = getattr(estimate, key)


def _texts(values: Sequence[str]) -> Any:
    import h5py

    return np.array(list(values), dtype=h5py.string_dtype())


def _check_replaceable(target: Path) -> None:
    """Raise InputError where a file that is no result, such as a run, bears the name."""
    import h5py

    if not target.exists():
        return
    try:
        with h5py.File(target, "r") as file:
            good = "asot_result" in file.attrs
    except OSError:
        good = False
    if not good:
        raise InputError(f"{target} must be a result of asot to be replaced; it is not. Choose another folder.")


def _publish(target: Path, write: Callable[[Path], None]) -> None:
    """Write a file under another name, then give it its own."""
    partial = target.with_name(target.name + ".partial")
    try:
        write(partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")


def _number(value: Any) -> Any:
    """NumPy's numbers as JSON."""
    return value.item()
