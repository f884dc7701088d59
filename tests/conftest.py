"""Fixtures: simulated benches whose wires must stay clean, the lab window on one, and a check of what a test leaves."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from acquisition import catalogue
from instruments import Bench, open_bench
from instruments.simulation.visa_backend import open_sessions
from instruments.simulation.wire import SimulatedWire

if TYPE_CHECKING:
    from PyQt6.QtWidgets import QApplication
    from pytestqt.qtbot import QtBot

    from acquisition.gui.window import Window

os.environ["QT_QPA_PLATFORM"] = "offscreen"  # windows are driven without a display


@pytest.fixture(autouse=True)
def nothing_left_running() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    left = [thread for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    for thread in left:
        thread.join(2)
    assert not [thread.name for thread in left if thread.is_alive() and not thread.daemon]


@pytest.fixture(autouse=True)
def clean_wires() -> Iterator[tuple[list[Any], ...]]:
    """Simulated benches, whoever opened them, understood every command and were left without sessions and tasks."""
    opened: list[SimulatedWire] = []
    left: list[str] = []
    start, stop = SimulatedWire.__init__, SimulatedWire.close

    def recorded(wire: SimulatedWire, *arguments: Any, **settings: Any) -> None:
        start(wire, *arguments, **settings)
        opened.append(wire)

    def looked_over(wire: SimulatedWire) -> None:
        left.extend(f"session to {name}" for name in open_sessions(wire.visa_library.partition("@")[0]))
        left.extend(f"task {name}" for name in wire.daq_server.open_tasks())
        stop(wire)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SimulatedWire, "__init__", recorded)
        patch.setattr(SimulatedWire, "close", looked_over)
        yield opened, left
    refused = [f"{name}: {text}" for wire in opened for name, device in wire.devices.items() for text in device.refused]
    refused += [text for wire in opened for text in wire.daq_server.refused]
    assert (refused, left) == ([], [])


@pytest.fixture(autouse=True)
def run_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An index of runs of the test's own, in a folder that does not exist yet."""
    path: Path = tmp_path_factory.mktemp("cache") / "asot" / "runs.sqlite"
    with pytest.MonkeyPatch.context() as patch:  # one of its own: that of a test is undone before its bench is closed
        patch.setattr(catalogue, "index_path", lambda: path)
        yield path


@pytest.fixture
def open_simulated(clean_wires: object) -> Iterator[Callable[..., Bench]]:
    """Open simulated benches by name, with settings, dots written as two underscores; they are closed at the end."""
    opened: list[Bench] = []

    def make(name: str = "simulated", **settings: Any) -> Bench:
        bench = open_bench(name, settings={key.replace("__", "."): value for key, value in settings.items()})
        opened.append(bench)
        return bench

    yield make
    for bench in opened:
        bench.close()


@pytest.fixture
def bench(open_simulated: Callable[..., Bench]) -> Bench:
    return open_simulated()


@pytest.fixture
def window(qtbot: QtBot, qapp: QApplication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Window]:
    """The lab window as `asot gui` shows it, not connected, with runs and habits in `tmp_path`; closed at the end.

    Errors that a slot raises are shown as they are to a user; a test that provokes its dialog also closes it.
    """
    from PyQt6.QtCore import QEvent, QSettings

    from acquisition.gui.theme import apply_style
    from acquisition.gui.window import Window, report_slot_errors

    apply_style(qapp)
    shown = Window(tmp_path / "runs", QSettings(str(tmp_path / "window.ini"), QSettings.Format.IniFormat))
    monkeypatch.setattr(sys, "excepthook", report_slot_errors(shown))
    with qtbot.waitSignal(shown.loaded, timeout=30_000):
        shown.show()
    yield shown
    unexpected = shown.errors.details.toPlainText() if shown.errors.isVisible() else ""
    if shown.isEnabled():  # else the test has closed it
        with qtbot.waitSignal(shown.session.closed, timeout=30_000):
            shown.close_at_once()
    shown.deleteLater()
    qapp.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not unexpected, unexpected


@pytest.fixture
def connected(window: Window, qtbot: QtBot) -> Window:
    """The lab window, connected to the simulated bench."""
    from acquisition.gui.session import Activity, Connection

    with qtbot.waitSignal(  # the signal, not the attribute: what is shown has then followed
        window.session.activity_changed, timeout=30_000, check_params_cb=lambda activity: activity is Activity.IDLE
    ):
        window.connect_bench(Connection("simulated", "py32-fused-silica"))
    return window
