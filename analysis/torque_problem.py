"""The fit itself: surface torques and nuisances that explain complex Kerr angles, for series and samples alike."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis.errors import InputError
from analysis.least_squares import Parameter, fit_linear, fit_nonlinear
from analysis.micromagnetics import tilt_modes
from analysis.response_slopes import responses_with_slopes
from analysis.result import Estimate
from analysis.stack import ComplexArray, FloatArray, Side, Stack
from analysis.stack_batch import Batch, stack_numbers, with_numbers
from analysis.systematics import changed, input_slopes
from analysis.torque_fit import (
    DETECTION_INPUTS,
    LARGEST_INFLATION,
    TORQUE_NAMES,
    Angles,
    Nuisance,
    TorqueFit,
    TorqueModel,
)

_PICKUPS = ("pickup_rotation", "pickup_ellipticity")


def _combined(torques: FloatArray, columns: ComplexArray) -> ComplexArray:
    """Sum over torques (..., torques) times columns (torques, ..., rows)."""
    return np.asarray(sum(torques[..., number, np.newaxis] * column for number, column in enumerate(columns)))


@dataclass(frozen=True)
class TorqueProblem:
    """Torques and nuisances that explain complex Kerr angles, at points that may differ in stack and field.

    Attributes
    ----------
    batches
        Stacks of the points.
    reference_thickness
        Thickness (m) of the films of each batch with which current densities were computed.
    field : (points,)
        In-plane field (T).
    asot
        Angles under current.
    reference : (rows,), optional
        Calibration angle (rad) to which each of `asot` enters as a ratio.
    calibration
        Angles under the calibration field to be fitted jointly; may be empty.
    calibration_field
        (T)
    pickup_signs
        Complex calibration angle per unit of pick-up in rotation and in ellipticity.
    kind
        "antisymmetric" or "free".
    known_scale
        Whether the weights of the angles are those of their standard deviations.
    nuisances
        What is fitted beside the torques.
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    angles : (3, points), optional
        Kerr angle per unit push without any nuisance moved, where it is known already.
    """

    batches: tuple[Batch, ...]
    reference_thickness: tuple[FloatArray, ...]
    field: FloatArray
    asot: Angles
    reference: ComplexArray | None
    calibration: Angles
    calibration_field: float
    pickup_signs: tuple[complex, complex]
    kind: TorqueModel
    known_scale: bool
    nuisances: tuple[Nuisance, ...]
    side: Side
    wavelength: float
    angles: ComplexArray | None = None

    def __post_init__(self) -> None:
        names = [nuisance.name for nuisance in self.nuisances]
        if len(set(names)) < len(names):
            raise InputError(f"nuisances must have different names; received {', '.join(names)}. Give each one once.")
        lone = [name for name in names if name in DETECTION_INPUTS and not self.calibrated]
        if lone:
            raise InputError(f"nuisances must not hold {', '.join(lone)} without a calibration. Give its angles.")

    @property
    def calibrated(self) -> bool:
        """Whether a calibration enters, as a ratio or jointly."""
        return self.reference is not None or self.calibration.values.size > 0

    @property
    def torque_names(self) -> tuple[str, ...]:
        """Names of the torques: the antisymmetric one (bottom - top)/2, and the sum where both are free."""
        return TORQUE_NAMES[: 1 if self.kind == "antisymmetric" else 2]

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of all that is fitted, in order."""
        return (*self.torque_names, *(nuisance.name for nuisance in self.nuisances))

    def moved(self, name: str, step: float) -> TorqueProblem:
        """Return the same problem with one model input, or one of `DETECTION_INPUTS`, changed."""
        if name == "calibration_field":
            return replace(self, calibration_field=self.calibration_field + step)
        if name in _PICKUPS:
            pickup = step * self.pickup_signs[_PICKUPS.index(name)]
            return replace(
                self,
                reference=None if self.reference is None else self.reference - pickup,
                calibration=replace(self.calibration, values=self.calibration.values - pickup),
            )
        moved = (replace(batch, stack=changed(batch.stack, name, step, self.wavelength)) for batch in self.batches)
        return replace(self, batches=tuple(moved), angles=None)

    def responses(self, shifts: FloatArray) -> ComplexArray:
        """Kerr angle per unit push (3, ..., points), nuisances moved by `shifts` (..., nuisances).

        Raises
        ------
        InputError
            Where that leaves the domain of the model: a film out of the plane, a negative thickness.
        """
        return self._responses(shifts, derivatives=False)[0]

    def _responses(self, shifts: FloatArray, derivatives: bool) -> tuple[ComplexArray, ComplexArray]:
        angles = np.empty((3, *shifts.shape[:-1], len(self.field)), dtype=complex)
        slopes = np.empty((shifts.shape[-1], *angles.shape) if derivatives else 0, dtype=complex)
        for (batch, inputs), reference in zip(self._slopes, self.reference_thickness, strict=True):
            stack, field = self._shifted(batch, inputs, shifts), self.field[batch.positions]
            tilt_modes(stack.single_film, field)  # raises where the film is not stable
            values, rates = responses_with_slopes(
                stack, field, self.wavelength, self.side, inputs if derivatives else (), reference
            )
            angles[..., batch.positions] = values if values.ndim == angles.ndim else values[:, np.newaxis]
            if derivatives:
                slopes[..., batch.positions] = rates
        return angles, slopes

    def predict(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weighted model (data,) and its exact Jacobian (data, parameters) at torques and nuisances `values`.

        Not finite where the model does not apply, so that a search turns back.
        """
        torques, shifts = self._split(values)
        try:
            angles, slopes = self._responses(shifts, derivatives=True)
        except InputError:
            nowhere = np.full(len(self._data), np.nan)
            return nowhere, np.full((len(nowhere), len(values)), np.nan)
        columns = self._columns(angles, shifts)
        jacobian = [*columns]
        for nuisance, slope in zip(self.nuisances, slopes, strict=True):
            jacobian.append(self._derivative(nuisance.name, angles, slope, torques, shifts))
        model = _combined(torques, columns) + self._calibration_rows(angles, shifts)
        return self._weighted(model), np.stack([self._weighted(column) for column in jacobian], axis=-1)

    def log_probability(self, values: npt.ArrayLike) -> FloatArray:
        """Logarithm (...) of the posterior density of torques and nuisances (..., parameters), up to a constant.

        Normal likelihood times the priors. Where the scale of the noise is not known it has the prior 1/scale and is
        integrated out: the likelihood goes as (sum of squares)^(-data/2), whose marginals are Student's t.
        """
        values = np.asarray(values, dtype=float)
        torques, shifts = self._split(values)
        try:
            angles = self.responses(shifts)
        except InputError:  # outside the model's domain, at least one of them
            if values.ndim == 1:
                return np.asarray(-math.inf)
            return np.array([self.log_probability(row) for row in values])
        model = _combined(torques, self._columns(angles, shifts)) + self._calibration_rows(angles, shifts)
        squares = np.sum((self._data - self._weighted(model)) ** 2, axis=-1)
        likelihood = -squares / 2 if self.known_scale else -len(self._data) / 2 * np.log(squares)
        priors = np.sum((shifts / [nuisance.std for nuisance in self.nuisances]) ** 2, axis=-1)
        lower, upper = ([getattr(nuisance, side) for nuisance in self.nuisances] for side in ("lower", "upper"))
        inside = np.all((shifts >= lower) & (shifts <= upper), axis=-1)
        return np.where(inside, likelihood - priors / 2, -math.inf)

    def fit(self) -> TorqueFit:
        """Solve: the torques in closed form, then with nuisances by nonlinear least squares from there.

        Raises
        ------
        IdentifiabilityError
            Where the data cannot tell torques and free nuisances apart.
        AnalysisError
            Where there are too few data, or the search does not converge.
        """
        nothing = np.zeros(len(self.nuisances))
        angles = self.responses(nothing) if self.angles is None else self.angles
        columns, base = self._columns(angles, nothing), self._calibration_rows(angles, nothing)
        design = np.stack([self._weighted(column) for column in columns], axis=-1)
        std = np.ones(len(design)) if self.known_scale else None
        data = self._data - self._weighted(base) if self.calibration.values.size else self._data
        linear = fit_linear(design, data, std, self.torque_names, LARGEST_INFLATION)
        if self.nuisances:
            return self._fit_with_nuisances(linear.values)
        return self._result(
            linear.values,
            linear.covariance,
            linear.covariance,
            linear.chi2 if self.known_scale else linear.dof,
            linear.dof,
            linear.dof,
            _combined(linear.values, columns) + base,
            self._imaginary(columns[0], design, linear.residuals, std, linear.dof),
        )

    def _fit_with_nuisances(self, torques: FloatArray) -> TorqueFit:
        memory: dict[bytes, tuple[FloatArray, FloatArray]] = {}

        def model(values: FloatArray) -> tuple[FloatArray, FloatArray]:
            key = values.tobytes()
            if key not in memory:  # the search asks for model and Jacobian one after the other
                memory.clear()
                memory[key] = self.predict(values)
            return memory[key]

        parameters = [Parameter(name, value) for name, value in zip(self.torque_names, torques, strict=True)]
        parameters += [Parameter(n.name, 0.0, 0.0, n.std, n.lower, n.upper) for n in self.nuisances]
        fit = fit_nonlinear(model, self._data, parameters, self.known_scale, LARGEST_INFLATION)
        torques, shifts = self._split(fit.values)
        angles = self.responses(shifts)
        columns = self._columns(angles, shifts)
        priors = np.diag([1 / parameter.prior_std for parameter in parameters])
        imaginary = self._imaginary(
            columns[0] / fit.scatter,
            np.vstack([model(fit.values)[1] / fit.scatter, priors]),
            np.concatenate([fit.residuals / fit.scatter, -priors @ fit.values]),
            np.ones(len(self._data) + len(parameters)),
            fit.scatter_dof,
        )
        rows = _combined(torques, columns) + self._calibration_rows(angles, shifts)
        return self._result(
            fit.values,
            fit.covariance,
            fit.noise_covariance,
            fit.chi2,
            fit.dof,
            fit.scatter_dof,
            rows,
            imaginary,
            fit.at_bounds,
        )

    @cached_property
    def _slopes(self) -> list[tuple[Batch, list[dict[str, npt.NDArray[Any]]]]]:
        """For each batch the derivatives of its numbers with respect to each nuisance."""
        return [
            (
                batch,
                [
                    {} if nuisance.name in DETECTION_INPUTS else input_slopes(batch.stack, nuisance.name)
                    for nuisance in self.nuisances
                ],
            )
            for batch in self.batches
        ]

    @cached_property
    def _data(self) -> FloatArray:
        return self._weighted(np.concatenate([self.asot.values, self.calibration.values]))

    @cached_property
    def _weights(self) -> FloatArray:
        if not self.calibration.values.size:
            return self.asot.weights
        return np.concatenate([self.asot.weights, self.calibration.weights])

    def _weighted(self, rows: ComplexArray) -> FloatArray:
        """Weighted parts (..., data) of complex rows (..., rows), those under current first."""
        parts = self._weights[..., 0] * rows.real[..., np.newaxis] + self._weights[..., 1] * rows.imag[..., np.newaxis]
        return parts.reshape(*rows.shape[:-1], -1)

    def _split(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        count = len(self.torque_names)
        return values[..., :count], values[..., count:]

    def _shifted(self, batch: Batch, slopes: Sequence[Mapping[str, npt.NDArray[Any]]], shifts: FloatArray) -> Stack:
        moved: dict[str, Any] = {}
        for shift, inputs in zip(np.moveaxis(shifts, -1, 0), slopes, strict=True):
            for number, slope in inputs.items() if np.any(shift) else ():
                moved[number] = moved.get(number, 0.0) + shift[..., np.newaxis] * slope
        if not moved:
            return batch.stack
        numbers = stack_numbers(batch.stack, self.wavelength)
        return with_numbers(batch.stack, {number: numbers[number] + change for number, change in moved.items()})

    def _detection(self, shifts: FloatArray) -> tuple[FloatArray, ComplexArray]:
        """Calibration field (T) and complex pick-up (rad), (..., 1)."""
        names = [nuisance.name for nuisance in self.nuisances]

        def shift(name: str) -> FloatArray:
            return shifts[..., names.index(name), np.newaxis] if name in names else np.zeros(1)

        rotation, ellipticity = (sign * shift(name) for name, sign in zip(_PICKUPS, self.pickup_signs, strict=True))
        return self.calibration_field + shift("calibration_field"), rotation + ellipticity

    def _columns(self, angles: ComplexArray, shifts: FloatArray) -> ComplexArray:
        """Complex rows (torques, ..., rows) per unit of each torque; in a ratio, by way of the calibration measured."""
        columns = self._torque_responses(angles) * self._ratio(angles, shifts)
        if not self.calibration.values.size:
            return columns
        return np.concatenate([columns, np.zeros((*columns.shape[:-1], len(self.calibration.values)))], axis=-1)

    def _torque_responses(self, angles: ComplexArray) -> ComplexArray:
        top, bottom = angles[0][..., self.asot.points], angles[1][..., self.asot.points]
        return np.array([bottom - top, (top + bottom) / 2][: len(self.torque_names)])

    def _ratio(self, angles: ComplexArray, shifts: FloatArray) -> ComplexArray | float:
        """Calibration as measured over calibration as modelled (asot rows,), where the ratio is used."""
        if self.reference is None:
            return 1.0
        field, pickup = self._detection(shifts)
        return np.asarray((self.reference - pickup) / (field * angles[2][..., self.asot.points]))

    def _calibration_rows(self, angles: ComplexArray, shifts: FloatArray) -> ComplexArray:
        """Complex rows (..., rows) that no torque changes."""
        count = len(self.asot.values)
        rows = np.zeros((*angles.shape[1:-1], count + len(self.calibration.values)), dtype=complex)
        if self.calibration.values.size:
            field, pickup = self._detection(shifts)
            rows[..., count:] = field * angles[2][..., self.calibration.points] + pickup
        return rows

    def _derivative(
        self, name: str, angles: ComplexArray, slope: ComplexArray, torques: FloatArray, shifts: FloatArray
    ) -> ComplexArray:
        """Derivative of the complex rows by one nuisance, `slope` (3, points) that of the responses."""
        field, pickup = self._detection(shifts)
        by_field = float(name == "calibration_field")
        by_pickup = dict(zip(_PICKUPS, self.pickup_signs, strict=True)).get(name, 0.0)
        ratio = self._ratio(angles, shifts)
        asot = _combined(torques, self._torque_responses(slope)) * ratio
        if self.reference is not None:
            rows = self.asot.points
            relative = slope[2, rows] / angles[2, rows] + by_field / field + by_pickup / (self.reference - pickup)
            asot = asot - _combined(torques, self._torque_responses(angles)) * ratio * relative
        points = self.calibration.points
        calibration = field * slope[2, points] + by_field * angles[2, points] + by_pickup
        return np.concatenate([asot, calibration])

    def _imaginary(
        self, column: ComplexArray, design: FloatArray, residuals: FloatArray, std: FloatArray | None, dof: float
    ) -> Estimate | None:
        """Imaginary part of the antisymmetric torque, had it been free at the solution; `column` its response."""
        if not self.calibrated or dof < (1 if self.known_scale else 2):
            return None
        weighted = self._weighted(1j * column)
        weighted = np.concatenate([weighted, np.zeros(len(design) - len(weighted))])
        names = (*self.parameters, "imaginary torque")
        fit = fit_linear(np.column_stack([design, weighted]), residuals, std, names)
        scatter_dof = None if self.known_scale else dof - 1
        return Estimate(float(fit.values[-1]), math.sqrt(fit.covariance[-1, -1]), "J/m^2", dof=scatter_dof)

    def _result(
        self,
        values: FloatArray,
        covariance: FloatArray,
        noise_covariance: FloatArray,
        chi2: float,
        dof: int,
        scatter_dof: float,
        rows: ComplexArray,
        imaginary: Estimate | None,
        at_bounds: tuple[str, ...] = (),
    ) -> TorqueFit:
        count = len(self.asot.values)
        return TorqueFit(
            names=self.parameters,
            values=values,
            covariance=covariance,
            noise_covariance=noise_covariance,
            chi2=float(chi2),
            dof=dof,
            scatter_dof=None if self.known_scale else float(scatter_dof),
            residuals=self.asot.values - rows[:count],
            model=rows[:count],
            calibration_residuals=self.calibration.values - rows[count:],
            imaginary_torque=imaginary,
            at_bounds=at_bounds,
        )
