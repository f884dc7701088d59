"""The frame of the lab window: errors, prompts, the safe-state button, closing, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QMessageBox
from pytestqt.qtbot import QtBot

from acquisition.gui.live_run import LiveRun
from acquisition.gui.session import Activity, Connection
from acquisition.gui.window import Window
from acquisition.recipe import Recipe, load_recipe
from acquisition.states import State
from analysis import load_run
from analysis.errors import InputError
from instruments import openers
from instruments.errors import DeviceError
from instruments.roles import LockInReading

WAIT = 60_000  # ms; nothing takes so long unless it is broken


def short_recipe(steps: int = 3) -> Recipe:
    settings = {"procedures.0.steps": steps, "procedures.0.polarizations": ["45 deg"]}
    return load_recipe("field-sweep", settings)


def start(window: Window, tmp_path: Path, steps: int = 3) -> LiveRun:
    return window.session.enqueue(short_recipe(steps), tmp_path / "runs")[0]


def wait_for(qtbot: QtBot, one: LiveRun) -> State:
    qtbot.waitUntil(lambda: one.run.result is not None, timeout=WAIT)
    return one.state


class Hanging:
    """Lets the lock-in of the window's bench hang at its next reading, until `go_on` is set."""

    def __init__(self, window: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        assert window.session.bench is not None
        lock_in = window.session.bench.lock_in
        self.hangs, self.go_on, read = threading.Event(), threading.Event(), lock_in.read

        def hanging() -> LockInReading:
            self.hangs.set()
            assert self.go_on.wait(WAIT)
            return read()

        monkeypatch.setattr(lock_in, "read", hanging)


def test_an_error_in_a_slot_shows_a_dialog_and_the_run_goes_on(
    connected: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_in = Hanging(connected, monkeypatch)
    one = start(connected, tmp_path)
    qtbot.waitUntil(lock_in.hangs.is_set, timeout=WAIT)
    connected.connecting.triggered.connect(lambda: [][1])
    monkeypatch.setattr(connected, "ask_for_bench", lambda: None)
    connected.connecting.setEnabled(True)
    connected.connecting.trigger()
    assert connected.errors.isVisible() and "IndexError" in connected.errors.text.text()
    assert "Traceback" in connected.errors.details.toPlainText()
    assert any("IndexError" in text for text in connected.messages.texts())
    connected.errors.close()
    lock_in.go_on.set()
    assert wait_for(qtbot, one) is State.FINISHED


def test_the_safe_button_cuts_the_bench_off_while_an_instrument_hangs(
    connected: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = connected.session
    assert session.bench is not None and session.bench.wire is not None
    twin, clock = session.bench.wire.twin, session.bench.clock
    lock_in = Hanging(connected, monkeypatch)
    one, waiting = start(connected, tmp_path), start(connected, tmp_path)
    qtbot.waitUntil(lock_in.hangs.is_set, timeout=WAIT)
    assert twin.sample_drive.running and abs(twin.field(clock.now())) > 1e-2
    connected.safe.click()
    qtbot.waitUntil(lambda: any("cut off" in text for text in connected.messages.texts()), timeout=WAIT)
    assert not twin.sample_drive.running and not twin._lines["relay_sample"]
    assert abs(twin.field(clock.now())) < 2e-4
    assert one.run.result is None and "held at zero" in connected.state.text()
    lock_in.go_on.set()
    assert wait_for(qtbot, one) is State.ABORTED and waiting.state is State.ABORTED
    assert one.run.result is not None and "safe-state button" in one.run.result.reason
    qtbot.waitUntil(lambda: not session.cut_off and session.activity is Activity.IDLE, timeout=WAIT)
    monkeypatch.undo()
    assert wait_for(qtbot, start(connected, tmp_path)) is State.FINISHED


def test_closing_asks_while_a_run_is_on_and_stores_what_was_measured(
    connected: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock_in = Hanging(connected, monkeypatch)
    one = start(connected, tmp_path, steps=5)
    qtbot.waitUntil(lock_in.hangs.is_set, timeout=WAIT)
    questions: list[str] = []

    def answer(button: str) -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        questions.append(box.text())
        next(one for one in box.buttons() if one.text() == button).click()

    QTimer.singleShot(0, lambda: answer("Keep measuring"))
    connected.close()
    assert connected.isVisible() and one.state is State.RUNNING
    QTimer.singleShot(0, lambda: answer("Abort and close"))
    with qtbot.waitSignal(connected.session.closed, timeout=WAIT):
        connected.close()
        lock_in.go_on.set()
    qtbot.waitUntil(lambda: not connected.isVisible(), timeout=WAIT)
    assert len(questions) == 2 and "A run is on" in questions[0]
    assert one.run.result is not None and one.run.result.path is not None
    assert load_run(one.run.result.path).attrs["status"] == "aborted"


def test_an_instrument_that_does_not_answer_is_named_and_no_run_begins(
    window: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    settings = {"bench.lock_in.resource": "GPIB0::9::INSTR"}
    window.connect_bench(Connection("simulated", "py32-fused-silica", settings))
    qtbot.waitUntil(lambda: window.session.activity is Activity.IDLE, timeout=WAIT)
    qtbot.waitUntil(
        lambda: any("lock_in" in text and "GPIB0::9::INSTR" in text for text in window.messages.texts()), timeout=WAIT
    )
    with pytest.raises(InputError, match="Every instrument must answer before a run; not so: lock_in"):
        window.session.enqueue(short_recipe(), tmp_path)


def test_a_bench_that_does_not_exist_is_told_in_one_message(window: Window, qtbot: QtBot) -> None:
    window.connect_bench(Connection("simulatd", "py32-fused-silica"))
    qtbot.waitUntil(lambda: len(window.messages.texts()) > 0, timeout=WAIT)
    qtbot.waitUntil(lambda: window.session.activity is Activity.DISCONNECTED, timeout=WAIT)
    (text,) = window.messages.texts()
    assert "Did you mean 'simulated'" in text


@pytest.mark.parametrize("done", [True, False])
def test_the_bench_waits_for_hands_and_the_window_does_not(connected: Window, qtbot: QtBot, done: bool) -> None:
    session, answers = connected.session, list[str]()
    session.do(
        "changing the sample", lambda bench: session._ask("Change the sample."), lambda none: answers.append("ok")
    )
    qtbot.waitUntil(lambda: connected.prompts.box is not None and connected.prompts.box.isVisible(), timeout=WAIT)
    box = connected.prompts.box
    assert box is not None and box.text() == "Change the sample."
    assert session.activity is Activity.BUSY
    next(one for one in box.buttons() if one.text() == ("Done" if done else "Abort the run")).click()
    qtbot.waitUntil(lambda: session.activity is Activity.IDLE, timeout=WAIT)
    qtbot.waitUntil(lambda: bool(answers) if done else any("Stopped by" in t for t in connected.messages.texts()))
    assert answers == (["ok"] if done else [])


def test_a_job_that_fails_is_told_with_what_it_was(connected: Window, qtbot: QtBot) -> None:
    def job(bench: object) -> None:
        raise DeviceError("stage x", "is stuck.", "Switch it on.")

    connected.session.do("moving the stage", job)
    qtbot.waitUntil(lambda: any("Moving the stage: stage x: is stuck" in t for t in connected.messages.texts()))


def test_a_signal_closes_the_window_safely(tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": "offscreen",
        "XDG_CONFIG_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    environment["PYTHONPATH"] = str(Path(__file__).parents[1])
    code = (
        "import sys; from pathlib import Path; from PyQt6.QtCore import QTimer; import acquisition.gui.session as s\n"
        "from acquisition.gui import application\n"
        "connected = s.Session._connect\n"
        "def tell(self, connection):\n"
        "    connected(self, connection); print('connected', flush=True)\n"
        "s.Session._connect = tell\n"
        "sys.exit(application.show_window(Path('runs'), s.Connection('simulated', 'py32-fused-silica')))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        assert child.stdout is not None and child.stdout.readline() == "connected\n"
        child.send_signal(signal.SIGTERM)
        _, errors = child.communicate(timeout=60)
    finally:
        child.kill()
        child.wait()
    assert child.returncode == 0 and "Traceback" not in errors


def test_runs_on_a_bench_that_lost_an_instrument_between_samples_do_not_begin(
    connected: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = openers.role_openers

    def one_is_silent(connections: Any, sample: Any) -> dict[str, Any]:
        def silent() -> None:
            raise DeviceError("perpendicular_magnet", "does not answer.", "Switch it on.")

        return made(connections, sample) | {"perpendicular_magnet": silent}

    monkeypatch.setattr(openers, "role_openers", one_is_silent)
    settings = {"procedures.0.steps": 3, "procedures.0.polarizations": ["45 deg"], "procedures.0.repeats": 1}
    recipe = load_recipe("field-sweep", settings, sample_settings={"name": "another"})
    runs = connected.session.enqueue(recipe, tmp_path / "runs") + connected.session.enqueue(recipe, tmp_path / "runs")
    qtbot.waitUntil(lambda: all(one.run.result is not None for one in runs), timeout=WAIT)
    assert [one.state for one in runs] == [State.ABORTED] * 2
    assert all("not so: perpendicular_magnet" in one.run.result.reason for one in runs if one.run.result)
    assert list((tmp_path / "runs").glob("run-*")) == []


def test_make_safe_between_two_samples_lets_nothing_begin(
    connected: Window, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening, go_on, opened = threading.Event(), threading.Event(), connected.session._open

    def slow(*arguments: Any) -> None:
        opening.set()
        assert go_on.wait(WAIT)
        opened(*arguments)

    monkeypatch.setattr(connected.session, "_open", slow)
    recipe = load_recipe("field-sweep", {"procedures.0.steps": 3}, sample_settings={"name": "another"})
    (one,) = connected.session.enqueue(recipe, tmp_path / "runs")
    qtbot.waitUntil(opening.is_set, timeout=WAIT)
    assert connected.safe.isEnabled()
    connected.safe.click()
    go_on.set()
    assert wait_for(qtbot, one) is State.ABORTED
    qtbot.waitUntil(lambda: connected.session.activity is Activity.IDLE, timeout=WAIT)
    assert one.run.result is not None and "safe-state button" in one.run.result.reason
    assert list((tmp_path / "runs").glob("run-*")) == []
