"""Roles that a person plays where a laboratory has no motor: each move is a request that waits until it is done."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from instruments.errors import DeviceError
from instruments.live import Observed
from instruments.roles import Quantity, SafeStateReport

Prompt = Callable[[str], None]
"""Shows a request and returns when the person has done it; raises where nobody will."""

_BY_HAND = 60.0  # s that a person is expected to need for one request


def nobody(request: str) -> None:
    """Refuse: no person was promised to `open_bench`."""
    raise DeviceError(
        "operator", f"is needed, and nobody is asked: {request!r}.", "Run it where a person can answer (prompt=...)."
    )


class ManualRotator(Observed):
    """Rotation mount that is turned by hand; what was asked for last counts as its angle.

    Parameters
    ----------
    role
        Role of the mount.
    prompt
        Asks the person.
    zero
        Reading of its scale (rad) where the plate's axis is along x.
    """

    def __init__(self, role: str, prompt: Prompt, zero: float) -> None:
        self.role, self._prompt, self._zero, self.trim = role, prompt, zero, 0.0
        self._scale: float | None = None

    def move_to(self, angle: float) -> None:
        """Ask for `angle` (rad), unless it stands there already."""
        scale = angle + self._zero + self.trim
        if scale == self._scale:
            return
        self._prompt(f"Turn {self.role} to {math.degrees(scale):.2f} degrees on its scale.")
        self._scale = scale

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) that a person is thought to take."""
        return _BY_HAND if stop != start else 0.0

    def angle(self) -> float:
        """Angle (rad) that was asked for last.

        Raises
        ------
        DeviceError
            Where none was asked for yet: nobody knows.
        """
        if self._scale is None:
            raise DeviceError(self.role, "was not set yet.", "Set it before it is read.")
        angle = self._scale - self._zero - self.trim
        self._keep(angle=(angle, "rad"))
        return angle

    def identity(self) -> str:
        """Return that a person turns it."""
        return f"operator, {self.role}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the angle where it is known."""
        known: dict[str, Quantity] = {"zero": (self._zero, "rad"), "trim": (self.trim, "rad")}
        return known if self._scale is None else {"angle": (self.angle(), "rad"), **known}

    def make_safe(self) -> SafeStateReport:
        """Report at once: it does not move by itself."""
        return SafeStateReport(self.role, ["nothing to do"])


class ManualShutter(Observed):
    """Shutter, or a card in the beam, that a person moves; what was asked for last counts as its state."""

    role = "shutter"

    def __init__(self, prompt: Prompt) -> None:
        self._prompt = prompt
        self._open: bool | None = None

    def open(self) -> None:
        """Ask for an open shutter, unless it is."""
        self._ask(True, "Open the shutter.")

    def close(self) -> None:
        """Ask for a closed shutter, unless it is."""
        self._ask(False, "Close the shutter.")

    def is_open(self) -> bool:
        """Whether it was asked to be open.

        Raises
        ------
        DeviceError
            Where neither was asked for yet: nobody knows.
        """
        if self._open is None:
            raise DeviceError(self.role, "was not set yet.", "Open or close it before it is read.")
        self._keep(open=(float(self._open), ""))
        return self._open

    def _ask(self, opened: bool, request: str) -> None:
        if opened != self._open:
            self._prompt(request)
            self._open = opened

    def identity(self) -> str:
        """Return that a person moves it."""
        return f"operator, {self.role}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return whether it is open, where that is known."""
        return {} if self._open is None else {"open": (float(self._open), "")}

    def make_safe(self) -> SafeStateReport:
        """Leave it as it is."""
        return SafeStateReport(self.role, ["left as it is"])


class ManualQuarterWave(ManualRotator):
    """Quarter-wave plate that a person turns and puts into the beam."""

    def __init__(self, prompt: Prompt, zero: float) -> None:
        super().__init__("quarter_wave", prompt, zero)
        self._inserted: bool | None = None

    def insert(self, inserted: bool) -> None:
        """Ask for the plate in the beam, or out of it, unless it is."""
        if inserted == self._inserted:
            return
        self._prompt(f"Put the quarter-wave plate {'into' if inserted else 'out of'} the beam.")
        self._inserted = inserted

    def settings(self) -> Mapping[str, Quantity]:
        """Return the angle and whether the plate is in the beam, where they are known."""
        known = dict(super().settings())
        return known if self._inserted is None else {**known, "inserted": (float(self._inserted), "")}
