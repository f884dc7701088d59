"""Motorised axes on Newport ESP300 controllers: the stage, and the rotators of the wave plates."""

from __future__ import annotations

import math
from collections.abc import Mapping

from pymeasure.instruments.newport import ESP300
from pymeasure.instruments.newport.esp300 import Axis

from instruments.clock import Clock
from instruments.daq import DigitalOutput
from instruments.errors import DeviceError, LimitError, finite
from instruments.live import LiveReading, Observed
from instruments.roles import Quantity, Rotator, SafeStateReport
from instruments.safe_state import try_every_step

_POLL = 0.05  # s between two looks at a moving axis
_PATIENCE = 60.0  # s
_USUAL_VELOCITY = 10.0  # mm/s of a stage, degree/s of a mount: for a plan, until the controller was asked for its own


class Esp300Axis:
    """One axis of an ESP300, in the unit of its controller (mm or degree).

    Parameters
    ----------
    controller
        pymeasure's ESP300; axes 1 to 3.
    axis
        Number of the axis.
    clock
        Time of the bench.
    name
        What messages call it.
    unit
        What the controller counts: "mm" or "deg".
    travel
        (least, most) position allowed.
    resolution
        Largest difference between position asked and read.

    Notes
    -----
    The driver waits for a stop with real sleep and sends positions with six digits: waiting is done here on
    the bench's clock, and the position reached is compared.
    """

    def __init__(
        self,
        controller: ESP300,
        axis: int,
        clock: Clock,
        *,
        name: str,
        unit: str,
        travel: tuple[float, float],
        resolution: float,
    ) -> None:
        self.controller, self._unit = controller, unit
        self._axis = Axis(axis, controller)
        self._clock, self._travel, self._resolution = clock, travel, resolution
        self.name, self._velocity = name, _USUAL_VELOCITY

    def take_over(self) -> None:
        """Ask for the velocity; the axis stays where it is."""
        self._velocity = finite(self.name, "velocity", self._axis.ask("VA?"))

    def move_to(self, position: float) -> None:
        """Move and wait until the axis stands where it was sent."""
        self.check_travel(position)
        start = self.position()
        if abs(start - position) <= self._resolution:
            return
        self._axis.enable()  # a safe state before this switched the motor off
        self._axis.position = position
        self._clock.wait(abs(position - start) / self._velocity)  # before that there is nothing to ask for
        deadline = self._clock.now() + _PATIENCE
        while not int(float(self._axis.ask("MD?"))):
            if self._clock.now() > deadline:
                raise DeviceError(
                    self.name, f"axis still moves after {_PATIENCE:g} s.", "Check the motor and its limits."
                )
            self._clock.wait(_POLL)
        self._raise_error()
        if abs(self.position() - position) > self._resolution:
            raise DeviceError(
                self.name,
                f"axis was sent to {position:g} but stands at {self.position():g}.",
                "Home the axis and try again.",
            )

    def check_travel(self, position: float) -> None:
        """Raise `LimitError` where `position` lies outside the travel; sends nothing."""
        least, most = self._travel
        if not (math.isfinite(position) and least <= position <= most):
            raise LimitError(
                f"{self.name}: position must lie in {least:g} to {most:g} {self._unit}; setting it to "
                f"{position:g} {self._unit} is refused. Check the recipe and `travel` in the bench file."
            )

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) of a move at the velocity that the controller had when it was taken over, or else the usual one."""
        distance = abs(stop - start)
        return distance / self._velocity + _POLL / 2 if distance > self._resolution else 0.0

    def position(self) -> float:
        """Position, read back."""
        return finite(self.name, "position", self._axis.position)

    def identity(self) -> str:
        """Return the controller's answer to VE?."""
        return str(self.controller.ask("VE?")).strip()

    def stop(self) -> None:
        """Stop the motion and switch the motor off, in one message each so that nothing is asked first."""
        self._axis.write("ST")
        self._axis.disable()

    def _raise_error(self) -> None:
        code = int(self.controller.error)
        if code:
            raise DeviceError(self.name, f"ESP300 reports error {code}.", "See the list of errors in its manual.")


