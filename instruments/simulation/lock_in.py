"""What simulated lock-in amplifiers have in common: reference, input, filter, noise, clipping and quantisation."""

from __future__ import annotations

import cmath
import hashlib
import math
from abc import abstractmethod
from typing import ClassVar, Protocol

import numpy as np

from instruments.clock import VirtualClock
from instruments.simulation.lock_in_filter import LockInFilter
from instruments.simulation.scpi import Device, command

RESOLUTION = 2.0**-15
"""Step of X and Y over full scale: 16 bit over +-10 V, 10 V being full scale."""


class SineOutput(Protocol):
    """What the sine output drives: amplitude (V peak), frequency (Hz)."""

    amplitude: float
    frequency: float
    running: bool


class LockInWorld(Protocol):
    """What the lock-in needs of the twin."""

    @property
    def clock(self) -> VirtualClock:
        """Time of the bench."""
        ...

    @property
    def seed(self) -> int:
        """Key of all noise."""
        ...

    @property
    def coil_drive(self) -> SineOutput:
        """What the sine output drives."""
        ...

    def lock_in_signal(self, harmonic: int, frequency: float) -> complex:
        """Input now (V rms), in phase + i quadrature with respect to the reference at `frequency` (Hz)."""
        ...

    def lock_in_noise_density(self) -> float:
        """Noise of each quadrature at the input (V rms/sqrt(Hz))."""
        ...

    def external_reference(self) -> float | None:
        """Frequency (Hz) at the reference input, None without a signal."""
        ...


class SimulatedLockIn(Device):
    """Lock-in at the input of the twin, its sine output on the twin's coil drive.

    Parameters
    ----------
    twin
        World it stands in.
    channel
        Name of its noise: two lock-ins on one twin need two names.
    resolution
        Step of X and Y over full scale; 0 switches quantisation (not clipping) off.

    Notes
    -----
    The reference's phase turns the input before the filter, as in the instrument, so X and Y settle after a
    change of phase, reference or harmonic too. The input is taken as constant over an advance of the clock
    and equal to its value at the end: the twin knows "now" only, and commands change it between advances.
    What follows with a lag within an advance (the magnet's supply) is therefore filtered as if it had been
    there from the start.

    The noise restarts, settled, at each mark of the clock; it is a function of seed, channel, epoch and the
    advances since. Reading draws nothing. A thread other than the run may read X and Y at will, but LIAS?
    clears what is latched whoever asks, as at the instrument.
    """

    lowest_frequency: ClassVar[float]
    highest_frequency: ClassVar[float]
    output_overload: ClassVar[float] = 1.09
    """Fraction of full scale at which an output clips."""
    unlock_bit: ClassVar[int] = 8

    def __init__(self, twin: LockInWorld, channel: str = "lock_in", resolution: float = RESOLUTION) -> None:
        super().__init__()
        self._twin = twin
        digest = hashlib.blake2b(channel.encode(), digest_size=8).digest()
        self._noise_key = np.array([twin.seed % 2**64, int.from_bytes(digest, "little")], dtype=np.uint64)
        self._resolution = resolution
        self._signal = 0j
        self._locked_to: float | None = None
        self._latched = self._events = 0
        self._frequency, self._harmonic, self._phase, self._sine_voltage = 1000.0, 1, 0.0, 0.0
        self._restore_standard_settings()
        self._filter = LockInFilter(*self._filter_settings(), self._generator(), twin.lock_in_noise_density())
        twin.clock.subscribe(self._advance)
        twin.clock.subscribe_mark(lambda: self._filter.restart_noise(self._generator(), twin.lock_in_noise_density()))

    @abstractmethod
    def _restore_standard_settings(self) -> None:
        """Bring every setting to what it is after *RST."""

    @abstractmethod
    def _filter_settings(self) -> tuple[float, int]:
        """Time constant (s) and number of stages."""

    @abstractmethod
    def _full_scale(self) -> float:
        """Sensitivity (V rms)."""

    @abstractmethod
    def _internal(self) -> bool:
        """Whether the reference is the instrument's own oscillator."""

    @abstractmethod
    def _faults(self) -> int:
        """Status bits of what is wrong now."""

    def report(self, code: int) -> None:
        """Set a bit of the standard event status byte, which *ESR? reads."""
        self._events |= code

    # ----------------------------------------------------------- what passes with time

    def _generator(self) -> np.random.Generator:
        """Counter-based random numbers of this lock-in and epoch; the lowest word counts within the epoch."""
        run, point, repeat = (count % 2**64 for count in self._twin.clock.epoch)
        counter = np.array([0, repeat, point, run], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self._noise_key, counter=counter))

    def _advance(self, start: float, stop: float) -> None:
        reference = self._reference()
        if not self._internal() and reference != self._locked_to:
            self._latched |= self.unlock_bit
        self._locked_to = reference
        self._follow(reference)
        self._signal = 0j if reference is None else self._twin.lock_in_signal(self._harmonic, reference)
        turned = self._signal * cmath.exp(-1j * math.radians(self._phase))
        self._filter.advance(stop - start, turned, self._twin.lock_in_noise_density())
        self._latched |= self._faults()

    def _reference(self) -> float | None:
        """Frequency (Hz) that the reference is locked to, None while it is not."""
        if self._internal():
            return self._frequency
        frequency = self._twin.external_reference()
        if frequency is None or not self.lowest_frequency <= frequency <= self.highest_frequency / self._harmonic:
            return None
        return frequency

    def _follow(self, reference: float | None) -> None:
        """Let the sine output follow the reference; without one it stays."""
        drive = self._twin.coil_drive
        drive.amplitude, drive.running = math.sqrt(2) * self._sine_voltage, True
        if reference is not None:
            drive.frequency = reference

    def _outputs(self) -> tuple[float, float]:
        """X and Y (V rms) as the instrument gives them: clipped and in steps."""
        full_scale = self._full_scale()
        output, limit, step = self._filter.output, self.output_overload * full_scale, self._resolution * full_scale
        clipped = (max(-limit, min(limit, part)) for part in (output.real, output.imag))
        x, y = (step * round(part / step) if step else part for part in clipped)
        return x, y

    # ----------------------------------------------------------- commands of all of them

    @command(r"\*RST")
    def _reset(self) -> None:
        self._restore_standard_settings()
        self._filter.configure(*self._filter_settings())

    @command(r"\*CLS")
    def _clear_status(self) -> None:
        self._latched = self._events = 0

    @command(r"\*ESR\?")
    def _event_status(self) -> str:
        events, self._events = self._events, 0
        return str(events)
