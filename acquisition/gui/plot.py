"""A plot as the window draws all of them: colours of the theme, SI axes, a crosshair that reads out, export."""

from __future__ import annotations

import csv
import html
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pyqtgraph
from PyQt6.QtCore import QEvent, QPointF, QRectF, pyqtSignal
from PyQt6.QtGui import QAction, QImage, QPaintDevice, QPainter
from PyQt6.QtWidgets import QFileDialog, QWidget

from acquisition.gui.theme import faint, ground, ink
from analysis.errors import InputError, describe

_SUFFIXES = (".png", ".svg", ".csv")
_LINE = 60  # characters of a legend in one line


class Entry(NamedTuple):
    """Entry of a legend: colour, sign that looks like the curve, and what the curve is."""

    colour: str
    sign: str
    text: str


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
        self._title, self._legend = title, ""
        pen = pyqtgraph.mkPen(width=1)
        self._lines = [pyqtgraph.InfiniteLine(angle=angle, movable=False, pen=pen) for angle in (90, 0)]
        self._readout = pyqtgraph.TextItem(anchor=(0, 1))
        self._readout.setZValue(100)
        for helper in (*self._lines, self._readout):
            self.item.addItem(helper, ignoreBounds=True)
            helper.hide()
        self.scene().sigMouseMoved.connect(self._point)
        menu = self.item.getViewBox().menu
        for suffix in _SUFFIXES:
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

    def set_title(self, title: str) -> None:
        """Put another title above the plot."""
        self._title = title
        self._show_head()

    def set_legend(self, entries: Sequence[Entry]) -> None:
        """Explain the curves in lines above the plot, where the legend hides no data."""
        lines, length = [""], 0
        for entry in entries:
            if length and length + len(entry.text) > _LINE:
                lines, length = [*lines, ""], 0
            text = html.escape(entry.text).replace(" ", "&nbsp;")
            lines[-1] += f'<span style="color:{entry.colour}">{entry.sign}</span>&nbsp;{text} &nbsp; '
            length += len(entry.text) + 5
        if (legend := "<br>".join(lines)) != self._legend:
            self._legend = legend
            self._show_head()

    def save(self, path: Path) -> None:
        """Write what is shown; the ending says how: .png (twice the size on screen), .svg, or .csv with the data."""
        for helper in (*self._lines, self._readout):
            helper.hide()
        suffix = path.suffix.lower()
        if suffix == ".csv":
            with path.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(self._table())
            return
        if suffix == ".svg":
            from PyQt6.QtSvg import QSvgGenerator

            drawing = QSvgGenerator()
            drawing.setFileName(str(path))
            drawing.setSize(self.size())
            drawing.setViewBox(self.rect())
            if not self._paint_on(drawing):
                raise _unwritable(path)
        else:
            picture = QImage(2 * self.size(), QImage.Format.Format_RGB32)
            picture.setDevicePixelRatio(2)
            self._paint_on(picture)
            if not picture.save(str(path)):
                raise _unwritable(path)

    def _paint_on(self, device: QPaintDevice) -> bool:
        """Paint what is shown; return False where the device cannot be painted on."""
        painter = QPainter()
        if not painter.begin(device):
            return False
        painter.fillRect(self.rect(), ground(self.palette()))
        self.scene().render(painter, QRectF(self.rect()), QRectF(self.rect()))
        painter.end()
        return True

    def _table(self) -> list[list[object]]:
        """Head and rows of the CSV file: x and y of every curve that is shown, side by side."""
        curves = [curve for curve in self.item.listDataItems() if curve.isVisible() and curve.xData is not None]
        head, columns = [], []
        for curve in curves:
            name = f"{curve.name()}: " if curve.name() else ""
            for (quantity, unit), values in zip(self._axes, curve.getOriginalDataset(), strict=True):
                head.append(f"{name}{quantity} ({unit})" if unit else f"{name}{quantity}")
                columns.append(values.tolist())
        return [head, *([("" if cell is None else cell) for cell in row] for row in itertools.zip_longest(*columns))]

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
        self._show_head()
        for line in self._lines:
            line.setPen(faint(palette))
        self._readout.setColor(ink(palette))

    def _show_head(self) -> None:
        parts = [part for part in (html.escape(self._title), self._legend) if part]
        if parts:
            self.item.setTitle("<br>".join(parts), color=ink(self.palette()).name(), size="9pt")
            label = self.item.titleLabel
            height = label.itemRect().height() + 4
            label.setMaximumHeight(height)
            self.item.layout.setRowFixedHeight(0, height)
        else:
            self.item.setTitle(None)

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
        self._readout.setText(self._text(point.x(), point.y()))
        (left, right), (bottom, top) = box.viewRange()
        self._readout.setAnchor((float(point.x() > (left + right) / 2), float(point.y() < (bottom + top) / 2)))
        self._readout.setPos(point)
        self.pointed.emit(point.x(), point.y())

    def _text(self, x: float, y: float) -> str:
        """What the crosshair says at a place."""
        return ", ".join(
            pyqtgraph.siFormat(value, precision=4, suffix=unit)
            for value, (_, unit) in zip((x, y), self._axes, strict=True)
        )

    def _ask_for_file(self, suffix: str) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the plot", f"plot{suffix}", f"*{suffix}")
        if name:
            self.save(Path(name).with_suffix(suffix))


def _unwritable(path: Path) -> InputError:
    return InputError(
        describe("File of a plot", "be in a folder that exists and can be written to", str(path), "Choose another.")
    )
