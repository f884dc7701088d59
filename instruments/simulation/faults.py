"""Faults of a simulated instrument: what its line does to the answers, from a given time on."""

from __future__ import annotations

from typing import Literal, get_args

import pyvisa
from pyvisa.constants import StatusCode

from instruments.clock import VirtualClock
from instruments.simulation.scpi import Device

Fault = Literal["silent", "late", "garbage", "wrong_identity", "disconnected", "nan", "stuck"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
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
        "stuck": a question gets the same answer for ever. None for no fault.
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

    def handle(self, message: str) -> str | None:
        """Hand `message` on, and what comes back as the fault leaves it."""
        if self.fault is None or self._clock.now() < self.begins:
            return self._device.handle(message)
        if self.fault == "disconnected":
            raise pyvisa.VisaIOError(StatusCode.error_connection_lost)
        reply = self._device.handle(message)
        return None if reply is None else self._spoilt(message, reply)

    def speak(self) -> str | None:
        """What the device says unasked, unless its line is dead."""
        said = self._device.speak()
        dead = self.fault in ("silent", "disconnected") and self._clock.now() >= self.begins
        return None if dead else said

    def forget_replies(self) -> None:
        """Drop the late answer that has not arrived yet."""
        self._held = None
        self._device.forget_replies()

    def _spoilt(self, message: str, reply: str) -> str | None:
        match self.fault:
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
        return self._first.setdefault(message, reply)
