"""Form of a sample's model inputs: what differs from the first values is marked and can be taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QCompleter, QGridLayout, QLabel, QLineEdit, QScrollArea, QToolButton, QWidget

from acquisition.gui.theme import SERIES
from analysis import configuration
from analysis.model_inputs import ModelInput
from analysis.typography import typeset

_MARK = f"QLineEdit {{ border: 2px solid {SERIES[1]}; font-weight: bold; }}"


class _Row:
    """Fields of one input."""

    def __init__(self, given: ModelInput, changed: Callable[[], None]) -> None:
        self.given = given
        self.label = QLabel(given.label)
        self.label.setToolTip(given.key)
        self.value = QLineEdit(given.value)
        self.value.setToolTip(f"{given.key}: {given.value} {given.unit} as stored with the runs".replace("  ", " "))
        self.std = None if given.std is None else QLineEdit(given.std)
        self.unit = QLabel(typeset(given.unit.replace("um", "µm")))
        self.reset = QToolButton()
        self.reset.setText("↺")
        self.reset.setAutoRaise(True)
        self.reset.setToolTip("Back to the value stored with the runs")
        if given.key.endswith(".material"):
            completer = QCompleter(configuration.names("materials"), self.value)
            completer.setCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
            self.value.setCompleter(completer)
        for edit in self.edits:
            edit.textChanged.connect(lambda text: changed())
        self.reset.clicked.connect(lambda checked: self.set(None))
        self.mark()

    @property
    def edits(self) -> list[QLineEdit]:
        return [self.value] if self.std is None else [self.value, self.std]

    @property
    def setting(self) -> str | None:
        """What the sample file would say, None where nothing was changed."""
        std = None if self.std is None else self.std.text()
        if self.value.text().strip() == self.given.value and (std is None or std.strip() == self.given.std):
            return None
        return self.given.setting(self.value.text(), std)

    def set(self, texts: tuple[str, str | None] | None) -> None:
        """Write value and uncertainty; None for those that were given."""
        value, std = texts or (self.given.value, self.given.std)
        self.value.setText(value)
        if self.std is not None and std is not None:
            self.std.setText(std)

    def mark(self) -> None:
        """Show whether value and uncertainty are those that were given."""
        self.value.setStyleSheet("" if self.value.text().strip() == self.given.value else _MARK)
        if self.std is not None:
            self.std.setStyleSheet("" if self.std.text().strip() == self.given.std else _MARK)
        self.reset.setEnabled(self.setting is not None)


class InputForm(QScrollArea):
    """Model inputs of one sample.

    Signals
    -------
    changed()
        `changes` are others.
    """

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows: dict[str, _Row] = {}
        self._quiet = False

    @property
    def changes(self) -> dict[str, str]:
        """Keys of the sample file with their new values."""
        return {key: setting for key, row in self.rows.items() if (setting := row.setting) is not None}

    @property
    def texts(self) -> dict[str, tuple[str, str | None]]:
        """Value and uncertainty of the inputs that were changed, as typed."""
        return {
            key: (row.value.text(), None if row.std is None else row.std.text())
            for key, row in self.rows.items()
            if row.setting is not None
        }

    def show_inputs(self, inputs: Sequence[ModelInput], texts: Mapping[str, tuple[str, str | None]]) -> None:
        """Show the inputs of a sample, with what was typed over them before."""
        self._quiet = True
        self.rows = {given.key: _Row(given, self._tell) for given in inputs}
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(4, 4, 8, 4)
        grid.setVerticalSpacing(2)
        grid.setColumnStretch(1, 3)
        grid.setColumnStretch(3, 2)
        for place, row in enumerate(self.rows.values()):
            grid.addWidget(row.label, place, 0)
            if row.std is None:
                grid.addWidget(row.value, place, 1, 1, 3)
            else:
                row.value.setMinimumWidth(64)
                row.std.setMinimumWidth(48)
                grid.addWidget(row.value, place, 1)
                grid.addWidget(QLabel("±"), place, 2)
                grid.addWidget(row.std, place, 3)
            grid.addWidget(row.unit, place, 4)
            grid.addWidget(row.reset, place, 5)
            if row.given.key in texts:
                row.set(texts[row.given.key])
                row.mark()
        grid.setRowStretch(len(self.rows), 1)
        self.setWidget(inside)
        self.setMinimumWidth(inside.minimumSizeHint().width() + 24)
        self._quiet = False

    def reset(self) -> None:
        """Take every change back."""
        self._quiet = True
        for row in self.rows.values():
            row.set(None)
        self._quiet = False
        self._tell()

    def _tell(self) -> None:
        if self._quiet:
            return
        for row in self.rows.values():
            row.mark()
        self.changed.emit()
