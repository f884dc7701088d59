"""Panels of an analysis: its curves with the lines through them."""

from __future__ import annotations

from collections.abc import Sequence

import pyqtgraph
from PyQt6.QtWidgets import QGridLayout, QWidget

from acquisition.gui.plot import Plot
from acquisition.gui.theme import SERIES, ink
from analysis.finding import Curve


class FindingPanel(QWidget):
    """One plot for each curve of an analysis, in the units that it chose."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.plots: list[Plot] = []

    def show_panels(self, curves: Sequence[Curve]) -> None:
        """Show curves; maps have a view of their own."""
        while len(self.plots) > len(curves):
            plot = self.plots.pop()
            self._layout.removeWidget(plot)
            plot.deleteLater()
        columns = 1 if len(curves) == 1 else 2
        for place, curve in enumerate(curves):
            if place == len(self.plots):
                self.plots.append(Plot((curve.x_label, ""), (curve.y_label, "")))
            self._layout.addWidget(self.plots[place], place // columns, place % columns)
            self._show(self.plots[place], curve)

    def _show(self, plot: Plot, curve: Curve) -> None:
        plot.item.clear()
        plot.set_axes((curve.x_label, ""), (curve.y_label, ""))
        plot.set_title(curve.title)
        colour = SERIES[0]
        if curve.errors is not None:
            bars = pyqtgraph.ErrorBarItem(
                x=curve.x, y=curve.y, height=2 * curve.errors, beam=0.0, pen=pyqtgraph.mkPen(colour)
            )
            plot.item.addItem(bars)
        plot.item.plot(
            curve.x, curve.y, pen=None, symbol="o", symbolSize=6, symbolBrush=colour,
            symbolPen=pyqtgraph.mkPen(colour), name="measured",
        )  # fmt: skip
        if curve.fit_x is not None and curve.fit_y is not None:
            plot.item.plot(curve.fit_x, curve.fit_y, pen=pyqtgraph.mkPen(ink(self.palette()), width=1), name="fit")
