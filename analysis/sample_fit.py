"""From the runs of one sample to its surface torque: signs, parity, complex ratio to the calibration, budget."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analysis.averaged_loops import CHANNELS, SampleData, field_response, sample_data, saturated
from analysis.errors import InputError
from analysis.loops import Amplitude, Channel, Parity, fit_amplitude
from analysis.optics import DEFAULT_WAVELENGTH
from analysis.result import Estimate, TorqueResult, combined
from analysis.series_fit import TorqueModel
from analysis.stack import FloatArray, Side, Stack
from analysis.systematics import budget, changed
from analysis.torque import spin_torque_efficiency, torque_conductivity

if TYPE_CHECKING:
    import xarray

    from analysis.configuration import Uncertain


def fit_sample(
    runs: Sequence[xarray.Dataset],
    stack: Stack,
    *,
    calibration_runs: Sequence[xarray.Dataset] | None = None,
    calibration_angle: complex | None = None,
    calibration_field: float | None = None,
    width: float | None = None,
    coercive_field: float = 0.3e-3,
    current_density: float | None = None,
    torque: TorqueModel = "antisymmetric",
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
    uncertainties: Mapping[str, Uncertain] | None = None,
) -> TorqueResult:
    """Find the surface torque of one sample from its field loops.

    Parameters
    ----------
    runs
        From `load_run`: field sweeps with the current through the sample, Kerr rotation and ellipticity; runs with
        the current in the coil may stand among them.
    stack
        The sample.
    calibration_runs
        Field sweeps under the calibration field, rotation and ellipticity; those among `runs` by default.
    calibration_angle
        Complex Kerr angle (rad, peak) at zero field under `calibration_field`, instead of calibration runs; the runs
        must then report with polarity +1.
    calibration_field
        Out-of-plane field (T, peak) of the calibration; by default the coil current read times
        `uncertainties["calibration_field_per_ampere"]`.
    width
        Width of the film across the current (m); by default `uncertainties["width"]`.
    coercive_field
        Fields below three times this (T) are left out.
    current_density
        Current density (A/m^2) to which torques are reported, scaled linearly; that of the runs by default.
    torque
        "antisymmetric" (torque_top = -torque_bottom, with Im(torque) = 0 as a test), or "free" for both from the
        complex ratio (no test left).
    side, wavelength
        Where the light comes from, and its vacuum wavelength (m).
    uncertainties
        Model inputs with standard uncertainties, as `Sample.uncertainties` gives them, for the systematics budget.

    Returns
    -------
    TorqueResult

    Raises
    ------
    AnalysisError
        Where runs are missing, or the calibration does not show the sign of a channel.
    """
    inputs = dict(uncertainties or {})
    everything = [*runs, *(calibration_runs or ())]
    data = sample_data(everything, stack, coercive_field, calibration_angle, side, wavelength)
    if calibration_field is None:
        if data.coil_current is None or "calibration_field_per_ampere" not in inputs:
            raise InputError(
                "calibration_field must be given in T where runs and sample file do not tell it; received None. "
                "Give it, or calibration runs and uncertainties['calibration_field_per_ampere']."
            )
        calibration_field = data.coil_current * inputs["calibration_field_per_ampere"].value
    if width is None:
        if "width" not in inputs:
            raise InputError("width must be given in m where uncertainties do not tell it; received None. Give it.")
        width = inputs["width"].value

    model = _Model(data, coercive_field, calibration_angle, torque, side, wavelength)
    ratio = model.torque(stack, calibration_field)
    thickness, conductivity = float(np.asarray(stack.single_film.thickness)), stack.single_film.conductivity
    run_density = data.current / (width * thickness)
    reported = run_density if current_density is None else current_density

    def results(name: str, step: float) -> dict[str, float]:
        moved, field, w, sigma = stack, calibration_field, width, None
        if conductivity is not None:
            sigma = float(np.asarray(conductivity))
        if name == "calibration_field_per_ampere":
            field = calibration_field * (1 + step / inputs[name].value)
        elif name == "width":
            w = width + step
        elif name == "conductivity":
            sigma = None if sigma is None else sigma + step
        elif name:
            moved = changed(stack, name, step)
        bottom = model.torque(moved, field).bottom
        efficiency = bottom * w * float(np.asarray(moved.single_film.thickness))
        answer = {"torque": efficiency, "efficiency": efficiency}  # at a fixed current density both go as tau / j
        return answer | ({} if sigma is None else {"torque_conductivity": efficiency * sigma})

    systematics = budget(inputs, results) if inputs else ()

    def estimate(per_torque: float, value: float, std: float, key: str, unit: str) -> Estimate:
        return combined(per_torque * value, abs(per_torque) * std, [entry.effects[key] for entry in systematics], unit)

    scale = reported / run_density
    xi = float(spin_torque_efficiency(1.0, run_density))
    sigma = None
    if conductivity is not None:
        per_torque = float(torque_conductivity(1.0, run_density / float(np.asarray(conductivity))))
        sigma = estimate(per_torque, ratio.bottom, ratio.bottom_std, "torque_conductivity", "S/m")
    return TorqueResult(
        torque_top=estimate(scale, ratio.top, ratio.top_std, "torque", "J/m^2"),
        torque_bottom=estimate(scale, ratio.bottom, ratio.bottom_std, "torque", "J/m^2"),
        efficiency=estimate(xi, ratio.bottom, ratio.bottom_std, "efficiency", "1"),
        torque_conductivity=sigma,
        current_density=Estimate(reported, None, "A/m^2"),
        parameters=("antisymmetric torque",) if torque == "antisymmetric" else ("torque_top", "torque_bottom"),
        covariance=ratio.covariance * scale**2,
        chi2=ratio.chi2,
        dof=ratio.dof,
        residuals=np.array([ratio.residual]),
        model_angles=np.array([ratio.model_angle]),
        systematics=systematics,
        polarity=(1, 1),
        checks=model.checks(stack, calibration_field, ratio),
    )


@dataclass(frozen=True)
class _Ratio:
    """Torques at the current of the runs, from the complex ratio."""

    top: float
    bottom: float
    top_std: float
    bottom_std: float
    covariance: FloatArray
    chi2: float
    dof: int
    complex_torque: complex
    complex_covariance: FloatArray
    residual: complex
    model_angle: complex
    calibration: complex
    asot: Amplitude


@dataclass(frozen=True)
class _Model:
    """The chain from averaged loops to a torque, to be repeated with changed inputs."""

    data: SampleData
    coercive_field: float
    calibration_angle: complex | None
    kind: TorqueModel
    side: Side
    wavelength: float

    def amplitude(self, stack: Stack, path: str, parity: Parity, **push: float) -> Amplitude:
        """Fit odd or even part of a path with the response to `push`."""
        pairs = []
        for channel in CHANNELS:
            loop = self.data.loops[(path, channel)]
            window = saturated(loop.field, self.coercive_field)
            field = loop.field[window]
            response = field_response(stack, field, self.side, self.wavelength, **push)
            signal = loop.odd[window] if parity == "odd" else loop.even[window]
            pairs.append((signal, response * np.sign(field) if parity == "odd" else response))
        return fit_amplitude(pairs[0], pairs[1], f"{path} amplitude")

    def _at_zero(self, stack: Stack, **push: float) -> complex:
        return complex(field_response(stack, np.zeros(1), self.side, self.wavelength, **push)[0])

    def gain(self, stack: Stack, calibration_field: float) -> tuple[complex, FloatArray]:
        """Complex gain measured over model from the calibration, with covariance (2, 2)."""
        if self.calibration_angle is not None:
            expected = self._at_zero(stack, calibration_field=calibration_field)
            return self.calibration_angle / expected, np.zeros((2, 2))
        fit = self.amplitude(stack, "coil", "even", calibration_field=calibration_field)
        return fit.value, fit.covariance

    def torque(self, stack: Stack, calibration_field: float) -> _Ratio:
        """Torques at the run's current."""
        asot = self.amplitude(stack, "sample", "odd", torque_top=-1.0, torque_bottom=1.0)
        gain, gain_covariance = self.gain(stack, calibration_field)
        torque = asot.value / gain
        turn = _rotation(1 / gain)
        slope = _rotation(-torque / gain)
        covariance = turn @ asot.covariance @ turn.T + slope @ gain_covariance @ slope.T
        top, bottom = (self._at_zero(stack, **{push: 1.0}) for push in ("torque_top", "torque_bottom"))
        if self.kind == "free":
            # (top, bottom) from complex torque x (bottom - top): two real equations, two unknowns.
            angle = torque * (bottom - top)
            solve = np.linalg.inv(np.array([[top.real, bottom.real], [top.imag, bottom.imag]]))
            values = solve @ np.array([angle.real, angle.imag])
            to_angle = _rotation(bottom - top)
            faces = solve @ to_angle @ covariance @ to_angle.T @ solve.T
            stds = np.sqrt(np.diag(faces))
            return _Ratio(
                float(values[0]), float(values[1]), float(stds[0]), float(stds[1]), faces, 0.0, 0, torque, covariance,
                0j, gain * angle, gain, asot,
            )  # fmt: skip
        inverse = np.linalg.inv(covariance)
        variance = 1 / inverse[0, 0]
        value = float(variance * (inverse[0] @ np.array([torque.real, torque.imag])))
        off = np.array([torque.real - value, torque.imag])
        std = math.sqrt(variance)
        return _Ratio(
            -value, value, std, std, np.array([[variance]]), float(off @ inverse @ off), 1, torque, covariance,
            gain * (torque - value) * (bottom - top), gain * value * (bottom - top), gain, asot,
        )  # fmt: skip

    def checks(self, stack: Stack, calibration_field: float, ratio: _Ratio) -> dict[str, Estimate]:
        """By-products that show whether the measurement was in order."""
        oersted = self.amplitude(stack, "sample", "even", calibration_field=1.0)
        field = oersted.value / ratio.calibration
        checks = {
            "imaginary_torque": Estimate(ratio.complex_torque.imag, math.sqrt(ratio.complex_covariance[1, 1]), "J/m^2"),
            "gain": Estimate(abs(ratio.calibration), None, "1"),
            "gain_phase": Estimate(math.atan2(ratio.calibration.imag, ratio.calibration.real), None, "rad"),
            "oersted_field": Estimate(field.real, math.sqrt(oersted.covariance[0, 0]) / abs(ratio.calibration), "T"),
        }
        for channel in CHANNELS:
            mean, std = self.data.loops[("sample", channel)].difference
            if math.isfinite(mean):
                checks[f"polarization_difference_{channel}"] = Estimate(mean, std, "rad")
        return checks


