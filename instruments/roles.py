"""Roles: the small promises that instruments keep, whoever made them. Amplitudes are peak values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from analysis.waveform import Waveform
from instruments.live import LiveReading
from instruments.live import Quantity as Quantity


@dataclass(frozen=True)
class SafeStateReport:
    """What making one instrument safe reached.

    Attributes
    ----------
    role
        Role of the instrument.
    reached
        Steps that succeeded, in order.
    failed
        Steps that did not, each with its reason.
    """

    role: str
    reached: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def safe(self) -> bool:
        """Whether every step succeeded."""
        return not self.failed


class Instrument(Protocol):
    """What every role can do."""

    role: str

    @property
    def latest(self) -> LiveReading:
        """What it read last, for displays: any thread may look."""
        ...

    def take_over(self) -> None:
        """Bring it from whatever state it was left in to a known one; once, when the bench is opened.

        Making the object sends nothing, and what `check_...`, `..._time` and the like answer needs no more.
        """
        ...

    def identity(self) -> str:
        """Return maker, model, serial number and firmware, as the instrument reports them."""
        ...

    def settings(self) -> Mapping[str, Quantity]:
        """Return the settings that matter for the data, read back from the instrument."""
        ...

    def make_safe(self) -> SafeStateReport:
        """Try every step to a safe state; never raise, report what was reached."""
        ...


INPUT_OVERLOAD, FILTER_OVERLOAD, OUTPUT_OVERLOAD, UNLOCKED = 1, 2, 4, 8
"""Bits of `LockInReading.status`, whatever the instrument calls them."""


class LockInReading(NamedTuple):
    """One reading: in-phase and quadrature voltage (V rms) and status flags (0 is good).

    `second` is the complex second harmonic (V rms) and `sum` the sum signal (V, with its dark offset) of the same
    record, None where the instrument does not read them at the same time.
    """

    x: float
    y: float
    status: int
    second: complex | None = None
    sum: float | None = None


class LockIn(Instrument, Protocol):
    """Dual-phase lock-in amplifier; `device` is what messages call it."""

    device: str
    largest_frequency: float

    def check_filter(self, *, time_constant: float, slope: int) -> None:
        """Raise LimitError unless the amplifier has this time constant (s) and slope; sends nothing."""
        ...

    def configure(self, *, time_constant: float, slope: int) -> None:
        """Set filter time constant (s) and slope (dB per octave)."""
        ...

    def set_reference(self, source: Literal["internal", "external"], frequency: float, phase: float) -> None:
        """Choose the reference, its frequency (Hz) and the detection phase (rad)."""
        ...

    def set_harmonic(self, harmonic: int) -> None:
        """Detect at `harmonic` times the reference; what is read has to settle again."""
        ...

    def set_sensitivity(self, sensitivity: float) -> float:
        """Choose the range that holds `sensitivity` (V rms); return the range."""
        ...

    def settling_time(self, remainder: float, *, time_constant: float, slope: int) -> float:
        """Time (s) after a step until `remainder` of it is left behind this filter; sends nothing."""
        ...

    def reading_time(self, *, time_constant: float, slope: int) -> float:
        """Time (s) that a reading takes with this filter, settled before; sends nothing."""
        ...

    def noise_bandwidth(self, *, time_constant: float, slope: int) -> float:
        """Equivalent noise bandwidth (Hz) of a reading with this filter; sends nothing."""
        ...

    def resolution(self, sensitivity: float) -> float:
        """Step (V rms) of X and Y in the range that holds `sensitivity` (V rms), or 0; sends nothing."""
        ...

    def clear_status(self) -> None:
        """Forget overloads and unlocks that were latched until now."""
        ...

    def look(self) -> LockInReading:
        """Read X, Y and the status latched since the last reading, good or not: to choose a range, or for a display."""
        ...

    def read(self) -> LockInReading:
        """Read X and Y for the data.

        Raises
        ------
        DeviceError
            Where they cannot be trusted: no number, overload, reference not locked, the same again and again.
        """
        ...


class Recorder(Protocol):
    """Lock-in whose samples are kept."""

    def waveform(self) -> Waveform:
        """Samples behind the last reading."""
        ...

    def waveform_bytes(self, *, time_constant: float, slope: int, frequency: float) -> int:
        """Size of the waveform of a reading with this filter (s, dB per octave) and reference (Hz)."""
        ...


class CurrentSource(Instrument, Protocol):
    """AC current source. Amplitudes are peak values in ampere."""

    phase: float
    least_current: float
    """Least amplitude above zero (A peak)."""
    largest_current: float
    largest_frequency: float
    reference: Literal["internal", "external"]
    """Where a lock-in finds the reference of this current: its own oscillator, or its reference input."""

    def set_frequency(self, frequency: float) -> None:
        """Set the frequency (Hz)."""
        ...

    def set_amplitude(self, amplitude: float) -> None:
        """Ramp to `amplitude` (A peak); raise LimitError before anything is sent where a limit forbids it."""
        ...

    def amplitude(self) -> float:
        """Amplitude (A peak), read back."""
        ...

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) that a ramp from `start` to `stop` (A peak) is expected to take; sends nothing."""
        ...


