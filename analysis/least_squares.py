"""Weighted least squares, linear and nonlinear, that refuse to separate what the data cannot tell apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from analysis.errors import AnalysisError, IdentifiabilityError
from analysis.stack import FloatArray

NUMERICALLY_SINGULAR = 1e6
"""Inflation of a standard error by other parameters beyond which only rounding would tell them apart."""

_LARGEST_NUMBER_OF_STEPS = 200


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
    design: FloatArray,
    data: FloatArray,
    std: FloatArray | None,
    names: Sequence[str],
    largest_inflation: float = NUMERICALLY_SINGULAR,
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
    norms, singular, left, right = _decomposed(design * weights[:, np.newaxis], names, largest_inflation)
    values = right.T @ ((left.T @ (data * weights)) / singular) / norms
    residuals = data - design @ values
    chi2 = float(np.sum((residuals * weights) ** 2))
    dof = count - parameters
    covariance = (right.T / singular**2) @ right / np.outer(norms, norms)
    if std is None:
        if dof == 0:
            raise AnalysisError(
                f"Fit of {', '.join(names)} must have more data than parameters when no standard deviations are given; "
                f"received {count}. Give them, or measure more points."
            )
        covariance = covariance * chi2 / dof
    return LinearFit(values, covariance, chi2, dof, residuals)


def _decomposed(
    weighted: FloatArray, names: Sequence[str], largest_inflation: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Column norms and singular value decomposition (singular, left, right) of a design that can be solved."""
    norms = np.sqrt(np.einsum("ij,ij->j", weighted, weighted))
    if np.any(norms == 0):
        silent = ", ".join(name for name, norm in zip(names, norms, strict=True) if norm == 0)
        raise IdentifiabilityError(
            f"Data must respond to {silent}; they do not at all. Fix it, or measure what depends on it."
        )
    if len(names) == 1:  # alone it is always told apart
        return norms, np.ones(1), weighted / norms, np.ones((1, 1))
    left, singular, right = np.linalg.svd(weighted / norms, full_matrices=False)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        inflation = np.sqrt(np.sum((right / singular[:, np.newaxis]) ** 2, axis=0))
    if not np.all(inflation <= largest_inflation):
        worst = right[-1] / np.max(np.abs(right[-1]))
        involved = [
            f"{value:+.2g} {name}"
            for name, value, growth in zip(names, worst, inflation, strict=True)
            if not growth <= largest_inflation
        ]
        raise IdentifiabilityError(
            f"Fit must be able to tell {', '.join(names)} apart; the data hardly change along {' '.join(involved)} "
            f"(in units of each one's own effect), which inflates a standard error {np.max(inflation):.3g} times. "
            "Fix one of them to a value measured otherwise."
        )
    return norms, singular, left, right


@dataclass(frozen=True)
class Parameter:
    """Parameter of `fit_nonlinear`.

    Attributes
    ----------
    name
        For messages.
    start
        Where the search begins, inside the bounds.
    prior, prior_std
        Normal prior; a standard deviation of infinity leaves the parameter free.
    lower, upper
        Bounds.
    """

    name: str
    start: float = 0.0
    prior: float = 0.0
    prior_std: float = math.inf
    lower: float = -math.inf
    upper: float = math.inf


@dataclass(frozen=True)
class NonlinearFit:
    """Result of `fit_nonlinear`.

    Attributes
    ----------
    values : (parameters,)
        Best values.
    covariance : (parameters, parameters)
        Of the model linearised there, priors included, bounds not.
    noise_covariance : (parameters, parameters)
        The part of it that the noise of the data causes; the rest is the spread of the priors.
    scatter
        Standard deviation of one datum in units of its weight: 1 where standard deviations were given.
    chi2
        Sum of squares in units of `scatter`, priors included.
    dof
        Number of data and priors less number of parameters.
    scatter_dof
        Degrees of freedom of `scatter`: number of data less the parameters that data, not priors, determine.
    residuals : (data,)
        Data less model.
    at_bounds
        Names of the parameters that ended on a bound.
    """

    values: FloatArray
    covariance: FloatArray
    noise_covariance: FloatArray
    scatter: float
    chi2: float
    dof: int
    scatter_dof: float
    residuals: FloatArray
    at_bounds: tuple[str, ...]


