"""What a run will do and need, before anything is sent: limits, duration, size, largest current and field."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from acquisition.run_columns import columns_of
from analysis.errors import AsotError, InputError
from analysis.result import Estimate
from instruments import Bench
from procedures import Measurement

MANY_POINTS = 100_000
"""A recipe of more points than this is questioned: a zero too many is typed easily."""

LONG = 7 * 24 * 3600.0
"""Expected duration (s) above which a recipe is questioned."""

_OVERHEAD = 2_000_000  # bytes of notes, metadata and file structure
_PER_POINT = 40  # bytes that the journal needs for a point beside its numbers


@dataclass(frozen=True)
class FileSizes:
    """What a run will store.

    Attributes
    ----------
    points
        Number of points, at most.
    file_size, journal_size
        Bytes, at most (the file is compressed).
    """

    points: int
    file_size: int
    journal_size: int


@dataclass(frozen=True)
class Preflight(FileSizes):
    """What a run will do, and store.

    Attributes
    ----------
    duration
        Expected duration (s) on the clock of the bench, at most.
    largest_current
        Amplitude (A peak).
    largest_current_density
        In the sample (A/m^2 peak); 0 where no current runs through it.
    largest_field
        (T)
    expected
        What it is expected to find, by quantity.
    """

    duration: float
    largest_current: float
    largest_current_density: float
    largest_field: float
    expected: Mapping[str, Estimate]

    def as_dict(self) -> dict[str, Any]:
        """Return the form that the JSON output uses."""
        return {**vars(self), "expected": {name: estimate.as_dict() for name, estimate in self.expected.items()}}


def file_sizes(procedure: Measurement, bench: Bench) -> FileSizes:
    """Say what a run will store; sends nothing."""
    points = procedure.point_count()
    numbers = 8 * points * len(columns_of(procedure))
    waveforms = points * procedure.waveform_bytes(bench)
    return FileSizes(
        points,
        2 * numbers + waveforms + _OVERHEAD,  # the raw columns, and what is derived from them beside them
        numbers + waveforms + _PER_POINT * points + _OVERHEAD,
    )


def preflight(procedure: Measurement, bench: Bench) -> Preflight:
    """Say what a run will do; sends nothing. Limits are held by `Measurement.check`."""
    sizes, currents = file_sizes(procedure, bench), procedure.largest_currents()
    return Preflight(
        sizes.points,
        sizes.file_size,
        sizes.journal_size,
        procedure.duration(bench),
        max(currents.values(), default=0.0),
        bench.sample.current_density(currents.get("sample", 0.0)),
        procedure.highest_field(),
        procedure.expected(bench),
    )


def doubts(points: int, duration: float) -> str:
    """Say why somebody should be asked before so many points or so long a measurement; "" where there is no need."""
    if points > MANY_POINTS:
        return f"{points:,} points are planned, more than {MANY_POINTS:,}"
    if duration > LONG:
        return f"{duration / 86400:.0f} days are planned, more than {LONG / 86400:.0f}"
    return ""


def free_space(folder: Path) -> int:
    """Free bytes where `folder` is or will be."""
    return shutil.disk_usage(_existing(folder)).free


def require_space(folder: Path, expected: FileSizes) -> None:
    """Raise AsotError where the disk has less than twice what journal and run file need side by side."""
    need = 2 * (expected.file_size + expected.journal_size)
    free = free_space(folder)
    if free < need:
        raise AsotError(
            f"Folder {folder} must have {need / 1e6:.0f} MB free for {expected.points} points; it has "
            f"{free / 1e6:.0f} MB. Free space, or choose another folder with --out."
        )


def require_writable(folder: Path) -> None:
    """Raise InputError where no file can be made in `folder`, or where it cannot be made itself; leaves nothing."""
    with _writing(folder), tempfile.TemporaryFile(dir=_existing(folder)) as probe:
        probe.write(b"asot")


def make_folder(folder: Path) -> None:
    """Make `folder`; InputError where that cannot be done, or where no file can be made in it."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    require_writable(folder)


def _existing(folder: Path) -> Path:
    """Return `folder`, or the nearest one above it that exists."""
    folder = folder.resolve()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


@contextmanager
def _writing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"Folder {folder} must be one that can be written; {error.strerror or error}. "
            "Choose another with --out, or change its permissions."
        ) from None
