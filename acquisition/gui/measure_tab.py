"""Plots of the run that is measured and of others over it."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class MeasureTab(QWidget):
    """Plots of the run that is measured and of others over it.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
