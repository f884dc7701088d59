"""`asot gui`: makes the application and its window, and ends it safely on signals."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from PyQt6.QtCore import QSettings, Qt, QTimer
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import QApplication

from acquisition.gui.session import Connection
from acquisition.gui.theme import apply_style
from acquisition.gui.window import Window, report_slot_errors

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
_LOOK = 200  # ms between two looks at signals: Python delivers them only between its own instructions


def show_window(folder: Path, connection: Connection | None) -> int:
    """Show the lab window until it is closed.

    Parameters
    ----------
    folder
        Where run files go.
    connection
        What to connect to at once; None to be asked.

    Returns
    -------
    int
        Exit code.
    """
    QGuiApplication.setHighDpiScaleFactorRoundingPolicy(Qt.HighDpiScaleFactorRoundingPolicy.PassThrough)
    application = QApplication(sys.argv[:1])
    application.setApplicationName("asot")
    application.setOrganizationName("asot")
    apply_style(application)
    settings = QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "asot", "window")
    window = Window(folder, settings)
    sys.excepthook = report_slot_errors(window)  # type: ignore[assignment]
    for name in _SIGNALS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, frame: window.close_at_once())
    awake = QTimer()
    awake.timeout.connect(lambda: None)
    awake.start(_LOOK)
    window.show()
    if connection is None:
        QTimer.singleShot(0, window.ask_for_bench)  # when the window has been painted
    else:
        window.connect_bench(connection)
    return application.exec()
