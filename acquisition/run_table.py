"""Runs of a catalogue as lines of a table, and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import fields

from acquisition.catalogue import CatalogueEntry

_TITLES = ("id", "started", "status", "points", "procedure", "sample", "title", "path")


def table_lines(runs: Sequence[CatalogueEntry]) -> list[str]:
    """Aligned columns below their titles, times in the zone of this computer."""
    rows = [_TITLES, *map(_cells, runs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if title == "points" else "<" for title in _TITLES]
    line = "  ".join(f"{{:{side}{width}}}" for side, width in zip(sides, widths, strict=True))
    return [line.format(*row).rstrip() for row in rows]


def csv_text(runs: Sequence[CatalogueEntry]) -> str:
    """All that the catalogue knows, one run a line; lists are separated by semicolons."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(field.name for field in fields(CatalogueEntry))
    for run in runs:
        values = run.as_dict().values()
        writer.writerow(";".join(value) if isinstance(value, tuple) else value for value in values)
    return stream.getvalue()


def _cells(run: CatalogueEntry) -> tuple[str, ...]:
    started = "" if run.started is None else run.started.astimezone().isoformat(" ", "minutes")[:16]
    status = f"{run.status}*" if run.awaits_recovery else run.status
    return (run.id, started, status, str(run.points), run.procedure, run.sample, run.title, str(run.path))
