"""The physical twin: a sample, its currents, fields and light, as the simulated instruments meet them."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import get_args

import numpy as np

from analysis import configuration
from analysis.macrospin import Macrospin
from analysis.sample import Sample
from analysis.stack import FloatArray, Side
from instruments.clock import VirtualClock
from instruments.roles import CurrentPath, Signal
from instruments.simulation.axis import Axis
from instruments.simulation.contacts import Contacts
from instruments.simulation.daq_card import normal_deviates
from instruments.simulation.kerr_signals import HEAT, KerrSignals, Surroundings
from instruments.simulation.magnet_supply import LaggingMagnet
from instruments.simulation.optical_path import balanced_response
from instruments.simulation.twin_file import TwinTable

_MAINS = 50.0  # Hz
_MARKER = 5.0  # V


@dataclass
class Drive:
    """What a source puts out: amplitude (A peak, or V into an amplifier), Hz, state, time of its phase 0 (s)."""

    amplitude: float = 0.0
    frequency: float = 0.0
    running: bool = False
    marker: bool = False
    start: float = 0.0


@dataclass(frozen=True)
class Current:
    """AC current through sample or coil: A peak, Hz, phase (rad) against the reference, time of its phase 0 (s)."""

    amplitude: float
    frequency: float
    phase: float
    start: float


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
    side
        Where the light comes from.
    """

    def __init__(self, table: TwinTable, sample: Sample, clock: VirtualClock, side: Side = "top") -> None:
        self.table = table
        self.clock = clock
        self.seed = table.seed
        if table.sample:
            flat = _flatten(table.sample)
            document = configuration.override(sample.model_dump(exclude_none=True), flat, "twin.sample")
            sample = configuration.validate(Sample, document, "twin.sample")
        self.sample = sample
        self.sample_drive, self.coil_drive = Drive(), Drive()
        self.waveforms: dict[str, Drive] = {}
        self.axes = {
            "stage_x": Axis(table.backlash * 1e3),
            "stage_y": Axis(table.backlash * 1e3),
            "polarization_plate": Axis(),
            "analyser_plate": Axis(),
            "quarter_wave": Axis(),
            "field_angle": Axis(),
            "attenuator": Axis(),
        }
        names = ("relay_sample", "relay_coil", "relay_transverse_coil", "quarter_wave_in", "shutter_closed")
        self._lines = dict.fromkeys(names, False)
        self._lines |= {f"signal_{signal}": signal == "detector" for signal in get_args(Signal)}
        self._macrospin = Macrospin(table.anisotropy_field, table.easy_axis)
        self._magnet = LaggingMagnet(table.magnet_lag)
        self._perpendicular_magnet = LaggingMagnet(table.magnet_lag)
        self._contacts = Contacts(table, sample)
        self._kerr = KerrSignals(table, sample, side)
        self._marked = clock.now()
        clock.subscribe(lambda start, stop: self._follow(stop))
        clock.subscribe_mark(self._begin_epoch)

    # ----------------------------------------------------------- what instruments drive

    def analog_output(self, name: str, volts: float) -> None:
        """Take a new constant voltage (V): of a magnet it feeds the supply, a waveform of that name ends."""
        if name == "magnet":
            self._magnet.drive(volts * self.table.magnet_gain, self.clock.now())
        elif name == "perpendicular_magnet":
            self._perpendicular_magnet.drive(volts * self.table.perpendicular_magnet_gain, self.clock.now())
        elif name in ("sample_amplifier", "coil_amplifier", "reference"):
            self.waveforms[name] = Drive()
        else:
            raise KeyError(name)

    def analog_waveform(self, name: str, volts: FloatArray, rate: float, start: float) -> None:
        """Take a period (n,) (V) that an output repeats: its strongest sine drives an amplifier or a reference."""
        if name not in ("sample_amplifier", "coil_amplifier", "reference"):
            raise KeyError(name)
        spectrum = np.fft.rfft(volts)[1:]
        strongest = int(np.argmax(abs(spectrum)))
        amplitude = 2 * float(abs(spectrum[strongest])) / len(volts)
        frequency = (strongest + 1) * rate / len(volts)
        lead = (float(np.angle(spectrum[strongest])) + math.pi / 2) / (2 * math.pi * frequency)
        self.waveforms[name] = Drive(amplitude, frequency, amplitude > 1e-12, start=start - lead)

    def magnet_current(self, ampere: float) -> None:
        """Take a new current (A) through the coil of the magnet."""
        self._magnet.drive(ampere * self.table.magnet_field_per_ampere, self.clock.now())

    def digital_output(self, name: str, high: bool) -> None:
        """Switch a relay, a flip mount, the shutter, or a contact before the lock-in's input."""
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
        if name == "perpendicular_hall":
            field = self._perpendicular_magnet.fields(times) + self.table.perpendicular_hall_offset
            return field * self.table.perpendicular_hall_gain + self.table.hall_noise * self._noise(5, times)
        if name == "sum":
            volts = self._sum_voltages(times) + self.table.sum_offset
            return volts + self.table.sum_noise * self._noise(2, times)
        if name == "difference":
            return self._difference(times)
        if name == "reference":
            return self._reference_voltage(times)
        if name in ("sample_shunt", "coil_shunt"):
            current = self.sample_current() if name == "sample_shunt" else self._calibration_current()
            if current is None:
                return np.zeros_like(times)
            return current.amplitude * float(getattr(self.table, name)) * np.sin(_turns(current, times))
        raise KeyError(name)

    def lock_in_signal(self, harmonic: int, frequency: float) -> complex:
        """Input of the lock-in now (V rms), in phase + i quadrature against its reference at `frequency` (Hz)."""
        signal = 0j
        for current, voltages in self._signals(self.clock.now()):
            if math.isclose(current.frequency, frequency, rel_tol=1e-7):
                signal += voltages.get(harmonic, 0j)
        return signal

    def lock_in_noise_density(self) -> float:
        """Noise of each quadrature at the lock-in's input (V rms per sqrt(Hz)): shot, Johnson, amplifier and 1/f."""
        table, total = self.table, self.sum_voltage(self.clock.now()) * self._lines["signal_detector"]
        milliwatts = total / table.responsivity * 1e3
        shot = 2 * table.gain * total * table.shot_noise / math.sqrt(milliwatts) if milliwatts > 0 else 0.0
        white = math.hypot(shot, table.input_noise, table.johnson_noise)
        current = next(iter(self._currents().values()), None)
        return white if current is None else white * math.sqrt(1 + table.flicker_corner / current.frequency)

    def supply_current(self) -> float:
        """Current (A) through the coil of the magnet now."""
        return self.field(self.clock.now()) / self.table.magnet_field_per_ampere

    def gaussmeter(self) -> float:
        """Field (T) that a gaussmeter reads now: with its offset and noise."""
        now = self.clock.now()
        noise = self.table.gaussmeter_noise * float(self._noise(3, np.array([now]))[0])
        return self.field(now) + self.table.gaussmeter_offset + noise

    def external_reference(self) -> float | None:
        """Frequency (Hz) at the reference input: of an output made for it, or the sample source's phase marker."""
        drive = self._reference()
        return None if drive is None else drive.frequency

    # ----------------------------------------------------------- the physics

    def field(self, time: float) -> float:
        """In-plane field (T) at `time` (s): the supply follows its control voltage with a first-order lag."""
        return self._magnet.field(time)

    def perpendicular_field(self, time: float) -> float:
        """Field (T) along the film's normal at `time` (s)."""
        return self._perpendicular_magnet.field(time)

    def sum_voltage(self, time: float) -> float:
        """Sum signal (V) of the detector at `time` (s)."""
        drift = 1 + self.table.laser_drift * math.sin(2 * math.pi * time / self.table.laser_drift_period)
        return self._steady_sum(time) * drift

    def sample_current(self) -> Current | None:
        """Current through the sample, None while none flows."""
        drive, gain = self.sample_drive, 1.0
        if "sample_amplifier" in self.waveforms:
            drive, gain = self.waveforms["sample_amplifier"], self.table.sample_amplifier_gain
        return self._current(drive, gain, "relay_sample", self.table.sample_phase)

    def coil_current(self) -> Current | None:
        """Current through the calibration loop, None while none flows."""
        drive = self.waveforms.get("coil_amplifier", self.coil_drive)
        return self._current(drive, self.table.amplifier_gain, "relay_coil", self.table.coil_phase)

    def _calibration_current(self) -> Current | None:
        return self.coil_current() or self.transverse_coil_current()

    def transverse_coil_current(self) -> Current | None:
        """Current through the coil of the in-plane field along y, None while none flows."""
        drive = self.waveforms.get("coil_amplifier", self.coil_drive)
        return self._current(drive, self.table.amplifier_gain, "relay_transverse_coil", self.table.coil_phase)

    def _currents(self) -> dict[CurrentPath, Current]:
        """Every current that flows, by its path."""
        currents: dict[CurrentPath, Current | None] = {
            "sample": self.sample_current(),
            "coil": self.coil_current(),
            "transverse_coil": self.transverse_coil_current(),
        }
        return {path: current for path, current in currents.items() if current is not None}

    def _current(self, drive: Drive, gain: float, contact: str, phase: float) -> Current | None:
        if not (self._lines[contact] and drive.running and drive.amplitude):
            return None
        return Current(drive.amplitude * gain, drive.frequency, phase, drive.start)

    def _signals(self, time: float) -> list[tuple[Current, dict[int, complex]]]:
        """Voltages (V rms, complex) at the lock-in's input at `time`, by current and harmonic."""
        if self._lines["signal_detector"]:
            return self._optical_signals(time)
        connected = next((signal for signal in get_args(Signal) if self._lines[f"signal_{signal}"]), None)
        if connected is None:
            return []
        field = self.perpendicular_field(time)
        found = []
        for path, current in self._currents().items():
            volts = self._contacts.voltage(connected, path, current.amplitude, field) / math.sqrt(2)
            found.append((current, {1: cmath.rect(volts, current.phase)}))
        return found

    def _optical_signals(self, time: float) -> list[tuple[Current, dict[int, complex]]]:
        """Voltages (V rms, complex) of the difference output at `time`, by current and harmonic."""
        at = self._surroundings(time)
        response = self._detection(time)[1]
        film = self._kerr.reflectance(at.x, at.y)[1]
        scale = self.table.gain * self.sum_voltage(time) * film / math.sqrt(2)
        scale *= 1 + self.table.laser_heating * self._steady_power(time)
        found = []
        for path, current in self._currents().items():
            turn = cmath.exp(1j * current.phase)
            angles = self._angles(path, current.amplitude, at)
            voltages = {1: scale * (response * angles[1]).real * turn + self.table.pick_up}
            if 2 in angles:
                voltages[2] = scale * (response * angles[2]).real * HEAT * turn**2
            found.append((current, voltages))
        return found

    def _angles(self, path: CurrentPath, current: float, at: Surroundings) -> dict[int, complex]:
        """Complex Kerr angles (rad, peak) of a current (A peak) on `path`, by harmonic."""
        if path == "sample":
            return self._kerr.of_sample_current(current, at)
        coil = self.sample.coil
        if path == "coil":
            return {1: self._kerr.of_calibration_field(current * coil.field_per_ampere.value, at)}
        transverse = coil.transverse_field_per_ampere
        return {1: self._kerr.of_transverse_field(current * transverse.value, at) if transverse else 0j}

    def _difference(self, times: FloatArray) -> FloatArray:
        """Input of the lock-in (V): imbalance, every harmonic of every current, mains and noise."""
        middle = float(times[len(times) // 2])
        volts = self._imbalance(times, middle) * self._lines["signal_detector"]
        for current, voltages in self._signals(middle):
            turns = 2 * math.pi * current.frequency * (times - current.start)
            for harmonic, voltage in voltages.items():
                if voltage:
                    lead = cmath.phase(voltage)
                    volts += math.sqrt(2) * abs(voltage) * np.sin(harmonic * turns + lead)
        if self.table.mains:
            volts += self.table.mains * np.sin(2 * math.pi * _MAINS * times)
        deviation = self.lock_in_noise_density() * math.sqrt(self.table.detector_bandwidth)
        return volts + deviation * self._noise(4, times) if deviation else volts

    def _imbalance(self, times: FloatArray, middle: float) -> FloatArray:
        """Difference output (V) at DC: the light's balance in the `middle` (s), times the sum."""
        balance = self._detection(middle)[0]
        reading = self.table.difference_gain * balance * (1 + self.table.difference_cubic * balance**2)
        return self._sum_voltages(times) * reading

    def _reference(self) -> Drive | None:
        lost = self.table.reference_lost_after
        if lost and self.clock.now() >= lost:
            return None
        drive = self.waveforms.get("reference", self.sample_drive)
        marked = drive.running and (drive is not self.sample_drive or drive.marker)
        return drive if marked else None

    def _reference_voltage(self, times: FloatArray) -> FloatArray:
        drive = self._reference()
        if drive is None:
            return np.zeros_like(times)
        sine = np.sin(2 * math.pi * drive.frequency * (times - drive.start))
        return np.asarray(_MARKER * (sine > 0.0) if drive is self.sample_drive else drive.amplitude * sine)

    def _sum_voltages(self, times: FloatArray) -> FloatArray:
        drift = 1 + self.table.laser_drift * np.sin(2 * math.pi * times / self.table.laser_drift_period)
        return np.asarray(self._steady_sum(float(times[len(times) // 2])) * drift)

    def _steady_sum(self, time: float) -> float:
        """Sum signal (V) without the drift of the laser, which alone changes within a record."""
        if self._lines["shutter_closed"]:
            return 0.0
        x, y = self._spot(time)
        return self._steady_power(time) * self._kerr.reflectance(x, y)[0] * self.table.responsivity

    def _steady_power(self, time: float) -> float:
        """Power (W) on the sample without drift, shutter aside."""
        return self.table.laser_power * math.cos(2 * math.radians(self.axes["attenuator"].position(time))) ** 2

    def _spot(self, time: float) -> tuple[float, float]:
        """Spot from the centre of the square (m)."""
        x, y = (self.axes[name].carriage(time) * 1e-3 for name in ("stage_x", "stage_y"))
        return x, y + self.table.spot_offset

    def _surroundings(self, time: float) -> Surroundings:
        x, y = self._spot(time)
        return Surroundings(self.field(time), self._macrospin.angle, self._polarization(time), x, y)

    def _begin_epoch(self) -> None:
        self._marked = self.clock.now()

    def _follow(self, time: float) -> None:
        self._macrospin.follow(self.field(time), math.radians(self.axes["field_angle"].position(time)))

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


def _turns(current: Current, times: FloatArray) -> FloatArray:
    """Phase (rad) of the current at `times` (s)."""
    return 2 * math.pi * current.frequency * (times - current.start) + current.phase


def _flatten(table: dict[str, object], prefix: str = "") -> dict[str, object]:
    flat: dict[str, object] = {}
    for key, value in table.items():
        if isinstance(value, dict):
            flat |= _flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
