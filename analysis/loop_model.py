"""The chain from averaged loops to the torques of one sample: amplitudes, complex ratio, fit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from analysis.averaged_loops import SampleData
from analysis.loop_responses import PUSHES, LoopResponses
from analysis.loops import CHANNELS, Amplitude, Parity, fit_amplitude
from analysis.result import Estimate
from analysis.stack import ComplexArray, FloatArray, Side, Stack
from analysis.stack_batch import batches
from analysis.torque_fit import NO_ANGLES, Angles, Nuisance, TorqueFit, TorqueModel, product_matrices, weights_from
from analysis.torque_problem import TorqueProblem


@dataclass(frozen=True)
class LoopModel:
    """The chain from averaged loops to the fit, to be repeated with changed inputs.

    Attributes
    ----------
    data
        Averaged loops.
    responses
        Of the sample, and of others like it, over the fields of these loops.
    calibration_angle
        Complex angle (rad) that replaces calibration loops, None for these.
    calibration_field
        Out-of-plane field (T, peak) of the calibration.
    kind, nuisances, side, wavelength
        As for `fit_sample`.
    pickup
        Constant (rad, rotation + i ellipticity) that is taken off the calibration loops as well.
    fitted
        Amplitudes by what they depend on, shared by all copies.
    """

    data: SampleData
    responses: LoopResponses
    calibration_angle: complex | None
    calibration_field: float
    kind: TorqueModel
    nuisances: tuple[Nuisance, ...]
    side: Side
    wavelength: float
    pickup: complex = 0.0
    fitted: dict[tuple[Any, ...], Amplitude] = field(default_factory=dict)

    def amplitude(self, stack: Stack, path: str, parity: Parity, **push: float) -> Amplitude:
        """Fit odd or even part of a path with the response to `push`."""
        key = id(stack), path, parity, self.pickup, tuple(push.items())
        if key not in self.fitted:
            self.fitted[key] = self._fitted(stack, path, parity, **push)
        return self.fitted[key]

    def _fitted(self, stack: Stack, path: str, parity: Parity, **push: float) -> Amplitude:
        loops = [self.responses.loop(path, channel, parity) for channel in CHANNELS]
        response = _pushed(self.responses.at(stack)[0], push)
        signals = [loop.signal for loop in loops]
        if path == "coil" and parity == "even" and self.pickup:
            for place, constant in enumerate((self.pickup.real, self.pickup.imag)):
                sign = self.data.loops[(path, CHANNELS[place])].mean_sign
                signals[place] = signals[place] - sign * constant * loops[place].constant
        pairs = [(signal, loop.rows @ response) for signal, loop in zip(signals, loops, strict=True)]
        return fit_amplitude(pairs[0], pairs[1], f"{path} amplitude", (loops[0].count, loops[1].count))

    def _at_zero(self, stack: Stack, **push: float) -> complex:
        return complex(_pushed(self.responses.at(stack)[1], push))

    def calibration(self, stack: Stack) -> tuple[complex, FloatArray]:
        """Complex calibration angle (rad) at zero field, with covariance (2, 2) of its parts."""
        if self.calibration_angle is not None:
            return self.calibration_angle, np.zeros((2, 2))
        fit = self.amplitude(stack, "coil", "even", calibration_field=self.calibration_field)
        return _scaled(fit, self._at_zero(stack, calibration_field=self.calibration_field))

    def asot(self, stack: Stack, top: float, bottom: float) -> tuple[complex, FloatArray, int]:
        """Complex ASOT angle (rad) at zero field, to which torques in this ratio lead, its covariance and dof."""
        odd = self.amplitude(stack, "sample", "odd", torque_top=top, torque_bottom=bottom)
        return *_scaled(odd, self._at_zero(stack, torque_top=top, torque_bottom=bottom)), odd.dof

    def fit(self, stack: Stack) -> TorqueFit:
        """Torques at the current of the runs."""
        fit = self._fit(stack, -1.0, 1.0)
        if self.kind == "free":  # once more with the field dependence of the torques found
            top, bottom = fit.faces()[0] / np.max(np.abs(fit.faces()[0]))
            fit = self._fit(stack, float(top), float(bottom))
        return fit

    def _fit(self, stack: Stack, top: float, bottom: float) -> TorqueFit:
        problem, dof = self._problem(stack, top, bottom)
        return replace(problem.fit(), scatter_dof=float(dof))

    def scatter_dof(self, stack: Stack) -> float:
        """Degrees of freedom behind the noise of the bottom torque, after Welch and Satterthwaite.

        Each channel's noise is known from its own residuals, and often one channel carries nearly all the torque.
        """
        problem, _ = self._problem(stack, -1.0, 1.0)
        odd = self.amplitude(stack, "sample", "odd", torque_top=-1.0, torque_bottom=1.0)
        values = problem.asot.values
        step = 1e-3 * float(np.abs(values[0]))

        def bottom(shift: complex) -> float:
            moved = replace(problem, asot=replace(problem.asot, values=values + shift))
            return float(moved.fit().faces()[0][1])

        slope = np.array([bottom(step) - bottom(-step), bottom(1j * step) - bottom(-1j * step)]) / (2 * step)
        matrix = product_matrices(np.array(self._at_zero(stack, torque_top=-1.0, torque_bottom=1.0)))
        parts = np.array([slope @ matrix @ part @ matrix.T @ slope for part in odd.channel_covariance])
        return float(np.sum(parts) ** 2 / np.sum(parts**2 / odd.channel_dof))

    def _problem(self, stack: Stack, top: float, bottom: float) -> tuple[TorqueProblem, int]:
        """Series of one film at zero field, to which loops are extrapolated like those of these torques."""
        angle, noise, dof = self.asot(stack, top, bottom)
        reference, reference_noise = self.calibration(stack)
        ratio = product_matrices(np.array(angle / reference))
        covariance = noise + ratio @ reference_noise @ ratio.T
        loops = [self.data.loops.get(("coil", channel)) for channel in CHANNELS]
        signs = [1.0 if loop is None else loop.mean_sign for loop in loops]
        problem = TorqueProblem(
            batches=tuple(batches([stack], self.wavelength)),
            reference_thickness=(np.asarray(stack.single_film.thickness, dtype=float),),
            field=np.zeros(1),
            asot=Angles(np.array([0]), np.array([angle]), weights_from(covariance[np.newaxis])),
            reference=np.array([reference]),
            calibration=NO_ANGLES,
            calibration_field=self.calibration_field,
            pickup_signs=(complex(signs[0]), 1j * signs[1]),
            kind=self.kind,
            known_scale=True,
            nuisances=self.nuisances,
            side=self.side,
            wavelength=self.wavelength,
            angles=self.responses.at(stack)[1][:, np.newaxis],
        )
        return problem, dof

    def checks(self, stack: Stack) -> dict[str, Estimate]:
        """By-products that show whether the measurement was in order."""
        expected = self._at_zero(stack, calibration_field=self.calibration_field)
        gain = self.calibration(stack)[0] / expected
        oersted = self.amplitude(stack, "sample", "even", calibration_field=1.0)
        checks = {
            "gain": Estimate(abs(gain), None, "1"),
            "gain_phase": Estimate(math.atan2(gain.imag, gain.real), None, "rad"),
            "oersted_field": Estimate(
                (oersted.value / gain).real, math.sqrt(oersted.covariance[0, 0]) / abs(gain), "T"
            ),
        }
        for channel in CHANNELS:
            mean, std = self.data.loops[("sample", channel)].difference
            if math.isfinite(mean):
                checks[f"polarization_difference_{channel}"] = Estimate(mean, std, "rad")
        return checks


def _pushed(angles: ComplexArray, push: Mapping[str, float]) -> ComplexArray:
    """Response (...) to a push, from those (pushes, ...) to unit ones."""
    return np.asarray(np.tensordot([push.get(name, 0.0) for name in PUSHES], angles, axes=1))


def _scaled(amplitude: Amplitude, response: complex) -> tuple[complex, FloatArray]:
    """Complex angle of an amplitude times a response, with covariance (2, 2)."""
    matrix = product_matrices(np.array(response))
    return amplitude.value * response, matrix @ amplitude.covariance @ matrix.T
