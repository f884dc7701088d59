"""Shutter of the laser on a digital line."""

from __future__ import annotations

from collections.abc import Mapping

from instruments.daq import DigitalOutput
from instruments.live import Observed
from instruments.roles import Quantity, SafeStateReport


class LineShutter(Observed):
    """Shutter on a digital line.

    Parameters
    ----------
    line
        Its line; what it shows is what counts, so that a shutter left open by another program is known to be open.
    open_level
        Level of the line, True for high, at which the shutter is open.
    """

    role = "shutter"

    def __init__(self, line: DigitalOutput, open_level: bool) -> None:
        self._line, self._open_level = line, open_level

    def open(self) -> None:
        """Let the light through."""
        self._line.write([self._open_level])

    def close(self) -> None:
        """Block the light."""
        self._line.write([not self._open_level])

    def is_open(self) -> bool:
        """Whether the line says so, read back."""
        opened = self._line.read()[0] == self._open_level
        self._keep(open=(float(opened), ""))
        return opened

    def identity(self) -> str:
        """Return the card that drives it."""
        return f"shutter on {self._line.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return whether it is open."""
        return {"open": (float(self.is_open()), "")}

    def make_safe(self) -> SafeStateReport:
        """Leave it as it is: light below the sample's limit does no harm, and what a person looks at stays visible."""
        return SafeStateReport(self.role, ["left as it is"])
