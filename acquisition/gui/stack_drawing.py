"""The stack of a sample as it lies under the microscope: layers, light, current."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt6.QtCore import QPointF, QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PyQt6.QtWidgets import QSizePolicy, QWidget

from acquisition.gui.theme import SERIES, faint, ground, ink
from analysis.sample import LayerTable, MediumTable, Sample

_LEAST, _SPARE, _MEDIUM = 16, 22, 19  # px: a layer, what thick layers share beside it, a half-space


@dataclass(frozen=True)
class _Band:
    text: str
    thickness: float  # m; 0 for a half-space
    kind: str  # film, metal, dielectric, medium


class StackDrawing(QWidget):
    """Layers of a sample, the cap on top; heights are to scale as far as a line of text allows."""

    def __init__(self) -> None:
        super().__init__()
        self._bands: list[_Band] = []
        self._side = "top"
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_sample(self, sample: Sample | None, side: str) -> None:
        """Draw `sample`, with light from the `side` "top" or "bottom"; None for nothing."""
        self._bands, self._side = [] if sample is None else _bands(sample), side
        words = ", ".join(band.text for band in self._bands)
        self.setAccessibleDescription(words)
        self.setToolTip(f"From the light's side {side}: {words}" if words else "")
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as its layers."""
        return QSize(200, round(sum(self._heights())) + 2)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """As high as its layers."""
        return self.sizeHint()

    def _heights(self) -> list[float]:
        whole = sum(band.thickness for band in self._bands)
        return [
            _LEAST + _SPARE * band.thickness / whole if band.thickness else _MEDIUM for band in self._bands
        ]  # fmt: skip

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw bands from the cap down, then light and current."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        top, left, width = 1.0, 1.0, self.width() - 2.0
        for band, height in zip(self._bands, self._heights(), strict=True):
            box = QRectF(left, top, width, height)
            colour = self._colour(band)
            painter.fillRect(box, colour)
            painter.setPen(QPen(faint(self.palette()), 1))
            painter.drawRect(box)
            painter.setPen(QColor("black") if colour.lightness() > 128 else QColor("white"))
            painter.drawText(box.adjusted(8, 0, -8, 0), Qt.AlignmentFlag.AlignVCenter, band.text)
            if band.kind == "film":
                painter.drawText(box.adjusted(0, 0, -34, 0), int(_RIGHT), "current")
                self._arrow(painter, box.right() - 28, box.center().y(), box.right() - 8, box.center().y())
            top += height
        if self._bands:
            self._draw_light(painter, top)

    def _draw_light(self, painter: QPainter, bottom: float) -> None:
        above = self._side == "top"
        line = QRectF(0, 1 if above else bottom - _MEDIUM, self.width(), _MEDIUM)
        painter.setPen(ink(self.palette()))
        painter.drawText(line.adjusted(0, 0, -34, 0), int(_RIGHT), "light")
        x = self.width() - 18.0
        start, stop = (line.top() + 3, line.bottom() - 2) if above else (line.bottom() - 3, line.top() + 2)
        self._arrow(painter, x, start, x, stop)

    @staticmethod
    def _arrow(painter: QPainter, x: float, y: float, to_x: float, to_y: float) -> None:
        pen = QPen(painter.pen())
        pen.setWidthF(1.6)
        painter.setPen(pen)
        end = QPointF(to_x, to_y)
        along = QPointF(to_x - x, to_y - y)
        length = max((along.x() ** 2 + along.y() ** 2) ** 0.5, 1e-9)
        unit = along / length
        across = QPointF(-unit.y(), unit.x())
        painter.drawLine(QPointF(x, y), end)
        for sign in (1, -1):
            painter.drawLine(end, end - 5 * unit + sign * 3.5 * across)

    def _colour(self, band: _Band) -> QColor:
        base = ground(self.palette())
        share = {"film": 1.0, "metal": 0.55, "dielectric": 0.28, "medium": 0.0}[band.kind]
        tint = QColor(SERIES[0] if band.kind != "metal" else SERIES[4])
        return QColor(*(
            round(share * one + (1 - share) * other)
            for one, other in zip(tint.getRgb()[:3], base.getRgb()[:3], strict=True)
        ))  # fmt: skip


_RIGHT = Qt.AlignmentFlag.AlignRight.value | Qt.AlignmentFlag.AlignVCenter.value


def _bands(sample: Sample) -> list[_Band]:
    film = sample.film
    return [
        _Band(_name(sample.ambient), 0.0, "medium"),
        *(_layer(layer) for layer in reversed(sample.above)),
        _Band(f"{film.material}  {1e9 * film.thickness.value:g} nm", film.thickness.value, "film"),
        *(_layer(layer) for layer in sample.below),
        _Band(_name(sample.substrate), 0.0, "medium"),
    ]


def _layer(layer: LayerTable) -> _Band:
    kind = "metal" if layer.conductivity else "dielectric"
    thickness = f"{1e9 * layer.thickness:g} nm" if layer.thickness < 1e-6 else f"{1e6 * layer.thickness:g} µm"
    return _Band(f"{_name(layer)}  {thickness}", layer.thickness, kind)


def _name(medium: LayerTable | MediumTable) -> str:
    return medium.material or f"n = {medium.index:g}"
