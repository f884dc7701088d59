"""Browser of runs: folders that are remembered, filters, and a table that follows what appears on disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from PyQt6.QtCore import QDate, QFileSystemWatcher, QItemSelectionModel, QSettings, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QHideEvent, QShowEvent
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDateEdit,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QTableView,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from acquisition.catalogue import Catalogue, CatalogueEntry
from acquisition.gui.background import Background
from acquisition.gui.run_table import COLUMNS, RunTable
from acquisition.run_folders import read_below
from acquisition.run_selection import Selection

_LOOK = 5000  # ms between two looks at the folders while they are shown
_SOON = 500  # ms after which a change is looked at: a run that ends changes several files
_WATCHED = 200  # folders; the look every few seconds finds what happens in others
_SPANS = {"Any date": None, "Today": 0, "Last 7 days": 6, "Last 30 days": 29, "Last year": 364, "Between…": None}
_MANY = 100  # new files from which their number is told


class RunBrowser(QWidget):
    """Table of the runs in several folders.

    Parameters
    ----------
    folder
        Where run files go; it is always looked through.
    settings
        Where further folders are remembered.

    Signals
    -------
    chosen_changed()
        `chosen` and `current` are others.
    opened(CatalogueEntry)
        A run was double-clicked.
    """

    chosen_changed = pyqtSignal()
    opened = pyqtSignal(object)
    _reading = pyqtSignal(int, int)

    def __init__(self, folder: Path, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self._own = folder
        kept = settings.value("runs/folders", [], type=list)
        self.folders = list(dict.fromkeys([folder, *map(Path, kept)]))
        self.model = RunTable()
        self._catalogue = Catalogue([])
        self._looked = False
        self._told: tuple[CatalogueEntry | None, list[CatalogueEntry]] = None, []
        self.background = Background("catalogue", self)
        self._reading.connect(self._tell_reading)
        self._build()
        self._watcher = QFileSystemWatcher(self)
        self._watcher.directoryChanged.connect(lambda path: self._soon.start())
        self._soon, self._clock = QTimer(self), QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)
        self._clock.setInterval(_LOOK)
        for timer in (self._soon, self._clock):
            timer.timeout.connect(self.refresh)

    @property
    def chosen(self) -> list[CatalogueEntry]:
        """Runs that are selected, in the order of the table."""
        model = self.table.selectionModel()
        assert model is not None
        return [self.model.rows[row] for row in sorted(index.row() for index in model.selectedRows())]

    @property
    def current(self) -> CatalogueEntry | None:
        """The run that was selected last."""
        model = self.table.selectionModel()
        assert model is not None
        index = model.currentIndex()
        if index.isValid() and model.isRowSelected(index.row()):
            return self.model.rows[index.row()]
        return next(iter(self.chosen), None)

    def select(self, paths: Sequence[Path]) -> None:
        """Select runs; those that are not shown are left out."""
        rows = [row for path in paths if (row := self.model.row_of(path)) is not None]
        model = self.table.selectionModel()
        assert model is not None
        blocked = model.blockSignals(True)
        model.clear()
        for row in rows:
            index = self.model.index(row, 0)
            flags = QItemSelectionModel.SelectionFlag.Select | QItemSelectionModel.SelectionFlag.Rows
            model.select(index, flags)
        if rows:
            model.setCurrentIndex(self.model.index(rows[0], 0), QItemSelectionModel.SelectionFlag.NoUpdate)
        model.blockSignals(blocked)
        self._show_chosen()
        viewport = self.table.viewport()
        assert viewport is not None
        viewport.update()

    def refresh(self) -> None:
        """Look at the folders again."""
        if self.background.busy:  # a first look at many files lasts longer than the clock
            return
        folders = list(self.folders)

        def tell(done: int, total: int) -> None:
            if total >= _MANY and (done % _MANY == 0 or done == total):
                self._reading.emit(done, total)

        self.background.replace(lambda: read_below(folders, tell), self._show, lambda error: self._tell(str(error)))

    def add_folder(self, folder: Path) -> None:
        """Look through a further folder, now and in future."""
        if folder not in self.folders:
            self.folders.append(folder)
            self._folders_changed()

    def remove_folder(self, folder: Path) -> None:
        """Look through a folder no longer."""
        self.folders.remove(folder)
        self._folders_changed()

    # ----------------------------------------------------------- how it is built

    def _build(self) -> None:
        self.folder_button = QToolButton()
        self.folder_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.folder_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.folder_button.setToolTip("Folders that are looked through, with all folders below them")
        self._folder_menu = QMenu(self)
        self.folder_button.setMenu(self._folder_menu)
        self._fill_folder_menu()
        self.text = QLineEdit()
        self.text.setPlaceholderText("Find (Ctrl+F)")
        self.text.setToolTip("Words that must stand somewhere in the row, in the id or in the path")
        self.text.setClearButtonEnabled(True)
        self.text.setMinimumWidth(110)
        find = QAction(self)
        find.setShortcut("Ctrl+F")
        find.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        find.triggered.connect(lambda: self.text.setFocus())
        self.addAction(find)
        self.sample, self.procedure, self.status = (QComboBox() for _ in range(3))
        for box, name in ((self.sample, "samples"), (self.procedure, "procedures"), (self.status, "statuses")):
            box.addItem(f"All {name}", "")
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
            box.currentIndexChanged.connect(lambda index: self._filter())
        self.span = QComboBox()
        self.span.addItems(list(_SPANS))
        today = QDate.currentDate()
        self.since, self.until = QDateEdit(today.addDays(-30)), QDateEdit(today)
        for edit in (self.since, self.until):
            edit.setCalendarPopup(True)
            edit.setDisplayFormat("yyyy-MM-dd")
            edit.dateChanged.connect(lambda day: self._filter())
            edit.hide()
        self.text.textChanged.connect(lambda text: self._filter())
        self.span.currentIndexChanged.connect(lambda index: self._filter())
        self.count = QLabel()
        self.count.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.notes.hide()
        self.table = QTableView()
        self.table.setModel(self.model)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setWordWrap(False)
        self.table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        rows, columns = self.table.verticalHeader(), self.table.horizontalHeader()
        assert rows is not None and columns is not None
        rows.hide()
        rows.setDefaultSectionSize(self.fontMetrics().height() + 6)
        columns.setHighlightSections(False)
        columns.setSectionsMovable(True)
        for place, column in enumerate(COLUMNS):
            self.table.setColumnWidth(place, column.width)
        selection = self.table.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(lambda *_: self._show_chosen())
        self.table.doubleClicked.connect(lambda index: self.opened.emit(self.model.rows[index.row()]))
        filters, more = QHBoxLayout(), QHBoxLayout()
        filters.addWidget(self.folder_button)
        filters.addWidget(self.text, stretch=1)
        for widget in (self.sample, self.procedure, self.status, self.span, self.since, self.until):
            more.addWidget(widget)
        more.addStretch(1)
        more.addWidget(self.count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(filters)
        layout.addLayout(more)
        layout.addWidget(self.notes)
        layout.addWidget(self.table, stretch=1)

    def _fill_folder_menu(self) -> None:
        self._folder_menu.clear()
        more = len(self.folders) - 1
        name = self.folders[0].name or str(self.folders[0])
        self.folder_button.setText(f"{name} and {more} more" if more else name)
        add = self._folder_menu.addAction("Add a folder…")
        look = self._folder_menu.addAction("Look again")
        assert add is not None and look is not None
        add.triggered.connect(self._ask_for_folder)
        look.triggered.connect(self.refresh)
        self._folder_menu.addSeparator()
        for folder in self.folders:
            if folder == self._own:
                entry = self._folder_menu.addAction(f"{folder} (runs go there)")
                assert entry is not None
                entry.setEnabled(False)
            else:
                entry = self._folder_menu.addAction(f"Remove {folder}")
                assert entry is not None
                entry.triggered.connect(lambda checked, folder=folder: self.remove_folder(folder))

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder of runs", str(self.folders[-1]))
        if name:
            self.add_folder(Path(name))

    def _folders_changed(self) -> None:
        self._settings.setValue("runs/folders", [str(folder) for folder in self.folders if folder != self._own])
        self._fill_folder_menu()
        self.refresh()

    # ----------------------------------------------------------- what is shown

    def showEvent(self, event: QShowEvent | None) -> None:  # noqa: N802 - Qt's name
        """Look at the folders as long as they are shown."""
        super().showEvent(event)
        self.refresh()
        self._clock.start()

    def hideEvent(self, event: QHideEvent | None) -> None:  # noqa: N802 - Qt's name
        """Rest."""
        super().hideEvent(event)
        self._clock.stop()

    def _show(self, catalogue: Catalogue) -> None:
        if not self._looked or catalogue != self._catalogue:
            self._looked, self._catalogue = True, catalogue
            for box, key in ((self.sample, "sample"), (self.procedure, "procedure"), (self.status, "status")):
                _offer(box, sorted({value for run in catalogue.runs if (value := getattr(run, key))}))
            self._keeping_the_choice(lambda: self.model.show(catalogue.runs))
            self._watch(catalogue)
        self._tell("\n".join(catalogue.notes))
        self._count()

    def _watch(self, catalogue: Catalogue) -> None:
        folders = dict.fromkeys([*self.folders, *(run.path.parent for run in catalogue.runs)])
        wanted = {str(folder) for folder in list(folders)[:_WATCHED] if folder.is_dir()}
        known = set(self._watcher.directories())
        if known - wanted:
            self._watcher.removePaths(sorted(known - wanted))
        if wanted - known:
            self._watcher.addPaths(sorted(wanted - known))

    def _filter(self) -> None:
        span = self.span.currentText()
        for edit in (self.since, self.until):
            edit.setVisible(span == "Between…")
        since = until = None
        if span == "Between…":
            since = _local(self.since.date().toPyDate(), time.min)
            until = _local(self.until.date().toPyDate(), time.max)
        elif (days := _SPANS[span]) is not None:
            since = _local(datetime.now(UTC).astimezone().date() - timedelta(days=days), time.min)
        sample, procedure, status = (
            _literally(box.currentData()) for box in (self.sample, self.procedure, self.status)
        )
        selection = Selection(sample=sample, procedure=procedure, status=status, since=since, until=until)
        self._keeping_the_choice(lambda: self.model.choose(selection, self.text.text()))
        self._count()

    def _keeping_the_choice(self, change: Callable[[], None]) -> None:
        paths = [run.path for run in self.chosen]
        bar = self.table.verticalScrollBar()
        assert bar is not None
        place = bar.value()
        change()
        self.select(paths)
        bar.setValue(place)

    def _count(self) -> None:
        shown, total, chosen = len(self.model.rows), len(self.model.all), len(self.chosen)
        text = f"{total} runs" if shown == total else f"{shown} of {total} runs"
        self.count.setText(f"{text}, {chosen} selected" if chosen > 1 else text)

    def _show_chosen(self) -> None:
        self._count()
        chosen = self.current, self.chosen
        if chosen != self._told:
            self._told = chosen
            self.chosen_changed.emit()

    def _tell(self, text: str) -> None:
        self.notes.setText(text)
        self.notes.setVisible(bool(text))

    def _tell_reading(self, done: int, total: int) -> None:
        self._tell(f"Reading new files: {done} of {total}" if done < total else "")


def _offer(box: QComboBox, values: Sequence[str]) -> None:
    """Replace what a filter offers, and keep what it is set to."""
    present = box.currentData()
    box.blockSignals(True)
    while box.count() > 1:
        box.removeItem(1)
    for value in values if present in values or not present else [*values, present]:
        box.addItem(value, value)
    box.setCurrentIndex(box.findData(present))
    box.blockSignals(False)


def _literally(name: str) -> str:
    """Pattern that means a name and nothing else."""
    return "".join(f"[{sign}]" if sign in "*?[" else sign for sign in name)


def _local(day: date, moment: time) -> datetime:
    return datetime.combine(day, moment).astimezone()


def show_in_folder(path: Path) -> None:
    """Open the folder of a file in the system's file manager."""
    from PyQt6.QtCore import QUrl
    from PyQt6.QtGui import QDesktopServices

    QDesktopServices.openUrl(QUrl.fromLocalFile(os.fspath(path.parent)))
