"""The command line `asot`. Exit code 0 done, 1 measured but failed, 2 bad input."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import click

from acquisition.cli_runs import recipe_commands, runs
from analysis.errors import AsotError, InputError

Command = TypeVar("Command", bound=Callable[..., Any])
HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


@click.group(context_settings=HELP)
@click.version_option(package_name="asot")
def app() -> None:
    """Measure anomalous spin-orbit torque with a lock-in MOKE bench, and analyse what was measured."""


@app.group()
def bench() -> None:
    """Look at benches."""


app.add_command(runs)
app.add_command(recipe_commands)


set_option = click.option(
    "--set",
    "settings",
    metavar="KEY=VALUE",
    multiple=True,
    help="Replace a key: recipe., bench., sample. or twin. May be repeated.",
)
sample_option = click.option(
    "--sample", default="py32-fused-silica", show_default=True, help="Sample: a name in config/samples, or a path."
)


def bench_options(bench: str, sample: str) -> Callable[[Command], Command]:
    """Options of every command that opens a bench, with their defaults."""
    options = (
        set_option,
        click.option(
            "--sample",
            default=sample,
            show_default=sample or "that of the recipe, or py32-fused-silica",
            help="Sample: a name in config/samples, or a path.",
        ),
        click.option(
            "--bench",
            default=bench,
            show_default=bench or "that of the recipe, or simulated",
            help="Bench: a name in config/benches, or a path.",
        ),
    )

    def decorate(command: Command) -> Command:
        for option in options:
            command = option(command)
        return command

    return decorate


bench_argument = click.argument("name", metavar="BENCH", default="simulated")
default_bench = bench_options("simulated", "py32-fused-silica")
recipe_bench = bench_options("", "")


json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON on standard output; progress goes to standard error."
)

paths_argument = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))


def out_option(default: str) -> Callable[[Command], Command]:
    """Folder that a command writes to."""
    kind = click.Path(path_type=Path)
    return click.option("--out", type=kind, default=default, show_default=True, help="Folder for what is written.")


@app.command()
@out_option("asot-demo")
@default_bench
@json_option
def demo(out: Path, bench: str, sample: str, settings: tuple[str, ...], as_json: bool) -> None:
    """Run a simulated experiment and fit a measured series, from set-up to torque; under a minute.

    Example: asot demo --out /tmp/demo --set twin.torque_bottom=1.21e-6
    """
    from acquisition.demo import demo as run_demo
    from acquisition.progress import Report

    document = run_demo(out, Report(as_json), bench=bench, sample=sample, settings=_settings(settings))
    if as_json:
        print(json.dumps(document))


@app.command()
@click.argument("recipe")
@out_option("runs")
@recipe_bench
@click.option("--dry-run", is_flag=True, help="Check limits, count points, estimate the duration; measure nothing.")
@click.option("--realtime", is_flag=True, help="Let a simulated bench take as long as a real one.")
@click.option("--resume", metavar="RUN", default="", help="Go on with a run that ended early: path, stem or id.")
@click.option("--retries", default=1, show_default=True, help="Further tries of a point at which an instrument failed.")
@click.option("--yes", is_flag=True, help="Start even an unusually large measurement without asking.")
@json_option
def run(
    recipe: str,
    out: Path,
    bench: str,
    sample: str,
    settings: tuple[str, ...],
    dry_run: bool,
    realtime: bool,
    resume: str,
    retries: int,
    yes: bool,
    as_json: bool,
) -> int:
    """Run every procedure of RECIPE, a name in config/recipes or a path.

    Example: asot run field-sweep --bench simulated --out runs --set recipe.procedures.0.steps=21
    """
    from acquisition.batch import all_finished, run_batch
    from acquisition.progress import Report
    from instruments.manual import nobody

    report = Report(as_json)

    def confirm(doubt: str) -> bool:
        if yes or not (sys.stdin and sys.stdin.isatty()):
            return yes
        return click.confirm(f"{doubt}. Is that meant?", err=True)

    def operator(request: str) -> None:
        if not (sys.stdin and sys.stdin.isatty()):
            nobody(request)
        with report.hidden():
            question, answer = f"{request} Press Enter when it is done, q to stop", "q"
            with suppress(click.Abort):  # Ctrl-C and a closed terminal stop it, too
                answer = click.prompt(question, default="", show_default=False, err=True)
        if answer.strip().lower() == "q":
            raise KeyboardInterrupt(f"Stopped by the operator, who was asked: {request}")

    results = run_batch(
        recipe,
        out,
        report,
        bench=bench,
        sample=sample,
        settings=_settings(settings),
        dry_run=dry_run,
        realtime=realtime,
        resume=resume,
        retries=retries,
        confirm=confirm,
        prompt=operator,
        events=_print_event if as_json else None,
    )
    return 0 if all_finished(results) else 1


@app.command()
@out_option("runs")
@click.option("--bench", default="", help="Connect to this bench at once: a name in config/benches, or a path.")
@sample_option
@click.option("--realtime", is_flag=True, help="Let a simulated bench take as long as a real one.")
@set_option
def gui(out: Path, bench: str, sample: str, realtime: bool, settings: tuple[str, ...]) -> int:
    """Open the lab window: bench, alignment, sweeps, queue, plots and runs.

    Example: asot gui --bench simulated
    """
    from acquisition.gui.application import show_window
    from acquisition.gui.session import Connection

    return show_window(out, Connection(bench, sample, _settings(settings), realtime) if bench else None)


@app.command()
@click.argument("recipe")
@out_option("runs")
@recipe_bench
@click.option("--target", default="", help="Uncertainty of the torque to be reached, e.g. '1e-9 J/m^2' or '0.5 %'.")
@click.option("--thicknesses", default="", help="Range in which the best films are sought, e.g. '4 nm to 48 nm'.")
@json_option
def plan(
    recipe: str,
    out: Path,
    bench: str,
    sample: str,
    settings: tuple[str, ...],
    target: str,
    thicknesses: str,
    as_json: bool,
) -> None:
    """Say what RECIPE would do and find: points, duration, limits, size, signals and uncertainties; measure nothing.

    Example: asot plan asot-demo --target '0.5 %'
    """
    from acquisition.batch import run_batch
    from acquisition.progress import Report
    from acquisition.torque_planning import Questions

    run_batch(
        recipe, out, Report(as_json), bench=bench, sample=sample, settings=_settings(settings), dry_run=True,
        events=_print_event if as_json else None, questions=Questions(target, thicknesses),
    )  # fmt: skip


@app.command()
@paths_argument
@click.option("--current-density", help="Report torques at this, e.g. '5e10 A/m^2'; by default at that of the runs.")
@click.option(
    "--blank",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Runs of a blank, or their folder: its background is taken off the calibration. May be repeated.",
)
@click.option(
    "--reference-conductivity",
    help="Compare control samples with this bottom-surface torque conductivity, e.g. '2.3e5 S/m'; by default with that "
    "of a thick film among the runs.",
)
@click.option("--report", "page", type=click.Path(path_type=Path), help="Write one HTML page with numbers and figures.")
@click.option("--figures", type=click.Path(path_type=Path), help="Folder for all figures as SVG, PDF and PNG.")
@json_option
def analyze(
    paths: tuple[Path, ...],
    current_density: str | None,
    blank: tuple[Path, ...],
    reference_conductivity: str | None,
    page: Path | None,
    figures: Path | None,
    as_json: bool,
) -> int:
    """Turn run files, or folders of them, into torques with uncertainties.

    Example: asot analyze asot-demo --report asot-demo/report.html
    """
    from acquisition.analysis_output import write_output
    from acquisition.progress import Report
    from analysis.configuration import option_quantity
    from analysis.run_analysis import analyze as analyze_runs

    density = None if current_density is None else option_quantity("--current-density", current_density, "A/m^2")
    reference = (
        None
        if reference_conductivity is None
        else option_quantity("--reference-conductivity", reference_conductivity, "S/m")
    )
    result = analyze_runs(paths, current_density=density, blank=blank, reference_conductivity=reference)
    if as_json:
        print(json.dumps(result.as_dict()))
    else:
        report = Report()
        for entry in result.samples:
            report.sample_result(entry)
        if result.series is not None:
            report.series_result(result.series)
        for finding in result.findings:
            report.finding(finding)
    for warning in result.warnings:
        click.echo(f"asot: warning: {warning}", err=True)
    choices = {"current density": current_density, "reference conductivity": reference_conductivity}
    choices["blank"] = ", ".join(map(str, blank))
    write_output(result, paths, page, figures, {name: text for name, text in choices.items() if text})
    return 0 if result.samples or result.findings else 1


@app.command()
@click.argument("folder", type=click.Path(path_type=Path))
def recover(folder: Path) -> int:
    """Make run files of the journals that a crash left in FOLDER; run files that exist are not touched.

    Example: asot recover runs
    """
    from acquisition.storage import recover as recover_journals

    entries = []
    for entry in recover_journals(folder):
        entries.append(entry)
        if entry.good:
            click.echo(f"{entry.journal.name} {entry.found}.")
        else:
            click.echo(f"asot: error: {entry.found}", err=True)
    made = sum(entry.path is not None for entry in entries)
    click.echo(f"{made} of {len(entries)} journals recovered in {folder}.")
    return 0 if all(entry.good for entry in entries) else 1


@bench.command()
@bench_argument
@sample_option
@set_option
def show(name: str, sample: str, settings: tuple[str, ...]) -> None:
    """Print what the files say of BENCH: origin of each file, instruments, wiring, limits, chain of signs.

    Opens nothing. Example: asot bench show simulated
    """
    from acquisition.bench_report import description
    from instruments.bench import read_bench

    for line in description(read_bench(name, sample, _settings(settings))):
        click.echo(line)


@bench.command()
@bench_argument
@sample_option
@set_option
@json_option
def check(name: str, sample: str, settings: tuple[str, ...], as_json: bool) -> int:
    """Open every instrument of BENCH that can be opened, ask who it is and what it reads, and make all safe.

    Exit code 1 where one does not answer or is not safe. Example: asot bench check simulated
    """
    from rich.console import Console

    from acquisition.bench_report import BenchCheck
    from instruments.bench import open_what_answers, read_bench
    from instruments.bench_check import check_instruments

    files = read_bench(name, sample, _settings(settings))
    with open_what_answers(files) as opened:
        found = BenchCheck(files, check_instruments(opened), opened.make_safe())
        if as_json:
            print(json.dumps(found.as_dict()))
        else:
            found.print(Console())
    return 0 if found.good else 1


@bench.command()
@bench_argument
@sample_option
@set_option
def safe(name: str, sample: str, settings: tuple[str, ...]) -> int:
    """Make currents and field of a real bench safe, each instrument by itself, also where others do not answer.

    Example: asot bench safe lab
    """
    from instruments.bench import read_bench
    from instruments.emergency import make_currents_and_field_safe

    files = read_bench(name, sample, _settings(settings))
    if files.bench.simulation is not None:
        raise InputError(f"Bench must be one of real instruments; {name} is simulated and safe when nothing runs it.")
    reports = make_currents_and_field_safe(files.bench, files.sample)
    for report in reports:
        for step in report.reached:
            click.echo(f"{report.role:<20} {step}")
        for step in report.failed:
            click.echo(f"{report.role:<20} NOT SAFE: {step}")
    return 0 if all(report.safe for report in reports) else 1


@bench.command()
@bench_argument
@sample_option
@set_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="served.toml",
    show_default=True,
    help="Bench file to be written, with which asot and scripts reach what is served.",
)
def serve(name: str, sample: str, settings: tuple[str, ...], out: Path) -> None:
    """Serve the simulated BENCH on TCP ports of this computer, in real time, until Ctrl-C or SIGTERM.

    Example: asot bench serve simulated --out served.toml, then elsewhere: asot bench check ./served.toml
    """
    from time import sleep

    from instruments.bench import read_bench
    from instruments.simulation.server import BenchServer, client_file

    files = read_bench(name, sample, _settings(settings))
    with BenchServer(files.bench, files.sample) as server:
        try:
            out.write_text(client_file(files.document, server), encoding="utf-8")
        except OSError as error:
            raise InputError(f"Bench file {out} must be one that can be written; {error}. Choose another.") from None
        for resource, address in server.resources.items():
            click.echo(f"{resource:<20} {address}")
        click.echo(f"{'NI card':<20} {server.daq_server}")
        click.echo(f"Serving until Ctrl-C; bench file: {out}")
        sys.stdout.flush()
        try:
            while True:
                sleep(0.5)  # on Windows a signal is not noticed before a wait ends
        except KeyboardInterrupt:
            click.echo("Stopped.")


def _settings(items: tuple[str, ...]) -> dict[str, Any]:
    from analysis.configuration import parse_assignments

    return parse_assignments(items)


def _print_event(event: dict[str, Any]) -> None:
    with suppress(BrokenPipeError):  # a reader that has seen enough must not end a measurement
        print(json.dumps(event), flush=True)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error that a user can meet becomes one line and an exit code."""
    from instruments.errors import LimitError
    from instruments.interrupts import raise_interrupts

    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # what its library has to say is no message to a user
    raise_interrupts()
    try:
        code = app.main(arguments, prog_name="asot", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (InputError, LimitError) as error:
        _fail(error, 2)
    except AsotError as error:
        _fail(error, 1)
    except (KeyboardInterrupt, click.Abort) as interrupt:
        _fail(f"interrupted. {interrupt.__cause__ or interrupt}", 1)  # click makes Abort of KeyboardInterrupt
    else:
        sys.exit(code if isinstance(code, int) else 0)


def _fail(error: object, code: int) -> None:
    notes = getattr(error, "__notes__", [])
    click.echo(f"asot: error: {' '.join(' '.join([str(error), *notes]).split())}", err=True)
    sys.exit(code)
