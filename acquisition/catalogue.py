"""Catalogue: every run in folders of run files, from an index that follows the files."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from acquisition.run_index import RunIndex, Stamp
from analysis.errors import InputError

UNREADABLE = "unreadable"
"""Status of a file that says nothing; its `fault` says why."""

_RUN, _JOURNAL = ".h5", ".journal"
_STEM = re.compile(r"run-(\d{8}T\d{6}Z)-(\w+)")
_TOGETHER = 500  # files whose facts share a transaction: what was read is kept where a first look is broken off


@dataclass(frozen=True, slots=True)
class CatalogueEntry:
    """One run of the catalogue.

    Attributes
    ----------
    path
        Run file; or the journal of a run that is under way or awaits `asot recover`.
    id, procedure, sample, title, comment, batch, bench
        As the run says; "" where it does not. `batch` is shared by the runs of one call of a recipe.
    status
        "finished", "aborted", "failed", "interrupted" or "running"; "unreadable" for a file that does not say.
    started
        With its zone; None where the run does not say.
    points
        Number of points.
    duration
        Time (s) from start to end; None where the run has no end, or does not say.
    size
        Of the file (bytes).
    tags
        Of the recipe.
    resumed_from
        Ids of the runs that points were taken over from, the latest last.
    fault
        Why the file cannot be read; "" where it can.
    """

    path: Path
    id: str
    started: datetime | None
    status: str
    procedure: str
    sample: str
    points: int
    title: str
    tags: tuple[str, ...]
    comment: str
    batch: str
    bench: str
    resumed_from: tuple[str, ...]
    size: int
    fault: str = ""
    duration: float | None = None

    @property
    def awaits_recovery(self) -> bool:
        """Whether this is a journal that `asot recover` makes a run file of."""
        return self.path.suffix == _JOURNAL and self.status not in ("running", UNREADABLE)

    def as_dict(self) -> dict[str, Any]:
        """Return the form that JSON output uses."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return values | {"path": str(self.path), "started": self.started and self.started.isoformat()}


@dataclass(frozen=True)
class Catalogue:
    """What `read_catalogue` found: runs in order of folder and name, and what the user should know of the index."""

    runs: list[CatalogueEntry]
    notes: list[str] = field(default_factory=list)


def index_path() -> Path:
    """Where the index is kept: in the user's cache folder, so that runs on a read-only share have one, too."""
    from platformdirs import user_cache_path

    return user_cache_path("asot", appauthor=False) / "runs.sqlite"


