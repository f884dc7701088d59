"""Follow a run of another program: its points as they are committed, and how it ended."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acquisition.journal import Journal
from acquisition.journal_file import JournalError, is_held
from acquisition.storage import JOURNAL_SUFFIX, RUN_SUFFIX
from analysis.errors import InputError
from analysis.run_file import load_run

_INTERVAL = 0.5  # s between two looks


def follow(journal: Path, interval: float = _INTERVAL) -> Iterator[dict[str, Any]]:
    """Yield an event for each committed point of a run, and one for its end.

    The journal is opened for each look and closed again, so that nothing keeps its writer from removing it.

    Parameters
    ----------
    journal
        Of a run that is under way; or a run file, whose points come at once.
    interval
        Time (s) between two looks.

    Yields
    ------
    dict
        {"event": "point", "index": n, ...columns...}, then {"event": "end", "path", "status", "reason"}; the status
        is "interrupted" where the program that ran it died.
    """
    target = journal.with_suffix(RUN_SUFFIX)
    seen = 0
    while journal.suffix == JOURNAL_SUFFIX:
        try:
            alive = is_held(journal)  # before the look: what was committed until the end is then seen
            with Journal.open(journal) as source:
                rows = source.rows(seen)
        except (JournalError, InputError):
            if target.is_file():
                break  # it ended, and the journal became a run file meanwhile
            raise
        for event in _points(rows, seen):
            yield event
            seen += 1
        if not alive and not _stored_soon(journal, target, interval):
            yield {
                "event": "end",
                "path": str(journal),
                "status": "interrupted",
                "reason": f"The program that ran it ended. `asot recover {journal.parent}` makes the run file.",
            }
            return
        time.sleep(interval)
    run = load_run(target)
    rows = {str(name): run[name].to_numpy()[seen:] for name in run.data_vars}
    yield from _points(rows, seen)
    yield {
        "event": "end",
        "path": str(target),
        "status": run.attrs["status"],
        "reason": run.attrs["exit_reason"],
    }


def _points(rows: dict[str, Any], first: int) -> Iterator[dict[str, Any]]:
    names = list(rows)
    for index, values in enumerate(zip(*(rows[name].tolist() for name in names), strict=True), first):
        yield {"event": "point", "index": index, **dict(zip(names, values, strict=True))}


def _stored_soon(journal: Path, target: Path, interval: float) -> bool:
    """Whether a journal that nobody holds becomes a run file: its program may be just at that."""
    for _ in range(20):
        try:
            if target.is_file() or is_held(journal):
                return True
        except JournalError:  # it was removed between the two looks
            return True
        time.sleep(interval)
    return False
