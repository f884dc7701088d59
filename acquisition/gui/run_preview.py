"""One run at a glance: default plot, sample, all that it says about itself, and what can be done with its file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyqtgraph
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QApplication,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from acquisition.catalogue import CatalogueEntry
from acquisition.export import csv_text
from acquisition.gui.background import Background
from acquisition.gui.metadata_tree import MetadataTree
from acquisition.gui.plot import Plot
from acquisition.gui.plot_key import PlotKey
from acquisition.gui.run_browser import show_in_folder
from acquisition.gui.session import Session
from acquisition.gui.theme import BAD, GOOD, SERIES
from acquisition.result_files import write_text
from acquisition.run_curves import RunCurve, run_curves
from analysis.report_figures import layer_words
from analysis.run_check import check_run
from analysis.run_file import load_run, read_notes
from analysis.run_groups import sample_of

if TYPE_CHECKING:
    import xarray

_MANY = 3000  # points from which no symbols are drawn


@dataclass(frozen=True)
class _Look:
    """What is shown of a run."""

    data: xarray.Dataset
    notes: dict[str, str]
    stack: str
    curves: list[RunCurve]


class RunPreview(QWidget):
    """Preview of a run.

    Parameters
    ----------
    session
        Where messages go.

    Signals
    -------
    overlay_asked(xarray.Dataset)
        The run is to be drawn in the Measure tab.
    """

    overlay_asked = pyqtSignal(object)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.entry: CatalogueEntry | None = None
        self._data: xarray.Dataset | None = None
        self.background = Background("run preview", self)
        self.title, self.stack, self.state = QLabel(), QLabel(), QLabel()
        font = self.title.font()
        font.setBold(True)
        self.title.setFont(font)
        for label in (self.title, self.stack, self.state):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.plot = Plot(("", ""), ("", ""))
        self.key = PlotKey()
        self.tree = MetadataTree()
        self.verify = self._button(
            "Verify", "Compare the file with its checksum, and look whether it is whole", self._check
        )
        self.export = self._button(
            "Export CSV…", "Points and metadata as asot runs export writes them", self._ask_for_csv
        )
        self.overlay = self._button("Overlay", "Draw the run over others in the Measure tab", self._overlay)
        self.copy_path = self._button("Copy path", "Path of the run file", self._copy_path)
        self.open_folder = self._button("Show in folder", "Open the folder of the run file", self._show_in_folder)
        buttons = QHBoxLayout()
        for button in (self.overlay, self.export, self.verify, self.copy_path, self.open_folder):
            buttons.addWidget(button)
        buttons.addStretch(1)
        parts = QSplitter(Qt.Orientation.Vertical)
        drawing = QWidget()
        column = QVBoxLayout(drawing)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.key)
        column.addWidget(self.plot, stretch=1)
        parts.addWidget(drawing)
        parts.addWidget(self.tree)
        parts.setStretchFactor(0, 3)
        parts.setStretchFactor(1, 2)
        parts.setSizes([300, 200])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for label in (self.title, self.stack, self.state):
            layout.addWidget(label)
        layout.addLayout(buttons)
        layout.addWidget(parts, stretch=1)
        self.show_run(None)

    def show_run(self, entry: CatalogueEntry | None) -> None:
        """Read a run in the background and show it; None for nothing."""
        self.entry, self._data = entry, None
        self._clear()
        file = entry is not None and entry.path.suffix == ".h5"
        for button in (self.copy_path, self.open_folder):
            button.setEnabled(entry is not None)
        for button in (self.verify,):
            button.setEnabled(file)
        for button in (self.export, self.overlay):
            button.setEnabled(False)
        if entry is None:
            self.title.setText("No run is selected")
            return
        self.title.setText(entry.title or entry.path.name)
        if entry.fault:
            self._tell(f"✗ {entry.fault}", BAD)
        elif not file:
            what = "awaits recovery: the queue offers it, or asot recover" if entry.awaits_recovery else "is under way"
            self._tell(f"The run {what}; it has {entry.points} points so far.")
        else:
            path = entry.path
            self._tell("Reading…")
            self.background.replace(lambda: _look(path), self._show, lambda error: self._tell(f"✗ {error}", BAD))

    # ----------------------------------------------------------- what is shown

    def _clear(self) -> None:
        self.plot.item.clearPlots()
        self.key.show_entries(())
        self.tree.clear()
        self.stack.clear()
        self.stack.hide()
        self._tell("")

    def _tell(self, text: str, colour: str = "") -> None:
        self.state.setText(text)
        self.state.setStyleSheet(f"color: {colour};" if colour else "")
        self.state.setVisible(bool(text))

    def _show(self, look: _Look) -> None:
        self._data = look.data
        about = look.data.attrs
        reason = f": {about['exit_reason']}" if about.get("exit_reason") else ""
        self._tell("" if about["status"] == "finished" else f"⚠ {about['status']}{reason}")
        self.stack.setText(look.stack)
        self.stack.setVisible(bool(look.stack))
        signal, axis = (look.data[about["plot"][key]].attrs for key in ("signal", "axis"))
        self.plot.set_axes((axis["long_name"], axis["units"]), (signal["long_name"], signal["units"]))
        for number, curve in enumerate(look.curves):
            colour = SERIES[number % len(SERIES)]
            symbols: dict[str, Any] = {} if len(curve.x) > _MANY else {
                "symbol": "x" if curve.flagged else "o", "symbolSize": 6 if curve.flagged else 4,
                "symbolBrush": colour, "symbolPen": colour if curve.flagged else None,
            }  # fmt: skip
            pen = None if curve.flagged else pyqtgraph.mkPen(colour, width=1)
            item = self.plot.item.plot(curve.x, curve.y, pen=pen, **symbols)
            item.setDownsampling(auto=len(curve.x) > _MANY, method="peak")
        self.plot.item.enableAutoRange()
        signs = ("×" if curve.flagged else "●" for curve in look.curves)
        colours = (SERIES[number % len(SERIES)] for number in range(len(look.curves)))
        names = (curve.name for curve in look.curves)
        self.key.show_entries(entry for entry in zip(signs, colours, names, strict=True) if entry[2])
        self.tree.show_run(about, look.notes)
        for button in (self.export, self.overlay):
            button.setEnabled(True)

    # ----------------------------------------------------------- what is done

    def _button(self, text: str, tip: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda checked: slot())
        return button

    def _check(self) -> None:
        assert self.entry is not None
        path = self.entry.path
        self._tell("Verifying…")

        def tell(faults: list[str]) -> None:
            if self.entry is None or self.entry.path != path:
                return
            if faults:
                self._tell("✗ " + "\n✗ ".join(faults), BAD)
            else:
                self._tell("✓ The file is whole and has the checksum with which it was written.", GOOD)

        self.background.do(lambda: check_run(path), tell)

    def _ask_for_csv(self) -> None:
        assert self.entry is not None
        begin = self.entry.path.with_suffix(".csv")
        name, _ = QFileDialog.getSaveFileName(self, "Export the points", str(begin), "CSV (*.csv)")
        if name:
            self.export_csv(Path(name))

    def export_csv(self, target: Path) -> None:
        """Write points and metadata of the run that is shown."""
        data = self._data
        assert data is not None
        self.background.do(
            lambda: write_text(target, csv_text(data)), lambda _: self._session.post("info", f"Wrote {target}.")
        )

    def _overlay(self) -> None:
        if self._data is not None:
            self.overlay_asked.emit(self._data)

    def _copy_path(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None and self.entry is not None
        clipboard.setText(str(self.entry.path))

    def _show_in_folder(self) -> None:
        assert self.entry is not None
        show_in_folder(self.entry.path)


def _look(path: Path) -> _Look:
    run = load_run(path)
    return _Look(run, read_notes(path), " / ".join(layer_words(sample_of(run))), run_curves(run))
