"""The recipe that is being edited: what its file would hold, and which of its procedures stands in the form."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

from acquisition.recipe import RecipeFile
from acquisition.recipe_text import recipe_text
from analysis import configuration
from procedures import PROCEDURES, Measurement


class RecipeDraft:
    """A recipe under edit.

    Parameters
    ----------
    text
        TOML of a recipe.
    source
        What errors call it.

    Raises
    ------
    InputError
        Where the text is no recipe.
    """

    def __init__(self, text: str, source: str) -> None:
        self.data: dict[str, Any] = configuration.parse_toml(text, source)
        configuration.validate(RecipeFile, self.data, source)
        self._text, self._begin = text, copy.deepcopy(self.data)
        self.place = 0

    @classmethod
    def of_file(cls, recipe: str | Path) -> RecipeDraft:
        """Draft of a recipe by name or path."""
        path = configuration.find("recipes", recipe)
        return cls(configuration.read_text(path), str(path))

    @classmethod
    def of_procedure(cls, name: str) -> RecipeDraft:
        """Draft with one procedure and its defaults."""
        return cls(recipe_text({"name": name, "procedures": [{"procedure": name}]}), name)

    @property
    def text(self) -> str:
        """TOML: the file as it was, comments included, until something is changed."""
        return self._text if self.data == self._begin else recipe_text(self.data)

    @property
    def name(self) -> str:
        """Name of the recipe."""
        return str(self.data["name"])

    @property
    def procedures(self) -> list[dict[str, Any]]:
        """Tables of the procedures."""
        tables: list[dict[str, Any]] = self.data["procedures"]
        return tables

    @property
    def table(self) -> dict[str, Any]:
        """Table of the procedure in the form."""
        return self.procedures[self.place]

    @property
    def values(self) -> dict[str, Any]:
        """Values of the procedure in the form, those that all procedures of the recipe share included."""
        return {**self.data.get("parameters", {}), **self.table}

    @property
    def kind(self) -> type[Measurement] | None:
        """Class of the procedure in the form; None where there is no such procedure."""
        return PROCEDURES.get(str(self.table.get("procedure")))

    @property
    def loop(self) -> dict[str, Any]:
        """Loop of the procedure in the form."""
        loop = self.table.get("loop", {})
        return loop if isinstance(loop, dict) else {}

    def set_loop(self, loop: dict[str, Any]) -> None:
        """Loop over these values; nothing for a single run."""
        self.table.pop("loop", None)
        if loop:
            self.table["loop"] = loop

    def turns(self, place: int) -> int:
        """Runs that a procedure makes on each sample."""
        loop = self.procedures[place].get("loop", {})
        if not isinstance(loop, dict):
            return 1
        return math.prod(len(values) if isinstance(values, list) else 1 for values in loop.values())

    def runs_shown(self) -> range:
        """Numbers of the runs of the procedure in the form, on the first sample."""
        first = sum(self.turns(place) for place in range(self.place))
        return range(first, first + self.turns(self.place))

    def add(self, name: str) -> None:
        """Put a procedure with its defaults behind the one in the form."""
        self.procedures.insert(self.place + 1, {"procedure": name})
        self.place += 1

    def duplicate(self) -> None:
        """Put a copy behind the procedure in the form."""
        self.procedures.insert(self.place + 1, copy.deepcopy(self.table))
        self.place += 1

    def remove(self) -> None:
        """Take the procedure in the form out; the last one stays."""
        if len(self.procedures) > 1:
            del self.procedures[self.place]
            self.place = min(self.place, len(self.procedures) - 1)

    def move(self, step: int) -> None:
        """Move the procedure in the form up (-1) or down (+1)."""
        to = self.place + step
        if 0 <= to < len(self.procedures):
            self.procedures.insert(to, self.procedures.pop(self.place))
            self.place = to
