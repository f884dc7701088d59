"""Index of run files: a SQLite cache of what each one says about itself, which may be lost or deleted at any time."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

Result = TypeVar("Result")

VERSION = 2
"""Layout of the index and of the facts in it; an index of another version is made anew."""

_PATIENCE = 5.0  # s that another program may take to write
_UNUSABLE = ("SQLITE_BUSY", "SQLITE_LOCKED", "SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_PERM", "SQLITE_FULL",
             "SQLITE_IOERR", "SQLITE_PROTOCOL")  # fmt: skip
_TABLE = """
CREATE TABLE IF NOT EXISTS runs (
    folder BLOB, name BLOB, size INTEGER, changed INTEGER, facts TEXT, PRIMARY KEY (folder, name)
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True)
class Stamp:
    """What tells one state of a file from another: size (bytes) and time of its last change (ns)."""

    size: int
    changed: int


class RunIndex:
    """Facts about files, each with the stamp of the file that it was read from.

    Programs may use one index at the same time. A damaged index is made anew, and where there can be none, on a full or
    locked disk, everything goes on without it; `tell` is given a line in both cases. No method raises.

    Parameters
    ----------
    path
        SQLite file; made if need be.
    tell
        Called with what the user should know.
    """

    def __init__(self, path: Path, tell: Callable[[str], None]) -> None:
        self._path, self._tell = path, tell
        self._connection: sqlite3.Connection | None = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            tell(f"Every file is read, without an index: {path.parent} cannot be made; {error.strerror}.")
            return
        self._open()

    def known(self, folder: Path) -> dict[str, tuple[Stamp, str]]:
        """Stamp and facts of the files in `folder`, by name."""

        def read(connection: sqlite3.Connection) -> dict[str, tuple[Stamp, str]]:
            rows = connection.execute(
                "SELECT name, size, changed, facts FROM runs WHERE folder = ?", (_key(folder),)
            ).fetchall()
            return {os.fsdecode(name): (Stamp(size, changed), facts) for name, size, changed, facts in rows}

        return self._try(read) or {}

    def store(self, folder: Path, rows: Iterable[tuple[str, Stamp, str]]) -> None:
        """Keep name, stamp and facts of files in `folder`."""
        table = [(_key(folder), os.fsencode(name), stamp.size, stamp.changed, facts) for name, stamp, facts in rows]
        self._try(lambda connection: connection.executemany("REPLACE INTO runs VALUES (?, ?, ?, ?, ?)", table))

    def forget(self, folder: Path, names: Iterable[str]) -> None:
        """Drop files that are no longer in `folder`."""
        table = [(_key(folder), os.fsencode(name)) for name in names]
        self._try(lambda connection: connection.executemany("DELETE FROM runs WHERE folder = ? AND name = ?", table))

    def close(self) -> None:
        """Let go of the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _try(self, action: Callable[[sqlite3.Connection], Result]) -> Result | None:
        """Run `action` in a transaction; None where the index cannot do it."""
        if self._connection is None:
            return None
        try:
            with self._connection:
                return action(self._connection)
        except (sqlite3.Error, TypeError, ValueError) as error:  # damage shows as values of wrong types, too
            self.close()
            if not getattr(error, "sqlite_errorname", "").startswith(_UNUSABLE):
                self._discard(error)
            else:
                self._tell(f"Every new file is read, without an index: {self._path}: {error}.")
            return None

    def _open(self) -> None:
        try:
            self._connection = sqlite3.connect(self._path, timeout=_PATIENCE)
        except sqlite3.Error as error:
            self._tell(f"Every file is read, without an index: {self._path}: {error}.")
            return
        self._try(_prepare)

    def _discard(self, error: Exception) -> None:
        self._tell(f"The index {self._path} was damaged ({error}) and is made anew; run files are not touched.")
        with suppress(OSError):  # another program may have it open: the next one that finds it alone removes it
            for suffix in ("-journal", ""):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            connection = sqlite3.connect(self._path, timeout=_PATIENCE)
            try:
                with connection:
                    _prepare(connection)
            except sqlite3.Error:
                connection.close()
            else:
                self._connection = connection


def _prepare(connection: sqlite3.Connection) -> None:
    """Make the table, or empty one of another version; DatabaseError where pages of the file do not fit together."""
    (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(found)
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version == VERSION:
        return
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("DROP TABLE IF EXISTS runs")
    connection.execute(_TABLE)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def _key(folder: Path) -> bytes:
    return os.fsencode(os.path.normcase(Path(folder).absolute()))
