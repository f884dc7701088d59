"""Runs the procedures of a recipe, sample by sample: progress, resume, and events for other programs."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from acquisition.plan import EventListener, bench_settings, expect, read_recipe
from acquisition.preflight import Preflight, doubts, require_writable
from acquisition.progress import Report
from acquisition.recipe import PlannedRun, PlannedSample, Recipe
from acquisition.recipe_left import runs_left
from acquisition.resume import EarlierRun, find_run, read_earlier_run, restore_balance, return_stage
from acquisition.run_queue import Queue
from acquisition.runner import Run, RunResult
from acquisition.states import State
from analysis.errors import InputError
from instruments import Bench, open_bench
from instruments.defaults import DEFAULT_BENCH
from instruments.manual import Prompt, nobody
from procedures import Reading


def run_batch(
    recipe: str | Path,
    out: Path,
    report: Report,
    *,
    bench: str = "",
    sample: str = "",
    settings: Mapping[str, Any],
    realtime: bool = False,
    resume: str = "",
    retries: int = 1,
    confirm: Callable[[str], bool] = lambda doubt: False,
    prompt: Prompt = nobody,
    events: EventListener | None = None,
) -> list[RunResult]:
    """Open a bench and run a recipe on it.

    All samples are checked before anything is measured. Where there are several, a person is asked for each, with the
    bench made safe; the bench is then open for that sample and its limits.

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
    realtime
        Let a simulated bench take as long as a real one.
    resume
        Path, stem or id of a run of this recipe, the last one that was begun: the recipe goes on at its first missing
        point, and with what comes after it.
    retries
        How often a point is tried again after an instrument failed at it.
    confirm
        Asked, with the reason, whether an unusually large measurement is meant; no answer is no.
    prompt
        Asks a person to do what hands have to do, on a bench that is not simulated.
    events
        Called with each event, after the commit of the point that it tells of.

    Returns
    -------
    list of RunResult
        One per procedure.

    Raises
    ------
    InputError, LimitError
        Before anything is measured, where files, settings or set-points cannot be right.
    """
    loaded = read_recipe(recipe, sample, settings)
    points = sum(run.procedure.point_count() for run in loaded.runs)
    if doubts(points, 0.0):
        _ask(doubts(points, 0.0), confirm)  # before each of so many set-points is looked at
    require_writable(out)
    earlier = read_earlier_run(find_run(resume, out)) if resume else None
    left = runs_left(earlier, loaded) if earlier else loaded.runs

    def opener(planned: PlannedSample) -> Bench:
        return open_bench(
            bench or loaded.bench or DEFAULT_BENCH, planned.file,
            settings=bench_settings(planned, settings), realtime=realtime, prompt=prompt,
        )  # fmt: skip

    with _BenchBySample(opener) as benches:
        expected = _expected(left, benches)
        first = benches.holding(left[0].sample)
        report.opened_bench(first)
        report.recipe(loaded, left, expected, simulated=first.file.simulation is not None)
        if not doubts(points, 0.0) and (doubt := doubts(points, sum(entry.duration for entry in expected.values()))):
            _ask(doubt, confirm)
        batch = (earlier.metadata.get("batch") if earlier else "") or secrets.token_hex(4)
        results: list[RunResult] = []
        for planned in loaded.samples:
            runs = [run for run in left if run.sample == planned]
            if not runs:
                continue
            opened = benches.holding(planned)
            if len(loaded.samples) > 1:
                report.sample(planned, len(loaded.samples))
                opened.ask(f"Put sample {planned.description.name} under the microscope, then close the box.")
            if earlier and earlier.finished and earlier.metadata["sample_name"] == planned.description.name:
                restore_balance(earlier, opened)
                return_stage(earlier, opened)
            results += _measure(runs, loaded, opened, out, report, events, retries, earlier, batch)
        return results


class _BenchBySample:
    """The bench, open for one sample at a time."""

    def __init__(self, opener: Callable[[PlannedSample], Bench]) -> None:
        self._opener = opener
        self._sample: PlannedSample | None = None
        self._bench = ExitStack()

    def holding(self, sample: PlannedSample) -> Bench:
        """Bench that is open for `sample`; the one for another is closed before."""
        if sample != self._sample:
            self._sample = None
            self._bench.close()
            self._opened = self._bench.enter_context(self._opener(sample))
            self._sample = sample
        return self._opened

    def __enter__(self) -> _BenchBySample:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bench.__exit__(kind, error, trace)


def _expected(runs: tuple[PlannedRun, ...], benches: _BenchBySample) -> dict[int, Preflight]:
    """What each run will do, by number, after every set-point was held against the limits.

    The first sample comes last, and its bench stays open.
    """
    in_turn = sorted(runs, key=lambda run: (-run.sample.place, run.number))
    return {run.number: expect(run, benches.holding(run.sample)) for run in in_turn}


def _ask(doubt: str, confirm: Callable[[str], bool]) -> None:
    if not confirm(doubt):
        raise InputError(
            f"Recipe must be confirmed: {doubt}. Look at it with `asot plan RECIPE`; if it is meant, add --yes."
        )


def _measure(
    runs: list[PlannedRun],
    recipe: Recipe,
    bench: Bench,
    out: Path,
    report: Report,
    events: EventListener | None,
    retries: int,
    earlier: EarlierRun | None,
    batch: str,
) -> list[RunResult]:
    """Put `runs`, which share a sample, into a queue, and measure them."""
    tell = events or (lambda event: None)
    planned = {run.number: run for run in runs}
    bars: dict[int, Callable[[int], None]] = {}
    open_bars = ExitStack()

    def listener(number: int) -> Callable[[int, int, Reading], None]:
        def on_point(index: int, total: int, reading: Reading) -> None:
            bars[number](index + 1)
            tell({"event": "point", "run": number, "index": index, **reading})

        return on_point

    def begin(run: Run) -> None:
        tell(
            {
                "event": "start",
                "run": run.number,
                "procedure": run.name,
                "sample": bench.sample.name,
                "points": run.procedure.point_count(),
            }
        )
        bars[run.number] = open_bars.enter_context(report.run(planned[run.number]))

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

    queue = Queue(on_begin=begin, on_end=end)
    for run in runs:
        queue.add(
            Run(
                run.procedure, out, name=run.name, recipe=recipe.text, number=run.number, batch=batch,
                tags=recipe.tags, comment=recipe.comment, retries=retries, on_point=listener(run.number),
                resume=earlier.path if earlier and run.number == earlier.metadata["number"] else None,
            )
        )  # fmt: skip
    with open_bars:
        return queue.execute(lambda run: bench)


def all_finished(results: list[RunResult]) -> bool:
    """Whether every run reached its end and left the bench safe."""
    return all(result.state is State.FINISHED and not result.unsafe for result in results)
