"""Simulated Newport ESP300 motion controller, as far as pymeasure's driver reaches."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from instruments.clock import VirtualClock
from instruments.simulation.axis import SLOWNESS
from instruments.simulation.scpi import NUMBER, CommandError, Device, command

TRAVEL = (-360.0, 360.0)
"""Software limits (mm or degree) after power-on."""
VELOCITY, LARGEST_VELOCITY = 10.0, 40.0
"""Velocity after power-on and largest one (mm/s or degree/s)."""
QUEUE_LENGTH = 10
WAIT_STEP = 0.01
"""Time (s) between two looks at an axis that WS waits for."""
MILLIMETRE, DEGREE = 2, 7

# Errors of the controller, and of an axis (to which 100 times its number is added).
UNKNOWN_COMMAND, OUT_OF_RANGE, AXIS_OUT_OF_RANGE, AXIS_MISSING, PARAMETER_MISSING = 6, 7, 9, 37, 38
AXIS_PARAMETER, POSITIVE_LIMIT, NEGATIVE_LIMIT, MOTOR_OFF, SPEED, CHANGE_NOT_ALLOWED = 1, 6, 7, 13, 24, 26


class Motor(Protocol):
    """An axis of the twin: position in the controller's unit as a function of time (s)."""

    def position(self, time: float) -> float:
        """Position at `time`."""
        ...

    def move_to(self, target: float, velocity: float, time: float) -> None:
        """Set off for `target` at `time`."""
        ...

    def stop(self, time: float) -> None:
        """Stand still from `time` on."""
        ...

    def moving(self, time: float) -> bool:
        """Whether it moves at `time`."""
        ...


class MotionWorld(Protocol):
    """What the controller needs of the twin."""

    @property
    def clock(self) -> VirtualClock:
        """Time of the bench."""
        ...

    @property
    def axes(self) -> Mapping[str, Motor]:
        """Motors by name."""
        ...


@dataclass
class _Axis:
    """What the controller knows of one axis; the user's positions are those of the motor less `home`."""

    number: int
    motor: Motor
    left: float
    right: float
    velocity: float = VELOCITY
    powered: bool = False
    unit: int = MILLIMETRE
    home: float = 0.0

    def error(self, code: int) -> CommandError:
        return CommandError(100 * self.number + code)


