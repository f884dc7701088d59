"""Simulated Keithley 6221 AC and DC current source in wave mode, as far as pymeasure's driver reaches."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from instruments.clock import VirtualClock
from instruments.simulation.scpi import (
    CommandError,
    ScpiDevice,
    command,
    header,
    parse_number,
    parse_switch,
    parse_word,
)

LARGEST_CURRENT = 0.105
"""Largest current (A), peak for a wave."""
INFINITE = 9.9e37
"""What SCPI answers for infinity."""
SETTINGS_CONFLICT, NOT_WHILE_ARMED = -221, 413

# Header, least and largest value, value after *RST. Angles in degree, duty cycle in percent, the rest SI.
_NUMBERS = {
    "frequency": ("[SOURce:]WAVE:FREQuency", 1e-3, 1e5, 1e3),
    "amplitude": ("[SOURce:]WAVE:AMPLitude", 2e-12, LARGEST_CURRENT, 1e-3),
    "offset": ("[SOURce:]WAVE:OFFSet", -LARGEST_CURRENT, LARGEST_CURRENT, 0.0),
    "duty_cycle": ("[SOURce:]WAVE:DCYCle", 0.0, 100.0, 50.0),
    "marker_phase": ("[SOURce:]WAVE:PMARk[:LEVel]", 0.0, 360.0, 180.0),
    "marker_line": ("[SOURce:]WAVE:PMARk:OLINe", 1, 6, 3),
    "current": ("[SOURce:]CURRent[:LEVel][:IMMediate][:AMPLitude]", -LARGEST_CURRENT, LARGEST_CURRENT, 0.0),
    "range": ("[SOURce:]CURRent:RANGe", -LARGEST_CURRENT, LARGEST_CURRENT, 0.1),
    "compliance": ("[SOURce:]CURRent:COMPliance", 0.1, 105.0, 10.0),
}
_FUNCTIONS = ("SINusoid", "SQUare", "RAMP", *(f"ARBitrary{memory}" for memory in range(5)))
_WORDS = {
    "function": ("[SOURce:]WAVE:FUNCtion", _FUNCTIONS, "SIN"),
    "ranging": ("[SOURce:]WAVE:RANGing", ("BEST", "FIXed"), "BEST"),
}
_SWITCHES = {
    "marker": ("[SOURce:]WAVE:PMARk:STATe", False),
    "auto_range": ("[SOURce:]CURRent:RANGe:AUTO", True),
}
_FIXED_WHILE_ARMED = {"function", "ranging", "marker", "marker_line"}
_QUERY, _ARGUMENT = r"\?", r"(?:\s+(.*))?"


class WaveOutput(Protocol):
    """What the source drives: amplitude (A peak), frequency (Hz), whether wave and marker are on."""

    amplitude: float
    frequency: float
    running: bool
    marker: bool


class SourceWorld(Protocol):
    """What the source needs of the twin."""

    @property
    def clock(self) -> VirtualClock:
        """Time of the bench."""
        ...

    @property
    def sample_drive(self) -> WaveOutput:
        """What the wave goes through."""
        ...


class SimulatedKeithley6221(ScpiDevice):
    """Keithley 6221 whose sine wave is the twin's sample drive.

    Notes
    -----
    The wave is armed, then started, which closes the output; OUTPut OFF or ABORt end and disarm it.
    Amplitude, frequency and marker phase act on a running wave at once; what defines it otherwise is refused
    while armed (+413). Arming another function than a sine, or starting without arming, is a settings
    conflict (-221).

    The twin knows sine waves only: direct current, offset, compliance, ranges and duty cycle are kept and
    drive nothing.
    """

    def __init__(self, twin: SourceWorld) -> None:
        super().__init__()
        self._twin = twin
        for name, (specification, *_) in _NUMBERS.items():
            self.define(header(specification) + _QUERY, partial(self._number, name))
            self.define(header(specification) + _ARGUMENT, partial(self._set_number, name))
        for name, (specification, *_) in _WORDS.items():
            self.define(header(specification) + _QUERY, partial(self._word, name))
            self.define(header(specification) + _ARGUMENT, partial(self._set_word, name))
        for name, (specification, *_) in _SWITCHES.items():
            self.define(header(specification) + _QUERY, partial(self._switch, name))
            self.define(header(specification) + _ARGUMENT, partial(self._set_switch, name))
        self._reset()
        twin.clock.subscribe(self._advance)

    @command(r"\*IDN\?")
    def _identify(self) -> str:
        return "KEITHLEY INSTRUMENTS INC.,MODEL 6221,0000000,D04  /700x"

    @command(r"\*RST")
    def _reset(self) -> None:
        self._numbers: dict[str, float] = {name: standard for name, (*_, standard) in _NUMBERS.items()}
        self._words = {name: standard for name, (*_, standard) in _WORDS.items()}
        self._switches = {name: standard for name, (*_, standard) in _SWITCHES.items()}
        self._duration: float | None = None
        self._cycles: float | None = None
        self._set_output("OFF")

    @command(header("STATus:PRESet"))
    def _preset_status(self) -> None:
        """Take the command; no status register is simulated."""

    # ----------------------------------------------------------- settings

    def _number(self, name: str) -> str:
        return f"{self._numbers[name]:+.6E}"

    def _set_number(self, name: str, text: str | None) -> None:
        _, lowest, highest, _ = _NUMBERS[name]
        self._refuse_while_armed(name)
        self._numbers[name] = parse_number(text, lowest, highest)
        self._drive()

    def _word(self, name: str) -> str:
        return self._words[name]

    def _set_word(self, name: str, text: str | None) -> None:
        self._refuse_while_armed(name)
        self._words[name] = parse_word(text, _WORDS[name][1])

    def _switch(self, name: str) -> str:
        return str(int(self._switches[name]))

    def _set_switch(self, name: str, text: str | None) -> None:
        self._refuse_while_armed(name)
        self._switches[name] = parse_switch(text)
        self._drive()

    def _refuse_while_armed(self, name: str) -> None:
        if self._armed and name in _FIXED_WHILE_ARMED:
            raise CommandError(NOT_WHILE_ARMED)

    @command(header("[SOURce:]WAVE:DURation:TIME") + _QUERY)
    def _duration_time(self) -> str:
        return f"{self._wave_duration():+.6E}"

    @command(header("[SOURce:]WAVE:DURation:TIME") + _ARGUMENT)
    def _set_duration_time(self, text: str | None) -> None:
        self._duration, self._cycles = self._parse_duration(text, 100e-9, 999999.999), None

    @command(header("[SOURce:]WAVE:DURation:CYCLes") + _QUERY)
    def _duration_cycles(self) -> str:
        return f"{min(INFINITE, self._wave_duration() * self._numbers['frequency']):+.6E}"

    @command(header("[SOURce:]WAVE:DURation:CYCLes") + _ARGUMENT)
    def _set_duration_cycles(self, text: str | None) -> None:
        self._duration, self._cycles = None, self._parse_duration(text, 1e-3, 99999999900)

    def _parse_duration(self, text: str | None, lowest: float, highest: float) -> float | None:
        if self._armed:
            raise CommandError(NOT_WHILE_ARMED)
        if text and text.upper() in ("INF", "INFINITY"):
            return None
        return parse_number(text, lowest, highest)

    def _wave_duration(self) -> float:
        """Duration (s) of the wave as it is set."""
        if self._cycles is not None:
            return self._cycles / self._numbers["frequency"]
        return INFINITE if self._duration is None else self._duration

    # ----------------------------------------------------------- output and wave

    @command(header("OUTPut[:STATe]") + _QUERY)
    def _output(self) -> str:
        return str(int(self._output_on))

    @command(header("OUTPut[:STATe]") + _ARGUMENT)
    def _set_output(self, text: str | None) -> None:
        self._output_on = parse_switch(text)
        if not self._output_on:
            self._armed = self._running = False
        self._drive()

    @command(header("[SOURce:]WAVE:ARM"))
    def _arm(self) -> None:
        if self._words["function"] != "SIN":
            raise CommandError(SETTINGS_CONFLICT)
        self._armed = True

    @command(header("[SOURce:]WAVE:INITiate"))
    def _start(self) -> None:
        if not self._armed:
            raise CommandError(SETTINGS_CONFLICT)
        self._output_on = self._running = True
        self._end = self._twin.clock.now() + self._wave_duration()
        self._drive()

    @command(header("[SOURce:]WAVE:ABORt"))
    def _abort(self) -> None:
        self._set_output("OFF")

    def _advance(self, start: float, stop: float) -> None:
        if self._running and stop >= self._end:
            self._running = False
            self._drive()

    def _drive(self) -> None:
        drive = self._twin.sample_drive
        drive.amplitude, drive.frequency = self._numbers["amplitude"], self._numbers["frequency"]
        drive.running, drive.marker = self._running, self._switches["marker"]
