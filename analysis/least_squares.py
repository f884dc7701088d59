"""Weighted linear least squares that refuses to separate what the data cannot tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError, IdentifiabilityError
from analysis.stack import FloatArray


@dataclass(frozen=True)
class LinearFit:
    """Result of `fit_linear`.

    Attributes
    ----------
    values : (parameters,)
        Best values.
    covariance : (parameters, parameters)
        Their covariance; scaled by the residual scatter where no standard deviations were given.
    chi2
        Weighted sum of squares; without standard deviations the plain sum of squares.
    dof
        Number of data less number of parameters.
    residuals : (data,)
        Data less model.
    """

    values: FloatArray
    covariance: FloatArray
    chi2: float
    dof: int
    residuals: FloatArray


def fit_linear(
    design: FloatArray, data: FloatArray, std: FloatArray | None, names: Sequence[str], largest_inflation: float = 1e6
) -> LinearFit:
    """Fit data = design @ values.

    Parameters
    ----------
    design : (data, parameters)
        Response of each datum to each parameter.
    data : (data,)
        What was measured.
    std : (data,), optional
        Standard deviations; without them all data weigh the same and the residual scatter sets the scale.
    names
        Parameter names, for messages.
    largest_inflation
        How many times the standard error of a parameter may grow because the others are free as well.

    Raises
    ------
    AnalysisError
        For fewer data than parameters, or numbers that are not finite.
    IdentifiabilityError
        Where the data cannot tell some parameters apart; the message names the combination.
    """
    count, parameters = design.shape
    if count < parameters:
        raise AnalysisError(
            f"Fit of {', '.join(names)} must have at least {parameters} data; received {count}. Measure more points."
        )
    weights = np.ones(count) if std is None else 1 / std
    if not (np.all(np.isfinite(design)) and np.all(np.isfinite(data)) and np.all(np.isfinite(weights))):
        raise AnalysisError(
            f"Data of the fit of {', '.join(names)} must be finite with standard deviations above 0; they are not. "
            "Leave the points concerned out."
        )
    weighted = design * weights[:, np.newaxis]
    norms = np.linalg.norm(weighted, axis=0)
    if np.any(norms == 0):
        silent = ", ".join(name for name, norm in zip(names, norms, strict=True) if norm == 0)
        raise IdentifiabilityError(
            f"Data must respond to {silent}; they do not at all. Fix it, or measure what depends on it."
        )
    _, singular, right = np.linalg.svd(weighted / norms, full_matrices=False)
    with np.errstate(divide="ignore"):
        inflation = np.sqrt(np.sum((right / singular[:, np.newaxis]) ** 2, axis=0))
    if not np.all(inflation <= largest_inflation):
        worst = right[-1] / np.max(np.abs(right[-1]))
        involved = [f"{value:+.2g} {name}" for name, value in zip(names, worst, strict=True) if abs(value) > 0.1]
        raise IdentifiabilityError(
            f"Fit must be able to tell {', '.join(names)} apart; the data hardly change along {' '.join(involved)} "
            f"(in units of each one's own effect), which inflates a standard error {np.max(inflation):.3g} times. "
            "Fix one of them to a value measured otherwise."
        )
    inverse = right.T @ np.diag(1 / singular**2) @ right
    values = inverse @ (weighted / norms).T @ (data * weights) / norms
    residuals = data - design @ values
    chi2 = float(np.sum((residuals * weights) ** 2))
    dof = count - parameters
    covariance = inverse / np.outer(norms, norms)
    if std is None:
        if dof == 0:
            raise AnalysisError(
                f"Fit of {', '.join(names)} must have more data than parameters when no standard deviations are given; "
                f"received {count}. Give them, or measure more points."
            )
        covariance = covariance * chi2 / dof
    return LinearFit(values, covariance, chi2, dof, residuals)
