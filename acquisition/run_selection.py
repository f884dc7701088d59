"""Which runs of a catalogue are wanted, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from fnmatch import fnmatchcase
from typing import Any

from acquisition.catalogue import CatalogueEntry
from analysis.errors import InputError, describe

_NEVER = datetime.min.replace(tzinfo=UTC)

ORDERS: dict[str, Callable[[CatalogueEntry], Any]] = {
    "date": lambda run: run.started or _NEVER,
    "sample": lambda run: run.sample.casefold(),
    "procedure": lambda run: run.procedure,
    "status": lambda run: run.status,
    "points": lambda run: run.points,
}
"""What runs can be sorted by; equal ones stand in order of date."""


@dataclass(frozen=True)
class Selection:
    """What is asked of a catalogue.

    Attributes
    ----------
    sample, procedure, status
        Names, or patterns with * and ?, upper and lower case alike; "" for all.
    since, until
        First and last moment of the start.
    tags
        Each of them must be among the tags of the run.
    text
        What must stand in the comment, upper and lower case alike.
    sort
        One of `ORDERS`.
    reverse
        Largest, latest or last first.
    limit
        Number of runs at the end of the order that are kept; None for all.
    """

    sample: str = ""
    procedure: str = ""
    status: str = ""
    since: datetime | None = None
    until: datetime | None = None
    tags: tuple[str, ...] = ()
    text: str = ""
    sort: str = "date"
    reverse: bool = False
    limit: int | None = None

    def of(self, runs: Iterable[CatalogueEntry]) -> list[CatalogueEntry]:
        """Return those of `runs` that are wanted, in order."""
        chosen = sorted((run for run in runs if self._wants(run)), key=ORDERS["date"])
        chosen.sort(key=ORDERS[self.sort])
        if self.limit is not None:
            chosen = chosen[max(len(chosen) - self.limit, 0) :]
        return chosen[::-1] if self.reverse else chosen

    def _wants(self, run: CatalogueEntry) -> bool:
        started = run.started or _NEVER
        return (
            _matches(run.sample, self.sample)
            and _matches(run.procedure, self.procedure)
            and _matches(run.status, self.status)
            and (self.since is None or started >= self.since)
            and (self.until is None or started <= self.until)
            and set(self.tags) <= set(run.tags)
            and self.text.casefold() in run.comment.casefold()
        )


def moment(option: str, text: str) -> datetime | None:
    """Read "2026-11-28", "2026-11-28T14:30" and the like, in the zone of this computer unless it says one.

    `option` is "--since" or "--until"; of a date alone the latter takes the end of the day. "" gives None.

    Raises
    ------
    InputError
        Where it is neither.
    """
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        if option == "--until" and len(text) <= len("2026-11-28"):
            found = datetime.combine(found, time.max)
        return found.astimezone()
    except (ValueError, OverflowError, OSError):
        remedy = "Write it like 2026-11-28 or 2026-11-28T14:30."
        raise InputError(describe(option, "be a date", text, remedy)) from None


def _matches(name: str, pattern: str) -> bool:
    return not pattern or fnmatchcase(name.casefold(), pattern.casefold())
