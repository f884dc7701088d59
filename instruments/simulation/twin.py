"""The physical twin: a sample, its currents, fields and light, as the simulated instruments meet them."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass

import numpy as np
from numpy.polynomial import Chebyshev

from analysis import configuration
from analysis.micromagnetics import tilt_modes
from analysis.optics import reflectance, tilt_response
from analysis.sample import Sample
from analysis.stack import FloatArray
from instruments.clock import VirtualClock
from instruments.simulation.axis import Axis
from instruments.simulation.daq_card import normal_deviates
from instruments.simulation.macrospin import Macrospin
from instruments.simulation.magnet_supply import LaggingMagnet
from instruments.simulation.optical_path import balanced_response
from instruments.simulation.twin_file import TwinTable

_FIELD_RANGE = 0.5  # T; the twin's Kerr response is tabulated up to here


@dataclass
class Drive:
    """What a source puts out: peak amplitude (A, or V of the lock-in's sine output), frequency (Hz), state."""

    amplitude: float = 0.0
    frequency: float = 0.0
    running: bool = False
    marker: bool = False


class Twin:
    """World in which the simulated instruments stand; they drive it and read it, the analysis never does.

    Parameters
    ----------
    table
        Its secrets.
    sample
        Text-book description of the sample; `table.sample` says where the true one differs.
    clock
        Time of the bench.
    """

    def __init__(self, table: TwinTable, sample: Sample, clock: VirtualClock) -> None:
        self.table = table
        self.clock = clock
        self.seed = table.seed
        if table.sample:
            flat = _flatten(table.sample)
            document = configuration.override(sample.model_dump(exclude_none=True), flat, "twin.sample")
            sample = configuration.validate(Sample, document, "twin.sample")
        self.sample = sample
        self.stack = sample.stack()
        self.sample_drive, self.coil_drive = Drive(), Drive()
        self.axes = {
            "stage_x": Axis(table.backlash * 1e3),
            "stage_y": Axis(table.backlash * 1e3),
            "polarization_plate": Axis(),
            "analyser_plate": Axis(),
            "quarter_wave": Axis(),
            "field_angle": Axis(),
        }
        self._lines = {"relay_sample": False, "relay_coil": False, "quarter_wave_in": False}
        self._macrospin = Macrospin(table.anisotropy_field, table.easy_axis)
        self._magnet = LaggingMagnet(table.magnet_lag)
        self._reflectance = float(reflectance(self.stack))
        self._torque_response, self._field_response = self._tabulate()
        self._marked = clock.now()
        clock.subscribe(lambda start, stop: self._follow(stop))
        clock.subscribe_mark(self._begin_epoch)

    # ----------------------------------------------------------- what instruments drive

    def analog_output(self, name: str, volts: float) -> None:
        """Take a new control voltage (V); "magnet" feeds the supply."""
        if name != "magnet":
            raise KeyError(name)
        self._magnet.drive(volts * self.table.magnet_gain, self.clock.now())

    def magnet_current(self, ampere: float) -> None:
        """Take a new current (A) through the coil of the magnet."""
        self._magnet.drive(ampere * self.table.magnet_field_per_ampere, self.clock.now())

    def digital_output(self, name: str, high: bool) -> None:
        """Switch a relay or a flip mount."""
        if name not in self._lines:
            raise KeyError(name)
        self._lines[name] = high

    # ----------------------------------------------------------- what instruments read

    def analog_input(self, name: str, times: FloatArray) -> FloatArray:
        """Voltage (V) of a sensor at `times` (s); the same time always gives the same value."""
        times = np.asarray(times, dtype=float)
        if name == "hall":
            clean = (self._magnet.fields(times) + self.table.hall_offset) * self.table.hall_gain
            return clean + self.table.hall_noise * self._noise(1, times)
        if name == "sum":
            return self._sum_voltages(times) + self.table.sum_noise * self._noise(2, times)
        raise KeyError(name)

    def lock_in_signal(self, harmonic: int, frequency: float) -> complex:
        """Input of the lock-in now (V rms), in phase + i quadrature against its reference at `frequency` (Hz)."""
        now = self.clock.now()
        signal = complex(self.table.pick_up)
        if harmonic != 1:
            return 0j
        for angle, phase, drive_frequency in (
            (self._sample_angle(now), self.table.sample_phase, self.sample_drive.frequency),
            (self._coil_angle(now), self.table.coil_phase, self.coil_drive.frequency),
        ):
            if angle and math.isclose(drive_frequency, frequency, rel_tol=1e-7):
                ratio = (self._detection(now)[1] * angle).real
                signal += self.table.gain * self.sum_voltage(now) * ratio / math.sqrt(2) * cmath.exp(1j * phase)
        return signal

    def lock_in_noise_density(self) -> float:
        """Noise of each quadrature at the lock-in's input (V rms per sqrt(Hz)): shot noise and amplifier."""
        now = self.clock.now()
        milliwatts = self.sum_voltage(now) / self.table.responsivity * 1e3
        shot = 2 * self.table.gain * self.sum_voltage(now) * self.table.shot_noise / math.sqrt(milliwatts)
        return math.hypot(shot, self.table.input_noise)

    def supply_current(self) -> float:
        """Current (A) through the coil of the magnet now."""
        return self.field(self.clock.now()) / self.table.magnet_field_per_ampere

    def gaussmeter(self) -> float:
        """Field (T) that a gaussmeter reads now: with its offset and noise."""
        now = self.clock.now()
        noise = self.table.gaussmeter_noise * float(self._noise(3, np.array([now]))[0])
        return self.field(now) + self.table.gaussmeter_offset + noise

    def external_reference(self) -> float | None:
        """Frequency (Hz) of the phase marker of the sample source, None while there is none."""
        drive = self.sample_drive
        return drive.frequency if drive.running and drive.marker else None

    # ----------------------------------------------------------- the physics

    def field(self, time: float) -> float:
        """In-plane field (T) at `time` (s): the supply follows its control voltage with a first-order lag."""
        return self._magnet.field(time)

    def sum_voltage(self, time: float) -> float:
        """Sum signal (V) of the detector at `time` (s)."""
        return float(self._sum_voltages(np.array([time]))[0])

    def _sum_voltages(self, times: FloatArray) -> FloatArray:
        drift = 1 + self.table.laser_drift * np.sin(2 * math.pi * times / self.table.laser_drift_period)
        return np.asarray(self.table.laser_power * drift * self._reflectance * self.table.responsivity)

    def _tabulate(self) -> tuple[tuple[Chebyshev, Chebyshev], Chebyshev]:
        """Exact Kerr response of the stack per unit torque (top, bottom) and per tesla, against |field|."""
        film = self.stack.film

        def interpolate(**push: float) -> Chebyshev:
            return Chebyshev.interpolate(
                lambda field: tilt_response(self.stack, tilt_modes(film, field, **push)),
                24,
                domain=[0.0, _FIELD_RANGE],
            )

        torques = interpolate(torque_top=1.0), interpolate(torque_bottom=1.0)
        return torques, interpolate(calibration_field=1.0)

    def _begin_epoch(self) -> None:
        self._marked = self.clock.now()

    def _follow(self, time: float) -> None:
        self._macrospin.follow(self.field(time), math.radians(self.axes["field_angle"].position(time)))

    def _sample_angle(self, time: float) -> complex:
        """Complex Kerr angle (rad, peak) that the current through the sample causes."""
        if not (self._lines["relay_sample"] and self.sample_drive.running and self.sample_drive.amplitude):
            return 0j
        table, current, field = self.table, self.sample_drive.amplitude, self.field(time)
        scale = self.sample.current_density(current) / table.torque_current_density
        m_x = math.cos(self._macrospin.angle)
        assert table.torque_top is not None
        top, bottom = (complex(response(abs(field))) for response in self._torque_response)
        angle = scale * m_x * (top * table.torque_top + bottom * table.torque_bottom)
        offset = self.axes["stage_y"].carriage(time) * 1e-3 + table.spot_offset
        angle += complex(self._field_response(abs(field))) * table.oersted_gradient * current * offset
        swing = table.transverse_field * current / (abs(field) + table.anisotropy_field) * math.copysign(1, m_x)
        direction = 2 * (self._macrospin.angle - self._polarization(time))
        return angle + 2 * table.quadratic_kerr * math.cos(direction) * swing

    def _coil_angle(self, time: float) -> complex:
        """Complex Kerr angle (rad, peak) that the current in the calibration loop causes."""
        if not (self._lines["relay_coil"] and self.coil_drive.running):
            return 0j
        current = self.coil_drive.amplitude * self.table.amplifier_gain
        calibration_field = current * self.sample.coil.field_per_ampere.value
        return complex(self._field_response(abs(self.field(time)))) * calibration_field

    def _polarization(self, time: float) -> float:
        """Incident polarisation (rad): twice the angle of the polarisation plate, plus its misalignment."""
        plate = math.radians(self.axes["polarization_plate"].position(time))
        return 2 * plate + self.table.polarization_misalignment

    def _detection(self, time: float) -> tuple[float, complex]:
        analyser = math.radians(self.axes["analyser_plate"].position(time))
        quarter_wave = None
        if self._lines["quarter_wave_in"]:
            quarter_wave = math.radians(self.axes["quarter_wave"].position(time)) + self.table.quarter_wave_zero
        return balanced_response(self._polarization(time), analyser, quarter_wave)

    def _noise(self, channel: int, times: FloatArray) -> FloatArray:
        """Unit normal deviates (n,), a function of seed, epoch, channel and time since the mark alone."""
        ticks = np.round((np.asarray(times) - self._marked) * 1e9).astype(np.int64)
        return normal_deviates([self.seed, channel, *self.clock.epoch], ticks)


def _flatten(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
