"""Readings taken in saturation: which are good, how noisy they are, and what of them is odd or even in the field."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from analysis import detection
from analysis.errors import AnalysisError
from analysis.loops import CHANNELS, Channel
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray

IMPROBABLE = 1e-3
"""Probability below which a distance from what was expected is told."""

Rows = dict[str, FloatArray]


def good_readings(run: xarray.Dataset) -> Rows:
    """Columns (n,) of the points without overload or lost reference, that have a value.

    Raises
    ------
    AnalysisError
        Where there is none.
    """
    columns = {str(name): run[name].to_numpy() for name in run.data_vars}
    good = (columns["lock_in_status"] == 0) & np.isfinite(columns["kerr_signal"]) & (columns["sum"] > 0)
    if not np.any(good):
        raise AnalysisError("Run must hold readings without overload; it holds none. Measure again.")
    return {name: values[good] for name, values in columns.items()}


def chosen(rows: Rows, mask: npt.NDArray[np.bool_]) -> Rows:
    """Rows where `mask` is true."""
    return {name: values[mask] for name, values in rows.items()}


def channels_of(rows: Rows) -> list[Channel]:
    """Channels among the rows."""
    return [channel for number, channel in enumerate(CHANNELS) if np.any(rows["channel"] == number)]


def volts_to_angle(rows: Rows) -> FloatArray:
    """Peak Kerr angle per lock-in volt (n,) (rad/V rms): sqrt(2) / (2 G V_sum), the gain G as the run used it."""
    seen = rows["x"] != 0
    if not np.any(seen):
        raise AnalysisError("Run must hold a lock-in signal; X is 0 throughout. Check the cable to the lock-in.")
    constant = float(np.median((rows["kerr_signal"] * rows["sum"])[seen] / rows["x"][seen]))
    return np.asarray(constant / rows["sum"])


def reading_errors(rows: Rows, groups: npt.NDArray[np.int64], design: FloatArray) -> tuple[FloatArray, int]:
    """Standard error of each reading, from the scatter of the quadrature output Y, which has the noise of X.

    Parameters
    ----------
    rows
        From `good_readings`.
    groups : (n,)
        Number that rows share whose Y follows one curve.
    design : (n, parameters)
        That curve: Y (V) of a group is a sum of these columns, whatever phase or pick-up there is.

    Returns
    -------
    errors : (n,)
        (rad, peak); the variance of a voltage goes with the detected power, as that of shot noise, and with the
        inverse number of readings averaged.
    dof
        Degrees of freedom of their common scale.

    Raises
    ------
    AnalysisError
        Where there are too few readings.
    """
    deviation = np.sqrt(rows["sum"] / np.maximum(rows["readings"], 1))
    square, dof = 0.0, 0
    for group in np.unique(groups):
        here = groups == group
        weighted = design[here] / deviation[here, np.newaxis]
        values = rows["y"][here] / deviation[here]
        solution, _, rank, _ = np.linalg.lstsq(weighted, values, rcond=None)
        square += float(np.sum((values - weighted @ solution) ** 2))
        dof += len(values) - int(rank)
    if dof < 1:
        raise AnalysisError("Run must hold more readings than its quadrature has parameters. Measure more points.")
    return np.abs(volts_to_angle(rows)) * deviation * math.sqrt(square / dof), dof


@dataclass(frozen=True)
class FieldParts:
    """Means over +H and -H and over the polarisations, at each value of what was swept.

    Attributes
    ----------
    value : (m,)
        Set-point of what was swept, ascending.
    odd, even : (m,)
        Half the difference and half the sum of +H and -H (rad, peak).
    std : (m,)
        Standard error of either.
    by_polarization : {polarisation: (odd, std)}
        The odd part of each polarisation (rad), by its angle.
    """

    value: FloatArray
    odd: FloatArray
    even: FloatArray
    std: FloatArray
    by_polarization: dict[float, tuple[FloatArray, FloatArray]]

    def opposite_polarizations(self, size: FloatArray) -> bool:
        """Whether two polarisations report the odd part, taken as proportional to `size` (m,), with opposite signs."""
        signs = set()
        for odd, std in self.by_polarization.values():
            slope, slope_std = _proportional(size, odd, std)
            if abs(slope) > 5 * slope_std:
                signs.add(slope > 0)
        return len(signs) > 1


def _proportional(size: FloatArray, values: FloatArray, std: FloatArray) -> tuple[float, float]:
    weight = float(np.sum((size / std) ** 2))
    return float(np.sum(size * values / std**2)) / weight, 1 / math.sqrt(weight)


def field_parts(rows: Rows, signal: FloatArray, errors: FloatArray, swept: str) -> FieldParts:
    """Split `signal` (n,) (rad) with `errors` (n,) of one channel; values without both fields are left out.

    Raises
    ------
    AnalysisError
        Where no value has both fields at every polarisation.
    """
    angles = [float(angle) for angle in np.unique(rows["polarization"])]
    values, table = [], []
    for value in np.unique(rows[swept]):
        cell = []
        for angle in angles:
            at = (rows[swept] == value) & (rows["polarization"] == angle)
            cell += [_mean(signal[at & side], errors[at & side]) for side in (rows["field"] > 0, rows["field"] < 0)]
        if all(entry is not None for entry in cell):
            values.append(float(value))
            table.append(cell)
    if not values:
        raise AnalysisError(
            f"Run must hold readings at +H and -H for every polarisation at some {swept}; it does not. Measure again."
        )
    means = np.array(table, dtype=float).reshape(len(values), len(angles), 2, 2)  # value, angle, side, (mean, variance)
    odd, even = (means[:, :, 0, 0] - means[:, :, 1, 0]) / 2, (means[:, :, 0, 0] + means[:, :, 1, 0]) / 2
    variance = (means[:, :, 0, 1] + means[:, :, 1, 1]) / 4
    return FieldParts(
        np.array(values),
        odd.mean(axis=1),
        even.mean(axis=1),
        np.sqrt(variance.sum(axis=1)) / len(angles),
        {angle: (odd[:, place], np.sqrt(variance[:, place])) for place, angle in enumerate(angles)},
    )


def _mean(signal: FloatArray, errors: FloatArray) -> tuple[float, float] | None:
    """Weighted mean and its variance; None of nothing."""
    if not len(signal):
        return None
    weights = errors**-2.0
    total = float(np.sum(weights))
    return float(np.sum(weights * signal)) / total, 1 / total


def phase_warnings(rows: Rows, errors: FloatArray, path: str) -> list[str]:
    """Warn where the signal stands off the detection phase: what is in Y is missing in X."""
    ratio = volts_to_angle(rows)
    x, y = rows["x"] * ratio, rows["y"] * ratio
    slope, std = _proportional(x, y, errors)
    return detection.phase_warnings(slope, std, path)


def polarization_warning(channel: Channel) -> str:
    """Warn of polarisations that cancel each other."""
    return (
        f"{channel}: the polarisations report opposite signs, so that their mean says nothing. Check that analysing "
        "and quarter-wave plate follow the polarisation."
    )


def misfit_probability(chi2: float, dof: float, noise_dof: float) -> float:
    """Probability of a chi2 as large, or larger, where the scale of the noise itself was measured (F distribution)."""
    from scipy.special import fdtrc

    return float(fdtrc(dof, noise_dof, chi2 / dof))
