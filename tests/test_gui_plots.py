"""Plots of the lab window: decimated curves, live datasets, the fit of a run under way, maps, overlays, export."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QImage
from PyQt6.QtSvg import QSvgRenderer

from acquisition.gui.decimation import Decimation
from acquisition.gui.live_run import LiveRun
from acquisition.live import LiveColumns
from acquisition.recipe import load_recipe
from analysis import load_run
from analysis.averaged_loops import sample_data
from analysis.interim import comparable_loops, interim
from analysis.loops import FALLING, REFINED, RISING, branches, kerr_loops
from analysis.run_groups import sample_of
from analysis.sample_analysis import analyze_sample
from analysis.torque import spin_torque_efficiency

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from acquisition.gui.window import Window

DEMO = {
    "parameters.steps": 7, "parameters.time_constant": "10 ms", "parameters.polarizations": ["45 deg"],
}  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=12),
    most=st.sampled_from([2, 8, 64]),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_decimated_curve_keeps_extremes_order_and_a_bounded_size(sizes: list[int], most: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    count = sum(sizes)
    x, y = np.cumsum(generator.choice([-1.0, 1.0], count)), generator.normal(size=count)
    y[generator.random(count) < 0.1] = np.nan
    curve, done = Decimation(most), 0
    for size in sizes:
        curve.add(x[done : done + size], y[done : done + size])
        done += size
    kept_x, kept_y, numbers = curve.vertices()
    assert len(numbers) <= 4 * most + 4
    assert np.all(np.diff(numbers) > 0)
    np.testing.assert_array_equal((kept_x, kept_y), (x[numbers], y[numbers]))
    if count:
        assert (np.min(kept_x), np.max(kept_x)) == (np.min(x), np.max(x))
    if np.any(np.isfinite(y)):
        assert (np.nanmin(kept_y), np.nanmax(kept_y)) == (np.nanmin(y), np.nanmax(y))
    if count < most:
        assert len(numbers) == count


@pytest.mark.parametrize("chunks", [(1, 1500, 600), (1024, 1024), (0, 3)])
def test_live_columns_take_blocks_of_points_and_give_any_part_of_them(chunks: tuple[int, ...]) -> None:
    points, done = LiveColumns(("a", "b")), 0
    points.append({"a": -1.0, "b": -2.0})
    for size in chunks:
        points.extend({"a": np.arange(done, done + size, dtype=float), "b": np.full(size, 7.0)})
        done += size
    expected = np.concatenate([[-1.0], np.arange(done)])
    assert len(points) == done + 1
    for start, stop in ((0, None), (1, 3), (1000, 1030), (done, None), (done + 1, None)):
        np.testing.assert_array_equal(points.column("a", start, stop), expected[start:stop])


def test_branches_follow_the_place_in_the_loop_whatever_the_order() -> None:
    attributes = {"points_planned": 24, "parameters": {"polarizations": [45, 135], "repeats": 2, "channel": "rotation"}}
    sequence = np.array([0, 2, 3, 5, 6, 9, 0])
    repeat = np.array([0, 0, 0, 0, 0, 1, 2])
    assert branches(sequence, repeat, attributes).tolist() == [
        FALLING, FALLING, RISING, RISING, FALLING, RISING, REFINED,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[LiveRun]:
    """Calibration and torque of one sample, each in both channels, as the window's queue keeps them."""
    from acquisition.gui.live_run import live_run
    from instruments import open_bench

    recipe = load_recipe("asot-demo", DEMO)
    runs = [live_run(planned, recipe, tmp_path_factory.mktemp("runs"), "0badcafe") for planned in recipe.runs]
    with open_bench("simulated") as bench:
        for one in runs:
            one.run.execute(bench)
    return runs


def test_live_dataset_equals_the_stored_run(measured: list[LiveRun]) -> None:
    for one in measured:
        assert one.run.result is not None and one.run.result.path is not None
        live, stored = one.dataset(), load_run(one.run.result.path)
        assert set(live.data_vars) == set(stored.data_vars)
        for name in stored.data_vars:
            np.testing.assert_array_equal(live[name], stored[name])
            assert live[name].attrs == stored[name].attrs
        for name in (
            "run_id",
            "parameters",
            "plot",
            "sample",
            "path",
            "batch",
            "light_side",
            "points_planned",
            "status",
        ):
            assert live.attrs[name] == stored.attrs[name]


def test_interim_torque_of_a_complete_measurement_is_that_of_the_analysis(measured: list[LiveRun]) -> None:
    runs = [one.dataset() for one in measured]
    found = interim(runs[-1], runs[:-1])
    expected = analyze_sample(runs, sample_of(runs[0])).result
    assert found.quantities["torque_bottom"] == expected.torque_bottom
    assert set(found.loops) == {(path, kind) for path in ("sample", "coil") for kind in ("rotation", "ellipticity")}


def test_interim_says_what_is_missing_and_what_the_run_shows_alone(measured: list[LiveRun]) -> None:
    coil, sample = measured[0].dataset(), measured[2].dataset()
    found = interim(coil)
    assert "ASOT rotation" in found.notes[0] and "calibration ellipticity" in found.notes[0]
    field = found.quantities["calibration_field_if_gain_is_1_rotation"]
    assert field.value == pytest.approx(0.85e-3, rel=0.1)  # the gain of the set-up is not the model's
    alone = interim(sample, [coil]).quantities["torque_if_gain_is_1_rotation"]
    assert alone.std is not None and spin_torque_efficiency(alone.value, 2.5e10) == pytest.approx(0.05, abs=0.02)


