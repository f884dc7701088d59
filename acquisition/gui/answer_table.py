"""Tables of results: read only, copied as text, sized to what they hold."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QTableWidget, QTableWidgetItem

_WIDEST = 420  # px that a table takes whatever stands beside it


class AnswerTable(QTableWidget):
    """Table of texts; the first column says what, numbers stand right."""

    def __init__(self) -> None:
        super().__init__()
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setAlternatingRowColors(True)
        self.setShowGrid(False)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        rows = self.verticalHeader()
        assert rows is not None
        rows.hide()
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        copy = QAction("Copy", self)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy)
        self.addAction(copy)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    def show_rows(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show texts under titles."""
        self.setColumnCount(len(titles))
        self.setHorizontalHeaderLabels(list(titles))
        self.setRowCount(len(rows))
        for place, row in enumerate(rows):
            for column, text in enumerate(row):
                item = QTableWidgetItem(text)
                side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
                item.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)
                self.setItem(place, column, item)
        header = self.horizontalHeader()
        assert header is not None
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(60)
        self.resizeColumnsToContents()
        self.setMinimumWidth(min(header.length() + 24, _WIDEST))
        for column in range(len(titles)):
            title = self.horizontalHeaderItem(column)
            assert title is not None
            side = Qt.AlignmentFlag.AlignRight if column else Qt.AlignmentFlag.AlignLeft
            title.setTextAlignment(side | Qt.AlignmentFlag.AlignVCenter)

    def text(self) -> str:
        """All of it, columns separated by tabs."""
        titles = [item.text() if (item := self.horizontalHeaderItem(c)) else "" for c in range(self.columnCount())]
        return "\n".join(["\t".join(titles), *(self._line(row) for row in range(self.rowCount()))])

    def _line(self, row: int) -> str:
        return "\t".join(item.text() if (item := self.item(row, c)) else "" for c in range(self.columnCount()))

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        rows = sorted({index.row() for index in self.selectedIndexes()})
        clipboard.setText("\n".join(map(self._line, rows)) if rows else self.text())
