"""AC current sources: for the sample, and for the coil of the calibration field."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import numpy as np
from pymeasure.instruments.keithley import Keithley6221

from instruments.clock import Clock
from instruments.errors import DeviceError, LimitError, finite
from instruments.live import Observed
from instruments.lock_in import SR830LockIn, SR860LockIn
from instruments.roles import Quantity, SafeStateReport
from instruments.safe_state import try_every_step

_RAMP_STEP = 0.1  # s between two steps of a ramp


class SourceLimits(NamedTuple):
    """Least amplitude above zero and largest (A peak), and largest frequency (Hz) of a source."""

    least_current: float
    largest_current: float
    largest_frequency: float


class _RampedSource(Observed, ABC):
    """Limits and ramps that all sources share. Amplitudes are peak values in ampere.

    Parameters
    ----------
    clock
        Time of the bench.
    device
        What messages call it.
    phase
        Of its current (rad).
    limits
        Least amplitude above zero and largest (A peak), and largest frequency (Hz).
    ramp_rate
        Slew limit (A/s).
    """

    role: str

    def __init__(self, clock: Clock, device: str, phase: float, limits: SourceLimits, ramp_rate: float) -> None:
        self._clock, self.device = clock, device
        self.phase = phase
        self.least_current, self.largest_current, self.largest_frequency = limits
        self._ramp_rate = ramp_rate
        self._asked = 0.0

    def set_amplitude(self, amplitude: float) -> None:
        """Ramp to `amplitude` (A peak), at least 0."""
        self._check_limit(amplitude)
        if 0 < amplitude < self.least_current:
            raise LimitError(
                f"{self.role}: amplitude must be 0 or at least {self.least_current:.3g} A peak, its least; "
                f"setting it to {amplitude:g} A is refused. Use a larger current."
            )
        for level in np.linspace(self._asked, amplitude, self._ramp_steps(self._asked, amplitude) + 1)[1:]:
            if level > self._asked:  # the limit may be lowered meanwhile, and the way down stays open
                self._check_limit(float(level))
            self._put(float(level))
            self._asked = float(level)
            self._clock.wait(_RAMP_STEP)
        received = self.amplitude()
        if abs(received - amplitude) > self._resolution(amplitude):
            raise DeviceError(
                self.device, f"amplitude was set to {amplitude:g} A peak but reads back {received:g} A.",
                "Check the range of the source.",
            )  # fmt: skip

    def _check_limit(self, amplitude: float) -> None:
        if not (math.isfinite(amplitude) and 0 <= amplitude <= self.largest_current):
            raise LimitError(
                f"{self.role}: amplitude must lie in 0 to {self.largest_current:g} A peak; setting it to "
                f"{amplitude:g} A is refused. Lower the current, or raise the limit in bench or sample file if "
                "instrument and sample bear it."
            )

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) of a ramp from `start` to `stop` (A peak)."""
        return self._ramp_steps(start, stop) * _RAMP_STEP

    def _ramp_steps(self, start: float, stop: float) -> int:
        return max(1, math.ceil(abs(stop - start) / (self._ramp_rate * _RAMP_STEP)))

    def amplitude(self) -> float:
        """Amplitude (A peak), read back."""
        amplitude = self._read_back()
        self._keep(amplitude=(amplitude, "A"))
        return amplitude

    @abstractmethod
    def _read_back(self) -> float: ...

    @abstractmethod
    def _put(self, amplitude: float) -> None: ...

    @abstractmethod
    def _resolution(self, amplitude: float) -> float: ...


