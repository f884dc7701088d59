"""Form with the parameters of a procedure, in groups that follow from its classes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pymeasure.experiment.parameters import Parameter
from PyQt6.QtCore import pyqtSignal
from PyQt6.QtWidgets import QVBoxLayout, QWidget

from acquisition.gui.parameter_input import ParameterInput
from acquisition.gui.section import Section
from analysis.errors import InputError
from analysis.sample import Sample
from procedures import FieldSweep, KerrMeasurement, Measurement
from procedures.lock_in_measurement import LockInMeasurement

_GROUPS: Mapping[type, str] = {
    KerrMeasurement: "Current and signal",
    LockInMeasurement: "Lock-in and passes",
    Measurement: "Lock-in and passes",
}
"""Heading of what these classes declare; what a procedure adds stands under its own name."""

SELDOM = frozenset({
    "branches", "dense_steps", "dense_within", "dwell", "filter_slope", "longest_average", "offset_x", "offset_y",
    "order", "refine", "refine_within", "remainder", "target_error",
})  # fmt: skip
"""Parameters that are folded away until they differ from their defaults."""


class ParameterForm(QWidget):
    """Parameters of one procedure of a recipe.

    Signals
    -------
    edited(str)
        The parameter of that name was changed.
    """

    edited = pyqtSignal(str)

    def __init__(self) -> None:
        super().__init__()
        self.inputs: dict[str, ParameterInput] = {}
        self._name = ""
        self._kind: type[Measurement] = FieldSweep
        self._looped: set[str] = set()
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(4)
        self._sections: list[Section] = []

    def show_procedure(self, name: str, kind: type[Measurement]) -> None:
        """Build the form of a procedure; nothing is done where it shows it already."""
        if name == self._name:
            return
        self._name, self._kind = name, kind
        for section in self._sections:
            self._layout.removeWidget(section)
            section.hide()
            section.deleteLater()
        self._sections, self.inputs = [], {}
        groups: dict[str, list[str]] = {}
        for key in parameters_in_order(kind):
            groups.setdefault(self._heading(key), []).append(key)
        parameters = kind()._parameters
        for title, keys in groups.items():
            content = QWidget()
            rows = QVBoxLayout(content)
            rows.setContentsMargins(4, 0, 0, 4)
            rows.setSpacing(4)
            for key in keys:
                self.inputs[key] = self._input(key, parameters[key])
                rows.addWidget(self.inputs[key])
            section = Section(title, content, opened=title != "More")
            self._layout.addWidget(section)
            self._sections.append(section)

    def show_table(self, table: Mapping[str, Any], looped: Mapping[str, Any]) -> None:
        """Show the values of a table of a recipe; parameters that `looped` has are given by the loop."""
        self._looped = set(looped)
        for key, one in self.inputs.items():
            one.show_value(table.get(key))
            if key in SELDOM and (key in table or key in looped):
                self._sections[-1].open()

    def mark_faults(self, sample: Sample | None) -> bool:
        """Mark what `Measurement.from_table` refuses, each with its sentence; return whether there is anything."""
        values = {key: one.value() for key, one in self.inputs.items() if key not in self._looped}
        fault = ""
        try:
            self._enable(self._kind.from_table(values, self._name, sample))
        except InputError as error:
            fault = str(error)
        for key, one in self.inputs.items():
            one.show_fault(self._fault(key, values, sample) if f"key {key!r}" in fault else "")
        return bool(fault)

    def _fault(self, key: str, values: Mapping[str, Any], sample: Sample | None) -> str:
        """Sentence on one value; what a current may be depends on its path."""
        table = {name: values[name] for name in ("path", key) if name in values}
        try:
            self._kind.from_table(table, self._name, sample)
        except InputError as error:
            return str(error)
        return ""

    def _enable(self, procedure: Measurement) -> None:
        """Put out of reach what does not matter: by loops, and by what pymeasure's `group_by` asks of other values."""
        for key, one in self.inputs.items():
            wanted = one.parameter.group_by.items()
            of_use = all(condition(getattr(procedure, other, 0)) for other, condition in wanted)
            one.input.setEnabled(of_use and key not in self._looped)
            one.label.setEnabled(of_use)

    def _heading(self, key: str) -> str:
        if key in SELDOM:
            return "More"
        first = next(kind for kind in reversed(inspect.getmro(self._kind)) if key in vars(kind))
        return _GROUPS.get(first, self._name.replace("-", " ").capitalize())

    def _input(self, key: str, parameter: Parameter) -> ParameterInput:
        one = ParameterInput(key, parameter)
        one.edited.connect(lambda: self.edited.emit(key))
        return one


def parameters_in_order(kind: type[Measurement]) -> list[str]:
    """Names of the parameters: the procedure's own first, then those of its bases; the seldom ones last."""
    names: list[str] = []
    for one in inspect.getmro(kind):
        own = [name for name, value in vars(one).items() if isinstance(value, Parameter)]
        inherited = [name for name in own if any(name in vars(base) for base in inspect.getmro(one)[1:])]
        names += [name for name in own if name not in names and name not in inherited]
    known = kind()._parameters
    return sorted((name for name in names if name in known), key=lambda name: name in SELDOM)
