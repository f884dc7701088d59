"""Lock-in amplifiers of Stanford Research behind pymeasure's drivers; the software lock-in has a module of its own."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from pymeasure.instruments.srs import SR830, SR860

from analysis import detection
from instruments.clock import Clock
from instruments.errors import DeviceError, LimitError, finite
from instruments.freshness import Freshness
from instruments.live import Observed
from instruments.roles import (
    FILTER_OVERLOAD,
    INPUT_OVERLOAD,
    OUTPUT_OVERLOAD,
    UNLOCKED,
    LockInReading,
    Quantity,
    SafeStateReport,
)
from instruments.safe_state import try_every_step

_COMPLAINTS = {
    UNLOCKED: ("reference is not locked.", "Check the cable to its reference input."),
    INPUT_OVERLOAD: ("input is overloaded.", "Reduce the signal, or look for pick-up."),
    FILTER_OVERLOAD: ("filter is overloaded.", "Choose a larger range, or look for interference."),
    OUTPUT_OVERLOAD: ("output is overloaded.", "Choose a larger range."),
}


def trusted(device: str, reading: LockInReading) -> LockInReading:
    """Return `reading` of `device`; `DeviceError` where its status tells of an overload or a lost reference."""
    for bit, (what, remedy) in _COMPLAINTS.items():
        if reading.status & bit:
            raise DeviceError(device, what, remedy)
    return reading


class _StanfordLockIn(Observed, ABC):
    """What both models have in common: choices that are held against the driver's lists and read back.

    Parameters
    ----------
    driver
        pymeasure's driver.
    clock
        Time of the bench.

    Notes
    -----
    The drivers round ranges and time constants to the next one they know, so set values are read back.
    """

    role = "lock_in"
    model: ClassVar[str]
    lowest_frequency: ClassVar[float] = 1e-3
    largest_frequency: float
    least_sine: ClassVar[float]
    largest_sine: ClassVar[float]
    sine_step: ClassVar[float]
    input_noise: ClassVar[float]
    """Noise that every reading has at least (V/Hz^0.5 rms, data sheet)."""
    _time_constants: ClassVar[Sequence[float]]
    _ranges: ClassVar[Sequence[float]]
    _largest_harmonic: ClassVar[int]

    def __init__(self, driver: Any, clock: Clock) -> None:
        self.driver, self.device = driver, str(driver.adapter.device)
        self._clock = clock
        self._freshness = Freshness(self.device, "X and Y")
        self._range, self._frequency, self._phase, self._harmonic = 1.0, 1000.0, 0.0, 1
        self._time_constant, self._slope = 1.0, 24

    def take_over(self) -> None:
        """Take range, frequency and filter as they are."""
        self._range, self._frequency = float(self.driver.sensitivity), float(self.driver.frequency)
        self._read_filter()

    def _read_filter(self) -> None:
        self._time_constant, self._slope = float(self.driver.time_constant), self._read_slope()

    @abstractmethod
    def _read_slope(self) -> int:
        """Slope (dB per octave), read back."""

    @abstractmethod
    def _set_slope(self, slope: int) -> None: ...

    @abstractmethod
    def _set_source(self, source: Literal["internal", "external"]) -> None: ...

    @abstractmethod
    def _snapshot(self) -> tuple[float, float]: ...

    @abstractmethod
    def _status(self) -> int:
        """Faults since the last call, as bits of `LockInReading.status`."""

    def check_filter(self, *, time_constant: float, slope: int) -> None:
        """Raise unless the instrument has this `time_constant` (s) and `slope`; sends nothing."""
        if not any(math.isclose(time_constant, known) for known in self._time_constants):
            raise LimitError(
                f"{self.model}: time constant must be one of {self._time_constants[0]:g} s, "
                f"{self._time_constants[1]:g} s, ... 30 ks; setting it to {time_constant:g} s would be rounded up "
                "silently. Choose one of them."
            )
        detection.filter_stages(slope)

    def configure(self, *, time_constant: float, slope: int) -> None:
        """Set the filter; `time_constant` (s) must be one that the instrument has."""
        self.check_filter(time_constant=time_constant, slope=slope)
        self.driver.time_constant = time_constant
        self._set_slope(slope)
        self.driver.input_coupling = "AC"
        self._read_filter()
        self._compare("time constant", time_constant, self._time_constant, "s")
        self._compare("filter slope", slope, self._slope, "dB/octave")

    def set_reference(self, source: Literal["internal", "external"], frequency: float, phase: float) -> None:
        """Choose the reference; phase of the current in rad. Detection begins at the first harmonic."""
        if not self.lowest_frequency <= frequency <= self.largest_frequency:
            raise LimitError(
                f"{self.model}: reference frequency must lie in 1 mHz to {self.largest_frequency * 1e-3:g} kHz; "
                f"setting it to {frequency:g} Hz is refused. Check the recipe."
            )
        self._set_source(source)
        if source == "internal":
            self.driver.frequency = frequency
            self._compare("reference frequency", frequency, self.driver.frequency, "Hz")
        self._frequency, self._phase = frequency, phase
        self.set_harmonic(1)

    def set_harmonic(self, harmonic: int) -> None:
        """Detect at `harmonic` times the reference, the phase of the current as many times; wait for it to settle."""
        largest = min(self._largest_harmonic, math.floor(self.largest_frequency / self._frequency))
        if not 1 <= harmonic <= largest:
            raise LimitError(
                f"{self.model}: harmonic must lie in 1 to {largest} at {self._frequency:g} Hz; setting it to "
                f"{harmonic} is refused. Lower it, or the frequency."
            )
        self.driver.harmonic = harmonic
        self._compare("harmonic", harmonic, self.driver.harmonic, "")
        degrees = math.remainder(math.degrees(harmonic * self._phase), 360)
        self.driver.phase = degrees
        self._compare("phase", round(degrees, 2), round(self.driver.phase, 2), "deg")
        self._harmonic = harmonic
        self.clear_status()

    def set_sensitivity(self, sensitivity: float) -> float:
        """Choose the smallest range that holds `sensitivity` (V rms)."""
        if not 0 < sensitivity <= 1.0:
            raise LimitError(
                f"{self.model}: sensitivity must lie above 0 and up to 1 V; setting it to {sensitivity:g} V is "
                "refused. Reduce the signal."
            )
        self.driver.sensitivity = sensitivity
        self._range = float(self.driver.sensitivity)
        return self._range

    def resolution(self, sensitivity: float) -> float:
        """Step (V rms) of X and Y: 16 bit in the smallest range that holds `sensitivity` (V rms)."""
        return min(known for known in self._ranges if known >= min(sensitivity, max(self._ranges))) * 2.0**-15

    def settling_time(self, remainder: float, *, time_constant: float, slope: int) -> float:
        """Time (s) until `remainder` of a step is left."""
        return detection.settling_time(time_constant, slope, remainder)

    def reading_time(self, *, time_constant: float, slope: int) -> float:
        """None (s): the output is there whenever it is asked for."""
        return 0.0

    def noise_bandwidth(self, *, time_constant: float, slope: int) -> float:
        """Equivalent noise bandwidth (Hz)."""
        return detection.noise_bandwidth(time_constant, slope)

    def look(self) -> LockInReading:
        """Read X and Y at one instant, and the status latched since the last reading, good or not.

        Raises
        ------
        DeviceError
            Where X or Y is no number.
        """
        x, y = (finite(self.device, "X or Y", voltage) for voltage in self._snapshot())
        reading = LockInReading(x, y, self._status())
        self._keep(x=(x, "V"), y=(y, "V"), status=(float(reading.status), ""))
        return reading

    def read(self) -> LockInReading:
        """Read X and Y; `DeviceError` also at an overload, without a reference, or where they repeat for ever."""
        reading = trusted(self.device, self.look())
        bandwidth = detection.noise_bandwidth(self._time_constant, self._slope)
        if self.input_noise * math.sqrt(bandwidth) > self.resolution(self._range):  # else a step may hide the noise
            self._freshness.check((reading.x, reading.y), self._clock.now(), 1 / (2 * bandwidth))
        return reading

    def clear_status(self) -> None:
        """Forget overloads and unlocks that were latched until now."""
        self._status()

    def identity(self) -> str:
        """Return the answer to *IDN?."""
        return str(self.driver.id)

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings, read back."""
        frequency = finite(self.device, "frequency", self.driver.frequency)
        return {
            "frequency": (frequency, "Hz"),
            "reference_source": (self.driver.reference_source, ""),
            "phase": (math.radians(self.driver.phase), "rad"),
            "harmonic": (self.driver.harmonic, ""),
            "sensitivity": (self.driver.sensitivity, "V"),
            "time_constant": (self.driver.time_constant, "s"),
            "filter_slope": (self._slope, "dB"),
            "sine_voltage_rms": (self.driver.sine_voltage, "V"),
        }

    def make_safe(self) -> SafeStateReport:
        """Bring the sine output to its least."""
        step = f"sine output to {self.least_sine * 1e3:g} mV rms"
        return try_every_step(self.role, [(step, lambda: setattr(self.driver, "sine_voltage", self.least_sine))])

    def _pair(self, answer: Sequence[float | str]) -> tuple[float, float]:
        if len(answer) != 2 or not all(isinstance(part, float) for part in answer):
            raise DeviceError(
                self.device, f"answers {list(answer)} where X and Y were asked for.",
                "Check instrument and cable.",
            )  # fmt: skip
        return float(answer[0]), float(answer[1])

    def _compare(self, name: str, asked: float, received: float, unit: str) -> None:
        if not math.isclose(asked, received, rel_tol=1e-5, abs_tol=1e-9):
            raise DeviceError(
                self.device, f"{name} was set to {asked:g} {unit} but reads back {received:g} {unit}.",
                "Check that no one else drives the instrument.",
            )  # fmt: skip


