"""Plots of the run that is measured and of others over it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from PyQt6.QtCore import QEvent, Qt, QTimer
from PyQt6.QtGui import QAction
from PyQt6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QSplitter,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.finding_panel import FindingPanel
from acquisition.gui.live_fit import Answer, LiveFit
from acquisition.gui.live_run import LiveRun
from acquisition.gui.loop_panel import LoopPanel
from acquisition.gui.map_plot import MapPlot
from acquisition.gui.overlay_list import OverlayList
from acquisition.gui.plot import Plot
from acquisition.gui.run_curves import RunCurves
from acquisition.gui.run_source import LiveSource, RunSource, StoredSource
from acquisition.gui.session import Session

if TYPE_CHECKING:
    import xarray

_DRAW, _FIT = 100, 250  # ms between two looks at the points, for plots and for the fit
_TIMES = ("time", "monotonic_time", "wall_time")


class View(StrEnum):
    """What is shown of a run."""

    SIGNAL = "Signal"
    LOOPS = "Odd and even parts"
    MAP = "Map"
    FIT = "Fit"
    TIME = "Against time"
    COLUMNS = "Any columns"


class MeasureTab(QWidget):
    """Plots of the run that is measured and of others over it.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.run: RunSource | None = None
        """The run that is shown."""
        self.answer: Answer | None = None
        """What its fit said last."""
        self._sources: dict[LiveRun, LiveSource] = {}
        self.curves: list[RunCurves] = []
        """What is drawn in the plot of columns."""
        self._build()
        self._fit = LiveFit(self)
        self._fit.answered.connect(self._take_answer)
        session.queue_changed.connect(self._list_runs)
        session.run_began.connect(self._follow)
        for interval, slot in ((_DRAW, self._draw), (_FIT, self._ask)):
            timer = QTimer(self)
            timer.setInterval(interval)
            timer.timeout.connect(slot)
            timer.start()

    def overlay(self, dataset: xarray.Dataset) -> None:
        """Draw a stored run, from `load_run`, over the one that is shown; it may also serve the fit as calibration."""
        self.overlays.add(StoredSource(dataset), checked=True)
        self.over.setChecked(True)
        if self.run is None:
            self.show_run(self.overlays.runs[-1])

    def save(self, path: str) -> None:
        """Save the plot that is in front; the ending says how."""
        from pathlib import Path

        self._front.save(Path(path))

    # ----------------------------------------------------------- widgets

    def _build(self) -> None:
        self.chooser, self.view, self.across, self.up = QComboBox(), QComboBox(), QComboBox(), QComboBox()
        self.chooser.addItem("Run under way")
        self.chooser.setToolTip("Follow the run that is measured, or stay with another one")
        self.chooser.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.view.setToolTip("What is shown of the run")
        for box, tip in ((self.across, "Column along x"), (self.up, "Column along y, or in colours")):
            box.setToolTip(tip)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(8)
            box.currentIndexChanged.connect(lambda index: self._lay_out())
        self.chooser.currentIndexChanged.connect(self._choose)
        self.view.currentIndexChanged.connect(lambda index: self._change_view())
        everything = QToolButton()
        everything.setText("Show all")
        everything.setToolTip("Let the axes follow the data again")
        everything.clicked.connect(self._autorange)
        export = QToolButton()
        export.setText("Export")
        export.setToolTip("Save the plot in front; all data of a run: asot runs export")
        export.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        menu = QMenu(export)
        for suffix in (".png", ".svg", ".csv"):
            action = QAction(f"{suffix[1:].upper()}…", menu)
            action.triggered.connect(lambda checked, suffix=suffix: self._export(suffix))
            menu.addAction(action)
        export.setMenu(menu)
        self.over = QToolButton()
        self.over.setText("Overlay")
        self.over.setCheckable(True)
        self.over.setToolTip("List of runs that can be drawn over this one")

        bar = QHBoxLayout()
        bar.addWidget(self.chooser, stretch=3)
        bar.addWidget(self.view, stretch=1)
        bar.addWidget(self.across, stretch=1)
        bar.addWidget(self.up, stretch=1)
        for button in (everything, export, self.over):
            bar.addWidget(button)

        self.plot, self.loops, self.map, self.finding = Plot(("", ""), ("", "")), LoopPanel(), MapPlot(), FindingPanel()
        self.stack = QStackedWidget()
        for widget in (self.plot, self.loops, self.map, self.finding):
            self.stack.addWidget(widget)
        self.overlays = OverlayList()
        self.overlays.chosen.connect(self._lay_out)
        self.overlays.setVisible(False)
        self.over.toggled.connect(self.overlays.setVisible)
        split = QSplitter(Qt.Orientation.Horizontal)
        split.addWidget(self.stack)
        split.addWidget(self.overlays)
        split.setStretchFactor(0, 1)
        split.setSizes([600, 200])
        self.text = QLabel("No run yet.")
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addLayout(bar)
        layout.addWidget(split, stretch=1)
        layout.addWidget(self.text)
        self._change_view()

    @property
    def _front(self) -> Plot:
        """The plot to which export belongs."""
        shown = self.stack.currentWidget()
        if isinstance(shown, LoopPanel):
            return shown.loop
        if isinstance(shown, FindingPanel):
            return shown.plots[0] if shown.plots else self.plot
        return shown if isinstance(shown, Plot) else self.plot

    @property
    def _plots(self) -> Sequence[Plot]:
        return (self.plot, *self.loops.plots, self.map, *self.finding.plots)

    def _autorange(self) -> None:
        for plot in self._plots:
            plot.item.enableAutoRange()

    def _export(self, suffix: str) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save the plot", f"plot{suffix}", f"*{suffix}")
        if name:
            self.save(name if name.lower().endswith(suffix) else name + suffix)

    def changeEvent(self, event: QEvent | None) -> None:  # noqa: N802 - Qt's name
        """Take over the colours of a new theme."""
        super().changeEvent(event)
        if event is not None and event.type() == QEvent.Type.PaletteChange:
            QTimer.singleShot(0, self._recolour)  # when the plots have the new palette, too

    def _recolour(self) -> None:
        for curves in self.curves:
            curves.recolour()
        if self.answer is not None:
            self._show_answer()

    # ----------------------------------------------------------- which run, which view

    def _source(self, one: LiveRun) -> LiveSource:
        if one not in self._sources:
            self._sources[one] = LiveSource(one)
        return self._sources[one]

    def _list_runs(self) -> None:
        """Keep the chooser and the list of overlays in step with the queue."""
        begun = [one for one in self._session.runs if one.attributes]
        known = [self.chooser.itemData(row) for row in range(1, self.chooser.count())]
        if known == begun:
            return
        pinned = self.chooser.currentData()
        self.chooser.blockSignals(True)
        while self.chooser.count() > 1:
            self.chooser.removeItem(1)
        for one in begun:
            self.chooser.addItem(one.title, one)
        self.chooser.setCurrentIndex(begun.index(pinned) + 1 if pinned in begun else 0)
        self.chooser.blockSignals(False)
        for one in begun:
            if self._source(one) not in self.overlays.runs and one not in known:
                self.overlays.add(self._source(one), checked=False)

    def _follow(self, one: LiveRun) -> None:
        if self.chooser.currentIndex() == 0:
            self.show_run(self._source(one))

    def _choose(self, row: int) -> None:
        one = self.chooser.itemData(row) if row > 0 else self._session.current
        if one is not None:
            self.show_run(self._source(one))

    def show_run(self, run: RunSource) -> None:
        """Show a run in the view that suits it."""
        same = self.run is not None and [c.name for c in self.run.columns] == [c.name for c in run.columns]
        same = same and self.run is not None and self.run.plot == run.plot
        self.run, self.answer = run, None
        views = self._views(run)
        present = self.view.currentText()
        for box in (self.view, self.across, self.up):
            box.blockSignals(True)
        self.view.clear()
        self.view.addItems([str(view) for view in views])
        wanted = present if same and present in views else str(View.MAP if View.MAP in views else View.SIGNAL)
        self.view.setCurrentText(wanted)
        if not same:
            for box, name in ((self.across, run.plot["axis"]), (self.up, run.plot["signal"])):
                box.clear()
                for column in run.columns:
                    box.addItem(column.name, column)
                box.setCurrentText(name)
        for box in (self.view, self.across, self.up):
            box.blockSignals(False)
        self.map.clear_values()
        self.text.setText(html.escape(run.title))
        self._change_view()

    def _views(self, run: RunSource) -> list[View]:
        """What can be shown of a run."""
        from analysis.findings import ANALYSES

        names = {column.name for column in run.columns}
        views = [View.SIGNAL]
        if run.plot["axis"] == "field" and {"kerr_signal", "sequence", "repeat"} <= names:
            views.append(View.LOOPS)
        if {"stage_x_set", "stage_y_set"} <= names and run.parameters.get("axis") == "map":
            views.append(View.MAP)
        if run.procedure in ANALYSES:
            views.append(View.FIT)
        if any(name in names for name in _TIMES):
            views.append(View.TIME)
        return [*views, View.COLUMNS]

    def _change_view(self) -> None:
        view = self.view.currentText()
        self.across.setVisible(view == View.COLUMNS)
        self.up.setVisible(view in (View.COLUMNS, View.MAP, View.TIME))
        widget: QWidget = self.plot
        if view == View.LOOPS:
            widget = self.loops
        elif view == View.MAP:
            widget = self.map
        elif view == View.FIT:
            widget = self.finding
        self.stack.setCurrentWidget(widget)
        self._lay_out()
        if self.answer is not None:
            self._show_answer()

    def _axes(self) -> tuple[str, str]:
        """Columns of the plot."""
        assert self.run is not None
        view, names = self.view.currentText(), [column.name for column in self.run.columns]
        if view == View.COLUMNS:
            return self.across.currentText(), self.up.currentText()
        if view == View.TIME:
            return next(name for name in _TIMES if name in names), self.up.currentText()
        return self.run.plot["axis"], self.run.plot["signal"]

    # ----------------------------------------------------------- curves

    def _lay_out(self) -> None:
        """Begin the plot anew: other columns, other runs."""
        for curves in self.curves:
            curves.remove()
        self.curves = []
        if self.run is None or self.stack.currentWidget() is not self.plot:
            return
        x, y = self._axes()
        units = {column.name: (_label(column.description), column.unit) for column in self.run.columns}
        self.plot.set_axes(units[x], units[y])
        self.curves.append(RunCurves(self.run, self.plot, x, y))
        for run, colour in self.overlays.checked:
            names = {column.name for column in run.columns}
            if run is not self.run and {x, y} <= names:
                self.curves.append(RunCurves(run, self.plot, x, y, colour))
        self.plot.item.enableAutoRange()
        self._draw()

    def _draw(self) -> None:
        """Take up new points, a bounded number at a time."""
        if not self.isVisible() or not self.curves:
            return
        if any([curves.update() for curves in self.curves]):
            self.plot.set_legend([entry for curves in self.curves for entry in curves.entries()])

    # ----------------------------------------------------------- fit

    def _ask(self) -> None:
        run = self.run
        if run is None or not self.isVisible() or not run.attributes or not len(run):
            return
        batch = run.attributes.get("batch")
        others = [source for source in self._sources.values() if source is not run and source.attributes][::-1]
        others.sort(key=lambda source: source.attributes.get("batch") != batch)
        stored = [source for source, _ in self.overlays.checked if isinstance(source, StoredSource)]
        plane = self.up.currentText() if self.view.currentText() == View.MAP else ""
        self._fit.ask(run, [*others, *stored], plane)

    def _take_answer(self, answer: Answer) -> None:
        if answer.run is self.run:
            self.answer = answer
            self._show_answer()

    def _show_answer(self) -> None:
        answer, run = self.answer, self.run
        assert answer is not None and run is not None
        if answer.plane is not None and self.view.currentText() == View.MAP:
            column = self.up.currentData()
            self.map.show_values(*answer.plane, _label(column.description), column.unit)
        if answer.found is None:
            self.text.setText(f"{html.escape(run.title)}<br><i>{html.escape(answer.reason)}</i>")
            return
        found, front = answer.found, self.stack.currentWidget()
        if front is self.loops:
            self.loops.show_loops(answer.lines)
        elif front is self.finding:
            self.finding.show_panels(answer.curves)
        numbers = [
            f"{_label(name.replace('_', ' '))}&nbsp;<b>{_number(str(estimate))}</b>"
            for name, estimate in found.quantities.items()
        ]
        lines = [
            " &nbsp; ".join(numbers),
            *(f"<i>{html.escape(note).replace('chi2', 'χ²')}</i>" for note in found.notes[:3]),
        ]
        self.text.setText(f"{html.escape(run.title)}<br>" + "<br>".join(lines))
        self.text.setToolTip("\n".join(found.notes))


def _label(text: str) -> str:
    """Begin with a capital letter, as labels of axes do."""
    return text[:1].upper() + text[1:]


def _number(text: str) -> str:
    """Write a quantity with raised exponents of its units."""
    return html.escape(text).replace("^2", "²").replace("^3", "³").replace(" ", "&nbsp;")
