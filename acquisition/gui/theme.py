"""Colours of the window: light or dark as the system is, and series that every reader tells apart."""

from __future__ import annotations

from typing import Literal

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QColor, QGuiApplication, QPalette
from PyQt6.QtWidgets import QApplication

Scheme = Literal["system", "light", "dark"]

_SCHEMES = {
    "system": Qt.ColorScheme.Unknown,
    "light": Qt.ColorScheme.Light,
    "dark": Qt.ColorScheme.Dark,
}
# Okabe and Ito, "Color universal design" (2008); the darkest and the lightest are left out: they vanish in one theme.
SERIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Colours of curves, in the order in which they are used."""

GOOD, DOUBTFUL, BAD = "#009E73", "#E69F00", "#D32F2F"
"""State lights; a word or a sign always stands beside them."""

COLOUR_MAP = "CET-L17"
"""Name of pyqtgraph's map for planes; perceptually uniform, and readable without colour vision."""


def set_scheme(scheme: Scheme) -> None:
    """Show the program light or dark, or as the system is."""
    hints = QGuiApplication.styleHints()
    assert hints is not None
    hints.setColorScheme(_SCHEMES[scheme])


def apply_style(application: QApplication) -> None:
    """Give every platform the same widgets, which follow the scheme."""
    application.setStyle("Fusion")


def is_dark(palette: QPalette) -> bool:
    """Whether `palette` is one of light text on dark ground."""
    return palette.color(QPalette.ColorRole.Base).lightness() < 128


def ground(palette: QPalette) -> QColor:
    """Ground of plots."""
    return palette.color(QPalette.ColorRole.Base)


def ink(palette: QPalette) -> QColor:
    """Axes and labels of plots."""
    return palette.color(QPalette.ColorRole.Text)


def alarm(palette: QPalette) -> QColor:
    """Text that tells of a fault: red, light enough on dark ground."""
    return QColor("#FF8A80") if is_dark(palette) else QColor(BAD)


def faint(palette: QPalette) -> QColor:
    """Lines that help the eye and must not be seen first."""
    colour = ink(palette)
    colour.setAlpha(90)
    return colour
