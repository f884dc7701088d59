"""Kerr angles of the twin's sample: what currents, fields and heat do to the light at the spot."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from functools import lru_cache

from numpy.polynomial import Chebyshev

from analysis.micromagnetics import tilt_modes
from analysis.optics import reflectance, tilt_response
from analysis.sample import Sample
from analysis.stack import Side
from instruments.simulation.spot import covered_fraction, oersted_field
from instruments.simulation.twin_file import TwinTable

_FIELD_RANGE = 0.5  # T; the response is tabulated up to here


@dataclass(frozen=True)
class Surroundings:
    """State of sample and light at one instant.

    Attributes
    ----------
    field
        In-plane field (T).
    magnetization
        Angle of the magnetisation to the current (rad).
    polarization
        Incident polarisation (rad).
    x, y
        Spot from the centre of the square, along and across the current (m).
    """

    field: float
    magnetization: float
    polarization: float
    x: float
    y: float


class KerrSignals:
    """Exact response of the stack to torques and fields, and what adds to it.

    Parameters
    ----------
    table
        Truth of the simulated world.
    sample
        The true sample.
    side
        Where the light comes from.
    """

    def __init__(self, table: TwinTable, sample: Sample, side: Side) -> None:
        self._table, self._sample, self._side = table, sample, side
        self._stack = stack = sample.stack()
        film = stack.single_film
        self._width = sample.geometry.width.value
        self._quadratic = table.quadratic_kerr if sample.film.magnetic else 0.0
        self._film_reflectance = float(reflectance(stack, side=side))

        def interpolate(**push: float) -> Chebyshev:
            """Kerr response per unit of one push against |field|."""
            return Chebyshev.interpolate(
                lambda field: tilt_response(stack, tilt_modes(film, field, **push), side=side),
                24,
                domain=[0.0, _FIELD_RANGE],
            )

        assert table.torque_top is not None
        torques = interpolate(torque_top=1.0) * table.torque_top + interpolate(torque_bottom=1.0) * table.torque_bottom
        field = interpolate(calibration_field=1.0)
        # The field stands still most of the time, and time passes in many small steps.
        self._of_torques = lru_cache(maxsize=8)(lambda strength: complex(torques(strength)))
        self._of_field = lru_cache(maxsize=8)(lambda strength: complex(field(strength)))

    def reflectance(self, x: float, y: float) -> tuple[float, float]:
        """Reflectance at the spot, and the part of the reflected light that comes from the film."""
        covered = covered_fraction(x, y, self._width, self._table.spot_diameter)
        film = covered * self._film_reflectance
        total = film + (1 - covered) * self._table.substrate_reflectance
        return total, film / total if total else 0.0

    def of_sample_current(self, current: float, at: Surroundings) -> dict[int, complex]:
        """Complex Kerr angle (rad, peak) of an AC current (A peak) through the sample, by harmonic.

        The second harmonic is that of a sine: heat follows sin^2 = (1 - cos 2wt)/2, a quarter cycle behind sin 2wt.
        """
        table, strength = self._table, abs(at.field)
        scale = self._sample.current_density(current) / table.torque_current_density
        m_x = math.cos(at.magnetization)
        angle = scale * m_x * self._of_torques(strength)
        oersted = oersted_field(at.y, table.oersted_gradient, self._width, current)
        angle += self._of_field(strength) * oersted
        angle += self.of_transverse_field(table.transverse_field * current, at)
        angle *= 1 + table.heating_first_harmonic * current**2
        return {1: angle, 2: table.heating_second_harmonic * current**2}

    def of_transverse_field(self, induction: float, at: Surroundings) -> complex:
        """Complex Kerr angle (rad, peak) of an AC field (T peak) along y: it swings the magnetisation in the plane."""
        stiffness = abs(at.field) + self._table.anisotropy_field
        swing = induction / stiffness * math.cos(at.magnetization)
        return 2 * self._quadratic * math.cos(2 * (at.magnetization - at.polarization)) * swing

    def of_calibration_field(self, induction: float, at: Surroundings) -> complex:
        """Complex Kerr angle (rad, peak) of an out-of-plane AC field (T peak), Faraday rotation included."""
        angle = self._of_field(abs(at.field)) * induction
        if self._side == "bottom":
            angle += 2 * self._table.verdet_constant * self._table.substrate_thickness * induction
        return angle


HEAT = cmath.exp(-0.5j * math.pi)
"""Phase of heat at the second harmonic of the current."""
