"""Runs on disk, through the lab window: found, looked at, analysed again with other inputs, kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QApplication

from acquisition import Run, load_recipe
from acquisition.catalogue import CatalogueEntry
from acquisition.gui.reanalysis import Reanalysis
from acquisition.gui.run_table import RunTable
from acquisition.gui.runs_tab import RunsTab
from acquisition.gui.window import Window
from acquisition.run_selection import Selection
from analysis import load_run
from analysis.run_analysis import analyze
from instruments import Bench, open_bench

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

PATIENCE = 60_000  # ms
DAMAGED = "run-20250102T030405Z-0badc0de.h5"
FILMS = ("8 nm", "32 nm")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Calibration and ASOT of a film of 32 nm, the same of two films of a series in a folder below."""
    folder = tmp_path_factory.mktemp("measured")

    def measure(bench: Bench, target: Path, **about: Any) -> None:
        recipe = load_recipe("asot-demo", {"parameters.steps": 7})
        for planned in (recipe.runs[0], recipe.runs[2]):  # in the coil, through the sample
            planned.procedure.channel = "both"
            run = Run(planned.procedure, target, name=planned.name, recipe=recipe.text, batch=target.name, **about)
            assert run.execute(bench).state == "finished"

    with open_bench() as bench:
        measure(bench, folder, tags=("first",), comment="after cleaning")
    for film in FILMS:
        settings = {"sample.name": f"py of {film}", "sample.film.thickness": film}
        with open_bench(sample="py-series-silicon", settings=settings) as bench:
            measure(bench, folder / f"film of {film}")
    return folder


@pytest.fixture
def tab(window: Window, measured: Path, qtbot: QtBot) -> Iterator[RunsTab]:
    """The runs tab with the measured runs, and a damaged file among them."""
    folder = window.runs.browser.folders[0]
    shutil.copytree(measured, folder)
    first = min(folder.glob("run-*.h5"))
    (folder / DAMAGED).write_bytes(first.read_bytes()[:3000])
    window.tabs.setCurrentWidget(window.runs)
    qtbot.waitUntil(lambda: len(window.runs.browser.model.rows) == 7, timeout=PATIENCE)
    yield window.runs


def shown(tab: RunsTab, column: str) -> list[str]:
    """Texts of a column of the table."""
    model = tab.browser.model
    titles = [model.headerData(place, Qt.Orientation.Horizontal) for place in range(model.columnCount())]
    return [model.data(model.index(row, titles.index(column))) for row in range(model.rowCount())]


def of_sample(tab: RunsTab, *names: str) -> list[CatalogueEntry]:
    return [run for run in tab.browser.model.all if run.sample in names]


def analysed(tab: RunsTab, qtbot: QtBot, *names: str) -> Reanalysis:
    """The analysis page with the answer of all runs of these samples."""
    tab.browser.select([run.path for run in of_sample(tab, *names)])
    tab.analyse.click()
    qtbot.waitUntil(lambda: tab.reanalysis.first is not None, timeout=PATIENCE)
    return tab.reanalysis


def test_browser_shows_sorts_and_filters_runs_of_all_folders(tab: RunsTab) -> None:
    browser = tab.browser
    assert shown(tab, "Status").count("✓ finished") == 6
    browser.table.sortByColumn(2, Qt.SortOrder.AscendingOrder)
    assert shown(tab, "Sample") == sorted(shown(tab, "Sample"))
    browser.sample.setCurrentIndex(browser.sample.findData("py of 8 nm"))
    assert shown(tab, "Sample") == ["py of 8 nm"] * 2
    assert browser.count.text() == "2 of 7 runs"
    browser.sample.setCurrentIndex(0)
    browser.text.setText("ASOT cleaning")
    assert len(browser.model.rows) == 1 and "ASOT" in shown(tab, "Title")[0]
    browser.text.clear()
    browser.span.setCurrentText("Today")
    assert len(browser.model.rows) == 6  # the damaged one says in its name that it is of another year
    browser.span.setCurrentText("Any date")
    browser.status.setCurrentIndex(browser.status.findData("unreadable"))
    assert shown(tab, "File") == [DAMAGED]


