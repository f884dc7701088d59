"""The command line `asot`. Exit code 0 done, 1 measured but failed, 2 bad input."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import click
import typer

from analysis.errors import AsotError, InputError

app = typer.Typer(
    name="asot",
    help="Measure anomalous spin-orbit torque with a lock-in MOKE bench, and analyse what was measured.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
bench_app = typer.Typer(help="Look at benches.", no_args_is_help=True)
runs_app = typer.Typer(help="Look at run files.", no_args_is_help=True)
app.add_typer(bench_app, name="bench")
app.add_typer(runs_app, name="runs")

Setting = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="Replace a key: recipe., bench., sample. or twin. May be repeated."
    ),
]
BenchOption = Annotated[str, typer.Option("--bench", help="Bench: a name in config/benches, or a path.")]
SampleOption = Annotated[str, typer.Option("--sample", help="Sample: a name in config/samples, or a path.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on standard output; progress goes to standard error.")]


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for run files, figure and result.")] = Path("asot-demo"),
    bench: BenchOption = "simulated",
    sample: SampleOption = "py32-fused-silica",
    set_: Setting = None,
    as_json: Json = False,
) -> None:
    """Run a simulated experiment and fit a measured series, from set-up to torque; under a minute.

    Example: asot demo --out /tmp/demo --set twin.torque_bottom=1.21e-6
    """
    from acquisition.demo import demo as run_demo
    from acquisition.progress import Report

    document = run_demo(out, Report(as_json), bench=bench, sample=sample, settings=_settings(set_))
    if as_json:
        print(json.dumps(document))


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(help="Recipe: a name in config/recipes, or a path.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for run files.")] = Path("runs"),
    bench: BenchOption = "simulated",
    sample: SampleOption = "py32-fused-silica",
    set_: Setting = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check limits, count points, estimate; measure nothing.")
    ] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Let a simulated bench take as long as a real one.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Run every procedure of a recipe.

    Example: asot run field-sweep --bench simulated --out runs --set recipe.procedures.0.steps=21
    """
    from acquisition.batch import all_finished, run_batch
    from acquisition.progress import Report

    results = run_batch(
        recipe, out, Report(as_json), bench=bench, sample=sample, settings=_settings(set_), dry_run=dry_run,
        realtime=realtime, events=_print_event if as_json else None,
    )  # fmt: skip
    raise typer.Exit(0 if all_finished(results) else 1)


@app.command()
def analyze(
    paths: Annotated[list[Path], typer.Argument(help="Run files, or folders of them.")],
    current_density: Annotated[
        str | None,
        typer.Option("--current-density", help="Report torques at this, e.g. '5e10 A/m^2'; default: the runs'."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn run files into torques with uncertainties.

    Example: asot analyze asot-demo --json
    """
    from acquisition.progress import Report
    from analysis.configuration import option_quantity
    from analysis.run_analysis import analyze as analyze_runs

    density = None if current_density is None else option_quantity("--current-density", current_density, "A/m^2")
    result = analyze_runs(paths, current_density=density)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        report = Report()
        for entry in result.samples:
            report.sample_result(entry)
    for warning in result.warnings:
        typer.echo(f"asot: warning: {warning}", err=True)
    raise typer.Exit(0 if result.samples else 1)


@app.command()
def recover(folder: Annotated[Path, typer.Argument(help="Folder with journals that a crash left.")]) -> None:
    """Make run files of the journals that a crash left behind; run files that exist are not touched.

    Example: asot recover runs
    """
    from acquisition.storage import JOURNAL_SUFFIX, finish_run

    if not folder.is_dir():
        raise InputError(f"Folder must exist; {folder} does not. Give the --out folder of the run.")
    journals = sorted(folder.glob(f"*{JOURNAL_SUFFIX}"))
    failures = []
    for journal in journals:
        try:
            typer.echo(f"{journal.name} -> {finish_run(journal).name}")
        except AsotError as error:
            failures.append(error)
            typer.echo(f"asot: error: {error}", err=True)
    typer.echo(f"{len(journals) - len(failures)} of {len(journals)} journals recovered in {folder}.")
    raise typer.Exit(1 if failures else 0)


@bench_app.command()
def show(
    bench: Annotated[str, typer.Argument(help="Bench: a name in config/benches, or a path.")] = "simulated",
) -> None:
    """Print which bench file is used, and what it says.

    Example: asot bench show simulated
    """
    from analysis import configuration
    from instruments.bench_file import BenchFile

    path = configuration.find("benches", bench)
    text = configuration.read_text(path)
    configuration.validate(BenchFile, configuration.parse_toml(text, str(path)), str(path))
    typer.echo(f"# {path}\n{text}")


@bench_app.command()
def check(bench: BenchOption = "simulated", sample: SampleOption = "py32-fused-silica", set_: Setting = None) -> None:
    """Open a bench, ask every instrument who it is, make it safe and close it.

    Example: asot bench check --bench simulated
    """
    from instruments import open_bench

    with open_bench(bench, sample, settings=_settings(set_)) as opened:
        for role, entry in opened.describe().items():
            typer.echo(f"{role:<20} {entry['identity']}")


@runs_app.command()
def verify(paths: Annotated[list[Path], typer.Argument(help="Run files, or folders of them.")]) -> None:
    """Compare run files with the checksums that were written beside them.

    Example: asot runs verify asot-demo
    """
    from analysis.run_analysis import run_files
    from analysis.run_file import load_run, verify_run

    bad = 0
    for path in run_files(paths):
        try:
            verify_run(path)
            load_run(path)
        except InputError as error:
            bad += 1
            typer.echo(f"asot: error: {error}", err=True)
        else:
            typer.echo(f"{path}: good")
    raise typer.Exit(1 if bad else 0)


def _settings(items: list[str] | None) -> dict[str, Any]:
    from analysis.configuration import parse_assignments

    return parse_assignments(items or [])


def _print_event(event: dict[str, Any]) -> None:
    print(json.dumps(event), flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error that a user can meet becomes one line and an exit code."""
    from acquisition.interrupts import raise_interrupts
    from instruments.errors import LimitError

    raise_interrupts()
    try:
        code = app(arguments, standalone_mode=False)
    except click.exceptions.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (InputError, LimitError) as error:
        _fail(error, 2)
    except AsotError as error:
        _fail(error, 1)
    except (KeyboardInterrupt, click.exceptions.Abort) as interrupt:
        _fail(f"interrupted. {interrupt}".strip(), 1)
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(error: object, code: int) -> None:
    typer.echo(f"asot: error: {' '.join(str(error).split())}", err=True)
    sys.exit(code)
