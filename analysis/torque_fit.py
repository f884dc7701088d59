"""What a fit of surface torques is made of: weighted angles, nuisances, and what comes out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.result import Estimate, StdSource, Systematic, TorqueResult, combined
from analysis.stack import ComplexArray, FloatArray
from analysis.systematics import input_unit
from analysis.torque import spin_torque_efficiency, torque_conductivity

TorqueModel = Literal["antisymmetric", "free"]

LARGEST_INFLATION = 10.0
"""Of the standard error of a free parameter by the other free ones, before a fit is refused."""

DETECTION_INPUTS: Mapping[str, str] = {"calibration_field": "T", "pickup_rotation": "rad", "pickup_ellipticity": "rad"}
"""Nuisances that are no part of the stack, with their units."""

PICKUPS = ("pickup_rotation", "pickup_ellipticity")
"""Calibration signals with the beam blocked (rad)."""

TORQUE_NAMES = ("antisymmetric torque", "sum of the torques")
"""(bottom - top)/2, and top + bottom."""


@dataclass(frozen=True)
class Nuisance:
    """Model input that is fitted together with the torques, held by a normal prior.

    Attributes
    ----------
    name
        As in `analysis.systematics.changed`, e.g. "below.0.thickness" or "thickness_scale", or one of
        `DETECTION_INPUTS`: the field of the calibration and its pick-up (a constant in the calibration angles).
    std
        Standard deviation of the prior about the value in the stacks (SI); infinity frees the input.
    lower, upper
        Bounds of the change (SI), below and above 0.
    """

    name: str
    std: float
    lower: float = -math.inf
    upper: float = math.inf

    def __post_init__(self) -> None:
        if not (self.std > 0 and self.lower < 0 < self.upper):
            raise InputError(
                f"Nuisance {self.name!r} must have std above 0 and bounds of its change on both sides of 0; received "
                f"std {self.std!r}, bounds {self.lower!r} to {self.upper!r}. Move the value in the stack instead."
            )


@dataclass(frozen=True)
class Angles:
    """Measured complex Kerr angles.

    Attributes
    ----------
    points : (rows,)
        Which of the model's points each belongs to.
    values : (rows,)
        (rad), with the signs of the model.
    weights : (rows, parts, 2)
        Turn (real, imaginary) of a residual into parts of standard deviation 1; of any common unit where that is not
        known.
    """

    points: npt.NDArray[np.intp]
    values: ComplexArray
    weights: FloatArray


def weights_from(covariance: FloatArray) -> FloatArray:
    """Weights (rows, 2, 2) for `Angles` from the covariance (rows, 2, 2) of real and imaginary part."""
    return np.asarray(np.linalg.inv(np.linalg.cholesky(covariance)))


def product_matrices(factors: ComplexArray) -> FloatArray:
    """Matrices (..., 2, 2) of the multiplication by `factors` (...) on (real, imaginary)."""
    rows = [[factors.real, -factors.imag], [factors.imag, factors.real]]
    return np.moveaxis(np.array(rows), (0, 1), (-2, -1))


NO_ANGLES = Angles(np.empty(0, dtype=np.intp), np.empty(0, dtype=complex), np.empty((0, 2, 2)))
"""No calibration to be fitted."""


@dataclass(frozen=True)
class TorqueFit:
    """Result of a `TorqueProblem`.

    Attributes
    ----------
    names, values, covariance
        What was fitted: torques (J/m^2), then nuisances.
    noise_covariance
        The part of the covariance that the noise of the data causes; the rest is the spread of the priors.
    chi2, dof, at_bounds
        As in `analysis.result.TorqueResult`.
    scatter_dof
        Degrees of freedom of the scatter that set the scale; None where standard deviations were given.
    residuals, model : (rows,)
        Complex angles, data less model and model (rad), with the signs of the model.
    calibration_residuals : (calibration rows,)
        The same of the calibration, where fitted jointly.
    imaginary_torque
        Imaginary part of the antisymmetric torque where it is free: a consistency test; None where there is no
        calibration or no degree of freedom for it.
    """

    names: tuple[str, ...]
    values: FloatArray
    covariance: FloatArray
    noise_covariance: FloatArray
    chi2: float
    dof: int
    scatter_dof: float | None
    residuals: ComplexArray
    model: ComplexArray
    calibration_residuals: ComplexArray
    imaginary_torque: Estimate | None
    at_bounds: tuple[str, ...]

    @property
    def std_source(self) -> StdSource:
        """Where the scale of the uncertainties comes from."""
        return "given" if self.scatter_dof is None else "residual scatter"

    def faces(self) -> tuple[FloatArray, FloatArray]:
        """(top, bottom) torque (J/m^2) and its covariance (2, 2)."""
        slopes = self.face_slopes()
        return slopes @ self.values, slopes @ self.covariance @ slopes.T

    def face_slopes(self) -> FloatArray:
        """Derivatives (2, parameters) of (top, bottom) torque."""
        slopes = np.zeros((2, len(self.names)))
        torques = sum(name in TORQUE_NAMES for name in self.names)
        slopes[:, :torques] = np.array([[-1.0, 0.5], [1.0, 0.5]])[:, :torques]
        return slopes

    def estimate(self, value: float, slope: FloatArray, unit: str) -> Estimate:
        """Result of `value` whose derivatives are `slope` (parameters,).

        Where residual scatter set the scale its degrees of freedom hold for the variance that the noise causes; those
        of the whole, priors included, follow from the Welch-Satterthwaite formula.
        """
        variance, noise = float(slope @ self.covariance @ slope), float(slope @ self.noise_covariance @ slope)
        dof = None if self.scatter_dof is None or noise == 0 else self.scatter_dof * (variance / noise) ** 2
        return Estimate(float(value), math.sqrt(variance), unit, dof=dof)

    def checks(self) -> dict[str, Estimate]:
        """Nuisances (how far each moved), imbalance of free torques, and the imaginary torque."""
        checks = {
            name: self.estimate(value, slope, DETECTION_INPUTS.get(name, input_unit(name)))
            for name, value, slope in zip(self.names, self.values, np.eye(len(self.names)), strict=True)
            if name not in TORQUE_NAMES
        }
        if TORQUE_NAMES[1] in self.names:
            top, bottom = self.faces()[0]
            slope = np.array([1 / bottom, -top / bottom**2]) @ self.face_slopes()
            checks["imbalance"] = self.estimate((top + bottom) / bottom, slope, "1")
        if self.imaginary_torque is not None:
            checks["imaginary_torque"] = self.imaginary_torque
        return checks


def torque_result(
    fit: TorqueFit,
    *,
    current_density: float,
    reported_density: float,
    conductivity: float | None,
    systematics: Sequence[Systematic],
    polarity: tuple[int, int],
    checks: Mapping[str, Estimate],
) -> TorqueResult:
    """Torques of a fit with what follows from them, noise and systematics joined.

    Parameters
    ----------
    fit
        The fit; its torques belong to `current_density` (A/m^2).
    current_density, reported_density
        Of the data, and to which torques are scaled (A/m^2).
    conductivity
        Charge conductivity (S/m), if known.
    systematics
        Budget with the effects "torque", "efficiency" and, with a conductivity, "torque_conductivity".
    polarity
        Signs of the data.
    checks
        What to report beside the checks of the fit.
    """
    top, bottom = (
        fit.estimate(value, slope, "J/m^2") for value, slope in zip(fit.faces()[0], fit.face_slopes(), strict=True)
    )

    def estimate(factor: float, torque: Estimate, key: str, unit: str) -> Estimate:
        effects = [entry.effects[key] for entry in systematics]
        assert torque.std is not None
        return combined(factor * torque.value, abs(factor) * torque.std, effects, unit, torque.dof)

    scale = reported_density / current_density
    sigma = None
    if conductivity is not None:
        per_torque = float(torque_conductivity(1.0, current_density / conductivity))
        sigma = estimate(per_torque, bottom, "torque_conductivity", "S/m")
    units = np.array([scale if name in TORQUE_NAMES else 1.0 for name in fit.names])
    return TorqueResult(
        torque_top=estimate(scale, top, "torque", "J/m^2"),
        torque_bottom=estimate(scale, bottom, "torque", "J/m^2"),
        efficiency=estimate(float(spin_torque_efficiency(1.0, current_density)), bottom, "efficiency", "1"),
        torque_conductivity=sigma,
        current_density=Estimate(reported_density, None, "A/m^2"),
        parameters=fit.names,
        covariance=fit.covariance * np.outer(units, units),
        chi2=fit.chi2,
        dof=fit.dof,
        residuals=flip(fit.residuals, polarity),
        model_angles=flip(fit.model, polarity),
        std_source=fit.std_source,
        systematics=tuple(systematics),
        polarity=polarity,
        checks={**_scaled_checks(fit.checks(), scale), **checks},
        at_bounds=fit.at_bounds,
        calibration_residuals=flip(fit.calibration_residuals, polarity) if fit.calibration_residuals.size else None,
    )


def _scaled_checks(checks: Mapping[str, Estimate], scale: float) -> dict[str, Estimate]:
    """Checks that are torques, at the current density to which torques are reported."""
    return {name: check.scaled(scale) if check.unit == "J/m^2" else check for name, check in checks.items()}


def flip(angles: ComplexArray, signs: tuple[int, int]) -> ComplexArray:
    """Apply (s_theta, s_eps) to complex angles."""
    return signs[0] * angles.real + 1j * signs[1] * angles.imag
