"""Least squares: exact answers, uncertainties, priors, bounds, and what must be refused."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analysis.errors import AnalysisError, IdentifiabilityError
from analysis.least_squares import Parameter, fit_linear, fit_nonlinear

X = np.linspace(0.0, 3.0, 25)


def decay(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """amplitude exp(-rate x) with its Jacobian."""
    amplitude, rate = values
    shape = np.exp(-rate * X)
    return amplitude * shape, np.stack([shape, -amplitude * X * shape], axis=-1)


def fit_decay(data: np.ndarray, known_scale: bool = True, **rate: float):
    parameters = [Parameter("amplitude", 1.0), Parameter("rate", **{"start": 0.5, **rate})]
    return fit_nonlinear(decay, data, parameters, known_scale, largest_inflation=10.0)


def test_line_with_given_errors_has_the_textbook_covariance():
    std = np.linspace(0.1, 0.3, 25)
    design = np.stack([np.ones(25), X], axis=-1)
    fit = fit_linear(design, 2 + 3 * X, std, ("offset", "slope"))
    weights = 1 / std**2
    normal = np.array([[weights.sum(), weights @ X], [weights @ X, weights @ X**2]])
    assert_allclose(fit.values, [2, 3], rtol=1e-12)
    assert_allclose(fit.covariance, np.linalg.inv(normal), rtol=1e-12)
    assert fit.dof == 23
    assert fit.chi2 < 1e-20


def test_scaling_all_errors_changes_only_a_fit_that_was_given_them():
    data = 2 * X + np.sin(9 * X)
    one, ten = (fit_linear(X[:, np.newaxis], data, np.full(25, size), ("slope",)) for size in (1.0, 10.0))
    assert_allclose(ten.covariance, 100 * one.covariance)
    scaled = fit_linear(X[:, np.newaxis], data, None, ("slope",))
    assert_allclose(scaled.covariance, one.covariance * one.chi2 / one.dof)


def test_columns_of_any_magnitude_are_told_apart():
    design = np.stack([1e-12 * np.ones(25), 1e9 * X], axis=-1)
    fit = fit_linear(design, design @ [2e12, 3e-9], np.ones(25), ("small", "large"))
    assert_allclose(fit.values, [2e12, 3e-9], rtol=1e-10)


def test_proportional_columns_are_refused_with_the_combination():
    design = np.stack([X, 2 * X, np.ones(25)], axis=-1)
    with pytest.raises(IdentifiabilityError, match=r"along (\+1|-1) stiffness (-1|\+1) field \(") as error:
        fit_linear(design, X, None, ("stiffness", "field", "offset"))
    assert "offset" not in str(error.value).split("along")[1]


def test_parameter_without_effect_is_named():
    design = np.stack([X, np.zeros(25)], axis=-1)
    with pytest.raises(IdentifiabilityError, match="must respond to ghost"):
        fit_linear(design, X, None, ("slope", "ghost"))


def test_inflation_limit_is_that_of_the_two_column_formula():
    design = np.stack([np.ones(25), 5 + X], axis=-1)
    cosine = design[:, 0] @ design[:, 1] / np.prod(np.linalg.norm(design, axis=0))
    inflation = 1 / np.sqrt(1 - cosine**2)
    fit_linear(design, X, None, ("a", "b"), largest_inflation=1.001 * inflation)
    with pytest.raises(IdentifiabilityError, match=f"{inflation:.3g} times"):
        fit_linear(design, X, None, ("a", "b"), largest_inflation=0.999 * inflation)


@pytest.mark.parametrize(
    ("design", "data", "std", "message"),
    [
        (np.ones((1, 2)), np.ones(1), np.ones(1), "at least 2 data; received 1"),
        (np.ones((2, 1)), np.array([1.0, np.nan]), None, "must be finite"),
        (np.ones((2, 1)), np.ones(2), np.array([1.0, 0.0]), "must be finite with standard deviations above 0"),
        (np.ones((1, 1)), np.ones(1), None, "more data than parameters when no standard deviations"),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_data_that_carry_no_fit_are_refused(design, data, std, message):
    with pytest.raises(AnalysisError, match=message):
        fit_linear(design, data, std, ("a", "b")[: design.shape[1]])


def test_nonlinear_fit_finds_the_truth_of_noise_free_data():
    fit = fit_decay(decay(np.array([2.0, 1.3]))[0])
    assert_allclose(fit.values, [2.0, 1.3], rtol=1e-8)
    assert fit.dof == 23
    assert fit.scatter == 1
    assert fit.at_bounds == ()


def test_nonlinear_covariance_is_that_of_the_jacobian():
    data = decay(np.array([2.0, 1.3]))[0]
    jacobian = decay(np.array([2.0, 1.3]))[1]
    assert_allclose(fit_decay(data).covariance, np.linalg.inv(jacobian.T @ jacobian), rtol=1e-6)


def test_prior_is_one_more_datum():
    data = 10 * decay(np.array([2.0, 1.3]))[0] + np.cos(20 * X)
    parameters = [Parameter("amplitude", 1.0), Parameter("rate", 0.5, prior=1.0, prior_std=0.02)]
    fit = fit_nonlinear(decay, data, parameters, True, 10.0)
    residual, slope = data - decay(fit.values)[0], decay(fit.values)[1]
    assert_allclose(slope.T @ residual + [0, (1.0 - fit.values[1]) / 0.02**2], 0, atol=1e-5)  # stationary
    assert_allclose(fit.covariance, np.linalg.inv(slope.T @ slope + np.diag([0, 1 / 0.02**2])), rtol=1e-9)
    assert_allclose(fit.chi2, residual @ residual + ((fit.values[1] - 1) / 0.02) ** 2, rtol=1e-12)
    assert fit.dof == 24


def test_residual_scatter_scales_the_data_and_not_the_prior():
    noise = np.random.default_rng(4).normal(size=25)
    for size in (1e-6, 1e-3):
        free = fit_decay(decay(np.array([2.0, 1.3]))[0] + size * noise, known_scale=False)
        assert_allclose(free.scatter / size, np.sqrt(free.residuals @ free.residuals / 23) / size, rtol=1e-4)
        assert_allclose(free.scatter_dof, 23, rtol=1e-9)
        held = fit_decay(decay(np.array([2.0, 1.3]))[0] + size * noise, False, prior=1.3, prior_std=1e-9)
        assert_allclose(np.sqrt(held.covariance[1, 1]), 1e-9, rtol=1e-3)
        assert_allclose(held.scatter_dof, 24, atol=1e-3)


def test_bound_holds_and_is_reported():
    fit = fit_decay(decay(np.array([2.0, 1.3]))[0], lower=0.0, upper=1.0)
    assert_allclose(fit.values[1], 1.0, rtol=1e-6)
    assert fit.at_bounds == ("rate",)


def test_search_turns_back_where_the_model_does_not_apply():
    def fenced(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        model, jacobian = decay(values)
        return (model, jacobian) if values[1] < 1.5 else (model * np.nan, jacobian * np.nan)

    parameters = [Parameter("amplitude", 1.0), Parameter("rate", 0.01)]
    fit = fit_nonlinear(fenced, decay(np.array([2.0, 1.45]))[0], parameters, True, 10.0)
    assert_allclose(fit.values, [2.0, 1.45], rtol=1e-6)


def test_free_twins_are_refused_and_twins_with_a_prior_are_not():
    def doubled(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return (values[0] + values[1]) * X, np.stack([X, X], axis=-1)

    free = [Parameter("torque", 1.0), Parameter("gain")]
    with pytest.raises(IdentifiabilityError, match=r"torque.* gain"):
        fit_nonlinear(doubled, 3 * X, free, True, 10.0)
    held = fit_nonlinear(doubled, 3 * X, [free[0], Parameter("gain", prior=0.5, prior_std=0.1)], True, 10.0)
    assert_allclose(held.values, [2.5, 0.5], rtol=1e-6)
    assert_allclose(held.covariance[1, 1], 0.01, rtol=1e-6)


def test_search_that_does_not_end_is_an_error(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("analysis.least_squares._LARGEST_NUMBER_OF_STEPS", 3)
    with pytest.raises(AnalysisError, match="amplitude, rate must converge; it did not in 3 steps"):
        fit_decay(decay(np.array([2.0, 1.3]))[0], start=0.01)
