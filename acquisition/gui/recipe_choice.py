"""Which recipe: shipped ones and one's own by name, files, or a procedure with its defaults."""

from __future__ import annotations

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QStandardItem, QStandardItemModel
from PyQt6.QtWidgets import QComboBox, QFileDialog, QGridLayout, QLabel, QToolButton, QWidget

from acquisition.gui.recipe_draft import RecipeDraft
from analysis import configuration
from analysis.errors import InputError
from procedures import PROCEDURES

_PROCEDURE = Qt.ItemDataRole.UserRole + 1


class RecipeChoice(QWidget):
    """Recipes and procedures to begin with, each with its description.

    Signals
    -------
    chosen(RecipeDraft)
        What is to be edited now.
    saving()
        The draft is to be written to a file.
    """

    chosen = pyqtSignal(object)
    saving = pyqtSignal()

    def __init__(self) -> None:
        super().__init__()
        self.list = QComboBox()
        self.list.setAccessibleName("Recipe")
        self.list.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.list.setMaxVisibleItems(30)
        self.list.setModel(_model(self))
        self.list.activated.connect(self._choose)
        self.description = QLabel()
        self.description.setWordWrap(True)
        opening, saving = QToolButton(), QToolButton()
        opening.setText("Open…")
        opening.setToolTip("Open a recipe file")
        opening.clicked.connect(self._ask_for_file)
        saving.setText("Save…")
        saving.setToolTip("Write the recipe as it stands to a file, which `asot run` takes, too")
        saving.clicked.connect(self.saving)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.setColumnStretch(0, 1)
        layout.addWidget(self.list, 0, 0)
        layout.addWidget(opening, 0, 1)
        layout.addWidget(saving, 0, 2)
        layout.addWidget(self.description, 1, 0, 1, 3)

    def show_draft(self, draft: RecipeDraft) -> None:
        """Show what is edited."""
        place = self.list.findText(draft.name)
        if place < 0:
            self.list.insertItem(0, draft.name)
            self.list.setItemData(0, draft.data.get("description", ""), Qt.ItemDataRole.ToolTipRole)
            place = 0
        if self.list.currentText() != draft.name:
            self.list.setCurrentIndex(place)
        kind = draft.kind
        about = draft.data.get("description") or (kind.__doc__ or "").splitlines()[0] if kind else ""
        self.description.setText(str(about))
        self.description.setVisible(bool(about))

    def _choose(self, place: int) -> None:
        name = self.list.itemText(place)
        procedure = self.list.itemData(place, _PROCEDURE)
        self.chosen.emit(RecipeDraft.of_procedure(name) if procedure else RecipeDraft.of_file(name))

    def _ask_for_file(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Open a recipe", "", "Recipes (*.toml)")
        if name:
            self.chosen.emit(RecipeDraft.of_file(name))


def _model(parent: QWidget) -> QStandardItemModel:
    model = QStandardItemModel(parent)
    model.appendRow(_heading("Recipes"))
    for name in configuration.names("recipes"):
        try:
            about = RecipeDraft.of_file(name).data.get("description", "")
        except InputError as error:
            about = str(error)
        model.appendRow(_item(name, str(about), procedure=False))
    model.appendRow(_heading("Procedures with their defaults"))
    for name, kind in PROCEDURES.items():
        model.appendRow(_item(name, (kind.__doc__ or "").splitlines()[0], procedure=True))
    return model


def _heading(text: str) -> QStandardItem:
    item = QStandardItem(text)
    item.setFlags(Qt.ItemFlag.NoItemFlags)
    font = item.font()
    font.setBold(True)
    item.setFont(font)
    return item


def _item(name: str, about: str, *, procedure: bool) -> QStandardItem:
    item = QStandardItem(name)
    item.setToolTip(about)
    item.setData(procedure, _PROCEDURE)
    return item
