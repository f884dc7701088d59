"""Queue panel and recovery: runs in order, what failed and why, and runs that a dead process left."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from acquisition.gui.live_run import LiveRun
from acquisition.gui.queue_model import PROGRESS, RESULT, STATE
from acquisition.gui.session import Activity
from acquisition.gui.window import Window
from acquisition.pace import Progress
from acquisition.queue_progress import queue_progress
from acquisition.recipe import Recipe, parse_recipe
from acquisition.recipe_left import recipe_left
from acquisition.states import State
from analysis import load_run
from analysis.errors import InputError

ROOT = Path(__file__).parents[1]
LOCK_IN = "GPIB0::8::INSTR"


@pytest.fixture
def runs_stay_in_their_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """How run files are made is tested elsewhere, and takes a process each."""
    monkeypatch.setattr("acquisition.runner.finish_run", lambda path: path)


def recipe(name: str, steps: int = 3) -> Recipe:
    return parse_recipe(
        f"""
name = "{name}"
[[procedures]]
procedure = "field-sweep"
steps = {steps}
time_constant = "3 ms"
""",
        name,
    )


def cell(window: Window, row: int, column: int, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
    model = window.queue.model
    return model.data(model.index(row, column), role)


def enqueue(window: Window, planned: Recipe) -> LiveRun:
    (one,) = window.session.enqueue(planned, window.sweep.folder)
    return one


def idle(window: Window, qtbot: QtBot) -> None:
    qtbot.waitUntil(lambda: window.session.activity is Activity.IDLE, timeout=30_000)


@pytest.mark.usefixtures("runs_stay_in_their_journals")
def test_waiting_runs_are_reordered_duplicated_and_removed(connected: Window, qtbot: QtBot) -> None:
    queue, session = connected.queue, connected.session
    first = enqueue(connected, recipe("first", steps=300))
    qtbot.waitUntil(lambda: len(first.points) > 1, timeout=20_000)
    queue.pausing.trigger()
    qtbot.waitUntil(lambda: first.state is State.PAUSED, timeout=20_000)
    second, third, fourth = (enqueue(connected, recipe(name)) for name in ("second", "third", "fourth"))
    assert queue.model.runs == [first, second, third, fourth]
    assert not queue.duplicating.isEnabled()

    queue.select([third])
    assert queue.up.isEnabled() and not queue.resuming.isEnabled()
    queue.up.trigger()
    assert queue.model.runs == [first, third, second, fourth] and queue.selected == [third]
    assert not queue.up.isEnabled()
    queue.model.dropMimeData(queue.model.mimeData([queue.model.index(3, 0)]), Qt.DropAction.MoveAction, 2, 0,
                             queue.model.index(-1, -1))  # fmt: skip
    assert queue.model.runs == [first, third, fourth, second]
    queue.duplicating.trigger()
    copy = queue.model.runs[2]
    assert copy not in (first, second, third, fourth) and copy.planned == third.planned
    queue.select([fourth])
    queue.removing.trigger()
    assert queue.model.runs == [first, third, copy, second]
    assert fourth.run.result is not None and fourth.run.result.path is None
    assert cell(connected, 0, STATE) == "‖ paused" and cell(connected, 1, STATE) == "○ waits"
    assert "0 of 4 runs ended" in queue.total.text()

    queue.select([])
    queue.aborting.trigger()
    idle(connected, qtbot)
    assert [one.state for one in session.runs] == [State.ABORTED, *[State.FINISHED] * 3]
    assert cell(connected, 1, PROGRESS) == "12 of 12 points" and cell(connected, 1, RESULT).startswith("run-")
    assert queue.total.text().startswith("4 of 4 runs ended")

    queue.select([first])
    done = first.run.result.points if first.run.result is not None else 0
    queue.resuming.trigger()
    resumed = session.runs[-1]
    qtbot.waitUntil(lambda: resumed.run.progress.done > done, timeout=20_000)
    assert resumed.run.batch == first.run.batch
    queue.aborting_all.trigger()
    idle(connected, qtbot)
    assert resumed.run.result is not None and resumed.run.result.points > done
    queue.clearing.trigger()
    assert not queue.model.runs and "Nothing is queued" in queue.total.text()


@pytest.mark.usefixtures("runs_stay_in_their_journals")
def test_failed_run_is_red_with_its_reason_and_the_next_goes_on(connected: Window, qtbot: QtBot) -> None:
    session = connected.session
    assert session.bench is not None and session.bench.wire is not None
    line = session.bench.wire.lines[LOCK_IN]
    bad, good = recipe("bad"), recipe("good")

    def set_fault(one: LiveRun, fault: str | None) -> None:
        if one.recipe is bad:
            line.fault = fault

    direct = Qt.ConnectionType.DirectConnection  # in the bench thread, before the next run begins
    session.run_began.connect(lambda one: set_fault(one, "silent"), direct)
    session.run_ended.connect(lambda one: set_fault(one, None), direct)
    failed, finished = enqueue(connected, bad), enqueue(connected, good)
    qtbot.waitUntil(lambda: finished.run.result is not None, timeout=30_000)
    idle(connected, qtbot)
    assert (failed.state, finished.state) == (State.FAILED, State.FINISHED)
    assert cell(connected, 0, STATE) == "✗ failed" and cell(connected, 1, STATE) == "✓ finished"
    assert "lock_in (SR830, GPIB0::8::INSTR): did not answer" in cell(connected, 0, RESULT)
    colour, other = (cell(connected, row, RESULT, Qt.ItemDataRole.ForegroundRole) for row in (0, 1))
    assert colour.red() > colour.blue() + 80 and other is None


def killed_after(points: int, text: str, folder: Path) -> int:
    """Run a recipe in a process that is killed after some points; returns how many it had acknowledged."""
    path = folder.parent / "killed.toml"
    path.write_text(text, encoding="utf-8")
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "acquisition", "run", str(path), "--out", str(folder), "--json"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.stdout is not None
    told = 0
    for line in child.stdout:
        told += json.loads(line)["event"] == "point"
        if told == points:
            child.kill()
            break
    told += sum(json.loads(line)["event"] == "point" for line in child.stdout if line.endswith("\n"))
    child.stdout.close()
    child.wait()
    return told


def test_run_of_a_killed_process_is_offered_recovered_and_resumed_to_its_last_point(
    connected: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    folder = tmp_path / "elsewhere"
    bar, session = connected.recovery, connected.session
    assert not bar.isVisible()
    told = killed_after(4, recipe("killed", steps=20).text, folder)
    (journal,) = folder.glob("*.journal")
    connected.sweep.change_folder(folder)
    qtbot.waitUntil(bar.isVisible, timeout=20_000)
    assert journal.stem in bar.text.text()
    bar.recovering.click()
    qtbot.waitUntil(lambda: bar.resuming.isVisible() and bar.resuming.isEnabled(), timeout=30_000)
    assert not journal.exists()
    with_first = load_run(journal.with_suffix(".h5"))
    assert with_first.attrs["status"] == "interrupted" and told <= with_first.sizes["point"] < 80
    bar.resuming.click()
    assert not bar.isVisible()
    (one,) = session.runs
    qtbot.waitUntil(lambda: one.run.result is not None, timeout=30_000)
    assert one.run.result is not None and one.run.result.state is State.FINISHED, one.run.result
    assert one.run.result.path is not None
    complete = load_run(one.run.result.path)
    assert complete.sizes["point"] == 80 and complete.attrs["batch"] == with_first.attrs["batch"]
    assert sorted(complete["sequence"].to_numpy()) == list(range(80))
    idle(connected, qtbot)
    with pytest.raises(InputError, match="Nothing is left to do"):
        recipe_left(one.run.result.path)


def test_queue_is_done_when_its_last_run_is() -> None:
    class Told:
        """What a run says of itself."""

        def __init__(self, state: State, done: int, left: float = math.nan, wall: float = math.nan) -> None:
            self.state, self.progress = state, Progress(done, 100, 0.0, left, wall)

    run: Any = Told

    ended, present, waiting = run(State.FINISHED, 100), run(State.RUNNING, 50, 10.0, 2.0), run(State.QUEUED, 0)
    found = queue_progress([ended, run(State.FAILED, 3), present, waiting], {waiting: 40.0})
    assert (found.runs_done, found.runs, found.points_done, found.points) == (2, 4, 150, 300)
    assert (found.bench_time_left, found.wall_time_left) == (50.0, 10.0)
    assert math.isnan(queue_progress([waiting], {}).bench_time_left)
