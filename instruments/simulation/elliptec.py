"""Simulated Thorlabs ELL14 rotation mounts on one serial line."""

from __future__ import annotations

from collections.abc import Mapping

from instruments.simulation.axis import SLOWNESS
from instruments.simulation.esp300 import MotionWorld, Motor
from instruments.simulation.scpi import CommandError, Device, command

PULSES = 143360
"""Pulses per revolution of an ELL14."""
VELOCITY = 360.0
"""Velocity (degree/s)."""
COMMAND_ERROR, BUSY, OUT_OF_RANGE = 3, 9, 12
_ADDRESS = "([0-9A-F])"
_LONG = "([0-9A-F]{8})"


class SimulatedElliptecBus(Device):
    """ELL14 modules that turn some axes of the twin.

    Parameters
    ----------
    twin
        World they stand in.
    axes
        Address (0 to 15) to name in `twin.axes`.

    Notes
    -----
    A move is answered when it is over; a module that is asked meanwhile says that it is busy. Nobody answers for an
    address that no module has. Positions are whole pulses, and absolute ones lie within one revolution.
    """

    terminator = "\r\n"
    unknown_command = COMMAND_ERROR

    def __init__(self, twin: MotionWorld, axes: Mapping[int, str]) -> None:
        super().__init__()
        self._clock = twin.clock
        self._motors: dict[str, Motor] = {f"{address:X}": twin.axes[name] for address, name in axes.items()}
        self._moving: set[str] = set()
        self._addressed = ""

    def handle(self, message: str) -> str | None:
        """Carry out a command; only the module with its address may answer."""
        self._addressed = message[:1].upper()
        if self._addressed not in self._motors:
            return None
        refusals = len(self.refused)
        reply = super().handle(message)
        return self._status(self._error) if len(self.refused) > refusals else reply

    def report(self, code: int) -> None:
        """Keep the status that the refused command is answered with."""
        self._error = code

    def speak(self) -> str | None:
        """Positions of the modules that have arrived since they were last looked at."""
        arrived = [address for address in sorted(self._moving) if not self._under_way(address)]
        self._moving -= set(arrived)
        return self.terminator.join(self._position(address) for address in arrived) or None

    def _under_way(self, address: str) -> bool:
        return self._motors[address].moving(self._clock.now())

    def _status(self, code: int) -> str:
        return f"{self._addressed}GS{code:02X}"

    def _position(self, address: str) -> str:
        pulses = round(self._motors[address].position(self._clock.now()) / 360 * PULSES)
        return f"{address}PO{pulses & 0xFFFFFFFF:08X}"

    @command(_ADDRESS + "in")
    def _information(self, address: str) -> str:
        return f"{address}IN0E11400000202317010168{PULSES:08X}"

    @command(_ADDRESS + "gs")
    def _get_status(self, address: str) -> str:
        return self._status(BUSY if self._under_way(address) else 0)

    @command(_ADDRESS + "gp")
    def _get_position(self, address: str) -> str:
        return self._status(BUSY) if self._under_way(address) else self._position(address)

    @command(_ADDRESS + "ma" + _LONG)
    def _move_absolute(self, address: str, text: str) -> str | None:
        pulses = int(text, 16)
        if not 0 <= pulses < PULSES:
            raise CommandError(OUT_OF_RANGE)
        return self._set_off(address, pulses * 360 / PULSES)

    @command(_ADDRESS + "mr" + _LONG)
    def _move_relative(self, address: str, text: str) -> str | None:
        pulses = int(text, 16) - (2**32 if int(text, 16) >= 2**31 else 0)
        here = round(self._motors[address].position(self._clock.now()) / 360 * PULSES)
        return self._set_off(address, (here + pulses) * 360 / PULSES)

    @command(_ADDRESS + "ho([01])?")
    def _home(self, address: str, direction: str | None) -> str | None:
        return self._set_off(address, 0.0)

    def _set_off(self, address: str, target: float) -> str | None:
        if self._under_way(address):
            return self._status(BUSY)
        velocity = VELOCITY / SLOWNESS if self.fault == "slow" else VELOCITY
        self._motors[address].move_to(target, velocity, self._clock.now())
        self._moving.add(address)
        return None
