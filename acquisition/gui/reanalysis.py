"""Analysis of stored runs: the answer, and how it moves when model inputs are changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import Qt, QTimer
from PyQt6.QtWidgets import (
    QApplication,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from acquisition.answer import Answer, SampleAnswer, find_answer
from acquisition.gui.answer_view import AnswerView
from acquisition.gui.background import Background
from acquisition.gui.budget_view import BudgetView
from acquisition.gui.finding_view import FindingView
from acquisition.gui.input_form import InputForm
from acquisition.gui.loop_view import LoopView
from acquisition.gui.series_view import SeriesView
from acquisition.gui.session import Session
from acquisition.gui.theme import BAD
from acquisition.result_files import write_json
from analysis import configuration
from analysis.errors import InputError
from analysis.report import write_report
from analysis.report_figures import write_figures
from analysis.run_analysis import Analysis

_TYPED = 400  # ms after the last key
_EVERY = "every sample"


class Reanalysis(QWidget):
    """Answer of the chosen runs, beside a form of the model inputs.

    Parameters
    ----------
    session
        Where messages go.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.background, self.files = Background("reanalysis", self), Background("files of results", self)
        self.paths: list[Path] = []
        self.first: Answer | None = None
        """Answer with the inputs stored with the runs."""
        self.now: Answer | None = None
        """Answer with the inputs of the form; None where none is changed."""
        self._typed: dict[str, dict[str, tuple[str, str | None]]] = {}
        self._changes: dict[str, dict[str, str]] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_TYPED)
        self._soon.timeout.connect(self._answer_again)
        self._build()
        self._enable()

    def analyse(self, paths: Sequence[Path]) -> None:
        """Analyse run files in the background, with the inputs stored with them."""
        if not paths:
            return
        self.paths = sorted(paths)
        self._typed, self._changes = {}, {}
        self._analyse_first()

    def _analyse_first(self) -> None:
        self.first = self.now = None
        self._enable()
        density, paths = self._density(), self.paths
        self._tell(f"Analysing {len(paths)} runs…")
        self.background.replace(lambda: find_answer(paths, density), self._show_first, self._show_fault)

    # ----------------------------------------------------------- how it is built

    def _build(self) -> None:
        self.sample = QComboBox()
        self.sample.setToolTip("Sample whose answer is shown and whose inputs are changed")
        self.sample.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self.sample.currentIndexChanged.connect(lambda index: self._show_sample())
        self.state = QLabel("Select runs under Browse and analyse them.")
        self.state.setWordWrap(True)
        self.state.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.copy_numbers = self._button(
            "Copy numbers", "Numbers that are shown, as text for a table", self._copy_numbers
        )
        self.save_json = self._button("Save JSON…", "The answer as asot analyze --json prints it", self._ask_for_json)
        self.report = self._button("Report…", "Page with numbers, figures and their origin", self._ask_for_report)
        self.figures = self._button("Figures…", "All figures as SVG, PDF and PNG, into a folder", self._ask_for_figures)
        top = QHBoxLayout()
        top.addWidget(self.sample)
        top.addWidget(self.state, stretch=1)
        for button in (self.copy_numbers, self.save_json, self.figures, self.report):
            top.addWidget(button)
        self.form = InputForm()
        self.form.changed.connect(self._inputs_changed)
        self.concerns = QComboBox()
        self.concerns.setToolTip("Whether a changed input counts for the sample shown or for all of them")
        self.concerns.currentIndexChanged.connect(lambda index: self._inputs_changed())
        self.density = QLineEdit()
        self.density.setPlaceholderText("that of the runs")
        self.density.setToolTip("Current density to which torques are reported, e.g. 5e10 A/m^2")
        self.density.editingFinished.connect(self._density_changed)
        self._last_density = ""
        self.reset = self._button("Reset", "Take every change back", self._reset)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(QLabel("<b>Model inputs</b>"))
        row.addWidget(self.concerns)
        row.addStretch(1)
        row.addWidget(self.reset)
        column.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(QLabel("Torques at"))
        row.addWidget(self.density, stretch=1)
        column.addLayout(row)
        column.addWidget(self.form, stretch=1)
        self.answer, self.loops, self.budget = AnswerView(), LoopView(), BudgetView()
        self.series, self.findings = SeriesView(), FindingView()
        self.warnings = QPlainTextEdit()
        self.warnings.setReadOnly(True)
        self.views = QTabWidget()
        for name, view in (
            ("Numbers", self.answer), ("Loops", self.loops), ("Systematics", self.budget), ("Series", self.series),
            ("Findings", self.findings), ("Warnings", self.warnings),
        ):  # fmt: skip
            self.views.addTab(view, name)
        self.halves = QSplitter()
        self.halves.addWidget(left)
        self.halves.addWidget(self.views)
        self.halves.setStretchFactor(1, 1)
        self.halves.setChildrenCollapsible(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 4, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.halves, stretch=1)

    def _button(self, text: str, tip: str, slot: Callable[[], None]) -> QPushButton:
        button = QPushButton(text)
        button.setToolTip(tip)
        button.clicked.connect(lambda checked: slot())
        return button

    # ----------------------------------------------------------- what is shown

    @property
    def shown(self) -> Answer | None:
        """The answer that is shown, saved and reported."""
        return self.now or self.first

    def _enable(self) -> None:
        there = self.first is not None
        for button in (self.copy_numbers, self.save_json, self.figures, self.report):
            button.setEnabled(there)
        self.density.setEnabled(there)
        for box in (self.sample, self.concerns):
            box.setEnabled(self.first is not None and bool(self.first.samples))
        self.form.setEnabled(self.sample.isEnabled())
        self.concerns.setVisible(self.first is not None and len(self.first.samples) > 1)
        self.reset.setEnabled(bool(self._typed))

    def _tell(self, text: str, colour: str = "") -> None:
        self.state.setText(text)
        self.state.setStyleSheet(f"color: {colour};" if colour else "")

    def _show_first(self, answer: Answer) -> None:
        self.first = answer
        self.sample.blockSignals(True)
        self.sample.clear()
        self.sample.addItems([_title(one, answer) for one in answer.samples])
        self.sample.blockSignals(False)
        self.concerns.blockSignals(True)
        self.concerns.clear()
        self.concerns.addItems(["of the sample shown", f"of {_EVERY}"])
        self.concerns.blockSignals(False)
        self._enable()
        self._show_sample()
        self._show_answers()
        self._tell_found(answer)
        if not answer.samples:
            self.views.setCurrentWidget(self.findings if answer.analysis.findings else self.warnings)
        elif self.views.currentWidget() in (self.findings, self.warnings):
            self.views.setCurrentWidget(self.answer)
        if self._typed:
            self._inputs_changed()

    def _tell_found(self, answer: Answer) -> None:
        analysis = answer.analysis
        parts = [f"{len(self.paths)} runs"]
        for count, name in (
            (len(analysis.samples), "torque"), (len(analysis.findings), "finding"), (len(analysis.warnings), "warning"),
        ):  # fmt: skip
            if count:
                parts.append(f"{count} {name}{'s' if count > 1 else ''}")
        parts += ["a thickness series"] if analysis.series is not None else []
        self._tell(", ".join(parts))

    def _show_now(self, answer: Answer) -> None:
        self.now = answer
        self._show_answers()
        lost = [one for one in self.first.samples if answer.like(one) is None] if self.first else []
        if lost:
            told = self.first.analysis.warnings if self.first else ()
            why = [warning for warning in answer.analysis.warnings if warning not in told]
            self._tell(why[0] if why else f"No answer for {lost[0].entry.sample.name}.", BAD)
        else:
            count = sum(map(len, self._changes.values()))
            self._tell(f"Answer with {count} changed input{'s' if count > 1 else ''}.")

    def _show_fault(self, error: Exception) -> None:
        if not isinstance(error, InputError):
            raise error
        self._tell(str(error), BAD)

    def _sample_shown(self) -> SampleAnswer | None:
        place = self.sample.currentIndex()
        return self.first.samples[place] if self.first is not None and 0 <= place < len(self.first.samples) else None

    def _show_sample(self) -> None:
        one = self._sample_shown()
        if one is not None:
            self.form.show_inputs(one.inputs, self._typed.get(one.entry.sample.name, {}))
        self._show_answers()

    def _show_answers(self) -> None:
        if self.first is None:
            return
        shown = self.now or self.first
        one = self._sample_shown()
        for view in (self.answer, self.loops, self.budget):
            view.setEnabled(one is not None)
        if one is not None:
            other = None if self.now is None else self.now.like(one)
            self.answer.show_answer(one, other)
            self.loops.show_answer(one, other)
            self.budget.show_result((other or one).entry.result)
        self.series.show_answer(self.first, self.now)
        self.findings.show_findings(shown.analysis.findings)
        warnings = shown.analysis.warnings
        self.warnings.setPlainText("\n\n".join(f"⚠ {warning}" for warning in warnings) or "No warnings.")
        self._count(self.warnings, "Warnings", len(warnings))
        self._count(self.findings, "Findings", len(shown.analysis.findings))

    def _count(self, view: QWidget, name: str, count: int) -> None:
        self.views.setTabText(self.views.indexOf(view), f"{name} ({count})" if count else name)

    # ----------------------------------------------------------- what is changed

    def _inputs_changed(self) -> None:
        one = self._sample_shown()
        if one is None or self.first is None:
            return
        every = self.concerns.currentIndex() == 1
        names = dict.fromkeys(other.entry.sample.name for other in self.first.samples)
        for name in names if every else [one.entry.sample.name]:
            self._typed[name], self._changes[name] = self.form.texts, self.form.changes
        self._typed = {name: texts for name, texts in self._typed.items() if texts}
        self._changes = {name: changes for name, changes in self._changes.items() if changes}
        self.reset.setEnabled(bool(self._typed))
        self._soon.start()

    def _answer_again(self) -> None:
        if not self._changes:
            self.background.replace(lambda: None, lambda nothing: self._back_to_first())
            return
        paths, density, changes = self.paths, self._density(), {**self._changes}
        self._tell("Analysing with changed inputs…")
        self.background.replace(lambda: find_answer(paths, density, changes), self._show_now, self._show_fault)

    def _back_to_first(self) -> None:
        self.now = None
        self._show_answers()
        if self.first is not None:
            self._tell_found(self.first)

    def _reset(self) -> None:
        self._typed, self._changes = {}, {}
        self.form.reset()
        self._soon.stop()
        self._answer_again()

    def _density(self) -> float | None:
        text = self.density.text().strip()
        return configuration.option_quantity("Current density", text, "A/m^2") if text else None

    def _density_changed(self) -> None:
        if self.density.text() != self._last_density:
            self._density()
            self._last_density = self.density.text()
            self._analyse_first()

    # ----------------------------------------------------------- what is kept

    def _copy_numbers(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None and self.shown is not None
        clipboard.setText(self.shown.numbers())

    def _ask_for_json(self) -> None:
        begin = str(self.paths[0].parent / "result.json")
        name, _ = QFileDialog.getSaveFileName(self, "Save the answer", begin, "JSON (*.json)")
        if name:
            self.save(Path(name))

    def _ask_for_report(self) -> None:
        begin = str(self.paths[0].parent / "report.html")
        name, _ = QFileDialog.getSaveFileName(self, "Write a report", begin, "Page (*.html)")
        if name:
            self.write_report(Path(name))

    def _ask_for_figures(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Folder for figures", str(self.paths[0].parent))
        if name:
            self.write_figures(Path(name))

    def save(self, path: Path) -> None:
        """Write the answer that is shown as JSON."""
        self._write(lambda analysis: write_json(analysis, path), str(path))

    def write_report(self, path: Path) -> None:
        """Write the page of the answer that is shown; it tells what was changed."""
        self._write(lambda analysis: write_report(path, analysis), str(path))

    def write_figures(self, folder: Path) -> None:
        """Write the figures of the answer that is shown."""
        self._write(lambda analysis: write_figures(analysis, folder), f"figures to {folder}")

    def _write(self, job: Callable[[Analysis], object], what: str) -> None:
        shown = self.shown
        assert shown is not None
        self.files.do(lambda: job(shown.analysis), lambda _: self._session.post("info", f"Wrote {what}."))


def _title(one: SampleAnswer, answer: Answer) -> str:
    """Name of a sample; with the time of its first run where a sample was measured more than once."""
    name = one.entry.sample.name
    if sum(other.entry.sample.name == name for other in answer.samples) == 1:
        return name
    return f"{name}, {one.entry.runs[0].split('-')[1]}"
