"""Runs of the align tab, taken from the recipes that ship, for the sample on the bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from acquisition.gui.session import Connection

if TYPE_CHECKING:
    from acquisition.recipe import PlannedRun, Recipe


def centring(connection: Connection) -> Recipe:
    """Scans along x and y of the recipe position-scan, after each of which the stage goes to the middle."""
    return _part("position-scan", connection, lambda run: getattr(run.procedure, "then", "") == "centre")


def balancing(connection: Connection) -> Recipe:
    """Detector calibration of the recipe of that name, which trims the analysing plate to the balance."""
    return _part("detector-calibration", connection, lambda run: run.name == "detector-calibration")


def mapping(connection: Connection, span: float, steps: int) -> Recipe:
    """First scan of the recipe position-scan as a map, `span` (m) wide and high, `steps` positions a line."""
    changed = {"axis": "map", "span": f"{span * 1e6:g} um", "steps": steps, "dwell": "50 ms", "then": "return"}
    settings = {f"procedures.0.{key}": value for key, value in changed.items()}
    return _part("position-scan", connection, lambda run: run.number == 0, settings)


def _part(
    name: str, connection: Connection, wanted: Callable[[PlannedRun], bool], settings: Mapping[str, Any] | None = None
) -> Recipe:
    keys = {key.removeprefix("sample."): value for key, value in connection.settings.items() if "sample." in key[:7]}
    from acquisition.recipe import load_recipe

    recipe = load_recipe(name, settings, sample=connection.sample, sample_settings=keys)
    return replace(recipe, runs=tuple(run for run in recipe.runs if wanted(run)))
