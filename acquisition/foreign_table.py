"""Tables of numbers in text files of other programs: CSV in its dialects, and pymeasure's CSV."""

from __future__ import annotations

import csv
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from analysis.errors import InputError
from analysis.stack import FloatArray

_COMMENTS = ("#", "%", "//")
_DELIMITERS = ("\t", ";", ",")
_TITLE = re.compile(r"(?P<name>.*?)\s*(?:[(\[](?P<unit>[^)\]]*)[)\]])?\s*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|[+-]?(?:nan|inf|infinity)", re.IGNORECASE)


@dataclass(frozen=True)
class TextFormat:
    """How a CSV file is written, as far as it is not to be found out.

    Attributes
    ----------
    delimiter
        Between cells; "" for the first of tab, semicolon, comma that stands in the first row, else blanks.
    decimal
        "." or ","; "" for a comma where a cell has one.
    skip
        Lines at the top that are not read.
    """

    delimiter: str = ""
    decimal: str = ""
    skip: int = 0


@dataclass(frozen=True)
class ForeignTable:
    """A table as it stands in a file.

    Attributes
    ----------
    path, sha256
        The file.
    kind
        "csv", "pymeasure" or "lvm".
    titles
        Of the columns, without units; "column 1" and so on where the file has none.
    units
        Of the columns, as the file names them; "" where it does not.
    values : (rows, columns)
        NaN for empty cells.
    segment : (rows,)
        Part of the file, from 0, that a row stands in.
    header
        Comments and header of the file, verbatim.
    procedure, parameters
        What pymeasure's header says.
    """

    path: Path
    sha256: str
    kind: str
    titles: tuple[str, ...]
    units: tuple[str, ...]
    values: FloatArray
    segment: FloatArray
    header: str = ""
    procedure: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    def place(self, title: str | int) -> int:
        """Place of a column, by its title, with or without unit, or its number from 1; InputError if there is none."""
        if isinstance(title, int):
            if 1 <= title <= len(self.titles):
                return title - 1
        else:
            for names in (self.titles, [_full(*pair) for pair in zip(self.titles, self.units, strict=True)]):
                for index, name in enumerate(names):
                    if name.casefold() == title.strip().casefold():
                        return index
        known = ", ".join(_full(*pair) for pair in zip(self.titles, self.units, strict=True))
        raise InputError(f"{self.path} must have the column {title!r}; it has {known}. Name one of them.")


@dataclass(frozen=True)
class Line:
    """A line of a file, with its number from 1."""

    number: int
    text: str


def read_lines(path: Path) -> tuple[list[Line], str]:
    """Lines of a text file in UTF-8, UTF-16 with a mark, or else Latin-1, and the SHA-256 of the file.

    Raises
    ------
    InputError
        Where it cannot be read, or is no text.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} must be a readable text file; {error.strerror}. Check the path.") from None
    text = _decoded(content)
    if "\0" in text:
        raise InputError(f"{path} must be a text file; it holds bytes of another kind. Export it as text.")
    lines = [Line(number, line) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1)]
    return lines, hashlib.sha256(content).hexdigest()


def read_csv(path: Path, layout: TextFormat | None = None) -> ForeignTable:
    """Read a CSV file: comments with #, % or // in front, a line of titles if any, then rows of numbers.

    Raises
    ------
    InputError
        Naming file, line and column of what cannot be right.
    """
    lines, sha256 = read_lines(path)
    layout = layout or TextFormat()
    lines = [line for line in lines[layout.skip :] if line.text.strip()]
    comments = [line.text for line in lines if line.text.lstrip().startswith(_COMMENTS)]
    body = [line for line in lines if not line.text.lstrip().startswith(_COMMENTS)]
    if not body:
        raise InputError(f"{path} must hold a table; it has no line but comments. Give another file.")
    delimiter = layout.delimiter or next((mark for mark in _DELIMITERS if mark in body[-1].text), " ")
    rows = [split(path, line, delimiter) for line in body]
    while len(rows[0]) > 1 and all(len(row) == len(rows[0]) and not row[-1] for row in rows):
        rows = [row[:-1] for row in rows]  # a delimiter at the end of each line
    decimal = layout.decimal or ("," if any("," in cell for row in rows[1:] for cell in row) else ".")
    headed = any(cell and parsed(cell, decimal) is None for cell in rows[0])
    titles = rows[0] if headed else [f"column {number}" for number in range(1, len(rows[0]) + 1)]
    names, units = zip(*map(title_and_unit, titles), strict=True)
    first = int(headed)
    if len(rows) == first:
        raise InputError(f"{path} must hold rows of numbers below its titles; there are none. Give a complete file.")
    values = np.array(
        [numbers(path, line.number, row, titles, decimal) for line, row in zip(body[first:], rows[first:], strict=True)]
    )
    procedure, parameters = _pymeasure_header(comments)
    return ForeignTable(
        path, sha256, "pymeasure" if procedure else "csv", names, units, values, np.zeros(len(values)),
        "\n".join(comments), procedure, parameters,
    )  # fmt: skip


def split(path: Path, line: Line, delimiter: str) -> list[str]:
    """Cells of a line, without blanks round them; InputError where quotes do not match or a cell has no end."""
    if delimiter == " ":
        return line.text.split()
    try:
        return [cell.strip() for cell in next(csv.reader([line.text], delimiter=delimiter))]
    except (csv.Error, StopIteration) as error:
        raise InputError(
            f"{path}, line {line.number}: must be cells with {delimiter!r} between them; {error}."
        ) from None


def title_and_unit(title: str) -> tuple[str, str]:
    """Split "Field (mT)" or "Field [mT]" into name and unit; the unit is "" where there is none."""
    match = _TITLE.fullmatch(title)
    return (match["name"], (match["unit"] or "").strip()) if match else (title, "")


def numbers(path: Path, number: int, cells: Sequence[str], titles: Sequence[str], decimal: str) -> list[float]:
    """Numbers of one line; InputError names line and column of what is none."""
    if len(cells) != len(titles):
        raise InputError(
            f"{path}, line {number}: there must be {len(titles)} cells, for {', '.join(titles)}; received "
            f"{len(cells)}. Mend the line, or say which delimiter and decimal the file has."
        )
    values = []
    for title, cell in zip(titles, cells, strict=True):
        value = parsed(cell, decimal) if cell else math.nan
        if value is None:
            raise InputError(
                f"{path}, line {number}, column {title!r}: must be a number with decimal {decimal!r}; received "
                f"{cell!r}. Mend or remove the line."
            )
        values.append(value)
    return values


def parsed(cell: str, decimal: str) -> float | None:
    """Read a number; None where it is none. 1.5D-3 is one, 1_000 and 1.000,5 are not."""
    if decimal == ",":
        if "." in cell:
            return None
        cell = cell.replace(",", ".")
    return float(cell.upper().replace("D", "E")) if _NUMBER.fullmatch(cell) else None


def _decoded(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _full(title: str, unit: str) -> str:
    return f"{title} ({unit})" if unit else title


def _pymeasure_header(comments: Iterable[str]) -> tuple[str, dict[str, str]]:
    """Class and parameters in the header that pymeasure writes.

    pymeasure's own `Results.load` is not used: it imports whatever module the header names, needs pandas, and gives an
    empty table where a row is damaged.
    """
    procedure, parameters = "", {}
    for line in comments:
        text = line[1:]
        if text.startswith("Procedure:"):
            procedure = text.partition(":")[2].strip(" <>").rpartition(".")[2]
        elif text.startswith("\t"):
            name, separator, value = text.strip().partition(": ")
            if separator:
                parameters[name] = value
    return procedure, parameters
