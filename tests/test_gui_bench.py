"""The bench panel, manual control and the align tab, through the lab window on the simulated bench."""

from __future__ import annotations

import math
from typing import Any, cast

import pytest
from PyQt6.QtCore import QPointF, Qt
from PyQt6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from acquisition.gui.bench_panel import BenchPanel
from acquisition.gui.current_control import MagnetControl, SourceControl
from acquisition.gui.motion_control import RotatorControl, StageControl
from acquisition.gui.readings import reading_lines, with_prefix
from acquisition.gui.session import Activity, Connection
from acquisition.gui.strip_chart import Trace
from acquisition.gui.window import Window
from acquisition.states import State
from instruments import Bench
from instruments.errors import DeviceError
from instruments.simulation.wire import SimulatedWire

_LONG = 60_000  # ms that a machine under load may take


def bench_of(window: Window) -> Bench:
    bench = window.session.bench
    assert bench is not None
    return bench


def wire_of(window: Window) -> SimulatedWire:
    wire = bench_of(window).wire
    assert wire is not None
    return wire


def control(window: Window, role: str) -> Any:
    return window.bench.rows[role].control


def shown(panel: BenchPanel, role: str) -> str:
    row = panel.rows[role]
    return f"{row.reading.text()} {row.more.text()}".replace("\N{FIGURE SPACE}", "").strip()


def test_every_role_shows_model_state_and_reading_and_what_to_do_where_it_fails(
    connected: Window, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = connected.bench
    assert set(panel.rows) == set(bench_of(connected).file.roles()) and len(panel.rows) == 16
    qtbot.waitUntil(lambda: all(row.reading.text() != "—" for row in panel.rows.values()), timeout=_LONG)
    assert {row.state.words for row in panel.rows.values()} == {""}
    assert panel.rows["lock_in"].about.text() == "SR830" and "GPIB0::8::INSTR" in panel.rows["lock_in"].toolTip()
    assert panel.kind.isVisible() and connected.kind.isVisible()
    units = {
        "lock_in": "θ", "magnet": "mT", "stage": "µm", "analyser_plate": "°", "sum_detector": "mW on sample",
        "sample_source": "mA peak", "shutter": "open",
    }  # fmt: skip
    for role, unit in units.items():
        assert unit in shown(panel, role)

    row = connected.bench.rows["magnet"]

    def silent() -> float:
        raise DeviceError("magnet (Dev1/ao0, Dev1/ai0)", "does not answer.", "Check the cable of the probe.")

    with monkeypatch.context() as patch:
        patch.setattr(bench_of(connected).magnet, "measure", silent)
        qtbot.waitUntil(lambda: row.state.sign == "✖", timeout=_LONG)
        assert row.toolTip() == "magnet (Dev1/ao0, Dev1/ai0): does not answer. Check the cable of the probe."
        row.unfold(True)
        assert row.fault.isVisible() and row.fault.text() == row.toolTip()
    qtbot.waitUntil(lambda: row.state.sign == "●" and row.fault.isHidden(), timeout=_LONG)


def test_readings_keep_their_digits_and_units() -> None:
    assert [with_prefix(volts, "V").strip("\N{FIGURE SPACE}") for volts in (12.3456e-6, 999.96e-9, 0.0, -2.0)] == [
        "12.35 µV", "1.000 µV", "0.000 V", "−2.000 V",
    ]  # fmt: skip
    x, r = reading_lines("lock_in", {"x": (3e-6, "V"), "y": (-4e-6, "V")})
    assert "3.000 µV" in x and "−4.000 µV" in x and "5.000 µV" in r and "−53.1 °" in r


def test_stage_goes_where_it_is_told_by_number_step_and_click_and_no_further_than_its_travel(
    connected: Window, qtbot: QtBot
) -> None:
    stage = cast(StageControl, control(connected, "stage"))
    stage.at_x.setText("12.5")
    stage.at_y.setText("-3")
    stage.go()
    qtbot.waitUntil(lambda: shown(connected.bench, "stage") == "x 12.50 µm y −3.00 µm", timeout=_LONG)
    stage.step.setCurrentText("5")
    qtbot.mouseClick(stage.jogs[1], Qt.MouseButton.LeftButton)  # x more
    qtbot.waitUntil(lambda: shown(connected.bench, "stage").startswith("x 17.50 µm"), timeout=_LONG)

    stage.at_x.setText("5100")
    with qtbot.waitSignal(connected.session.message_posted, timeout=_LONG) as posted:
        qtbot.keyClick(stage.at_x, Qt.Key.Key_Return)
    assert "must lie in -5 to 5 mm; setting it to 5.1 mm is refused" in posted.args[0].text
    stage.at_x.setText("ten")
    with qtbot.waitSignal(connected.session.message_posted, timeout=_LONG) as posted:
        qtbot.keyClick(stage.at_x, Qt.Key.Key_Return)
    assert posted.args[0].text.startswith("stage: x must be a number of µm; received 'ten'")
    assert stage.at_x.text() == "ten"  # nothing is mended silently
    assert bench_of(connected).stage.latest.values["x"] == (pytest.approx(17.5e-6), "m")

    connected.tabs.setCurrentWidget(connected.align)
    spot_map = connected.align.map
    qtbot.waitUntil(lambda: spot_map.marker.getData()[0].size == 1, timeout=_LONG)
    place = spot_map.mapFromScene(spot_map.item.getViewBox().mapViewToScene(QPointF(20e-6, -10e-6)))
    viewport = spot_map.viewport()
    assert isinstance(viewport, QWidget)
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=place)

    def arrived() -> bool:
        (x,), (y,) = spot_map.marker.getData()
        return bool(abs(x - 20e-6) < 1e-6 and abs(y + 10e-6) < 1e-6)  # a pixel

    qtbot.waitUntil(arrived, timeout=_LONG)
    with pytest.raises(ValueError, match="must lie in -5 to 5 mm"):
        spot_map.move_to(6e-3, 0.0)


