"""Runs the procedures of a recipe one after the other: dry run, progress, and events for other programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from acquisition.progress import Report, duration
from acquisition.recipe import Recipe, load_recipe
from acquisition.runner import RunResult, run
from acquisition.states import State
from instruments import Bench, open_bench
from procedures import Reading

EventListener = Callable[[dict[str, Any]], None]
"""Takes one event: {"event": "start" | "point" | "end", ...}."""


def run_batch(
    recipe: str | Path,
    out: Path,
    report: Report,
    *,
    bench: str,
    sample: str,
    settings: Mapping[str, Any],
    dry_run: bool = False,
    realtime: bool = False,
    events: EventListener | None = None,
) -> list[RunResult]:
    """Open a bench and run a recipe on it.

    Parameters
    ----------
    recipe, bench, sample
        Names in config, or paths.
    out
        Folder for run files; made if need be.
    report
        Where progress goes.
    settings
        Keys set beside the files: recipe., bench., sample. or twin.
    dry_run
        Hold every set-point against the limits and estimate, but measure nothing.
    realtime
        Let a simulated bench take as long as a real one.
    events
        Called with each event, after the commit of the point that it tells of.

    Returns
    -------
    list of RunResult
        One per procedure; none after a dry run.

    Raises
    ------
    InputError, LimitError
        Before anything is measured, where files, settings or set-points cannot be right.
    """
    prefix = "recipe."
    changes = {key.removeprefix(prefix): value for key, value in settings.items() if key.startswith(prefix)}
    loaded = load_recipe(recipe, changes)
    others = {key: value for key, value in settings.items() if not key.startswith(prefix)}
    with open_bench(bench, sample, settings=others, realtime=realtime) as opened:
        for _, procedure in loaded.procedures:
            procedure.check(opened)
        report.bench(opened, loaded)
        if dry_run:
            for name, procedure in loaded.procedures:
                expected = duration(procedure.duration(opened))
                report.step(
                    f"{name}: {procedure.title()}: {procedure.point_count()} points, {expected}, within all limits"
                )
            return []
        return _run_all(loaded, opened, out, report, events)


def _run_all(recipe: Recipe, bench: Bench, out: Path, report: Report, events: EventListener | None) -> list[RunResult]:
    """A failed run does not stop the next."""
    results = []
    for number, (name, procedure) in enumerate(recipe.procedures):
        if events is not None:
            events({"event": "start", "run": number, "procedure": name, "points": procedure.point_count()})
        with report.run(procedure, number) as advance:

            def listener(
                index: int, total: int, reading: Reading, number: int = number, advance: Callable[[int], None] = advance
            ) -> None:
                advance(index + 1)
                if events is not None:
                    events({"event": "point", "run": number, "index": index, **reading})

            result = run(procedure, bench, out, name=name, recipe=recipe.text, number=number, on_point=listener)
        report.stored(result)
        results.append(result)
        if events is not None:
            events(
                {
                    "event": "end",
                    "run": number,
                    "path": str(result.path),
                    "status": result.state,
                    "reason": result.reason,
                }
            )
    return results


def all_finished(results: list[RunResult]) -> bool:
    """Whether every run reached its end and left the bench safe."""
    return all(result.state is State.FINISHED and not result.unsafe for result in results)
