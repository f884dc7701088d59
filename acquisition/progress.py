"""What the command line shows of a run: steps, progress bars with the time left, tables of results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from acquisition.preflight import Preflight
from acquisition.recipe import PlannedRun, PlannedSample, Recipe
from acquisition.runner import RunResult
from acquisition.states import State
from analysis.finding import Finding
from analysis.result import TorqueResult
from analysis.sample_analysis import SampleAnalysis
from analysis.thickness_series import SeriesAnalysis
from instruments import Bench

if TYPE_CHECKING:
    from analysis.published_series import PublishedSeries


def duration(seconds: float) -> str:
    """Time in the words of a lab: "35 s", "12 min", "3 h 10 min"."""
    minutes = round(seconds / 60)
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 100 else f"{minutes // 60} h {minutes % 60} min"


def _console(stderr: bool) -> Console:
    console = Console(stderr=stderr, highlight=False)
    if not console.is_terminal:
        console.width = 120  # a file or a pipe has no width of its own
    return console


class Report:
    """Progress on standard error, results on standard output; with `json` standard output is left to the JSON.

    Parameters
    ----------
    json
        Whether standard output belongs to a JSON document.
    """

    def __init__(self, json: bool = False) -> None:
        self._progress = _console(stderr=True)
        self._result = self._progress if json else _console(stderr=False)
        self._live: Progress | None = None

    def step(self, text: str) -> None:
        """Say what is done now."""
        self._progress.print(f"· {text}", markup=False, soft_wrap=True)

    def bench(
        self, bench: Bench, recipe: Recipe, runs: Sequence[PlannedRun], expected: Mapping[int, Preflight]
    ) -> None:
        """Say what is open, and what `runs` of the recipe will do to it; `expected` is by number of the run."""
        simulated = bench.file.simulation is not None
        kind = "simulated bench" if simulated else "bench"
        self.step(f"Opened the {kind} {bench.file.name!r} with sample {bench.sample.name!r}:")
        for role, entry in bench.describe().items():
            self._progress.print(f"    {role:<20} {entry['identity']}", style="dim", markup=False, soft_wrap=True)
        self._recipe = recipe
        self._durations = {number: entry.duration for number, entry in expected.items()}
        self._start = time.monotonic()
        places = len({run.sample.place for run in runs})
        samples = f"{places} samples, " if places > 1 else ""
        points = sum(entry.points for entry in expected.values())
        self.step(
            f"Recipe {recipe.name!r}: {samples}{len(runs)} runs, {points} points, "
            f"{duration(sum(self._durations.values()))} ({'virtual time' if simulated else 'expected'})"
        )

    def sample(self, sample: PlannedSample, samples: int) -> None:
        """Say which of how many samples comes next."""
        self.step(f"Sample {sample.place + 1} of {samples}: {sample.description.name}")

    def planned(self, what: str, expected: Preflight) -> None:
        """Say what one run will do."""
        density = expected.largest_current_density
        self.step(
            f"{what}: {expected.points} points, {duration(expected.duration)}, up to "
            f"{expected.largest_field * 1e3:g} mT, {expected.largest_current * 1e3:g} mA"
            + (f", {density:.3g} A/m^2" if density else "")
            + f", {expected.file_size / 1e6:.1f} MB; within all limits"
        )
        for name, estimate in expected.expected.items():
            self.step(f"  expected {name.replace('_', ' ')}: {estimate}")

    @contextmanager
    def run(self, run: PlannedRun) -> Iterator[Callable[[int], None]]:
        """Show a bar for one run, and one for what `bench` told of; yields what is told how many points are done."""
        columns = (
            TextColumn("    {task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[done]}"),
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(),
        )  # fmt: skip
        points = run.procedure.point_count()
        before = sum(seconds for number, seconds in self._durations.items() if number < run.number)
        whole = sum(self._durations.values())
        name = f"{run.number + 1} {run.procedure.title()}"
        with Progress(*columns, console=self._progress) as progress:
            one = progress.add_task(name, total=points, done="")
            recipe = progress.add_task(self._place(run), total=whole, done="", visible=len(self._durations) > 1)
            progress.tasks[recipe].start_time = self._start

            def show(done: int) -> None:
                seconds = before + self._durations[run.number] * done / points
                progress.update(one, completed=done, done=f"{done}/{points} points")
                progress.update(recipe, completed=seconds, done=f"{100 * seconds / whole:.0f} %")

            show(0)
            self._live = progress
            try:
                yield show
            finally:
                self._live = None
                progress.update(recipe, visible=False)  # only the bars of the runs stay on the screen

    def _place(self, run: PlannedRun) -> str:
        samples = len(self._recipe.samples)
        sample = f"sample {run.sample.place + 1} of {samples}, " if samples > 1 else ""
        return f"{sample}run {run.number + 1} of {len(self._recipe.runs)}"

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Take the bars off the screen while somebody is asked there."""
        if self._live is not None:
            self._live.stop()
        yield
        if self._live is not None:
            self._live.start()

    def stored(self, result: RunResult) -> None:
        """Say where a run went and how it ended."""
        if result.state is not State.FINISHED:
            self._progress.print(
                f"    {result.state.upper()}: {result.reason}", style="red", markup=False, soft_wrap=True
            )
        for step in result.unsafe:
            self._progress.print(f"    NOT SAFE: {step}", style="bold red", markup=False, soft_wrap=True)
        if result.path is not None:
            self._progress.print(f"      {result.path}", style="dim", markup=False, soft_wrap=True)

    def sample_result(self, analysis: SampleAnalysis) -> None:
        """Print torque, efficiency and budget of a sample."""
        result = analysis.result
        self._result.print()
        table = Table(title=escape(analysis.sample.name), title_justify="left", show_header=False, box=None)
        for name, value, note in _rows(result, f"at {result.current_density.value:.3g} A/m^2"):
            table.add_row(name, value, note)
        imaginary = result.checks["imaginary_torque"]
        table.add_row("Im(torque), to be 0", str(imaginary), f"chi2 {result.chi2:.2g} for {result.dof} dof")
        self._result.print(table)
        self._budget(result)

    def _budget(self, result: TorqueResult) -> None:
        budget = Table(title="Systematics budget: change of the bottom torque", title_justify="left", box=None)
        for column in ("input", "value", "std", "effect"):
            budget.add_column(column, justify="left" if column == "input" else "right")
        for entry in sorted(result.systematics, key=lambda entry: -abs(entry.effects["torque"])):
            effect = f"{100 * entry.effects['torque']:+.1f} %"
            budget.add_row(entry.name.replace("_", " "), f"{entry.value:.4g}", f"{entry.std:.2g}", effect)
        noise = result.torque_bottom.noise_std
        if noise is not None and result.torque_bottom.value:
            budget.add_row("noise of the data", "", "", f"±{100 * abs(noise / result.torque_bottom.value):.1f} %")
        self._result.print(budget)

    def finding(self, finding: Finding) -> None:
        """Print what a measurement that is not a torque found."""
        self._result.print()
        source = finding.runs[0] if len(finding.runs) == 1 else f"{len(finding.runs)} runs"
        title = escape(f"{finding.sample}: {finding.procedure}, {source}")
        table = Table(title=title, title_justify="left", show_header=False, box=None)
        for name, estimate in finding.quantities.items():
            note = f" for {estimate.dof:g} dof" if name.startswith("chi2") and estimate.dof else ""
            table.add_row(name.replace("_", " "), f"{estimate}{note}")
        self._result.print(table)

    def series_result(self, series: SeriesAnalysis) -> None:
        """Print the joint result of a thickness series, its budget, and what is left of each film."""
        result, thickest = series.result, series.entries[-1].sample.name
        names = ", ".join(entry.sample.name for entry in series.entries)
        self._result.print()
        title = escape(f"Thickness series: {names}; same {series.held}")
        table = Table(title=title, title_justify="left", show_header=False, box=None)
        for name, value, note in _rows(result, f"at {result.current_density.value:.3g} A/m^2 in {thickest}"):
            table.add_row(name, value, note)
        table.add_row("imbalance of free torques", str(series.imbalance), "")
        table.add_row("chi2", f"{result.chi2:.3g}", f"for {result.dof} dof")
        for entry, angle, residual in zip(series.entries, series.angles, result.residuals, strict=True):
            left = f"{1e9 * residual.real:+.1f} {1e9 * residual.imag:+.1f}i nrad"
            note = f"of {1e9 * angle.real:.1f} {1e9 * angle.imag:+.1f}i nrad"
            table.add_row(f"residual of {escape(entry.sample.name)}", left, note)
        self._result.print(table)
        self._budget(result)

    def demo_result(self, sample: SampleAnalysis, series: PublishedSeries, warnings: Sequence[str]) -> None:
        """Print what the demonstration found."""
        self.sample_result(sample)
        result = series.result
        self._result.print()
        table = Table(
            title="Measured Py thickness series (bare Py on 1 um SiO2 on Si)",
            title_justify="left",
            show_header=False,
            box=None,
        )
        for name, value, note in _rows(
            result, f"at {result.current_density.value:.3g} A/m^2, std from residual scatter"
        ):
            table.add_row(name, value, note)
        table.add_row("efficiency, the paper", "0.053 ± 0.003", "")
        for name, efficiency in series.variants.items():
            table.add_row(f"efficiency, {name}", str(efficiency), "")
        self._result.print(table)
        if series.poor:
            films = " and ".join(f"{thickness * 1e9:g}" for thickness in series.poor)
            self._result.print(
                f"The {films} nm films are not well described: residuals above a quarter of their signal."
            )
        for warning in warnings:
            self._result.print(f"Warning: {warning}", style="yellow", markup=False, soft_wrap=True)


def _rows(result: Any, note: str) -> list[tuple[str, str, str]]:
    rows = [
        ("torque, bottom", str(result.torque_bottom), note),
        ("torque, top", str(result.torque_top), ""),
        ("spin-torque efficiency", str(result.efficiency), ""),
    ]
    if result.torque_conductivity is not None:
        rows.append(("torque conductivity", str(result.torque_conductivity), "in units of hbar/2e"))
    return rows
