"""Simulated Stanford Research SR860 lock-in amplifier, as far as pymeasure's driver reaches."""

from __future__ import annotations

import math

import numpy as np

from instruments.simulation.lock_in import SimulatedLockIn
from instruments.simulation.scpi import NUMBER, CommandError, command

SENSITIVITIES = tuple(float(f"{m}e{d}") for d in range(0, -10, -1) for m in (5, 2, 1))[2:]
"""Full scales (V rms), descending as the instrument numbers them: 1 V to 1 nV."""
TIME_CONSTANTS = tuple(float(f"{m}e{d}") for d in range(-6, 5) for m in (1, 3))
"""Time constants (s): 1 us to 30 ks."""
INPUT_RANGES = (1.0, 0.3, 0.1, 0.03, 0.01)
"""Input ranges (V peak)."""
LOWEST_FREQUENCY, HIGHEST_FREQUENCY = 1e-3, 500e3
SMALLEST_SINE, LARGEST_SINE = 1e-9, 2.0
LARGEST_HARMONIC = 99

# Bits of the lock-in status word (LIAS?, latched; CUROVLDSTAT?, now) and of the event status byte (*ESR?).
X_BIT, Y_BIT, UNLOCK_BIT, RANGE_BIT = 1, 2, 8, 16
EXECUTION_ERROR, COMMAND_ERROR = 16, 32

# Settings that are an index: largest value and standard setting (*RST).
_CHOICES = {
    "TBMODE": (1, 0), "REFM": (1, 0), "RSRC": (3, 0), "RTRG": (2, 0), "REFZ": (1, 1), "IVMD": (1, 0), "ISRC": (1, 0),
    "ICPL": (1, 0), "IGND": (1, 0), "IRNG": (4, 0), "ICUR": (1, 0), "SCAL": (27, 0), "OFLT": (21, 10),
    "OFSL": (3, 0), "SYNC": (1, 0), "ADVFILT": (1, 0),
}  # fmt: skip
_CHOICE = f"({'|'.join(_CHOICES)})"
_PARAMETERS = {"0": "X", "1": "Y", "2": "R", "3": "TH", "12": "PHA", "13": "SAM", "15": "FI", "16": "FE"}


