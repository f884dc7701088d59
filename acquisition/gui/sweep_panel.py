"""Choose what to measure: procedure, parameters, sample; the dry run beside it."""

from __future__ import annotations

from pathlib import Path

from PyQt6.QtWidgets import QWidget

from acquisition.gui.session import Session


class SweepPanel(QWidget):
    """Choose what to measure: procedure, parameters, sample; the dry run beside it.

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