def fit_nonlinear(
    model: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    data: FloatArray,
    parameters: Sequence[Parameter],
    known_scale: bool,
    largest_inflation: float,
) -> NonlinearFit:
    """Fit data = model(values) + noise of equal weight, with normal priors and bounds.

    Parameters
    ----------
    model
        Function of values (parameters,) that returns model (data,) and its Jacobian (data, parameters); not finite
        where it does not apply, which the search then avoids.
    data : (data,)
        What was measured, in units of its standard deviation where that is known.
    parameters
        What to fit.
    known_scale
        Whether the standard deviation of `data` is 1; otherwise the residual scatter sets it.
    largest_inflation
        How many times the standard error of a free parameter may grow because other free ones are not fixed.

    Raises
    ------
    AnalysisError
        Where the search does not converge, or there are too few data.
    IdentifiabilityError
        Where the data cannot tell free parameters apart; the message names the combination.

    Notes
    -----
    Trust region reflective algorithm of SciPy with the model's own Jacobian. An unknown scatter s is found by
    iteration: s^2 = (sum of squares) / (N - trace of the data's hat matrix), in which the priors keep their own scale.
    """
    names = [parameter.name for parameter in parameters]
    values = np.array([parameter.start for parameter in parameters])
    priors = np.array([parameter.prior for parameter in parameters])
    rows = np.diag([1 / parameter.prior_std for parameter in parameters])
    held = rows.diagonal() > 0
    rows = rows[held]
    free = [number for number, has_prior in enumerate(held) if not has_prior]

    predicted, jacobian = model(values)
    scatter = 1.0 if known_scale else _scatter(data - predicted, len(data) - len(free), names)
    for _ in range(20):
        values, active, steps = _minimise(model, data, scatter, values, priors, rows, parameters)
        predicted, jacobian = model(values)
        if free:
            _decomposed(jacobian[:, free], [names[number] for number in free], largest_inflation)
        if steps >= _LARGEST_NUMBER_OF_STEPS:
            raise AnalysisError(
                f"Fit of {', '.join(names)} must converge; it did not in {steps} steps. Give narrower priors or "
                "bounds, or fit fewer of them."
            )
        full = np.vstack([jacobian / scatter, rows])
        distances = np.concatenate([(data - predicted) / scatter, rows @ (priors - values)])
        linear = fit_linear(full, distances, np.ones(len(distances)), names)
        information = jacobian.T @ jacobian / scatter**2
        scatter_dof = len(data) - float(np.sum(linear.covariance * information))
        if known_scale:
            break
        previous, scatter = scatter, _scatter(data - predicted, scatter_dof, names)
        if abs(scatter - previous) < 1e-4 * scatter:
            break
    else:
        raise AnalysisError(
            f"Residual scatter of the fit of {', '.join(names)} must settle; it does not. Give standard deviations."
        )
    chi2 = float(np.sum(distances**2))
    return NonlinearFit(
        values,
        linear.covariance,
        linear.covariance @ information @ linear.covariance,
        scatter,
        chi2,
        linear.dof,
        scatter_dof,
        data - predicted,
        tuple(name for name, on_bound in zip(names, active, strict=True) if on_bound),
    )


def _scatter(residuals: FloatArray, dof: float, names: Sequence[str]) -> float:
    if dof < 0.5:
        raise AnalysisError(
            f"Fit of {', '.join(names)} must have more data than parameters when no standard deviations are given; "
            f"received {len(residuals)}. Give them, or measure more points."
        )
    return math.sqrt(float(np.sum(residuals**2)) / dof)


def _minimise(
    model: Callable[[FloatArray], tuple[FloatArray, FloatArray]],
    data: FloatArray,
    scatter: float,
    start: FloatArray,
    priors: FloatArray,
    rows: FloatArray,
    parameters: Sequence[Parameter],
) -> tuple[FloatArray, FloatArray, int]:
    """Best values, a mask of those on a bound, and the steps of the search, in units of each one's standard error."""
    from scipy.optimize import least_squares

    def jacobian_at(values: FloatArray) -> FloatArray:
        return np.vstack([model(values)[1] / scatter, rows])

    norms = np.linalg.norm(jacobian_at(start), axis=0)
    if np.any(norms == 0):
        _decomposed(jacobian_at(start), [parameter.name for parameter in parameters], NUMERICALLY_SINGULAR)
    scale = 1 / norms

    def distances(scaled: FloatArray) -> FloatArray:
        values = scaled * scale
        return np.concatenate([(model(values)[0] - data) / scatter, rows @ (values - priors)])

    def slopes(scaled: FloatArray) -> FloatArray:
        return np.asarray(jacobian_at(scaled * scale) * scale)

    found = least_squares(
        distances,
        start / scale,
        jac=slopes,
        bounds=(
            [parameter.lower for parameter in parameters] / scale,
            [parameter.upper for parameter in parameters] / scale,
        ),
        method="trf",
        xtol=1e-9,
        ftol=1e-12,
        gtol=1e-10,
        max_nfev=_LARGEST_NUMBER_OF_STEPS,
    )
    return found.x * scale, found.active_mask != 0, found.nfev
