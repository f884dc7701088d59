"""The file of a journal: what tells it from others, its errors, and whether a program still records into it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from analysis.errors import AsotError
from analysis.run_file import SCHEMA_VERSION

APPLICATION_ID = 0x61736F74
"""What SQLite files of this program say that they are: "asot"."""

_LONGEST_STORAGE = 600.0  # s that another program may take to make the same run file

_REMEDIES = {
    "SQLITE_FULL": "Free disk space; every acknowledged point is stored, those after it are not.",
    "SQLITE_BUSY": "Another program is using the journal: close it and try again.",
    "SQLITE_CANTOPEN": "Check that the folder exists and may be written to.",
    "SQLITE_READONLY": "Check that the file and its folder may be written to.",
    "SQLITE_IOERR": "Check the disk and its free space; record to a local disk, not to a network share.",
    "SQLITE_NOTADB": "Give the .journal file of a run.",
    "SQLITE_CORRUPT": "Copy the file away before anything else, then try `sqlite3 FILE .recover`.",
}


class JournalError(AsotError):
    """A journal that cannot be written or read; the message names the file and the remedy."""


def interrupt(path: Path, reason: str) -> None:
    """Give a journal whose process died the status "interrupted".

    A program that has the journal open holds a lock on it, which the system releases when the program dies;
    leaving the write-ahead mode needs that lock, so a run that is still alive is refused.

    Raises
    ------
    JournalError
        When another program has the journal open, or when it cannot be written.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(path, isolation_level=None, timeout=1)
        try:
            check_format(path, connection)
            connection.execute("PRAGMA journal_mode=DELETE")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("BEGIN")
            connection.execute("REPLACE INTO run VALUES ('status', 'interrupted')")
            connection.execute("REPLACE INTO run VALUES ('exit_reason', ?)", (reason,))
            connection.execute("COMMIT")
        finally:
            connection.close()


@contextmanager
def reserved(path: Path) -> Iterator[None]:
    """Keep other programs from turning the same journal into a run file while the block lasts; waits for its turn.

    The process that stores a run outlives its parent: somebody may call `asot recover` meanwhile.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(
            f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=_LONGEST_STORAGE
        )
    try:
        with sqlite_errors(path):
            connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.close()


def is_empty(path: Path) -> bool:
    """Whether a journal holds nothing at all: its program died while it made the file, before the first point."""
    with sqlite_errors(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None)
        try:
            (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
            return not tables
        finally:
            connection.close()


def is_held(path: Path) -> bool:
    """Whether a program that records has the journal open; leaves the journal as it is.

    A recording program keeps the write-ahead log beside the journal; only its death leaves that log without a holder.
    """
    with sqlite_errors(path):
        connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True, isolation_level=None, timeout=0)
        try:
            check_format(path, connection)
            if connection.execute("PRAGMA journal_mode").fetchone() != ("wal",):
                return False
            connection.execute("PRAGMA locking_mode=EXCLUSIVE")
            connection.execute("BEGIN EXCLUSIVE")
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
                return True
            raise
        finally:
            connection.close()
    return False


def check_format(path: Path, connection: sqlite3.Connection) -> None:
    """Raise JournalError unless this program can read the journal."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID:
        raise JournalError(f"Journal {path} must be written by asot; it is another SQLite file.")
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"Journal {path} must have schema version {SCHEMA_VERSION} or older; received {version}. "
            "Update asot to the version that wrote it."
        )


def journal_error(path: Path, error: sqlite3.Error) -> JournalError:
    """Say what is wrong with a journal, and the remedy."""
    code = getattr(error, "sqlite_errorname", "")
    remedy = next((text for prefix, text in _REMEDIES.items() if code.startswith(prefix)), "")
    return JournalError(f"Journal {path} cannot be used: {error}. {remedy}".rstrip())


@contextmanager
def sqlite_errors(path: Path) -> Iterator[None]:
    """Turn errors of SQLite into JournalError."""
    try:
        yield
    except sqlite3.Error as error:
        raise journal_error(path, error) from error
