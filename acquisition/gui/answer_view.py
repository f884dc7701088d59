"""The numbers of an answer, and how far other model inputs have moved them."""

from __future__ import annotations

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QLabel, QVBoxLayout, QWidget

from acquisition.answer import SampleAnswer
from acquisition.gui.answer_table import AnswerTable
from acquisition.gui.wording import estimate_text, name_text, number_text, typeset
from analysis.comparison import Comparison, compare
from analysis.result import TorqueResult

_LABELS = {
    "torque_bottom": "Torque, bottom",
    "torque_top": "Torque, top",
    "efficiency": "Spin-torque efficiency",
    "torque_conductivity": "Torque conductivity (ħ/2e)",
    "current_density": "… at current density",
    "imaginary_torque": "Im(torque), to be 0",
}


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
        self.verdict.setText(_verdict(result))
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


def _verdict(result: TorqueResult) -> str:
    check = result.checks.get("imaginary_torque")
    agree = "" if check is None or check.std is None else f", p = {check.p_value():.2g}"
    source = "given standard deviations" if result.std_source == "given" else "residual scatter"
    return typeset(f"χ² = {result.chi2:.3g} for {result.dof} degrees of freedom{agree}; uncertainties from {source}")


def _label(row: Comparison) -> str:
    return _LABELS.get(row.name, name_text(row.name).capitalize())


def _text(estimate: object) -> str:
    from analysis.result import Estimate

    return estimate_text(estimate) if isinstance(estimate, Estimate) else "–"


def _change(row: Comparison) -> str:
    if row.change is None:
        return "–"
    if row.relative is not None and row.name in _LABELS and row.name != "imaginary_torque":
        return f"{100 * row.relative:+.2f} %".replace("-", "−")
    unit = "" if row.first is None or row.first.unit == "1" else row.first.unit
    return number_text(row.change, unit).replace("-", "−")


def _deviations(row: Comparison) -> str:
    return "–" if row.deviations is None else f"{row.deviations:+.2f}".replace("-", "−")
