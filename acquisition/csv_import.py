"""Old CSV files of pymeasure become run files, so that one reader reads everything."""

from __future__ import annotations

import csv
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

from acquisition.journal import Journal
from acquisition.provenance import provenance
from acquisition.storage import finish_run
from analysis import configuration
from analysis.errors import InputError
from analysis.run_file import RESERVED_COLUMNS, Column

_HEADER = re.compile(r"(?P<name>.*?)\s*(?:[(\[](?P<unit>[^)\]]*)[)\]])?\s*")


def import_csv(
    source: Path,
    folder: Path,
    *,
    sample: str,
    procedure: str = "",
    signal: str | None = None,
    axis: str | None = None,
) -> Path:
    """Make a run file of a CSV file that pymeasure wrote.

    Parameters
    ----------
    source
        CSV with pymeasure's header: lines that begin with #, then names of columns such as "Field (T)".
    folder
        Where the run file goes; made if need be.
    sample
        Name of a file in config/samples, or a path.
    procedure
        Name of the procedure whose analysis fits the columns, e.g. "hall-loop"; by default what the header says.
    signal, axis
        Columns of the default plot, by their names in the run file; the last and the first by default.

    Returns
    -------
    Path
        The run file. Importing the same file again gives the same id, and is refused while the first is there.

    Raises
    ------
    InputError
        Where the file cannot be read or holds no table of numbers.
    """
    text = configuration.read_text(source)
    lines = text.splitlines()
    comments = [line[1:] for line in lines if line.startswith("#")]
    table = list(csv.reader(line for line in lines if line.strip() and not line.startswith("#")))
    if len(table) < 2:
        raise InputError(f"{source} must hold a header and at least one row; it does not. Give a CSV of pymeasure.")
    columns = [_column(position, title) for position, title in enumerate(table[0])]
    names = [column.name for column in columns]
    if len(set(names)) < len(names):
        raise InputError(f"{source} must have columns with different names; received {names}. Rename them.")
    signal, axis = signal or names[-1], axis or names[0]
    sample_path = configuration.find("samples", sample)
    identifier = hashlib.sha256(text.encode()).hexdigest()[:8]
    written = datetime.fromtimestamp(source.stat().st_mtime, UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"run-{written:%Y%m%dT%H%M%SZ}-{identifier}.journal"
    if path.with_suffix(".h5").exists():
        raise InputError(f"{source} must not be imported yet; {path.with_suffix('.h5')} exists. Use that.")
    metadata = {
        "run_id": identifier,
        "procedure": procedure or _comment(comments, "Procedure") or "imported",
        "parameters": _parameters(comments),
        "plot": {"signal": signal, "axis": axis, "title": source.stem},
        "start_time": written.isoformat(),
        "sample_name": sample_path.stem,
        "imported_from": source.name,
        "provenance": provenance(),
    }
    notes = {
        "bench": "",
        "recipe": "",
        "sample": configuration.read_text(sample_path),
        "csv_header": "\n".join(comments),
    }
    with Journal.create(path, metadata, notes, columns) as journal:
        for number, row in enumerate(table[1:], 1):
            try:
                journal.append({name: float(text or "nan") for name, text in zip(names, row, strict=True)})
            except ValueError:
                journal.close()
                path.unlink()
                raise InputError(
                    f"{source} row {number} must hold {len(names)} numbers; received {row!r}. Mend or remove it."
                ) from None
        journal.finish("finished")
    return finish_run(path)


def _column(position: int, title: str) -> Column:
    match = _HEADER.fullmatch(title)
    assert match is not None
    name = re.sub(r"\W+", "_", match["name"].strip(), flags=re.ASCII).strip("_").lower()
    if not name or not name[0].isalpha() or name in RESERVED_COLUMNS:
        name = f"column_{position + 1}"
    unit = (match["unit"] or "").strip()
    role = "time" if name == "time" else "measured"
    return Column(name, unit, match["name"].strip() or name, role)


def _comment(comments: list[str], key: str) -> str:
    for line in comments:
        name, separator, value = line.partition(":")
        if separator and name.strip() == key:
            return value.strip(" <>")
    return ""


def _parameters(comments: list[str]) -> dict[str, str]:
    """Indented lines `name: value` of pymeasure's header, as text."""
    pairs = (line.strip().partition(":") for line in comments if line.startswith(("\t", "  ")))
    return {name.strip(): value.strip() for name, separator, value in pairs if separator}
