"""Dry run of what stands in the sweep panel: worked out in a thread of its own, shown below the form."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acquisition.pace import duration
from acquisition.recipe import Recipe, parse_recipe
from analysis import configuration
from analysis.result import Estimate
from instruments import Bench
from instruments.planned_bench import planned_bench

if TYPE_CHECKING:
    from acquisition.preflight import Preflight


@dataclass(frozen=True)
class Question:
    """What a dry run is asked about.

    Attributes
    ----------
    text, name
        Of the recipe.
    sample
        Named beside it; "" for its own.
    bench
        Name or path.
    settings
        Keys set beside the files, as `open_bench` and `load_recipe` take them.
    """

    text: str
    name: str
    sample: str
    bench: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class DryRun:
    """What a recipe will do.

    Attributes
    ----------
    question
        What was asked.
    recipe
        The recipe, read.
    expected
        What each run will do, by number.
    torque
        What its field sweeps will leave of the torque together, where they make a pair.
    light_side
        Of the film, "top" or "bottom".
    """

    question: Question
    recipe: Recipe
    expected: Mapping[int, Preflight]
    torque: Mapping[str, Estimate]
    light_side: str


class Planner:
    """Works out dry runs; planned benches are kept from one to the next, as long as their files stay the same."""

    def __init__(self) -> None:
        self._benches: dict[tuple[object, ...], Bench] = {}

    def dry_run(self, question: Question) -> DryRun:
        """Read the recipe, hold every set-point against the limits, and say what it will do.

        Raises
        ------
        AsotError
            Where it cannot be run as it stands.
        """
        from acquisition.plan import bench_settings, expect
        from procedures.planning import torque_plan

        group = "sample."
        keys = {key.removeprefix(group): value for key, value in question.settings.items() if key.startswith(group)}
        recipe = parse_recipe(question.text, question.name, sample=question.sample, sample_settings=keys)
        benches = {
            planned.place: self._bench(question.bench, planned.file, bench_settings(planned, question.settings))
            for planned in recipe.samples
        }
        expected = {run.number: expect(run, benches[run.sample.place]) for run in recipe.runs}
        first = [run.procedure for run in recipe.runs if run.sample == recipe.samples[0]]
        plan = torque_plan(first, benches[0])
        return DryRun(question, recipe, expected, plan.expected() if plan else {}, benches[0].light_side)

    def _bench(self, bench: str, sample: str, settings: Mapping[str, Any]) -> Bench:
        files = configuration.find("benches", bench), configuration.find("samples", sample)
        key = (*((path, path.stat().st_mtime_ns) for path in files), repr(settings))
        if key not in self._benches:
            self._benches[key] = planned_bench(bench, sample, settings=settings)
        return self._benches[key]


def summary(answer: DryRun, shown: range) -> str:
    """Say what a dry run found, in a few lines of HTML.

    Parameters
    ----------
    answer
        What was found.
    shown
        Numbers of the runs of the procedure that stands in the form, the first of which is told in full.
    """
    every = list(answer.expected.values())
    points, seconds = sum(one.points for one in every), sum(one.duration for one in every)
    size = sum(one.file_size for one in every)
    runs = f"{len(every)} runs, " if len(every) > 1 else ""
    lines = [f"<b>{runs}{points:,} points, {duration(seconds)}, {size / 1e6:.1f} MB</b>"]
    current, density = max(one.largest_current for one in every), max(one.largest_current_density for one in every)
    largest = [f"{1e3 * current:g} mA" if current else "", f"{density:.3g} A/m²" if density else ""]
    field = max(one.largest_field for one in every)
    largest += [f"{1e3 * field:g} mT" if field else ""]
    values = ", ".join(text for text in largest if text)
    lines.append(f"{f'Up to {values}: within' if values else 'Within'} all limits")
    if len(every) > 1 and shown:
        one = answer.expected[shown[0]]
        each = "each of its " if len(shown) > 1 else "this one: "
        count = f"{len(shown)} runs: " if len(shown) > 1 else ""
        lines.append(f"Of it {each}{count}{one.points:,} points, {duration(one.duration)}")
    found = answer.expected[shown[0]].expected if shown else {}
    rows = [(name, estimate) for name, estimate in (*found.items(), *answer.torque.items())]
    if rows:
        cells = "".join(
            f"<tr><td>{name.replace('_', ' ')}&nbsp;&nbsp;</td><td>{estimate}</td></tr>" for name, estimate in rows
        )
        lines.append(f"Expected:<table cellspacing=0>{cells}</table>")
    return "<br>".join(lines)
