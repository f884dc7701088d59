"""Curves of a run in a plot: one for each set-point and branch, decimated and extended as points come."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyqtgraph
from numpy.typing import NDArray
from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor

from acquisition.gui.decimation import Decimation
from acquisition.gui.plot import Entry, Plot
from acquisition.gui.run_source import RunSource
from acquisition.gui.theme import SERIES, ground
from analysis.loops import CHANNELS, FALLING, RISING, branches
from analysis.stack import FloatArray

CHUNK = 20_000
"""Points that are taken up in one step, so that a run that is opened late stalls nothing."""

_MOST_GROUPS = 8  # values of a set-point beyond which it tells no curves apart
_BLOCKS = 512  # of a curve: at most four vertices each, which is more than a screen can show
_MARKED = 400  # points of a curve beyond which a line shows them better than signs
_NOT_GROUPS = ("sequence", "repeat")
_SYMBOLS: Mapping[float, str] = {FALLING: "o", RISING: "s"}
_SIGNS: Mapping[float, str] = {FALLING: "●", RISING: "□"}
_WORDS: Mapping[float, str] = {FALLING: "falling", RISING: "rising"}


@dataclass
class _Curve:
    """One curve."""

    points: Decimation
    line: pyqtgraph.PlotDataItem
    errors: pyqtgraph.ErrorBarItem
    shown: int = -1


class RunCurves:
    """A run in a plot.

    Parameters
    ----------
    run
        What is drawn.
    plot
        Where.
    x, y
        Names of its columns.
    colour
        One for all its curves; None for a colour of its own for each set-point.
    """

    def __init__(self, run: RunSource, plot: Plot, x: str, y: str, colour: str | None = None) -> None:
        self.run, self._plot, self._x, self._y, self._colour = run, plot, x, y, colour
        names = [column.name for column in run.columns]
        set_points = [column.name for column in run.columns if column.role == "set_point"]
        self._groups = [name for name in set_points if name not in (*_NOT_GROUPS, x, f"{x}_set")]
        self._branched = run.plot["axis"] == "field" and {"sequence", "repeat"} <= set(names)
        self._errors = next((name for name in (f"{y}_errors",) if name in names), None)
        self._curves: dict[tuple[float, ...], _Curve] = {}
        self._taken = 0

    @property
    def complete(self) -> bool:
        """Whether every point so far is drawn."""
        return self._taken == len(self.run)

    def update(self) -> bool:
        """Take up the next points; return whether there were any."""
        start, stop = self._taken, min(len(self.run), self._taken + CHUNK)
        if start == stop:
            return False
        keys = self._keys(start, stop)
        x, y = (self.run.column(name, start, stop) for name in (self._x, self._y))
        for key, chosen in _kinds(keys):
            self._curve(key).points.add(x[chosen], y[chosen])
        self._taken = stop
        if self._too_many():
            return self.update()
        self._draw()
        return True

    def remove(self) -> None:
        """Take the curves out of the plot."""
        for curve in self._curves.values():
            self._plot.item.removeItem(curve.line)
            self._plot.item.removeItem(curve.errors)
        self._curves = {}

    def entries(self) -> list[Entry]:
        """Legend of the curves."""
        if self._colour is not None:
            return [Entry(self._colour, "━", self.run.title)]
        return [
            Entry(self._colour_of(key), self._sign(key), self._label(key))
            if curve.points.count <= _MARKED
            else Entry(self._shade(key), "━", self._label(key))
            for key, curve in self._curves.items()
        ]

    def recolour(self) -> None:
        """Take over the ground of a new theme, which open signs are filled with."""
        for curve in self._curves.values():
            curve.shown = -1
        self._draw()

    def _keys(self, start: int, stop: int) -> FloatArray:
        """What tells curves apart (points, groups and branch)."""
        columns = [np.nan_to_num(self.run.column(name, start, stop)) for name in self._groups]
        if self._branched:
            sequence, repeat = (self.run.column(name, start, stop) for name in _NOT_GROUPS)
            columns.append(branches(sequence, repeat, self.run.attributes))
        else:
            columns.append(np.zeros(stop - start))
        return np.column_stack(columns)

    def _too_many(self) -> bool:
        """Leave out set-points that took too many values to tell curves apart, and begin anew."""
        many = [
            name for place, name in enumerate(self._groups) if len({key[place] for key in self._curves}) > _MOST_GROUPS
        ]
        if not many:
            return False
        self._groups = [name for name in self._groups if name not in many]
        self.remove()
        self._taken = 0
        return True

    def _curve(self, key: tuple[float, ...]) -> _Curve:
        if key not in self._curves:
            line = pyqtgraph.PlotDataItem(antialias=False)
            errors = pyqtgraph.ErrorBarItem(x=np.empty(0), y=np.empty(0), beam=0.0)
            self._plot.item.addItem(errors, ignoreBounds=True)
            self._plot.item.addItem(line)
            self._curves[key] = _Curve(Decimation(_BLOCKS), line, errors)
        return self._curves[key]

    def _draw(self) -> None:
        for key, curve in self._curves.items():
            if curve.points.count == curve.shown:
                continue
            curve.shown = curve.points.count
            x, y, _ = curve.points.vertices()
            colour, branch, marked = self._colour_of(key), key[-1], len(x) <= _MARKED
            style = Qt.PenStyle.DashLine if branch == RISING and marked else Qt.PenStyle.SolidLine  # dashes are slow
            options = {
                "symbol": _SYMBOLS.get(branch, "t"), "symbolSize": 6, "symbolPen": pyqtgraph.mkPen(colour),
                "symbolBrush": ground(self._plot.palette()) if branch == RISING else colour,
            } if marked else {"symbol": None}  # fmt: skip
            line = colour if marked else self._shade(key)
            pen = pyqtgraph.mkPen(line, width=1, style=style)
            curve.line.setData(x, y, pen=pen, name=self._label(key), connect="finite", **options)
            if self._errors is not None and curve.points.exact and marked:
                self._draw_errors(key, curve, colour)
            else:
                curve.errors.setVisible(False)

    def _draw_errors(self, key: tuple[float, ...], curve: _Curve, colour: str) -> None:
        """Error bars of a curve that is short enough to show them."""
        assert self._errors is not None
        chosen = np.all(self._keys(0, self._taken) == np.array(key), axis=1)
        x, y, std = (self.run.column(name, 0, self._taken)[chosen] for name in (self._x, self._y, self._errors))
        curve.errors.setData(x=x, y=y, height=2 * np.nan_to_num(std), pen=pyqtgraph.mkPen(colour))
        curve.errors.setVisible(True)

    def _colour_of(self, key: tuple[float, ...]) -> str:
        if self._colour is not None:
            return self._colour
        groups = list(dict.fromkeys(other[:-1] for other in self._curves))
        return SERIES[groups.index(key[:-1]) % len(SERIES)]

    def _shade(self, key: tuple[float, ...]) -> str:
        """Colour of a line without signs: paler where the field rises."""
        colour = QColor(self._colour_of(key))
        return (colour.lighter(165) if key[-1] == RISING else colour).name()

    def _sign(self, key: tuple[float, ...]) -> str:
        return _SIGNS.get(key[-1], "△") if self._branched else "●"

    def _label(self, key: tuple[float, ...]) -> str:
        """Say which set-points a curve belongs to, where there are several, and its branch."""
        units = {column.name: column.unit for column in self.run.columns}
        words = [
            _value(name, value, units[name])
            for place, (name, value) in enumerate(zip(self._groups, key, strict=False))
            if len({other[place] for other in self._curves}) > 1
        ]
        if self._branched:
            words.append(_WORDS.get(key[-1], "refined"))
        return ", ".join(words) or self.run.title


def _kinds(keys: FloatArray) -> list[tuple[tuple[float, ...], NDArray[np.bool_]]]:
    """Different rows of `keys` in the order in which they first come, each with the mask of its points."""
    code = np.zeros(len(keys), dtype=np.int64)
    for column in keys.T:
        values, place = np.unique(column, return_inverse=True)
        code = code * len(values) + place
    _, first = np.unique(code, return_index=True)
    return [(tuple(keys[place].tolist()), code == code[place]) for place in np.sort(first).tolist()]


def _value(name: str, value: float, unit: str) -> str:
    """A set-point in the words of the laboratory."""
    if name == "channel" and value in range(len(CHANNELS)):
        return CHANNELS[int(value)]
    if unit == "rad":
        return f"{round(math.degrees(value), 3):g}°"
    return pyqtgraph.siFormat(value, precision=4, suffix=unit) if unit else f"{name} {value:g}"
