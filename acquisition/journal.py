"""Journal of a run: a SQLite file in which every point is durable before it is acknowledged."""

from __future__ import annotations

import json
import sqlite3
import struct
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from numbers import Real
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from acquisition.journal_file import APPLICATION_ID, JournalError, check_format, journal_error, sqlite_errors
from analysis.errors import InputError, describe
from analysis.run_file import SCHEMA_VERSION, Column, check_columns, check_notes, metadata_json
from analysis.waveform import Waveform

FINAL_STATUSES = ("finished", "aborted", "failed", "interrupted")
"""How a run can end; before that its status is "running"."""

_RECORDING = "recording"
_SPACING = 0.01  # s between points from which on each has a commit of its own: 100 points/s
_BURST = 0.3  # s: so much may have been saved up for points that come closer now and then
_GROUP = 0.05  # s: above that rate the points of this time share a commit
_LOG_PAGES = 100  # a short log is soon overwritten in place, which costs half as much as one that grows
_INSERT_POINT = "INSERT INTO points VALUES (?, ?)"
_INSERT_WAVEFORM = "INSERT INTO waveforms VALUES (?, ?)"
_NUMBERS = frozenset({float, int, bool, np.float64, np.float32, np.int64, np.int32, np.bool_})

_LAYOUT = f"""
BEGIN;
CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE notes (name TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE columns (position INTEGER PRIMARY KEY, name TEXT, unit TEXT, description TEXT, role TEXT);
CREATE TABLE points (point INTEGER PRIMARY KEY, data BLOB NOT NULL);
CREATE TABLE waveforms (point INTEGER PRIMARY KEY, data BLOB NOT NULL);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {SCHEMA_VERSION};
"""


