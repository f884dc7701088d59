"""Averaging within a point, until its standard error is small enough or its time is up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from analysis.detection import mean_inflation
from analysis.run_file import Column
from analysis.stack import FloatArray
from instruments import Bench
from procedures import Averaging, Measurement, Point, Reading


def standard_error(values: npt.ArrayLike, correlation: FloatArray) -> float:
    """Standard error of the mean of equally spaced, correlated readings.

    Parameters
    ----------
    values : (n,)
        Readings, at least two.
    correlation : (n,)
        Known correlation of their noise at lags of 0, 1, ... n - 1 readings.

    Notes
    -----
    With c = 1 + 2 sum_k (1 - k/n) rho_k the mean has the variance s0^2 c / n, and the scatter s^2 about the mean
    estimates s0^2 (n - c) / (n - 1): correlated readings scatter too little, and their mean scatters too much.
    """
    data = np.asarray(values, dtype=float)
    count = len(data)
    inflation = mean_inflation(correlation[:count])
    variance = float(np.var(data, ddof=1)) * (count - 1) / (count - inflation)
    return math.sqrt(variance * inflation / count)


def average(procedure: Measurement, point: Point, bench: Bench, averaging: Averaging) -> tuple[Reading, int]:
    """Measure at `point` until the standard error is reached or the time is up.

    Returns
    -------
    reading, count
        Mean reading, with `<signal>_errors` added, and the number of readings behind it.
    """
    start = bench.clock.now()
    readings = [procedure.measure(point, bench)]
    spacing = averaging.spacing
    most = averaging.most
    correlation = averaging.correlation(spacing * np.arange(min(most, 100)))
    correlation = np.pad(correlation, (0, most - len(correlation)))  # nothing is left after a hundred spacings
    error = math.nan
    while len(readings) < most:
        bench.clock.wait(start + len(readings) * spacing - bench.clock.now())
        readings.append(procedure.measure(point, bench))
        if len(readings) >= averaging.least or len(readings) == most:
            error = standard_error([reading[averaging.signal] for reading in readings], correlation)
            if error <= averaging.target:
                break
    mean = combined(readings, procedure.columns)
    mean[f"{averaging.signal}_errors"] = error
    return mean, len(readings)


def combined(readings: Sequence[Reading], columns: Sequence[Column]) -> Reading:
    """Mean of readings: flags are united, set-points are those of the first, all else is averaged."""
    result: Reading = {}
    for column in columns:
        values = [reading[column.name] for reading in readings]
        if column.role == "set_point":
            result[column.name] = values[0]
        elif column.role == "status":
            flags = 0
            for value in values:
                flags |= int(value)
            result[column.name] = float(flags)
        else:
            result[column.name] = float(np.mean(values))
    return result