@dataclass(frozen=True)
class FittedLoop:
    """Fitted loop of one path and channel outside switching.

    Attributes
    ----------
    field, odd, even : (n,)
        Field (T), ascending, and the two fitted parts (rad, peak).
    """

    field: FloatArray
    odd: FloatArray
    even: FloatArray


def fitted_loops(
    data: SampleData,
    stack: Stack,
    coercive_field: float,
    side: Side = "top",
    wavelength: float = DEFAULT_WAVELENGTH,
) -> dict[tuple[str, Channel], FittedLoop]:
    """Curves of the fits, to be drawn over the loops that `data` holds.

    The odd part is the response to antisymmetric torques, the even part that to an out-of-plane field: the Oersted
    field of the sample current, or the calibration field.
    """
    model = _Model(data, coercive_field, None, "antisymmetric", side, wavelength)
    curves = {}
    for path in dict.fromkeys(path for path, _ in data.loops):
        odd = model.amplitude(stack, path, "odd", torque_top=-1.0, torque_bottom=1.0).value
        even = model.amplitude(stack, path, "even", calibration_field=1.0).value
        for channel in CHANNELS:
            largest = float(np.max(np.abs(data.loops[(path, channel)].field)))
            branch = np.linspace(3 * coercive_field, largest, 100)
            field = np.concatenate([-branch[::-1], branch])
            torque = (
                odd
                * field_response(stack, field, side, wavelength, torque_top=-1.0, torque_bottom=1.0)
                * np.sign(field)
            )
            push = even * field_response(stack, field, side, wavelength, calibration_field=1.0)
            curves[(path, channel)] = FittedLoop(
                field, *((part.real if channel == "rotation" else part.imag) for part in (torque, push))
            )
    return curves


def _rotation(factor: complex) -> FloatArray:
    """Matrix (2, 2) of the multiplication by `factor` on (real, imaginary)."""
    return np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
