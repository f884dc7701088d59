"""Choose what to measure: recipe, procedures, parameters, sample; the dry run below it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, QTimer, pyqtSignal
from PyQt6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QScrollArea,
    QSizePolicy,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from acquisition.gui.dry_run import DryRun, Planner, Question, summary
from acquisition.gui.latest_job import LatestJob
from acquisition.gui.loop_editor import MANY, LoopEditor
from acquisition.gui.parameter_form import ParameterForm
from acquisition.gui.procedure_list import ProcedureList
from acquisition.gui.recipe_choice import RecipeChoice
from acquisition.gui.recipe_draft import RecipeDraft
from acquisition.gui.section import Section
from acquisition.gui.session import Session
from acquisition.gui.stack_drawing import StackDrawing
from acquisition.gui.theme import alarm
from acquisition.gui.wheel import let_wheel_pass
from acquisition.preflight import doubts
from acquisition.recipe import Recipe, parse_recipe
from analysis import configuration
from analysis.errors import AsotError
from analysis.sample import Sample
from instruments.defaults import DEFAULT_BENCH, DEFAULT_SAMPLE

PATIENCE = 300
"""Time (ms) after the last change at which the dry run begins."""


class SweepPanel(QWidget):
    """Choose what to measure: procedure, parameters, sample; the dry run beside it.

    Parameters
    ----------
    session
        The bench and its queue.
    folder
        Where run files go.

    Signals
    -------
    folder_changed(Path)
        Run files go somewhere else from now on.
    """

    folder_changed = pyqtSignal(object)

    def __init__(self, session: Session, folder: Path) -> None:
        super().__init__()
        self._session, self.folder = session, folder
        self.draft = RecipeDraft.of_file("field-sweep")
        self.answer: DryRun | None = None
        """What the dry run found of what stands here; None until it is known, and where it found a fault."""
        self._sample: Sample | None = None
        self._wanted = False
        self._planner, self._job = Planner(), LatestJob("dry run", self)
        self._job.done.connect(self._show_answer)
        self._job.failed.connect(self._show_failure)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PATIENCE)
        self._timer.timeout.connect(self._ask)

        self.recipes, self.procedures, self.form, self.loops = (
            RecipeChoice(),
            ProcedureList(),
            ParameterForm(),
            LoopEditor(),
        )
        self._build()
        self.recipes.chosen.connect(self.show_draft)
        self.recipes.saving.connect(self._ask_where_to_save)
        self.procedures.changed.connect(self._show_procedure)
        self.form.edited.connect(self._edit_parameter)
        self.loops.edited.connect(self._edit_loop)
        session.activity_changed.connect(lambda activity: self._tell_start())
        session.activity_changed.connect(lambda activity: self._follow_bench())
        self._bench = self._bench_asked()
        self.show_draft(self.draft)

    # ----------------------------------------------------------- what is shown

    def _build(self) -> None:
        self.sample, self.drawing = QComboBox(), StackDrawing()
        self.sample.setEditable(True)
        let_wheel_pass(self.sample)
        self.sample.addItems(configuration.names("samples"))
        self.sample.setToolTip("A name in the configuration folders, or the path of a .toml file")
        self.sample.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.sample.activated.connect(lambda place: self._choose_sample())
        line = self.sample.lineEdit()
        assert line is not None
        line.editingFinished.connect(self._choose_sample)
        self.sample_note = QLabel()
        self.sample_note.setWordWrap(True)
        sample = QWidget()
        rows = QVBoxLayout(sample)
        rows.setContentsMargins(4, 0, 0, 4)
        for widget in (self.sample, self.sample_note, self.drawing):
            rows.addWidget(widget)

        self.comment, self.folder_name = QLineEdit(), QLabel()
        self.comment.setPlaceholderText("Stored with every run")
        self.comment.editingFinished.connect(self._edit_comment)
        changing = QToolButton()
        changing.setText("Change…")
        changing.clicked.connect(self._ask_for_folder)
        where = QHBoxLayout()
        where.addWidget(self.folder_name, stretch=1)
        where.addWidget(changing)
        storage = QWidget()
        stored = QFormLayout(storage)
        stored.setContentsMargins(4, 0, 0, 4)
        stored.addRow("Comment", self.comment)
        stored.addRow("Folder", where)

        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 4, 0)
        column.setSpacing(4)
        self.loop_section = Section("Loop over", self.loops, opened=False)
        for part in (
            Section("Sample", sample),
            self.form,
            self.loop_section,
            Section("Storage", storage, opened=False),
        ):
            column.addWidget(part)
        column.addStretch(1)
        self.parts = QScrollArea()
        self.parts.setWidgetResizable(True)
        self.parts.setFrameShape(QFrame.Shape.NoFrame)
        self.parts.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.parts.setWidget(inside)

        self.outlook = QLabel()
        self.outlook.setWordWrap(True)
        self.outlook.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.outlook.setAccessibleName("Dry run")
        width = self.outlook.sizePolicy()
        width.setHorizontalPolicy(QSizePolicy.Policy.Ignored)  # a long line must not widen the dock
        self.outlook.setSizePolicy(width)
        self.start = QPushButton("Add to the queue")
        self.start.setShortcut("Ctrl+Return")
        self.start.setMinimumHeight(30)
        self.start.clicked.connect(self.enqueue)
        line_above = QFrame()
        line_above.setFrameShape(QFrame.Shape.HLine)
        line_above.setFrameShadow(QFrame.Shadow.Sunken)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 4, 2, 6)
        layout.setSpacing(4)
        layout.addWidget(self.recipes)
        layout.addWidget(self.procedures)
        layout.addWidget(self.parts, stretch=1)
        layout.addWidget(line_above)
        layout.addWidget(self.outlook)
        layout.addWidget(self.start)
        self.setMinimumWidth(340)
        self._show_folder()

    def show_draft(self, draft: RecipeDraft) -> None:
        """Show a recipe to be edited."""
        self.draft = draft
        self.recipes.show_draft(draft)
        self.procedures.show_draft(draft)
        self.comment.setText(draft.data.get("comment", ""))
        listed = draft.data.get("samples")
        self.sample.setVisible(not listed)
        self.sample.setEditText(self._sample_name())
        names = [str(table.get("set", {}).get("name", table.get("sample"))) for table in listed or ()]
        self.sample_note.setText(f"The recipe has {len(names)} samples: {', '.join(names)}. The first:")
        self.sample_note.setVisible(bool(names))
        self._show_procedure()

    def _show_procedure(self) -> None:
        kind = self.draft.kind
        self.form.setVisible(kind is not None)
        if kind is not None:
            self.form.show_procedure(self.draft.table["procedure"], kind)
            self.form.show_table(self.draft.values, self.draft.loop)
            self.loops.show_loop(self.draft.loop, {key: one.parameter for key, one in self.form.inputs.items()})
            self.loop_section.heading.setChecked(bool(self.draft.loop))
        self._check()

    # ----------------------------------------------------------- what is edited

    def _edit_parameter(self, key: str) -> None:
        self.draft.table[key] = self.form.inputs[key].value()
        self._change()

    def _edit_loop(self) -> None:
        self.draft.set_loop(self.loops.loop())
        self.form.show_table(self.draft.values, self.draft.loop)
        self._change()

    def _choose_sample(self) -> None:
        name = self.sample.currentText().strip()
        if name and name != self._sample_name():
            self.draft.data["sample"] = name
            self._change()

    def _edit_comment(self) -> None:
        text = self.comment.text()
        if text != self.draft.data.get("comment", ""):
            self.draft.data["comment"] = text
            self._change()

    def _change(self) -> None:
        self.procedures.show_draft(self.draft)
        self._check()

    # ----------------------------------------------------------- the dry run

    @property
    def checking(self) -> bool:
        """Whether the dry run of what stands here is still to come."""
        return self._timer.isActive() or self._job.busy

    def _check(self) -> None:
        """Mark faults at once, and ask for a dry run when nothing was changed for a while."""
        self.answer = None
        if self._mark_faults():
            self._timer.stop()
            self._wanted = False
        else:
            self._timer.start()
        self._tell_start()

    def _mark_faults(self) -> bool:
        """Mark what no recipe takes; not before the sample is known, which says what a current density means."""
        if self.draft.kind is None or self._sample is None or not self.form.mark_faults(self._sample):
            return False
        self._tell_fault(next(text for one in self.form.inputs.values() if (text := one.fault.text())))
        return True

    def _ask(self) -> None:
        draft = self.draft
        beside = "" if draft.data.get("samples") or draft.data.get("sample") else self._sample_name()
        question = Question(draft.text, draft.name, beside, self._bench_asked(), self._settings())
        self._job.submit(lambda: self._planner.dry_run(question, lambda: self._job.outdated))

    def _show_answer(self, answer: DryRun) -> None:
        if self._timer.isActive():
            return  # something was changed meanwhile
        self.answer = answer
        self._show_sample()
        self.outlook.setStyleSheet("")
        self.outlook.setText(summary(answer, self.draft.runs_shown()))
        self._tell_start()
        if self._wanted:
            self._wanted = False
            self.enqueue()

    def _show_failure(self, error: BaseException) -> None:
        if self._timer.isActive():
            return
        self._wanted = False
        if not isinstance(error, AsotError):
            self.outlook.setText("The dry run failed; see the message.")
            raise error  # shown as what nothing caught
        self._tell_fault(" ".join([str(error), *getattr(error, "__notes__", ())]))
        self._show_sample()
        self._tell_start()

    def _show_sample(self) -> None:
        sample, side = self._planner.sample, self._planner.light_side
        if sample != self._sample:
            self._sample = sample
            self._mark_faults()
        self.drawing.show_sample(sample, side)

    def _tell_fault(self, text: str) -> None:
        self.outlook.setStyleSheet(f"color: {alarm(self.palette()).name()};")
        self.outlook.setText(text)

    def _follow_bench(self) -> None:
        """Hold what stands here against the limits of another bench."""
        if self._bench_asked() != self._bench:
            self._bench = self._bench_asked()
            self.sample.setEditText(self._sample_name())
            self._check()

    def _bench_asked(self) -> str:
        connection = self._session.connection
        return connection.bench if connection is not None else self.draft.data.get("bench") or DEFAULT_BENCH

    def _sample_name(self) -> str:
        connection = self._session.connection
        return str(self.draft.data.get("sample") or (connection.sample if connection is not None else DEFAULT_SAMPLE))

    def _settings(self) -> dict[str, Any]:
        connection = self._session.connection
        return dict(connection.settings) if connection is not None else {}

    # ----------------------------------------------------------- what is done

    def enqueue(self) -> None:
        """Put the runs into the queue; an unusually large measurement is asked about first."""
        answer = self.answer
        if answer is None:
            self._wanted = self.checking
            return
        points = sum(one.points for one in answer.expected.values())
        doubt = doubts(points, sum(one.duration for one in answer.expected.values()))
        if not doubt and len(answer.recipe.runs) > MANY:
            doubt = f"{len(answer.recipe.runs)} runs are planned, more than {MANY}"
        if not doubt:
            self._enqueue(answer.recipe)
            return
        box = QMessageBox(self)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("Is that meant?")
        box.setText(f"{doubt}. Add them to the queue?")
        add = box.addButton("Add", QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        box.finished.connect(lambda result: self._enqueue(answer.recipe) if box.clickedButton() is add else None)
        self.question = box
        box.open()

    def _enqueue(self, recipe: Recipe) -> None:
        self._session.enqueue(recipe, self.folder)
        self._check()  # the next one gets procedures of its own

    def save(self, path: Path) -> None:
        """Write the recipe as it stands; it then runs the same from the command line.

        Raises
        ------
        InputError
            Where it would not be read back.
        """
        if not (self.draft.data.get("samples") or self.draft.data.get("sample")):
            self.draft.data["sample"] = self._sample_name()
        text = self.draft.text
        parse_recipe(text, str(path))
        path.write_text(text, encoding="utf-8")
        self.show_draft(RecipeDraft(text, str(path)))
        self._session.post("info", f"Recipe {self.draft.name} saved.", str(path))

    def change_folder(self, folder: Path) -> None:
        """Let run files go to `folder`."""
        self.folder = folder
        self._show_folder()
        self.folder_changed.emit(folder)

    def _ask_where_to_save(self) -> None:
        start = Path("config/recipes") if Path("config/recipes").is_dir() else Path()
        name, _ = QFileDialog.getSaveFileName(self, "Save the recipe", str(start / f"{self.draft.name}.toml"), "*.toml")
        if name:
            self.save(Path(name).with_suffix(".toml"))

    def _ask_for_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, "Where run files go", str(self.folder))
        if name:
            self.change_folder(Path(name))

    def _show_folder(self) -> None:
        self.folder_name.setText(self.folder.name)
        self.folder_name.setToolTip(str(self.folder.resolve()))

    def _tell_start(self) -> None:
        faulty = self.answer is None and not self.checking
        connected = self._session.connected
        self.start.setEnabled(connected and not faulty)
        self.start.setText("Add to the queue" if connected else "Connect a bench to measure")
        if not connected:
            tip = "Bench, Connect… (Ctrl+B)"
        else:
            tip = "What is wrong stands above" if faulty else f"Ctrl+Return; run files go to {self.folder}"
        self.start.setToolTip(tip)