class Esp300Stage(Observed):
    """Two axes that move the sample; positions in metre, the controller counts millimetre."""

    role = "stage"

    def __init__(self, x: Esp300Axis, y: Esp300Axis) -> None:
        self._x, self._y = x, y

    def take_over(self) -> None:
        """Ask both axes for their velocities."""
        self._x.take_over()
        self._y.take_over()

    def check_move(self, x: float, y: float) -> None:
        """Raise `LimitError` where (x, y) in m lies outside the travel; sends nothing."""
        self._x.check_travel(x * 1e3)
        self._y.check_travel(y * 1e3)

    def travel_time(self, start: tuple[float, float], stop: tuple[float, float]) -> float:
        """Time (s) of a move: one axis after the other."""
        return sum(
            axis.travel_time(a * 1e3, b * 1e3) for axis, a, b in zip((self._x, self._y), start, stop, strict=True)
        )

    def move_to(self, x: float, y: float) -> None:
        """Move to (x, y) in m; where either lies outside its travel, neither moves."""
        self.check_move(x, y)
        self._x.move_to(x * 1e3)
        self._y.move_to(y * 1e3)

    def position(self) -> tuple[float, float]:
        """Position (m), read back."""
        x, y = self._x.position() * 1e-3, self._y.position() * 1e-3
        self._keep(x=(x, "m"), y=(y, "m"))
        return x, y

    def identity(self) -> str:
        """Return the controller's identity."""
        return self._x.identity()

    def settings(self) -> Mapping[str, Quantity]:
        """Return the position."""
        x, y = self.position()
        return {"x": (x, "m"), "y": (y, "m")}

    def make_safe(self) -> SafeStateReport:
        """Stop both axes and switch their motors off."""
        return try_every_step(
            self.role, [("x stopped, motor off", self._x.stop), ("y stopped, motor off", self._y.stop)]
        )


class Esp300Rotator(Observed):
    """Rotation mount on an ESP300 axis; angles in radian, the controller counts degrees.

    Parameters
    ----------
    axis
        The axis.
    role
        Role of the mount.
    zero
        Reading of the controller (rad) where the plate's axis is along x.
    """

    def __init__(self, axis: Esp300Axis, role: str, zero: float) -> None:
        self._axis, self.role, self._zero, self.trim = axis, role, zero, 0.0

    def take_over(self) -> None:
        """Ask the axis for its velocity."""
        self._axis.take_over()

    def move_to(self, angle: float) -> None:
        """Turn to `angle` (rad)."""
        self._axis.move_to(math.degrees(angle + self._zero + self.trim))

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) of a turn from `start` to `stop` (rad)."""
        return self._axis.travel_time(math.degrees(start), math.degrees(stop))

    def angle(self) -> float:
        """Angle (rad), read back."""
        angle = math.radians(self._axis.position()) - self._zero - self.trim
        self._keep(angle=(angle, "rad"))
        return angle

    def identity(self) -> str:
        """Return the controller's identity."""
        return self._axis.identity()

    def settings(self) -> Mapping[str, Quantity]:
        """Return the angle."""
        return {"angle": (self.angle(), "rad"), "zero": (self._zero, "rad"), "trim": (self.trim, "rad")}

    def make_safe(self) -> SafeStateReport:
        """Stop and switch the motor off."""
        return try_every_step(self.role, [("stopped, motor off", self._axis.stop)])


class FlippedQuarterWave:
    """Quarter-wave plate: any rotator on a flip mount that a digital line drives."""

    role = "quarter_wave"

    def __init__(self, rotator: Rotator, flip: DigitalOutput) -> None:
        self._rotator, self._flip = rotator, flip
        self._inserted = False

    def take_over(self) -> None:
        """Take the rotator over, and flip the plate out of the beam."""
        self._rotator.take_over()
        self._flip.write([False])

    @property
    def latest(self) -> LiveReading:
        """What the rotator read last, and whether the plate is in the beam."""
        latest = self._rotator.latest
        return latest._replace(values={**latest.values, "inserted": (float(self._inserted), "")})

    @property
    def trim(self) -> float:
        """That of the rotator (rad)."""
        return self._rotator.trim

    @trim.setter
    def trim(self, angle: float) -> None:
        self._rotator.trim = angle

    def move_to(self, angle: float) -> None:
        """Turn to `angle` (rad)."""
        self._rotator.move_to(angle)

    def travel_time(self, start: float, stop: float) -> float:
        """Time (s) of a turn from `start` to `stop` (rad)."""
        return self._rotator.travel_time(start, stop)

    def angle(self) -> float:
        """Angle (rad), read back."""
        return self._rotator.angle()

    def insert(self, inserted: bool) -> None:
        """Flip the plate into the beam, or out of it."""
        if inserted != self._inserted:
            self._flip.write([inserted])
            self._inserted = inserted

    def identity(self) -> str:
        """Return the identity of the rotator."""
        return self._rotator.identity()

    def settings(self) -> Mapping[str, Quantity]:
        """Return the angle and whether the plate is in the beam."""
        return {**self._rotator.settings(), "inserted": (float(self._inserted), "")}

    def make_safe(self) -> SafeStateReport:
        """Stop the rotator."""
        return self._rotator.make_safe()
