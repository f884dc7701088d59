"""Simulated Stanford Research SR830 lock-in amplifier, as far as pymeasure's driver reaches."""

from __future__ import annotations

import math

import numpy as np

from instruments.simulation.lock_in import SimulatedLockIn
from instruments.simulation.scpi import NUMBER, CommandError, command

SENSITIVITIES = tuple(float(f"{m}e{d}") for d in range(-9, 1) for m in (1, 2, 5))[1:28]
"""Full scales (V rms): 2 nV to 1 V."""
TIME_CONSTANTS = tuple(float(f"{m}e{d}") for d in range(-5, 5) for m in (1, 3))
"""Time constants (s): 10 us to 30 ks."""
LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 1e-3, 102e3
SLOW_FREQUENCY, SLOW_TIME_CONSTANT = 200.0, 13
"""Above this detection frequency (Hz) no time constant beyond this index (30 s) can be had."""
FILTER_OVERLOAD = 10.0
"""Multiple of full scale at which a simulated filter stage overloads; the real one depends on the reserve."""
INPUT_OVERLOAD = 1.0
"""Coherent signal (V rms) at which the simulated input overloads, whatever the reserve."""

# Bits of the lock-in status byte (LIAS?) and of the standard event status byte (*ESR?).
INPUT_BIT, FILTER_BIT, OUTPUT_BIT, UNLOCK_BIT, TIME_CONSTANT_BIT = 1, 2, 4, 8, 32
EXECUTION_ERROR, COMMAND_ERROR = 16, 32

# Settings that are an index: largest value and standard setting (*RST).
_CHOICES = {
    "FMOD": (1, 1), "RSLP": (2, 0), "ISRC": (3, 0), "IGND": (1, 0), "ICPL": (1, 0), "ILIN": (3, 0),
    "SENS": (26, 26), "RMOD": (2, 2), "OFLT": (19, 8), "OFSL": (3, 1), "SYNC": (1, 0),
}  # fmt: skip
_CHOICE = f"({'|'.join(_CHOICES)})"


class SimulatedSR830(SimulatedLockIn):
    """SR830 at the input of the twin, its sine output on the twin's coil drive.

    Notes
    -----
    Input, reserve, trigger and synchronous-filter settings are kept and change no signal.
    """

    unknown_command = COMMAND_ERROR
    lowest_frequency, highest_frequency = LOWEST_FREQUENCY, HIGHEST_FREQUENCY
    unlock_bit = UNLOCK_BIT

    def _internal(self) -> bool:
        return bool(self._choices["FMOD"])

    def _follow(self, reference: float | None) -> None:
        """Let sine output and time constant follow the reference; without one they stay."""
        super()._follow(reference)
        if reference is None:
            return
        if reference * self._harmonic > SLOW_FREQUENCY and self._choices["OFLT"] > SLOW_TIME_CONSTANT:
            self._choices["OFLT"] = SLOW_TIME_CONSTANT
            self._filter.configure(*self._filter_settings())
            self._latched |= TIME_CONSTANT_BIT

    def _filter_settings(self) -> tuple[float, int]:
        return TIME_CONSTANTS[self._choices["OFLT"]], self._choices["OFSL"] + 1

    def _full_scale(self) -> float:
        return SENSITIVITIES[self._choices["SENS"]]

    def _faults(self) -> int:
        excess = abs(self._filter.stage_outputs.view(np.float64)) / self._full_scale()  # X and Y of each stage
        return (
            INPUT_BIT * (abs(self._signal) > INPUT_OVERLOAD)
            | FILTER_BIT * bool(excess.max() > FILTER_OVERLOAD)
            | OUTPUT_BIT * bool(excess[-2:].max() > self.output_overload)
            | UNLOCK_BIT * (self._reference() is None)
        )

    # ----------------------------------------------------------- commands

    @command(r"\*IDN\?")
    def _identify(self) -> str:
        return "Stanford_Research_Systems,SR830,s/n00000,ver1.07"

    def _restore_standard_settings(self) -> None:
        self._choices = {name: standard for name, (_, standard) in _CHOICES.items()}
        self._frequency, self._harmonic, self._phase, self._sine_voltage = 1000.0, 1, 0.0, 1.0
        self._follow(self._frequency)

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
