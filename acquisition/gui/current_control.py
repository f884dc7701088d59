"""Manual control of currents, their path, and fields; every set-point is held against the limits first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PyQt6.QtWidgets import QComboBox, QLabel

from acquisition.gui.control import Control
from acquisition.gui.session import Session
from instruments.roles import CurrentPath, Magnet

if TYPE_CHECKING:
    from instruments import Bench

_FREQUENCY = 20150.0  # Hz, what the recipes use


class SourceControl(Control):
    """Amplitude and frequency of a source on one path: relay, reference of the lock-in and current in one go.

    Parameters
    ----------
    session
        Whose bench is driven.
    role
        "sample_source" or "calibration_source".
    paths
        Paths that it can drive on this bench.
    """

    def __init__(self, session: Session, role: str, paths: list[CurrentPath]) -> None:
        super().__init__(session, role)
        source = self.bench.source(paths[0])
        self.path = QComboBox()
        self.path.addItems([path.replace("_", " ") for path in paths])
        self._paths = paths
        if len(paths) > 1:
            self.grid.addWidget(QLabel("Through"), 0, 0)
            self.grid.addWidget(self.path, 0, 1, 1, 3)
        self.amplitude = self.add_field("Amplitude", "mA peak", 1e-3, self.drive, "")
        self.frequency = self.add_field("Frequency", "Hz", 1.0, self.drive, "")
        self.frequency.put(_FREQUENCY)
        largest = min(source.largest_frequency, self.bench.lock_in.largest_frequency)
        self.add_range(
            f"0, or {source.least_current * 1e3:.3g} to {source.largest_current * 1e3:.4g} mA peak; "
            f"up to {largest * 1e-3:g} kHz"
        )
        self.on = self.button(
            "Drive", self.drive,
            "Close the relay to this path, refer the lock-in to this current (first harmonic), ramp to the amplitude",
        )  # fmt: skip
        self.off = self.button("Off", self.switch_off, "Ramp the amplitude to zero")
        self.add_row(self.on, self.off)

    def refresh(self) -> None:
        """Fill in the amplitude that flows."""
        self.amplitude.put(self.present("amplitude") or 0.0)

    def drive(self) -> None:
        """Hold amplitude and frequency against the limits of source, bench and sample, then set them."""
        path = self._paths[self.path.currentIndex()]
        amplitude, frequency = self.amplitude.value(), self.frequency.value()
        self.bench.check_current(path, amplitude)
        self.bench.check_frequency(path, frequency)

        def job(bench: Bench) -> None:
            source = bench.source(path)
            bench.relay.select(path)
            bench.lock_in.set_reference(source.reference, frequency, source.phase)
            source.set_frequency(frequency)
            source.set_amplitude(amplitude)
            bench.lock_in.clear_status()

        self.do(f"setting the current through the {path.replace('_', ' ')}", job)

    def switch_off(self) -> None:
        """Ramp to zero."""
        path = self._paths[0]
        self.do(f"switching the {self.role.replace('_', ' ')} off", lambda bench: bench.source(path).set_amplitude(0.0))


class RelayControl(Control):
    """Path of the current; it changes only while no source drives.

    Parameters
    ----------
    session
        Whose bench is driven.
    paths
        Paths that have a contact.
    """

    def __init__(self, session: Session, paths: list[CurrentPath]) -> None:
        super().__init__(session, "relay")
        everything: list[CurrentPath] = ["open", *paths]
        self.buttons = {
            path: self.button(path.replace("_", " ").capitalize(), partial(self.select, path)) for path in everything
        }
        self.add_row(*self.buttons.values(), columns=2)
        self.add_range("Changes while every source is at zero.")

    def select(self, path: CurrentPath) -> None:
        """Select a path."""
        self.do(f"switching the relay to {path.replace('_', ' ')}", lambda bench: bench.relay.select(path))


class MagnetControl(Control):
    """Field of one of the magnets.

    Parameters
    ----------
    session
        Whose bench is driven.
    role
        "magnet" or "perpendicular_magnet".
    """

    def __init__(self, session: Session, role: str) -> None:
        super().__init__(session, role)
        self.field = self.add_field("Field", "mT", 1e-3, self.drive)
        largest = self._magnet(self.bench).largest_field * 1e3
        self.add_range(f"−{largest:g} to {largest:g} mT")
        self.add_row(self.button("To zero", lambda: self._set(0.0), "Ramp the field to zero"))

    def _magnet(self, bench: Bench) -> Magnet:
        magnet: Magnet = getattr(bench, self.role)
        return magnet

    def refresh(self) -> None:
        """Fill in the field that the probe reads, in tenths of a millitesla."""
        self.field.put(round(self.present("field") or 0.0, 4))

    def drive(self) -> None:
        """Set the field after a look at the limit."""
        field = self.field.value()
        self._magnet(self.bench).check_field(field)
        self._set(field)

    def _set(self, field: float) -> None:
        self.do("setting the field", lambda bench: self._magnet(bench).set_field(field))
