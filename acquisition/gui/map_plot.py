"""Map of a position scan: colours over the plane, with their bar."""

from __future__ import annotations

import numpy as np
import pyqtgraph

from acquisition.gui.plot import Entry, Plot
from acquisition.gui.theme import COLOUR_MAP, ink, is_dark
from analysis.stack import FloatArray

_UNMEASURED = ("#c8c8c8", "#505050")  # in light and in dark: greys that the map does not have


class MapPlot(Plot):
    """Values over x and y at their true proportions; what was not measured is grey."""

    def __init__(self) -> None:
        self._values = np.empty((0, 0))
        self._places = np.empty(0), np.empty(0)
        self._unit = ""
        super().__init__(("Stage x, along the current", "m"), ("Stage y, across the current", "m"))
        self.item.setAspectLocked(True)
        self.item.showGrid(x=False, y=False)
        self.image = pyqtgraph.ImageItem(axisOrder="row-major")
        self.item.addItem(self.image)
        self.bar = pyqtgraph.ColorBarItem(colorMap=pyqtgraph.colormap.get(COLOUR_MAP), interactive=False, width=14)
        self.bar.setImageItem(self.image, insert_in=self.item)
        self._colour_bar()

    def show_values(self, x: FloatArray, y: FloatArray, values: FloatArray, name: str, unit: str) -> None:
        """Show a map.

        Parameters
        ----------
        x : (n,)
        y : (m,)
            Equally spaced positions (m), ascending, at least two of each.
        values : (m, n)
            NaN where nothing was measured.
        name, unit
            Of the values.
        """
        first = not self._values.size
        self._values, self._places, self._unit = values, (x, y), unit
        finite = values[np.isfinite(values)]
        low, high = (float(np.min(finite)), float(np.max(finite))) if finite.size else (0.0, 1.0)
        if low == high:
            low, high = low - abs(low) * 1e-3 - 1e-30, high + abs(high) * 1e-3 + 1e-30
        self.image.setImage(values, autoLevels=False, levels=(low, high))
        self.bar.setLevels((low, high))
        step_x, step_y = x[1] - x[0], y[1] - y[0]
        self.image.setRect(x[0] - step_x / 2, y[0] - step_y / 2, len(x) * step_x, len(y) * step_y)
        self.bar.getAxis("right").setLabel(name, units=unit or None)
        missing = finite.size < values.size
        self.set_legend([Entry(_UNMEASURED[is_dark(self.palette())], "■", "not measured")] if missing else [])
        if first:
            self.item.autoRange()

    def clear_values(self) -> None:
        """Show nothing."""
        self._values = np.empty((0, 0))
        self.image.clear()

    def _follow_theme(self) -> None:
        super()._follow_theme()
        if hasattr(self, "bar"):
            self._colour_bar()

    def _colour_bar(self) -> None:
        self.item.getViewBox().setBackgroundColor(_UNMEASURED[is_dark(self.palette())])
        axis, colour = self.bar.getAxis("right"), ink(self.palette())
        axis.setPen(colour)
        axis.setTextPen(colour)

    def _text(self, x: float, y: float) -> str:
        text = super()._text(x, y)
        if not self._values.size:
            return text
        places = [
            round((at - values[0]) / (values[1] - values[0])) for at, values in zip((x, y), self._places, strict=True)
        ]
        rows, columns = self._values.shape
        if not (0 <= places[0] < columns and 0 <= places[1] < rows):
            return text
        value = float(self._values[places[1], places[0]])
        shown = pyqtgraph.siFormat(value, precision=4, suffix=self._unit) if np.isfinite(value) else "not measured"
        return f"{text}: {shown}"

    def _table(self) -> list[list[object]]:
        x, y = self._places
        unit = f" ({self._unit})" if self._unit else ""
        head: list[object] = [f"y (m) below, x (m) to the right, value{unit}", *x.tolist()]
        rows: list[list[object]] = [
            [at, *("" if np.isnan(value) else value for value in row)]
            for at, row in zip(y.tolist(), self._values.tolist(), strict=True)
        ]
        return [head, *rows]
