"""The main window: docks and tabs round one session, the safe-state button, and what happens when it is closed."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QByteArray, QSettings, Qt, QTimer, pyqtSignal
from PyQt6.QtGui import QAction, QActionGroup, QCloseEvent, QKeySequence
from PyQt6.QtWidgets import (
    QDockWidget,
    QFileDialog,
    QLabel,
    QMainWindow,
    QMenu,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.align_tab import AlignTab
from acquisition.gui.bench_panel import BenchPanel
from acquisition.gui.connect_dialog import ConnectDialog
from acquisition.gui.error_dialog import ErrorDialog
from acquisition.gui.measure_tab import MeasureTab
from acquisition.gui.message import Message, of_error
from acquisition.gui.message_panel import ErrorBar, MessagePanel
from acquisition.gui.prompts import Prompts
from acquisition.gui.queue_panel import QueuePanel
from acquisition.gui.recovery_bar import RecoveryBar
from acquisition.gui.runs_tab import RunsTab
from acquisition.gui.session import Activity, Connection, Session
from acquisition.gui.stack_tab import StackTab
from acquisition.gui.theme import BAD, DOUBTFUL, GOOD, Scheme, set_scheme
from analysis.errors import AsotError

if TYPE_CHECKING:
    import xarray

    from acquisition.gui.sweep_panel import SweepPanel

_LAYOUT = 1
"""Version of the docks: a state that was saved by another one is left alone."""
_NARROW = 560  # pixels that the tabs take at least: with both docks beside them they fit a screen of 1366
_QUEUE = 200  # pixels of the docks below, at first
_PAINTED = 100  # ms after which the window is on the screen: what is loaded before delays it
_SILENT = 3.0  # s after which a bench that is at one thing alone is said not to answer


class Window(QMainWindow):
    """The lab window.

    Parameters
    ----------
    folder
        Where run files go.
    settings
        Where the window's habits are kept.

    Signals
    -------
    loaded()
        The sweep panel is there: procedures and what they need are loaded after the window is shown.
    """

    loaded = pyqtSignal()
    sweep: SweepPanel
    _imported = pyqtSignal(object)

    def __init__(self, folder: Path, settings: QSettings) -> None:
        super().__init__()
        self._settings = settings
        self._closing = False
        self.setWindowTitle("asot")
        self.setDockOptions(QMainWindow.DockOption.AllowTabbedDocks | QMainWindow.DockOption.AllowNestedDocks)
        self.session = Session(self)
        self.errors = ErrorDialog(self)
        self.prompts = Prompts(self.session, self)
        self.messages = MessagePanel(self.session)

        self.bench = BenchPanel(self.session)
        self.queue = QueuePanel(self.session)
        self.recovery = RecoveryBar(self.session, folder)
        self.measure, self.align = MeasureTab(self.session), AlignTab(self.session, folder)
        self.stack, self.runs = StackTab(self.session), RunsTab(self.session, folder, settings)
        self.runs.overlay_asked.connect(self._overlay)
        self.tabs = QTabWidget()
        for name, tab in (
            ("Measure", self.measure), ("Align", self.align), ("Stack", self.stack), ("Runs", self.runs),
        ):  # fmt: skip
            self.tabs.addTab(tab, name)
        self.tabs.setMinimumWidth(_NARROW)  # whatever a tab in the back would like
        centre = QWidget()
        layout = QVBoxLayout(centre)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(ErrorBar(self.session))
        layout.addWidget(self.recovery)
        layout.addWidget(self.tabs, stretch=1)
        self.setCentralWidget(centre)

        left, right = Qt.DockWidgetArea.LeftDockWidgetArea, Qt.DockWidgetArea.RightDockWidgetArea
        bottom = Qt.DockWidgetArea.BottomDockWidgetArea
        docks = [
            self._dock("Bench", self.bench, left),
            self._dock("Sweep", QLabel("Procedures are being loaded…"), right),
            self._dock("Queue", self.queue, bottom),
            self._dock("Messages", self.messages, bottom),
        ]
        self.tabifyDockWidget(docks[2], docks[3])
        docks[2].raise_()
        for corner, area in (
            (Qt.Corner.BottomLeftCorner, left), (Qt.Corner.BottomRightCorner, right),
        ):  # fmt: skip
            self.setCorner(corner, area)
        self.resizeDocks([docks[2]], [_QUEUE], Qt.Orientation.Vertical)
        self._first_state = self.saveState(_LAYOUT)
        self._docks, self._hidden = docks, list[QDockWidget]()
        self._imported.connect(lambda failure: self._add_sweep_panel(docks[1], folder, failure))
        loading = threading.Thread(target=self._import_procedures, name="procedures", daemon=True)
        QTimer.singleShot(_PAINTED, lambda: loading.start())  # Qt holds no thread alive by its method
        self._build_bars(docks)

        self._restore()
        self.session.activity_changed.connect(lambda activity: self._tell_activity())
        self.session.cut_off_changed.connect(lambda cut: self._tell_activity())
        self.session.queue_changed.connect(self._tell_activity)
        self.session.closed.connect(self._end)
        clock = QTimer(self)
        clock.setInterval(500)
        clock.timeout.connect(self._tell_activity)
        clock.start()
        self._tell_activity()

    # ----------------------------------------------------------- what is shown

    def tell_unexpected(self, error: BaseException) -> None:
        """Show an error that nothing caught; what runs goes on."""
        message = of_error(error)
        self.session.message_posted.emit(Message("warning", message.text, message.details, message.moment))
        self.errors.add(message)

    def _import_procedures(self) -> None:
        try:
            import acquisition.gui.sweep_panel  # noqa: F401 - it takes a second, in which the window already lives
        except Exception as error:
            self._imported.emit(error)
        else:
            self._imported.emit(None)

    def _add_sweep_panel(self, dock: QDockWidget, folder: Path, failure: Exception | None) -> None:
        if failure is not None:
            raise failure
        from acquisition.gui.sweep_panel import SweepPanel

        self.sweep = SweepPanel(self.session, folder)
        self.sweep.folder_changed.connect(self.recovery.look)
        dock.setWidget(self.sweep)
        self.loaded.emit()

    def _overlay(self, dataset: xarray.Dataset) -> None:
        self.measure.overlay(dataset)
        self.tabs.setCurrentWidget(self.measure)

    def _dock(self, title: str, widget: QWidget, area: Qt.DockWidgetArea) -> QDockWidget:
        dock = QDockWidget(title, self)
        dock.setObjectName(f"{title.lower()}-dock")
        dock.setWidget(widget)
        self.addDockWidget(area, dock)
        return dock

    def _build_bars(self, docks: list[QDockWidget]) -> None:
        self.safe = QPushButton("Make safe")
        self.safe.setObjectName("safe")
        self.safe.setShortcut(QKeySequence("F12"))
        self.safe.setToolTip("F12: currents off, relay open, field to zero, at once; aborts every run")
        self.safe.setStyleSheet(
            f"#safe {{ background: {BAD}; color: white; font-weight: bold; padding: 6px 18px; border-radius: 4px; }}"
            "#safe:disabled { background: gray; }"
        )
        self.safe.clicked.connect(self.session.make_safe)
        self.state, self.kind = QLabel(), QLabel("SIMULATED")
        self.kind.setStyleSheet(
            f"background: {DOUBTFUL}; color: black; font-weight: bold; padding: 2px 8px; border-radius: 3px;"
        )
        bar = QToolBar("Bench state")
        bar.setObjectName("state-bar")
        bar.setMovable(False)
        self.connecting = self._action("&Connect…", "Ctrl+B", self.ask_for_bench, "Open a bench")
        self.disconnecting = self._action(
            "&Disconnect", "Ctrl+Shift+B", self.session.disconnect_bench, "Make the bench safe and let go of it"
        )
        self.reconnecting = self._action("&Reconnect", "F5", self.reconnect, "Close the bench and open it again")
        for action in (self.connecting, self.reconnecting, self.disconnecting):
            bar.addAction(action)
        bar.addSeparator()
        self._kind_shown = bar.addWidget(self.kind)  # of what stands in a bar, the action alone can be hidden
        bar.addWidget(self.state)
        gap = QWidget()
        gap.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        bar.addWidget(gap)
        bar.addWidget(self.safe)
        self.addToolBar(bar)

        menus = self.menuBar()
        assert menus is not None
        file, bench = menus.addMenu("&File"), menus.addMenu("&Bench")
        view, about = menus.addMenu("&View"), menus.addMenu("&Help")
        assert file is not None and bench is not None and view is not None and about is not None
        for action in (self.connecting, self.reconnecting, self.disconnecting):
            bench.addAction(action)
        file.addAction(self._action("&Save a picture of the window…", "", self._save_picture, ""))
        file.addSeparator()
        file.addAction(self._action("&Quit", "Ctrl+Q", self.close, ""))
        for place in range(self.tabs.count()):
            name = self.tabs.tabText(place)
            view.addAction(
                self._action(name, f"Ctrl+{place + 1}", lambda place=place: self.tabs.setCurrentIndex(place), "")
            )
        view.addSeparator()
        for dock in docks:
            view.addAction(dock.toggleViewAction())
        self.alone = self._action("&Tab alone", "F11", self._show_tab_alone, "Hide the docks, or bring them back")
        view.addAction(self.alone)
        view.addAction(self._action("&Default layout", "", self._default_layout, "Put every dock back"))
        view.addSeparator()
        self._add_schemes(view)
        about.addAction(self._action("&Keyboard shortcuts", "F1", self._tell_shortcuts, ""))

    def _action(self, text: str, shortcut: str, slot: object, tip: str) -> QAction:
        action = QAction(text, self)
        if shortcut:
            action.setShortcut(QKeySequence(shortcut))
        if tip:
            action.setToolTip(f"{tip} ({shortcut})" if shortcut else tip)
        action.triggered.connect(lambda checked: slot())  # type: ignore[operator]
        return action

    def _add_schemes(self, view: QMenu) -> None:
        group = QActionGroup(self)
        present = self._settings.value("scheme", "system")
        schemes: tuple[tuple[Scheme, str], ...] = (
            ("system", "Colours of the system"), ("light", "Light"), ("dark", "Dark"),
        )  # fmt: skip
        for scheme, text in schemes:
            action = QAction(text, self)
            action.setCheckable(True)
            action.setChecked(scheme == present)
            action.triggered.connect(lambda checked, scheme=scheme: self._choose_scheme(scheme))
            group.addAction(action)
            view.addAction(action)
            if scheme == present and scheme != "system":
                set_scheme(scheme)

    def _choose_scheme(self, scheme: Scheme) -> None:
        self._settings.setValue("scheme", scheme)
        set_scheme(scheme)

    def _tell_activity(self) -> None:
        session = self.session
        connected, free = session.connected, session.activity in (Activity.IDLE, Activity.DISCONNECTED)
        assert self._kind_shown is not None
        self._kind_shown.setVisible(session.simulated)
        self.connecting.setEnabled(free)
        self.reconnecting.setEnabled(free and session.connection is not None)
        self.disconnecting.setEnabled(free and connected)
        text = session.doing or str(session.activity)
        colour = GOOD if connected else "gray"
        bench = f"{session.bench.file.name}, {session.bench.sample.name}: " if session.bench is not None else ""
        if session.cut_off:
            text, colour = "currents and field held at zero", BAD
        silent = session.activity in (Activity.IDLE, Activity.BUSY, Activity.CONNECTING) and session.busy_for > _SILENT
        if connected and silent:
            text, colour = f"{text}; an instrument has not answered for {session.busy_for:.0f} s", DOUBTFUL
        elif session.bench is not None and session.bench.faults:
            text, colour = f"{len(session.bench.faults)} instruments do not answer", BAD
        self.state.setText(f'&nbsp;<span style="color:{colour}">●</span> {bench}{text}')

    def _tell_shortcuts(self) -> None:
        actions = [action for action in self.findChildren(QAction) if not action.shortcut().isEmpty()]
        lines = [f"{action.shortcut().toString():<16}{action.text().replace('&', '')}" for action in actions]
        box = QMessageBox(self)
        box.setWindowTitle("Keyboard shortcuts")
        box.setText("<pre>" + "\n".join(["F12             Make safe", *lines]) + "</pre>")
        box.setModal(False)
        box.show()

    # ----------------------------------------------------------- what is done

    def ask_for_bench(self) -> None:
        """Ask which bench to open, then open it."""
        dialog = ConnectDialog(self.session.connection or self._last_connection(), self)
        dialog.accepted.connect(lambda: self.connect_bench(dialog.connection))
        dialog.open()

    def connect_bench(self, connection: Connection) -> None:
        """Open a bench."""
        for key in ("bench", "sample", "realtime"):
            self._settings.setValue(f"connection/{key}", getattr(connection, key))
        self.session.connect_bench(connection)

    def reconnect(self) -> None:
        """Close the bench and open it again."""
        if self.session.connection is not None:
            self.session.connect_bench(self.session.connection)

    def _last_connection(self) -> Connection | None:
        bench, sample = self._settings.value("connection/bench"), self._settings.value("connection/sample")
        realtime = self._settings.value("connection/realtime", False, type=bool)
        return Connection(bench, sample, realtime=realtime) if bench and sample else None

    def _save_picture(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save a picture of the window", "asot.png", "*.png")
        if name:
            self.grab().save(name)

    def _default_layout(self) -> None:
        self._hidden.clear()
        self.restoreState(self._first_state, _LAYOUT)

    def _show_tab_alone(self) -> None:
        if self._hidden:
            for dock in self._hidden:
                dock.show()
            self._hidden.clear()
            return
        self._hidden = [dock for dock in self._docks if not dock.isHidden()]
        for dock in self._hidden:
            dock.hide()

    # ----------------------------------------------------------- opened and closed

    def _restore(self) -> None:
        self.resize(1366, 768)
        geometry, state = self._settings.value("geometry"), self._settings.value("state")
        if isinstance(geometry, QByteArray):
            self.restoreGeometry(geometry)
        if isinstance(state, QByteArray):
            self.restoreState(state, _LAYOUT)

    def closeEvent(self, event: QCloseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Ask while a run is on; make the bench safe before the window goes."""
        assert event is not None
        if self._closing:
            event.accept()
            return
        event.ignore()
        running = self.session.activity is Activity.MEASURING
        if running and not self._may_close():
            return
        self.close_at_once()

    def close_at_once(self) -> None:
        """Abort what runs, make the bench safe, and close without asking; a second call does nothing."""
        if not self.isEnabled():
            return
        self._settings.setValue("geometry", self.saveGeometry())
        self._settings.setValue("state", self.saveState(_LAYOUT))
        self.setEnabled(False)
        self.state.setText("&nbsp;● making the bench safe, then closing")
        self.session.close()

    def _may_close(self) -> bool:
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Warning)
        box.setWindowTitle("A run is on")
        box.setText("A run is on. Abort it, make the bench safe and close?")
        box.setInformativeText("Every point measured so far is stored, and the run can be resumed later.")
        close = box.addButton("Abort and close", QMessageBox.ButtonRole.AcceptRole)
        stay = box.addButton("Keep measuring", QMessageBox.ButtonRole.RejectRole)
        box.setDefaultButton(stay)
        box.exec()
        return box.clickedButton() is close

    def _end(self) -> None:
        self._closing = True
        self.close()


def report_slot_errors(window: Window) -> object:
    """Return a hook for `sys.excepthook` that shows what a slot raised; PyQt would end the program instead."""

    def hook(kind: type[BaseException], error: BaseException, trace: object) -> None:
        if isinstance(error, KeyboardInterrupt):
            window.close()
        elif isinstance(error, AsotError):
            window.session.message_posted.emit(of_error(error))
        else:
            window.tell_unexpected(error)

    return hook
