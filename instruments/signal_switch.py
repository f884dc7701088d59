"""What the lock-in's input is connected to: the detector, a series shunt, or contacts of the sample."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from analysis.errors import InputError
from instruments.clock import Clock
from instruments.daq import DigitalOutput
from instruments.errors import DeviceError, LimitError
from instruments.live import Observed
from instruments.manual import Prompt
from instruments.roles import Quantity, SafeStateReport, Signal
from instruments.safe_state import try_every_step

_SETTLE = 0.05  # s for the contacts
PLACES: Mapping[Signal, str] = {
    "detector": "the difference output of the detector",
    "sample_shunt": "the series shunt of the sample",
    "coil_shunt": "the series shunt of the coil",
    "voltage_taps": "the voltage taps of the sample",
    "hall_taps": "the Hall taps of the sample",
}
"""What a person is told to connect."""


class _SignalSwitch(Observed):
    """What both kinds have in common: the shunts.

    Parameters
    ----------
    shunts
        Resistance (ohm) of each shunt that the bench has.
    """

    role = "signal_switch"

    def __init__(self, shunts: Mapping[Signal, float]) -> None:
        self._shunts = shunts

    def resistance(self, signal: Signal) -> float:
        """Resistance (ohm) of the shunt that makes `signal`.

        Raises
        ------
        InputError
            Where the bench file gives none.
        """
        if signal not in self._shunts:
            raise InputError(
                f"signal_switch: the resistance of {signal!r} must stand in the bench file; it does not. "
                f'Add e.g. {signal} = "10 ohm" to [signal_switch], or ask for a shunt.'
            )
        return self._shunts[signal]

    def _resistances(self) -> dict[str, Quantity]:
        return {signal: (resistance, "ohm") for signal, resistance in self._shunts.items()}


class LineSignalSwitch(_SignalSwitch):
    """Contacts on digital lines, one for each signal; at most one is ever closed. It begins at the detector.

    Parameters
    ----------
    contacts
        The lines of `signals`, in their order.
    signals
        What can be selected; the detector is among it.
    shunts
        Resistance (ohm) of each shunt.
    clock
        Time of the bench.
    """

    def __init__(
        self, contacts: DigitalOutput, signals: tuple[Signal, ...], shunts: Mapping[Signal, float], clock: Clock
    ) -> None:
        super().__init__(shunts)
        self._contacts, self._signals, self._clock = contacts, signals, clock

    def take_over(self) -> None:
        """Connect the detector."""
        self._connect("detector")

    def select(self, signal: Signal) -> None:
        """Open every contact, then close that of `signal`; what is read has to settle again."""
        if signal not in self._signals:
            raise LimitError(
                f"signal_switch: signal must be one of {', '.join(self._signals)}; setting it to {signal!r} is "
                "refused. Wire it, and add its line to [signal_switch] lines in the bench file."
            )
        if signal != self.selected():
            self._connect(signal)
            self._clock.wait(_SETTLE)

    def selected(self) -> Signal:
        """Signal whose contact is closed, read back.

        Raises
        ------
        DeviceError
            Where not exactly one is.
        """
        closed = [signal for signal, state in zip(self._signals, self._contacts.read(), strict=True) if state]
        if len(closed) != 1:
            raise DeviceError(
                self.role, f"must have one contact closed; it has {len(closed)}.", "Check who else drives its lines."
            )
        self._keep(signal=(closed[0], ""))
        return closed[0]

    def _connect(self, signal: Signal) -> None:
        self._contacts.write([False] * len(self._signals))
        self._contacts.write([known == signal for known in self._signals])

    def identity(self) -> str:
        """Return the card that drives it."""
        return f"{len(self._signals)} contacts on {self._contacts.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the signal selected and the shunts."""
        return {"signal": (self.selected(), ""), **self._resistances()}

    def make_safe(self) -> SafeStateReport:
        """Connect the detector again."""
        return try_every_step(self.role, [("detector connected", lambda: self._connect("detector"))])


class ManualSignalSwitch(_SignalSwitch):
    """Cable that a person plugs; what was asked for last counts as selected.

    Parameters
    ----------
    prompt
        Asks the person.
    shunts
        Resistance (ohm) of each shunt.
    """

    def __init__(self, prompt: Prompt, shunts: Mapping[Signal, float]) -> None:
        super().__init__(shunts)
        self._prompt = prompt
        self._selected: Signal | None = None

    def select(self, signal: Signal) -> None:
        """Ask for `signal`, unless it is connected."""
        if signal not in get_args(Signal):
            raise LimitError(
                f"signal_switch: signal must be one of {', '.join(get_args(Signal))}; setting it to {signal!r} is "
                "refused. Choose one of them."
            )
        if signal != self._selected:
            self._prompt(f"Connect the lock-in's input to {PLACES[signal]}.")
            self._selected = signal

    def selected(self) -> Signal:
        """Signal that was asked for last; `DeviceError` where none was yet: nobody knows."""
        if self._selected is None:
            raise DeviceError(self.role, "was not set yet.", "Select a signal before it is read.")
        self._keep(signal=(self._selected, ""))
        return self._selected

    def identity(self) -> str:
        """Return that a person plugs it."""
        return f"operator, {self.role}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the signal where it is known, and the shunts."""
        known: dict[str, Quantity] = {} if self._selected is None else {"signal": (self._selected, "")}
        return {**known, **self._resistances()}

    def make_safe(self) -> SafeStateReport:
        """Leave the cable where it is: a person is not asked while things are made safe."""
        return SafeStateReport(self.role, ["left as it is"])
