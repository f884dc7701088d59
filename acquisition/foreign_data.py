"""Files of other programs become run files, so that one reader and one analysis serve all data."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from acquisition.foreign_table import ForeignTable, TextFormat, parsed, read_csv
from acquisition.import_description import ImportDescription, read_description
from acquisition.journal import Journal
from acquisition.labview_text import is_labview, read_lvm
from acquisition.loop_order import loop_order
from acquisition.provenance import provenance
from acquisition.run_columns import RUN_COLUMNS
from acquisition.storage import finish_run
from analysis import configuration
from analysis.errors import InputError
from analysis.loops import CHANNELS
from analysis.measured_series import MEASURED_SERIES_PROCEDURE
from analysis.run_check import is_unit
from analysis.run_file import RESERVED_COLUMNS, Column, check_name
from analysis.stack import FloatArray
from procedures.hall_loop import HallLoop
from procedures.kerr_measurement import KERR_COLUMNS, SET_POINTS

FIELD_SWEEP = "field-sweep"

SERIES_COLUMNS = (
    Column("thickness", "m", "thickness of the film", "set_point"),
    Column("kerr_rotation", "rad", "Kerr rotation (peak)", "measured"),
    Column("kerr_ellipticity", "rad", "Kerr ellipticity (peak)", "measured"),
)
"""Columns of a thickness series; a field sweep may have the latter two in place of `kerr_signal` and `channel`."""

_KNOWN = {
    column.name: column for column in (*HallLoop.columns, *SERIES_COLUMNS, *KERR_COLUMNS, *SET_POINTS.values())
}  # fmt: skip
_TESLA = {"Oe": 1e-4, "kOe": 0.1, "G": 1e-4, "kG": 0.1}  # fields are inductions, in vacuum


@dataclass(frozen=True)
class ImportedRun:
    """A run as it will be stored: see `acquisition.journal.Journal.create`."""

    path: Path
    metadata: dict[str, Any]
    notes: dict[str, str]
    columns: list[Column]
    rows: dict[str, FloatArray]

    def store(self) -> Path:
        """Make the run file, and return its path."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with Journal.create(self.path, self.metadata, self.notes, self.columns) as journal:
            journal.extend(self.rows)
            journal.finish("finished")
        return finish_run(self.path)


