"""One parameter of a procedure: its label, an input that says what is wrong with what stands in it, and its help."""

from __future__ import annotations

import math
from typing import Any

from pymeasure.display.inputs import ListInput
from pymeasure.experiment.parameters import IntegerParameter, ListParameter, Parameter
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QGridLayout, QLabel, QLineEdit, QToolButton, QWidget

from acquisition.gui.theme import alarm
from acquisition.gui.wheel import let_wheel_pass
from acquisition.recipe_text import read_written, written, written_default
from analysis.errors import InputError

_LABEL_WIDTH = 138  # px


class ParameterInput(QWidget):
    """A parameter to be filled in as recipes have it, units included.

    pymeasure's spin boxes replace what lies out of range without a word; numbers are therefore written into a line,
    and what is wrong with them stands below it. Choices use pymeasure's input.

    Parameters
    ----------
    key
        What recipes call the parameter.
    parameter
        pymeasure's.

    Signals
    -------
    edited()
        Somebody changed it.
    """

    edited = pyqtSignal()

    def __init__(self, key: str, parameter: Parameter) -> None:
        super().__init__()
        self.key, self.parameter = key, parameter
        self.label = QLabel(parameter.name)
        self.label.setFixedWidth(_LABEL_WIDTH)
        self.label.setWordWrap(True)
        self.input: QComboBox | QLineEdit
        if isinstance(parameter, ListParameter):
            choice: QComboBox = ListInput(parameter)
            choice.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            let_wheel_pass(choice)
            choice.activated.connect(lambda place: self.edited.emit())
            self.input = choice
        else:
            line = QLineEdit()
            line.setPlaceholderText(written_default(parameter))
            line.textEdited.connect(lambda text: self.edited.emit())
            line.editingFinished.connect(self._tidy)
            self.input = line
        self.input.setAccessibleName(parameter.name)
        self.label.setBuddy(self.input)
        about = help_text(parameter)
        for widget in (self.label, self.input):
            widget.setToolTip(about)
        ask = QToolButton()
        ask.setText("?")
        ask.setAutoRaise(True)
        ask.setCheckable(True)
        ask.setToolTip("What this is")
        ask.setAccessibleName(f"Help on {parameter.name}")
        ask.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.help, self.fault = _note(about), _note("")
        ask.toggled.connect(self.help.setVisible)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setHorizontalSpacing(6)
        layout.setVerticalSpacing(1)
        layout.setColumnStretch(1, 1)
        layout.addWidget(self.label, 0, 0)
        layout.addWidget(self.input, 0, 1)
        layout.addWidget(ask, 0, 2)
        layout.addWidget(self.fault, 1, 0, 1, 3)
        layout.addWidget(self.help, 2, 0, 1, 3)

    @property
    def text(self) -> str:
        """What stands in the input."""
        return self.input.currentText() if isinstance(self.input, QComboBox) else self.input.text()

    def show_value(self, value: Any) -> None:
        """Show a value of a recipe; None for the default."""
        text = written_default(self.parameter) if value is None else written(value, self.parameter)
        if isinstance(self.input, QComboBox):
            self.input.setCurrentIndex(self.input.findText(text))
        else:
            self.input.setText(text)
            self.input.setCursorPosition(0)

    def value(self) -> Any:
        """What a recipe would have; the text itself where it cannot be read."""
        try:
            return read_written(self.text, self.parameter)
        except InputError:
            return self.text

    def show_fault(self, text: str) -> None:
        """Mark the input red, with `text` below it; "" takes the mark away."""
        self.fault.setText(text)
        self.fault.setVisible(bool(text))
        red = alarm(self.palette()).name()
        self.fault.setStyleSheet(f"color: {red};")
        self.input.setStyleSheet(f"border: 2px solid {red};" if text else "")

    def _tidy(self) -> None:
        if not self.fault.text():
            self.show_value(self.value())


def help_text(parameter: Parameter) -> str:
    """What a parameter is, in which range, and its default."""
    parts = [f"{parameter.description}." if parameter.description else parameter.name]
    unit = f" {parameter.units}" if getattr(parameter, "units", None) else ""
    low, high = getattr(parameter, "minimum", -math.inf), getattr(parameter, "maximum", math.inf)
    if math.isfinite(low) and math.isfinite(high):
        kind = "Whole number, " if isinstance(parameter, IntegerParameter) else ""
        parts.append(f"{kind}{low:g} to {high:g}{unit}.")
    parts.append(f"Default: {written_default(parameter)}.")
    return " ".join(parts)


def _note(text: str) -> QLabel:
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.hide()
    return label
