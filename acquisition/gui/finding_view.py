"""Findings of measurements that give no torque: quantities with uncertainties, doubts, and their panels."""

from __future__ import annotations

import numpy as np
import pyqtgraph
from PyQt6.QtWidgets import QComboBox, QGridLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from acquisition.gui.answer_table import AnswerTable
from acquisition.gui.plot import Plot
from acquisition.gui.theme import COLOUR_MAP, SERIES, ink
from analysis.finding import Curve, Finding, Map
from analysis.typography import estimate_text, name_text, typeset


class FindingView(QWidget):
    """List of findings, and the chosen one."""

    def __init__(self) -> None:
        super().__init__()
        self._findings: tuple[Finding, ...] = ()
        self.list = QComboBox()
        self.list.currentIndexChanged.connect(self._show)
        self.table = AnswerTable()
        self.doubts = QLabel()
        self.doubts.setWordWrap(True)
        self._panels = QWidget()
        self._grid = QGridLayout(self._panels)
        self._grid.setContentsMargins(0, 0, 0, 0)
        halves = QSplitter()
        halves.addWidget(self.table)
        halves.addWidget(self._panels)
        halves.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.list)
        layout.addWidget(self.doubts)
        layout.addWidget(halves, stretch=1)
        self.show_findings(())

    def show_findings(self, findings: tuple[Finding, ...]) -> None:
        """Show findings, the same one first where it is still there."""
        row = max(0, self.list.currentIndex())
        self._findings = findings
        self.list.blockSignals(True)
        self.list.clear()
        self.list.addItems(
            [f"{finding.procedure} of {finding.sample}: {', '.join(finding.runs)}" for finding in findings]
        )
        self.list.blockSignals(False)
        self.list.setCurrentIndex(min(row, len(findings) - 1))
        self._show(self.list.currentIndex())

    def _show(self, row: int) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.deleteLater()
        if not 0 <= row < len(self._findings):
            self.table.show_rows(["", "Found"], [])
            self.doubts.show()
            self.doubts.setText("The runs are all field sweeps: their torques are the answer.")
            return
        finding = self._findings[row]
        self.doubts.setText("\n".join(f"⚠ {doubt}" for doubt in finding.warnings))
        self.doubts.setVisible(bool(finding.warnings))
        quantities = finding.quantities.items()
        self.table.show_rows(
            ["", "Found"], [[name_text(name).capitalize(), estimate_text(value)] for name, value in quantities]
        )
        panels: list[Curve | Map] = [*finding.curves, *finding.maps]
        columns = 1 if len(panels) < 3 else 2
        for place, panel in enumerate(panels):
            plot = self._curve(panel) if isinstance(panel, Curve) else self._map(panel)
            self._grid.addWidget(plot, place // columns, place % columns)

    def _plot(self, panel: Curve | Map) -> Plot:
        x_label, y_label, title = (
            typeset(text.replace("$^{1/2}$", "^½")) for text in (panel.x_label, panel.y_label, panel.title)
        )
        plot = Plot((x_label, ""), (y_label, ""), title)
        plot.setMinimumSize(160, 110)
        return plot

    def _curve(self, panel: Curve) -> Plot:
        plot = self._plot(panel)
        if panel.errors is not None:
            pen = pyqtgraph.mkPen(SERIES[1])
            plot.item.addItem(pyqtgraph.ErrorBarItem(x=panel.x, y=panel.y, height=2 * panel.errors, pen=pen))
        plot.item.plot(panel.x, panel.y, pen=None, symbol="o", symbolSize=5, symbolBrush=SERIES[1], symbolPen=None)
        if panel.fit_x is not None and panel.fit_y is not None:
            plot.item.plot(panel.fit_x, panel.fit_y, pen=pyqtgraph.mkPen(ink(self.palette()), width=1.5))
        return plot

    def _map(self, panel: Map) -> Plot:
        plot = self._plot(panel)
        steps = [float(np.mean(np.diff(axis))) if len(axis) > 1 else 1.0 for axis in (panel.x, panel.y)]
        image = pyqtgraph.ImageItem(panel.values.T)
        image.setRect(
            panel.x[0] - steps[0] / 2, panel.y[0] - steps[1] / 2, steps[0] * len(panel.x), steps[1] * len(panel.y)
        )
        plot.item.addItem(image)
        plot.item.setAspectLocked(True)
        bar = pyqtgraph.ColorBarItem(colorMap=COLOUR_MAP, label=typeset(panel.value_label), interactive=False)
        finite = panel.values[np.isfinite(panel.values)]
        bar.setImageItem(image, insert_in=plot.item)
        if finite.size:
            bar.setLevels((float(finite.min()), float(finite.max())))
        return plot
