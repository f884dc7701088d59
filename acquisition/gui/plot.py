"""A plot as the window draws all of them: colours of the theme, SI axes, a crosshair that reads out, export."""

from __future__ import annotations

from pathlib import Path

import pyqtgraph
from PyQt6.QtCore import QEvent, QPointF, pyqtSignal
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import QFileDialog, QWidget
from pyqtgraph.exporters import CSVExporter, ImageExporter, SVGExporter

from acquisition.gui.theme import faint, ground, ink

_EXPORTERS = {".png": ImageExporter, ".svg": SVGExporter, ".csv": CSVExporter}


class Plot(pyqtgraph.PlotWidget):  # type: ignore[misc]
    """Plot with labelled axes in SI units.

    Parameters
    ----------
    x, y
        (quantity, unit) of the axes, e.g. ("External field", "T"); pyqtgraph puts the prefix before the unit.
    title
        Above the plot; "" for none.

    Signals
    -------
    pointed(float, float)
        Where the crosshair is, in the units of the axes; NaN where it leaves.
    """

    pointed = pyqtSignal(float, float)

    def __init__(self, x: tuple[str, str], y: tuple[str, str], title: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.item = self.getPlotItem()
        self.item.showGrid(x=True, y=True, alpha=0.15)
        self.item.setMenuEnabled(True)
        self.set_axes(x, y)
        self._title = title
        pen = pyqtgraph.mkPen(width=1)
        self._lines = [pyqtgraph.InfiniteLine(angle=angle, movable=False, pen=pen) for angle in (90, 0)]
        self._readout = pyqtgraph.TextItem(anchor=(0, 1))
        self._readout.setZValue(100)
        for helper in (*self._lines, self._readout):
            self.item.addItem(helper, ignoreBounds=True)
            helper.hide()
        self.scene().sigMouseMoved.connect(self._point)
        menu = self.item.getViewBox().menu
        for suffix in _EXPORTERS:
            action = QAction(f"Save as {suffix[1:].upper()}…", menu)
            action.triggered.connect(lambda checked, suffix=suffix: self._ask_for_file(suffix))
            menu.addAction(action)
        self._follow_theme()

    def set_axes(self, x: tuple[str, str], y: tuple[str, str]) -> None:
        """Label the axes anew."""
        self._axes = x, y
        for side, (quantity, unit) in zip(("bottom", "left"), (x, y), strict=True):
            axis = self.item.getAxis(side)
            axis.enableAutoSIPrefix(bool(unit))
            axis.setLabel(quantity, units=unit or None)

    def save(self, path: Path) -> None:
        """Write what is shown; the ending says how: .png (twice the size on screen), .svg, or .csv with the data."""
        exporter = _EXPORTERS[path.suffix.lower()](self.item)
        if isinstance(exporter, ImageExporter):
            exporter.parameters()["width"] = 2 * self.width()
        for helper in (*self._lines, self._readout):
            helper.hide()
        exporter.export(str(path))

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take over the colours of a new theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "_readout"):
            self._follow_theme()

    def leaveEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Hide the crosshair."""
        super().leaveEvent(event)
        for helper in (*self._lines, self._readout):
            helper.hide()
        self.pointed.emit(float("nan"), float("nan"))

    def _follow_theme(self) -> None:
        palette = self.palette()
        self.setBackground(ground(palette))
        for side in ("bottom", "left", "top", "right"):
            axis = self.item.getAxis(side)
            axis.setPen(ink(palette))
            axis.setTextPen(ink(palette))
        if self._title:
            self.item.setTitle(self._title, color=ink(palette).name(), size="10pt")
        for line in self._lines:
            line.setPen(faint(palette))
        self._readout.setColor(ink(palette))

    def _point(self, position: QPointF) -> None:
        box = self.item.getViewBox()
        inside = box.sceneBoundingRect().contains(position)
        for helper in (*self._lines, self._readout):
            helper.setVisible(inside)
        if not inside:
            return
        point = box.mapSceneToView(position)
        self._lines[0].setPos(point.x())
        self._lines[1].setPos(point.y())
        (_, x_unit), (_, y_unit) = self._axes
        x = pyqtgraph.siFormat(point.x(), precision=4, suffix=x_unit)
        y = pyqtgraph.siFormat(point.y(), precision=4, suffix=y_unit)
        self._readout.setText(f"{x}, {y}")
        (left, right), (bottom, top) = box.viewRange()
        self._readout.setAnchor((float(point.x() > (left + right) / 2), float(point.y() < (bottom + top) / 2)))
        self._readout.setPos(point)
        self.pointed.emit(point.x(), point.y())

    def _ask_for_file(self, suffix: str) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the plot", f"plot{suffix}", f"*{suffix}")
        if name:
            self.save(Path(name).with_suffix(suffix))
