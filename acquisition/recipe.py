"""Recipes: TOML files that list procedures with their parameters, and loops over parameters."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter, Parameter

from analysis import configuration
from analysis.configuration import Table
from analysis.errors import InputError, describe
from procedures import PROCEDURES, Measurement
from procedures.parameters import CurrentListParameter, CurrentParameter

MANY_RUNS = 10_000
"""Runs that a recipe may unfold into."""


class RecipeFile(Table):
    """Layout of a recipe."""

    name: str = Field(min_length=1, description="Name of the recipe")
    description: str = Field("", description="What it is for")
    comment: str = Field("", description="Stored with every run")
    tags: list[str] = Field(default_factory=list, description="Stored with every run")
    bench: str = Field("", description="Bench, unless the command line names one")
    sample: str = Field("", description="Sample, unless the command line names one")
    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters of every procedure below")
    procedures: list[dict[str, Any]] = Field(min_length=1, description="Procedures in the order in which they run")


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
        (name, procedure) in the order in which they run, loops unfolded.
    bench, sample
        Names or paths; "" where the recipe leaves them open.
    comment, tags
        Stored with every run.
    """

    name: str
    text: str
    procedures: tuple[tuple[str, Measurement], ...]
    bench: str = ""
    sample: str = ""
    comment: str = ""
    tags: tuple[str, ...] = ()


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
        own = {key: value for key, value in table.items() if key not in ("procedure", "loop")}
        try:
            for turn in _turns(table.get("loop", {}), f"{source}.loop"):
                procedures.append((name, PROCEDURES[name].from_table({**file.parameters, **own, **turn}, source)))
        except InputError as error:
            faults.append(str(error))
    if faults:
        raise InputError("; ".join(dict.fromkeys(faults)))
    return Recipe(
        file.name, text, tuple(procedures), file.bench, file.sample, file.comment, tuple(file.tags)
    )  # fmt: skip


def _turns(loop: object, source: str) -> Iterator[dict[str, Any]]:
    """Every combination of the values of `loop`, the first key turning slowest."""
    if not isinstance(loop, Mapping):
        raise InputError(describe(source, "be a table", loop, 'Write e.g. loop = { current = ["20 mA", "40 mA"] }.'))
    count = 1
    for key, values in loop.items():
        if not isinstance(values, list) or not values:
            remedy = 'Write e.g. current = ["20 mA", "40 mA"].'
            raise InputError(describe(f"{source}: key {key!r}", "be a list of values", values, remedy))
        count *= len(values)
    if count > MANY_RUNS:
        raise InputError(describe(source, f"make at most {MANY_RUNS} runs", count, "Shorten its lists."))
    for values in itertools.product(*loop.values()):
        yield dict(zip(loop, values, strict=True))


def recipe_schema() -> dict[str, Any]:
    """JSON schema of recipes, for editors: every procedure with its parameters, units and ranges."""
    schema = RecipeFile.model_json_schema()
    variants = []
    everywhere: dict[str, Any] = {}
    for name, kind in PROCEDURES.items():
        parameters = {key: _parameter_schema(parameter) for key, parameter in kind()._parameters.items()}
        everywhere |= parameters
        variants.append(
            {
                "title": name,
                "type": "object",
                "description": (kind.__doc__ or "").strip().splitlines()[0],
                "required": ["procedure"],
                "additionalProperties": False,
                "properties": {
                    "procedure": {"const": name},
                    **parameters,
                    "loop": {
                        "type": "object",
                        "description": "Values of parameters; one run for each combination, the first key slowest",
                        "additionalProperties": False,
                        "properties": {
                            key: {"type": "array", "minItems": 1, "items": value} for key, value in parameters.items()
                        },
                    },
                },
            }
        )
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "asot recipe"
    schema["properties"]["parameters"] |= {"properties": everywhere, "additionalProperties": False}
    schema["properties"]["procedures"]["items"] = {"oneOf": variants}
    return schema


def _parameter_schema(parameter: Parameter) -> dict[str, Any]:
    unit = getattr(parameter, "units", None)
    default = parameter.default
    shown = (
        [f"{number:g} {unit}" for number in default]
        if isinstance(default, list)
        else f"{default:g} {unit}"
        if unit
        else default
    )
    about = {"title": parameter.name, "description": parameter.description or "", "default": shown}
    is_current = isinstance(parameter, CurrentParameter | CurrentListParameter)
    density = ", or with one of current density or electric field" if is_current else ""
    text = {"type": "string", "description": f"number with a unit that {unit} can express{density}"}
    if isinstance(parameter, ListParameter):
        return {**about, "enum": list(parameter.choices)}
    if isinstance(parameter, IntegerParameter):
        return {**about, "type": "integer", "minimum": parameter.minimum, "maximum": parameter.maximum}
    if isinstance(parameter, FloatParameter) and not unit:
        return {**about, "type": "number", "minimum": parameter.minimum, "maximum": parameter.maximum}
    if isinstance(default, list):
        return {**about, "type": "array", "minItems": 1, "items": text if unit else {"type": "number"}}
    return {**about, "type": "string"}
