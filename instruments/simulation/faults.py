"""Faults of a simulated instrument: what its line does to the answers, from a given time on."""

from __future__ import annotations

from instruments.clock import VirtualClock
from instruments.simulation.scpi import Device
from instruments.simulation_file import Fault

_IDENTITIES = ("*IDN?", "VE?")


class FaultyLine:
    """The line to a device, which carries messages as they are until its fault begins.

    Parameters
    ----------
    device
        The instrument; it carries out what it is told in any case, save where the line is cut.
    clock
        Time of the bench.

    Attributes
    ----------
    fault
        "silent": no answers; "late": each answer comes in place of the next; "garbage": answers are noise;
        "wrong_identity": another model answers; "disconnected": writing fails; "nan": numbers are NAN;
        "stuck": a question gets the same answer for ever. "overload" of a lock-in and "slow" of a motor are the
        device's own. None for no fault.
    begins
        Time (s) from which it counts.
    """

    def __init__(self, device: Device, clock: VirtualClock) -> None:
        self._device, self._clock = device, clock
        self.terminator = device.terminator
        self.fault: Fault | None = None
        self.begins = 0.0
        self._held: str | None = None
        self._first: dict[str, str] = {}

    def _present(self) -> Fault | None:
        return self.fault if self._clock.now() >= self.begins else None

    def handle(self, message: str) -> str | None:
        """Hand `message` on, and what comes back as the fault leaves it; `ConnectionError` where the line is cut."""
        self._device.fault = fault = self._present()
        if fault == "disconnected":
            raise ConnectionError("The line is cut.")
        reply = self._device.handle(message)
        return None if reply is None else self._spoilt(fault, message, reply)

    def speak(self) -> str | None:
        """What the device says unasked, unless its line is dead."""
        said = self._device.speak()
        return None if self._present() in ("silent", "disconnected") else said

    def forget_replies(self) -> None:
        """Drop the late answer that has not arrived yet."""
        self._held = None
        self._device.forget_replies()

    def _spoilt(self, fault: Fault | None, message: str, reply: str) -> str | None:
        match fault:
            case "silent":
                return None
            case "late":
                self._held, before = reply, self._held
                return before
            case "garbage":
                return "\x03?#\x7f"
            case "wrong_identity":
                return "ACME,MODEL 1,0,0" if message.strip() in _IDENTITIES else reply
            case "nan":
                return ",".join("NAN" for _ in reply.split(","))
            case "stuck":
                return self._first.setdefault(message, reply)
        return reply
