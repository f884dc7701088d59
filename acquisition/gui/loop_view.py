"""Averaged loops of a sample under both currents, in both channels, with their fits."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QWidget

from acquisition.answer import SampleAnswer
from acquisition.gui.plot import Plot
from acquisition.gui.theme import SERIES, ink
from analysis.loops import CHANNELS, Channel

_PATHS = {"sample": "current through the film", "coil": "calibration field"}


class LoopView(QWidget):
    """Four plots: Kerr rotation and ellipticity, with the current in the film and in the coil."""

    def __init__(self) -> None:
        super().__init__()
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(2)
        self.plots: dict[tuple[str, Channel], Plot] = {}
        for row, (path, what) in enumerate(_PATHS.items()):
            for column, channel in enumerate(CHANNELS):
                name = "Kerr rotation" if channel == "rotation" else "Ellipticity"
                plot = Plot(("External field µ₀H", "T"), (name, "rad"), f"{name}, {what}")
                plot.setMinimumSize(200, 120)
                self.plots[(path, channel)] = plot
                grid.addWidget(plot, row, column)
        self._legend = self.plots[("sample", "rotation")].item.addLegend(offset=(8, -8), labelTextSize="8pt")

    def show_answer(self, first: SampleAnswer, now: SampleAnswer | None) -> None:
        """Draw the loops and the fit; the fit of the first answer stays, dashed, beside another one."""
        for key, plot in self.plots.items():
            plot.item.clearPlots()
            loop = first.entry.data.loops.get(key)
            if loop is None:
                continue
            down = (loop.field, loop.even + loop.odd)
            up = (-loop.field, loop.even - loop.odd)
            for name, (x, y), colour, symbol in (
                ("field falling", down, SERIES[0], "o"), ("field rising", up, SERIES[1], "t1"),
            ):  # fmt: skip
                plot.item.plot(
                    x, y, pen=None, symbol=symbol, symbolSize=5, symbolPen=None, symbolBrush=colour, name=name
                )
            lines = [("fit", first, Qt.PenStyle.SolidLine)]
            if now is not None:
                lines = [("fit, first answer", first, Qt.PenStyle.DashLine), ("fit now", now, Qt.PenStyle.SolidLine)]
            for name, answer, style in lines:
                fit = answer.fits[key]
                y = fit.even + fit.odd
                gap = int(np.searchsorted(fit.field, 0.0))
                pen = pyqtgraph.mkPen(ink(self.palette()), width=1.5, style=style)
                plot.item.plot(
                    np.insert(fit.field, gap, 0.0), np.insert(y, gap, np.nan), pen=pen, connect="finite", name=name
                )
            plot.item.autoRange()
