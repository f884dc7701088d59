"""Alignment: signal and sum over time, balance, spot on the sample."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class AlignTab(QWidget):
    """Alignment: signal and sum over time, balance, spot on the sample.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