def import_files(
    sources: Sequence[Path],
    folder: Path,
    *,
    description: Path | None = None,
    changes: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Make run files of CSV files, of pymeasure's CSV files, and of LabVIEW's text measurement files.

    Parameters
    ----------
    sources
        Files, in the order in which they were measured. All are read before the first run file is made.
    folder
        Where the run files go; made if need be.
    description
        TOML file that describes all of them; by default the one with the name of each, and the suffix .toml, if any.
    changes
        Keys of descriptions that are set beside the files.

    Returns
    -------
    list of Path
        The run files. Importing the same file again gives the same id, and is refused while the first is there.

    Raises
    ------
    InputError
        Naming file, line and column of what cannot be right.
    """
    runs = [describe_import(source, folder, description, changes or {}) for source in sources]
    batch = hashlib.sha256("".join(run.metadata["run_id"] for run in runs).encode()).hexdigest()[:8]
    for number, run in enumerate(runs):
        run.metadata.update(batch=batch, number=number)
    return [run.store() for run in runs]


def describe_import(source: Path, folder: Path, description: Path | None, changes: Mapping[str, Any]) -> ImportedRun:
    """Read a file and its description into what a run file will hold; writes nothing. For the rest: `import_files`."""
    if not source.is_file():
        raise InputError(f"{source} must be a file; there is none. Check its spelling.")
    beside = source.with_suffix(".toml")
    if description is None and beside.is_file():
        description = beside
    about, text = read_description(description, changes)
    table = _read(source, about)
    if not about.sample:
        raise InputError(
            f'{source} must have a sample; none is named. Write sample = "..." into {beside.name}, or give --sample.'
        )
    sample = configuration.find("samples", about.sample)
    procedure = about.procedure or table.procedure or "imported"
    parameters: dict[str, Any] = dict(table.parameters)
    units: dict[str, str] = {}
    with np.errstate(all="ignore"):  # a number beyond all measure is found where it matters
        columns, rows = _columns(table, about)
        if procedure == FIELD_SWEEP:
            columns, rows, parameters = _field_sweep(table, about, columns, rows)
    for name, value, unit in (
        ("current", about.current, "A"),
        ("current_density", about.current_density, "A/m^2"),
    ):
        if value is not None:
            parameters[name], units[name] = value, unit
    names = [column.name for column in columns]
    identifier = table.sha256[:8]
    started = _moment(source, about.started)
    path = folder / f"run-{started:%Y%m%dT%H%M%SZ}-{identifier}.journal"
    for earlier in folder.glob(f"run-*-{identifier}.h5"):
        raise InputError(f"{source} must not be imported yet; {earlier} exists. Use that, or remove it before.")
    metadata = {
        "run_id": identifier,
        "title": about.title or source.stem,
        "procedure": procedure,
        "parameters": parameters | ({"polarity": about.polarity} if procedure == MEASURED_SERIES_PROCEDURE else {}),
        "parameter_units": units,
        "plot": {
            "signal": about.signal or ("kerr_signal" if "kerr_signal" in names else names[-1]),
            "axis": about.axis or ("field" if "field" in names else names[0]),
            "title": about.title or source.stem,
        },
        "start_time": started.isoformat(),
        "sample_name": sample.stem,
        "tags": list(about.tags),
        "comment": about.comment,
        "light_side": about.light_side,
        "imported_from": {"file": source.name, "sha256": table.sha256, "format": table.kind},
        "instruments": _instruments(about, str(description)),
        "provenance": provenance(),
    }
    if about.wavelength is not None:
        metadata["beam"] = {"incident_wavelength": [about.wavelength, "m"]}
    notes = {
        "bench": "",
        "recipe": "",
        "sample": configuration.read_text(sample),
        "foreign_header": table.header,
        "description": text,
    }
    return ImportedRun(path, metadata, notes, columns, rows)


def _moment(source: Path, started: datetime | None) -> datetime:
    """Start in UTC: as described, in the zone of this computer unless it says one, or the time stamp of the file."""
    if started is None:
        return datetime.fromtimestamp(source.stat().st_mtime, UTC)
    try:
        return started.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise InputError(f"{source}: started must be a date of this age; received {started}. Mend it.") from None


def _read(source: Path, about: ImportDescription) -> ForeignTable:
    if is_labview(source):
        return read_lvm(source)
    return read_csv(source, TextFormat(about.delimiter, about.decimal, about.skip))


def _columns(table: ForeignTable, about: ImportDescription) -> tuple[list[Column], dict[str, FloatArray]]:
    """All columns of a table: those that the description names in SI units, the others as they stand."""
    columns: list[Column] = []
    rows: dict[str, FloatArray] = {}
    used = set()
    for name, entry in about.columns.items():
        check_name(f"{table.path}: column", name)
        place = table.place(entry.title)
        column, factor = _column(table.path, name, table.titles[place], entry.unit or table.units[place])
        columns.append(column)
        rows[name] = table.values[:, place] * (entry.factor * factor)
        used.add(place)
    for place, (title, unit) in enumerate(zip(table.titles, table.units, strict=True)):
        name = _identifier(place, title)
        if place in used:
            continue
        if name in rows:
            raise InputError(
                f"{table.path} must have columns with different names; {name!r} comes twice. Rename one, or name them "
                "in [columns] of the description."
            )
        column, factor = _column(table.path, name, title, unit)
        columns.append(column)
        rows[name] = table.values[:, place] * factor
    if np.any(table.segment) and "segment" not in rows:
        columns.append(Column("segment", "", "part of the file, from 0", "set_point"))
        rows["segment"] = table.segment
    return columns, rows


def _column(path: Path, name: str, title: str, unit: str) -> tuple[Column, float]:
    """Column of the run file, and what its numbers are multiplied by: a quantity that the program knows is in SI."""
    known = _KNOWN.get(name)
    if known is not None:
        return known, _factor(path, name, unit, known.unit)
    role = "time" if name == "time" else "measured"
    for spelling in (unit, unit.lower()):
        if is_unit(spelling):
            return Column(name, spelling, title or name, role), 1.0
    return Column(name, "", f"{title} ({unit})", role), 1.0


def _factor(path: Path, name: str, unit: str, si: str) -> float:
    """What a column in `unit` is multiplied by; LabVIEW writes Volts where V is meant."""
    if not unit or unit == si:
        return 1.0
    if si == "T" and unit in _TESLA:
        return _TESLA[unit]
    try:
        return configuration.quantity(f"1 {unit if is_unit(unit) else unit.lower()}", si)
    except ValueError as fault:
        raise InputError(
            f"{path}, unit of column {name!r} {fault} Received {unit!r}. Give unit in [columns] of the description."
        ) from None


def _identifier(place: int, title: str) -> str:
    """Name for a column that no description names."""
    name = re.sub(r"\W+", "_", title, flags=re.ASCII).strip("_").lower()
    good = name and name[0].isalpha() and name not in RESERVED_COLUMNS
    return name if good else f"column_{place + 1}"


def _field_sweep(
    table: ForeignTable, about: ImportDescription, columns: list[Column], rows: dict[str, FloatArray]
) -> tuple[list[Column], dict[str, FloatArray], dict[str, Any]]:
    """Add what a field sweep of this program has and the file lacks."""
    both = "kerr_rotation" in rows and "kerr_ellipticity" in rows
    if both:
        columns, rows = _stacked(columns, rows)
    wanted = {
        "columns.field": "field" in rows,
        "columns.kerr_signal": "kerr_signal" in rows,
        "path": bool(about.path),
        "channel": bool(about.channel) or "channel" in rows,
        "current": about.current is not None or "current" in rows,
        "polarization": bool(about.polarization) or "polarization" in rows,
    }
    if not all(wanted.values()):
        missing = ", ".join(key for key, there in wanted.items() if not there)
        raise InputError(
            f"{table.path} as a field sweep must have {', '.join(wanted)}; missing: {missing}. Say it in the TOML "
            "description beside the file, or with --set."
        )
    count = len(rows["field"])
    added: dict[str, FloatArray] = {}
    if "current" not in rows:
        added["current"] = np.full(count, about.current)
    if "polarization" not in rows:
        added["polarization"] = _by_segment(table, about.polarization, 2 if both else 1)
    if "field_set" not in rows:
        step = about.field_step
        added["field_set"] = rows["field"] if step is None else step * np.round(rows["field"] / step)
    everything = {**rows, **added}
    asked = everything["field_set"]
    if not np.all(np.isfinite(asked)):
        raise InputError(
            f"{table.path}: every row must have a field; {np.sum(~np.isfinite(asked))} have none. Mend them."
        )
    channel = everything.get("channel", np.zeros(count))
    if not np.all(np.isin(channel, range(len(CHANNELS)))):
        raise InputError(f"{table.path}: column channel must hold 0, rotation, or 1, ellipticity. Mend it.")
    _, group = np.unique(np.stack([channel, everything["polarization"]]), axis=1, return_inverse=True)
    order = loop_order(asked, np.ravel(group).astype(np.float64), str(table.path))
    added |= {"sequence": order.sequence, "repeat": order.repeat}
    known = _KNOWN | {column.name: column for column in RUN_COLUMNS}
    parameters = {
        **table.parameters,
        "path": about.path,
        "channel": "both" if "channel" in rows else about.channel,
        "branches": order.branches,
        "repeats": order.repeats,
    }
    kept = [column for column in columns if column.name not in added]
    return [*kept, *(known[name] for name in added)], {**rows, **added}, parameters


def _stacked(columns: list[Column], rows: dict[str, FloatArray]) -> tuple[list[Column], dict[str, FloatArray]]:
    """Give rotation and ellipticity of a row a row each."""
    pair = ("kerr_rotation", "kerr_ellipticity")
    result = {name: np.tile(values, 2) for name, values in rows.items() if name not in pair}
    result["kerr_signal"] = np.concatenate([rows[name] for name in pair])
    result["channel"] = np.repeat([0.0, 1.0], len(rows[pair[0]]))
    kept = [column for column in columns if column.name not in pair]
    return [*kept, _KNOWN["kerr_signal"], _KNOWN["channel"]], result


def _by_segment(table: ForeignTable, angles: tuple[float, ...], copies: int) -> FloatArray:
    segments = int(np.max(table.segment)) + 1
    if len(angles) not in (1, segments):
        raise InputError(
            f"{table.path}: polarization must be one angle, or one for each of the {segments} segments of the file; "
            f"received {len(angles)}. Mend the description, or map a column to polarization."
        )
    values = np.array(angles)[table.segment.astype(int)] if len(angles) > 1 else np.full(len(table.segment), angles[0])
    return np.tile(values, copies)


def _instruments(about: ImportDescription, source: str) -> dict[str, Any]:
    """Settings of the lock-in, as the description gives them."""
    if not about.lock_in:
        return {}
    settings: dict[str, list[Any]] = {}
    for name, value in about.lock_in.items():
        check_name(f"{source}, key lock_in", name)
        settings[name] = _setting(value)
    return {"lock_in": {"settings_start": settings}}


def _setting(value: str | float) -> list[Any]:
    """Value and unit of "300 ms"; text that is no quantity stands without a unit."""
    number, _, unit = value.partition(" ") if isinstance(value, str) else (str(value), "", "")
    found = parsed(number, ".")
    good = found is not None and math.isfinite(found) and is_unit(unit)
    return [found, unit] if good else [str(value), ""]
