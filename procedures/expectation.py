"""What a measurement can be expected to show: signals of the shared model, noise of the bench's own figures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analysis.averaged_loops import field_response
from analysis.constants import ELEMENTARY_CHARGE, REDUCED_PLANCK_CONSTANT
from analysis.detection import kerr_signal
from analysis.loops import Channel
from analysis.optics import reflectance
from analysis.planned_uncertainty import PlannedSweep, PlannedTorque
from analysis.result import Estimate
from instruments import Bench
from instruments.detector import SUM_CONVERSIONS
from instruments.driver_tables import AnalogMagnetTable
from instruments.magnet import FIELD_CONVERSIONS

ASSUMED_EFFICIENCY = 0.05
"""Spin-torque efficiency that an expectation takes for a sample not measured yet: that of Py (paper, Table 1)."""


def detected_power(bench: Bench, transmission: float = 1.0) -> float:
    """Light (W) on the detector: nominal laser power, reflected by the sample of the model."""
    wavelength = bench.file.laser.wavelength
    reflected = float(reflectance(bench.sample.stack(), wavelength, bench.light_side))
    return bench.file.noise.laser_power * transmission * reflected


def reading_noise(
    bench: Bench, *, frequency: float, time_constant: float, slope: int, transmission: float = 1.0
) -> float:
    """Standard deviation (rad, peak) of the Kerr signal of one settled reading.

    Parameters
    ----------
    bench
        Its table [noise] gives the figures; nothing is sent.
    frequency
        Of the current (Hz).
    time_constant, slope
        Of the lock-in's filter (s, dB per octave).
    transmission
        Of the attenuator.

    Notes
    -----
    Shot noise and input noise in quadrature, over the equivalent noise bandwidth of the reading; a peak angle is
    sqrt(2) times that of the rms voltage (17 nrad/sqrt(Hz) at 1 mW).
    """
    figures, detector = bench.file.noise, bench.sum_detector
    power = detected_power(bench, transmission)
    shot = figures.shot_noise / math.sqrt(power / 1e-3)
    electronic = figures.input_noise / (2 * detector.gain * detector.responsivity * power)
    density = math.hypot(shot, electronic) * math.sqrt(1 + figures.flicker_corner / frequency)
    bandwidth = bench.lock_in.noise_bandwidth(time_constant=time_constant, slope=slope)
    return math.sqrt(2) * density * math.sqrt(bandwidth)


def assumed_torque(bench: Bench, current: float) -> float:
    """Torque (J/m^2) at the bottom of the film that is assumed under `current` (A peak)."""
    return (
        ASSUMED_EFFICIENCY * REDUCED_PLANCK_CONSTANT * bench.sample.current_density(current) / (2 * ELEMENTARY_CHARGE)
    )


def torque_of_sweeps(
    sweeps: Sequence[PlannedSweep], bench: Bench, current: float, coil_current: float
) -> PlannedTorque:
    """What `sweeps` will leave of the assumed torque under `current`, with `coil_current` in the coil (A peak)."""
    return PlannedTorque(
        tuple(sweeps),
        bench.sample.stack(),
        assumed_torque(bench, current),
        coil_current * bench.sample.coil.field_per_ampere.value,
        bench.sample.film.coercive_field,
        bench.light_side,
        bench.file.laser.wavelength,
    )


def asot_angle(bench: Bench, current: float, field: float) -> complex:
    """Complex Kerr angle (rad, peak) of the assumed antisymmetric torque under `current` (A peak), m_x = +1."""
    torque = assumed_torque(bench, current)
    return _response(bench, field, torque_top=-torque, torque_bottom=torque)


def calibration_angle(bench: Bench, current: float, field: float) -> complex:
    """Complex Kerr angle (rad, peak) under the calibration field of `current` (A peak) in the coil."""
    return _response(bench, field, calibration_field=current * bench.sample.coil.field_per_ampere.value)


def reported(angle: complex, channel: Channel) -> float:
    """What a set-up with its quarter-wave plate's fast axis along the polarisation reports: theta, or -epsilon."""
    return angle.real if channel == "rotation" else -angle.imag


def with_expected_misfit(quantities: Mapping[str, Estimate]) -> dict[str, Estimate]:
    """Return `quantities` of a fit to the model itself, each chi2 as noise will make it: dof +- sqrt(2 dof)."""
    return {
        name: replace(found, value=found.dof, std=math.sqrt(2 * found.dof))
        if name.startswith("chi2") and found.dof
        else found
        for name, found in quantities.items()
    }


def _response(bench: Bench, field: float, **push: float) -> complex:
    wavelength = bench.file.laser.wavelength
    return complex(field_response(bench.sample.stack(), np.array([field]), bench.light_side, wavelength, **push)[0])


def sum_voltage(bench: Bench, transmission: float = 1.0) -> float:
    """Sum signal (V) of the nominal laser power."""
    return detected_power(bench, transmission) * bench.sum_detector.responsivity


def sum_noise(bench: Bench) -> float:
    """Standard deviation (V) of one reading of the sum, drift of the laser apart."""
    return bench.file.noise.card_noise / math.sqrt(SUM_CONVERSIONS)


def field_noise(bench: Bench) -> float:
    """Standard deviation (T) of one reading of the field; a gaussmeter's counts as its tolerance, for want of more."""
    magnet = bench.file.magnet
    if not isinstance(magnet, AnalogMagnetTable):
        return magnet.tolerance
    return bench.file.noise.card_noise / math.sqrt(FIELD_CONVERSIONS) / abs(magnet.hall_gain)


def volts_per_angle(bench: Bench) -> float:
    """Lock-in voltage (V rms) of a Kerr angle (rad, peak) at the nominal laser power."""
    return 1 / float(kerr_signal(1.0, sum_voltage(bench), bench.sum_detector.gain))


def dark_noise(bench: Bench, *, time_constant: float, slope: int) -> float:
    """Standard deviation (V rms) of a reading of the lock-in without light."""
    bandwidth = bench.lock_in.noise_bandwidth(time_constant=time_constant, slope=slope)
    return bench.file.noise.input_noise * math.sqrt(bandwidth)
