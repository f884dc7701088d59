"""Runs on disk: find, look at, analyse again."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtCore import QSettings, Qt, pyqtSignal
from PyQt6.QtGui import QResizeEvent
from PyQt6.QtWidgets import QHBoxLayout, QPushButton, QSplitter, QTabWidget, QVBoxLayout, QWidget

from acquisition.catalogue import CatalogueEntry
from acquisition.gui.reanalysis import Reanalysis
from acquisition.gui.run_browser import RunBrowser
from acquisition.gui.run_preview import RunPreview
from acquisition.gui.session import Session

_WIDE = 1000  # width from which table and preview stand side by side


class RunsTab(QWidget):
    """Runs on disk: find, look at, analyse again.

    Parameters
    ----------
    session
        Where messages go.
    folder
        Where run files are.
    settings
        Where further folders are remembered.

    Signals
    -------
    overlay_asked(xarray.Dataset)
        A run is to be drawn in the Measure tab.
    """

    overlay_asked = pyqtSignal(object)

    def __init__(self, session: Session, folder: Path, settings: QSettings) -> None:
        super().__init__()
        self.browser = RunBrowser(folder, settings)
        self.preview = RunPreview(session)
        self.reanalysis = Reanalysis(session)
        self.analyse = QPushButton("Analyse the selected runs")
        self.analyse.setToolTip("Ctrl+Return; a double click takes all runs of the same sample and recipe")
        self.analyse.setShortcut("Ctrl+Return")
        self.analyse.setEnabled(False)
        self.analyse.clicked.connect(lambda checked: self._analyse())
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.browser, stretch=1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.analyse)
        column.addLayout(row)
        self.halves = QSplitter()
        self.halves.setChildrenCollapsible(False)
        self.halves.addWidget(left)
        self.halves.addWidget(self.preview)
        self.halves.setStretchFactor(0, 3)
        self.halves.setStretchFactor(1, 2)
        self.pages = QTabWidget()
        self.pages.setDocumentMode(True)
        self.pages.addTab(self.halves, "Browse")
        self.pages.addTab(self.reanalysis, "Analysis")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 0, 4, 4)
        layout.addWidget(self.pages)
        self.browser.chosen_changed.connect(self._show_chosen)
        self.browser.opened.connect(self._open)
        self.preview.overlay_asked.connect(self.overlay_asked)
        session.run_ended.connect(lambda run: self.browser.refresh())
        for part in (self.browser, self.preview, self.reanalysis):
            session.closed.connect(part.background.close)
        session.closed.connect(self.reanalysis.files.close)

    def resizeEvent(self, event: QResizeEvent | None) -> None:  # noqa: N802 - Qt's name
        """Put table and preview where there is room."""
        super().resizeEvent(event)
        wide = self.width() >= _WIDE
        self.halves.setOrientation(Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical)

    def _show_chosen(self) -> None:
        files = [run for run in self.browser.chosen if run.path.suffix == ".h5"]
        self.analyse.setEnabled(bool(files))
        if self.browser.current != self.preview.entry:
            self.preview.show_run(self.browser.current)

    def _open(self, entry: CatalogueEntry) -> None:
        """Analyse a run together with those of the same sample in the same recipe."""
        together = [
            run.path
            for run in self.browser.model.rows
            if run == entry or (run.batch and (run.batch, run.sample) == (entry.batch, entry.sample))
        ]
        self.browser.select(together)
        self._analyse()

    def _analyse(self) -> None:
        self.pages.setCurrentWidget(self.reanalysis)
        self.reanalysis.analyse([run.path for run in self.browser.chosen if run.path.suffix == ".h5"])
