"""Thorlabs ELL14 rotation mounts: a small ASCII protocol on a serial line that up to sixteen modules share."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pymeasure.adapters import VISAAdapter
from pymeasure.instruments import Instrument

from instruments.clock import Clock
from instruments.errors import DeviceError
from instruments.live import Observed
from instruments.roles import Quantity, SafeStateReport
from instruments.safe_state import try_every_step
from instruments.visa import is_timeout

STATUS = {
    0: "no error",
    1: "communication time-out",
    2: "mechanical time-out",
    3: "command error or not supported",
    4: "value out of range",
    5: "module isolated",
    6: "module out of isolation",
    7: "initialisation error",
    8: "thermal error",
    9: "busy",
    10: "sensor error",
    11: "motor error",
    12: "out of range",
    13: "over-current",
}
"""Meaning of the number in a GS reply (Thorlabs, ELLx modules protocol manual)."""
BUSY = 9
_ROTATION_MOUNT = "0E"
_POLL = 0.05  # s between two looks for the end of a move
_PATIENCE = 20.0  # s
_VELOCITY = math.radians(430)  # rad/s, of its data sheet


ELLIPTEC_LINE = {"baud_rate": 9600, "timeout": 500, "write_termination": "", "read_termination": "\r\n"}
"""Serial line: commands have no terminator, replies end with CR LF."""


class ElliptecBus(Instrument):  # type: ignore[misc]
    """Serial line with Elliptec modules."""

    def __init__(self, adapter: VISAAdapter, name: str = "Thorlabs Elliptec bus", **arguments: Any) -> None:
        super().__init__(adapter, name, includeSCPI=False, **arguments)


class ElliptecRotator(Observed):
    """One ELL14; angles in radian, the module counts pulses.

    Parameters
    ----------
    bus
        The line it is on.
    address
        Of the module, 0 to 15.
    clock
        Time of the bench.
    role
        Role of the mount.
    zero
        Reading of the module (rad) where the plate's axis is along x.
    resolution
        Largest difference (rad) between angle asked and read.

    Notes
    -----
    A module answers a move when it is over, with PO and its position, or GS and what went wrong. After power-on its
    zero is where it happened to stand: it is homed before the first move. It knows 0 to 360 degrees; angles are
    turned into that range, and read back as the equivalent that is nearest to what was asked.
    """

    def __init__(
        self, bus: ElliptecBus, address: int, clock: Clock, *, role: str, zero: float, resolution: float
    ) -> None:
        self.bus, self.role = bus, role
        self._address, self._clock, self._zero, self._resolution = f"{address:X}", clock, zero, resolution
        self._asked = self.trim = 0.0
        self._homed = False
        self._identity, self.pulses_per_revolution = "", 0

    def take_over(self) -> None:
        """See that it is the right kind of module, and ask how it counts; it stays where it is."""
        information = self._ask("in", "IN")
        if information[:2] != _ROTATION_MOUNT or len(information) != 30:
            raise self._error(
                f"is no ELL14: it says {information!r}.", "Check the address of the module in the bench file."
            )
        self._identity = f"Thorlabs,ELL14,{information[2:10]},{information[14:16]}"
        self.pulses_per_revolution = int(information[22:], 16) * 360 // int(information[18:22], 16)

    def move_to(self, angle: float) -> None:
        """Turn to `angle` (rad)."""
        if not math.isfinite(angle):
            raise self._error(f"angle must be finite; setting it to {angle!r} is refused.", "Check the recipe.")
        if not self._homed:
            self._move("ho0")
            self._homed = True
        self._asked = angle
        if abs(self.angle() - angle) <= self._resolution / 4:
            return
        turns = (angle + self._zero + self.trim) / math.tau
        pulses = round(turns * self.pulses_per_revolution) % self.pulses_per_revolution
        self._move(f"ma{pulses:08X}")
        self._compare()

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) of a turn from `start` to `stop` (rad) at the module's usual velocity."""
        return abs(stop - start) / _VELOCITY + _POLL / 2 if stop != start else 0.0

    def move_by(self, angle: float) -> None:
        """Turn on by `angle` (rad)."""
        self._asked = self.angle() + angle
        self._move(f"mr{round(angle / math.tau * self.pulses_per_revolution) & 0xFFFFFFFF:08X}")
        self._compare()

    def _compare(self) -> None:
        if abs(self.angle() - self._asked) > self._resolution:
            raise self._error(
                f"was sent to {math.degrees(self._asked):g} deg but stands at {math.degrees(self.angle()):g} deg.",
                "Check that nothing blocks the mount, then try again.",
            )

    def angle(self) -> float:
        """Angle (rad), read back."""
        pulses = _signed(self._ask("gp", "PO"))
        read = math.tau * pulses / self.pulses_per_revolution - self._zero - self.trim
        angle = self._asked + math.remainder(read - self._asked, math.tau)
        self._keep(angle=(angle, "rad"))
        return angle

    def identity(self) -> str:
        """Return maker, model, serial number and firmware."""
        return self._identity

    def settings(self) -> Mapping[str, Quantity]:
        """Return the angle."""
        return {"angle": (self.angle(), "rad"), "zero": (self._zero, "rad"), "trim": (self.trim, "rad")}

    def make_safe(self) -> SafeStateReport:
        """See that it stands still: a move that was interrupted ends by itself."""

        def stands_still() -> None:
            deadline = self._clock.now() + _PATIENCE
            while (status := int(self._ask("gs", "GS"), 16)) == BUSY and self._clock.now() < deadline:
                self._clock.wait(_POLL)
            if status:
                raise self._failure(status)

        return try_every_step(self.role, [("stands still", stands_still)])

    def _ask(self, command: str, expected: str) -> str:
        """Send a query; return what follows `expected` in the reply."""
        self.bus.adapter.flush_read_buffer()  # of a move that was interrupted, or a late reply
        try:
            self._write(command)
            reply = str(self.bus.read()).strip()
        except DeviceError as error:  # of the line, which is not one mount's own
            raise self._error(error.what, "Check its power and cable, and the address.") from error
        return self._content(reply, expected)

    def _move(self, command: str) -> None:
        self.bus.adapter.flush_read_buffer()
        self._write(command)
        start = self._clock.now()
        while (reply := self._read()) is None:
            if self._clock.now() > start + _PATIENCE:
                raise self._error(
                    f"has not ended the move {command!r} after {_PATIENCE:g} s.", "Check that nothing blocks it."
                )
            self._clock.wait(_POLL)
        self._content(reply, "PO")

    def _write(self, command: str) -> None:
        self.bus.write(self._address + command)

    def _read(self) -> str | None:
        try:
            return str(self.bus.read()).strip()
        except DeviceError as error:
            if is_timeout(error):
                return None
            raise

    def _content(self, reply: str, expected: str) -> str:
        address, kind, content = reply[:1], reply[1:3], reply[3:]
        digits = all(digit in "0123456789ABCDEF" for digit in content)
        if address == self._address and kind == "GS" and digits and expected != "GS":
            raise self._failure(int(content, 16))
        if address != self._address or kind != expected or not digits or not content:
            raise self._error(f"answers {reply!r}, which is no {expected} reply.", "Check for a second program on it.")
        return content

    def _failure(self, status: int) -> DeviceError:
        meaning = STATUS.get(status, "unknown status")
        return self._error(f"reports status {status}, {meaning}.", "See the ELLx protocol manual, then home it.")

    def _error(self, what: str, remedy: str) -> DeviceError:
        return DeviceError(f"{self.role} (ELL14 {self._address}, {self.bus.adapter.resource_name})", what, remedy)


def _signed(text: str) -> int:
    number = int(text, 16)
    return number - 2**32 if number >= 2**31 else number
