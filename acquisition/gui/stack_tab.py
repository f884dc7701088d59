"""Depth profile of the tilt and depth sensitivity of the sample's stack."""

from __future__ import annotations

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class StackTab(QWidget):
    """Depth profile of the tilt and depth sensitivity of the sample's stack.

    Parameters
    ----------
    session
        The bench and its queue.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
