"""The sequencer: parameters that a procedure is run over, nested, each with its values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from pymeasure.experiment.parameters import Parameter
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QPushButton, QToolButton, QVBoxLayout, QWidget

from acquisition.gui.theme import alarm
from acquisition.gui.wheel import let_wheel_pass
from acquisition.recipe_text import read_values, written_default, written_values
from analysis.errors import InputError

MANY = 100
"""Runs above which a person is asked before they are queued."""


class LoopEditor(QWidget):
    """Rows of a parameter and its values; the first row turns slowest.

    Signals
    -------
    edited()
        Somebody changed it.
    """

    edited = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[_Row] = []
        self._parameters: Mapping[str, Parameter] = {}
        self.count = QLabel()
        self.count.setWordWrap(True)
        self.adding = QPushButton("Add a loop")
        self.adding.setToolTip("Run the procedure once for each value of a parameter")
        self.adding.clicked.connect(self._add)
        hint = QLabel("Values: <b>20, 40 mA</b> or <b>10 to 40 step 10 mA</b>. The first row turns slowest.")
        hint.setWordWrap(True)
        self._hint = hint
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(4, 0, 0, 4)
        self._layout.setSpacing(4)
        self._layout.addWidget(hint)
        bottom = QHBoxLayout()
        bottom.addWidget(self.count, stretch=1)
        bottom.addWidget(self.adding)
        self._layout.addLayout(bottom)

    def show_loop(self, loop: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> None:
        """Show the loop of a table of a recipe."""
        self._parameters = parameters
        while self.rows:
            self._drop(self.rows[-1])
        for key, values in loop.items():
            if key in parameters:
                values = values if isinstance(values, list) else [values]
                self._append(key, written_values(values, parameters[key]))
        self._tell()

    def loop(self) -> dict[str, Any]:
        """Loop as a recipe has it; what cannot be read stays text, which no recipe takes."""
        return {row.key: row.values() for row in self.rows}

    def _add(self) -> None:
        used = {row.key for row in self.rows}
        key = next((key for key in ("current", *self._parameters) if key in self._parameters and key not in used), None)
        if key is not None:
            self._append(key, written_default(self._parameters[key])).line.setFocus()
            self._change()

    def _append(self, key: str, text: str) -> _Row:
        row = _Row(self._parameters, key, text)
        row.edited.connect(self._change)
        row.dropped.connect(lambda: self._remove(row))
        row.raised.connect(lambda: self._raise(row))
        self.rows.append(row)
        self._layout.insertWidget(len(self.rows), row)
        return row

    def _remove(self, row: _Row) -> None:
        self._drop(row)
        self._change()

    def _drop(self, row: _Row) -> None:
        self.rows.remove(row)
        self._layout.removeWidget(row)
        row.hide()
        row.deleteLater()

    def _raise(self, row: _Row) -> None:
        place = self.rows.index(row)
        if place:
            self.rows.insert(place - 1, self.rows.pop(place))
            self._layout.removeWidget(row)
            self._layout.insertWidget(place, row)
            self._change()

    def _change(self) -> None:
        self._tell()
        self.edited.emit()

    def _tell(self) -> None:
        self._hint.setVisible(bool(self.rows))
        counts = [len(row.values()) if isinstance(row.values(), list) else 0 for row in self.rows]
        keys = [row.key for row in self.rows]
        if len(set(keys)) < len(keys):
            self.count.setText("Each parameter may stand in one row.")
        elif self.rows:
            product = " × ".join(map(str, counts)) + " = " if len(counts) > 1 else ""
            self.count.setText(f"{product}{math.prod(counts)} runs")
        else:
            self.count.setText("One run")


class _Row(QWidget):
    edited = pyqtSignal()
    dropped = pyqtSignal()
    raised = pyqtSignal()

    def __init__(self, parameters: Mapping[str, Parameter], key: str, text: str) -> None:
        super().__init__()
        self._parameters = parameters
        self.choice, self.line = QComboBox(), QLineEdit(text)
        for name, parameter in parameters.items():
            self.choice.addItem(parameter.name, name)
        self.choice.setCurrentIndex(self.choice.findData(key))
        self.choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.choice.setMinimumContentsLength(9)
        self.line.setCursorPosition(0)
        let_wheel_pass(self.choice)
        self.choice.activated.connect(self._choose)
        self.line.textEdited.connect(lambda text: self._edit())
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.choice)
        layout.addWidget(self.line, stretch=1)
        for sign, tip, signal in (("↑", "Turn slower: one row up", self.raised), ("×", "Remove", self.dropped)):
            button = QToolButton()
            button.setText(sign)
            button.setToolTip(tip)
            button.setAutoRaise(True)
            button.setFixedWidth(20)
            button.clicked.connect(lambda checked, signal=signal: signal.emit())
            layout.addWidget(button)
        self._mark()

    @property
    def key(self) -> str:
        return str(self.choice.currentData())

    def values(self) -> Any:
        try:
            return read_values(self.line.text(), self._parameters[self.key])
        except InputError:
            return self.line.text()

    def _choose(self) -> None:
        self.line.setText(written_default(self._parameters[self.key]))
        self._edit()

    def _edit(self) -> None:
        self._mark()
        self.edited.emit()

    def _mark(self) -> None:
        fault = ""
        try:
            read_values(self.line.text(), self._parameters[self.key])
        except InputError as error:
            fault = str(error)
        self.line.setToolTip(fault or "Values, in the order in which they are measured")
        self.line.setStyleSheet(f"border: 2px solid {alarm(self.palette()).name()};" if fault else "")
