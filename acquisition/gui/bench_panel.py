"""What every instrument reads now, and manual control within the limits."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class BenchPanel(QWidget):
    """What every instrument reads now, and manual control within the limits.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
