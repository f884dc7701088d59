"""How far a queue is, and when it will be done: what its runs say of themselves, joined."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acquisition.states import FINAL, State

if TYPE_CHECKING:
    from acquisition.runner import Run


@dataclass(frozen=True)
class QueueProgress:
    """How far a queue is.

    Attributes
    ----------
    runs_done, runs
        Runs that ended, and all.
    points_done, points
        Points of the runs that are measured or wait, and of those that finished.
    bench_time_left, wall_time_left
        Expected time (s) until the last point, on the clock of the bench (virtual where it is simulated) and on the
        wall; NaN where nothing says.
    """

    runs_done: int
    runs: int
    points_done: int
    points: int
    bench_time_left: float
    wall_time_left: float


def queue_progress(runs: Sequence[Run], durations: Mapping[Run, float]) -> QueueProgress:
    """Join the progress of `runs`.

    Parameters
    ----------
    runs
        In their order.
    durations
        Expected duration (s, of the bench) of those for which it is known.
    """
    counted = [run for run in runs if run.state not in FINAL or run.state is State.FINISHED]
    bench, pace = 0.0, math.nan  # pace: seconds on the wall for each of the bench
    for run in runs:
        if run.state in FINAL:
            continue
        progress = run.progress
        if progress.bench_time_left > 0:  # not so before the first point
            pace = progress.wall_time_left / progress.bench_time_left
        unknown = math.isnan(progress.bench_time_left)
        bench += durations.get(run, math.nan) if unknown else progress.bench_time_left
    return QueueProgress(
        sum(run.state in FINAL for run in runs), len(runs),
        sum(run.progress.done for run in counted), sum(run.progress.total for run in counted),
        bench, bench * pace,
    )  # fmt: skip