class Magnet(Instrument, Protocol):
    """Magnet with a field probe, in the plane of the sample or perpendicular to it."""

    largest_field: float

    def check_field(self, field: float) -> None:
        """Raise LimitError where `field` (T) is beyond its limit; sends nothing."""
        ...

    def set_field(self, field: float) -> None:
        """Ramp to `field` (T) within the slew limit and tolerance."""
        ...

    def measure(self) -> float:
        """Field (T) that the Hall probe reads, its offset subtracted."""
        ...

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) that a change of field from `start` to `stop` (T) is expected to take."""
        ...


class Stage(Instrument, Protocol):
    """Two-axis stage that moves the sample under the spot."""

    def check_move(self, x: float, y: float) -> None:
        """Raise LimitError where a position (m) lies outside the travel; sends nothing."""
        ...

    def move_to(self, x: float, y: float) -> None:
        """Move to a position (m)."""
        ...

    def travel_time(self, start: tuple[float, float], stop: tuple[float, float]) -> float:
        """Time (s) that a move between two positions (m) is expected to take; sends nothing."""
        ...

    def position(self) -> tuple[float, float]:
        """Position (m), read back."""
        ...


class Rotator(Instrument, Protocol):
    """Motorised rotation mount."""

    def move_to(self, angle: float) -> None:
        """Turn to `angle` (rad)."""
        ...

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) that a turn from `start` to `stop` (rad) is expected to take; sends nothing."""
        ...

    trim: float
    """Angle (rad) by which an alignment moved the zero while the bench is open; 0 at first."""

    def angle(self) -> float:
        """Angle (rad), read back."""
        ...


class QuarterWavePlate(Rotator, Protocol):
    """Quarter-wave plate on a rotator and a flip mount."""

    def insert(self, inserted: bool) -> None:
        """Flip the plate into the beam, or out of it."""
        ...


class Shutter(Instrument, Protocol):
    """Shutter before the sample."""

    def open(self) -> None:
        """Let the light through."""
        ...

    def close(self) -> None:
        """Block the light."""
        ...

    def is_open(self) -> bool:
        """Whether light comes through, read back where the shutter can tell."""
        ...


class Attenuator(Instrument, Protocol):
    """Attenuator of the laser before the sample."""

    def set_transmission(self, fraction: float) -> None:
        """Let `fraction` (0 to 1) of the light through."""
        ...

    def transmission(self) -> float:
        """Transmission (0 to 1), read back."""
        ...

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) that a change of transmission from `start` to `stop` is expected to take; sends nothing."""
        ...


class SumDetector(Instrument, Protocol):
    """Sum output of the balanced detector."""

    gain: float
    responsivity: float

    def read(self) -> float:
        """Sum voltage (V), without what it is in the dark."""
        ...


class DifferenceDetector(Instrument, Protocol):
    """Difference output of the balanced detector at DC."""

    gain: float

    def read(self) -> float:
        """Difference voltage (V) at the gain of the sum: over the sum it is (I_A - I_B)/(I_A + I_B)."""
        ...


Signal = Literal["detector", "sample_shunt", "coil_shunt", "voltage_taps", "hall_taps"]
"""What the lock-in's input can be connected to."""


class SignalSwitch(Instrument, Protocol):
    """Switch before the lock-in's input."""

    def select(self, signal: Signal) -> None:
        """Connect the lock-in's input to `signal` and to nothing else."""
        ...

    def selected(self) -> Signal:
        """What it is connected to."""
        ...

    def resistance(self, signal: Signal) -> float:
        """Resistance (ohm) of the shunt that makes `signal`; InputError where it is none or is not known."""
        ...


CurrentPath = Literal["sample", "coil", "transverse_coil", "open"]
"""Through the sample, the coil of the out-of-plane calibration field, that of an in-plane field along y, or none."""


class Relay(Instrument, Protocol):
    """Relay that connects a source to the sample or to one of the coils, never to two of them."""

    def select(self, path: CurrentPath) -> None:
        """Open every contact, then close that of `path`; InputError where the bench has none."""
        ...

    def selected(self) -> CurrentPath:
        """Path that was selected last."""
        ...
