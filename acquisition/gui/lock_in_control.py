"""Manual control of the lock-in: filter, range, harmonic, and what its input is connected to."""

from __future__ import annotations

from functools import partial
from typing import get_args

from PyQt6.QtWidgets import QComboBox, QLabel

from acquisition.gui.control import Control
from acquisition.gui.session import Session
from analysis.errors import InputError, describe
from instruments.live import Quantity
from instruments.roles import Signal

_SLOPES = ("6", "12", "18", "24")


class LockInControl(Control):
    """Filter, range and harmonic of the lock-in.

    Parameters
    ----------
    session
        Whose bench is driven.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, "lock_in")
        self.time_constant = self.add_field("Time constant", "s", 1.0, self.set_filter, "")
        self.slope = QComboBox()
        self.slope.addItems(_SLOPES)
        self.slope.setCurrentText("24")
        row = self.grid.rowCount()
        self.grid.addWidget(QLabel("Slope"), row, 0)
        self.grid.addWidget(self.slope, row, 1)
        self.grid.addWidget(QLabel("dB/oct"), row, 2)
        self.grid.addWidget(self.button("Set", self.set_filter), row, 3)
        self.sensitivity = self.add_field("Sensitivity", "mV", 1e-3, self.set_range)
        self.harmonic = self.add_field("Harmonic", "", 1.0, self.set_harmonic)
        largest = self.bench.lock_in.largest_frequency * 1e-3
        self.add_range(f"Up to 1000 mV rms: the range that holds it is chosen; harmonics up to {largest:g} kHz")

    def refresh(self) -> None:
        """Ask for the settings; they come when the bench thread has read them."""
        if self.isEnabled():
            self.do("reading the lock in", lambda bench: bench.lock_in.settings(), self._fill)

    def _fill(self, settings: dict[str, Quantity]) -> None:
        number = {key: value for key, (value, _) in settings.items() if not isinstance(value, str)}
        known_as = {
            self.time_constant: ("time_constant",), self.sensitivity: ("sensitivity", "range"),
            self.harmonic: ("harmonic",),
        }  # fmt: skip
        for field, names in known_as.items():
            for name in names:
                if name in number:
                    field.put(number[name])
        if "filter_slope" in number:
            self.slope.setCurrentText(f"{number['filter_slope']:g}")

    def set_filter(self) -> None:
        """Set time constant and slope, which must be the instrument's own."""
        time_constant, slope = self.time_constant.value(), int(self.slope.currentText())
        self.bench.lock_in.check_filter(time_constant=time_constant, slope=slope)
        self.do("setting the filter", lambda bench: bench.lock_in.configure(time_constant=time_constant, slope=slope))

    def set_range(self) -> None:
        """Choose the range, and show which one the instrument took."""
        sensitivity = self.sensitivity.value()
        self.do("setting the range", lambda bench: bench.lock_in.set_sensitivity(sensitivity), self.sensitivity.put)

    def set_harmonic(self) -> None:
        """Detect at another harmonic of the reference."""
        harmonic = self.harmonic.value()
        if not harmonic.is_integer():
            raise InputError(describe(self.harmonic.name, "be a whole number", harmonic, "Write e.g. 2."))
        self.do("setting the harmonic", lambda bench: bench.lock_in.set_harmonic(int(harmonic)))


class SignalSwitchControl(Control):
    """What the lock-in's input is connected to.

    Parameters
    ----------
    session
        Whose bench is driven.
    """

    def __init__(self, session: Session) -> None:
        super().__init__(session, "signal_switch")
        lines = getattr(self.bench.file.signal_switch, "lines", None)  # a person can plug every one
        signals = [signal for signal in get_args(Signal) if lines is None or getattr(lines, signal) is not None]
        self.buttons = {
            signal: self.button(signal.replace("_", " ").capitalize(), partial(self.select, signal))
            for signal in signals
        }
        self.add_row(*self.buttons.values(), columns=2)

    def select(self, signal: Signal) -> None:
        """Connect the input to `signal`."""
        doing = f"connecting the lock-in to the {signal.replace('_', ' ')}"
        self.do(doing, lambda bench: bench.need("signal_switch").select(signal))
