"""Files that hold results of an analysis."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.errors import AsotError

if TYPE_CHECKING:
    from analysis.run_analysis import Analysis


def write_text(path: Path, text: str) -> Path:
    """Write a text file, or write it anew.

    Raises
    ------
    AsotError
        Where it cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise AsotError(f"File {path} must be writable; {error.strerror}. Choose another name or folder.") from None
    return path


def write_json(analysis: Analysis, path: Path) -> Path:
    """Write what `asot analyze --json` prints.

    Raises
    ------
    AsotError
        Where it cannot be written.
    """
    return write_text(path, json.dumps(analysis.as_dict(), indent=2) + "\n")
