"""Runs on disk: find, look at, analyse again."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class RunsTab(QWidget):
    """Runs on disk: find, look at, analyse again.

    Parameters
    ----------
    session
        The bench and its queue.
    folder
        Where run files are.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__()
        self._session, self._folder = session, folder
