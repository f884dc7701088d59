"""Runs in their order, how far they are, and what to do with them."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class QueuePanel(QWidget):
    """Runs in their order, how far they are, and what to do with them.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
