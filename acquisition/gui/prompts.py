"""Requests to a person: one dialog at a time, which holds up the run and not the window."""

from __future__ import annotations

from PyQt6.QtWidgets import QMessageBox, QWidget

from acquisition.gui.session import Request, Session


class Prompts:
    """Shows what hands have to do.

    Parameters
    ----------
    session
        Whose requests are shown.
    parent
        Window in front of which they appear.
    """

    def __init__(self, session: Session, parent: QWidget) -> None:
        self._parent = parent
        self.box: QMessageBox | None = None
        session.person_asked.connect(self._show)
        session.run_ended.connect(lambda one: self._withdraw())

    def _show(self, request: Request) -> None:
        self._withdraw()
        box = QMessageBox(self._parent)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Your hands are needed")
        box.setText(request.text)
        box.setInformativeText("The bench waits until it is done.")
        done = box.addButton("Done", QMessageBox.ButtonRole.AcceptRole)
        box.addButton("Abort the run", QMessageBox.ButtonRole.RejectRole)
        box.setModal(False)
        box.finished.connect(lambda result: request.answer(box.clickedButton() is done))
        self.box = box
        box.show()
        box.raise_()

    def _withdraw(self) -> None:
        if self.box is not None:
            self.box.blockSignals(True)
            self.box.close()
            self.box = None
