"""LabVIEW's text measurement files (.lvm): a header, then segments with titles, numbers and comments.

The format is National Instruments' "Specification for the LabVIEW Measurement File".
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from acquisition.foreign_table import ForeignTable, Line, numbers, parsed, read_lines, split, title_and_unit
from analysis.errors import InputError

MAGIC = "LabVIEW Measurement"
"""What such a file begins with."""

_END = "***End_of_Header***"
_SPECIAL = ("***Start_Special***", "***End_Special***")
_SEPARATORS = {"Tab": "\t", "Comma": ","}
_X = "X_Value"


def is_labview(path: Path) -> bool:
    """Whether a file begins as LabVIEW's do."""
    try:
        with path.open("rb") as file:
            return file.read(len(MAGIC) + 3).removeprefix(b"\xef\xbb\xbf").startswith(MAGIC.encode())
    except OSError:
        return False


def read_lvm(path: Path) -> ForeignTable:
    """Read all segments of a file; their columns must be the same.

    Where a segment has no times of its own (X_Columns "No"), they follow from X0 and Delta_X. Comments are left out.

    Raises
    ------
    InputError
        Naming file, line and column of what cannot be right.
    """
    lines, sha256 = read_lines(path)
    reader = _Reader(path, [line for line in _without_special(lines)])
    parts = list(reader.segments())
    if not parts:
        raise InputError(f"{path} must hold a segment with titles and numbers; there is none. Give a complete file.")
    titles, units, _ = parts[0]
    for number, (others, _, _) in enumerate(parts, 1):
        if others != titles:
            raise InputError(
                f"{path}: segment {number} must have the columns of the first, {', '.join(titles)}; received "
                f"{', '.join(others)}. Import a file for each."
            )
    values = np.concatenate([rows for _, _, rows in parts])
    segment = np.repeat(np.arange(len(parts), dtype=np.float64), [len(rows) for _, _, rows in parts])
    return ForeignTable(path, sha256, "lvm", titles, units, values, segment, "\n".join(reader.headers))


def _without_special(lines: list[Line]) -> Iterator[Line]:
    inside = False
    for line in lines:
        tag = line.text.strip()
        inside = inside or tag.startswith(_SPECIAL[0])
        if not inside:
            yield line
        elif tag.startswith(_SPECIAL[1]):
            inside = False


Part = tuple[tuple[str, ...], tuple[str, ...], np.ndarray]


class _Reader:
    """Goes through the lines of a file once."""

    def __init__(self, path: Path, lines: list[Line]) -> None:
        self._path, self._lines, self._next = path, lines, 0
        self.headers: list[str] = []
        self._separator = self._file_separator()
        self._about = self._header()
        decimal = self._about.get("Decimal_Separator", ["."])[0] or "."
        self._decimal = self._one_of("Decimal_Separator", decimal, (".", ","))
        self._x_columns = self._one_of("X_Columns", self._about.get("X_Columns", ["One"])[0], ("No", "One", "Multi"))

    def segments(self) -> Iterator[Part]:
        """Titles, units and rows of each."""
        header: dict[str, list[str]] = {}
        titles: list[str] = []
        while (line := self._skip_blank()) is not None:
            if self._begins_header(line):
                header, titles = self._header(), []
                if (line := self._skip_blank()) is None:
                    return
            if not titles:
                titles = self._cells(line)
                self._next += 1
            yield self._segment(header, titles)

    def _segment(self, header: dict[str, list[str]], titles: list[str]) -> Part:
        shown = list(titles[:-1] if titles[-1] == "Comment" else titles)
        if not shown or not all(shown):
            number = self._lines[self._next - 1].number
            raise InputError(
                f"{self._path}, line {number}: must give a title for each column; received {titles!r}. Mend it."
            )
        rows = []
        while self._next < len(self._lines) and self._lines[self._next].text.strip():
            line = self._lines[self._next]
            if self._begins_header(line):
                break
            cells = self._cells(line)[: len(shown)]  # what follows is a comment
            cells += [""] * (len(shown) - len(cells))  # LabVIEW leaves out separators at the end of a line
            rows.append(numbers(self._path, line.number, cells, shown, self._decimal))
            self._next += 1
        values = np.array(rows, dtype=np.float64).reshape(-1, len(shown))
        if self._x_columns == "No" and shown[0] == _X and np.all(np.isnan(values[:, 0])):
            start, step = (self._value(header, key, default) for key, default in (("X0", 0.0), ("Delta_X", 1.0)))
            values[:, 0] = start + step * np.arange(len(values))
        names, units = zip(*map(title_and_unit, shown), strict=True)
        labels = iter(header.get("Y_Unit_Label", []))
        units = tuple(unit or ("" if name == _X else next(labels, "")) for name, unit in zip(names, units, strict=True))
        return _distinct(names), units, values

    def _header(self) -> dict[str, list[str]]:
        """Tags up to the end of a header, each with its cells."""
        tags: dict[str, list[str]] = {}
        begin = self._next
        while self._next < len(self._lines):
            cells = self._cells(self._lines[self._next])
            self._next += 1
            if cells and cells[0] == _END:
                self.headers += [line.text for line in self._lines[begin : self._next]]
                return tags
            if cells and cells[0]:
                tags[cells[0]] = cells[1:] or [""]
        raise InputError(
            f"{self._path} must have a line {_END} below each header; one is missing. Give the whole file."
        )

    def _file_separator(self) -> str:
        for line in self._lines:
            if line.text.startswith("Separator"):
                name = line.text.removeprefix("Separator").strip("\t, ")
                return _SEPARATORS[self._one_of("Separator", name, tuple(_SEPARATORS))]
            if line.text.startswith(_END):
                break
        return "\t"

    def _begins_header(self, line: Line) -> bool:
        return self._cells(line)[:1] in (["Channels"], ["Samples"], ["Date"], ["X0"], ["Notes"], ["Test_Name"])

    def _skip_blank(self) -> Line | None:
        while self._next < len(self._lines):
            line = self._lines[self._next]
            if line.text.strip(" \t,"):
                return line
            self._next += 1
        return None

    def _cells(self, line: Line) -> list[str]:
        return split(self._path, line, self._separator) if line.text else []

    def _value(self, header: dict[str, list[str]], key: str, default: float) -> float:
        text = header.get(key, [""])[0]
        value = parsed(text, self._decimal) if text else default
        if value is None:
            raise InputError(f"{self._path}, {key} must be a number; received {text!r}. Mend the header.")
        return value

    def _one_of(self, tag: str, value: str, allowed: tuple[str, ...]) -> str:
        if value not in allowed:
            raise InputError(
                f"{self._path}, {tag} must be one of {', '.join(allowed)}; received {value!r}. Mend the header."
            )
        return value


def _distinct(names: tuple[str, ...]) -> tuple[str, ...]:
    """Number names that come again: several columns may be called X_Value or Untitled."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name} {seen[name]}")
    return tuple(result)
