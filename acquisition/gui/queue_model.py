"""The queue as a table: what each run measures, how far it is, how it ended."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from PyQt6.QtCore import QAbstractTableModel, QMimeData, QModelIndex, Qt, pyqtSignal
from PyQt6.QtGui import QColor, QGuiApplication

from acquisition.gui.live_run import LiveRun
from acquisition.gui.session import Session
from acquisition.gui.theme import BAD, DOUBTFUL, GOOD, alarm
from acquisition.pace import Progress, duration
from acquisition.states import FINAL, State

COLUMNS = ("", "Run", "Sample", "State", "Progress", "Time left, or result")
NUMBER, RUN, SAMPLE, STATE, PROGRESS, RESULT = range(len(COLUMNS))
_ROW = "application/x-asot-run"

_STATES: dict[State, tuple[str, str]] = {
    State.QUEUED: ("○ waits", ""),
    State.RUNNING: ("▶ running", GOOD),
    State.PAUSED: ("‖ paused", DOUBTFUL),
    State.ABORTING: ("… aborting", DOUBTFUL),
    State.FINISHED: ("✓ finished", GOOD),
    State.ABORTED: ("⊘ aborted", DOUBTFUL),
    State.FAILED: ("✗ failed", BAD),
    State.INTERRUPTED: ("✗ interrupted", BAD),
}


class QueueModel(QAbstractTableModel):
    """Runs of a session, one a row.

    Parameters
    ----------
    session
        Whose runs are shown.

    Signals
    -------
    dropped(int, int)
        The run of one row was dragged before another row.
    """

    dropped = pyqtSignal(int, int)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.runs: list[LiveRun] = []

    def reload(self) -> None:
        """Take over which runs there are, in which order; rows that stay are not built anew."""
        runs = list(self._session.runs)
        if runs != self.runs:
            self.beginResetModel()
            self.runs = runs
            self.endResetModel()
        else:
            self.refresh(range(len(runs)))

    def refresh(self, rows: Iterable[int]) -> None:
        """Show anew how far the runs of `rows` are."""
        for row in rows:
            self.dataChanged.emit(self.index(row, STATE), self.index(row, RESULT))

    def under_way(self) -> list[int]:
        """Rows of runs that are being measured."""
        return [row for row, one in enumerate(self.runs) if one.state is not State.QUEUED and one.state not in FINAL]

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name
        """Number of runs."""
        return 0 if parent.isValid() else len(self.runs)

    def columnCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name
        """Number of columns."""
        return 0 if parent.isValid() else len(COLUMNS)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = 0) -> Any:  # noqa: N802 - Qt's name
        """Title of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Text, colours and tool tips; the progress itself for the bar that a delegate draws."""
        one, column = self.runs[index.row()], index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._text(index.row(), column)
        if role == Qt.ItemDataRole.UserRole and column == PROGRESS:
            return _progress(one)
        if role == Qt.ItemDataRole.ForegroundRole and column in (STATE, RESULT) and _went_wrong(one):
            return alarm(QGuiApplication.palette())
        if role == Qt.ItemDataRole.DecorationRole and column == STATE and _STATES[one.state][1]:
            return QColor(_STATES[one.state][1])
        if role == Qt.ItemDataRole.ToolTipRole:
            return self._text(index.row(), column)
        if role == Qt.ItemDataRole.TextAlignmentRole:
            side = Qt.AlignmentFlag.AlignRight if column == NUMBER else Qt.AlignmentFlag.AlignLeft
            return (side | Qt.AlignmentFlag.AlignVCenter).value
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Runs that wait may be dragged; between rows they may be dropped."""
        flags = super().flags(index)
        if not index.isValid():
            return flags | Qt.ItemFlag.ItemIsDropEnabled
        if self.runs[index.row()].state is State.QUEUED:
            flags |= Qt.ItemFlag.ItemIsDragEnabled
        return flags

    def supportedDropActions(self) -> Qt.DropAction:  # noqa: N802 - Qt's name
        """Rows are moved."""
        return Qt.DropAction.MoveAction

    def mimeTypes(self) -> list[str]:  # noqa: N802 - Qt's name
        """What a dragged row is."""
        return [_ROW]

    def mimeData(self, indexes: Iterable[QModelIndex]) -> QMimeData:  # noqa: N802 - Qt's name
        """The row that is dragged."""
        data = QMimeData()
        data.setData(_ROW, str(min(index.row() for index in indexes)).encode())
        return data

    def dropMimeData(  # noqa: N802 - Qt's name
        self, data: QMimeData | None, action: Qt.DropAction, row: int, column: int, parent: QModelIndex
    ) -> bool:
        """Say which row goes where; the session moves it, not the view."""
        if data is not None and data.hasFormat(_ROW):
            to = row if row >= 0 else parent.row() if parent.isValid() else len(self.runs)
            self.dropped.emit(int(data.data(_ROW).data()), to)
        return False

    def _text(self, row: int, column: int) -> str:
        one = self.runs[row]
        if column == NUMBER:
            return str(row + 1)
        if column == RUN:
            return one.title
        if column == SAMPLE:
            return one.planned.sample.description.name
        if column == STATE:
            return _STATES[one.state][0]
        progress = _progress(one)
        if column == PROGRESS:
            return f"{progress.done} of {progress.total} points"
        if one.run.result is None:
            return time_left(progress.wall_time_left, progress.bench_time_left, self._session.simulated)
        return result_text(one)


def _progress(one: LiveRun) -> Progress:
    """How far a run is; no time is left to one that ended."""
    progress = one.run.progress
    if one.state in FINAL:
        return Progress(progress.done, progress.total, progress.points_per_second, math.nan, math.nan)
    return progress


def _went_wrong(one: LiveRun) -> bool:
    return one.state in (State.FAILED, State.INTERRUPTED) or bool(one.run.result and one.run.result.unsafe)


def time_left(wall: float, bench: float, simulated: bool) -> str:
    """Time left in words, beside it that of a simulated bench; "" where it is not known."""
    if math.isnan(wall):
        return ""
    return duration(wall) + (f" (bench {duration(bench)})" if simulated else "")


def result_text(one: LiveRun) -> str:
    """How a run ended and where its file is."""
    result = one.run.result
    if result is None:
        return ""
    unsafe = [f"NOT SAFE: {step}" for step in result.unsafe]
    return "  ".join(text for text in (result.reason, *unsafe, result.path.name if result.path else "") if text)