def test_damaged_file_is_listed_with_its_reason_and_costs_no_other(tab: RunsTab, qtbot: QtBot) -> None:
    (damaged,) = (run for run in tab.browser.model.rows if run.fault)
    tab.browser.select([damaged.path])
    assert "damaged or truncated" in tab.preview.state.text()
    assert not tab.preview.export.isEnabled()
    tab.preview.verify.click()
    qtbot.waitUntil(lambda: "damaged" in tab.preview.state.text(), timeout=PATIENCE)
    answer = analysed(tab, qtbot, "py32-fused-silica", "")
    assert len(answer.paths) == 3 and len(answer.first.samples) == 1
    assert DAMAGED in answer.warnings.toPlainText()


def test_new_runs_appear_and_the_selection_stays(tab: RunsTab, qtbot: QtBot) -> None:
    browser = tab.browser
    chosen = of_sample(tab, "py of 8 nm")[1].path
    browser.select([chosen])
    later = browser.folders[0] / "later"
    later.mkdir()
    shutil.copy(chosen, later)
    qtbot.waitUntil(lambda: len(browser.model.rows) == 8, timeout=PATIENCE)
    assert [run.path for run in browser.chosen] == [chosen]


def test_further_folders_are_remembered(window: Window, measured: Path, qtbot: QtBot) -> None:
    window.tabs.setCurrentWidget(window.runs)
    window.runs.browser.add_folder(measured)
    qtbot.waitUntil(lambda: len(window.runs.browser.model.rows) == 6, timeout=PATIENCE)
    again = RunsTab(window.session, window.runs.browser.folders[0], window._settings)
    assert again.browser.folders == window.runs.browser.folders
    window.runs.browser.remove_folder(measured)
    qtbot.waitUntil(lambda: not window.runs.browser.model.rows, timeout=PATIENCE)


def test_preview_shows_plot_stack_and_metadata_of_a_run(tab: RunsTab, qtbot: QtBot) -> None:
    preview, run = tab.preview, of_sample(tab, "py32-fused-silica")[0]
    tab.browser.select([run.path])
    qtbot.waitUntil(preview.export.isEnabled, timeout=PATIENCE)
    data = load_run(run.path)
    curves = preview.plot.item.listDataItems()
    assert sum(len(curve.getOriginalDataset()[0]) for curve in curves) == data.sizes["point"]
    assert len(curves) == 4 and "ellipticity, 135°" in preview.key.text().replace("&nbsp;", " ")
    assert "Py 32 nm" in preview.stack.text()
    across = data["field"].to_numpy()
    qtbot.waitUntil(
        lambda: bool(np.allclose(preview.plot.item.viewRange()[0], (across.min(), across.max()), atol=0.01)),
        timeout=PATIENCE,
    )
    preview.tree.text.setText("safe magnet")
    tree = preview.tree.tree
    tops = [item for place in range(tree.topLevelItemCount()) if (item := tree.topLevelItem(place))]
    left = {top.text(0) for top in tops if not top.isHidden()}
    assert "Safe state" in left and "Parameters" not in left
    preview.verify.click()
    qtbot.waitUntil(lambda: "✓" in preview.state.text(), timeout=PATIENCE)
    with qtbot.waitSignal(tab.overlay_asked) as asked:
        preview.overlay.click()
    assert asked.args is not None and asked.args[0].identical(data)
    preview.copy_path.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None and clipboard.text() == str(run.path)


def test_export_writes_what_the_command_writes(tab: RunsTab, window: Window, qtbot: QtBot, tmp_path: Path) -> None:
    from acquisition.export import csv_text

    run = of_sample(tab, "py of 32 nm")[0]
    tab.browser.select([run.path])
    qtbot.waitUntil(tab.preview.export.isEnabled, timeout=PATIENCE)
    target = tmp_path / "loop.csv"
    tab.preview.export_csv(target)
    qtbot.waitUntil(lambda: any("loop.csv" in text for text in window.messages.texts()), timeout=PATIENCE)
    assert target.read_text(encoding="utf-8") == csv_text(load_run(run.path))
    tab.preview.export_csv(tmp_path / "missing" / "loop.csv")
    qtbot.waitUntil(lambda: any("must be writable" in text for text in window.messages.texts()), timeout=PATIENCE)


