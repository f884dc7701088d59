"""Dry run of what stands in the sweep panel: worked out in a thread of its own, shown below the form."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acquisition.pace import duration
from acquisition.recipe import Recipe, parse_recipe
from analysis import configuration
from analysis.errors import AsotError
from analysis.result import Estimate
from analysis.sample import Sample
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
    """

    question: Question
    recipe: Recipe
    expected: Mapping[int, Preflight]
    torque: Mapping[str, Estimate]


class Planner:
    """Works out dry runs; planned benches are kept from one to the next, as long as their files stay the same."""

    def __init__(self) -> None:
        self._benches: dict[tuple[object, ...], Bench] = {}
        self.sample: Sample | None = None
        """First sample of the recipe read last."""
        self.light_side = "top"
        """Of the film, on the bench asked about last."""

    def dry_run(self, question: Question, outdated: Callable[[], bool]) -> DryRun:
        """Read the recipe, hold every set-point against the limits, and say what it will do.

        Parameters
        ----------
        question
            What is asked about.
        outdated
            Whether nobody wants to know any more.

        Raises
        ------
        AsotError
            Where it cannot be run as it stands, or is outdated.
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
        self.sample, self.light_side = recipe.samples[0].description, benches[0].light_side
        expected: dict[int, Preflight] = {}
        for run in recipe.runs:
            if outdated():
                raise AsotError("Something was changed meanwhile.")
            expected[run.number] = expect(run, benches[run.sample.place])
        first = [run.procedure for run in recipe.runs if run.sample == recipe.samples[0]]
        plan = torque_plan(first, benches[0])
        return DryRun(question, recipe, expected, plan.expected() if plan else {})

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
    if not shown:
        return "<br>".join(lines)
    one = answer.expected[shown[0]]
    if len(every) > 1:
        each = f"{len(shown)} runs, each " if len(shown) > 1 else ""
        lines.append(f"The chosen procedure: {each}{one.points:,} points, {duration(one.duration)}")
    lines += [_table("Expected", one.expected), _table("All sweeps of the recipe together", answer.torque)]
    return "<br>".join(line for line in lines if line)


def _table(title: str, quantities: Mapping[str, Estimate]) -> str:
    if not quantities:
        return ""
    rows = "".join(
        f"<tr><td>{name.replace('_', ' ')}&nbsp;&nbsp;</td><td>{found}</td></tr>" for name, found in quantities.items()
    )
    return f"{title}:<table cellspacing=0>{rows}</table>"
