"""Readings of the same thing again and again: mean, scatter and drift, with what they are worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.errors import AnalysisError
from analysis.result import Estimate
from analysis.stack import FloatArray

if TYPE_CHECKING:
    import xarray


def good_readings(run: xarray.Dataset, *names: str, least: int = 3) -> tuple[FloatArray, ...]:
    """Columns of `run` at the points that were measured without overload or lost reference.

    Parameters
    ----------
    run
        From `load_run`.
    names
        Of the columns.
    least
        Number of points that there must be.

    Raises
    ------
    AnalysisError
        Where fewer are left.
    """
    columns = [run[name].to_numpy() for name in names]
    good = np.all(np.isfinite(columns), axis=0)
    if "lock_in_status" in run:
        good &= run["lock_in_status"].to_numpy() == 0
    if np.sum(good) < least:
        raise AnalysisError(
            f"Run must have at least {least} good readings; {int(np.sum(good))} are left of {len(good)}. Look for "
            "overloads and a lost reference, then measure again."
        )
    return tuple(column[good] for column in columns)


def mean(values: FloatArray, unit: str) -> Estimate:
    """Mean of independent readings (n,) with the standard error that their scatter gives."""
    count = len(values)
    std = float(np.std(values, ddof=1)) / count**0.5
    return Estimate(float(np.mean(values)), std, unit, noise_std=std, dof=count - 1)


def scatter(values: FloatArray, unit: str, lost: int = 1) -> Estimate:
    """Standard deviation of independent readings (n,), less `lost` degrees of freedom: s +- s / sqrt(2 dof)."""
    dof = len(values) - lost
    deviation = float(np.sqrt(np.sum((values - np.mean(values)) ** 2) / dof))
    return Estimate(deviation, deviation / (2 * dof) ** 0.5, unit)