class Keithley6221Source(_RampedSource):
    """Keithley 6221 in wave mode, with its phase marker as the lock-in's reference.

    Notes
    -----
    Its driver turns an amplitude of 0 into 2 pA and one above 105 mA into 105 mA, silently; here 0 stops the
    wave and switches the output off, and more than 105 mA is refused.
    """

    role = "sample_source"
    reference: Literal["internal", "external"] = "external"
    clips_at = 0.105  # A peak
    _ranges = (2e-9, 2e-8, 2e-7, 2e-6, 2e-5, 2e-4, 2e-3, 2e-2, 0.1)  # A
    _steps = 1e4  # of a range, at least (specifications: 10 uA in the range of 100 mA, 100 fA in that of 2 nA)

    def __init__(
        self,
        driver: Keithley6221,
        clock: Clock,
        *,
        phase: float,
        largest_current: float,
        ramp_rate: float,
        compliance: float,
    ) -> None:
        if largest_current > self.clips_at:
            raise LimitError(
                f"sample_source: largest_current of a Keithley 6221 must be at most 0.105 A peak; received "
                f"{largest_current:g} A. Lower it in the bench file, or use a power voltage-to-current amplifier."
            )
        least = next((span for span in self._ranges if span >= largest_current), self._ranges[-1]) / self._steps
        limits = SourceLimits(least, largest_current, 100e3)
        super().__init__(clock, driver.adapter.device, phase, limits, ramp_rate)
        self.driver, self._span, self._compliance = driver, largest_current, compliance
        self._running = False

    def take_over(self) -> None:
        """Stop the wave, choose range and compliance, and put the phase marker out."""
        self.driver.waveform_abort()
        self.driver.disable_source()
        self.driver.source_compliance = self._compliance
        self.driver.waveform_function = "sine"
        self.driver.waveform_offset = 0
        # A range chosen once: with "best" the instrument would fix it when armed, at the first step of a ramp.
        self.driver.source_range = self._span
        self.driver.waveform_ranging = "fixed"
        self.driver.waveform_duration_set_infinity()
        self.driver.waveform_phasemarker_phase = 0
        self.driver.waveform_use_phasemarker = True

    def set_frequency(self, frequency: float) -> None:
        """Set the frequency (Hz)."""
        self.driver.waveform_frequency = frequency
        received = self.driver.waveform_frequency
        if not math.isclose(received, frequency, rel_tol=1e-5):
            raise DeviceError(
                self.device, f"frequency was set to {frequency:g} Hz but reads back {received:g} Hz.",
                "Choose a frequency of at most six digits between 1 mHz and 100 kHz.",
            )  # fmt: skip

    def _read_back(self) -> float:
        if not self._running:
            return 0.0
        return finite(self.device, "amplitude", self.driver.waveform_amplitude)

    def _put(self, amplitude: float) -> None:
        if amplitude == 0:
            self._stop()
            return
        self.driver.waveform_amplitude = amplitude
        if not self._running:
            self.driver.waveform_arm()
            self.driver.enable_source()
            self.driver.waveform_start()
            self._running = True

    def _stop(self) -> None:
        self.driver.waveform_abort()
        self.driver.disable_source()
        self._running = False

    def _resolution(self, amplitude: float) -> float:
        return 1e-5 * amplitude + 1e-9

    def identity(self) -> str:
        """Return the answer to *IDN?."""
        return str(self.driver.id)

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings, read back."""
        return {
            "frequency": (self.driver.waveform_frequency, "Hz"),
            "amplitude_peak": (self.amplitude(), "A"),
            "offset": (self.driver.waveform_offset, "A"),
            "compliance": (self.driver.source_compliance, "V"),
            "phase": (self.phase, "rad"),
        }

    def make_safe(self) -> SafeStateReport:
        """Amplitude to the least, wave aborted, output off."""
        steps: list[tuple[str, Callable[[], object]]] = [
            ("amplitude to its least", lambda: setattr(self.driver, "waveform_amplitude", 2e-12)),
            ("wave aborted", self.driver.waveform_abort),
            ("output off", self.driver.disable_source),
        ]
        report = try_every_step(self.role, steps)
        if report.safe:  # otherwise a current may still flow, and whoever asks has to hear of it
            self._running, self._asked = False, 0.0
        return report


class AmplifiedSineSource(_RampedSource):
    """Lock-in sine output into a power voltage-to-current amplifier.

    Notes
    -----
    The sine output ends at 4 mV rms (SR830) or 1 nV rms (SR860), not at zero: a relay has to disconnect the
    amplifier when no current may flow.
    """

    role = "calibration_source"
    reference: Literal["internal", "external"] = "internal"

    def __init__(
        self,
        lock_in: SR830LockIn | SR860LockIn,
        clock: Clock,
        *,
        gain: float,
        phase: float,
        largest_current: float,
        ramp_rate: float,
    ) -> None:
        most = lock_in.largest_sine * math.sqrt(2) * gain
        if largest_current > most:
            raise LimitError(
                f"calibration_source: largest_current must be at most {most:g} A peak, what {lock_in.largest_sine:g} V "
                f"rms make of a gain of {gain:g} A/V; received {largest_current:g} A. Lower it in the bench file."
            )
        limits = SourceLimits(
            (lock_in.least_sine + lock_in.sine_step) * math.sqrt(2) * gain, largest_current, lock_in.largest_frequency
        )
        super().__init__(clock, f"calibration_source on {lock_in.device}", phase, limits, ramp_rate)
        self.driver = lock_in.driver
        self._lock_in = lock_in
        self.gain = gain

    def take_over(self) -> None:
        """Bring the sine output to its least."""
        self._put(0.0)

    def set_frequency(self, frequency: float) -> None:
        """Set the frequency (Hz) of the internal reference."""
        self.driver.frequency = frequency

    def _read_back(self) -> float:
        rms = finite(self.device, "sine voltage", self.driver.sine_voltage)
        return 0.0 if rms <= self._lock_in.least_sine else rms * math.sqrt(2) * self.gain

    def _put(self, amplitude: float) -> None:
        self.driver.sine_voltage = max(self._lock_in.least_sine, amplitude / (math.sqrt(2) * self.gain))

    def _resolution(self, amplitude: float) -> float:
        # An SR830 has steps of 2 mV rms; what is reached is read back and stored with the data.
        least = self._lock_in.least_sine if amplitude else 0.0
        return (1.05 * self._lock_in.sine_step + least) * math.sqrt(2) * self.gain + 1e-6 * amplitude

    def identity(self) -> str:
        """Return the identity of the lock-in whose output it is."""
        return f"{self._lock_in.identity()} sine output and amplifier of {self.gain:g} A/V"

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings, read back."""
        return {
            "sine_voltage_rms": (self.driver.sine_voltage, "V"),
            "amplitude_peak": (self.amplitude(), "A"),
            "gain": (self.gain, "A/V"),
            "phase": (self.phase, "rad"),
        }

    def make_safe(self) -> SafeStateReport:
        """Bring the sine output to its least."""
        step = f"sine output to {self._lock_in.least_sine * 1e3:g} mV rms"
        report = try_every_step(self.role, [(step, lambda: self._put(0.0))])
        if report.safe:
            self._asked = 0.0
        return report