class Journal:
    """Points, notes and metadata of one run. Make one with `create`, look at one with `open`.

    A point is stored as little-endian float64, one per column in the order of the table `columns`, so that
    every value, NaN and -0.0 included, comes back bit for bit. Notes and metadata may change until the run
    is stored; points never do.

    Attributes
    ----------
    path : Path
    columns : tuple of Column
    acknowledged : int
        Index of the last committed point, -1 before the first. Points up to it survive `kill -9` and, as far
        as the disk keeps its promises, a power cut.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection, columns: Sequence[Column]) -> None:
        self.path = path
        self.columns = tuple(columns)
        self.acknowledged = -1
        self._connection = connection
        self._names = tuple(column.name for column in columns)
        self._pack = struct.Struct(f"<{len(self._names)}d").pack
        self._pending: list[tuple[int, bytes]] = []
        self._pending_waveforms: list[tuple[int, bytes]] = []
        self._waveform: dict[str, Any] | None = None  # description of all of them
        self._credit, self._seen, self._group_due = _BURST, 0.0, 0.0
        self._state = "opened for reading"

    @classmethod
    def create(
        cls, path: Path, metadata: Mapping[str, Any], notes: Mapping[str, str], columns: Sequence[Column]
    ) -> Self:
        """Begin the journal of a run.

        Parameters
        ----------
        path
            New file on a local disk, `<stem>.journal`.
        metadata
            See `analysis.run_file`; `start_time` is now unless given.
        notes
            Texts kept verbatim: at least `bench`, `sample` and `recipe` (TOML); `twin` holds the secrets of a
            simulated bench.
        columns
            What `append` will be given.

        Raises
        ------
        InputError
            When something of the description is missing or wrong: found here, before the sweep.
        JournalError
            When the file exists or cannot be made.
        """
        described = {"start_time": datetime.now(UTC).isoformat(), **metadata}
        check_columns(columns)
        check_notes(notes)
        text = metadata_json(described, columns)
        try:
            path.open("xb").close()
        except OSError as error:
            raise JournalError(
                f"Journal {path} must be a new file; {error.strerror or error}. Check the folder; "
                "`asot recover FOLDER` turns journals that were left there into run files."
            ) from None
        with sqlite_errors(path):
            connection = sqlite3.connect(path, isolation_level=None)
            try:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute("PRAGMA synchronous=FULL")
                connection.execute(f"PRAGMA wal_autocheckpoint={_LOG_PAGES}")
                connection.executescript(_LAYOUT)
                facts = [("metadata", text), ("status", "running"), ("exit_reason", "")]
                connection.executemany("INSERT INTO run VALUES (?, ?)", facts)
                connection.executemany("INSERT INTO notes VALUES (?, ?)", notes.items())
                connection.executemany(
                    "INSERT INTO columns VALUES (?, ?, ?, ?, ?)",
                    [(i, c.name, c.unit, c.description, c.role) for i, c in enumerate(columns)],
                )
                connection.execute("COMMIT")
            except BaseException:
                connection.close()
                raise
        journal = cls(path, connection, columns)
        journal._state = _RECORDING
        return journal

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """Look at a journal, finished or still growing, without being able to change it.

        On Windows an open journal cannot be removed: programs that follow a run open, read and close.

        Raises
        ------
        JournalError
            When the file is missing, damaged, no journal, or of a newer schema than this program knows.
        """
        path = Path(path)
        if not path.is_file():
            raise JournalError(f"Journal {path} must exist; there is none. Check the name and folder.")
        with sqlite_errors(path):
            connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, isolation_level=None)
            try:
                check_format(path, connection)
                query = "SELECT name, unit, description, role FROM columns ORDER BY position"
                journal = cls(path, connection, [Column(*row) for row in connection.execute(query)])
                (last,) = connection.execute("SELECT MAX(point) FROM points").fetchone()
            except BaseException:
                connection.close()
                raise
        journal.acknowledged = -1 if last is None else last
        return journal

    def append(self, values: Mapping[str, float], waveform: Waveform | None = None) -> int:
        """Store one point.

        Below 100 points/s (wall time, commits left out) the point is committed when this returns; above, points share
        a commit each 50 ms: `acknowledged` tells which are safe, and `flush` makes all of them so.

        Parameters
        ----------
        values
            One real number per column, by name.
        waveform
            Samples behind the point, where they are kept; described alike at every point.

        Returns
        -------
        int
            Index of the point, from 0.

        Raises
        ------
        InputError
            When a column is missing, unknown or not a real number, or when the waveform is described otherwise.
        JournalError
            When the point cannot be written. Points after `acknowledged` are then not stored and no further
            one is taken, so that there are no gaps; notes and `finish` still work where the disk lets them.
        """
        if self._state != _RECORDING:
            raise JournalError(f"Journal {self.path} must be recording to take a point; it is {self._state}.")
        try:
            numbers = [values[name] for name in self._names]
            data = self._pack(*numbers)
        except (LookupError, TypeError, ValueError, struct.error):
            raise self._refusal(values) from None
        if len(values) != len(numbers) or not (_NUMBERS.issuperset(map(type, numbers)) or all(map(_is_real, numbers))):
            raise self._refusal(values)
        index = self.acknowledged + 1 + len(self._pending)
        if waveform is not None:
            self._describe_waveforms(waveform.description)
            self._pending_waveforms.append((index, waveform.volts.astype("<f8").tobytes()))
        self._pending.append((index, data))
        self._commit_in_time()
        return index

    def _describe_waveforms(self, description: dict[str, Any]) -> None:
        if self._waveform is None:
            self.update_metadata({"waveforms": description})
            self._waveform = description
        elif self._waveform != description:
            must = f"stay as at its first point, {self._waveform}"
            remedy = "Set the lock-in in `prepare` of the procedure, not at its points, or keep no waveforms."
            raise InputError(describe(f"Sampling of {self.path.name}", must, description, remedy))

    def _commit_in_time(self) -> None:
        """Commit now, or leave it to a later point of the same group.

        Each point spends `_SPACING` of the time that passes beside commits. Where none is left, points are coming fast,
        however slow the disk makes them, and what comes within `_GROUP` goes together: a tenth of the time at most.
        """
        now = time.monotonic()
        self._credit = min(self._credit + now - self._seen, _BURST)
        self._seen = now
        if self._credit >= 0 or now >= self._group_due:
            self.flush()
            self._seen = time.monotonic()
            self._group_due = self._seen + max(_GROUP, 9 * (self._seen - now))
        self._credit = max(self._credit, 0.0) - _SPACING

    def extend(self, rows: Mapping[str, NDArray[np.float64]], waveforms: Iterable[tuple[int, Waveform]] = ()) -> None:
        """Store the points of an earlier run, `rows` by column, before any other; durable on return."""
        for index, waveform in waveforms:  # a transaction each: together they may be larger than memory
            self._describe_waveforms(waveform.description)
            self._write((_INSERT_WAVEFORM, [(index, waveform.volts.astype("<f8").tobytes())]))
        table = np.stack([np.asarray(rows[name], dtype="<f8") for name in self._names], axis=-1)
        self._pending = [(index, row.tobytes()) for index, row in enumerate(table)]
        self.flush()

    def flush(self) -> None:
        """Commit every point appended so far: call it before a pause."""
        if self._pending:
            self._write((_INSERT_POINT, self._pending), (_INSERT_WAVEFORM, self._pending_waveforms))

    def note(self, name: str, text: str) -> None:
        """Add or replace the note `name`; durable on return."""
        check_notes({**self.notes, name: text})
        self._replace("notes", [(name, text)])

    def update_metadata(self, changes: Mapping[str, Any]) -> None:
        """Replace top-level keys of the metadata, such as `instruments` after a run; durable on return."""
        text = metadata_json({**self.metadata, **changes}, self.columns)
        self._replace("run", [("metadata", text)])

    def finish(self, status: str, reason: str = "") -> None:
        """Say how the run ended, `status` being one of `FINAL_STATUSES` and `reason` "" after success.

        Afterwards no point is taken. Durable on return.
        """
        if status not in FINAL_STATUSES:
            remedy = f"Use one of {', '.join(FINAL_STATUSES)}."
            raise InputError(describe("Status of a run", "be final", status, remedy))
        now = datetime.now(UTC).isoformat()
        self._replace("run", [("status", status), ("exit_reason", reason), ("end_time", now)])
        self._state = status

    def close(self) -> None:
        """Commit what is pending and let go of the file; a second call does nothing."""
        try:
            if self._state == _RECORDING:
                self.flush()
        finally:
            self._state = "closed"
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def metadata(self) -> dict[str, Any]:
        """Metadata of the run as it stands now."""
        try:
            metadata = json.loads(self._run_value("metadata") or "")
        except json.JSONDecodeError as error:
            raise JournalError(
                f"Journal {self.path} must hold its metadata as JSON; it is damaged ({error}). "
                "The points are still readable: Journal.open(path).rows()."
            ) from None
        return dict(metadata)

    @property
    def notes(self) -> dict[str, str]:
        """Notes by name."""
        with sqlite_errors(self.path):
            return dict(self._connection.execute("SELECT name, text FROM notes ORDER BY name").fetchall())

    @property
    def status(self) -> str:
        """Either "running" or one of `FINAL_STATUSES`."""
        return self._run_value("status") or "running"

    @property
    def exit_reason(self) -> str:
        """Why the run ended; "" while it runs and after success."""
        return self._run_value("exit_reason") or ""

    @property
    def end_time(self) -> str | None:
        """When `finish` was called, ISO 8601 in UTC."""
        return self._run_value("end_time")

    def rows(self, start: int = 0) -> dict[str, NDArray[np.float64]]:
        """Committed points from index `start` on: per column, in the order of `columns`, float64 of shape (points,)."""
        size = 8 * len(self.columns)
        buffer = bytearray()
        query = "SELECT point, data FROM points WHERE point >= ? ORDER BY point"
        with sqlite_errors(self.path):
            for point, data in self._connection.execute(query, (start,)):
                if (point - start) * size != len(buffer) or len(data) != size:
                    raise JournalError(
                        f"Journal {self.path} must hold all points in full; point {start + len(buffer) // size} "
                        "is missing or damaged. Restore the file from a backup."
                    )
                buffer += data
        table = np.frombuffer(buffer, dtype="<f8").reshape(-1, len(self.columns))
        return {name: np.ascontiguousarray(table[:, i], dtype=np.float64) for i, name in enumerate(self._names)}

    def waveforms(self) -> Iterator[tuple[int, bytes]]:
        """Committed waveforms, one at a time: index of the point, and float64 of shape (samples, channels)."""
        if "waveforms" in self.metadata:  # older journals have no table of them
            with sqlite_errors(self.path):
                yield from self._connection.execute("SELECT point, data FROM waveforms ORDER BY point")

    def _run_value(self, key: str) -> str | None:
        with sqlite_errors(self.path):
            row = self._connection.execute("SELECT value FROM run WHERE key = ?", (key,)).fetchone()
        return None if row is None else str(row[0])

    def _replace(self, table: str, pairs: Sequence[tuple[str, str]]) -> None:
        """Replace pairs of a table, after the points that are pending; durable on return."""
        self.flush()
        self._write((f"REPLACE INTO {table} VALUES (?, ?)", pairs))

    def _write(self, *writes: tuple[str, Sequence[tuple[object, object]]]) -> None:
        """Write rows in one transaction; where that fails, none of them and no further point: there would be a gap."""
        points, self._pending, self._pending_waveforms = len(self._pending), [], []
        try:
            self._connection.execute("BEGIN")
            for statement, rows in writes:
                self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            with suppress(sqlite3.Error):
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
            if self._state == _RECORDING:
                self._state = "closed to points since one could not be written"
            raise journal_error(self.path, error) from error
        self.acknowledged += points

    def _refusal(self, values: Mapping[str, object]) -> InputError:
        missing = [name for name in self._names if name not in values]
        unknown = [name for name in values if name not in self._names]
        parts = [f"{name} is {value!r}" for name, value in values.items() if not isinstance(value, Real)]
        if missing:
            parts.append(f"{', '.join(missing)} missing")
        if unknown:
            parts.append(f"{', '.join(unknown)} unknown")
        return InputError(
            f"A point of {self.path.name} must have one real number for each of {', '.join(self._names)}; "
            f"received {'; '.join(parts)}. Make the measurement return exactly its columns."
        )


def _is_real(value: object) -> bool:
    return isinstance(value, Real)
