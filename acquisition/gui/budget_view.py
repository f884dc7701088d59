"""Systematics budget: how far each model input moves a result, as a table and as bars."""

from __future__ import annotations

import pyqtgraph
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QSplitter, QVBoxLayout, QWidget

from acquisition.gui.answer_table import AnswerTable
from acquisition.gui.plot import Plot
from acquisition.gui.plot_key import PlotKey
from acquisition.gui.theme import SERIES, faint
from analysis.result import TorqueResult
from analysis.systematics import budget_unit
from analysis.typography import name_text, typeset, value_and_std

_RESULTS = {
    "torque": "torque at the reported current density",
    "efficiency": "spin-torque efficiency",
    "torque_conductivity": "torque conductivity",
    "torque_at_fixed_current": "torque at the current of the runs",
}
_TITLES = ("Input", "Value", "Std", "Effect")
_THICK = 0.36  # of a bar, in rows


class BudgetView(QWidget):
    """Budget of one result."""

    def __init__(self) -> None:
        super().__init__()
        self._result: TorqueResult | None = None
        self._drawn: list[pyqtgraph.GraphicsObject] = []
        self.which = QComboBox()
        self.which.currentIndexChanged.connect(lambda index: self._draw())
        self.table = AnswerTable()
        self.plot = Plot(("Change of the result (%)", ""), ("", ""))
        self.plot.setMinimumSize(220, 120)
        self.plot.item.getViewBox().setMouseEnabled(y=False)
        self.plot.item.showGrid(x=True, y=False, alpha=0.15)
        self.key = PlotKey()
        self.key.show_entries(
            [("■", SERIES[1], "input + 1 std"), ("■", SERIES[0], "input − 1 std"), ("■", "gray", "noise")]
        )
        row = QHBoxLayout()
        row.addWidget(QLabel("Change of the"))
        row.addWidget(self.which)
        row.addWidget(QLabel("per standard uncertainty of each input"))
        row.addStretch(1)
        drawing = QWidget()
        column = QVBoxLayout(drawing)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.key)
        column.addWidget(self.plot, stretch=1)
        halves = QSplitter()
        halves.addWidget(self.table)
        halves.addWidget(drawing)
        halves.setStretchFactor(1, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(row)
        layout.addWidget(halves, stretch=1)

    def show_result(self, result: TorqueResult) -> None:
        """Show the budget of a result."""
        self._result = result
        present = self.which.currentData() or "efficiency"
        known = [key for key in _RESULTS if result.systematics and key in result.systematics[0].effects]
        self.which.blockSignals(True)
        self.which.clear()
        for key in known:
            self.which.addItem(_RESULTS[key], key)
        self.which.setCurrentIndex(max(0, self.which.findData(present)))
        self.which.blockSignals(False)
        self._draw()

    def _draw(self) -> None:
        key = self.which.currentData()
        for item in self._drawn:
            self.plot.item.removeItem(item)
        self._drawn = []
        if self._result is None or key is None:
            self.table.show_rows(_TITLES, [])
            return
        entries = sorted(self._result.systematics, key=lambda entry: -abs(entry.effects[key]))
        noise = self._noise(key)
        rows = [
            [name_text(entry.name), *value_and_std(entry.value, entry.std, budget_unit(entry.name)),
             typeset(f"{100 * entry.effects[key]:+.2f} %")]
            for entry in entries
        ]  # fmt: skip
        if noise is not None:
            rows.append(["noise of the data", "", "", f"±{100 * noise:.2f} %"])
        self.table.show_rows(_TITLES, rows)
        places = [float(-place) for place in range(len(entries))]
        for moved, shift, colour in (("up", _THICK / 2, SERIES[1]), ("down", -_THICK / 2, SERIES[0])):
            widths = [100 * getattr(entry, moved)[key] for entry in entries]
            heights = [place + shift for place in places]
            self._add(pyqtgraph.BarGraphItem(x0=0, y=heights, width=widths, height=_THICK, brush=colour, pen=None))
        if noise is not None:
            half = 100 * noise
            below = [float(-len(entries))]
            self._add(
                pyqtgraph.BarGraphItem(x0=-half, y=below, width=[2 * half], height=_THICK, brush="gray", pen=None)
            )
        self._add(pyqtgraph.InfiniteLine(0, angle=90, pen=faint(self.palette())))
        names = [(float(-place), row[0]) for place, row in enumerate(rows)]
        axis = self.plot.item.getAxis("left")
        axis.setTicks([names])
        self.plot.item.setYRange(-len(rows) + 0.4, 0.6, padding=0)
        self.plot.item.enableAutoRange(x=True)

    def _add(self, item: pyqtgraph.GraphicsObject) -> None:
        self.plot.item.addItem(item)
        self._drawn.append(item)

    def _noise(self, key: str) -> float | None:
        assert self._result is not None
        name = {"torque": "torque_bottom", "torque_at_fixed_current": "torque_bottom"}.get(key, key)
        estimate = getattr(self._result, name)
        if estimate is None or estimate.noise_std is None or estimate.value == 0:
            return None
        return float(abs(estimate.noise_std / estimate.value))
