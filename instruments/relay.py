"""Relay between the current sources and the sample or the coils."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from analysis.errors import InputError
from instruments.clock import Clock
from instruments.daq import DigitalOutput
from instruments.errors import LimitError
from instruments.live import Observed
from instruments.roles import CurrentPath, CurrentSource, Quantity, SafeStateReport
from instruments.safe_state import try_every_step

_SETTLE = 0.05  # s for the contacts


class InterlockedRelay(Observed):
    """Contacts on digital lines; at most one is ever closed, and only while every source is at zero.

    Parameters
    ----------
    contacts
        Lines of the contacts of `paths`, in their order.
    paths
        The paths that have a contact.
    sources
        The sources behind it, asked for their amplitude before anything switches.
    clock
        Time of the bench.
    """

    role = "relay"

    def __init__(
        self,
        contacts: DigitalOutput,
        paths: tuple[CurrentPath, ...],
        sources: Sequence[CurrentSource],
        clock: Clock,
    ) -> None:
        self._contacts, self._paths, self._sources, self._clock = contacts, paths, sources, clock
        self._selected: CurrentPath = "open"

    def take_over(self) -> None:
        """Open every contact."""
        self._open_all()

    def select(self, path: CurrentPath) -> None:
        """Open every contact, then close that of `path`; refused while a source still drives."""
        if path == self._selected:
            return
        if path not in (*self._paths, "open"):
            raise InputError(
                f"relay: path must be one of {', '.join(self._paths)}; received {path!r}. Wire it, and add its line to "
                "[relay] in the bench file."
            )
        for source in self._sources:
            if source.amplitude() > 0:
                raise LimitError(
                    f"relay: every source must be at zero before the path changes; setting it to {path!r} while "
                    f"{source.role} is at {source.amplitude():g} A is refused. Set that amplitude to zero first."
                )
        self._open_all()
        self._clock.wait(_SETTLE)
        if path != "open":
            self._contacts.write([path == known for known in self._paths])
            self._selected = path
            self._clock.wait(_SETTLE)

    def selected(self) -> CurrentPath:
        """Path that was selected last."""
        self._keep(path=(self._selected, ""))
        return self._selected

    def identity(self) -> str:
        """Return the card that drives it."""
        return f"{len(self._paths)} contacts on {self._contacts.identity()}"

    def settings(self) -> Mapping[str, Quantity]:
        """Return the path selected."""
        return {"path": (self._selected, "")}

    def make_safe(self) -> SafeStateReport:
        """Open every contact, whatever the sources say."""
        return try_every_step(self.role, [("every contact open", self._open_all)])

    def _open_all(self) -> None:
        self._contacts.write([False] * len(self._paths))
        self._selected = "open"
