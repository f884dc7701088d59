"""Runs the procedures of a recipe one after the other: dry run, progress, resume, and events for other programs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from acquisition.preflight import Preflight, doubts, free_space, preflight, require_space
from acquisition.progress import Report
from acquisition.recipe import Recipe, load_recipe
from acquisition.resume import EarlierRun, earlier_run, find_run
from acquisition.run_queue import Queue
from acquisition.runner import Run, RunResult
from acquisition.states import State
from acquisition.torque_planning import NO_QUESTIONS, Questions, tell_torque
from analysis.errors import InputError
from analysis.run_file import load_run
from instruments import Bench, open_bench
from instruments.bench import DEFAULT_BENCH, DEFAULT_SAMPLE
from procedures import Reading

EventListener = Callable[[dict[str, Any]], None]
"""Takes one event: {"event": "plan" | "start" | "point" | "end", ...}."""


def run_batch(
    recipe: str | Path,
    out: Path,
    report: Report,
    *,
    bench: str = "",
    sample: str = "",
    settings: Mapping[str, Any],
    dry_run: bool = False,
    realtime: bool = False,
    resume: str = "",
    retries: int = 1,
    confirm: Callable[[str], bool] = lambda doubt: False,
    events: EventListener | None = None,
    questions: Questions = NO_QUESTIONS,
) -> list[RunResult]:
    """Open a bench and run a recipe on it.

    Parameters
    ----------
    recipe
        Name in config/recipes, or a path.
    out
        Folder for run files; made if need be.
    report
        Where progress goes.
    bench, sample
        Names in config, or paths; "" for those of the recipe, or the simulated bench and its sample.
    settings
        Keys set beside the files: recipe., bench., sample. or twin.
    dry_run
        Hold every set-point against the limits and estimate, but measure nothing.
    realtime
        Let a simulated bench take as long as a real one.
    resume
        Path, stem or id of a run of this recipe that ended early: the recipe goes on at its first missing point, and
        with what comes after it.
    retries
        How often a point is tried again after an instrument failed at it.
    confirm
        Asked, with the reason, whether an unusually large measurement is meant; no answer is no.
    events
        Called with each event, after the commit of the point that it tells of.
    questions
        What a dry run is to answer beside what the recipe would do.

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
    bench, sample = bench or loaded.bench or DEFAULT_BENCH, sample or loaded.sample or DEFAULT_SAMPLE
    points = sum(procedure.point_count() for _, procedure in loaded.procedures)
    if doubts(points, 0.0) and not dry_run:
        _ask(doubts(points, 0.0), confirm)  # before each of so many set-points is looked at
    with open_bench(bench, sample, settings=others, realtime=realtime) as opened:
        for _, procedure in loaded.procedures:
            procedure.check(opened)
        expected = [preflight(procedure, opened) for _, procedure in loaded.procedures]
        report.bench(opened, loaded)
        if dry_run:
            _tell_plan(loaded, expected, out, report, events)
            tell_torque([procedure for _, procedure in loaded.procedures], opened, report, events, questions)
            return []
        if not doubts(points, 0.0) and (doubt := doubts(points, sum(entry.duration for entry in expected))):
            _ask(doubt, confirm)
        earlier = earlier_run(find_run(resume, out)) if resume else None
        return _run_all(loaded, opened, out, report, events, retries, earlier)


def _ask(doubt: str, confirm: Callable[[str], bool]) -> None:
    if not confirm(doubt):
        raise InputError(
            f"Recipe must be confirmed: {doubt}. Look at it with `asot plan RECIPE`; if it is meant, add --yes."
        )


def _tell_plan(
    recipe: Recipe, expected: list[Preflight], out: Path, report: Report, events: EventListener | None
) -> None:
    for number, ((name, procedure), entry) in enumerate(zip(recipe.procedures, expected, strict=True)):
        report.planned(f"{number + 1} {name}: {procedure.title()}", entry)
        if events is not None:
            events({"event": "plan", "run": number, "procedure": name, **entry.as_dict()})
    free = free_space(out.resolve())
    size = sum(entry.file_size for entry in expected)
    report.step(f"All within the limits; at most {size / 1e6:.0f} MB of files, {free / 1e6:,.0f} MB free in {out}")
    doubt = doubts(sum(entry.points for entry in expected), sum(entry.duration for entry in expected))
    if doubt:
        report.step(f"It will have to be confirmed: {doubt}")
    largest = max(expected, key=lambda entry: entry.file_size)
    require_space(out, largest)


def _run_all(
    recipe: Recipe,
    bench: Bench,
    out: Path,
    report: Report,
    events: EventListener | None,
    retries: int,
    earlier: EarlierRun | None,
) -> list[RunResult]:
    """Put every run that is still to be measured into a queue, and measure them."""
    tell = events or (lambda event: None)
    batch = earlier.metadata.get("batch") if earlier else ""
    batch = batch or secrets.token_hex(4)
    done = _finished(earlier, recipe) if earlier else set()
    bars: dict[int, Callable[[int], None]] = {}
    open_bars = ExitStack()

    def listener(number: int) -> Callable[[int, int, Reading], None]:
        def on_point(index: int, total: int, reading: Reading) -> None:
            bars[number](index + 1)
            tell({"event": "point", "run": number, "index": index, **reading})

        return on_point

    def begin(run: Run) -> None:
        tell({"event": "start", "run": run.number, "procedure": run.name, "points": run.procedure.point_count()})
        bars[run.number] = open_bars.enter_context(report.run(run.procedure, run.number))

    def end(run: Run, result: RunResult) -> None:
        open_bars.close()
        report.stored(result)
        tell(
            {
                "event": "end",
                "run": run.number,
                "path": str(result.path or ""),
                "status": result.state,
                "reason": result.reason,
            }
        )

    queue = Queue(bench, on_begin=begin, on_end=end)
    for number, (name, procedure) in enumerate(recipe.procedures):
        if number in done:
            continue
        queue.add(
            Run(
                procedure, out, name=name, recipe=recipe.text, number=number, batch=batch, tags=recipe.tags,
                comment=recipe.comment, retries=retries, on_point=listener(number),
                resume=earlier.path if earlier and number == earlier.metadata["number"] else None,
            )
        )  # fmt: skip
    with open_bars:
        return queue.execute()


def _finished(earlier: EarlierRun, recipe: Recipe) -> set[int]:
    """Numbers of the recipe that need no measurement: those before the earlier run, and those that finished since."""
    number, batch = earlier.metadata["number"], earlier.metadata.get("batch")
    if number >= len(recipe.procedures):
        raise InputError(
            f"Run {earlier.path.name} must belong to recipe {recipe.name!r}; it is run {number + 1} of a recipe, and "
            f"this one has {len(recipe.procedures)}. Give the recipe that it was started with."
        )
    done = set(range(number))
    for path in earlier.path.parent.glob("run-*.h5"):
        try:
            attributes = load_run(path).attrs
        except InputError:
            continue
        if batch and attributes.get("batch") == batch and attributes["status"] == "finished":
            done.add(attributes["number"])
    if number in done:
        raise InputError(
            f"Run {earlier.path.name} must still lack points; another run went on with it and finished. "
            "Nothing is left to do."
        )
    return done


def all_finished(results: list[RunResult]) -> bool:
    """Whether every run reached its end and left the bench safe."""
    return all(result.state is State.FINISHED and not result.unsafe for result in results)
