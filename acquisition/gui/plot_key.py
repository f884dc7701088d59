"""Key of a plot as a line above it: nothing lies over the data, and the text has the colour of all text."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel


class PlotKey(QLabel):
    """Signs of curves in their colours, each followed by what it means."""

    def __init__(self) -> None:
        super().__init__()
        self.setTextFormat(Qt.TextFormat.RichText)
        self.setWordWrap(True)
        self.setContentsMargins(4, 0, 4, 0)

    def show_entries(self, entries: Iterable[tuple[str, str, str]]) -> None:
        """Show (sign, colour, meaning) of each curve; a colour "" is that of the text."""
        parts = []
        for sign, colour, meaning in entries:
            style = f' style="color:{colour}"' if colour else ""
            parts.append(f"<b{style}>{sign}</b>&nbsp;{escape(meaning).replace(' ', '&nbsp;')}")
        self.setText(" &nbsp; ".join(parts))
        self.setVisible(bool(parts))