def test_unfinished_loop_is_compared_as_far_as_partners_were_measured(measured: list[LiveRun]) -> None:
    whole = measured[0].dataset()
    half = whole.isel(point=slice(0, 11))  # 7 on the way down, 4 on the way back
    half.attrs = {**whole.attrs, "status": "running"}
    (part,) = comparable_loops(half)
    (loop,) = kerr_loops(part)
    assert len(loop.down) == 4
    full = kerr_loops(whole)[0]
    np.testing.assert_array_equal(loop.odd, full.odd[:4])
    assert comparable_loops(whole.isel(point=slice(0, 9)).assign_attrs(half.attrs)) == []
    data = sample_data([one.dataset() for one in measured], sample_of(whole).stack(), 0.3e-3)
    assert len(data.loops[("coil", "rotation")].field) == 7


def test_window_follows_the_queue_and_fits_the_torque(connected: Window, qtbot: QtBot, tmp_path: Path) -> None:
    measure, session = connected.measure, connected.session
    runs = session.enqueue(load_recipe("asot-demo", DEMO), tmp_path / "runs")
    qtbot.waitUntil(lambda: runs[-1].run.result is not None, timeout=60_000)
    qtbot.waitUntil(lambda: measure.run is not None and measure.run.title == runs[-1].title, timeout=10_000)
    qtbot.waitUntil(lambda: len(measure.curves) == 1 and measure.curves[0].complete, timeout=10_000)
    qtbot.waitUntil(lambda: "J/m²" in measure.text.text() and "Torque bottom" in measure.text.text(), timeout=30_000)
    labels = [curve.name() for curve in measure.plot.item.listDataItems()]
    assert labels == ["falling", "rising"]
    points = [len(curve.getOriginalDataset()[0]) for curve in measure.plot.item.listDataItems()]
    assert points == [7, 7]

    measure.view.setCurrentText("Odd and even parts")
    names = {curve.name() for curve in measure.loops.loop.item.listDataItems()}
    assert {"rotation, falling", "ellipticity, rising", "rotation, model"} <= names

    measure.chooser.setCurrentIndex(1)  # pinned to the first run
    assert measure.run is not None and measure.run.title == runs[0].title
    measure.view.setCurrentText("Signal")
    item = measure.overlays.item(2)
    assert item is not None
    item.setCheckState(Qt.CheckState.Checked)
    assert len(measure.curves) == 2
    assert runs[1].run.result is not None and runs[1].run.result.path is not None
    measure.overlay(load_run(runs[1].run.result.path))
    assert len(measure.curves) == 3 and measure.overlays.isVisible()

    for suffix in (".png", ".svg", ".csv"):
        measure.save(str(tmp_path / f"plot{suffix}"))
    picture = QImage(str(tmp_path / "plot.png"))
    assert picture.width() == 2 * measure.plot.width() and len(_colours(picture)) > 10
    assert QSvgRenderer(str(tmp_path / "plot.svg")).isValid()
    with (tmp_path / "plot.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head[:2] == ["falling: External field (T)", "falling: Kerr signal (peak) (rad)"]
    np.testing.assert_array_equal([float(row[1]) for row in rows], runs[0].points.column("kerr_signal")[:7])


def _colours(picture: QImage) -> set[int]:
    return {picture.pixel(x, y) for x in range(0, picture.width(), 7) for y in range(0, picture.height(), 7)}


def test_map_shows_what_was_measured_in_its_place(connected: Window, qtbot: QtBot, tmp_path: Path) -> None:
    scan: dict[str, Any] = {"procedure": "position-scan", "axis": "map", "steps": 21, "dwell": "10 ms"}
    recipe = load_recipe("position-scan", {"procedures": [scan]})
    (one,) = connected.session.enqueue(recipe, tmp_path / "runs")
    measure = connected.measure
    qtbot.waitUntil(lambda: one.run.result is not None, timeout=60_000)
    qtbot.waitUntil(lambda: measure.answer is not None and measure.answer.points == 441, timeout=30_000)
    assert measure.view.currentText() == "Map"
    image = measure.map.image.image
    assert image.shape == (21, 21)
    x, y = (one.points.column(f"stage_{axis}_set") for axis in "xy")
    for place in (0, 40, 312, 440):
        column, row = np.searchsorted(np.unique(x), x[place]), np.searchsorted(np.unique(y), y[place])
        assert image[row, column] == one.points.column("sum")[place]
    area = measure.map.image.mapRectToParent(measure.map.image.boundingRect())
    assert area.width() == pytest.approx(80e-6 * 21 / 20)
    assert measure.map.item.getViewBox().state["aspectLocked"]


def test_stack_tab_follows_its_numbers(window: Window, qtbot: QtBot) -> None:
    from analysis import depth_sensitivity, kerr_angle, tilt_profile
    from analysis.sample import read_sample

    tab = window.stack
    window.tabs.setCurrentWidget(tab)
    qtbot.waitUntil(lambda: tab.profile is not None, timeout=10_000)
    tab.sample.setCurrentText("py04-capped")
    tab.torque.setValue(2.0)
    tab.side.setCurrentText("bottom")
    stack = read_sample("py04-capped")[0].stack()
    film = stack.single_film
    tilt = tilt_profile(film, 200, 0.0, torque_top=-2e-6, torque_bottom=2e-6)
    expected = complex(kerr_angle(stack, tilt, 780e-9, "bottom"))
    qtbot.waitUntil(
        lambda: tab.profile is not None and tab.profile.torque_angle == pytest.approx(expected), timeout=10_000
    )
    assert tab.profile is not None
    kernel = depth_sensitivity(stack, 200, 780e-9, "bottom")
    shown = tab.kernel.item.listDataItems()
    np.testing.assert_allclose(shown[1].yData, kernel.imag / (tab.profile.thickness * 1e9 / 200))
    # to first order the angle is the kernel times the tilt
    assert complex(np.sum(kernel * tilt)) == pytest.approx(expected, rel=1e-6)
