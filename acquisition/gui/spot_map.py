"""Where the light falls on the sample: reflected light over the stage's x and y, and a click moves the stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyqtgraph
from PyQt6.QtCore import QEvent, QRectF, Qt
from PyQt6.QtGui import QPalette
from PyQt6.QtWidgets import QWidget

from acquisition.gui.live_run import LiveRun
from acquisition.gui.plot import Plot
from acquisition.gui.session import Session
from acquisition.gui.theme import COLOUR_MAP, faint, ink
from analysis.errors import InputError
from analysis.position_scan import position_map
from analysis.result import Estimate
from instruments.live import LiveReading

_REACH = 60e-6  # m shown at first, either way
_UM = 1e-6


class SpotMap(Plot):
    """Map of the reflected light, with the outline of the square and where the stage stands.

    Parameters
    ----------
    session
        Whose stage a click moves.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(("Stage x", "m"), ("Stage y", "m"), parent=parent)
        self._session = session
        self._run: LiveRun | None = None
        self._drawn = 0
        self._place: tuple[float, float] | None = None
        self.image = pyqtgraph.ImageItem(axisOrder="row-major")
        self.image.setZValue(-10)
        self.item.addItem(self.image)
        self.bar = pyqtgraph.ColorBarItem(colorMap=pyqtgraph.colormap.get(COLOUR_MAP), interactive=False, width=12)
        self.bar.axis.setLabel("Detector sum (V)")
        self.bar.axis.setWidth(58)
        self.bar.setImageItem(self.image, insert_in=self.item)
        self.bar.hide()
        dashes = pyqtgraph.mkPen("k", width=1.5, style=Qt.PenStyle.DashLine)
        self.outline = self.item.plot(pen=dashes, shadowPen=pyqtgraph.mkPen("w", width=3.5))  # seen on every colour
        self.marker = pyqtgraph.ScatterPlotItem(symbol="+", size=18, pen=pyqtgraph.mkPen("k"), brush="w")
        self.item.addItem(self.marker)
        self.item.setAspectLocked(True)
        self.item.setRange(QRectF(-_REACH, -_REACH, 2 * _REACH, 2 * _REACH))
        self.setToolTip("A click moves the stage there")
        self.scene().sigMouseClicked.connect(self._click)
        session.run_began.connect(self._begin)
        self._colour_bar()

    # ----------------------------------------------------------- what is shown

    def show_position(self, latest: Mapping[str, LiveReading]) -> None:
        """Mark where the stage stands, and add what a scan under way has found."""
        if (stage := latest.get("stage")) is not None and stage.values:
            place = (float(stage.values["x"][0]), float(stage.values["y"][0]))
            if place != self._place:  # a picture is drawn only where it changes
                self._place = place
                self.marker.setData([place[0]], [place[1]])
        self._draw()

    def show_square(self, centre: Mapping[str, Estimate], width: Mapping[str, Estimate]) -> None:
        """Draw the outline of the square where both axes are known."""
        if not {"x", "y"} <= set(centre) or not {"x", "y"} <= set(width):
            return
        corners = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]) / 2
        x, y = (centre[axis].value + corners[:, place] * width[axis].value for place, axis in enumerate("xy"))
        self.outline.setData(x, y)

    def _begin(self, one: LiveRun) -> None:
        procedure = one.planned.procedure
        from procedures import PositionScan

        if isinstance(procedure, PositionScan) and procedure.axis == "map":
            self._run, self._drawn = one, 0

    def _draw(self) -> None:
        one = self._run
        if one is None or len(one.points) == self._drawn:
            return
        self._drawn = len(one.points)
        x, y, total = (one.points.column(name)[: self._drawn] for name in ("stage_x_set", "stage_y_set", "sum"))
        found = position_map("", "", x, y, total)
        if len(found.x) < 2:
            return
        step = (found.x[1] - found.x[0]) * _UM
        left, low = found.x[0] * _UM - step / 2, found.y[0] * _UM - step / 2
        levels = (float(np.nanmin(found.values)), float(np.nanmax(found.values)))
        self.image.setImage(found.values, levels=levels)
        self.image.setRect(QRectF(left, low, step * len(found.x), step * len(found.y)))
        self.bar.setLevels(levels)
        self.bar.show()

    # ----------------------------------------------------------- what is done

    def _click(self, event: Any) -> None:
        box = self.item.getViewBox()
        if event.button() != Qt.MouseButton.LeftButton or event.double():
            return
        if box.sceneBoundingRect().contains(event.scenePos()):
            place = box.mapSceneToView(event.scenePos())
            self.move_to(place.x(), place.y())

    def move_to(self, x: float, y: float) -> None:
        """Move the stage to a place (m) within its travel."""
        bench = self._session.bench
        if bench is None:
            raise InputError("Bench must be connected to move the stage; it is not. Connect it first.")
        bench.stage.check_move(x, y)
        self._session.do("moving the stage", lambda bench: bench.stage.move_to(x, y))

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take over the colours of a new theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange and hasattr(self, "bar"):
            self._colour_bar()

    def _colour_bar(self) -> None:
        palette: QPalette = self.palette()
        self.bar.axis.setPen(ink(palette))
        self.bar.axis.setTextPen(ink(palette))
        self.image.setBorder(pyqtgraph.mkPen(faint(palette)))
