"""Runs that a crash interrupted: found in the folder, made run files, and gone on with; asks nothing by itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QToolButton

from acquisition.gui.latest_job import LatestJob
from acquisition.gui.message import of_error
from acquisition.gui.session import Session
from acquisition.gui.theme import DOUBTFUL
from acquisition.storage import Recovery, left_behind, recover
from analysis.errors import AsotError

if TYPE_CHECKING:
    from acquisition.recipe_left import RecipeLeft


class RecoveryBar(QFrame):
    """Offers to recover what a dead process left, then to resume it; not seen where there is nothing.

    Parameters
    ----------
    session
        Whose queue goes on with it.
    folder
        Where run files go.
    """

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__()
        self._session = session
        self._found = False  # journals that are still to be recovered
        self._recovered: list[RecipeLeft] = []
        self._looking, self._recovering = LatestJob("look for journals", self), LatestJob("recover", self)
        self._looking.done.connect(self._tell_found)
        self._looking.failed.connect(lambda error: session.message_posted.emit(of_error(error)))
        self._recovering.done.connect(self._tell_recovered)
        self._recovering.failed.connect(self._tell_failed)
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setObjectName("recovery-bar")
        self.setStyleSheet(f"#recovery-bar {{ border: 1px solid {DOUBTFUL}; border-left: 6px solid {DOUBTFUL}; }}")
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.recovering, self.resuming = QPushButton("Recover"), QPushButton("Resume")
        self.recovering.setToolTip("Make run files of the points that were measured; journals are then removed")
        self.resuming.setToolTip("Go on at the first missing point, with what the recipe had after it")
        self.recovering.clicked.connect(self._recover)
        self.resuming.clicked.connect(self._resume)
        self.dismissing = QToolButton()
        self.dismissing.setAutoRaise(True)
        self.dismissing.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(8, 4, 4, 4)
        layout.addWidget(self.text, stretch=1)
        for widget in (self.recovering, self.resuming, self.dismissing):
            layout.addWidget(widget)
        self.hide()
        session.activity_changed.connect(lambda activity: self._enable())
        self.look(folder)

    def look(self, folder: Path) -> None:
        """Look for journals of dead processes in `folder`."""
        self.hide()
        self._folder = folder
        self._looking.submit(lambda: left_behind(folder))

    def _tell_found(self, journals: list[Path]) -> None:
        if not journals:
            return
        what = "A run was" if len(journals) == 1 else f"{len(journals)} runs were"
        names = ", ".join(journal.stem for journal in journals[:3]) + (", …" if len(journals) > 3 else "")
        self.text.setText(f"{what} interrupted in {self._folder}: {names}. Every measured point is in the journal.")
        self._found, self._recovered = True, []
        self._enable()
        self.show()

    def _recover(self) -> None:
        folder = self._folder
        self.recovering.setEnabled(False)
        self.text.setText(f"Making run files in {folder} …")

        def work() -> list[tuple[Recovery, RecipeLeft | str]]:
            return [(found, _what_is_left(found)) for found in recover(folder)]

        self._recovering.submit(work)

    def _tell_recovered(self, answers: list[tuple[Recovery, RecipeLeft | str]]) -> None:
        lines = []
        self._found, self._recovered = False, []
        for found, left in answers:
            line = f"{found.journal.stem} {found.found}."
            if isinstance(left, str):
                line += f" {left}"
            else:
                self._recovered.append(left)
            lines.append(line)
            self._session.post("info" if found.good else "error", line)
        self.text.setText("\n".join(lines))
        self._enable()

    def _tell_failed(self, error: BaseException) -> None:
        self._session.message_posted.emit(of_error(error, "Recovery"))
        self._enable()

    def _resume(self) -> None:
        while self._recovered:
            left = self._recovered[0]
            first = left.recipe.runs[0].number
            self._session.enqueue(left.recipe, left.run.parent, left.run, first, left.batch)
            self._recovered.pop(0)
        self.hide()

    def _enable(self) -> None:
        self.recovering.setVisible(self._found)
        self.dismissing.setText("Later" if self._found else "Dismiss")
        self.dismissing.setToolTip("Nothing is lost: it is offered again at the next start" if self._found else "")
        self.recovering.setEnabled(not self._recovering.busy)
        self.resuming.setVisible(bool(self._recovered))
        connected = self._session.connected
        self.resuming.setEnabled(connected)
        self.resuming.setText("Resume" if connected else "Resume (connect first)")


def _what_is_left(found: Recovery) -> RecipeLeft | str:
    """What is left of its recipe, or why the run cannot be gone on with from here."""
    if found.path is None:
        return ""
    try:
        from acquisition.recipe_left import recipe_left

        return recipe_left(found.path)
    except AsotError as error:
        return str(error)