def test_answer_of_the_window_is_that_of_the_analysis(
    tab: RunsTab, window: Window, qtbot: QtBot, tmp_path: Path
) -> None:
    page = analysed(tab, qtbot, "py32-fused-silica")
    expected = analyze([run.path for run in of_sample(tab, "py32-fused-silica")])
    assert page.first is not None and page.first.analysis.as_dict() == expected.as_dict()
    assert page.answer.table.rowCount() == 11 and page.budget.table.rowCount() == 12
    assert all(len(plot.item.listDataItems()) == 3 for plot in page.loops.plots.values())
    page.save(tmp_path / "result.json")
    qtbot.waitUntil(lambda: any("result.json" in text for text in window.messages.texts()), timeout=PATIENCE)
    assert json.loads((tmp_path / "result.json").read_text(encoding="utf-8")) == expected.as_dict()
    page.copy_numbers.click()
    clipboard = QApplication.clipboard()
    assert clipboard is not None
    (line,) = (line for line in clipboard.text().splitlines() if "\ttorque_bottom\t" in line)
    torque = expected.samples[0].result.torque_bottom
    assert float(line.split("\t")[2]) == pytest.approx(torque.value, rel=1e-9)


def test_changed_thickness_moves_the_answer_by_what_the_budget_says(
    tab: RunsTab, qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = analysed(tab, qtbot, "py32-fused-silica")
    assert page.first is not None
    first = page.first.samples[0].entry.result
    (budget,) = (entry for entry in first.systematics if entry.name == "thickness")
    row = page.form.rows["film.thickness"]
    row.value.setText("32.5")  # one standard uncertainty more
    qtbot.waitUntil(lambda: page.now is not None, timeout=PATIENCE)
    assert page.now is not None
    now = page.now.samples[0].entry.result
    for name, key in (("efficiency", "efficiency"), ("torque_bottom", "torque_at_fixed_current")):
        moved = getattr(now, name).value / getattr(first, name).value - 1
        assert moved == pytest.approx(budget.up[key], abs=2e-6)
    assert page.answer.table.columnCount() == 5 and row.reset.isEnabled()
    pages: list[tuple[Any, ...]] = []  # what a page shows is told by its own tests, and takes seconds to draw
    monkeypatch.setattr("acquisition.gui.reanalysis.write_report", lambda *arguments: pages.append(arguments))
    page.write_report(tmp_path / "report.html")
    qtbot.waitUntil(lambda: bool(pages), timeout=PATIENCE)
    ((path, analysis),) = pages
    assert (path, analysis) == (tmp_path / "report.html", page.now.analysis)
    assert analysis.choices.file.samples == {"py32-fused-silica": {"film.thickness": "32.5 +- 0.5 nm"}}
    row.value.setText("many")
    qtbot.waitUntil(lambda: "film.thickness" in page.state.text(), timeout=PATIENCE)
    page.reset.click()
    qtbot.waitUntil(lambda: page.now is None, timeout=PATIENCE)
    assert page.answer.table.columnCount() == 2 and not row.reset.isEnabled() and row.value.text() == "32"


def test_series_of_several_samples_is_fitted_and_follows_a_common_input(tab: RunsTab, qtbot: QtBot) -> None:
    page = analysed(tab, qtbot, "py of 8 nm", "py of 32 nm")
    assert page.first is not None and page.first.series is not None
    before = page.first.series.series.result.efficiency
    assert "2 films" in page.series.text.text() and page.concerns.isVisibleTo(page)
    page.concerns.setCurrentText("of every sample")
    page.form.rows["coil.field_per_ampere"].value.setText("2.3375")  # 10 % more
    qtbot.waitUntil(lambda: page.now is not None, timeout=PATIENCE)
    assert page.now is not None and page.now.series is not None
    after = page.now.series.series.result.efficiency
    assert after.value == pytest.approx(1.1 * before.value, rel=0.01)


def test_ten_thousand_runs_are_sorted_and_filtered_in_one_model(tab: RunsTab) -> None:
    runs = [*tab.browser.model.all] * 1500
    model = RunTable()
    model.show(runs)
    model.sort(5, Qt.SortOrder.DescendingOrder)
    points = [run.points for run in model.rows]
    assert len(points) == 10_500 and points == sorted(points, reverse=True)
    model.choose(Selection(sample="py32-fused-silica"), "cleaning ASOT")
    assert len(model.rows) == 1500
