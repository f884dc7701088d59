"""What a recipe still lacks after a run of it that ended early."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from acquisition.recipe import PlannedRun, Recipe, parse_recipe
from acquisition.resume import EarlierRun, read_earlier_run
from analysis import configuration
from analysis.errors import InputError
from analysis.run_file import read_attributes, read_notes


@dataclass(frozen=True)
class RecipeLeft:
    """What a recipe still lacks.

    Attributes
    ----------
    run
        Run file that ended early.
    recipe
        The recipe in it, with only the runs that are still to be measured, that of the file first.
    batch
        Id that its runs share.
    """

    run: Path
    recipe: Recipe
    batch: str


def recipe_left(run: Path) -> RecipeLeft:
    """Say what is left of the recipe in a run file.

    Raises
    ------
    InputError
        Where the text in the file does not give the run: keys were set beside it, or it has none.
    """
    earlier = read_earlier_run(run)
    metadata = earlier.metadata
    text = read_notes(earlier.path).get("recipe", "")
    if not text:
        raise InputError(
            f"Run {earlier.path.name} must hold the recipe that it belongs to; it was started without one. Start anew."
        )
    source = f"recipe in {earlier.path.name}"
    recipe = parse_recipe(text, source, **_sample(text, source, metadata))
    left = runs_left(earlier, recipe)
    now = json.loads(json.dumps(left[0].procedure.parameters()))
    differences = [f"{key} {value!r}" for key, value in metadata["parameters"].items() if now.get(key) != value]
    if differences:
        raise InputError(
            f"Run {earlier.path.name} must follow from the recipe in it; it was started with {', '.join(differences)} "
            "beside it. Resume it with `asot run --resume` and the same --set."
        )
    return RecipeLeft(earlier.path, replace(recipe, runs=left), metadata.get("batch", ""))


def runs_left(earlier: EarlierRun, recipe: Recipe) -> tuple[PlannedRun, ...]:
    """Runs still to be measured: not those before the earlier run, nor those that finished since.

    Raises
    ------
    InputError
        Where the run does not belong to the recipe, or nothing is left.
    """
    number, batch = earlier.metadata["number"], earlier.metadata.get("batch")
    planned = recipe.runs[number] if number < len(recipe.runs) else None
    same = planned and (planned.name, planned.sample.description.name) == (
        earlier.metadata["procedure"], earlier.metadata["sample_name"],
    )  # fmt: skip
    if not same:
        raise InputError(
            f"Run {earlier.path.name} must belong to recipe {recipe.name!r}; it is run {number + 1} of a recipe, "
            f"{earlier.metadata['procedure']} on {earlier.metadata['sample_name']}, and this one has "
            + (f"{planned.name} on {planned.sample.description.name} there" if planned else f"{len(recipe.runs)}")
            + ". Give the recipe, sample and --set that it was started with."
        )
    done = set(range(number)) | ({number} if earlier.finished else set())
    for path in earlier.path.parent.glob("run-*.h5"):
        try:
            attributes = read_attributes(path)
        except InputError:
            continue
        if batch and attributes.get("batch") == batch and attributes["status"] == "finished":
            done.add(attributes["number"])
    left = tuple(run for run in recipe.runs if run.number not in done)
    if not left:
        raise InputError(
            f"Run {earlier.path.name} must belong to a recipe that still lacks points; it and all that follow are "
            "finished. Nothing is left to do."
        )
    return left


def _sample(text: str, source: str, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Sample that was named beside the recipe, with its keys; nothing where the recipe lists its own."""
    data = configuration.parse_toml(text, source)
    if "samples" in data:
        return {}
    group = "sample."
    keys = {key.removeprefix(group): value for key, value in metadata["overrides"].items() if key.startswith(group)}
    return {"sample": "" if data.get("sample") else metadata["sample_name"], "sample_settings": keys}