def test_field_and_current_by_hand_are_shown_and_held_to_the_limits(connected: Window, qtbot: QtBot) -> None:
    panel = connected.bench
    magnet, source = (
        cast(MagnetControl, control(connected, "magnet")),
        cast(SourceControl, control(connected, "sample_source")),
    )
    magnet.field.setText("35")
    magnet.drive()
    source.amplitude.setText("20")
    source.drive()
    qtbot.waitUntil(lambda: "20.000 mA" in shown(panel, "sample_source"), timeout=_LONG)
    qtbot.waitUntil(panel.banner.isVisible, timeout=_LONG)
    assert "20.00 mA peak through the sample" in panel.flowing.text()
    assert abs(float(shown(panel, "magnet").split()[0]) - 35) < 0.2 and shown(panel, "relay") == "sample"
    for field, text, press, limit in (
        (magnet.field, "250", magnet.drive, "within 0.2 T either way; setting it to 0.25 T is refused"),
        (source.amplitude, "61", source.drive, "at most 0.06 A peak; setting it to 0.061 A is refused"),
    ):
        field.setText(text)
        with pytest.raises(ValueError, match=limit):
            press()
    qtbot.mouseClick(panel.stop, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(panel.banner.isHidden, timeout=_LONG)
    assert bench_of(connected).sample_source.latest.values["amplitude"] == (0.0, "A")


def test_balance_bar_follows_the_analysing_plate_and_the_strip_chart_can_be_held(
    connected: Window, qtbot: QtBot
) -> None:
    connected.tabs.setCurrentWidget(connected.align)
    plates = {role: cast(RotatorControl, control(connected, role)) for role in ("polarization_plate", "analyser_plate")}
    bar = connected.align.balance
    for turn in (1.0, -2.0):
        for role, angle in (("polarization_plate", 22.5), ("analyser_plate", 45 + turn)):
            plates[role].angle.setText(f"{angle}")
            plates[role].go()
        expected = -math.sin(4 * math.radians(turn))
        qtbot.waitUntil(lambda: bar.ratio is not None and abs(bar.ratio - expected) < 0.02, timeout=_LONG)  # noqa: B023
    assert bar.scale == 1.0

    chart = connected.align.chart
    curve = chart.sum_plot.item.listDataItems()[0]
    qtbot.waitUntil(lambda: curve.getData()[0] is not None and len(curve.getData()[0]) > 2, timeout=_LONG)
    chart.pause.click()
    held = curve.getData()[0]
    with qtbot.waitSignals([connected.session.live_read] * 3, timeout=_LONG):
        pass
    assert curve.getData()[0] is held
    chart.clearing.click()
    chart.pause.click()
    left = curve.getData()[0]
    assert left is None or len(left) < len(held)


def test_a_bench_without_a_difference_detector_says_so(window: Window, qtbot: QtBot, tmp_path: Any) -> None:
    from analysis import configuration

    text = configuration.find("benches", "simulated").read_text(encoding="utf-8")
    start, rest = text.split("[difference_detector]")
    bench = tmp_path / "no-balance.toml"
    bench.write_text(start + rest[rest.index("[noise]") :], encoding="utf-8")
    assert not window.kind.isVisible() and "Not connected" in window.bench.head.text()
    with qtbot.waitSignal(
        window.session.activity_changed, timeout=_LONG, check_params_cb=lambda activity: activity is Activity.IDLE
    ):
        window.connect_bench(Connection(str(bench), "py32-fused-silica"))
    assert "no difference detector" in window.align.balance.text and "difference_detector" not in window.bench.rows
    assert not window.align.auto_balance.isEnabled() and window.align.auto_centre.isEnabled()


def test_auto_centre_finds_the_spot_and_manual_control_is_off_meanwhile(connected: Window, qtbot: QtBot) -> None:
    window, align = connected, connected.align
    offset = wire_of(window).twin.table.spot_offset
    align.auto_centre.click()
    qtbot.waitUntil(lambda: not control(window, "stage").isEnabled(), timeout=_LONG)
    assert window.session.activity is Activity.MEASURING and not align.scan.isEnabled()
    assert window.bench.reason.text() == "Manual control: off while a run is on." and window.bench.reason.isVisible()
    assert align.auto_centre.toolTip() == "Off while a run is on."
    qtbot.waitUntil(lambda: align.auto_centre.isEnabled() and "y = " in align.centred.text(), timeout=_LONG)
    assert [one.state for one in window.session.runs] == [State.FINISHED] * 2
    assert all(one.run.result is not None and one.run.result.path is not None for one in window.session.runs)

    found = align._centre["y"]
    assert found.std is not None and abs(found.value + offset) < 5 * found.std + 1e-9
    assert f"{found.value * 1e9:.1f}"[:5] in align.centred.text() and "±" in align.centred.text()
    qtbot.waitUntil(lambda: shown(window.bench, "stage").endswith("y −0.20 µm"), timeout=_LONG)
    assert control(window, "stage").isEnabled()
    square = align.map.outline.getData()
    assert square[0] is not None and max(square[0]) - min(square[0]) == pytest.approx(50e-6, rel=1e-3)


def test_trace_keeps_the_last_readings_and_shows_gaps() -> None:
    trace = Trace(2)
    for moment in (0.0, 0.1, 0.1, 5.0):
        trace.append(moment, 1.0)
    times, values = trace.since(-1.0)
    assert list(times) == [0.0, 0.1, 0.1, 5.0] and [math.isnan(value) for value in values] == [
        False,
        False,
        True,
        False,
    ]
