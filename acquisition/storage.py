"""End of a run: a child process, so that HDF5 cannot take the run down, makes its journal a run file."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acquisition.journal import Journal
from acquisition.journal_file import interrupt, is_empty, is_held
from analysis.child_process import child_environment
from analysis.errors import AsotError, InputError, describe

JOURNAL_SUFFIX = ".journal"
RUN_SUFFIX = ".h5"

_ATTEMPTS = 20
_PAUSE = 0.1  # s: on Windows a viewer, a follower or a virus scanner may hold a file for a moment


class StorageError(AsotError):
    """A run that could not be stored; the message says where its data are and how to go on."""


def finish_run(journal: str | Path) -> Path:
    """Turn the journal of a run into `<stem>.h5` with its checksum beside it, then remove the journal.

    A journal that was left behind by a dead process becomes a run of status "interrupted". Calling this again
    after any failure is safe: a run file that already agrees with the journal is kept as it is.

    Parameters
    ----------
    journal
        `<stem>.journal`, closed by whoever wrote it.

    Returns
    -------
    Path
        The run file, verified against the journal.

    Raises
    ------
    InputError
        When `journal` is not called so.
    JournalError
        When the journal cannot be read, or its run is still alive.
    StorageError
        When the run file cannot be made; the journal is then kept.
    """
    journal = Path(journal)
    if journal.suffix != JOURNAL_SUFFIX:
        remedy = "Give the journal that the run left."
        raise InputError(describe("Journal of a run", f"be called *{JOURNAL_SUFFIX}", str(journal), remedy))
    target = journal.with_suffix(RUN_SUFFIX)
    with Journal.open(journal) as source:
        running = source.status == "running"
    if running:
        interrupt(journal, "The process ended without closing the run.")
    child = subprocess.run(
        [sys.executable, "-P", "-m", "acquisition.nexus", str(journal), str(target)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        errors="replace",
        stdin=subprocess.DEVNULL,
        env=child_environment(),
        check=False,
        start_new_session=True,  # Ctrl-C in a terminal goes to the whole group; the file is to be finished all the same
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    if child.returncode != 0:
        with suppress(OSError):
            partial_path(target).unlink(missing_ok=True)
        lines = child.stderr.strip().splitlines()
        if child.returncode == 1 and lines:
            reason = lines[-1]
        else:
            reason = f"The process that writes it crashed with code {child.returncode}."
        raise StorageError(
            f"Run file {target} could not be made. {reason} The journal {journal} is kept and holds every "
            f"acknowledged point: mend the cause, then run `asot recover {journal.parent}`."
        )
    _remove_journal(journal, target)
    return target


@dataclass(frozen=True)
class Recovery:
    """What `recover` made of one journal.

    Attributes
    ----------
    journal
        The journal.
    path
        Its run file; None where there is none.
    found
        What was found and done, in words.
    good
        False where somebody has to look at it.
    """

    journal: Path
    path: Path | None
    found: str
    good: bool


def recover(folder: Path) -> Iterator[Recovery]:
    """Finish what a crash left in `folder`, one journal after the other; a second call finds nothing more to do.

    Run files that exist are never written to, and journals of runs that are still alive are left alone.

    Raises
    ------
    InputError
        Where there is no such folder.
    """
    if not folder.is_dir():
        raise InputError(f"Folder must exist; received {folder}, which does not. Give the --out folder of the run.")
    for journal in sorted(folder.glob(f"*{JOURNAL_SUFFIX}")):
        try:
            yield _recover(journal)
        except AsotError as error:
            yield Recovery(journal, None, str(error), good=False)


def left_behind(folder: Path) -> list[Path]:
    """Journals in `folder` with which `recover` would do something; looks, and leaves everything as it is."""
    return [journal for journal in sorted(folder.glob(f"*{JOURNAL_SUFFIX}")) if not _is_alive(journal)]


def _is_alive(journal: Path) -> bool:
    try:
        return not is_empty(journal) and is_held(journal)
    except AsotError:
        return False  # damaged: `recover` says how


def _recover(journal: Path) -> Recovery:
    target = journal.with_suffix(RUN_SUFFIX)
    if is_empty(journal):
        _remove_journal(journal, target)
        return Recovery(journal, None, "was made but never begun: it held nothing and was removed", good=True)
    if is_held(journal):
        return Recovery(journal, None, "belongs to a run that is still alive: left alone", good=True)
    with Journal.open(journal) as source:
        status, points = source.status, source.acknowledged + 1
    what = "whose process died" if status == "running" else f"that had ended {status}"
    existed = target.exists()
    path = finish_run(journal)
    verb = "was complete already" if existed else "was made"
    return Recovery(journal, path, f"held {points} points of a run {what}; {path.name} {verb}", good=True)


def partial_path(target: Path) -> Path:
    """Where a file stands until it is complete."""
    return target.with_name(target.name + ".partial")


def _remove_journal(journal: Path, target: Path) -> None:
    """Remove a journal, then what SQLite keeps beside it and what may hold its latest points."""
    companions = [journal.with_name(journal.name + suffix) for suffix in ("-wal", "-shm")]
    for attempt in range(_ATTEMPTS):
        try:
            for path in (journal, *companions):
                path.unlink(missing_ok=True)
        except OSError as error:
            if attempt == _ATTEMPTS - 1:
                raise StorageError(
                    f"Run file {target} is complete, but the journal {journal} could not be removed "
                    f"({error.strerror}). Close the program that follows the run, then run "
                    f"`asot recover {journal.parent}`."
                ) from None
            time.sleep(_PAUSE)
        else:
            return