class SimulatedSR860(SimulatedLockIn):
    """SR860 at the input of the twin, its sine output on the twin's coil drive.

    Notes
    -----
    Dual and chopper reference (RSRC 2, 3) count as external. Input configuration, trigger, synchronous and
    advanced filter are kept and change no signal; the input range only overloads.
    """

    unknown_command = COMMAND_ERROR
    lowest_frequency, highest_frequency = LOWEST_FREQUENCY, HIGHEST_FREQUENCY
    output_overload = 1.1
    unlock_bit = UNLOCK_BIT

    def _restore_standard_settings(self) -> None:
        self._choices = {name: standard for name, (_, standard) in _CHOICES.items()}
        self._frequency, self._harmonic, self._phase, self._sine_voltage = 100e3, 1, 0.0, SMALLEST_SINE
        self._follow(self._frequency)

    def _internal(self) -> bool:
        return self._choices["RSRC"] == 0

    def _filter_settings(self) -> tuple[float, int]:
        return TIME_CONSTANTS[self._choices["OFLT"]], self._choices["OFSL"] + 1

    def _full_scale(self) -> float:
        return SENSITIVITIES[self._choices["SCAL"]]

    def _faults(self) -> int:
        output = self._filter.output
        limit = self.output_overload * self._full_scale()
        return (
            X_BIT * (abs(output.real) > limit)
            | Y_BIT * (abs(output.imag) > limit)
            | UNLOCK_BIT * (self._reference() is None)
            | RANGE_BIT * self._input_overloads()
        )

    def _input_overloads(self) -> bool:
        largest = INPUT_RANGES[self._choices["IRNG"]]
        return self.fault == "overload" or math.sqrt(2) * abs(self._signal) > largest

    # ----------------------------------------------------------- commands

    @command(r"\*IDN\?")
    def _identify(self) -> str:
        return "Stanford_Research_Systems,SR860,000000,v1.51"

    @command(r"LIAS\s*\?")
    def _latched_status(self) -> str:
        answer, self._latched = self._latched | self._faults(), 0
        return str(answer)

    @command(r"CUROVLDSTAT\s*\?")
    def _present_status(self) -> str:
        return str(self._faults())

    @command(_CHOICE + r"\s*\?")
    def _choice(self, name: str) -> str:
        return str(self._choices[name.upper()])

    @command(_CHOICE + r"\s+" + NUMBER)
    def _choose(self, name: str, text: str) -> None:
        name, index = name.upper(), round(float(text))
        if not 0 <= index <= _CHOICES[name][0]:
            raise CommandError(EXECUTION_ERROR)
        self._choices[name] = index
        if name in ("OFLT", "OFSL"):
            self._filter.configure(*self._filter_settings())
        elif name == "RSRC":
            self._follow(self._reference())

    @command(r"FREQ\s*\?")
    def _read_frequency(self) -> str:
        return f"{self._reference() or 0.0:.9e}"

    @command(r"FREQ(?:INT)?\s+" + NUMBER)
    def _set_frequency(self, text: str) -> None:
        frequency = float(text)
        if not LOWEST_FREQUENCY <= frequency <= HIGHEST_FREQUENCY / self._harmonic:
            raise CommandError(EXECUTION_ERROR)
        self._frequency = frequency
        self._follow(self._reference())

    @command(r"FREQINT\s*\?")
    def _read_internal_frequency(self) -> str:
        return f"{self._frequency:.9e}"

    @command(r"FREQEXT\s*\?")
    def _read_external_frequency(self) -> str:
        return f"{self._twin.external_reference() or 0.0:.9e}"

    @command(r"FREQDET\s*\?")
    def _read_detection_frequency(self) -> str:
        return f"{(self._reference() or 0.0) * self._harmonic:.9e}"

    @command(r"HARM\s*\?")
    def _read_harmonic(self) -> str:
        return str(self._harmonic)

    @command(r"HARM\s+" + NUMBER)
    def _set_harmonic(self, text: str) -> None:
        harmonic = round(float(text))
        if not 1 <= harmonic <= LARGEST_HARMONIC or harmonic * (self._reference() or 0.0) > HIGHEST_FREQUENCY:
            raise CommandError(EXECUTION_ERROR)
        self._harmonic = harmonic

    @command(r"PHAS\s*\?")
    def _read_phase(self) -> str:
        return f"{self._phase:.7f}"

    @command(r"PHAS\s+" + NUMBER)
    def _set_phase(self, text: str) -> None:
        if abs(float(text)) > 360000:
            raise CommandError(EXECUTION_ERROR)
        self._phase = math.remainder(float(text), 360)

    @command(r"SLVL\s*\?")
    def _read_sine_voltage(self) -> str:
        return f"{self._sine_voltage:.9e}"

    @command(r"SLVL\s+" + NUMBER)
    def _set_sine_voltage(self, text: str) -> None:
        voltage = float(text)
        if not SMALLEST_SINE <= voltage <= LARGEST_SINE:
            raise CommandError(EXECUTION_ERROR)
        self._sine_voltage = voltage
        self._follow(self._reference())

    @command(r"ENBW\s*\?")
    def _noise_bandwidth(self) -> str:
        time_constant, stages = self._filter_settings()
        return f"{math.comb(2 * stages - 2, stages - 1) / (4.0**stages * time_constant):.9e}"

    @command(r"OUTP\s*\?\s*(\w+)")
    def _output(self, parameter: str) -> str:
        return self._value(parameter)

    @command(r"SNAP\s*\?\s*(\w+(?:\s*,\s*\w+){1,2})")
    def _snapshot(self, parameters: str) -> str:
        return ",".join(self._value(parameter.strip()) for parameter in parameters.split(","))

    @command(r"SNAPD\s*\?")
    def _snapshot_of_the_screen(self) -> str:
        return self._snapshot("X,Y,R") + "," + self._value("TH")

    def _value(self, parameter: str) -> str:
        """Value by number or name; a name counts by its first letters, as in the manual's list."""
        name = _PARAMETERS.get(parameter, parameter).upper()
        x, y = self._outputs()
        values = {
            "X": x,
            "Y": y,
            "R": math.hypot(x, y),
            "TH": math.degrees(math.atan2(y, x)),
            "PHA": self._phase,
            "SAM": self._sine_voltage,
            "FI": self._frequency,
            "FE": self._twin.external_reference() or 0.0,
        }
        for short, value in values.items():
            if name == short or (len(short) > 1 and name.startswith(short)):
                return f"{np.float32(value):.9e}"
        raise CommandError(EXECUTION_ERROR)
