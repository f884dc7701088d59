"""Averaged loops of both channels with their odd and even parts, and the model's curves through them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyqtgraph
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QWidget

from acquisition.gui.decimation import decimated
from acquisition.gui.plot import Entry, Plot
from acquisition.gui.theme import SERIES, ground, ink
from analysis.loops import CHANNELS, Channel
from analysis.stack import FloatArray

if TYPE_CHECKING:
    from analysis.interim import Interim

_FIELD = ("External field", "T")
_MARKED = 400  # points of a curve beyond which a line shows them better than signs
_COLOURS = dict(zip(CHANNELS, SERIES, strict=False))


@dataclass(frozen=True)
class LoopLine:
    """A line of the panel.

    Attributes
    ----------
    plot
        "loop", "odd" or "even".
    channel
        Whose it is.
    kind
        "falling", "rising", "odd", "even" or "model".
    field, signal : (n,)
        (T, rad).
    """

    plot: str
    channel: Channel
    kind: str
    field: FloatArray
    signal: FloatArray


class LoopPanel(QWidget):
    """Three plots: the averaged loop, its odd part, and its even part."""

    def __init__(self) -> None:
        super().__init__()
        signal = ("Kerr signal (peak)", "rad")
        self.loop = Plot(_FIELD, signal, "Averaged over polarisations and passes")
        self.odd, self.even = Plot(_FIELD, signal, "Odd in the field"), Plot(_FIELD, signal, "Even in the field")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.loop, 0, 0, 2, 1)
        layout.addWidget(self.odd, 0, 1)
        layout.addWidget(self.even, 1, 1)
        layout.setColumnStretch(0, 3)
        layout.setColumnStretch(1, 2)

    @property
    def plots(self) -> tuple[Plot, ...]:
        """All plots."""
        return self.loop, self.odd, self.even

    def show_loops(self, lines: Sequence[LoopLine]) -> None:
        """Show what `loop_lines` made."""
        for plot in self.plots:
            plot.item.clearPlots()
        plots = dict(zip(("loop", "odd", "even"), self.plots, strict=True))
        for line in lines:
            self._show(plots[line.plot], line)
        entries = []
        for channel in dict.fromkeys(line.channel for line in lines):
            colour = _COLOURS[channel]
            entries += [Entry(colour, "●", f"{channel}, falling"), Entry(colour, "□", f"{channel}, rising")]
        if any(line.kind == "model" for line in lines):
            entries.append(Entry(ink(self.palette()).name(), "━", "model"))
        self.loop.set_legend(entries)

    def _show(self, plot: Plot, line: LoopLine) -> None:
        name = f"{line.channel}, {line.kind}"
        if line.kind == "model":
            plot.item.plot(line.field, line.signal, pen=pyqtgraph.mkPen(ink(self.palette()), width=1), name=name)
            return
        colour, rising = _COLOURS[line.channel], line.kind == "rising"
        if len(line.field) > _MARKED:
            plot.item.plot(line.field, line.signal, pen=pyqtgraph.mkPen(colour, width=1), name=name)
            return
        plot.item.plot(
            line.field, line.signal, name=name, pen=pyqtgraph.mkPen(colour, width=1, style=Qt.PenStyle.DotLine),
            symbol="s" if rising else "o", symbolSize=6, symbolPen=pyqtgraph.mkPen(colour),
            symbolBrush=ground(self.palette()) if rising else colour,
        )  # fmt: skip


def loop_lines(found: Interim, path: str) -> list[LoopLine]:
    """Loops of one current path as the panel draws them, in a bounded number of vertices; from any thread."""
    lines: list[LoopLine] = []
    for key in [key for key in found.loops if key[0] == path]:
        loop, channel = found.loops[key], key[1]
        for plot, kind, field, signal in (
            ("loop", "falling", loop.field, loop.even + loop.odd),
            ("loop", "rising", -loop.field, loop.even - loop.odd),
            ("odd", "odd", loop.field, loop.odd),
            ("even", "even", loop.field, loop.even),
        ):
            lines.append(LoopLine(plot, channel, kind, *decimated(field, signal)[:2]))
        if (fit := found.fits.get(key)) is not None:
            for side in (fit.field < 0, fit.field > 0):
                for plot, signal in (("loop", fit.even + fit.odd), ("odd", fit.odd), ("even", fit.even)):
                    lines.append(LoopLine(plot, channel, "model", fit.field[side], signal[side]))
    return lines
