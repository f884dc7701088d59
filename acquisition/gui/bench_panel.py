"""What every instrument reads now, and manual control within the limits."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QScrollArea, QVBoxLayout, QWidget

from acquisition.gui.current_control import SourceControl
from acquisition.gui.manual_control import control_of, why_not
from acquisition.gui.readings import TITLES, reading_lines
from acquisition.gui.role_row import OK, RoleRow, RoleState, faulty, old, working
from acquisition.gui.session import Activity, Session
from acquisition.gui.theme import DOUBTFUL
from instruments.live import LiveReading

if TYPE_CHECKING:
    from instruments import Bench

_OLD = 2.0  # s
_WIDTH = 290  # px
_CUT = ("sample_source", "calibration_source", "magnet", "perpendicular_magnet")
_SOURCES = {"sample_source": "sample", "calibration_source": "coil"}


class BenchPanel(QWidget):
    """What every instrument reads now, and manual control within the limits.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._bench: Bench | None = None
        self.rows: dict[str, RoleRow] = {}
        self.head, self.kind, self.reason = QLabel(), QLabel("SIMULATED"), QLabel()
        self.kind.setStyleSheet(
            f"background: {DOUBTFUL}; color: black; font-weight: bold; padding: 1px 6px; border-radius: 3px;"
        )
        self.kind.setToolTip("No current flows and nothing moves: every instrument is simulated.")
        for label in (self.head, self.reason):
            label.setWordWrap(True)
        first = QHBoxLayout()
        first.addWidget(self.head, stretch=1)
        first.addWidget(self.kind, alignment=Qt.AlignmentFlag.AlignTop)
        self.banner = self._banner()
        self._rows = QVBoxLayout()
        self._rows.setSpacing(0)
        self._rows.setContentsMargins(0, 0, 0, 0)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._rows)
        column.addStretch(1)
        self.area = QScrollArea()
        self.area.setFrameShape(QFrame.Shape.NoFrame)
        self.area.setWidgetResizable(True)
        self.area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 4, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addWidget(self.reason)
        layout.addWidget(self.banner)
        layout.addWidget(self.area, stretch=1)
        self.setMinimumWidth(_WIDTH)
        session.activity_changed.connect(lambda activity: self._follow())
        session.cut_off_changed.connect(lambda cut: self._follow())
        session.queue_changed.connect(self._follow)
        session.live_read.connect(self._show)
        self._follow()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be no wider than it has to be."""
        return QSize(_WIDTH, 600)

    def _banner(self) -> QFrame:
        banner = QFrame()
        banner.setObjectName("flowing")
        banner.setStyleSheet(f"#flowing {{ background: {DOUBTFUL}; border-radius: 3px; }}")
        self.flowing = QLabel()
        self.flowing.setStyleSheet("color: black; font-weight: bold;")
        self.flowing.setWordWrap(True)
        self.stop = QPushButton("Off")
        self.stop.setAutoDefault(False)
        self.stop.setToolTip("Ramp every current to zero")
        self.stop.clicked.connect(lambda checked: self._switch_off())
        layout = QHBoxLayout(banner)
        layout.setContentsMargins(6, 3, 3, 3)
        layout.addWidget(self.flowing, stretch=1)
        layout.addWidget(self.stop)
        banner.hide()
        return banner

    # ----------------------------------------------------------- which bench, and what is allowed

    def _follow(self) -> None:
        session = self._session
        if session.bench is not self._bench:
            self._rebuild(session.bench)
        self.kind.setVisible(session.simulated)
        if session.bench is None:
            busy = session.activity is not Activity.DISCONNECTED
            self.head.setText(f"{session.doing}…" if busy else "Not connected. Ctrl+B opens a bench.")
        else:
            self.head.setText(f"<b>{session.bench.file.name}</b><br>{session.bench.sample.name}")
        reason = why_not(session) if session.bench is not None else ""
        self.reason.setText(f"Manual control: {reason[:1].lower()}{reason[1:]}")
        self.reason.setVisible(bool(reason))
        for row in self.rows.values():
            row.allow(reason)

    def _rebuild(self, bench: Bench | None) -> None:
        for row in self.rows.values():
            self._rows.removeWidget(row)
            row.hide()
            row.deleteLater()
        self._bench, self.rows = bench, {}
        self.banner.hide()
        if bench is None:
            return
        tables = bench.file.roles()
        for role in (role for role in TITLES if role in tables):
            row = RoleRow(role, self._session.checks[role], control_of(role, self._session, bench))
            self.rows[role] = row
            self._rows.addWidget(row)

    # ----------------------------------------------------------- live values

    def _show(self, latest: Mapping[str, LiveReading]) -> None:
        bench = self._session.bench
        if bench is None or bench is not self._bench:
            return
        now = time.monotonic()
        for role, row in self.rows.items():
            if (reading := latest.get(role)) is None:
                continue
            age = now - reading.moment if reading.moment else math.inf
            fresh = age < _OLD and not reading.fault and not (self._session.cut_off and role in _CUT)
            power = None
            if role == "sum_detector" and reading.values:
                power = bench.sample_power(float(reading.values["sum"][0]))
            row.show_reading(reading_lines(role, reading.values, power), fresh)
            row.show_state(self._state(row, reading, age))
        self._tell_currents(latest)

    def _state(self, row: RoleRow, reading: LiveReading, age: float) -> RoleState:
        session = self._session
        if reading.fault:
            return faulty(reading.fault)
        if row.control is not None and session.activity is Activity.BUSY and session.doing == row.control.doing:
            return working(session.doing)
        return OK if age < _OLD else old(age)

    def _tell_currents(self, latest: Mapping[str, LiveReading]) -> None:
        by_hand = self._session.activity in (Activity.IDLE, Activity.BUSY) and not self._session.cut_off
        flowing = []
        for role, where in _SOURCES.items():
            amplitude = latest[role].values.get("amplitude", (0.0, "A"))[0] if role in latest else 0.0
            if by_hand and isinstance(amplitude, float) and amplitude > 0:
                flowing.append(f"{amplitude * 1e3:.2f} mA peak through the {where}")
        text = f"By hand: {', '.join(flowing)}"
        if self.flowing.text() != text:
            self.flowing.setText(text)
        if self.banner.isHidden() == bool(flowing):
            self.banner.setVisible(bool(flowing))

    def _switch_off(self) -> None:
        for role in _SOURCES:
            control = self.rows[role].control
            if isinstance(control, SourceControl):
                control.switch_off()