class SimulatedESP300(Device):
    """ESP300 that moves some axes of the twin.

    Parameters
    ----------
    twin
        World it stands in.
    axes
        Axis number (1 to 9) to name in `twin.axes`.
    travel
        Software limits of every axis after power-on, in its unit.

    Notes
    -----
    Motors are off after power-on. WS holds the following commands back until the axis stands still: the
    clock of the bench runs on meanwhile, if the run's own thread asks. Errors queue up for TE?. It identifies
    itself to VE?, not to *IDN?.
    """

    terminator = "\r\n"
    unknown_command = UNKNOWN_COMMAND

    def __init__(self, twin: MotionWorld, axes: Mapping[int, str], travel: tuple[float, float] = TRAVEL) -> None:
        super().__init__()
        self._clock = twin.clock
        self._axes = {number: _Axis(number, twin.axes[name], *travel) for number, name in axes.items()}
        self.errors: list[int] = []

    def report(self, code: int) -> None:
        """Append to the queue that TE? reads; a full queue loses its oldest."""
        self.errors = [*self.errors, code][-QUEUE_LENGTH:]

    def _axis(self, number: str) -> _Axis:
        if not number:
            raise CommandError(AXIS_MISSING)
        if int(number) not in self._axes:
            raise CommandError(AXIS_OUT_OF_RANGE)
        return self._axes[int(number)]

    def _value(self, text: str | None) -> float:
        if text is None:
            raise CommandError(PARAMETER_MISSING)
        return float(text)

    @command(r"VE\??")
    def _version(self) -> str:
        return "ESP300 Version 3.04 07/27/01"

    @command(r"TE\??")
    def _error(self) -> str:
        return str(self.errors.pop(0) if self.errors else 0)

    # ----------------------------------------------------------- motion

    @command(r"(\d*)TP\??")
    def _position(self, number: str) -> str:
        axis = self._axis(number)
        return f"{axis.motor.position(self._clock.now()) - axis.home:.6f}"

    @command(rf"(\d*)PA\s*{NUMBER}?")
    def _move(self, number: str, text: str | None) -> None:
        axis, target = self._axis(number), self._value(text)
        if target > axis.right:
            raise axis.error(POSITIVE_LIMIT)
        if target < axis.left:
            raise axis.error(NEGATIVE_LIMIT)
        self._set_off(axis, target + axis.home)

    @command(r"(\d*)OR\s*([0-6])?")
    def _find_home(self, number: str, mode: str | None) -> None:
        axis = self._axis(number)
        if mode in (None, "0"):
            self._set_off(axis, axis.home)
        else:
            self._set_off(axis, 0.0)
            axis.home = 0.0

    def _set_off(self, axis: _Axis, target: float) -> None:
        if not axis.powered:
            raise axis.error(MOTOR_OFF)
        velocity = axis.velocity / SLOWNESS if self.fault == "slow" else axis.velocity
        axis.motor.move_to(target, velocity, self._clock.now())

    @command(r"(\d*)MD\?")
    def _motion_done(self, number: str) -> str:
        return str(int(not self._axis(number).motor.moving(self._clock.now())))

    @command(rf"(\d*)WS\s*{NUMBER}?")
    def _wait_for_stop(self, number: str, milliseconds: str | None) -> None:
        axis = self._axis(number)
        while axis.motor.moving(before := self._clock.now()):
            self._clock.elapse(WAIT_STEP)
            if self._clock.now() == before:
                return
        self._clock.elapse(float(milliseconds or 0) * 1e-3)

    @command(r"(\d*)ST")
    def _stop(self, number: str) -> None:
        for axis in [self._axis(number)] if number else self._axes.values():
            axis.motor.stop(self._clock.now())

    @command(r"(\d*)MO")
    def _switch_on(self, number: str) -> None:
        self._axis(number).powered = True

    @command(r"(\d*)MF")
    def _switch_off(self, number: str) -> None:
        axis = self._axis(number)
        axis.powered = False
        axis.motor.stop(self._clock.now())

    @command(r"(\d*)MO\?")
    def _is_on(self, number: str) -> str:
        return str(int(self._axis(number).powered))

    # ----------------------------------------------------------- settings

    @command(rf"(\d*)DH\s*{NUMBER}?")
    def _define_position(self, number: str, text: str | None) -> None:
        axis = self._axis(number)
        axis.home = axis.motor.position(self._clock.now()) - float(text or 0)

    @command(r"(\d*)VA\?")
    def _velocity(self, number: str) -> str:
        return f"{self._axis(number).velocity:g}"

    @command(rf"(\d*)VA\s*{NUMBER}?")
    def _set_velocity(self, number: str, text: str | None) -> None:
        axis, velocity = self._axis(number), self._value(text)
        if not 0 < velocity <= LARGEST_VELOCITY:
            raise axis.error(SPEED)
        axis.velocity = velocity

    @command(r"(\d*)SL\?")
    def _left_limit(self, number: str) -> str:
        return f"{self._axis(number).left:g}"

    @command(rf"(\d*)SL\s*{NUMBER}?")
    def _set_left_limit(self, number: str, text: str | None) -> None:
        axis, limit = self._axis(number), self._value(text)
        if limit > axis.right:
            raise axis.error(AXIS_PARAMETER)
        axis.left = limit

    @command(r"(\d*)SR\?")
    def _right_limit(self, number: str) -> str:
        return f"{self._axis(number).right:g}"

    @command(rf"(\d*)SR\s*{NUMBER}?")
    def _set_right_limit(self, number: str, text: str | None) -> None:
        axis, limit = self._axis(number), self._value(text)
        if limit < axis.left:
            raise axis.error(AXIS_PARAMETER)
        axis.right = limit

    @command(r"(\d*)SN\?")
    def _unit(self, number: str) -> str:
        return str(self._axis(number).unit)

    @command(rf"(\d*)SN\s*{NUMBER}?")
    def _set_unit(self, number: str, text: str | None) -> None:
        axis, unit = self._axis(number), self._value(text)
        if unit not in range(12):
            raise CommandError(OUT_OF_RANGE)
        if unit not in (MILLIMETRE, DEGREE):
            raise axis.error(CHANGE_NOT_ALLOWED)
        axis.unit = int(unit)
