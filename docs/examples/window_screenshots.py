"""Screenshots of docs/gui.md: drives the lab window on the simulated bench and takes a picture of every tab.

Run from the project folder: python docs/examples/window_screenshots.py
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QApplication

from acquisition.gui.session import Activity, Connection
from acquisition.gui.theme import apply_style
from acquisition.gui.window import Window
from acquisition.recipe import load_recipe

FIGURES = Path(__file__).resolve().parents[1] / "figures" / "gui"
application = QApplication([])
apply_style(application)


def wait_until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Let the window live until `condition` holds."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError("The window did not get there.")
        application.processEvents()
        time.sleep(0.005)


def take(window: Window, name: str) -> None:
    """Let what is drawn settle, then take a picture."""
    begin = time.monotonic()
    wait_until(lambda: time.monotonic() > begin + 2)
    window.grab().save(str(FIGURES / f"{name}.png"))


with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
    folder = Path(name)
    window = Window(folder / "runs", QSettings(str(folder / "window.ini"), QSettings.Format.IniFormat))
    session = window.session
    window.show()
    wait_until(lambda: hasattr(window, "sweep"))
    window.connect_bench(Connection("simulated", "py32-fused-silica"))
    wait_until(lambda: session.activity is Activity.IDLE)
    runs = session.enqueue(load_recipe("asot-demo", {"parameters.steps": 21}), folder / "runs")
    wait_until(lambda: len(runs[3].points) > 50)
    window.measure.view.setCurrentText("Odd and even parts")
    take(window, "measure")
    wait_until(lambda: session.activity is Activity.IDLE and runs[3].run.result is not None)
    window.tabs.setCurrentWidget(window.align)
    window.align.begin_map()
    wait_until(lambda: len(session.runs) > 4 and session.runs[-1].run.result is not None)
    wait_until(lambda: session.activity is Activity.IDLE)
    take(window, "align")
    window.tabs.setCurrentWidget(window.stack)
    take(window, "stack")
    window.alone.trigger()
    window.tabs.setCurrentWidget(window.runs)
    wait_until(lambda: window.runs.browser.model.rowCount() >= 5)
    window.runs.browser.select([one.run.result.path for one in runs if one.run.result and one.run.result.path])
    take(window, "runs")
    window.runs.analyse.click()
    wait_until(lambda: window.runs.reanalysis.first is not None)
    row = window.runs.reanalysis.form.rows["film.thickness"]
    row.value.setText("30 nm")
    wait_until(lambda: window.runs.reanalysis.now is not None)
    take(window, "analysis")
    gone: list[bool] = []
    session.closed.connect(lambda: gone.append(True))
    window.close_at_once()
    wait_until(lambda: gone and not window.isVisible())