class SR830LockIn(_StanfordLockIn):
    """Stanford Research SR830."""

    model = "SR830"
    largest_frequency = 102e3
    least_sine, largest_sine, sine_step = 0.004, 5.0, 0.002  # V rms
    input_noise = 6e-9  # V/Hz^0.5
    _time_constants = SR830.TIME_CONSTANTS
    _ranges = SR830.SENSITIVITIES
    _largest_harmonic = 19998  # the driver refuses the last one that the instrument has

    def _read_slope(self) -> int:
        return int(self.driver.filter_slope)

    def _set_slope(self, slope: int) -> None:
        self.driver.filter_slope = slope
        self.driver.filter_synchronous = False  # a colleague may have left it on

    def _set_source(self, source: Literal["internal", "external"]) -> None:
        self.driver.reference_source = "Internal" if source == "internal" else "External"
        if source == "external":
            self.driver.reference_source_trigger = "POS EDGE"

    def _snapshot(self) -> tuple[float, float]:
        return self._pair(self.driver.xy)

    def _status(self) -> int:
        word = finite(self.device, "status", self.driver.ask("LIAS?"))
        return int(word) & 0b1111  # overloads and reference unlock; the rest are events


class SR860LockIn(_StanfordLockIn):
    """Stanford Research SR860.

    Notes
    -----
    pymeasure's driver counts the slope as an index, has no status word and cannot set the impedance of the
    reference input (its command lacks the number, TypeError): status and impedance are asked for and set here.
    It knows harmonics to 98; the instrument ends at 99.
    """

    model = "SR860"
    largest_frequency = 500e3
    least_sine, largest_sine, sine_step = 1e-9, 2.0, 1e-9  # V rms
    input_noise = 2.5e-9  # V/Hz^0.5
    _time_constants = SR860.TIME_CONSTANTS
    _ranges = SR860.SENSITIVITIES
    _largest_harmonic = 98
    _input_ranges = (("10M", 0.01), ("30M", 0.03), ("100M", 0.1), ("300M", 0.3), ("1V", 1.0))

    def _read_slope(self) -> int:
        return 6 * (int(self.driver.filter_slope) + 1)

    def _set_slope(self, slope: int) -> None:
        self.driver.filter_slope = detection.filter_stages(slope) - 1

    def _set_source(self, source: Literal["internal", "external"]) -> None:
        self.driver.reference_source = "INT" if source == "internal" else "EXT"
        if source == "external":
            self.driver.reference_triggermode = "POS"
            self.driver.write("REFZ 1")  # 1 megohm: a phase marker drives no 50 ohm
            self._compare("reference impedance", 1, int(float(self.driver.ask("REFZ?"))), "")

    def set_sensitivity(self, sensitivity: float) -> float:
        """Choose the smallest range that holds `sensitivity` (V rms), and an input range of twice its peak or more."""
        reached = super().set_sensitivity(sensitivity)
        peak = 2 * math.sqrt(2) * reached
        self.driver.input_range = next((name for name, volts in self._input_ranges if volts >= peak), "1V")
        return reached

    def _snapshot(self) -> tuple[float, float]:
        return self._pair(self.driver.snap("X", "Y"))

    def _status(self) -> int:
        word = int(finite(self.device, "status", self.driver.ask("LIAS?")))
        return INPUT_OVERLOAD * bool(word & 16) | OUTPUT_OVERLOAD * bool(word & 0b11) | UNLOCKED * bool(word & 0b1000)