def read_catalogue(
    paths: Iterable[str | Path],
    *,
    index: Path | None = None,
    rebuild: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Catalogue:
    """List the runs of folders. Folders are looked through each time; only files that changed are opened.

    It may be called from any thread, and by several programs at once.

    Parameters
    ----------
    paths
        Folders, of which `run-*.h5` and `run-*.journal` are taken, and run files.
    index
        File of the index; `index_path` by default.
    rebuild
        Whether to read every file again.
    progress
        Called with the number of files read and to be read, after each. What it raises ends the reading; what was read
        until then is in the index.

    Returns
    -------
    Catalogue

    Raises
    ------
    InputError
        Where a path does not exist or a folder cannot be read.
    """
    notes: list[str] = []
    runs: list[CatalogueEntry] = []
    with closing(RunIndex(index or index_path(), notes.append)) as store:
        for folder, files, whole in _folders(paths):
            runs += _read_folder(folder, files, whole, store, rebuild, progress)
    return Catalogue(runs, notes)


def _folders(paths: Iterable[str | Path]) -> Iterator[tuple[Path, dict[str, Stamp], bool]]:
    """Folders with the stamps of their files, and whether these are all."""
    single: dict[Path, dict[str, Stamp]] = {}
    for entry in dict.fromkeys(map(Path, paths)):
        try:
            if entry.is_dir():
                yield entry, _scan(entry), True
            else:
                single.setdefault(entry.parent, {})[entry.name] = _stamp(entry.stat())
        except OSError as error:
            raise InputError(
                f"Path must be a run file or a folder of them; {entry}: {error.strerror}. Check its spelling."
            ) from None
    for folder, files in single.items():
        yield folder, files, False


def _scan(folder: Path) -> dict[str, Stamp]:
    found = {}
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("run-") and entry.name.endswith((_RUN, _JOURNAL)):
                try:
                    about = entry.stat()
                except OSError:  # it was moved away between the two looks
                    continue
                if stat.S_ISREG(about.st_mode):
                    found[entry.name] = _stamp(about)
    return found


def _stamp(about: os.stat_result) -> Stamp:
    return Stamp(about.st_size, about.st_mtime_ns)


def _read_folder(
    folder: Path,
    files: dict[str, Stamp],
    whole: bool,
    index: RunIndex,
    rebuild: bool,
    progress: Callable[[int, int], None] | None,
) -> list[CatalogueEntry]:
    known = index.known(folder)
    if whole and (gone := known.keys() - files.keys()):
        index.forget(folder, gone)
    entries: dict[str, CatalogueEntry] = {}
    fitting = [name for name, stamp in files.items() if not rebuild and name in known and known[name][0] == stamp]
    for name, facts in zip(fitting, _decoded([known[name][1] for name in fitting]), strict=True):
        with suppress(LookupError, TypeError, ValueError):  # a damaged index: the file is read
            entries[name] = _entry(folder / name, files[name].size, facts)
    unknown = sorted(files.keys() - entries.keys())
    fresh: list[tuple[str, Stamp, str]] = []
    try:
        for number, name in enumerate(unknown, 1):
            read = _read(folder / name, files)
            if read is not None:
                entries[name], found = read
                if found and not name.endswith(_JOURNAL):
                    fresh.append((name, files[name], json.dumps(found)))
            if len(fresh) == _TOGETHER:
                index.store(folder, fresh)
                fresh = []
            if progress is not None:
                progress(number, len(unknown))
    finally:
        if fresh:
            index.store(folder, fresh)
    return [entries[name] for name in sorted(entries)]


def _decoded(texts: Sequence[str]) -> list[Any]:
    """Facts of an index, all at once, which takes a third of the time; None for each where it is damaged."""
    try:
        facts: list[Any] = json.loads(f"[{','.join(texts)}]")
    except (TypeError, ValueError):
        facts = []
    return facts if len(facts) == len(texts) else [None] * len(texts)


def _read(path: Path, files: Mapping[str, Stamp]) -> tuple[CatalogueEntry, dict[str, Any]] | None:
    """Entry and facts of a file, no facts where it has a fault; None if it is gone or a journal beside its run file."""
    from acquisition.journal_file import JournalError
    from analysis.run_file import read_attributes

    size = files[path.name].size
    target = path.with_suffix(_RUN)
    if path.suffix == _JOURNAL and target.name in files:
        return None
    try:
        metadata = _journal_metadata(path, size) if path.suffix == _JOURNAL else read_attributes(path)
        facts = _facts(metadata)
        return _entry(path, size, facts), facts
    except (InputError, JournalError) as error:
        fault = str(error)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        fault = f"Run file {path} must describe a run as asot does; it does not ({error!r}). Restore it from a backup."
    if not path.exists():  # it was moved away, or became a run file: the next look shows it
        return None
    return _unreadable(path, size, fault), {}


def _journal_metadata(path: Path, size: int) -> dict[str, Any]:
    """Metadata of a journal, with status and number of points."""
    from acquisition.journal import Journal
    from acquisition.journal_file import JournalError, is_held

    if not size:
        raise JournalError(f"Journal {path} must hold a run; it was made but never begun. `asot recover` removes it.")
    with Journal.open(path) as journal:
        metadata = {**journal.metadata, "status": journal.status, "points": journal.acknowledged + 1}
    try:
        held = is_held(path)
    except JournalError:  # on a read-only share nobody can tell
        held = True
    if metadata["status"] == "running" and not held:
        metadata["status"] = "interrupted"
    return metadata


def _facts(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What the catalogue shows of the metadata of a run."""
    plot = metadata.get("plot", {})
    return {
        "id": str(metadata["run_id"]),
        "started": _aware(metadata["start_time"]).isoformat(),
        "status": str(metadata["status"]),
        "procedure": str(metadata["procedure"]),
        "sample": str(metadata.get("sample_name", "")),
        "points": int(metadata["points"]),
        "title": str(metadata.get("title") or plot.get("title", "")),
        "tags": [str(tag) for tag in metadata.get("tags", [])],
        "comment": str(metadata.get("comment", "")),
        "batch": str(metadata.get("batch", "")),
        "bench": str(metadata.get("bench_name", "")),
        "resumed_from": [str(origin["run_id"]) for origin in metadata.get("resumed_from", [])],
        "duration": _duration(metadata),
    }


def _duration(metadata: Mapping[str, Any]) -> float | None:
    if "end_time" not in metadata:
        return None
    return (_aware(metadata["end_time"]) - _aware(metadata["start_time"])).total_seconds()


def _aware(text: str) -> datetime:
    started = datetime.fromisoformat(text)
    return started if started.tzinfo is not None else started.astimezone()


def _entry(path: Path, size: int, facts: Mapping[str, Any]) -> CatalogueEntry:
    return CatalogueEntry(
        path=path,
        size=size,
        **{
            **facts,
            "started": datetime.fromisoformat(facts["started"]),
            "tags": tuple(facts["tags"]),
            "resumed_from": tuple(facts["resumed_from"]),
        },
    )


def _unreadable(path: Path, size: int, fault: str) -> CatalogueEntry:
    """Entry of a file that says nothing but its name."""
    name = _STEM.fullmatch(path.stem)
    started = datetime.strptime(name[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) if name else None
    return CatalogueEntry(
        path, name[2] if name else "", started, UNREADABLE, "", "", 0, "", (), "", "", "", (), size, fault
    )
