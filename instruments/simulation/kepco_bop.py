"""Simulated Kepco BOP bipolar supply with its BIT interface card, as far as pymeasure's driver reaches."""

from __future__ import annotations

import re
from typing import Protocol

from instruments.clock import VirtualClock
from instruments.simulation.scpi import CommandError, ScpiDevice, command, header, parse_number, parse_switch

LARGEST_CURRENT, LARGEST_VOLTAGE = 12.0, 36.0
_VALUE = r"(?:\s+(.*))?"


class MagnetWorld(Protocol):
    """What the supply needs of the twin."""

    @property
    def clock(self) -> VirtualClock:
        """Time of the bench."""
        ...

    def magnet_current(self, ampere: float) -> None:
        """Take a new current through the coil of the magnet."""
        ...

    def supply_current(self) -> float:
        """Current (A) that flows through the coil now."""
        ...


class SimulatedKepcoBOP(ScpiDevice):
    """BOP 36-12 on the coil of the twin's magnet.

    Parameters
    ----------
    twin
        World it stands in.
    resistance
        Of the coil (ohm); a voltage limit below what the current needs holds the current back.

    Notes
    -----
    CURRent and VOLTage set the main value and the limit, whichever the mode. In voltage mode the coil is its
    resistance. FUNCtion:MODE? answers 0 (voltage) or 1 (current).
    """

    def __init__(self, twin: MagnetWorld, resistance: float = 2.0) -> None:
        super().__init__()
        self._twin, self._resistance = twin, resistance
        self._reset()

    @command(r"\*IDN\?")
    def _identify(self) -> str:
        return "KEPCO,BOP 36-12 400W,0000000,4.04"

    @command(r"\*RST")
    def _reset(self) -> None:
        self._current = self._voltage = 0.0
        self._output_on, self._current_mode = False, False
        self._drive()

    @command(r"\*WAI")
    def _wait(self) -> None:
        """Do nothing: every command is complete when it returns."""

    @command(r"\*TST\?|" + header("DIAGnostic:TST") + r"\?")
    def _test(self) -> str:
        return "0"

    @command(header("SYSTem:BEEP"))
    def _beep(self) -> None:
        """Make no sound."""

    @command(header("OUTPut[:STATe]") + r"\?")
    def _output(self) -> str:
        return str(int(self._output_on))

    @command(header("OUTPut[:STATe]") + _VALUE)
    def _set_output(self, text: str | None) -> None:
        self._output_on = parse_switch(text)
        self._drive()

    @command(header("FUNCtion:MODE") + r"\?")
    def _mode(self) -> str:
        return str(int(self._current_mode))

    @command(header("FUNCtion:MODE") + _VALUE)
    def _set_mode(self, text: str | None) -> None:
        match = re.fullmatch(r"(VOLT(?:AGE)?)|CURR(?:ENT)?", text or "", re.IGNORECASE)
        if match is None:
            raise CommandError(-224)
        self._current_mode = match[1] is None
        self._drive()

    @command(header("[SOURce:]CURRent") + r"(?::LEV)?\?")
    def _read_current(self) -> str:
        return f"{self._current:.4E}"

    @command(header("[SOURce:]CURRent") + _VALUE)
    def _set_current(self, text: str | None) -> None:
        self._current = parse_number(text, -LARGEST_CURRENT, LARGEST_CURRENT)
        self._drive()

    @command(header("[SOURce:]VOLTage") + r"(?::LEV)?\?")
    def _read_voltage(self) -> str:
        return f"{self._voltage:.4E}"

    @command(header("[SOURce:]VOLTage") + _VALUE)
    def _set_voltage(self, text: str | None) -> None:
        self._voltage = parse_number(text, -LARGEST_VOLTAGE, LARGEST_VOLTAGE)
        self._drive()

    @command(header("MEASure:CURRent") + r"\?")
    def _measure_current(self) -> str:
        return f"{self._twin.supply_current():.4E}"

    @command(header("MEASure:VOLTage") + r"\?")
    def _measure_voltage(self) -> str:
        return f"{self._twin.supply_current() * self._resistance:.4E}"

    def _drive(self) -> None:
        """Let the set values act: the mode's own value, held within the other one's limit."""
        if not self._output_on:
            self._twin.magnet_current(0.0)
            return
        if self._current_mode:
            asked, limit = self._current, abs(self._voltage) / self._resistance
        else:
            asked, limit = self._voltage / self._resistance, abs(self._current)
        self._twin.magnet_current(max(-limit, min(limit, asked)))
