"""Sweep panel: recipes are chosen, edited, checked and started; what is wrong is said before anything is measured."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PyQt6.QtCore import Qt
from pytestqt.qtbot import QtBot

from acquisition.gui.parameter_form import SELDOM, ParameterForm
from acquisition.gui.recipe_draft import RecipeDraft
from acquisition.gui.session import Activity
from acquisition.gui.sweep_panel import SweepPanel
from acquisition.gui.window import Window
from acquisition.recipe import load_recipe, parse_recipe
from acquisition.recipe_text import read_values, read_written, recipe_text, written, written_default
from acquisition.states import State
from analysis import configuration
from analysis.errors import InputError
from procedures import PROCEDURES, FieldSweep

SHORT = """
name = "short"
[[procedures]]
procedure = "field-sweep"
steps = 3
time_constant = "3 ms"
"""


def settled(panel: SweepPanel, qtbot: QtBot) -> SweepPanel:
    """Wait for the dry run of what stands in the panel."""
    qtbot.waitUntil(lambda: not panel.checking, timeout=20_000)
    return panel


def write(panel: SweepPanel, key: str, text: str, qtbot: QtBot) -> None:
    line = panel.form.inputs[key].input
    line.setFocus()
    line.selectAll()  # type: ignore[union-attr]
    qtbot.keyClicks(line, text)


def test_field_sweep_is_mended_checked_started_paused_resumed_and_aborted(connected: Window, qtbot: QtBot) -> None:
    panel, session = connected.sweep, connected.session
    panel.recipes.list.setCurrentIndex(panel.recipes.list.findText("field-sweep"))
    panel.recipes.list.activated.emit(panel.recipes.list.currentIndex())
    steps = panel.form.inputs["steps"]
    write(panel, "steps", "2", qtbot)
    sentence = "field-sweep: key 'steps' must lie in 3 to 100000. Received 2."
    assert steps.fault.text() == sentence and steps.fault.isVisible()
    settled(panel, qtbot)
    assert sentence in panel.outlook.text() and not panel.start.isEnabled()
    panel.enqueue()
    assert not session.runs

    write(panel, "steps", "200", qtbot)
    assert not steps.fault.isVisible()
    settled(panel, qtbot)
    assert "800 points" in panel.outlook.text() and "50 mT: within all limits" in panel.outlook.text()
    assert "± " in panel.outlook.text()
    qtbot.mouseClick(panel.start, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: session.current is not None and len(session.current.points) > 2, timeout=20_000)
    one = session.runs[0]
    connected.queue.pausing.trigger()
    qtbot.waitUntil(lambda: one.state is State.PAUSED, timeout=20_000)
    qtbot.waitUntil(lambda: connected.queue.pausing.text() == "Go on", timeout=5000)
    before = len(one.points)
    connected.queue.skipping.trigger()
    connected.queue.pausing.trigger()
    qtbot.waitUntil(lambda: len(one.points) > before + 2, timeout=20_000)
    assert one.points.column("attempts")[before] == 0  # the point that was skipped
    connected.queue.aborting.trigger()
    qtbot.waitUntil(lambda: session.activity is Activity.IDLE, timeout=20_000)
    assert one.run.result is not None and one.run.result.state is State.ABORTED
    assert one.run.result.path is not None and before < one.run.result.points < 800


def test_limit_is_told_in_its_own_words_without_a_bench(window: Window, qtbot: QtBot) -> None:
    panel = window.sweep
    write(panel, "current", "9e10 A/m^2", qtbot)
    settled(panel, qtbot)
    assert not panel.form.inputs["current"].fault.text()
    assert "Current density in py32-fused-silica must be at most 6e+10 A/m^2" in panel.outlook.text()
    write(panel, "current", "2e10 A/m^2", qtbot)
    settled(panel, qtbot)
    assert "Up to 32 mA, 2e+10 A/m²" in panel.outlook.text()
    assert not panel.start.isEnabled() and panel.start.text() == "Connect a bench to measure"


def test_loop_of_two_currents_gives_two_runs_and_many_are_asked_about(
    connected: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "acquisition.runner.finish_run", lambda path: path
    )  # how run files are made is tested elsewhere
    panel, session = connected.sweep, connected.session
    panel.show_draft(RecipeDraft(SHORT, "short"))
    panel.loop_section.open()
    qtbot.mouseClick(panel.loops.adding, Qt.MouseButton.LeftButton)
    (row,) = panel.loops.rows
    row.line.selectAll()
    qtbot.keyClicks(row.line, "20, 40 mA")
    assert panel.loops.count.text() == "2 runs" and panel.draft.loop == {"current": ["20 mA", "40 mA"]}
    assert not panel.form.inputs["current"].input.isEnabled()
    panel.enqueue()  # waits for the dry run, then starts
    qtbot.waitUntil(lambda: len(session.runs) == 2, timeout=20_000)
    qtbot.waitUntil(lambda: all(one.run.result for one in session.runs), timeout=20_000)
    assert [one.planned.procedure.current for one in session.runs] == [20.0, 40.0]
    assert [one.state for one in session.runs] == [State.FINISHED] * 2
    assert session.runs[0].recipe.text == panel.draft.text

    row.line.selectAll()
    qtbot.keyClicks(row.line, "1 to 40 step 0.39 mA")
    settled(panel, qtbot)
    panel.enqueue()
    assert "101 runs are planned, more than 100" in panel.question.text() and len(session.runs) == 2
    panel.question.reject()
    assert len(session.runs) == 2


def test_recipe_that_the_panel_writes_runs_the_same_without_it(window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    panel = window.sweep
    panel.show_draft(RecipeDraft.of_procedure("field-sweep"))
    write(panel, "current", "2e10 A/m^2", qtbot)
    write(panel, "polarizations", "30, 60", qtbot)
    panel.draft.add("position-scan")
    panel.procedures.show_draft(panel.draft)
    panel.procedures.changed.emit()
    write(panel, "span", "0.1 mm", qtbot)
    panel.procedures.up.click()
    panel.procedures.duplicating.click()
    panel.sample.setCurrentText("py04-capped")
    panel.sample.activated.emit(panel.sample.currentIndex())
    answer = settled(panel, qtbot).answer
    assert answer is not None, panel.outlook.text()
    assert [run.name for run in answer.recipe.runs] == ["position-scan", "position-scan", "field-sweep"]
    panel.save(tmp_path / "mine.toml")
    loaded = load_recipe(tmp_path / "mine.toml")
    assert (tmp_path / "mine.toml").read_text() == settled(panel, qtbot).draft.text
    assert [run.procedure.parameters() for run in loaded.runs] == [
        run.procedure.parameters() for run in answer.recipe.runs
    ]
    assert {run.sample.description.name for run in loaded.runs} == {answer.recipe.samples[0].description.name}
    assert "Py  4 nm" in panel.drawing.accessibleDescription()


@pytest.mark.parametrize("name", configuration.names("recipes"))
def test_shipped_recipe_is_shown_as_it_is_and_written_without_loss(name: str) -> None:
    draft = RecipeDraft.of_file(name)
    assert draft.text == configuration.find("recipes", name).read_text(encoding="utf-8")
    assert configuration.parse_toml(recipe_text(draft.data), name) == draft.data
    draft.data["comment"] = 'say "no" to C:\\temp\n'
    text = draft.text
    assert parse_recipe(text, name).comment == draft.data["comment"]
    assert len(parse_recipe(text, name).runs) == len(load_recipe(name).runs)


def test_every_procedure_has_a_form_whose_defaults_are_sound(qtbot: QtBot) -> None:
    form = ParameterForm()
    qtbot.addWidget(form)
    seen = set()
    for name, kind in PROCEDURES.items():
        form.show_procedure(name, kind)
        form.show_table({}, {})
        parameters = kind()._parameters
        assert set(form.inputs) == set(parameters)
        assert not form.mark_faults(None)
        for key, one in form.inputs.items():
            assert parameters[key].description in one.help.text()
        values = {key: one.value() for key, one in form.inputs.items()}
        assert kind.from_table(values, name).parameters() == kind().parameters()
        seen |= set(parameters)
    assert seen > SELDOM


def test_parameter_that_cannot_matter_is_out_of_reach(qtbot: QtBot) -> None:
    form = ParameterForm()
    qtbot.addWidget(form)
    form.show_procedure("field-sweep", FieldSweep)
    form.show_table({}, {})
    form.mark_faults(None)
    assert not form.inputs["dense_within"].input.isEnabled()
    form.show_table({"dense_steps": 11}, {"current": ["20 mA"]})
    form.mark_faults(None)
    assert not form.inputs["current"].input.isEnabled()
    assert form.inputs["dense_within"].input.isEnabled()


@pytest.mark.parametrize(
    ("key", "text", "value", "again"),
    [
        ("current", "40", "40 mA", "40 mA"),
        ("current", "5e10 A/m^2", "5e10 A/m^2", "5e10 A/m^2"),
        ("steps", "11", 11, "11"),
        ("steps", "1.5", "1.5", "1.5"),
        ("polarizations", "45, 135", ["45 deg", "135 deg"], "45, 135 deg"),
        ("polarizations", "0 to 90 step 45 deg", ["0 deg", "45 deg", "90 deg"], "0, 45, 90 deg"),
        ("polarizations", "45 deg, 1 rad", ["45 deg", "1 rad"], "45 deg, 1 rad"),
        ("filter_slope", "12", 12, "12"),
        ("order", "snake", "snake", "snake"),
        ("remainder", "1e-3", 1e-3, "0.001"),
    ],
)
def test_what_is_written_into_a_line_is_what_a_recipe_has(key: str, text: str, value: Any, again: str) -> None:
    parameter = FieldSweep()._parameters[key]
    assert read_written(text, parameter) == value
    assert written(value, parameter) == again


def test_ranges_without_end_are_refused_and_defaults_are_read_back() -> None:
    current = FieldSweep()._parameters["current"]
    assert read_values("40 to 20 step -10 mA", current) == ["40 mA", "30 mA", "20 mA"]
    for endless in ("20 to 40 step 0 mA", "20 to 40 step -1 mA", "1 to 2 step 1e-9 A"):
        with pytest.raises(InputError, match="Range of Current"):
            read_values(endless, current)
    for parameter in FieldSweep()._parameters.values():
        assert written(read_written(written_default(parameter), parameter), parameter) == written_default(parameter)
