"""Current source made of a clocked analog output, a power voltage-to-current amplifier, and a series shunt."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from analysis.errors import AnalysisError
from analysis.software_lock_in import find_reference, fit_harmonics
from instruments.clock import Clock
from instruments.current_source import SourceLimits, _RampedSource
from instruments.daq import AnalogOutput
from instruments.daq_clocked import ClockedInput, ClockedSine
from instruments.errors import DeviceError, LimitError
from instruments.roles import Quantity, SafeStateReport
from instruments.safe_state import try_every_step

_REFERENCE = 1.0  # V peak
_READ_BACK = 5e-3  # s
_PHASE_TOLERANCE = 0.05  # rad


@dataclass(frozen=True)
class Shunt:
    """Series shunt: record of its voltage and of the reference, resistance (ohm), skew (s) of its channel."""

    input: ClockedInput
    resistance: float
    skew: float = 0.0


class AnalogSineSource(_RampedSource):
    """NI analog output into a power voltage-to-current amplifier; a second output is the lock-in's reference.

    Parameters
    ----------
    open_sine
        Makes the clocked sines of a frequency (Hz) on output and reference.
    open_output
        Opens the output for a constant voltage.
    shunt
        Where the current is read back; None takes what was asked for.
    clock
        Time of the bench.
    role
        "sample_source" or "calibration_source".
    device
        What messages call it.
    gain
        Of the amplifier (A/V).
    phase
        Of this current against the reference (rad); what the shunt says must agree.
    largest_current
        Limit (A peak).
    ramp_rate
        Slew limit (A/s).
    rate
        Samples per second of the outputs.

    Notes
    -----
    Both outputs are clocked together and repeat a period with a whole number of cycles. They run while current
    flows, and end on zeros. The amplitude is read back through the shunt by weighted least squares against the
    reference sampled with it; a current that does not flow (open relay, amplifier off) is an error.
    """

    reference: Literal["internal", "external"] = "external"
    _accuracy = 0.05  # of the amplifier's gain

    def __init__(
        self,
        open_sine: Callable[[float], ClockedSine],
        open_output: Callable[[], AnalogOutput],
        shunt: Shunt | None,
        clock: Clock,
        *,
        role: str,
        device: str,
        gain: float,
        phase: float,
        largest_current: float,
        ramp_rate: float,
        rate: float,
    ) -> None:
        if largest_current > ClockedSine.limit * gain:
            raise LimitError(
                f"{role}: largest_current must be at most {ClockedSine.limit * gain:g} A peak, what 10 V make of a "
                f"gain of {gain:g} A/V; received {largest_current:g} A. Lower it in the bench file."
            )
        limits = SourceLimits(2 * ClockedSine.limit / 2**16 * gain, largest_current, rate / 8)  # 16 bit
        super().__init__(clock, device, phase, limits, ramp_rate)
        self.role, self.gain = role, gain
        self._open_sine, self._open_output, self._shunt = open_sine, open_output, shunt
        self._sine = open_sine(1000.0)

    def take_over(self) -> None:
        """Put out a constant zero: of a program that died while its sine ran, the output still holds a voltage."""
        self._zero()

    def _zero(self) -> None:
        with self._open_output() as output:
            output.write(0.0)

    def set_frequency(self, frequency: float) -> None:
        """Set the frequency (Hz); the current must be zero."""
        if frequency == self._sine.frequency:
            return
        if self._asked > 0:
            raise LimitError(
                f"{self.role}: current must be zero while the frequency changes; setting it to {frequency:g} Hz at "
                f"{self._asked:g} A is refused. Set the amplitude to zero first."
            )
        made = self._open_sine(frequency)
        self._sine.close()
        self._sine = made

    def _read_back(self) -> float:
        if not self._sine.running:
            return 0.0
        if self._shunt is None:
            return self._asked
        return abs(self.measure())

    def measure(self) -> complex:
        """Current against the reference: A peak times exp(i phase), from the shunt.

        Raises
        ------
        DeviceError
            Without a shunt, at an overload, or where no reference is found.
        """
        if self._shunt is None:
            raise DeviceError(self.device, "has no shunt.", "Wire one, and name its input in the bench file.")
        record = self._shunt.input
        samples = math.ceil(max(_READ_BACK, 20 / self._sine.frequency) * record.rate)
        volts, overloads = record.acquire(samples, self._clock)
        if any(overloads):
            raise DeviceError(record.device, "overloads its input range.", "Choose a larger range, or a smaller shunt.")
        try:
            found = find_reference(volts[1], record.rate, self._sine.frequency)
        except AnalysisError as error:
            raise DeviceError(self.device, str(error), "Check the wire from the reference output.") from None
        turn = found.phase + 2 * math.pi * found.frequency * self._shunt.skew
        current = complex(fit_harmonics(volts[0], record.rate, found.frequency, turn).first)
        return current * math.sqrt(2) / self._shunt.resistance

    def set_amplitude(self, amplitude: float) -> None:
        """Ramp to `amplitude` (A peak), then compare amplitude and phase with what the shunt says."""
        super().set_amplitude(amplitude)
        if self._shunt is not None and amplitude > 0:
            off = math.remainder(cmath.phase(self.measure()) - self.phase, math.tau)
            if abs(off) > _PHASE_TOLERANCE:
                raise DeviceError(
                    self.device,
                    f"phase of the current is {self.phase + off:.3f} rad on the shunt, not {self.phase:.3f} rad.",
                    "Check the leads (half a turn is a swapped pair), or mend `phase` in the bench file.",
                )  # fmt: skip

    def _put(self, amplitude: float) -> None:
        if amplitude == 0:
            self._sine.silence(self._clock)
        else:
            self._sine.write([amplitude / self.gain, _REFERENCE])

    def _resolution(self, amplitude: float) -> float:
        return self._accuracy * amplitude + 1e-6

    def identity(self) -> str:
        """Return the card that makes the sine."""
        return f"{self._sine.identity()} output and amplifier of {self.gain:g} A/V"

    def settings(self) -> Mapping[str, Quantity]:
        """Return settings; the current as read on the shunt where there is one and it flows."""
        settings: dict[str, Quantity] = {
            "frequency": (self._sine.frequency, "Hz"),
            "gain": (self.gain, "A/V"),
            "phase": (self.phase, "rad"),
            "amplitude_asked": (self._asked, "A"),
        }
        if self._shunt is not None:
            current = self.measure() if self._sine.running else 0j
            settings |= {
                "shunt": (self._shunt.resistance, "ohm"),
                "amplitude_peak": (abs(current), "A"),
                "phase_measured": (cmath.phase(current) if current else self.phase, "rad"),
            }
        return settings

    def make_safe(self) -> SafeStateReport:
        """Zeros, outputs stopped, and a constant zero in any case."""

        def end() -> None:
            frequency = self._sine.frequency
            self._sine.close()
            self._sine = self._open_sine(frequency)

        report = try_every_step(
            self.role,
            [
                ("sine to zero", lambda: self._sine.silence(self._clock)),
                ("outputs stopped", end),
                ("output zero", self._zero),
            ],
        )
        if report.safe:  # otherwise a current may still flow, and whoever asks has to hear of it
            self._asked = 0.0
        return report

    def close(self) -> None:
        """Free the outputs."""
        self._sine.close()
