"""Live values: what each role read last, for a display that must not disturb a measurement."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from analysis.errors import AsotError

Quantity = tuple[float | str, str]
"""A setting or a reading: value and unit."""


class LiveReading(NamedTuple):
    """What a role read last.

    `values` are the quantities by name, and `moment` is when they were read (s, `time.monotonic`). Where the last try
    failed, `fault` says why, and the values are older.
    """

    values: Mapping[str, Quantity]
    moment: float
    fault: str = ""


class Observed:
    """A role that keeps its last reading; the thread that reads replaces it as a whole, so that any may look."""

    latest = LiveReading({}, 0.0)

    def take_over(self) -> None:
        """Do nothing: what it was left as, it is used as."""

    def _keep(self, **values: Quantity) -> None:
        self.latest = LiveReading(values, time.monotonic())


_READ_BY = {
    "lock_in": "look",
    "sample_source": "amplitude",
    "calibration_source": "amplitude",
    "relay": "selected",
    "magnet": "measure",
    "perpendicular_magnet": "measure",
    "signal_switch": "selected",
    "shutter": "is_open",
    "attenuator": "transmission",
    "stage": "position",
    "sum_detector": "read",
    "difference_detector": "read",
}  # all others are rotators


def read_now(instruments: Iterable[Any]) -> dict[str, str]:
    """Read every role, so that its `latest` is new; return by role why one could not be read."""
    faults = {}
    for item in instruments:
        try:
            getattr(item, _READ_BY.get(item.role, "angle"))()
        except AsotError as error:
            faults[item.role] = str(error)
    return faults
