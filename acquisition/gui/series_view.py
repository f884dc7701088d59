"""A thickness series: angles of the films with the curve of the model, residuals, and the torque common to all."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QSplitter, QVBoxLayout, QWidget

from acquisition.answer import Answer, SeriesAnswer
from acquisition.gui.answer_table import AnswerTable
from acquisition.gui.plot import Plot
from acquisition.gui.plot_key import PlotKey
from acquisition.gui.theme import SERIES, faint
from analysis.comparison import compare
from analysis.typography import estimate_text, typeset

_PARTS = (("real", SERIES[0], "s"), ("imag", SERIES[1], "o"))
_EMPTY = (
    "No thickness series: select the runs of at least two samples that differ in film thickness alone, "
    "and analyse them together."
)


class SeriesView(QWidget):
    """Result of a thickness series."""

    def __init__(self) -> None:
        super().__init__()
        self._drawn: list[tuple[Plot, pyqtgraph.GraphicsObject]] = []
        self.text = QLabel(_EMPTY)
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = AnswerTable()
        self.plot = Plot(("Film thickness", "m"), ("Kerr angle", "rad"))
        self.residuals = Plot(("Film thickness", "m"), ("Residual", "rad"))
        self.residuals.setXLink(self.plot)
        for plot in (self.plot, self.residuals):
            plot.setMinimumSize(220, 116)
            plot.item.getAxis("left").setWidth(64)
        shared = self.plot.item.getAxis("bottom")
        shared.showLabel(False)
        shared.setStyle(showValues=False)
        self.key = PlotKey()
        self.key.show_entries(
            [("■", SERIES[0], "Kerr rotation"), ("●", SERIES[1], "ellipticity"), ("—", "gray", "model")]
        )
        plots = QSplitter(Qt.Orientation.Vertical)
        for part in (self.key, self.plot, self.residuals):
            plots.addWidget(part)
        plots.setSizes([16, 240, 130])
        plots.setStretchFactor(1, 2)
        plots.setStretchFactor(2, 1)
        self.halves = QSplitter()
        self.halves.addWidget(self.table)
        self.halves.addWidget(plots)
        self.halves.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.text)
        layout.addWidget(self.halves, stretch=1)

    def show_answer(self, first: Answer, now: Answer | None) -> None:
        """Show a series, and beside it what changed model inputs make of it."""
        shown = (now or first).series
        self.halves.setVisible(shown is not None)
        if shown is None:
            self.text.setText(_EMPTY)
            return
        result, series = shown.series.result, shown.series
        names = ", ".join(entry.sample.name for entry in series.entries)
        poor = f" Poorly described: {', '.join(series.poor)}." if series.poor else ""
        self.text.setText(
            f"{len(series.entries)} films ({names}) at one {series.held}; χ² = {result.chi2:.3g} for {result.dof} "
            f"degrees of freedom.{poor}"
        )
        rows = [
            ["Spin-torque efficiency", estimate_text(result.efficiency)],
            ["Torque, bottom", estimate_text(result.torque_bottom)],
            ["Torque, top", estimate_text(result.torque_top)],
            ["… at the current density", estimate_text(result.current_density)],
            ["Imbalance (top + bottom) / bottom", estimate_text(series.imbalance)],
        ]
        if result.torque_conductivity is not None:
            rows.insert(1, ["Torque conductivity (thickest)", estimate_text(result.torque_conductivity)])
        titles = ["", "Answer"]
        if now is not None and first.series is not None:
            before = {row.name: row for row in compare(first.series.series.result, result)}
            moved = before["efficiency"]
            rows.insert(0, ["Efficiency, first answer", estimate_text(first.series.series.result.efficiency)])
            if moved.relative is not None and moved.deviations is not None:
                rows.insert(1, ["… moved by", typeset(f"{100 * moved.relative:+.2f} %, {moved.deviations:+.2f} σ")])
        rows += [
            [
                f"Residual of {entry.sample.name}",
                typeset(f"{abs(left) * 1e9:.2f} nrad, {100 * abs(left / angle):.1f} %"),
            ]
            for entry, left, angle in zip(series.entries, shown.residuals, shown.measured, strict=True)
        ]
        self.table.show_rows(titles, rows)
        self._draw(shown)

    def _draw(self, shown: SeriesAnswer) -> None:
        for plot, item in self._drawn:
            plot.item.removeItem(item)
        self._drawn = []
        for plot in (self.plot, self.residuals):
            self._add(plot, pyqtgraph.InfiniteLine(0, angle=0, pen=faint(self.palette())))
        thickness = shown.series.thickness
        for part, colour, symbol in _PARTS:
            model, measured, std, left = (
                np.asarray(getattr(values, part))
                for values in (shown.model, shown.measured, shown.std, shown.residuals)
            )
            style = Qt.PenStyle.SolidLine if part == "real" else Qt.PenStyle.DashLine
            pen = pyqtgraph.mkPen(colour, width=1.5, style=style)
            self._add(self.plot, pyqtgraph.PlotDataItem(shown.thickness, model, pen=pen))
            for plot, values in ((self.plot, measured), (self.residuals, left)):
                bars = pyqtgraph.ErrorBarItem(x=thickness, y=values, height=2 * std, pen=pyqtgraph.mkPen(colour))
                self._add(plot, bars)
                look = {"symbol": symbol, "symbolSize": 7, "symbolBrush": colour, "symbolPen": None, "pen": None}
                self._add(plot, pyqtgraph.PlotDataItem(thickness, values, **look))
        for plot in (self.plot, self.residuals):
            plot.item.enableAutoRange()

    def _add(self, plot: Plot, item: pyqtgraph.GraphicsObject) -> None:
        plot.item.addItem(item)
        self._drawn.append((plot, item))
