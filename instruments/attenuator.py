"""Attenuator of the laser: a half-wave plate in any rotator, before a polariser."""

from __future__ import annotations

import math
from collections.abc import Mapping

from instruments.errors import LimitError
from instruments.live import Observed
from instruments.roles import Quantity, Rotator, SafeStateReport


class PlateAttenuator(Observed):
    """Half-wave plate at angle theta before a polariser, which passes cos^2(2 theta).

    Parameters
    ----------
    plate
        The plate; at angle 0 all light passes.
    """

    role = "attenuator"

    def __init__(self, plate: Rotator) -> None:
        self._plate = plate

    def take_over(self) -> None:
        """Take the plate over; it stays where it is."""
        self._plate.take_over()

    def set_transmission(self, fraction: float) -> None:
        """Let `fraction` (0 to 1) of the light through; the plate stays between 0 and 45 degrees."""
        if not 0 <= fraction <= 1:  # also true of NaN
            raise LimitError(
                f"attenuator: transmission must lie in 0 to 1; setting it to {fraction:g} is refused. Check the recipe."
            )
        self._plate.move_to(_plate_angle(fraction))

    def transmission(self) -> float:
        """Transmission (0 to 1), from the angle of the plate as read back."""
        transmission = math.cos(2 * self._plate.angle()) ** 2
        self._keep(transmission=(transmission, ""))
        return transmission

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) that the plate takes from one transmission to another."""
        return self._plate.travel_time(_plate_angle(start), _plate_angle(stop))

    def identity(self) -> str:
        """Return the identity of the rotator."""
        return self._plate.identity()

    def settings(self) -> Mapping[str, Quantity]:
        """Return the settings of the rotator, and the transmission where its angle is known."""
        settings = dict(self._plate.settings())
        angle = settings.get("angle")
        if angle is None:
            return settings
        return {"transmission": (math.cos(2 * float(angle[0])) ** 2, ""), **settings}

    def make_safe(self) -> SafeStateReport:
        """Stop the rotator; the light stays as it is."""
        return self._plate.make_safe()


def _plate_angle(transmission: float) -> float:
    """Angle (rad) of the plate, 0 to pi/4."""
    return math.acos(math.sqrt(transmission)) / 2
