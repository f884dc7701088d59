"""Simulated Stanford Research SR830 lock-in amplifier, as far as pymeasure's driver reaches."""

from __future__ import annotations

import cmath
import hashlib
import math
from typing import Protocol

import numpy as np

from instruments.clock import VirtualClock
from instruments.simulation.lock_in_filter import LockInFilter
from instruments.simulation.scpi import NUMBER, CommandError, Device, command

SENSITIVITIES = tuple(float(f"{m}e{d}") for d in range(-9, 1) for m in (1, 2, 5))[1:28]
"""Full scales (V rms): 2 nV to 1 V."""
TIME_CONSTANTS = tuple(float(f"{m}e{d}") for d in range(-5, 5) for m in (1, 3))
"""Time constants (s): 10 us to 30 ks."""
LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 1e-3, 102e3
SLOW_FREQUENCY, SLOW_TIME_CONSTANT = 200.0, 13
"""Above this detection frequency (Hz) no time constant beyond this index (30 s) can be had."""
OVERLOAD = 1.09
"""Fraction of full scale at which an output clips."""
FILTER_OVERLOAD = 10.0
"""Multiple of full scale at which a simulated filter stage overloads; the real one depends on the reserve."""
INPUT_OVERLOAD = 1.0
"""Coherent signal (V rms) at which the simulated input overloads, whatever the reserve."""
RESOLUTION = 2.0**-15
"""Step of X and Y over full scale: 16 bit over +-10 V, 10 V being full scale."""

# Bits of the lock-in status byte (LIAS?) and of the standard event status byte (*ESR?).
INPUT_BIT, FILTER_BIT, OUTPUT_BIT, UNLOCK_BIT, TIME_CONSTANT_BIT = 1, 2, 4, 8, 32
EXECUTION_ERROR, COMMAND_ERROR = 16, 32

# Settings that are an index: largest value and standard setting (*RST).
_CHOICES = {
    "FMOD": (1, 1), "RSLP": (2, 0), "ISRC": (3, 0), "IGND": (1, 0), "ICPL": (1, 0), "ILIN": (3, 0),
    "SENS": (26, 26), "RMOD": (2, 2), "OFLT": (19, 8), "OFSL": (3, 1), "SYNC": (1, 0),
}  # fmt: skip
_CHOICE = f"({'|'.join(_CHOICES)})"


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


