"""Runs in their order, how far they are, and what to do with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QModelIndex, QSize, Qt, QTimer, QUrl
from PyQt6.QtGui import QAction, QColor, QDesktopServices, QKeySequence, QPainter, QPalette
from PyQt6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QHeaderView,
    QLabel,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionProgressBar,
    QStyleOptionViewItem,
    QTableView,
    QToolBar,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.latest_job import LatestJob
from acquisition.gui.live_run import LiveRun
from acquisition.gui.queue_model import (
    NUMBER,
    PROGRESS,
    RESULT,
    RUN,
    SAMPLE,
    STATE,
    QueueModel,
    result_text,
    time_left,
)
from acquisition.gui.session import Session
from acquisition.gui.theme import SERIES
from acquisition.queue_progress import queue_progress
from acquisition.states import FINAL, State
from analysis.errors import InputError

if TYPE_CHECKING:
    from acquisition.recipe import Recipe
    from acquisition.runner import Run

_INTERVAL = 200  # ms between two looks at the progress
_UNFINISHED = (State.ABORTED, State.FAILED, State.INTERRUPTED)


class QueuePanel(QWidget):
    """Runs in their order, how far they are, and what to do with them.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._durations: dict[Run, float] = {}
        self._to_pause: LiveRun | None = None  # a pause waits for the end of a point
        self._job = LatestJob("durations", self)
        self._job.done.connect(self._durations.update)
        self._job.failed.connect(lambda error: None)  # what is wrong with a run, the run says
        self.model, self.table = QueueModel(session), QTableView()
        self.total = QLabel()
        self._build()
        self.model.dropped.connect(lambda row, to: self._put(self.model.runs[row], to))
        session.queue_changed.connect(self._reload)
        session.activity_changed.connect(lambda activity: self._tell())
        clock = QTimer(self)
        clock.setInterval(_INTERVAL)
        clock.timeout.connect(self._refresh)
        clock.start()
        self._tell()

    # ----------------------------------------------------------- what is shown

    def _build(self) -> None:
        table = self.table
        table.setModel(self.model)
        table.setItemDelegateForColumn(PROGRESS, _ProgressBar(table))
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        table.setDragDropOverwriteMode(False)
        table.setShowGrid(False)
        table.setAlternatingRowColors(True)
        table.setWordWrap(True)
        table.setIconSize(QSize(10, 10))
        table.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        table.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        table.setAccessibleName("Queue")
        header, rows = table.horizontalHeader(), table.verticalHeader()
        assert header is not None and rows is not None
        rows.hide()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        for column in (RUN, RESULT):
            header.setSectionResizeMode(column, QHeaderView.ResizeMode.Stretch)
        for column, width in ((NUMBER, 26), (SAMPLE, 120), (STATE, 92), (PROGRESS, 120)):
            table.setColumnWidth(column, width)
        header.sectionResized.connect(lambda *sizes: self._fit.start())
        self._fit = QTimer(self)
        self._fit.setSingleShot(True)
        self._fit.setInterval(0)
        self._fit.timeout.connect(table.resizeRowsToContents)
        selection = table.selectionModel()
        assert selection is not None
        selection.selectionChanged.connect(lambda *items: self._tell())

        bar = QToolBar("Queue")  # what has no room goes behind its arrow
        self.pausing = self._action(bar, "Pause", "Space", self._pause_or_go_on, "Before the next point")
        self.off = self._action(
            None, "Pause with the current off", "Shift+Space", lambda: self._session.pause(current_off=True),
            "Before the next point, the current at zero meanwhile",
        )  # fmt: skip
        menu, button = QMenu(self), bar.widgetForAction(self.pausing)
        assert isinstance(button, QToolButton)
        menu.addAction(self.off)
        button.setMenu(menu)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.MenuButtonPopup)
        self.skipping = self._action(bar, "Skip point", "Ctrl+K", self._skip, "Leave out the next point of this run")
        self.aborting = self._action(bar, "Abort", "Ctrl+.", self._abort, "End the selected runs; points are kept")
        self.aborting_all = self._action(
            bar, "Abort all", "Ctrl+Shift+.", lambda: self._session.abort_all(), "End the run, and all that wait"
        )
        bar.addSeparator()
        self.up = self._action(bar, "Up", "Ctrl+Up", lambda: self._move(-1), "Measure it earlier, as dragging does")
        self.down = self._action(bar, "Down", "Ctrl+Down", lambda: self._move(1), "Measure it later")
        self.duplicating = self._action(bar, "Duplicate", "Ctrl+D", self._duplicate, "Measure these runs once more")
        self.resuming = self._action(
            bar,
            "Resume run",
            "Ctrl+R",
            self._resume_ended,
            "Go on where a run ended early",
        )
        self.removing = self._action(bar, "Remove", "Del", self._remove, "Take them off the list; files stay")
        self.clearing = self._action(bar, "Clear ended", "Ctrl+L", self._clear, "Clear the list; files stay")
        self.opening = self._action(bar, "Open folder", "Ctrl+O", self._open_folder, "Where the run file is")
        self.copying = self._action(None, "Copy result", "Ctrl+C", self._copy, "Result and file as text")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 4)
        layout.setSpacing(2)
        layout.addWidget(bar)
        layout.addWidget(table, stretch=1)
        layout.addWidget(self.total)

    def _action(self, bar: QToolBar | None, text: str, shortcut: str, slot: Callable[[], object], tip: str) -> QAction:
        action = QAction(text, self.table)
        action.setShortcut(QKeySequence(shortcut))
        action.setShortcutContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        action.setToolTip(f"{tip} ({action.shortcut().toString(QKeySequence.SequenceFormat.NativeText)})")
        action.triggered.connect(lambda checked: slot())
        self.table.addAction(action)
        if bar is not None:
            bar.addAction(action)
        return action

    def _reload(self) -> None:
        chosen = self.selected
        self.model.reload()
        self.select(chosen)
        self._fit.start()
        self._estimate()
        self._tell()

    def _refresh(self) -> None:
        if rows := self.model.under_way():
            self.model.refresh(rows)
            self._tell()

    def _estimate(self) -> None:
        """Ask how long the runs will take for which that is not known."""
        bench = self._session.bench
        unknown = [one.run for one in self.model.runs if one.state is State.QUEUED and one.run not in self._durations]
        if bench is not None and unknown:
            self._job.submit(lambda: {run: run.procedure.duration(bench) for run in unknown})

    def _tell(self) -> None:
        chosen, current = self.selected, self._session.current
        state = current.state if current is not None else None
        if current is not self._to_pause or state is not State.RUNNING:
            self._to_pause = None
        text = "Go on" if state is State.PAUSED else "Pausing…" if self._to_pause else "Pause"
        self.pausing.setText(text)
        self.pausing.setEnabled(state in (State.RUNNING, State.PAUSED))
        self.off.setEnabled(state is State.RUNNING and self._to_pause is None)
        self.skipping.setEnabled(state in (State.RUNNING, State.PAUSED))
        self.aborting.setEnabled(bool(self._to_abort()))
        waiting = [one for one in self.model.runs if one.state is State.QUEUED]
        self.aborting_all.setEnabled(bool(waiting) or state in (State.RUNNING, State.PAUSED))
        one = chosen[0] if len(chosen) == 1 and chosen[0] in waiting else None
        self.up.setEnabled(one is not None and one is not waiting[0])
        self.down.setEnabled(one is not None and one is not waiting[-1])
        self.duplicating.setEnabled(bool(chosen) and self._session.connected)
        self.resuming.setEnabled(self._session.connected and any(_resumable(one) for one in chosen))
        self.removing.setEnabled(any(one.state in (State.QUEUED, *FINAL) for one in chosen))
        self.clearing.setEnabled(any(one.state in FINAL for one in self.model.runs))
        self.opening.setEnabled(bool(chosen))
        self.copying.setEnabled(bool(chosen))
        self._tell_total()

    def _tell_total(self) -> None:
        runs = [one.run for one in self.model.runs]
        if not runs:
            self.total.setText("Nothing is queued. The sweep panel adds runs.")
            return
        found = queue_progress(runs, self._durations)
        text = f"{found.runs_done} of {found.runs} runs ended, {found.points_done:,} of {found.points:,} points"
        if found.runs_done < found.runs:
            left = time_left(found.wall_time_left, found.bench_time_left, self._session.simulated)
            text += f", {left} left" if left else ""
        self.total.setText(text)

    # ----------------------------------------------------------- what is done

    @property
    def selected(self) -> list[LiveRun]:
        """Runs that are selected, in their order."""
        selection = self.table.selectionModel()
        rows = sorted({index.row() for index in selection.selectedRows()}) if selection is not None else []
        return [self.model.runs[row] for row in rows]

    def select(self, runs: list[LiveRun]) -> None:
        """Select these runs and no others."""
        self.table.clearSelection()
        mode = self.table.selectionMode()
        self.table.setSelectionMode(QAbstractItemView.SelectionMode.MultiSelection)
        for row, one in enumerate(self.model.runs):
            if one in runs:
                self.table.selectRow(row)
        self.table.setSelectionMode(mode)

    def _pause_or_go_on(self) -> None:
        """Pause; go on after a pause; take back one that waits for the end of a point."""
        current = self._session.current
        if self._to_pause is not None or (current is not None and current.state is State.PAUSED):
            self._to_pause = None
            self._session.resume()
        else:
            self._pause()

    def _pause(self, *, current_off: bool = False) -> None:
        self._to_pause = self._session.current
        self._session.pause(current_off=current_off)

    def _skip(self) -> None:
        if (current := self._session.current) is not None:
            current.run.skip()

    def _to_abort(self) -> list[LiveRun]:
        """Runs that `Abort` ends: those selected, or the one that is measured where none is."""
        can = [one for one in self.model.runs if one.state in (State.QUEUED, State.RUNNING, State.PAUSED)]
        chosen = [one for one in can if one in self.selected]
        return chosen or ([] if self.selected else [one for one in can if one is self._session.current])

    def _abort(self) -> None:
        for one in reversed(self._to_abort()):
            if one is self._session.current:
                self._session.abort()
            else:
                one.run.abort()
        self._reload()

    def _move(self, step: int) -> None:
        (one,) = self.selected
        row = self.model.runs.index(one)
        self._put(one, row - 1 if step < 0 else row + 2)

    def _put(self, one: LiveRun, to: int) -> None:
        """Put a run before that of row `to`; behind the last that does not wait at the earliest."""
        waiting = [other for other in self.model.runs[max(to, 0) :] if other.state is State.QUEUED]
        self._session.move(one, waiting[0] if waiting else None)

    def _duplicate(self) -> None:
        for one in self.selected:
            (copy,) = self._session.enqueue(_recipe_of(one), one.run.folder, first=one.planned.number)
            self._place_behind(one, copy)

    def _resume_ended(self) -> None:
        for one in self.selected:
            result, number = one.run.result, one.planned.number
            if _resumable(one) and result is not None:
                self._session.enqueue(_recipe_of(one), one.run.folder, result.path, first=number, batch=one.run.batch)

    def _place_behind(self, one: LiveRun, copy: LiveRun) -> None:
        runs = self._session.runs
        behind = [other for other in runs[runs.index(one) + 1 :] if other.state is State.QUEUED and other is not copy]
        if one.state is State.QUEUED and copy.state is State.QUEUED and behind:
            self._session.move(copy, behind[0])

    def _remove(self) -> None:
        for one in self.selected:
            if one.state in (State.QUEUED, *FINAL):
                self._session.remove(one)

    def _clear(self) -> None:
        for one in list(self.model.runs):
            if one.state in FINAL:
                self._session.remove(one)

    def _open_folder(self) -> None:
        folder = self.selected[0].run.folder.resolve()
        if not folder.is_dir() or not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
            raise InputError(f"Folder {folder} must be one that a file manager opens; none did. Look there.")

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText("\n".join(f"{one.title}\t{one.state}\t{_with_path(one)}" for one in self.selected))


