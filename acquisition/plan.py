"""What a recipe will do, without instruments: limits, durations, sizes and expected results, on a planned bench."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from acquisition.preflight import Preflight, doubts, free_space, preflight, require_space, require_writable
from acquisition.progress import Report
from acquisition.recipe import PlannedRun, PlannedSample, Recipe, load_recipe
from acquisition.torque_planning import NO_QUESTIONS, Questions, tell_torque
from instruments import Bench
from instruments.defaults import DEFAULT_BENCH
from instruments.errors import LimitError
from instruments.planned_bench import planned_bench

EventListener = Callable[[dict[str, Any]], None]
"""Takes one event: {"event": "plan" | "torque" | "start" | "point" | "end", ...}."""


def plan_recipe(
    recipe: str | Path,
    out: Path,
    report: Report,
    *,
    bench: str = "",
    sample: str = "",
    settings: Mapping[str, Any],
    events: EventListener | None = None,
    questions: Questions = NO_QUESTIONS,
) -> dict[int, Preflight]:
    """Hold every set-point of a recipe against the limits and say what it will do; no instrument is needed.

    Parameters
    ----------
    recipe, out, report, bench, sample, settings
        As for `acquisition.batch.run_batch`; nothing is written to `out`.
    events
        Called with one event for each run, and one for the torque of each sample that has a pair of field sweeps.
    questions
        What is to be answered beside.

    Returns
    -------
    dict
        What each run will do, by its number.

    Raises
    ------
    InputError, LimitError
        Where files, settings or set-points cannot be right.
    AsotError
        Where the disk lacks room.
    """
    loaded = read_recipe(recipe, sample, settings)
    require_writable(out)
    benches = {
        planned.place: planned_bench(
            bench or loaded.bench or DEFAULT_BENCH, planned.file, settings=bench_settings(planned, settings)
        )
        for planned in loaded.samples
    }
    expected = {run.number: expect(run, benches[run.sample.place]) for run in loaded.runs}
    report.planned_bench(benches[0])
    report.recipe(loaded, loaded.runs, expected, simulated=benches[0].file.simulation is not None)
    for run in loaded.runs:
        entry, name = expected[run.number], run.sample.description.name
        report.planned(f"{run.number + 1} {run.name}: {name}, {run.procedure.title()}", entry)
        if events is not None:
            events({"event": "plan", "run": run.number, "procedure": run.name, "sample": name, **entry.as_dict()})
    size = sum(entry.file_size for entry in expected.values())
    free = free_space(out)
    report.step(f"All within the limits; at most {size / 1e6:.0f} MB of files, {free / 1e6:,.0f} MB free in {out}")
    doubt = doubts(sum(entry.points for entry in expected.values()), sum(entry.duration for entry in expected.values()))
    if doubt:
        report.step(f"It will have to be confirmed: {doubt}")
    require_space(out, max(expected.values(), key=lambda entry: entry.file_size))
    for planned in loaded.samples:
        sweeps = [run.procedure for run in loaded.runs if run.sample == planned]
        tell_torque(sweeps, benches[planned.place], report, events, questions)
    return expected


def read_recipe(recipe: str | Path, sample: str, settings: Mapping[str, Any]) -> Recipe:
    """Read a recipe with the keys of `settings` that begin with recipe. or sample."""

    def keys(group: str) -> dict[str, Any]:
        return {key.removeprefix(group): value for key, value in settings.items() if key.startswith(group)}

    return load_recipe(recipe, keys("recipe."), sample=sample, sample_settings=keys("sample."))


def bench_settings(sample: PlannedSample, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keys for the bench with `sample` in it: those of the sample, and of `settings` what is of bench or twin."""
    others = {key: value for key, value in settings.items() if not key.startswith(("recipe.", "sample."))}
    return {**others, **sample.settings}


def expect(run: PlannedRun, bench: Bench) -> Preflight:
    """Hold every set-point of `run` against the limits of `bench`, and say what it will do.

    Raises
    ------
    LimitError
        Naming set-point, limit and run.
    """
    try:
        run.procedure.check(bench)
    except LimitError as error:
        error.add_note(f"This is run {run.number + 1}, on sample {run.sample.description.name}.")
        raise
    return preflight(run.procedure, bench)
