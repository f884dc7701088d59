"""All that a run file says about itself, as a tree that can be searched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from PyQt6.QtCore import Qt
from PyQt6.QtGui import QAction, QKeySequence
from PyQt6.QtWidgets import QApplication, QHeaderView, QLineEdit, QTreeWidget, QTreeWidgetItem, QVBoxLayout, QWidget

from analysis.typography import typeset

_FIRST = ("run_id", "procedure", "title", "start_time", "end_time", "status", "exit_reason", "tags", "comment")
_OPEN = ("Run", "Parameters", "Safe state")


class MetadataTree(QWidget):
    """Tree of metadata with a line to search it."""

    def __init__(self) -> None:
        super().__init__()
        self.text = QLineEdit()
        self.text.setPlaceholderText("Find in the metadata")
        self.text.setClearButtonEnabled(True)
        self.text.textChanged.connect(lambda text: self._filter())
        self.tree = QTreeWidget()
        self.tree.setHeaderLabels(["Name", "Value"])
        self.tree.setAlternatingRowColors(True)
        self.tree.setUniformRowHeights(True)
        header = self.tree.header()
        assert header is not None
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.tree.setColumnWidth(0, 180)
        copy = QAction("Copy", self.tree)
        copy.setShortcut(QKeySequence(QKeySequence.StandardKey.Copy))
        copy.setShortcutContext(Qt.ShortcutContext.WidgetShortcut)
        copy.triggered.connect(self._copy)
        self.tree.addAction(copy)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.ActionsContextMenu)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addWidget(self.tree, stretch=1)

    def show_run(self, attributes: Mapping[str, Any], notes: Mapping[str, str]) -> None:
        """Show metadata (from `load_run`) and notes (from `read_notes`) of a run."""
        self.tree.clear()
        for name, content in _sections(attributes, notes).items():
            top = QTreeWidgetItem([name])
            font = top.font(0)
            font.setBold(True)
            top.setFont(0, font)
            _fill(top, content)
            self.tree.addTopLevelItem(top)
            top.setExpanded(name in _OPEN)
        self._filter()

    def clear(self) -> None:
        """Show nothing."""
        self.tree.clear()

    def _filter(self) -> None:
        words = self.text.text().casefold().split()
        for place in range(self.tree.topLevelItemCount()):
            top = self.tree.topLevelItem(place)
            assert top is not None
            _sift(top, words, "")
            top.setExpanded(bool(words) or top.text(0) in _OPEN)

    def _copy(self) -> None:
        clipboard = QApplication.clipboard()
        assert clipboard is not None
        clipboard.setText("\n".join(f"{item.text(0)}\t{item.text(1)}" for item in self.tree.selectedItems()))


def _sections(attributes: Mapping[str, Any], notes: Mapping[str, str]) -> dict[str, Any]:
    """Metadata in the order in which they are looked for."""
    rest = dict(attributes)
    run = {key: rest.pop(key) for key in _FIRST if rest.get(key) not in (None, "", [])}
    units = rest.pop("parameter_units", {})
    parameters = {
        name: f"{_text(value)} {units.get(name, '')}".rstrip() for name, value in rest.pop("parameters", {}).items()
    }
    instruments = {role: _instrument(entry) for role, entry in rest.pop("instruments", {}).items()}
    sections: dict[str, Any] = {"Run": run, "Parameters": parameters}
    safe = [line.rpartition(": ") for line in notes.get("safe_state", "").splitlines()]
    sections["Safe state"] = {what: outcome for what, _, outcome in safe} or "not recorded"
    sections["Overrides"] = rest.pop("overrides", {}) or "none"
    sections["Sample"] = rest.pop("sample", {})
    sections["Instruments"] = instruments
    sections["Provenance"] = rest.pop("provenance", {})
    sections["Other"] = {key: value for key, value in rest.items() if key not in _FIRST}
    files = {name: text for name, text in notes.items() if name != "safe_state" and text}
    sections["Files as they were"] = {name: dict(enumerate(text.splitlines(), 1)) for name, text in files.items()}
    return sections


def _instrument(entry: Mapping[str, Any]) -> dict[str, Any]:
    about = {key: value for key, value in entry.items() if not key.startswith("settings_")}
    start, end = entry.get("settings_start", {}), entry.get("settings_end", {})
    for name in {**start, **end}:
        first, last = (_quantity(settings.get(name)) for settings in (start, end))
        about[name] = first if last in ("", first) else f"{first} at the start, {last} at the end"
    return about


def _quantity(entry: Any) -> str:
    if entry is None:
        return ""
    value, unit = entry
    return typeset(f"{_text(value)} {unit}".rstrip())


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.10g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_text, value))
    return str(value)


def _fill(item: QTreeWidgetItem, content: Any) -> None:
    if isinstance(content, list) and any(isinstance(entry, Mapping | list) for entry in content):
        content = dict(enumerate(content, 1))
    if not isinstance(content, Mapping):
        item.setText(1, _text(content))
        item.setToolTip(1, _text(content))
        return
    for key, value in content.items():
        child = QTreeWidgetItem([str(key).replace("_", " ")])
        _fill(child, value)
        item.addChild(child)


def _sift(item: QTreeWidgetItem, words: list[str], path: str) -> bool:
    """Hide what the words do not mean; return whether anything is left."""
    path = f"{path} {item.text(0)} {item.text(1)}".casefold()
    here = all(word in path for word in words)
    children = [child for place in range(item.childCount()) if (child := item.child(place)) is not None]
    found = [_sift(child, [] if here else words, path) for child in children]
    item.setHidden(not (here or any(found)))
    item.setExpanded(bool(words) and not here)
    return here or any(found)
