"""A run in the window's queue: its points in memory, and what it was expected to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from acquisition.live import LiveColumns
from acquisition.recipe import PlannedRun, Recipe
from acquisition.run_columns import columns_of
from acquisition.runner import Run
from acquisition.states import State
from procedures import Reading


@dataclass(eq=False)
class LiveRun:
    """A run with its points so far.

    Attributes
    ----------
    planned
        Procedure, name and sample.
    recipe
        The recipe that it belongs to.
    run
        The run, which may be paused and aborted.
    points
        What was measured, growing; any thread may read it.
    """

    planned: PlannedRun
    recipe: Recipe
    run: Run
    points: LiveColumns = field(repr=False)

    @property
    def title(self) -> str:
        """What it measures, in a few words."""
        return f"{self.planned.name}: {self.planned.procedure.title()}"

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.run.state


def live_run(planned: PlannedRun, recipe: Recipe, folder: Path, batch: str, resume: Path | None = None) -> LiveRun:
    """Make a run of a recipe whose points are kept in memory as they are committed."""
    points = LiveColumns([column.name for column in columns_of(planned.procedure)])

    def on_point(index: int, total: int, reading: Reading) -> None:
        points.append(reading)

    run = Run(
        planned.procedure, folder, name=planned.name, recipe=recipe.text, number=planned.number, batch=batch,
        tags=recipe.tags, comment=recipe.comment, on_point=on_point, resume=resume,
    )  # fmt: skip
    return LiveRun(planned, recipe, run, points)
