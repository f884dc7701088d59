"""One instrument in the bench panel: state light, model and reading in two lines; detail and control fold out."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from PyQt6.QtCore import QSize, Qt
from PyQt6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QLabel, QSizePolicy, QToolButton, QWidget

from acquisition.gui.control import Control
from acquisition.gui.readings import TITLES
from acquisition.gui.theme import BAD, DOUBTFUL, GOOD

if TYPE_CHECKING:
    from instruments.bench_check import InstrumentCheck


class RoleState(NamedTuple):
    """State of a role: colour and sign of its light, and words for what is not as usual ("" where all is well)."""

    colour: str
    sign: str
    words: str


OK = RoleState(GOOD, "●", "")


def faulty(fault: str) -> RoleState:
    """State of a role that did not answer as it should."""
    return RoleState(BAD, "✖", fault)


def working(doing: str) -> RoleState:
    """State of a role that moves or ramps."""
    return RoleState(DOUBTFUL, "◐", f"{doing}…")


def old(age: float) -> RoleState:
    """State of a role that was not read for `age` (s), infinite for never."""
    if age == float("inf"):
        return RoleState("gray", "○", "not read yet")
    return RoleState("gray", "○", f"{age:.0f} s old" if age < 120 else f"{age / 60:.0f} min old")


class ElidedLabel(QLabel):
    """Label of one line that ends in dots where there is no room for all of it."""

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Ask for no width."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw as much as fits."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, self.width())
        painter.drawText(self.rect(), int(self.alignment()), text)


class RoleRow(QFrame):
    """A row of the bench panel.

    Parameters
    ----------
    role
        Role of the bench file.
    check
        Who plays it, as found when the bench was opened.
    control
        Its manual control; None where there is nothing to drive.
    """

    def __init__(self, role: str, check: InstrumentCheck, control: Control | None) -> None:
        super().__init__()
        self.role, self.check, self.control = role, check, control
        self.state = OK
        self.light, self.title = QLabel("○"), ElidedLabel(TITLES[role])
        self.about = ElidedLabel(model_of(check))
        self.reading, self.more = QLabel("—"), QLabel()
        for label in (self.reading, self.more):
            label.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        bold, small = self.title.font(), self.about.font()
        bold.setBold(True)
        small.setPointSizeF(0.88 * small.pointSizeF())
        self.title.setFont(bold)
        self.about.setFont(small)
        for label in (self.title, self.about):
            label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.light.setFixedWidth(16)
        self.light.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.fold = QToolButton()
        self.fold.setAutoRaise(True)
        self.fold.setArrowType(Qt.ArrowType.RightArrow)
        self.fold.setFixedSize(24, 28)
        self.fold.setToolTip("Control and details" if control is not None else "Details")
        self.fold.setAccessibleName(f"{TITLES[role]}: {self.fold.toolTip().lower()}")
        self.fold.clicked.connect(lambda checked: self.unfold(self.detail.isHidden()))
        self._build_detail()
        grid = QGridLayout(self)
        grid.setContentsMargins(4, 2, 0, 2)
        grid.setHorizontalSpacing(4)
        grid.setVerticalSpacing(0)
        grid.setColumnStretch(1, 1)
        grid.addWidget(self.light, 0, 0)
        for line, pair in enumerate(((self.title, self.reading), (self.about, self.more))):
            beside = QHBoxLayout()  # of its own, so that a long reading takes no room from the other line
            beside.setSpacing(8)
            beside.addWidget(pair[0], stretch=1)
            beside.addWidget(pair[1])
            grid.addLayout(beside, line, 1)
        grid.addWidget(self.fold, 0, 2, 2, 1)
        grid.addWidget(self.detail, 2, 0, 1, 3)

    def _build_detail(self) -> None:
        self.detail = QWidget()
        layout = QGridLayout(self.detail)
        layout.setContentsMargins(14, 4, 8, 6)
        self.fault, self.reason, self.identity = QLabel(), QLabel(), QLabel(self.check.identity)
        for label in (self.fault, self.reason, self.identity):
            label.setWordWrap(True)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.fault.setStyleSheet(f"border: 1px solid {BAD}; border-radius: 3px; padding: 3px;")
        self.identity.setFont(self.about.font())
        self.fault.hide()
        self.reason.hide()
        self.identity.setVisible(bool(self.check.identity))
        layout.addWidget(self.fault)
        layout.addWidget(self.reason)
        if self.control is not None:
            layout.addWidget(self.control)
        layout.addWidget(self.identity)
        self.detail.hide()

    def unfold(self, shown: bool) -> None:
        """Show the detail, or fold it away."""
        self.detail.setVisible(shown)
        self.fold.setArrowType(Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow)
        if shown and self.control is not None:
            self.control.refresh()

    def allow(self, reason: str) -> None:
        """Let the control be used, or say why not."""
        if self.control is not None:
            self.control.setEnabled(not reason)
            self.reason.setText(reason)
            self.reason.setVisible(bool(reason))

    def show_reading(self, lines: tuple[str, ...], fresh: bool) -> None:
        """Show what is read; values that do not hold any more are greyed."""
        for label, text in ((self.reading, lines[0]), (self.more, lines[1] if len(lines) > 1 else "")):
            if label.text() != text:
                label.setText(text)
            role = QPalette.ColorRole.WindowText if fresh else QPalette.ColorRole.PlaceholderText
            if label.foregroundRole() != role:
                label.setForegroundRole(role)

    def show_state(self, state: RoleState) -> None:
        """Show how the role is."""
        if state == self.state and self.light.text() == state.sign:
            return
        if (state.colour, state.sign) != (self.state.colour, self.light.text()):
            self.light.setText(state.sign)
            self.light.setStyleSheet(f"color: {state.colour};")
        self.state = state
        fault = state.words if state.colour == BAD else ""
        self.about.setText(state.words.split(": ", 1)[-1] or model_of(self.check))  # the row says which device it is
        self.fault.setText(fault)
        self.fault.setVisible(bool(fault))
        self.setToolTip(fault or f"{state.words or 'Answers'}. {who(self.check)}")
        self.light.setAccessibleName(state.words or "ok")

    def mouseReleaseEvent(self, event: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        """Fold by a click anywhere in the first two lines."""
        if event is not None and (self.detail.isHidden() or event.position().y() < self.detail.y()):
            self.unfold(self.detail.isHidden())


def model_of(check: InstrumentCheck) -> str:
    """Model that the instrument names in its answer to *IDN?, or the driver of the bench file."""
    parts = [part.strip() for part in check.identity.split(",")]
    return parts[1] if len(parts) > 2 else check.driver


def who(check: InstrumentCheck) -> str:
    """Identity, driver and addresses, in one line."""
    where = ", ".join(f"{key} {address}" for key, address in check.addresses.items())
    return "; ".join(part for part in (check.identity or "identity unknown", f"driver {check.driver}", where) if part)
