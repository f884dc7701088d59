"""Columns that the runner adds to those of every procedure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analysis.run_file import Column

if TYPE_CHECKING:
    from procedures import Measurement

RUN_COLUMNS = (
    Column("sequence", "", "place of the point within its pass, whatever order it was measured in", "set_point"),
    Column("repeat", "", "pass that the point belongs to", "set_point"),
    Column("attempts", "", "tries that the point took; 0 where it was skipped", "status"),
    Column("readings", "", "readings that were averaged", "status"),
    Column("wall_time", "s", "time since 1970-01-01T00:00:00Z", "time"),
    Column("monotonic_time", "s", "monotonic clock of the computer", "time"),
)
"""They stand after the procedure's own."""


def columns_of(procedure: Measurement) -> tuple[Column, ...]:
    """Return all columns of a run of `procedure`."""
    averaging = procedure.averaging()
    if averaging is None:
        return (*procedure.columns, *RUN_COLUMNS)
    signal = next(column for column in procedure.columns if column.name == averaging.signal)
    errors = Column(f"{signal.name}_errors", signal.unit, f"standard error of the {signal.description}", "measured")
    return (*procedure.columns, errors, *RUN_COLUMNS)
