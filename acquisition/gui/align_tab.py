"""Alignment: signal and sum over time, balance, spot on the sample."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QSplitter, QVBoxLayout, QWidget

from acquisition.gui.align_recipes import balancing, centring, mapping
from acquisition.gui.balance_bar import BalanceBar
from acquisition.gui.control import NumberField
from acquisition.gui.live_run import LiveRun
from acquisition.gui.manual_control import why_not
from acquisition.gui.run_findings import RunFindings
from acquisition.gui.session import Connection, Session
from acquisition.gui.spot_map import SpotMap
from acquisition.gui.strip_chart import StripChart
from analysis.errors import InputError, describe
from analysis.finding import Finding
from analysis.result import Estimate
from instruments.live import LiveReading

if TYPE_CHECKING:
    from acquisition.recipe import Recipe

_OLD = 2.0  # s
_FINE = 5e-9  # m
_NO_DIFFERENCE = "This bench has no difference detector: its balance cannot be read."


class AlignTab(QWidget):
    """Alignment: signal and sum over time, balance, spot on the sample.

    Parameters
    ----------
    session
        The bench and its queue.
    folder
        Where the runs of auto-centre, auto-balance and map go.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__()
        self._session, self._folder = session, folder
        self._centre: dict[str, Estimate] = {}
        self._width: dict[str, Estimate] = {}
        self._findings = RunFindings(self)
        self._findings.found.connect(self._tell)
        self._findings.missed.connect(self._tell_missed)
        self.balance, self.chart, self.map = BalanceBar(), StripChart(), SpotMap(session)
        self.balanced, self.centred = QLabel(), QLabel()
        for label in (self.balanced, self.centred):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.auto_balance = QPushButton("Auto-balance")
        self.auto_centre, self.scan = QPushButton("Auto-centre"), QPushButton("Map")
        self._tips = {
            self.auto_balance: "Turn the analysing plate through its balance, fit it, and trim its zero there",
            self.auto_centre: "Scan across the square along x and y, and move the stage to its middle",
            self.scan: "Scan the reflected light round where the stage stands; the stage then returns",
        }
        self.span, self.steps = NumberField("map", "Span", "µm", 1e-6), NumberField("map", "Positions", "", 1.0)
        self.span.put(80e-6)
        self.steps.put(21)
        self.span.setToolTip("Width and height of the map (µm)")
        self.steps.setToolTip("Positions in a line, and lines; 21 over 80 µm find the edges of the square")
        for field in (self.span, self.steps):
            field.setMaximumWidth(70)
        self._lay_out()
        self.auto_balance.clicked.connect(lambda checked: self._enqueue(balancing(self._connection)))
        self.auto_centre.clicked.connect(lambda checked: self._enqueue(centring(self._connection)))
        self.scan.clicked.connect(lambda checked: self.begin_map())
        session.live_read.connect(self._show)
        session.run_ended.connect(self._read)
        session.activity_changed.connect(lambda activity: self._follow())
        session.queue_changed.connect(self._follow)
        session.cut_off_changed.connect(lambda cut: self._follow())
        self._follow()

    def _lay_out(self) -> None:
        left, right, split = QWidget(), QWidget(), QSplitter(Qt.Orientation.Horizontal)
        found = QHBoxLayout()
        found.addWidget(self.auto_balance)
        found.addWidget(self.balanced, stretch=1)
        column = QVBoxLayout(left)
        column.addWidget(self.balance)
        column.addLayout(found)
        column.addWidget(self.chart, stretch=1)
        buttons = QGridLayout()
        for place, widget in enumerate(
            (self.auto_centre, self.scan, self.span, QLabel("µm in"), self.steps, QLabel("lines"))
        ):
            buttons.addWidget(widget, 0, place)
        buttons.setColumnStretch(6, 1)
        other = QVBoxLayout(right)
        other.addLayout(buttons)
        other.addWidget(self.centred)
        other.addWidget(self.map, stretch=1)
        for layout in (column, other):
            layout.setContentsMargins(4, 4, 4, 4)
        split.addWidget(left)
        split.addWidget(right)
        left.setMinimumWidth(340)
        split.setChildrenCollapsible(False)
        split.setSizes([500, 500])
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(split)

    # ----------------------------------------------------------- what is done

    @property
    def _connection(self) -> Connection:
        if self._session.connection is None:
            raise InputError("Bench must be connected to align it; it is not. Connect it first.")
        return self._session.connection

    def begin_map(self) -> None:
        """Scan a map as wide as the fields say."""
        steps = self.steps.value()
        if not steps.is_integer():
            raise InputError(describe("map: positions", "be a whole number", steps, "Write e.g. 21."))
        self._enqueue(mapping(self._connection, self.span.value(), int(steps)))

    def _enqueue(self, recipe: Recipe) -> None:
        self._session.enqueue(recipe, self._folder)

    def _follow(self) -> None:
        session = self._session
        reason = why_not(session)
        for button, tip in self._tips.items():
            hindrance = reason
            if not reason and button is self.auto_balance and not self._has_difference:
                hindrance = _NO_DIFFERENCE
            button.setEnabled(not hindrance)
            button.setToolTip(hindrance or tip)
        if session.bench is None:
            self.balance.show_reason("Not connected")
        elif not self._has_difference:
            self.balance.show_reason(_NO_DIFFERENCE)

    @property
    def _has_difference(self) -> bool:
        return getattr(self._session.bench, "difference_detector", None) is not None

    # ----------------------------------------------------------- what is shown

    def _show(self, latest: Mapping[str, LiveReading]) -> None:
        bench = self._session.bench
        if bench is None:
            return
        detector = getattr(bench, "sum_detector", None)
        self.chart.add(latest, 1.0 if detector is None else detector.gain)
        self.map.show_position(latest)
        difference, total = latest.get("difference_detector"), latest.get("sum_detector")
        if difference is None or total is None or not difference.values or not total.values:
            return
        light = float(total.values["sum"][0])
        fresh = time.monotonic() - difference.moment < _OLD and not difference.fault and not total.fault
        if light:
            self.balance.show_ratio(float(difference.values["difference"][0]) / light, fresh)

    def _read(self, one: LiveRun) -> None:
        if one.planned.name in ("position-scan", "detector-calibration"):
            self._label(one).setText("Looking what the run says…")
            self._findings.read(one)

    def _label(self, one: LiveRun) -> QLabel:
        return self.balanced if one.planned.name == "detector-calibration" else self.centred

    def _tell(self, one: LiveRun, finding: Finding) -> None:
        now = f"{datetime.now():%H:%M}"
        if one.planned.name == "detector-calibration":
            offset = _in_degrees(finding.quantities["balance_offset"])
            slope = finding.quantities["slope"]
            self.balanced.setText(f"Balance found at {now}: {offset}; slope {slope}")
            about = "Angle of the plate off its zero before, and slope of the ratio (4/rad is ideal)"
            self.balanced.setToolTip("\n".join((about, *finding.warnings)))
            return
        for axis in "xy":
            if f"centre_{axis}" in finding.quantities:
                self._centre[axis] = finding.quantities[f"centre_{axis}"]
                self._width[axis] = finding.quantities[f"width_{axis}"]
        places = [f"{axis} = {_in_length(self._centre[axis])}" for axis in "xy" if axis in self._centre]
        self.centred.setText(f"Middle found at {now}: {', '.join(places)}")
        self.centred.setToolTip("\n".join(finding.warnings))
        self.map.show_square(self._centre, self._width)

    def _tell_missed(self, one: LiveRun, reason: str) -> None:
        self._label(one).setText(f"Not found: {reason}")


def _in_degrees(estimate: Estimate) -> str:
    return str(replace(estimate.scaled(math.degrees(1)), unit="deg"))


def _in_length(estimate: Estimate) -> str:
    """In micrometres, or nanometres where these are known."""
    scale, unit = (1e6, "µm") if (estimate.std or 1.0) > _FINE else (1e9, "nm")
    return str(replace(estimate.scaled(scale), unit=unit))
