"""Recipes: TOML files that list procedures with their parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field

from analysis import configuration
from analysis.configuration import Table
from analysis.errors import InputError
from procedures import PROCEDURES, Measurement


class RecipeFile(Table):
    """Layout of a recipe."""

    name: str = Field(min_length=1)
    description: str = ""
    parameters: dict[str, Any] = Field(default_factory=dict)
    procedures: list[dict[str, Any]] = Field(min_length=1)


@dataclass(frozen=True)
class Recipe:
    """A recipe, read and checked.

    Attributes
    ----------
    name
        Its name.
    text
        The file, verbatim.
    procedures
        (name, procedure) in the order in which they run.
    """

    name: str
    text: str
    procedures: tuple[tuple[str, Measurement], ...]


def load_recipe(recipe: str | Path, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    recipe
        Name of a file in config/recipes, or a path.
    settings
        Keys that replace those of the file, e.g. {"parameters.steps": 11, "procedures.0.current": "20 mA"}.

    Raises
    ------
    InputError
        Naming file, key, value and remedy of everything that is wrong in it.
    """
    path = configuration.find("recipes", recipe)
    text = configuration.read_text(path)
    data = configuration.override(configuration.parse_toml(text, str(path)), settings or {}, str(path))
    file = configuration.validate(RecipeFile, data, str(path))
    procedures, faults = [], []
    for index, table in enumerate(file.procedures):
        source = f"{path} procedures.{index}"
        name = table.get("procedure")
        if not isinstance(name, str) or name not in PROCEDURES:
            faults.append(f"{source}: key 'procedure' must be one of {', '.join(PROCEDURES)}. Received {name!r}.")
            continue
        parameters = {**file.parameters, **{key: value for key, value in table.items() if key != "procedure"}}
        try:
            procedures.append((name, PROCEDURES[name].from_table(parameters, source)))
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("; ".join(dict.fromkeys(faults)))
    return Recipe(file.name, text, tuple(procedures))