class _ProgressBar(QStyledItemDelegate):
    """Draws the points done as a bar."""

    def paint(self, painter: QPainter | None, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        """Draw the ground of the row, then the bar."""
        progress = index.data(Qt.ItemDataRole.UserRole)
        text, style = index.data(), QApplication.style()
        assert painter is not None and style is not None
        style.drawPrimitive(QStyle.PrimitiveElement.PE_PanelItemViewItem, option, painter, option.widget)
        bar = QStyleOptionProgressBar()
        bar.rect = option.rect.adjusted(3, 2, -3, -2)
        spare = bar.rect.height() - 18
        bar.rect.adjust(0, max(spare // 2, 0), 0, -max(spare // 2, 0))
        palette = QPalette(option.palette)
        palette.setColor(QPalette.ColorRole.Highlight, QColor(SERIES[0]))
        bar.palette, bar.fontMetrics, bar.direction = palette, option.fontMetrics, option.direction
        bar.state = QStyle.StateFlag.State_Enabled | QStyle.StateFlag.State_Horizontal
        bar.maximum, bar.progress = max(progress.total, 1), progress.done
        bar.text, bar.textVisible, bar.textAlignment = text, True, Qt.AlignmentFlag.AlignCenter
        style.drawControl(QStyle.ControlElement.CE_ProgressBar, bar, painter, option.widget)


def _recipe_of(one: LiveRun) -> Recipe:
    """Recipe of a run with this run alone."""
    return replace(one.recipe, runs=(one.planned,))


def _resumable(one: LiveRun) -> bool:
    return one.state in _UNFINISHED and one.run.result is not None and one.run.result.path is not None


def _with_path(one: LiveRun) -> str:
    path: Path | None = one.run.result.path if one.run.result is not None else None
    return f"{result_text(one)}\t{path or ''}"
