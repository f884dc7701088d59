"""The runs that can be drawn over the one that is shown, with check boxes and colours."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QAction, QColor, QIcon, QPixmap
from PyQt6.QtWidgets import QListWidget, QListWidgetItem, QWidget

from acquisition.gui.run_source import RunSource
from acquisition.gui.theme import SERIES


class OverlayList(QListWidget):
    """Runs with check boxes; those that are checked are drawn.

    Signals
    -------
    chosen()
        Other runs are checked, or the list is another one.
    """

    chosen = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip("Check a run to draw it over the one that is shown. Stored runs are added in the tab Runs.")
        self.setWordWrap(True)
        self._runs: list[RunSource] = []
        self.itemChanged.connect(lambda item: self.chosen.emit())
        remove = QAction("Take off the list", self)
        remove.triggered.connect(self._remove)
        self.addAction(remove)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)

    @property
    def runs(self) -> Sequence[RunSource]:
        """All runs of the list."""
        return tuple(self._runs)

    @property
    def checked(self) -> list[tuple[RunSource, str]]:
        """Checked runs with their colours."""
        return [
            (run, self._colour(place))
            for place, run in enumerate(self._runs)
            if (item := self.item(place)) is not None and item.checkState() is Qt.CheckState.Checked
        ]

    def add(self, run: RunSource, checked: bool) -> None:
        """Add a run at the end."""
        self._runs.append(run)
        item = QListWidgetItem(run.title)
        picture = QPixmap(12, 12)
        picture.fill(QColor(self._colour(len(self._runs) - 1)))
        item.setIcon(QIcon(picture))
        item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
        item.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        self.addItem(item)
        self.chosen.emit()

    def _remove(self) -> None:
        row = self.currentRow()
        if row >= 0:
            del self._runs[row]
            self.takeItem(row)
            self.chosen.emit()

    @staticmethod
    def _colour(place: int) -> str:
        """Colours from the end of the series: those at its beginning are taken by the run below."""
        return SERIES[-1 - place % len(SERIES)]
