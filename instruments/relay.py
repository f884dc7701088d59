"""Relay between the current sources and the sample or the coil."""

from __future__ import annotations

from collections.abc import Mapping

from instruments.clock import Clock
from instruments.daq import DigitalOutput
from instruments.errors import LimitError
from instruments.live import Observed
from instruments.roles import CurrentPath, CurrentSource, Quantity, SafeStateReport
from instruments.safe_state import try_every_step

_SETTLE = 0.05  # s for the contacts


class InterlockedRelay(Observed):
    """Two contacts on digital lines; at most one is ever closed, and only while both sources are at zero.

    Parameters
    ----------
    contacts
        Lines of the sample contact and the coil contact, in this order.
    sources
        The sources behind it, asked for their amplitude before anything switches.
    clock
        Time of the bench.
    """

    role = "relay"

    def __init__(self, contacts: DigitalOutput, sources: tuple[CurrentSource, ...], clock: Clock) -> None:
        self._contacts, self._sources, self._clock = contacts, sources, clock
        self._selected: CurrentPath = "open"
        contacts.write([False, False])

    def select(self, path: CurrentPath) -> None:
        """Open both contacts, then close that of `path`; refused while a source still drives."""
        if path == self._selected:
            return
        for source in self._sources:
            if source.amplitude() > 0:
                raise LimitError(
                    f"relay: every source must be at zero before the path changes; setting it to {path!r} while "
                    f"{source.role} is at {source.amplitude():g} A is refused. Set that amplitude to zero first."
                )
        self._contacts.write([False, False])
        self._selected = "open"
        self._clock.wait(_SETTLE)
        if path != "open":
            self._contacts.write([path == "sample", path == "coil"])
            self._selected = path
            self._clock.wait(_SETTLE)

    def selected(self) -> CurrentPath:
        """Path that was selected last."""
        self._keep(path=(self._selected, ""))
        return self._selected

    def identity(self) -> str:
        """Return the card that drives it."""
        return f"two contacts on {self._contacts.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the path selected."""
        return {"path": (self._selected, "")}

    def make_safe(self) -> SafeStateReport:
        """Open both contacts, whatever the sources say."""

        def open_contacts() -> None:
            self._contacts.write([False, False])
            self._selected = "open"

        return try_every_step(self.role, [("both contacts open", open_contacts)])
