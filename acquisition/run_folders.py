"""Runs below folders: every folder that holds some is looked through, and one that cannot be read costs no other."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

from acquisition.catalogue import Catalogue, read_catalogue
from analysis.errors import InputError


def read_below(roots: Iterable[Path], progress: Callable[[int, int], None] | None = None) -> Catalogue:
    """List the runs in folders and in all folders below them.

    Parameters
    ----------
    roots
        Folders; hidden ones below them are passed over.
    progress
        As of `read_catalogue`.

    Returns
    -------
    Catalogue
        Its notes name the folders that could not be read.
    """
    found = Catalogue([])
    for folder in folders_with_runs(roots, found.notes):
        try:
            catalogue = read_catalogue([folder], progress=progress)
        except InputError as error:
            found.notes.append(str(error))
            continue
        found.runs.extend(catalogue.runs)
        found.notes.extend(note for note in catalogue.notes if note not in found.notes)
    return found


def folders_with_runs(roots: Iterable[Path], notes: list[str]) -> list[Path]:
    """Folders among `roots` and below that hold run files or journals; `notes` is told of those that cannot be read."""
    folders: dict[Path, None] = {}

    def tell(error: OSError) -> None:
        missing = isinstance(error, FileNotFoundError)
        notes.append(f"Folder {error.filename} {'does not exist' if missing else f'cannot be read: {error.strerror}'}.")

    for root in roots:
        for folder, below, files in os.walk(root, onerror=tell):
            below[:] = sorted(name for name in below if not name.startswith("."))
            if any(name.startswith("run-") and name.endswith((".h5", ".journal")) for name in files):
                folders.setdefault(Path(folder))
    return list(folders)
