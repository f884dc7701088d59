"""A wheel that scrolls a panel changes no choice that it passes over."""

from __future__ import annotations

from PyQt6.QtCore import QEvent, QObject, Qt
from PyQt6.QtWidgets import QComboBox


class _Passing(QObject):
    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:  # noqa: N802 - Qt's name
        if event is not None and event.type() == QEvent.Type.Wheel:
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def let_wheel_pass(choice: QComboBox) -> None:
    """Let the wheel go on to what `choice` stands in."""
    choice.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    choice.installEventFilter(_Passing(choice))
