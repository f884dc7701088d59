"""Table of runs: what the catalogue says of each, sorted by any column and filtered, fluid with ten thousand rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QModelIndex, Qt
from PyQt6.QtGui import QColor, QIcon, QPainter, QPixmap

from acquisition.catalogue import UNREADABLE, CatalogueEntry
from acquisition.gui.theme import BAD, DOUBTFUL, GOOD
from acquisition.gui.wording import duration_text
from acquisition.run_selection import Selection

_NEVER = datetime.min.replace(tzinfo=UTC)
_SIGNS = {"finished": "✓", "running": "▶", "aborted": "■", "interrupted": "⚠", "failed": "✗", UNREADABLE: "✗"}
_COLOURS = {
    "finished": GOOD, "running": "#0072B2", "aborted": DOUBTFUL, "interrupted": DOUBTFUL, "failed": BAD,
    UNREADABLE: BAD,
}  # fmt: skip


@dataclass(frozen=True)
class _Column:
    title: str
    text: Callable[[CatalogueEntry], str]
    order: Callable[[CatalogueEntry], Any]
    width: int
    right: bool = False


def _said(key: str) -> Callable[[CatalogueEntry], str]:
    return lambda run: str(getattr(run, key))


def _folded(key: str) -> Callable[[CatalogueEntry], str]:
    return lambda run: str(getattr(run, key)).casefold()


COLUMNS = (
    _Column("Started", lambda run: "" if run.started is None else f"{run.started.astimezone():%Y-%m-%d %H:%M}",
            lambda run: run.started or _NEVER, 124),
    _Column("Status", lambda run: f"{_SIGNS.get(run.status, '?')} {run.status}", lambda run: run.status, 112),
    _Column("Sample", _said("sample"), _folded("sample"), 124),
    _Column("Procedure", _said("procedure"), _said("procedure"), 104),
    _Column("Title", lambda run: run.fault or run.title, lambda run: (run.fault or run.title).casefold(), 260),
    _Column("Points", lambda run: "" if run.status == UNREADABLE else f"{run.points}", lambda run: run.points,
            58, True),
    _Column("Duration", lambda run: "" if run.duration is None else duration_text(run.duration),
            lambda run: -1.0 if run.duration is None else run.duration, 84, True),
    _Column("Tags", lambda run: ", ".join(run.tags), lambda run: run.tags, 80),
    _Column("Comment", _said("comment"), _folded("comment"), 140),
    _Column("File", lambda run: run.path.name, lambda run: str(run.path), 270),
)  # fmt: skip
"""Columns of the table."""


class RunTable(QAbstractTableModel):
    """Runs of a catalogue that are wanted, in the order of a column.

    It sorts and filters by itself: through a proxy each comparison would be a call back from Qt, and ten thousand runs
    would take a second where this takes some milliseconds.
    """

    def __init__(self) -> None:
        super().__init__()
        self.all: Sequence[CatalogueEntry] = ()
        """All runs of the catalogue."""
        self.rows: list[CatalogueEntry] = []
        """Runs that are shown, in order."""
        self._selection = Selection()
        self._words: tuple[str, ...] = ()
        self._order = 0, Qt.SortOrder.DescendingOrder

    def show(self, runs: Sequence[CatalogueEntry]) -> None:
        """Show the runs of a catalogue."""
        self.all = runs
        self._arrange()

    def choose(self, selection: Selection, text: str = "") -> None:
        """Show what a selection wants, and has every word of `text` in one of its cells."""
        self._selection, self._words = selection, tuple(text.casefold().split())
        self._arrange()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order by a column."""
        self._order = column, order
        self._arrange()

    def row_of(self, path: Path) -> int | None:
        """Row of a run, None where it is not shown."""
        return next((row for row, run in enumerate(self.rows) if run.path == path), None)

    def _arrange(self) -> None:
        column, order = self._order
        self.beginResetModel()
        chosen = self._selection.of(self.all)
        if self._words:
            chosen = [run for run in chosen if self._speaks_of(run)]
        self.rows = sorted(chosen, key=COLUMNS[column].order, reverse=order is Qt.SortOrder.DescendingOrder)
        self.endResetModel()

    def _speaks_of(self, run: CatalogueEntry) -> bool:
        cells = "\n".join((*(column.text(run) for column in COLUMNS), run.id, str(run.path))).casefold()
        return all(word in cells for word in self._words)

    def rowCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of runs."""
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:  # noqa: N802 - Qt's name
        """Return the number of columns."""
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Title of a column."""
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(COLUMNS[section])
        return COLUMNS[section].title if role == Qt.ItemDataRole.DisplayRole else None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colour, place or hint of a cell."""
        run, column = self.rows[index.row()], COLUMNS[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(run)
        if role == Qt.ItemDataRole.DecorationRole and column.title == "Status":
            return _light(_COLOURS.get(run.status, "gray"))
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _aligned(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            waits = "\nAwaits recovery: see the queue, or asot recover." if run.awaits_recovery else ""
            return f"{run.fault or run.title}\n{run.path}{waits}"
        return None


def _aligned(column: _Column) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignRight if column.right else Qt.AlignmentFlag.AlignLeft
    return side | Qt.AlignmentFlag.AlignVCenter


@cache
def _light(colour: str) -> QIcon:
    """Dot in the colour of a status."""
    sharp = QPixmap(32, 32)
    sharp.fill(Qt.GlobalColor.transparent)
    painter = QPainter(sharp)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(colour))
    painter.drawEllipse(6, 6, 20, 20)
    painter.end()
    return QIcon(sharp)
