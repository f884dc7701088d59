"""One dialog for all unexpected errors: it stays one however many come, and never stops the bench."""

from __future__ import annotations

from PyQt6.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.message import Message


class ErrorDialog(QDialog):
    """Shows an error with foldable details; further ones are counted and added to the details."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Error")
        self.setModal(False)
        self.setMinimumWidth(460)
        self._count = 0
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.details = QPlainTextEdit()
        self.details.setReadOnly(True)
        self.details.setMinimumHeight(220)
        self.details.hide()
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self._fold, copy = QPushButton("Show details"), QPushButton("Copy")
        buttons.addButton(self._fold, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.addButton(copy, QDialogButtonBox.ButtonRole.ActionRole)
        buttons.rejected.connect(self.reject)
        self._fold.clicked.connect(lambda: self._show_details(self.details.isHidden()))
        copy.clicked.connect(self._copy)
        layout = QVBoxLayout(self)
        layout.addWidget(self.text)
        layout.addWidget(self.details, stretch=1)
        layout.addWidget(buttons)

    def add(self, message: Message) -> None:
        """Show `message`, beside those that were not closed yet."""
        if not self.isVisible():
            self._count = 0
            self.details.clear()
        self._count += 1
        others = f"\n\n{self._count - 1} more before it; see the details." if self._count > 1 else ""
        self.text.setText(message.text + others)
        self.details.appendPlainText(f"{message.moment:%H:%M:%S} {message.text}\n{message.details}\n")
        self.show()
        self.raise_()

    def _show_details(self, shown: bool) -> None:
        self.details.setVisible(shown)
        self._fold.setText("Hide details" if shown else "Show details")
        self.adjustSize()

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText(self.details.toPlainText())