class SimulatedSR830(Device):
    """SR830 at the input of the twin, its sine output on the twin's coil drive.

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

    Input, reserve, trigger and synchronous-filter settings are kept and change no signal.
    """

    unknown_command = COMMAND_ERROR

    def __init__(self, twin: LockInWorld, channel: str = "lock_in", resolution: float = RESOLUTION) -> None:
        super().__init__()
        self._twin = twin
        digest = hashlib.blake2b(channel.encode(), digest_size=8).digest()
        self._noise_key = np.array([twin.seed % 2**64, int.from_bytes(digest, "little")], dtype=np.uint64)
        self._resolution = resolution
        self._signal = 0j
        self._locked_to: float | None = None
        self._restore_standard_settings()
        self._filter = LockInFilter(*self._filter_settings(), self._generator(), twin.lock_in_noise_density())
        self._clear_status()
        twin.clock.subscribe(self._advance)
        twin.clock.subscribe_mark(lambda: self._filter.restart_noise(self._generator(), twin.lock_in_noise_density()))

    # ----------------------------------------------------------- what passes with time

    def _generator(self) -> np.random.Generator:
        """Counter-based random numbers of this lock-in and epoch; the lowest word counts within the epoch."""
        run, point, repeat = (count % 2**64 for count in self._twin.clock.epoch)
        counter = np.array([0, repeat, point, run], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=self._noise_key, counter=counter))

    def _advance(self, start: float, stop: float) -> None:
        reference = self._reference()
        if not self._choices["FMOD"] and reference != self._locked_to:
            self._latched |= UNLOCK_BIT
        self._locked_to = reference
        self._follow(reference)
        self._signal = 0j if reference is None else self._twin.lock_in_signal(self._harmonic, reference)
        turned = self._signal * cmath.exp(-1j * math.radians(self._phase))
        self._filter.advance(stop - start, turned, self._twin.lock_in_noise_density())
        self._latched |= self._faults()

    def _reference(self) -> float | None:
        """Frequency (Hz) that the reference is locked to, None while it is not."""
        if self._choices["FMOD"]:
            return self._frequency
        frequency = self._twin.external_reference()
        if frequency is None or not LOWEST_FREQUENCY <= frequency <= HIGHEST_FREQUENCY / self._harmonic:
            return None
        return frequency

    def _follow(self, reference: float | None) -> None:
        """Let sine output and time constant follow the reference; without one they stay."""
        drive = self._twin.coil_drive
        drive.amplitude, drive.running = math.sqrt(2) * self._sine_voltage, True
        if reference is None:
            return
        drive.frequency = reference
        if reference * self._harmonic > SLOW_FREQUENCY and self._choices["OFLT"] > SLOW_TIME_CONSTANT:
            self._choices["OFLT"] = SLOW_TIME_CONSTANT
            self._filter.configure(*self._filter_settings())
            self._latched |= TIME_CONSTANT_BIT

    def _filter_settings(self) -> tuple[float, int]:
        return TIME_CONSTANTS[self._choices["OFLT"]], self._choices["OFSL"] + 1

    def _faults(self) -> int:
        """Status bits of what is wrong now."""
        full_scale = SENSITIVITIES[self._choices["SENS"]]
        outputs = self._filter.stage_outputs
        excess = np.maximum(abs(outputs.real), abs(outputs.imag)) / full_scale
        return (
            INPUT_BIT * (abs(self._signal) > INPUT_OVERLOAD)
            | FILTER_BIT * bool(np.any(excess > FILTER_OVERLOAD))
            | OUTPUT_BIT * bool(excess[-1] > OVERLOAD)
            | UNLOCK_BIT * (self._reference() is None)
        )

    def _outputs(self) -> tuple[float, float]:
        """X and Y (V rms) as the instrument gives them: clipped and in steps."""
        full_scale = SENSITIVITIES[self._choices["SENS"]]
        output, limit, step = self._filter.output, OVERLOAD * full_scale, self._resolution * full_scale
        clipped = (max(-limit, min(limit, part)) for part in (output.real, output.imag))
        x, y = (step * round(part / step) if step else part for part in clipped)
        return x, y

    # ----------------------------------------------------------- commands

    def report(self, code: int) -> None:
        """Set a bit of the standard event status byte, which *ESR? reads."""
        self._events |= code

    @command(r"\*IDN\?")
    def _identify(self) -> str:
        return "Stanford_Research_Systems,SR830,s/n00000,ver1.07"

    @command(r"\*RST")
    def _reset(self) -> None:
        self._restore_standard_settings()
        self._filter.configure(*self._filter_settings())

    def _restore_standard_settings(self) -> None:
        self._choices = {name: standard for name, (_, standard) in _CHOICES.items()}
        self._frequency, self._harmonic, self._phase, self._sine_voltage = 1000.0, 1, 0.0, 1.0
        self._follow(self._frequency)

    @command(r"\*CLS")
    def _clear_status(self) -> None:
        self._latched = self._events = 0

    @command(r"\*ESR\?")
    def _event_status(self) -> str:
        events, self._events = self._events, 0
        return str(events)

    @command(r"\*STB\?")
    def _status_byte(self) -> str:
        return "3"  # no scan and no command in progress; no other bit is enabled after power-on

    @command(r"LIAS\s*\?\s*([0-7]?)")
    def _lock_in_status(self, bit: str) -> str:
        self._latched |= self._faults()
        if bit:
            mask = 1 << int(bit)
            answer = int(bool(self._latched & mask))
        else:
            mask = answer = self._latched
        self._latched &= ~mask
        return str(answer)

    @command(r"ERRS\s*\?\s*([0-7]?)")
    def _hardware_status(self, bit: str) -> str:
        return "0"  # the simulated hardware has no faults

    @command(_CHOICE + r"\s*\?")
    def _choice(self, name: str) -> str:
        return str(self._choices[name.upper()])

    @command(_CHOICE + r"\s*" + NUMBER)
    def _choose(self, name: str, text: str) -> None:
        name, index = name.upper(), round(float(text))
        fast = (self._reference() or 0.0) * self._harmonic > SLOW_FREQUENCY
        if not 0 <= index <= _CHOICES[name][0] or (name == "OFLT" and fast and index > SLOW_TIME_CONSTANT):
            raise CommandError(EXECUTION_ERROR)
        self._choices[name] = index
        if name in ("OFLT", "OFSL"):
            self._filter.configure(*self._filter_settings())
        elif name == "FMOD":
            self._follow(self._reference())

    @command(r"FREQ\s*\?")
    def _read_frequency(self) -> str:
        return f"{self._reference() or 0.0:.9g}"

    @command(r"FREQ\s*" + NUMBER)
    def _set_frequency(self, text: str) -> None:
        frequency = float(text)
        external = not self._choices["FMOD"]
        if external or not LOWEST_FREQUENCY <= frequency <= HIGHEST_FREQUENCY / self._harmonic:
            raise CommandError(EXECUTION_ERROR)
        digits = min(4, 4 - math.floor(math.log10(frequency)))  # five digits, or 0.1 mHz if that is more
        self._frequency = round(frequency, digits)
        self._follow(self._frequency)

    @command(r"HARM\s*\?")
    def _read_harmonic(self) -> str:
        return str(self._harmonic)

    @command(r"HARM\s*" + NUMBER)
    def _set_harmonic(self, text: str) -> None:
        harmonic = round(float(text))
        if not 1 <= harmonic <= 19999:
            raise CommandError(EXECUTION_ERROR)
        # The instrument takes the largest harmonic that stays within its frequency range.
        self._harmonic = min(harmonic, max(1, math.floor(HIGHEST_FREQUENCY / (self._reference() or 1.0))))
        self._follow(self._reference())

    @command(r"PHAS\s*\?")
    def _read_phase(self) -> str:
        return f"{self._phase:.2f}"

    @command(r"PHAS\s*" + NUMBER)
    def _set_phase(self, text: str) -> None:
        phase = float(text)
        if not -360 <= phase <= 729.99:
            raise CommandError(EXECUTION_ERROR)
        self._phase = math.remainder(round(phase, 2), 360)

    @command(r"APHS")
    def _null_phase(self) -> None:
        x, y = self._outputs()
        self._phase = math.remainder(round(self._phase + math.degrees(math.atan2(y, x)), 2), 360)

    @command(r"SLVL\s*\?")
    def _read_sine_voltage(self) -> str:
        return f"{self._sine_voltage:.3f}"

    @command(r"SLVL\s*" + NUMBER)
    def _set_sine_voltage(self, text: str) -> None:
        voltage = float(text)
        if not 0.004 <= voltage <= 5:
            raise CommandError(EXECUTION_ERROR)
        self._sine_voltage = round(voltage * 500) / 500
        self._follow(self._reference())

    @command(r"OUTP\s*\?\s*([1-4])")
    def _output(self, index: str) -> str:
        return self._values()[int(index)]

    @command(r"SNAP\s*\?\s*(\d+(?:\s*,\s*\d+){1,5})")
    def _snapshot(self, indices: str) -> str:
        values, asked = self._values(), [int(index) for index in indices.split(",")]
        if not set(asked) <= set(values):
            raise CommandError(EXECUTION_ERROR)
        return ",".join(values[index] for index in asked)

    def _values(self) -> dict[int, str]:
        """Return what OUTP? and SNAP? can give, by index; the displays CH1 and CH2 show X and Y."""
        x, y = self._outputs()
        numbers = {1: x, 2: y, 3: math.hypot(x, y), 4: math.degrees(math.atan2(y, x)), 10: x, 11: y}
        return {**{index: f"{value:.9g}" for index, value in numbers.items()}, 9: self._read_frequency()}
