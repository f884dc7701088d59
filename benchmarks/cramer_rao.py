"""Cramer-Rao bound of the torque for the samples of field sweeps, by a road of its own.

No code of the fit or of the planning is used: Kerr angles come from `kerr_angle` of a tilt on cells, derivatives are
differences, the noise is that of the twin, and the bound is an element of the inverse of the whole Fisher matrix.

Free are, as in `fit_sample`: the torque (opposite at the faces), the complex gain that the calibration shows, and the
complex even part that the Oersted field causes. What the model does not describe carries no information: samples under
current below three coercive fields, where the direction of the magnetisation is unknown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analysis import kerr_angle, tilt_profile
from instruments import Bench
from procedures import FieldSweep

FloatArray = npt.NDArray[np.float64]
CELLS = 80
_FREE = 5  # torque, real and imaginary part of gain and Oersted field
_STEPS = np.diag([1e-9, 1e-3, 1e-3, 1e-6, 1e-6])


@dataclass(frozen=True)
class _Model:
    """Signals (points,) of one sweep, from Kerr angles (points,) per torque and per field."""

    path: str
    per_torque: npt.NDArray[np.complex128]
    per_field: npt.NDArray[np.complex128]
    coil_field: float
    channel: FloatArray

    def signal(self, values: FloatArray) -> FloatArray:
        torque, gain, oersted = values[0], complex(*values[1:3]), complex(*values[3:])
        asot = torque * self.per_torque + oersted * self.per_field
        angle = gain * (self.coil_field * self.per_field if self.path == "coil" else asot)
        return np.where(self.channel == 0, angle.real, angle.imag)


def bound(
    sweeps: Sequence[FieldSweep], rows: Sequence[Mapping[str, FloatArray]], bench: Bench, exact_calibration: bool
) -> float:
    """Least standard deviation (J/m^2) that any unbiased torque at the current of the sweeps can have.

    Parameters
    ----------
    sweeps, rows
        Procedures, and for each the columns (points,) that it gave: set-points and `readings`.
    bench
        Its twin, as it stands at the end of the last sweep, gives the noise and the true values.
    exact_calibration
        Whether the gain is known instead of free.
    """
    wire = bench.wire
    assert wire is not None
    twin = wire.twin
    stack = twin.sample.stack()
    table = twin.table
    total = twin.sum_voltage(bench.clock.now())
    density = twin.lock_in_noise_density() * math.sqrt(2) / (2 * bench.sum_detector.gain * total)
    gain = complex(table.gain / bench.sum_detector.gain)
    fisher = np.zeros((_FREE, _FREE))
    for sweep, columns in zip(sweeps, rows, strict=True):
        current = sweep.current * 1e-3
        scale = twin.sample.current_density(current) / table.torque_current_density
        coil_field = current * twin.sample.coil.field_per_ampere.value
        field = columns["field_set"]
        unit = _unit_angles(stack, field, bench.light_side)
        model = _Model(sweep.path, unit["torque"], unit["field"], coil_field, columns["channel"])
        if sweep.path == "coil":
            values, known = np.array([0.0, gain.real, gain.imag, 0.0, 0.0]), np.ones(len(field), dtype=bool)
        else:
            values = np.array([scale * table.torque_bottom, gain.real, gain.imag, 0.0, 0.0])
            known = np.abs(field) > 3 * bench.sample.film.coercive_field

        slopes = np.stack(
            [(model.signal(values + step) - model.signal(values - step)) / (2 * np.sum(step)) for step in _STEPS],
            axis=-1,
        )
        noise = density * math.sqrt(_bandwidth(sweep))
        weight = np.array([_information(sweep, int(count)) for count in columns["readings"]]) / noise**2
        fisher += (slopes[known] * weight[known, np.newaxis]).T @ slopes[known]
    free = [0, 3, 4] if exact_calibration else list(range(_FREE))
    scales = np.sqrt(np.diag(fisher)[free])
    covariance = np.linalg.inv(fisher[np.ix_(free, free)] / np.outer(scales, scales))
    return float(np.sqrt(covariance[0, 0]) / scales[0])


def _unit_angles(stack: Any, field: FloatArray, side: Any) -> dict[str, npt.NDArray[np.complex128]]:
    """Kerr angles (points,) (rad) per torque (J/m^2) and per out-of-plane field (T)."""
    film, torque, push = stack.film, 1e-6, 1e-3
    angles: dict[str, list[complex]] = {"torque": [], "field": []}
    known: dict[float, tuple[complex, complex]] = {}
    for value in field.tolist():
        if value not in known:
            m_x = math.copysign(1.0, value)
            tilts = (
                tilt_profile(film, CELLS, value, torque_top=-torque, torque_bottom=torque, m_x=m_x),
                tilt_profile(film, CELLS, value, calibration_field=push),
            )
            known[value] = (
                complex(kerr_angle(stack, tilts[0], side=side)) / torque,
                complex(kerr_angle(stack, tilts[1], side=side)) / push,
            )
        for name, angle in zip(angles, known[value], strict=True):
            angles[name].append(angle)
    return {name: np.array(values) for name, values in angles.items()}


def _bandwidth(sweep: FieldSweep) -> float:
    """Equivalent noise bandwidth (Hz): 1/4T, 1/8T, 3/32T, 5/64T."""
    return {6: 1 / 4, 12: 1 / 8, 18: 3 / 32, 24: 5 / 64}[sweep.filter_slope] / sweep.time_constant


def _information(sweep: FieldSweep, readings: int) -> float:
    """Information of a point in units of that of one reading: sum of the inverse correlation matrix of its readings.

    The spectrum behind n equal stages is (1 + (2 pi f T)^2)^-n; its Fourier integral, taken numerically, gives the
    correlations. Points are independent: the lock-in settles between them.
    """
    averaging = sweep.averaging()
    if averaging is None or readings == 1:
        return 1.0
    frequency = np.linspace(0, 40, 20_001) / (2 * math.pi)
    spectrum = (1 + (2 * math.pi * frequency) ** 2) ** -float(sweep.filter_slope // 6)
    lags = averaging.spacing / sweep.time_constant * np.arange(readings)
    correlation = np.array([np.trapezoid(spectrum * np.cos(2 * math.pi * frequency * lag), frequency) for lag in lags])
    places = np.arange(readings)
    matrix = (correlation / correlation[0])[np.abs(places[:, np.newaxis] - places)]
    return float(np.sum(np.linalg.solve(matrix, np.ones(readings))))
