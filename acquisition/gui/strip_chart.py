"""Signal of the lock-in and sum of the detector against time, from the live values."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping

import numpy as np
import pyqtgraph
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from acquisition.gui.plot import Plot
from acquisition.gui.theme import SERIES
from analysis import detection
from analysis.stack import FloatArray
from instruments.live import LiveReading

_SPANS = {"10 s": 10.0, "30 s": 30.0, "1 min": 60.0, "5 min": 300.0, "30 min": 1800.0, "2 h": 7200.0}
_GAP = 2.0  # s without a reading, over which no line is drawn
_KEPT = 80_000  # readings: two hours at ten a second

_Signal = Callable[[FloatArray, float], FloatArray]
SIGNALS: Mapping[str, tuple[str, _Signal]] = {
    "Lock-in X": ("V", lambda read, gain: read[1]),
    "Lock-in R": ("V", lambda read, gain: np.hypot(read[1], read[2])),
    "Kerr signal": ("rad", lambda read, gain: detection.kerr_signal(read[1], read[3], gain)),
}
"""What the upper chart can show: its unit, and how it follows from (moment, X, Y, sum) and the gain of the detector."""


class Trace:
    """The last readings; rows grow without a copy at each.

    Parameters
    ----------
    size
        Numbers in a reading, its moment first.
    """

    def __init__(self, size: int) -> None:
        self._rows = np.empty((size, 2 * _KEPT))
        self._count = 0

    def append(self, *reading: float) -> None:
        """Add a reading; one of the same moment as the last is left out, and a gap is left where none came."""
        if self._count:
            last = self._rows[0, self._count - 1]
            if reading[0] == last:
                return
            if reading[0] - last > _GAP:
                self._put((last, *(math.nan for _ in reading[1:])))
        self._put(reading)

    def _put(self, reading: tuple[float, ...]) -> None:
        if self._count == self._rows.shape[1]:
            self._rows[:, :_KEPT] = self._rows[:, _KEPT:]
            self._count = _KEPT
        self._rows[:, self._count] = reading
        self._count += 1

    def since(self, moment: float) -> FloatArray:
        """Readings (size, n) from `moment` on, not to be changed."""
        rows = self._rows[:, : self._count]
        return rows[:, int(np.searchsorted(rows[0], moment)) :]

    def clear(self) -> None:
        """Forget all."""
        self._count = 0


class StripChart(QWidget):
    """Two charts, one above the other, of the last seconds; what comes while they are paused is kept."""

    def __init__(self) -> None:
        super().__init__()
        self._signal, self._sum = Trace(4), Trace(2)
        self._gain = 1.0
        self.signal, self.span = QComboBox(), QComboBox()
        self.signal.addItems(list(SIGNALS))
        self.signal.setToolTip("What the upper chart shows")
        self.span.addItems(list(_SPANS))
        self.span.setCurrentText("1 min")
        self.span.setToolTip("How much time is shown")
        self.pause, self.clearing = QPushButton("Pause"), QPushButton("Clear")
        self.pause.setCheckable(True)
        self.pause.setToolTip("Hold the picture; readings go on")
        self.clearing.setToolTip("Forget the readings so far")
        self.signal_plot = Plot(("Time before now", "s"), ("Lock-in X", "V"))
        self.sum_plot = Plot(("Time before now", "s"), ("Sum", "V"))
        self._curves = [
            plot.item.plot(pen=pyqtgraph.mkPen(colour, width=1.5), autoDownsample=True, downsampleMethod="peak")
            for plot, colour in ((self.signal_plot, SERIES[0]), (self.sum_plot, SERIES[1]))
        ]
        self.signal_plot.item.getAxis("bottom").setStyle(showValues=False)
        self.signal_plot.item.setLabel("bottom", "")
        for plot in (self.signal_plot, self.sum_plot):
            plot.item.getAxis("left").setWidth(64)
            plot.item.setMouseEnabled(x=False)
            plot.item.getAxis("bottom").enableAutoSIPrefix(False)
            plot.setMinimumHeight(90)
        bar = QHBoxLayout()
        for widget in (self.signal, self.span, self.pause, self.clearing):
            bar.addWidget(widget)
        bar.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addLayout(bar)
        layout.addWidget(self.signal_plot, stretch=1)
        layout.addWidget(self.sum_plot, stretch=1)
        self.signal.currentTextChanged.connect(self._choose)
        self.span.currentTextChanged.connect(lambda text: self.draw())
        self.pause.toggled.connect(lambda held: self.draw())
        self.clearing.clicked.connect(lambda checked: self.clear())
        self.draw()

    def add(self, latest: Mapping[str, LiveReading], gain: float) -> None:
        """Take what was read last, and draw; `gain` is that of the detector (`analysis.detection.kerr_signal`)."""
        self._gain = gain
        total = latest.get("sum_detector")
        if total is not None and "sum" in total.values:
            self._sum.append(total.moment, float(total.values["sum"][0]))
        lock_in = latest.get("lock_in")
        if lock_in is not None and "x" in lock_in.values:
            light = float(total.values["sum"][0]) if total is not None and "sum" in total.values else np.nan
            x, y = (float(lock_in.values[name][0]) for name in ("x", "y"))
            self._signal.append(lock_in.moment, x, y, light or np.nan)
        if self.isVisible():
            self.draw()

    def clear(self) -> None:
        """Forget all readings."""
        self._signal.clear()
        self._sum.clear()
        self.draw()

    def draw(self) -> None:
        """Show the last readings, unless the picture is held."""
        if self.pause.isChecked():
            return
        now, span = time.monotonic(), _SPANS[self.span.currentText()]
        read, total = self._signal.since(now - span), self._sum.since(now - span)
        _, signal = SIGNALS[self.signal.currentText()]
        self._curves[0].setData(read[0] - now, signal(read, self._gain), connect="finite")
        self._curves[1].setData(total[0] - now, total[1], connect="finite")
        for plot in (self.signal_plot, self.sum_plot):
            plot.item.setXRange(-span, 0, padding=0)

    def _choose(self, name: str) -> None:
        self.signal_plot.set_axes(("", ""), (name, SIGNALS[name][0]))
        self.draw()
