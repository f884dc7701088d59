"""Manual control of a role: fields with ranges and units, and buttons whose deeds the bench thread does."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QGridLayout, QLabel, QLineEdit, QPushButton, QWidget

from acquisition.gui.session import Session
from analysis.errors import InputError, describe

if TYPE_CHECKING:
    from instruments import Bench


class NumberField(QLineEdit):
    """Field for a number in a unit of the laboratory; whatever is typed stays as it is, right or wrong.

    Parameters
    ----------
    role
        What it is a number of.
    label
        What stands beside it.
    unit
        Unit of what is typed; "" for a bare number.
    scale
        SI units in one of it.
    """

    def __init__(self, role: str, label: str, unit: str, scale: float) -> None:
        super().__init__()
        self.name, self.unit, self.scale = f"{role}: {label.lower()}", unit, scale
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setMinimumWidth(54)
        self.setAccessibleName(f"{self.name} ({unit})")

    def value(self) -> float:
        """Return the number in the SI unit; `InputError` where none was typed."""
        try:
            number = float(self.text())
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.selectAll()
            self.setFocus()
            remedy = "Write e.g. 12.5, with a point."
            must = f"be a number of {self.unit}" if self.unit else "be a number"
            raise InputError(describe(self.name, must, self.text(), remedy))
        return number * self.scale

    def put(self, value: float) -> None:
        """Show a `value` of the SI unit."""
        self.setText(f"{value / self.scale:.6g}")


class Control(QWidget):
    """Base of the controls. A deed that fails becomes a message of the window.

    Parameters
    ----------
    session
        Whose bench is driven.
    role
        What is driven.

    Attributes
    ----------
    doing
        What was begun last, as the session says it while it lasts.
    """

    def __init__(self, session: Session, role: str) -> None:
        super().__init__()
        self.session, self.role, self.doing = session, role, ""
        self.grid = QGridLayout(self)
        self.grid.setContentsMargins(0, 0, 0, 0)
        self.grid.setHorizontalSpacing(4)
        self.grid.setVerticalSpacing(3)
        self.grid.setColumnStretch(1, 1)

    @property
    def bench(self) -> Bench:
        """The open bench, for its limits."""
        if self.session.bench is None:
            raise InputError(f"Bench must be connected to drive {self.role}; it is not. Connect it first.")
        return self.session.bench

    def do(self, doing: str, job: Callable[[Bench], Any], then: Callable[[Any], object] | None = None) -> None:
        """Let the bench thread do `job`."""
        self.session.do(doing, job, then)
        self.doing = doing

    def present(self, name: str) -> float | None:
        """What the role read last, in the SI unit; None where it was not read."""
        instrument = getattr(self.session.bench, self.role, None)
        value = None if instrument is None else instrument.latest.values.get(name, (None, ""))[0]
        return value if isinstance(value, float) else None

    def refresh(self) -> None:
        """Fill the fields with what is set now; called when the control is shown."""

    # ----------------------------------------------------------- parts

    def add_field(
        self, label: str, unit: str, scale: float, pressed: Callable[[], object], button: str = "Set"
    ) -> NumberField:
        """Add a row with a field; return or the button ("" for none) call `pressed`."""
        field = NumberField(self.role, label, unit, scale)
        row = self.grid.rowCount()
        self.grid.addWidget(QLabel(label), row, 0)
        self.grid.addWidget(field, row, 1)
        self.grid.addWidget(QLabel(unit), row, 2)
        if button:
            self.grid.addWidget(self.button(button, pressed), row, 3)
        field.returnPressed.connect(pressed)
        return field

    def add_range(self, text: str) -> QLabel:
        """Add a line that says what is allowed."""
        label = QLabel(text)
        label.setWordWrap(True)
        self.grid.addWidget(label, self.grid.rowCount(), 0, 1, 4)
        return label

    def add_row(self, *widgets: QWidget, columns: int = 0) -> None:
        """Add widgets beside each other over the whole width, `columns` of them in a line (0: all)."""
        row, lines, columns = self.grid.rowCount(), QGridLayout(), columns or len(widgets)
        lines.setHorizontalSpacing(4)
        lines.setVerticalSpacing(3)
        for place, widget in enumerate(widgets):
            lines.addWidget(widget, place // columns, place % columns)
        self.grid.addLayout(lines, row, 0, 1, 4)

    @staticmethod
    def button(text: str, pressed: Callable[[], object], tip: str = "") -> QPushButton:
        """Make a button that is only as wide as its text asks for."""
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.setMinimumWidth(0)
        button.setStyleSheet("padding: 3px 8px;")
        button.setToolTip(tip)
        button.clicked.connect(lambda checked: pressed())
        return button
