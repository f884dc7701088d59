"""Messages: the log with details to be folded out and copied, and a bar for the last error."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QColor, QKeySequence
from PyQt6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.message import Message
from acquisition.gui.session import Session
from acquisition.gui.theme import BAD, DOUBTFUL

_KEPT = 2000  # messages
_WORDS = {"info": "", "warning": "Warning", "error": "Error"}
_COLOURS = {"warning": DOUBTFUL, "error": BAD}


class MessagePanel(QWidget):
    """Log of all messages, the newest last; details fold out below a message.

    Parameters
    ----------
    session
        Whose messages are shown.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.list = QTreeWidget()
        self.list.setHeaderLabels(["Time", "", "Message"])
        self.list.setRootIsDecorated(True)
        self.list.setUniformRowHeights(False)
        self.list.setWordWrap(True)
        self.list.setSelectionMode(QTreeWidget.SelectionMode.ExtendedSelection)
        header = self.list.header()
        assert header is not None
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        copy = QAction("Copy", self.list)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy)
        self.list.addAction(copy)
        self.list.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.list)
        session.message_posted.connect(self.add)

    def add(self, message: Message) -> None:
        """Append a message."""
        item = QTreeWidgetItem([f"{message.moment:%H:%M:%S}", _WORDS[message.severity], message.text])
        item.setToolTip(2, message.text)
        if message.severity in _COLOURS:
            item.setForeground(1, QColor(_COLOURS[message.severity]))
        for line in message.details.splitlines():
            item.addChild(QTreeWidgetItem(["", "", line]))
        self.list.addTopLevelItem(item)
        while self.list.topLevelItemCount() > _KEPT:
            self.list.takeTopLevelItem(0)
        self.list.scrollToItem(item)

    def texts(self) -> list[str]:
        """Texts of all messages, the newest last."""
        items = (self.list.topLevelItem(row) for row in range(self.list.topLevelItemCount()))
        return [item.text(2) for item in items if item is not None]

    def _copy(self) -> None:
        lines = []
        for item in self.list.selectedItems():
            lines.append("\t".join(text for column in range(3) if (text := item.text(column))))
            lines += [f"\t{child.text(2)}" for row in range(item.childCount()) if (child := item.child(row))]
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText("\n".join(lines))


class ErrorBar(QFrame):
    """The last error, above the work area until it is dismissed; nothing has to be clicked away to go on.

    Parameters
    ----------
    session
        Whose errors are shown.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setObjectName("error-bar")
        self.setStyleSheet(f"#error-bar {{ border: 1px solid {BAD}; border-left: 6px solid {BAD}; }}")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        dismiss = QToolButton()
        dismiss.setText("Dismiss")
        dismiss.setAutoRaise(True)
        dismiss.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.addWidget(self.text, stretch=1)
        layout.addWidget(dismiss)
        self.hide()
        session.message_posted.connect(self.add)

    def add(self, message: Message) -> None:
        """Show `message` where it is an error."""
        if message.severity == "error":
            self.text.setText(message.text)
            self.show()
