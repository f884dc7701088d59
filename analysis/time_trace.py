"""Analysis of a time trace: mean, scatter and drift of lock-in output, sum and field."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.finding import Curve, Finding, file_name
from analysis.least_squares import fit_linear
from analysis.readings import good_readings, scatter
from analysis.result import Estimate
from analysis.sample import Sample

if TYPE_CHECKING:
    import xarray

_HOUR = 3600.0  # s
_CLEAR = 5.0  # standard errors at which a drift is told
_SCALES = {"x": (1e9, "X (nV)"), "y": (1e9, "Y (nV)"), "sum": (1.0, "sum (V)"), "field": (1e3, "field (mT)")}
_CAUSES = {
    "x": "the pick-up or the balance moves, or the sample heats",
    "y": "a pick-up or the phase of the current moves",
    "sum": "the laser or the focus moves: let them settle, and repeat the calibration close to the measurement",
    "field": "the supply or the Hall probe warms up",
}


def analyze_time_trace(run: xarray.Dataset, sample: Sample) -> Finding:
    """Mean, scatter about the line, and drift per hour of X, Y, sum and field.

    Parameters
    ----------
    run
        Of the procedure time-trace.
    sample
        The sample in it.

    Notes
    -----
    A straight line in time is fitted to each; the scatter about it sets the standard errors.
    """
    time, *columns = good_readings(run, "time", *_SCALES, least=8)
    hours = (time - np.mean(time)) / _HOUR
    quantities: dict[str, Estimate] = {}
    warnings, curves = [], []
    for (name, (scale, label)), values in zip(_SCALES.items(), columns, strict=True):
        unit = str(run[name].attrs.get("units", ""))
        fit = fit_linear(np.column_stack([np.ones_like(hours), hours]), values, None, [f"{name} mean", f"{name} drift"])
        stds = np.sqrt(np.diag(fit.covariance))
        for suffix, place, per in (("mean", 0, ""), ("drift", 1, "/h")):
            value, std = float(fit.values[place]), float(stds[place])
            quantities[f"{name}_{suffix}"] = Estimate(value, std, unit + per, noise_std=std, dof=fit.dof)
        quantities[f"{name}_scatter"] = scatter(fit.residuals, unit, lost=2)
        drift = quantities[f"{name}_drift"]
        if drift.std and abs(drift.value) > _CLEAR * drift.std:
            warnings.append(f"{label.split(' ')[0]} drifts by {drift}: {_CAUSES[name]}.")
        minutes = (time - time[0]) / 60
        curves.append(
            Curve(
                f"{label.split(' ')[0]} against time", "time (min)", label, minutes, scale * values,
                fit_x=minutes, fit_y=scale * (values - fit.residuals),
            )
        )  # fmt: skip
    return Finding("time-trace", sample.name, (file_name(run),), quantities, tuple(warnings), curves)


def drift_error(count: int, spacing: float) -> float:
    """Standard error of a drift (per hour) of `count` readings `spacing` (s) apart, over the scatter of one."""
    return float(np.sqrt(12 / (count * (count**2 - 1)))) / (spacing / _HOUR)
