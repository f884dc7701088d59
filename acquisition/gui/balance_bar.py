"""Balance of the detector as a bar about its zero, to be seen from across the optical table."""

from __future__ import annotations

from PyQt6.QtCore import QRectF, QSize, Qt
from PyQt6.QtGui import QColor, QPainter, QPaintEvent, QPalette
from PyQt6.QtWidgets import QSizePolicy, QWidget

from acquisition.gui.readings import fixed
from acquisition.gui.theme import DOUBTFUL, GOOD

_SCALES = (0.01, 0.1, 1.0)  # largest ratio shown
_GROW, _SHRINK = 1.0, 0.08  # of the scale, at which the next one is taken: between them it stays
_BALANCED = 0.005
_NUMBER = 112  # px


class BalanceBar(QWidget):
    """Bar for (I_A - I_B)/(I_A + I_B), with its number; the scale follows in decades."""

    def __init__(self) -> None:
        super().__init__()
        self.ratio: float | None = None
        self.text = ""
        self.fresh = False
        self.scale = _SCALES[-1]
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Difference over sum of the detector at DC, (I_A − I_B)/(I_A + I_B); 0 is balanced")

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        """Be flat."""
        return QSize(260, 54)

    def show_ratio(self, ratio: float, fresh: bool) -> None:
        """Show a ratio; greyed where it is old."""
        place = _SCALES.index(self.scale)
        while place + 1 < len(_SCALES) and abs(ratio) > _GROW * _SCALES[place]:
            place += 1
        while place > 0 and abs(ratio) < _SHRINK * _SCALES[place]:
            place -= 1
        self.scale = _SCALES[place]
        text = fixed(ratio, 4, "")
        if (text, fresh) != (self.text, self.fresh):
            self.ratio, self.text, self.fresh = ratio, text, fresh
            self.setAccessibleName(f"Balance {text}")
            self.update()

    def show_reason(self, reason: str) -> None:
        """Say why there is no ratio."""
        if self.ratio is not None or self.text != reason:
            self.ratio, self.text = None, reason
            self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:  # noqa: N802 - Qt's name
        """Draw frame, bar, zero, ends and number."""
        painter = QPainter(self)
        palette = self.palette()
        role = QPalette.ColorRole
        ink = palette.color(role.WindowText if self.fresh or self.ratio is None else role.PlaceholderText)
        painter.setPen(ink)
        if self.ratio is None:
            wrapped = int(Qt.AlignmentFlag.AlignVCenter) | int(Qt.TextFlag.TextWordWrap)
            painter.drawText(self.rect().adjusted(4, 0, -4, 0), wrapped, self.text)
            return
        small = painter.font()
        height = painter.fontMetrics().height()
        bar = QRectF(4, 4, self.width() - _NUMBER - 8, self.height() - height - 8)
        painter.fillRect(bar, palette.color(role.Base))
        middle, half = bar.center().x(), bar.width() / 2
        length = half * max(-1.0, min(1.0, self.ratio / self.scale))
        colour = QColor(GOOD if abs(self.ratio) < _BALANCED else DOUBTFUL)
        colour = colour if self.fresh else ink
        long = max(abs(length), 4.0)  # to be seen at zero, too
        start = middle - long / 2 if abs(length) < long else min(middle, middle + length)
        painter.fillRect(QRectF(start, bar.top(), long, bar.height()), colour)
        painter.setPen(palette.color(role.Mid))
        painter.drawRect(bar)
        painter.setPen(ink)
        painter.drawLine(int(middle), int(bar.top()) - 3, int(middle), int(bar.bottom()) + 3)
        below = QRectF(bar.left(), bar.bottom() + 2, bar.width(), height)
        for alignment, text in (
            (Qt.AlignmentFlag.AlignLeft, f"−{self.scale:g}"),
            (Qt.AlignmentFlag.AlignHCenter, "0"),
            (Qt.AlignmentFlag.AlignRight, f"{self.scale:g}"),
        ):
            painter.drawText(below, int(alignment), text)
        large = painter.font()
        large.setPointSizeF(1.7 * small.pointSizeF())
        painter.setFont(large)
        number = QRectF(self.width() - _NUMBER, 0, _NUMBER - 4, self.height() - height + 4)
        painter.drawText(number, int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter), self.text)
        painter.setFont(small)
        below = QRectF(self.width() - _NUMBER, bar.bottom() + 2, _NUMBER - 4, height)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignRight), "(A − B)/(A + B)")
