"""Procedures of a recipe in their order: add, duplicate, remove, move."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QHBoxLayout, QListWidget, QMenu, QToolButton, QVBoxLayout, QWidget

from acquisition.gui.recipe_draft import RecipeDraft
from procedures import PROCEDURES

_MOST_ROWS = 5


class ProcedureList(QWidget):
    """Procedures of the draft; the chosen one stands in the form.

    Signals
    -------
    changed()
        The draft was changed, or another of its procedures was chosen.
    """

    changed = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self._draft: RecipeDraft | None = None
        self.list = QListWidget()
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.list.setStyleSheet("QListWidget::item { padding: 2px; }")
        self.list.setAccessibleName("Procedures of the recipe")
        self.list.currentRowChanged.connect(self._choose)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        layout.addWidget(self.list)
        buttons = QHBoxLayout()
        buttons.setSpacing(2)
        self.adding = self._button("Add ▾", "Add a procedure behind this one", lambda: None)
        menu = QMenu(self)
        for name, kind in PROCEDURES.items():
            action = menu.addAction(name, lambda name=name: self._change(lambda draft: draft.add(name)))
            assert action is not None
            action.setToolTip((kind.__doc__ or "").splitlines()[0])
        menu.setToolTipsVisible(True)
        self.adding.setMenu(menu)
        self.adding.setStyleSheet("QToolButton::menu-indicator { image: none; }")
        self.adding.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        self.duplicating = self._button(
            "Duplicate", "Put a copy behind it", lambda: self._change(RecipeDraft.duplicate)
        )
        self.removing = self._button("Remove", "Take it out of the recipe", lambda: self._change(RecipeDraft.remove))
        self.up = self._button("↑", "Measure it earlier", lambda: self._change(lambda draft: draft.move(-1)))
        self.down = self._button("↓", "Measure it later", lambda: self._change(lambda draft: draft.move(1)))
        for button in (self.adding, self.duplicating, self.removing):
            buttons.addWidget(button)
        buttons.addStretch(1)
        buttons.addWidget(self.up)
        buttons.addWidget(self.down)
        layout.addLayout(buttons)

    def show_draft(self, draft: RecipeDraft) -> None:
        """Show the procedures of a draft."""
        self._draft = draft
        self.list.blockSignals(True)
        self.list.clear()
        for place, table in enumerate(draft.procedures):
            self.list.addItem(f"{place + 1}  {_words(table, draft.turns(place))}")
            item = self.list.item(place)
            assert item is not None
            item.setToolTip(item.text())
        self.list.setCurrentRow(draft.place)
        self.list.blockSignals(False)
        rows = min(len(draft.procedures), _MOST_ROWS)
        self.list.setFixedHeight(rows * self.list.sizeHintForRow(0) + 2 * self.list.frameWidth())
        self.removing.setEnabled(len(draft.procedures) > 1)
        self.up.setEnabled(draft.place > 0)
        self.down.setEnabled(draft.place < len(draft.procedures) - 1)

    def _button(self, text: str, tip: str, slot: object) -> QToolButton:
        button = QToolButton()
        button.setText(text)
        button.setToolTip(tip)
        button.setAutoRaise(True)
        button.clicked.connect(lambda checked: slot())  # type: ignore[operator]
        return button

    def _choose(self, row: int) -> None:
        self._change(lambda draft: setattr(draft, "place", row))

    def _change(self, change: object) -> None:
        if self._draft is not None:
            change(self._draft)  # type: ignore[operator]
            self.show_draft(self._draft)
            self.changed.emit()


def _words(table: dict[str, object], turns: int) -> str:
    said = [str(table.get("procedure"))]
    said += [str(table[key]) for key in ("path", "current", "axis", "channel") if key in table]
    return ", ".join(said) + (f"  × {turns}" if turns != 1 else "")
