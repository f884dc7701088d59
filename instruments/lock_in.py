"""Lock-in amplifiers."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

from pymeasure.instruments.srs import SR830

from analysis import detection
from instruments.clock import Clock
from instruments.errors import DeviceError, LimitError
from instruments.roles import LockInReading, Quantity, SafeStateReport
from instruments.safe_state import try_every_step


class SR830LockIn:
    """Stanford Research SR830 behind pymeasure's driver.

    Parameters
    ----------
    driver
        pymeasure's SR830.
    clock
        Time of the bench.

    Notes
    -----
    The driver rounds ranges and time constants to the next one it knows, so set values are read back.
    """

    role = "lock_in"
    lowest_frequency, highest_frequency = 1e-3, 102e3

    def __init__(self, driver: SR830, clock: Clock) -> None:
        self.driver = driver
        self._clock = clock
        self._time_constant: float = driver.time_constant
        self._slope: int = int(driver.filter_slope)

    def check_filter(self, *, time_constant: float, slope: int) -> None:
        """Raise unless the SR830 has this `time_constant` (s) and `slope`; sends nothing."""
        if not any(math.isclose(time_constant, known) for known in SR830.TIME_CONSTANTS):
            raise LimitError(
                f"SR830: time constant must be one of 10 us, 30 us, ... 30 ks; setting it to {time_constant:g} s "
                "would be rounded up silently. Choose one of them."
            )
        detection.filter_stages(slope)

    def configure(self, *, time_constant: float, slope: int) -> None:
        """Set the filter; `time_constant` (s) must be one that the SR830 has."""
        self.check_filter(time_constant=time_constant, slope=slope)
        self.driver.time_constant = time_constant
        self.driver.filter_slope = slope
        # What a colleague may have left otherwise: it would give another number without an error.
        self.driver.input_coupling = "AC"
        self.driver.harmonic = 1
        self.driver.filter_synchronous = False
        self._time_constant, self._slope = self.driver.time_constant, int(self.driver.filter_slope)
        self._compare("time constant", time_constant, self._time_constant, "s")
        self._compare("filter slope", slope, self._slope, "dB/octave")

    def set_reference(self, source: Literal["internal", "external"], frequency: float, phase: float) -> None:
        """Choose the reference; phase in rad."""
        if not self.lowest_frequency <= frequency <= self.highest_frequency:
            raise LimitError(
                f"SR830: reference frequency must lie in 1 mHz to 102 kHz; setting it to {frequency:g} Hz is refused. "
                "Check the recipe."
            )
        self.driver.reference_source = "Internal" if source == "internal" else "External"
        if source == "internal":
            self.driver.frequency = frequency
            self._compare("reference frequency", frequency, self.driver.frequency, "Hz")
        else:
            self.driver.reference_source_trigger = "POS EDGE"
        degrees = math.remainder(math.degrees(phase), 360)
        self.driver.phase = degrees
        self._compare("phase", round(degrees, 2), self.driver.phase, "deg")
        self.clear_status()

    def set_sensitivity(self, sensitivity: float) -> float:
        """Choose the smallest range that holds `sensitivity` (V rms)."""
        if not 0 < sensitivity <= SR830.SENSITIVITIES[-1]:
            raise LimitError(
                f"SR830: sensitivity must lie above 0 and up to 1 V; setting it to {sensitivity:g} V is refused. "
                "Reduce the signal."
            )
        self.driver.sensitivity = sensitivity
        return float(self.driver.sensitivity)

    def settling_time(self, remainder: float) -> float:
        """Time (s) until `remainder` of a step is left."""
        return detection.settling_time(self._time_constant, self._slope, remainder)

    def noise_bandwidth(self) -> float:
        """Equivalent noise bandwidth (Hz)."""
        return detection.noise_bandwidth(self._time_constant, self._slope)

    def read(self) -> LockInReading:
        """Read X and Y at one instant, and the status latched since the last reading."""
        x, y = self.driver.xy
        faults = self.driver.lia_status & 0b1111  # overloads and reference unlock; the rest are events
        return LockInReading(float(x), float(y), int(faults))

    def clear_status(self) -> None:
        """Forget overloads and unlocks that were latched until now."""
        self.driver.lia_status  # noqa: B018 - reading clears the latch

    def identity(self) -> str:
        """Return the answer to *IDN?."""
        return str(self.driver.id)

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings, read back."""
        return {
            "reference_source": (self.driver.reference_source, ""),
            "frequency": (self.driver.frequency, "Hz"),
            "phase": (math.radians(self.driver.phase), "rad"),
            "harmonic": (self.driver.harmonic, ""),
            "sensitivity": (self.driver.sensitivity, "V"),
            "time_constant": (self.driver.time_constant, "s"),
            "filter_slope": (self.driver.filter_slope, "dB"),
            "sine_voltage_rms": (self.driver.sine_voltage, "V"),
        }

    def make_safe(self) -> SafeStateReport:
        """Bring the sine output to its least."""
        return try_every_step(self.role, [("sine output to 4 mV", lambda: setattr(self.driver, "sine_voltage", 0.004))])

    def _compare(self, name: str, asked: float, received: float, unit: str) -> None:
        if not math.isclose(asked, received, rel_tol=1e-5, abs_tol=1e-9):
            raise DeviceError(
                "SR830", f"{name} was set to {asked:g} {unit} but reads back {received:g} {unit}.",
                "Check that no one else drives the instrument.",
            )  # fmt: skip
