"""The standard measurement of one sample: what drifted between its beginning and its end."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import sample_data
from analysis.errors import AnalysisError
from analysis.finding import Curve, Finding, file_name
from analysis.loops import CHANNELS, measured_channels
from analysis.result import Estimate
from analysis.sample import Sample
from analysis.sample_analysis import shared_wavelength
from analysis.sample_fit import complex_ratio, zero_field_angles

if TYPE_CHECKING:
    import xarray

_CERTAIN = 3.0  # standard deviations by which a drift must differ from zero to be told ...
_RELATIVE = 0.01  # ... and by which part of the value
_FAR = 1e-6  # m, drift of the spot that is told: as much Oersted signal as ASOT


@dataclass(frozen=True)
class _Recurring:
    """A quantity that single runs find: what its drift is called, whether it is relative, and how it is drawn."""

    drift: str
    relative: bool
    label: str
    scale: float
    advice: str


_RECENTRE = "The ASOT runs saw part of the Oersted field: let the stage settle, and measure again."
_RECURRING: Mapping[str, _Recurring] = {
    "centre_x": _Recurring("centre_drift_x", False, "Centre along the current (µm)", 1e6, _RECENTRE),
    "centre_y": _Recurring("centre_drift_y", False, "Centre across the current (µm)", 1e6, _RECENTRE),
    "resistance": _Recurring(
        "resistance_drift", True, "Resistance (ohm)", 1.0, "The film warms or ages: take a smaller current."
    ),
}


def analyze_asot_pair(runs: Sequence[xarray.Dataset], findings: Sequence[Finding], sample: Sample) -> Finding | None:
    """Compare what was measured before the ASOT runs with the same thing after them.

    Parameters
    ----------
    runs
        All runs of one sample in one recipe, from `load_run`.
    findings
        Of these and of any other runs.
    sample
        The sample.

    Returns
    -------
    Finding or None
        calibration_drift, resistance_drift (relative; last over first, less 1) and centre_drift_x, centre_drift_y (m;
        last less first), each where it was measured twice; None where nothing was.

    Notes
    -----
    The calibration drifts by the real part of the ratio of both complex calibration angles. The torque rests on the
    mean of both, which is right to first order where the ASOT runs lie in the middle between them.
    """
    asot = [run for run in _field_sweeps(runs) if run.attrs["parameters"]["path"] == "sample"]
    if not asot:
        return None
    numbers = [run.attrs["number"] for run in asot]
    quantities: dict[str, Estimate] = {}
    warnings: list[str] = []
    curves = []
    used: list[str] = []
    coil = [run for run in _field_sweeps(runs) if run.attrs["parameters"]["path"] == "coil"]
    before = [run for run in coil if run.attrs["number"] < min(numbers)]
    after = [run for run in coil if run.attrs["number"] > max(numbers)]
    if _complete(before) and _complete(after):
        drift, curve = _calibration_drift(asot, before, after, sample)
        quantities["calibration_drift"] = drift
        curves.append(curve)
        used += [file_name(run) for run in (*before, *after)]
        if _differs(drift) and abs(drift.value) > _RELATIVE:
            warnings.append(
                f"The second calibration differs from the first by {100 * drift.value:+.1f} %. The torque rests on "
                "their mean: look for what changed (focus, coil current, analyser), and measure again."
            )
    of_run = {file_name(run): run for run in runs}
    for name, recurring in _RECURRING.items():
        found = [
            (of_run[finding.runs[0]], finding.quantities[name])
            for finding in findings
            if len(finding.runs) == 1 and finding.runs[0] in of_run and name in finding.quantities
        ]
        found.sort(key=lambda pair: pair[0].attrs["number"])
        if len(found) < 2 or not found[0][0].attrs["number"] < min(numbers) < found[-1][0].attrs["number"]:
            continue
        drift = _difference(found[0][1], found[-1][1], recurring.relative)
        quantities[recurring.drift] = drift
        curves.append(_curve(recurring, found))
        used += [file_name(run) for run, _ in found]
        if _differs(drift) and abs(drift.value) > (_RELATIVE if recurring.relative else _FAR):
            size = f"{100 * drift.value:+.1f} %" if recurring.relative else f"{1e6 * drift.value:+.2f} um"
            warnings.append(f"{name.replace('_', ' ').capitalize()} drifted by {size}. {recurring.advice}")
    if not quantities:
        return None
    names = tuple(dict.fromkeys([*used, *(file_name(run) for run in asot)]))
    return Finding("asot-pair", sample.name, names, quantities, tuple(warnings), tuple(curves))


def _field_sweeps(runs: Sequence[xarray.Dataset]) -> list[xarray.Dataset]:
    sweeps = [run for run in runs if run.attrs["procedure"] == "field-sweep"]
    return sorted(sweeps, key=lambda run: int(run.attrs["number"]))


def _complete(runs: Sequence[xarray.Dataset]) -> bool:
    """Whether both channels were read."""
    return {channel for run in runs for channel in measured_channels(run)} == set(CHANNELS)


def _calibration_drift(
    asot: Sequence[xarray.Dataset], before: Sequence[xarray.Dataset], after: Sequence[xarray.Dataset], sample: Sample
) -> tuple[Estimate, Curve]:
    stack, coercive = sample.stack(), sample.film.coercive_field
    wavelength = shared_wavelength([*asot, *before, *after])
    angles = []
    for runs in (before, after):
        data = sample_data([*asot, *runs], stack, coercive, wavelength=wavelength)
        if data.coil_current is None:
            raise AnalysisError("Calibration runs must hold a coil current; they hold none. Measure them again.")
        field = data.coil_current * sample.coil.field_per_ampere.value
        per_tesla = zero_field_angles(data, stack, coercive, field, wavelength=wavelength)
        angles.append((per_tesla.calibration / field, per_tesla.calibration_covariance / field**2))
    (first, first_covariance), (second, second_covariance) = angles
    ratio, covariance = complex_ratio(second, second_covariance, first, first_covariance)
    std = math.sqrt(covariance[0, 0])
    mean = (1 + ratio.real) / 2
    values = 100 * (np.array([1.0, ratio.real]) / mean - 1)
    times = np.array([_time(before), _time(after)]) - _time(asot)
    errors = np.full(2, 100 * std / math.sqrt(2))  # both calibrations alike
    curve = Curve(
        "Calibration", "Time from the ASOT runs (min)", "Signal from the mean (%)", times / 60, values, errors
    )
    return Estimate(ratio.real - 1, std, "1"), curve


def _difference(first: Estimate, last: Estimate, relative: bool) -> Estimate:
    std = math.hypot(first.std or 0.0, last.std or 0.0)
    change = last.value - first.value
    return (
        Estimate(change / first.value, std / abs(first.value), "1") if relative else Estimate(change, std, first.unit)
    )


def _differs(drift: Estimate) -> bool:
    return abs(drift.value) > _CERTAIN * (drift.std or 0.0)


def _curve(recurring: _Recurring, found: Sequence[tuple[xarray.Dataset, Estimate]]) -> Curve:
    times = np.array([_time([run]) for run, _ in found]) / 60
    values = np.array([estimate.value for _, estimate in found]) * recurring.scale
    errors = np.array([estimate.std or 0.0 for _, estimate in found]) * recurring.scale
    title = recurring.label.rpartition(" (")[0]
    return Curve(title, "Bench time (min)", recurring.label, times, values, errors)


def _time(runs: Sequence[xarray.Dataset]) -> float:
    """Middle (s) of `runs` on the clock of the bench."""
    return float(np.mean([np.mean(run["time"].to_numpy()) for run in runs]))
