"""Simulated Lake Shore 425 gaussmeter, as far as pymeasure's driver reaches."""

from __future__ import annotations

from typing import Protocol

from instruments.simulation.scpi import CommandError, Device, command

RANGES = {1: 35e-4, 2: 350e-4, 3: 3500e-4, 4: 35000e-4}
"""Field (T) at the end of each range."""
UNITS = {1: 1e4, 2: 1.0, 3: 1e4, 4: 1e7 / (4 * 3.141592653589793)}
"""Reading per tesla in gauss, tesla, oersted and A/m."""
DIGITS = 4.75
EXECUTION_ERROR, COMMAND_ERROR = 16, 32


class FieldWorld(Protocol):
    """What the gaussmeter needs of the twin."""

    def gaussmeter(self) -> float:
        """Field (T) at the probe now, its offset and noise included."""
        ...


class SimulatedLakeShore425(Device):
    """Gaussmeter with its probe beside the sample.

    Notes
    -----
    A field beyond the range answers "OL", and so does the instrument. Alternating fields (RDGMODE 2) are not
    simulated: the mode is kept, and reads zero.
    """

    unknown_command = COMMAND_ERROR

    def __init__(self, twin: FieldWorld) -> None:
        super().__init__()
        self._twin = twin
        self._unit, self._range, self._automatic = 1, 4, False
        self._mode = (1, 0, 1)
        self._zero = 0.0
        self._events = 0

    def report(self, code: int) -> None:
        """Set a bit of the standard event status byte."""
        self._events |= code

    @command(r"\*IDN\?")
    def _identify(self) -> str:
        return "LSCI,MODEL425,LSA0000,1.0"

    @command(r"\*ESR\?")
    def _event_status(self) -> str:
        events, self._events = self._events, 0
        return f"{events:03d}"

    @command(r"RDGFIELD\?")
    def _field(self) -> str:
        field = self._twin.gaussmeter() - self._zero
        if self._automatic:
            self._range = next((number for number, end in RANGES.items() if abs(field) <= end), 4)
        if self._mode[0] != 1:
            return f"{0.0:+.5E}"
        if abs(field) > RANGES[self._range]:
            return "OL"
        step = RANGES[self._range] * 10.0**-DIGITS
        return f"{step * round(field / step) * UNITS[self._unit]:+.5E}"

    @command(r"UNIT\?")
    def _read_unit(self) -> str:
        return str(self._unit)

    @command(r"UNIT\s+(\d+)")
    def _set_unit(self, text: str) -> None:
        self._unit = _one_of(text, UNITS)

    @command(r"RANGE\?")
    def _read_range(self) -> str:
        return str(self._range)

    @command(r"RANGE\s+(\d+)")
    def _set_range(self, text: str) -> None:
        self._range, self._automatic = _one_of(text, RANGES), False

    @command(r"AUTO(?:\s+([01]))?")
    def _set_automatic(self, text: str | None) -> None:
        self._automatic = text != "0"

    @command(r"RDGMODE\?")
    def _read_mode(self) -> str:
        return ",".join(str(part) for part in self._mode)

    @command(r"RDGMODE\s+([12])\s*,\s*([01])\s*,\s*([12])")
    def _set_mode(self, mode: str, noise_filter: str, band: str) -> None:
        self._mode = int(mode), int(noise_filter), int(band)

    @command(r"ZPROBE")
    def _zero_probe(self) -> None:
        self._zero = self._twin.gaussmeter()


def _one_of(text: str, known: dict[int, float]) -> int:
    if int(text) not in known:
        raise CommandError(EXECUTION_ERROR)
    return int(text)
