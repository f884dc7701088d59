"""The numbers of an answer, and how far other model inputs have moved them."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from acquisition.answer import SampleAnswer
from acquisition.gui.answer_table import AnswerTable
from acquisition.gui.theme import BAD
from analysis.comparison import Comparison, compare
from analysis.result import Estimate, TorqueResult
from analysis.typography import estimate_text, name_text, quantity_text, typeset

_LABELS = {
    "torque_bottom": "Torque, bottom",
    "torque_top": "Torque, top",
    "efficiency": "Spin-torque efficiency",
    "torque_conductivity": "Torque conductivity (ħ/2e)",
    "current_density": "… at the current density",
    "oersted_field": "Oersted field in the film",
    "gain": "Gain, measured / modelled calibration",
    "gain_phase": "Phase of the gain",
    "polarization_difference_rotation": "Half difference of polarisations, rotation",
    "polarization_difference_ellipticity": "Half difference of polarisations, ellipticity",
    "imaginary_torque": "Im(torque), to be 0",
}


_PROPORTIONAL = ("torque_bottom", "torque_top", "current_density", "efficiency", "torque_conductivity")
_IMPROBABLE = 1e-3  # p below which the channels are said to disagree
_ROUNDING = 1e-9  # relative change that is none


class AnswerView(QWidget):
    """Table of the numbers of one sample."""

    def __init__(self) -> None:
        super().__init__()
        self.verdict = QLabel()
        self.verdict.setWordWrap(True)
        self.verdict.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.table = AnswerTable()
        self.hint = QLabel("Change a model input on the left and see the answer move.")
        self.hint.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 4)
        layout.addWidget(self.verdict)
        layout.addWidget(self.table, stretch=1)
        layout.addWidget(self.hint)

    def show_answer(self, first: SampleAnswer, now: SampleAnswer | None) -> None:
        """Show an answer, and beside it another one with changed model inputs."""
        shown = now or first
        result = shown.entry.result
        text, colour = _verdict(result)
        self.verdict.setText(text)
        self.verdict.setStyleSheet(f"color: {colour};" if colour else "")
        if now is None:
            rows = [[_label(row), _text(row.first)] for row in compare(first.entry.result, result)]
            self.table.show_rows(["", "Answer"], rows)
            self.hint.setText("Change a model input on the left and see the answer move.")
            return
        self.table.show_rows(
            ["", "First answer", "Now", "Change", "in σ"],
            [
                [_label(row), _text(row.first), _text(row.now), _change(row), _deviations(row)]
                for row in compare(first.entry.result, result)
            ],
        )
        self.hint.setText(
            "σ: standard uncertainty of the first answer, noise and systematics together. Both answers come from the "
            "same data, so their noise is common."
        )


def _verdict(result: TorqueResult) -> tuple[str, str]:
    """Sentence on the agreement of the channels, and its colour."""
    source = "given standard deviations" if result.std_source == "given" else "residual scatter"
    freedom = "1 degree of freedom" if result.dof == 1 else f"{result.dof} degrees of freedom"
    text = typeset(f"χ² = {result.chi2:.3g} for {freedom}; noise from {source}.")
    check = result.checks.get("imaginary_torque")
    if check is None or check.std is None:
        return text, ""
    p_value = check.p_value()
    if p_value < _IMPROBABLE:
        return (
            f"✗ Rotation and ellipticity disagree with opposite torques, p = {typeset(f'{p_value:.1e}')}. {text}",
            BAD,
        )
    return f"✓ Rotation and ellipticity agree, p = {p_value:.2g}. {text}", ""


def _label(row: Comparison) -> str:
    return _LABELS.get(row.name) or name_text(row.name).capitalize()


def _text(estimate: Estimate | None) -> str:
    return "–" if estimate is None else estimate_text(estimate)


def _change(row: Comparison) -> str:
    if row.change is None or row.first is None:
        return "–"
    if abs(row.change) <= _ROUNDING * abs(row.first.value):
        return "0"
    if row.relative is not None and row.name in _PROPORTIONAL:
        return typeset(f"{100 * row.relative:+.2f} %")
    return quantity_text(row.change, row.first.unit)


def _deviations(row: Comparison) -> str:
    if row.deviations is None:
        return "–"
    return "0" if abs(row.deviations) < _ROUNDING else typeset(f"{row.deviations:+.2f}")
