"""Manual control of what moves: stage, plates, shutter and attenuator."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QComboBox, QLabel

from acquisition.gui.control import Control
from acquisition.gui.session import Session
from instruments.errors import DeviceError
from instruments.roles import QuarterWavePlate, Rotator

if TYPE_CHECKING:
    from instruments import Bench

_UM = 1e-6
_STEPS = ("0.1", "0.2", "0.5", "1", "2", "5", "10", "20", "50", "100")  # um
_JOGS = (("←", -1, 0, "x less"), ("→", 1, 0, "x more"), ("↓", 0, -1, "y less"), ("↑", 0, 1, "y more"))


class StageControl(Control):
    """Position of the stage: to a place, or by a step.

    Parameters
    ----------
    session
        Whose bench is driven.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, "stage")
        self.at_x = self.add_field("x", "µm", _UM, self.go, "")
        self.at_y = self.add_field("y", "µm", _UM, self.go, "Go")
        low, high = (1e6 * end for end in self.bench.file.stage.travel)
        self.add_range(f"{low:g} to {high:g} µm each".replace("-", "−"))
        self.step = QComboBox()
        self.step.addItems(_STEPS)
        self.step.setCurrentText("1")
        self.step.setToolTip("Length of a step (µm)")
        self.step.setAccessibleName("Length of a step in µm")
        self.jogs = [self.button(sign, partial(self.jog, x, y), tip) for sign, x, y, tip in _JOGS]
        for button in self.jogs:
            button.setStyleSheet("padding: 3px 4px;")
        self.add_row(QLabel("Step"), self.step, QLabel("µm"), *self.jogs)

    def refresh(self) -> None:
        """Fill in where the stage stands."""
        self.at_x.put(self.present("x") or 0.0)
        self.at_y.put(self.present("y") or 0.0)

    def go(self) -> None:
        """Move to the place typed in, after a look at the travel."""
        x, y = self.at_x.value(), self.at_y.value()
        self.bench.stage.check_move(x, y)
        self.do("moving the stage", lambda bench: bench.stage.move_to(x, y))

    def jog(self, x: int, y: int) -> None:
        """Move by a step from where the stage stands then."""
        step = float(self.step.currentText()) * _UM

        def job(bench: Bench) -> None:
            before = bench.stage.position()
            bench.stage.move_to(before[0] + x * step, before[1] + y * step)

        self.do("moving the stage", job, lambda nothing: self.refresh())


class RotatorControl(Control):
    """Angle of a plate, or of the field against the sample.

    Parameters
    ----------
    session
        Whose bench is driven.
    role
        Role of the rotator.
    """

    def __init__(self, session: Session, role: str) -> None:
        super().__init__(session, role)
        self.angle = self.add_field("Angle", "deg", math.radians(1), self.go, "Go")
        self.add_range("Any angle that the mount can reach")

    def refresh(self) -> None:
        """Fill in the angle read last."""
        if (angle := self.present("angle")) is not None:
            self.angle.put(round(angle, 6))

    def go(self) -> None:
        """Turn to the angle typed in."""
        angle = self.angle.value()

        def job(bench: Bench) -> None:
            rotator: Rotator = getattr(bench, self.role)
            rotator.move_to(angle)

        self.do(f"turning the {self.role.replace('_', ' ')}", job)


class QuarterWaveControl(RotatorControl):
    """Angle of the quarter-wave plate, and whether it is in the beam.

    Parameters
    ----------
    session
        Whose bench is driven.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, "quarter_wave")
        self.inside = self.button("Into the beam", partial(self.insert, True))
        self.outside = self.button("Out of it", partial(self.insert, False))
        self.add_row(self.inside, self.outside)

    def insert(self, inserted: bool) -> None:
        """Flip the plate."""

        def job(bench: Bench) -> None:
            plate: QuarterWavePlate = bench.quarter_wave
            plate.insert(inserted)

        self.do("moving the quarter wave", job)


class ShutterControl(Control):
    """Shutter; after it opened the light is held against what the sample bears.

    Parameters
    ----------
    session
        Whose bench is driven.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, "shutter")
        self.opening = self.button("Open", self.open)
        self.closing = self.button("Close", lambda: self.do("closing the shutter", lambda b: b.need("shutter").close()))
        self.add_row(self.opening, self.closing)

    def open(self) -> None:
        """Let the light through."""

        def job(bench: Bench) -> None:
            bench.need("shutter").open()
            hold_light_against_limit(bench)

        self.do("opening the shutter", job)


class AttenuatorControl(Control):
    """Transmission of the attenuator; afterwards the light is held against what the sample bears.

    Parameters
    ----------
    session
        Whose bench is driven.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, "attenuator")
        self.transmission = self.add_field("Through", "%", 1e-2, self.drive)
        self.add_range(f"0 to 100 %, and {self.bench.sample.limits.laser_power * 1e3:g} mW on the sample")

    def refresh(self) -> None:
        """Fill in the transmission read last."""
        if (transmission := self.present("transmission")) is not None:
            self.transmission.put(round(transmission, 4))

    def drive(self) -> None:
        """Set the transmission typed in."""
        fraction = self.transmission.value()

        def job(bench: Bench) -> None:
            bench.need("attenuator").set_transmission(fraction)
            hold_light_against_limit(bench)

        self.do("turning the attenuator", job)


def hold_light_against_limit(bench: Bench) -> None:
    """Close the shutter where the light is more than the sample bears; darkness is no fault by hand."""
    with suppress(DeviceError):
        bench.check_laser_power()
