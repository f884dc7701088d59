"""Cuts currents and field of an open bench at once, from another thread than the one that drives it, which may hang."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from instruments.bench import Bench
from instruments.roles import CurrentSource, Instrument, Magnet, SafeStateReport

_SOURCES, _MAGNETS = ("sample_source", "calibration_source"), ("magnet", "perpendicular_magnet")

PATIENCE = 10.0
"""Time (s) that an instrument has to be made safe before it is reported as not answering."""


class CutOff:
    """Cuts currents and field, and lets nobody raise them until `lift`.

    Each source, the relay and the magnets are made safe in threads of their own, so that one that hangs keeps no other
    from it. Whoever drives the bench meanwhile gets a LimitError at the next step of a ramp upwards: the limits of
    sources and magnets are zero while the bench is cut off. Between a look at a limit and what is sent after it a step
    may still come through; its run is on its way out then and ends with the safe state of every run.

    Parameters
    ----------
    bench
        The open bench.

    Attributes
    ----------
    active
        Whether the bench is cut off.
    """

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        opened = {instrument.role: instrument for instrument in bench.instruments}
        self._sources: list[CurrentSource] = [opened[role] for role in _SOURCES if role in opened]  # type: ignore[misc]
        self._magnets: list[Magnet] = [opened[role] for role in _MAGNETS if role in opened]  # type: ignore[misc]
        self._currents = [source.largest_current for source in self._sources]
        self._fields = [magnet.largest_field for magnet in self._magnets]
        self.active = False

    def hold(self) -> None:
        """Let no current and no field rise from now on; nothing is sent."""
        self.active = True
        for source in self._sources:
            source.largest_current = 0.0
        for magnet in self._magnets:
            magnet.largest_field = 0.0

    def trip(self, told: Callable[[SafeStateReport], None], patience: float = PATIENCE) -> list[SafeStateReport]:
        """Make currents and field safe.

        Parameters
        ----------
        told
            Called with each report as it comes, in any thread.
        patience
            Time (s) after which an instrument counts as not answering.

        Returns
        -------
        list of SafeStateReport
            Of sources, relay and magnets; an instrument that did not answer has a failed step that says so.
        """
        self.hold()
        sources, magnets = self._sources, self._magnets
        contacts = [instrument for instrument in self._bench.instruments if instrument.role == "relay"]
        reports: dict[str, SafeStateReport] = {}

        def make_safe(group: Sequence[Instrument]) -> None:
            for instrument in group:
                report = instrument.make_safe()
                reports[instrument.role] = report
                told(report)

        def make_magnets_safe() -> None:
            with self._bench.clock.borrowed():  # a simulated field falls only as time passes
                make_safe(magnets)

        threads = [threading.Thread(target=make_safe, args=([one],), daemon=True) for one in (*sources, *contacts)]
        threads.append(threading.Thread(target=make_magnets_safe, daemon=True))
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + patience
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        for instrument in (*sources, *contacts, *magnets):
            if instrument.role not in reports:
                failed = [f"no answer within {patience:g} s: switch it off by hand"]
                silent = SafeStateReport(instrument.role, failed=failed)
                reports[instrument.role] = silent
                told(silent)
        return [reports[instrument.role] for instrument in (*sources, *contacts, *magnets)]

    def lift(self) -> None:
        """Give the limits back; what is off stays off."""
        for source, current in zip(self._sources, self._currents, strict=True):
            source.largest_current = current
        for magnet, field in zip(self._magnets, self._fields, strict=True):
            magnet.largest_field = field
        self.active = False
