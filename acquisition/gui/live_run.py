"""A run in the window's queue: its points in memory, and what it was expected to do."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from acquisition.live import LiveColumns
from acquisition.run_columns import columns_of
from acquisition.states import State
from analysis.run_file import run_dataset

if TYPE_CHECKING:
    import xarray

    from acquisition.journal import Journal
    from acquisition.recipe import PlannedRun, Recipe
    from acquisition.runner import Run
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
    attributes
        What `load_run` will give as attributes, as far as it is known; empty before the run begins.
    """

    planned: PlannedRun
    recipe: Recipe
    run: Run
    points: LiveColumns = field(repr=False)
    attributes: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def title(self) -> str:
        """What it measures, in a few words."""
        return f"{self.planned.name}: {self.planned.procedure.title()}"

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.run.state

    def dataset(self) -> xarray.Dataset:
        """Points so far in the layout of `load_run`; of a run that has begun, from any thread."""
        count = len(self.points)
        columns = columns_of(self.planned.procedure)
        values = {column.name: self.points.column(column.name, 0, count) for column in columns}
        return run_dataset(columns, values, {**self.attributes, "status": str(self.state)})


def live_run(planned: PlannedRun, recipe: Recipe, folder: Path, batch: str, resume: Path | None = None) -> LiveRun:
    """Make a run of a recipe whose points are kept in memory as they are committed."""
    from acquisition.runner import Run
    from acquisition.storage import RUN_SUFFIX

    points = LiveColumns([column.name for column in columns_of(planned.procedure)])

    attributes: dict[str, Any] = {}

    def on_begin(journal: Journal) -> None:
        points.extend(journal.rows())
        sample, path = tomllib.loads(journal.notes["sample"]), journal.path.with_suffix(RUN_SUFFIX)
        attributes.update({**journal.metadata, "sample": sample, "path": str(path)})

    def on_point(index: int, total: int, reading: Reading) -> None:
        points.append(reading)

    run = Run(
        planned.procedure, folder, name=planned.name, recipe=recipe.text, number=planned.number, batch=batch,
        tags=recipe.tags, comment=recipe.comment, resume=resume, on_begin=on_begin, on_point=on_point,
    )  # fmt: skip
    return LiveRun(planned, recipe, run, points, attributes)
