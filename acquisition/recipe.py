"""Recipes: TOML files that list procedures with their parameters, loops over parameters, and samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator
from pymeasure.experiment.parameters import FloatParameter, IntegerParameter, ListParameter, Parameter

from analysis import configuration
from analysis.configuration import Table
from analysis.errors import InputError, describe
from analysis.sample import Sample, read_sample
from instruments.defaults import DEFAULT_SAMPLE
from procedures import PROCEDURES, Measurement
from procedures.parameters import CurrentListParameter, CurrentParameter

MANY_RUNS = 10_000
"""Runs that a recipe may unfold into."""


class SampleTable(Table):
    """A sample of a recipe."""

    sample: str = Field(min_length=1, description="Sample: a name in config/samples, or a path")
    set: dict[str, Any] = Field(
        default_factory=dict,
        description='Keys that differ from that file, e.g. { name = "py08", "film.thickness" = "8 nm" }',
    )

    @field_validator("set")
    @classmethod
    def _values(cls, keys: dict[str, Any]) -> dict[str, Any]:
        tables = [key for key, value in keys.items() if isinstance(value, dict)]
        if tables:
            raise ValueError(
                f"must give values, not tables as for {', '.join(tables)}. Put dotted keys into quotation marks, "
                'e.g. { "film.thickness" = "8 nm" }.'
            )
        return keys


class RecipeFile(Table):
    """Layout of a recipe."""

    name: str = Field(min_length=1, description="Name of the recipe")
    description: str = Field("", description="What it is for")
    comment: str = Field("", description="Stored with every run")
    tags: list[str] = Field(default_factory=list, description="Stored with every run")
    bench: str = Field("", description="Bench, unless the command line names one")
    sample: str = Field("", description="Sample, unless the command line names one")
    samples: list[SampleTable] = Field(
        default_factory=list, description="Samples, one after the other; all procedures are run on each"
    )
    parameters: dict[str, Any] = Field(default_factory=dict, description="Parameters of every procedure below")
    procedures: list[dict[str, Any]] = Field(min_length=1, description="Procedures in the order in which they run")


@dataclass(frozen=True)
class PlannedSample:
    """A sample of a recipe.

    Attributes
    ----------
    place
        Its place among the samples of the recipe, from 0.
    file
        Name or path of its file.
    settings
        Keys set beside the file, as `open_bench` takes them: "sample. ...".
    description
        The sample with those keys.
    """

    place: int
    file: str
    settings: Mapping[str, Any]
    description: Sample


@dataclass(frozen=True)
class PlannedRun:
    """A run of a recipe.

    Attributes
    ----------
    number
        Its place among all runs of the recipe, from 0.
    name
        What recipes call the procedure.
    procedure
        The procedure with its parameters.
    sample
        What it is run on.
    """

    number: int
    name: str
    procedure: Measurement
    sample: PlannedSample


@dataclass(frozen=True)
class Recipe:
    """A recipe, read and checked.

    Attributes
    ----------
    name
        Its name.
    text
        The file, verbatim.
    samples
        Samples in the order in which they are measured; at least one.
    runs
        Runs in the order in which they are measured, sample by sample, loops unfolded.
    bench
        Name or path; "" where the recipe leaves it open.
    comment, tags
        Stored with every run.
    """

    name: str
    text: str
    samples: tuple[PlannedSample, ...]
    runs: tuple[PlannedRun, ...]
    bench: str = ""
    comment: str = ""
    tags: tuple[str, ...] = ()


def load_recipe(
    recipe: str | Path,
    settings: Mapping[str, Any] | None = None,
    *,
    sample: str = "",
    sample_settings: Mapping[str, Any] | None = None,
) -> Recipe:
    """Read a recipe.

    Parameters
    ----------
    recipe
        Name of a file in config/recipes, or a path.
    settings
        Keys that replace those of the file, e.g. {"parameters.steps": 11, "procedures.0.current": "20 mA"}.
    sample
        Name or path of the sample; "" for that of the recipe, or the one of the simulated bench.
    sample_settings
        Keys that replace those of every sample file, e.g. {"film.thickness": "30 nm"}.

    Raises
    ------
    InputError
        Naming file, key, value and remedy of everything that is wrong in it.
    """
    path = configuration.find("recipes", recipe)
    text = configuration.read_text(path)
    return parse_recipe(text, str(path), settings, sample=sample, sample_settings=sample_settings)


def parse_recipe(
    text: str,
    source: str,
    settings: Mapping[str, Any] | None = None,
    *,
    sample: str = "",
    sample_settings: Mapping[str, Any] | None = None,
) -> Recipe:
    """Read a recipe from its text.

    Parameters
    ----------
    text
        What stands in the file, or would.
    source
        What errors call it.
    settings, sample, sample_settings
        As for `load_recipe`.

    Raises
    ------
    InputError
        As from `load_recipe`.
    """
    data = configuration.override(configuration.parse_toml(text, source), settings or {}, source)
    file = configuration.validate(RecipeFile, data, source)
    samples = _samples(file, sample, sample_settings or {}, source)
    runs: list[PlannedRun] = []
    for planned in samples:
        for name, procedure in _procedures(file, planned.description, source):
            runs.append(PlannedRun(len(runs), name, procedure, planned))
    _require_effect(configuration.override({}, settings or {}, source).get("parameters", {}), file, source)
    if len(runs) > MANY_RUNS:
        raise InputError(describe(source, f"make at most {MANY_RUNS} runs", len(runs), "Shorten its lists."))
    return Recipe(file.name, text, samples, tuple(runs), file.bench, file.comment, tuple(file.tags))


def _require_effect(given: Mapping[str, Any], file: RecipeFile, source: str) -> None:
    """Raise InputError where every procedure sets a parameter itself that was `given` for all of them."""
    for key, value in given.items():
        places = [
            f"procedures.{index}.{'loop.' if key in table.get('loop', {}) else ''}{key}"
            for index, table in enumerate(file.procedures)
            if key in table or key in table.get("loop", {})
        ]
        if len(places) == len(file.procedures):
            remedy = f"Write {' and '.join(f'--set recipe.{place}=...' for place in places)} instead."
            must = f"reach a procedure, but is without effect: each sets its own ({', '.join(places)})"
            raise InputError(describe(f"{source}: key 'parameters.{key}'", must, value, remedy))


def _samples(file: RecipeFile, sample: str, changes: Mapping[str, Any], source: str) -> tuple[PlannedSample, ...]:
    if file.samples and (sample or file.sample):
        other = "--sample" if sample else "key 'sample'"
        raise InputError(
            f"{source}: a recipe that lists [[samples]] must have no other; {other} names {sample or file.sample!r}. "
            "Leave it out, or change the list."
        )
    tables = file.samples or [SampleTable(sample=sample or file.sample or DEFAULT_SAMPLE)]
    samples: list[PlannedSample] = []
    for place, table in enumerate(tables):
        keys = {**table.set, **changes}
        try:
            described, _ = read_sample(table.sample, keys)
        except InputError as error:
            raise InputError(f"{source} samples.{place}: {error}" if file.samples else str(error)) from None
        for earlier in samples:
            if earlier.description.name == described.name and earlier.description != described:
                raise InputError(
                    f"{source} samples.{place}: name must tell samples apart; {described.name!r} is that of "
                    f'samples.{earlier.place}, too. Write e.g. set = {{ name = "{described.name}-{place}", ... }}.'
                )
        settings = {f"sample.{key}": value for key, value in keys.items()}
        samples.append(PlannedSample(place, table.sample, settings, described))
    return tuple(samples)


def _procedures(file: RecipeFile, sample: Sample, source: str) -> list[tuple[str, Measurement]]:
    """Procedures of the recipe with their parameters for `sample`, loops unfolded."""
    procedures, faults = [], []
    for index, table in enumerate(file.procedures):
        here = f"{source} procedures.{index}"
        name = table.get("procedure")
        if not isinstance(name, str) or name not in PROCEDURES:
            faults.append(
                f"{here}: key 'procedure' must be one of {', '.join(PROCEDURES)}. Received {name!r}."
                f"{configuration.suggestion(str(name), PROCEDURES)}"
            )
            continue
        own = {key: value for key, value in table.items() if key not in ("procedure", "loop")}
        try:
            for turn in _turns(table.get("loop", {}), f"{here}.loop"):
                parameters = {**file.parameters, **own, **turn}
                procedures.append((name, PROCEDURES[name].from_table(parameters, here, sample)))
        except InputError as error:
            faults.append(str(error) + (f" (Sample {sample.name}.)" if file.samples else ""))
    if faults:
        raise InputError("; ".join(dict.fromkeys(faults)))
    return procedures


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
