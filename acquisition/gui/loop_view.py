"""Averaged loops of a sample under both currents, in both channels, with their fits."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtCore import QEvent
from PyQt6.QtGui import QColor
from PyQt6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from acquisition.answer import SampleAnswer
from acquisition.gui.plot import Plot
from acquisition.gui.plot_key import PlotKey
from acquisition.gui.theme import SERIES, faint, ink
from analysis.loops import CHANNELS, Channel
from analysis.sample_fit import FittedLoop

_PATHS = {"sample": "current through the film", "coil": "calibration field"}


class LoopView(QWidget):
    """Four plots: Kerr rotation and ellipticity, with the current in the film and in the coil."""

    def __init__(self) -> None:
        super().__init__()
        self._answers: tuple[SampleAnswer, SampleAnswer | None] | None = None
        self.key = PlotKey()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addWidget(self.key)
        grid = QGridLayout()
        layout.addLayout(grid, stretch=1)
        grid.setSpacing(2)
        self.plots: dict[tuple[str, Channel], Plot] = {}
        for row, (path, what) in enumerate(_PATHS.items()):
            for column, channel in enumerate(CHANNELS):
                name = "Kerr rotation" if channel == "rotation" else "Ellipticity"
                plot = Plot(("External field µ₀H", "T"), (name, "rad"), f"{name}, {what}")
                plot.setMinimumSize(200, 120)
                self.plots[(path, channel)] = plot
                grid.addWidget(plot, row, column)

    def show_answer(self, first: SampleAnswer, now: SampleAnswer | None) -> None:
        """Draw the loops and the fit; the fit of the first answer stays, faint, below another one."""
        self._answers = first, now
        fit, stale = ink(self.palette()), faint(self.palette())
        lines = [(first, fit)] if now is None else [(first, stale), (now, fit)]
        entries = [("●", SERIES[0], "field falling"), ("▲", SERIES[1], "field rising")]
        entries.append(("—", "", "fit" if now is None else "fit with the changed inputs"))
        self.key.show_entries(entries if now is None else [*entries, ("—", "gray", "fit of the first answer")])
        for key, plot in self.plots.items():
            plot.item.clearPlots()
            loop = first.entry.data.loops.get(key)
            if loop is None:
                continue
            falling, rising = (loop.field, loop.even + loop.odd), (-loop.field, loop.even - loop.odd)
            for (x, y), colour, symbol in ((falling, SERIES[0], "o"), (rising, SERIES[1], "t1")):
                plot.item.plot(x, y, pen=None, symbol=symbol, symbolSize=5, symbolPen=None, symbolBrush=colour)
            for answer, shade in lines:
                self._draw_fit(plot, answer.fits[key], shade)
            plot.item.enableAutoRange()

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw the fits in the colours of a new theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and self._answers is not None:
            self.show_answer(*self._answers)

    @staticmethod
    def _draw_fit(plot: Plot, fit: FittedLoop, colour: QColor) -> None:
        gap = int(np.searchsorted(fit.field, 0.0))  # where the film switches
        field, angle = np.insert(fit.field, gap, 0.0), np.insert(fit.even + fit.odd, gap, np.nan)
        plot.item.plot(field, angle, pen=pyqtgraph.mkPen(colour, width=2), connect="finite")
