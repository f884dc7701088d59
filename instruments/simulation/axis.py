"""A motorised axis: uniform motion, travel time and backlash."""

from __future__ import annotations

import math

SLOWNESS = 1e3
"""Factor by which a motor with the fault "slow" is too slow."""


class Axis:
    """Position of one motor in its controller's unit (mm or degree) as a function of the bench's time.

    Parameters
    ----------
    backlash
        Play of the screw (same unit, at least 0): the carriage lags by this after the motor reverses.
    """

    def __init__(self, backlash: float = 0.0) -> None:
        self.backlash = backlash
        self._start = self._target = 0.0
        self._departure, self._arrival = -math.inf, 0.0
        self._carriage = 0.0

    def position(self, time: float) -> float:
        """Motor position at `time` (s), as its encoder reads it."""
        if time >= self._arrival:
            return self._target
        fraction = (time - self._departure) / (self._arrival - self._departure)
        return self._start + fraction * (self._target - self._start)

    def carriage(self, time: float) -> float:
        """Position of what the motor carries: follows with the backlash."""
        motor, half = self.position(time), self.backlash / 2
        return max(motor - half, min(motor + half, self._carriage))

    def move_to(self, target: float, velocity: float, time: float) -> None:
        """Set off for `target` at `velocity` (unit/s, above 0) at `time` (s)."""
        self._carriage = self.carriage(time)
        self._start, self._departure = self.position(time), time
        self._target, self._arrival = target, time + abs(target - self._start) / velocity

    def stop(self, time: float) -> None:
        """Stand still from `time` (s) on."""
        self.move_to(self.position(time), 1.0, time)

    def moving(self, time: float) -> bool:
        """Whether the motor is still under way at `time` (s)."""
        return time < self._arrival
