"""Commands that look at runs and recipes: `asot runs ...` and `asot recipe ...`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from analysis.errors import InputError

run_argument = click.argument("run")
paths_argument = click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
folder_option = click.option(
    "--out", type=click.Path(path_type=Path), default="runs", show_default=True, help="Where stems and ids are found."
)
csv_option = click.option("--csv", "target", type=click.Path(path_type=Path), help="Write a new CSV file instead.")

_MANY = 100  # new files from which their number is told while they are read


@click.group()
def runs() -> None:
    """Look at run files."""


@click.group("recipe")
def recipe_commands() -> None:
    """Look at recipes."""


@recipe_commands.command()
def schema() -> None:
    """Print the JSON schema of recipes, with which an editor completes and checks them.

    Example: asot recipe schema > recipe.schema.json
    """
    from acquisition.recipe import recipe_schema

    click.echo(json.dumps(recipe_schema(), indent=2))


@runs.command()
@paths_argument
def verify(paths: tuple[Path, ...]) -> int:
    """Check run files, or folders of them: checksum, units, mandatory fields, equal lengths.

    Example: asot runs verify asot-demo
    """
    from analysis.run_check import check_run
    from analysis.run_groups import run_files

    bad = 0
    for path in run_files(paths):
        faults = check_run(path)
        bad += bool(faults)
        for fault in faults:
            click.echo(f"asot: error: {fault}", err=True)
        if not faults:
            click.echo(f"{path}: good")
    return 1 if bad else 0


@runs.command("list")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path), metavar="[FOLDER]...")
@click.option("--sample", default="", help="Runs of this sample; * and ? stand for any text.")
@click.option("--procedure", default="", help="Runs of this procedure; * and ? stand for any text.")
@click.option("--status", default="", help="finished, aborted, failed, interrupted, running or unreadable.")
@click.option("--since", default="", metavar="DATE", help="Runs started then or later, e.g. 2026-11-28 or with T14:30.")
@click.option("--until", default="", metavar="DATE", help="Runs started then or earlier; of a date the whole day.")
@click.option("--tag", "tags", multiple=True, help="Runs with this tag. May be repeated.")
@click.option("--comment", "text", default="", help="Runs with this text in their comment.")
@click.option(
    "--sort", type=click.Choice(["date", "sample", "procedure", "status", "points"]), default="date", show_default=True,
    help="Order.",
)  # fmt: skip
@click.option("--reverse", is_flag=True, help="Turn the order round.")
@click.option("--limit", type=click.IntRange(min=0), help="So many runs, from the end of the order: the latest ones.")
@click.option("--rebuild", is_flag=True, help="Read every file again, whatever the index says.")
@csv_option
@json_option
def list_runs(
    folders: tuple[Path, ...], since: str, until: str, rebuild: bool, target: Path | None, as_json: bool, **wanted: Any
) -> None:
    """List the runs in folders, by default in the folder runs, journals that await recovery among them.

    Example: asot runs list asot-demo --procedure field-sweep --since 2026-11-01 --limit 20
    """
    from acquisition.catalogue import read_catalogue
    from acquisition.run_selection import Selection, moment
    from acquisition.run_table import csv_text, table_lines

    selection = Selection(since=moment("--since", since), until=moment("--until", until), **wanted)
    catalogue = read_catalogue(folders or [Path("runs")], rebuild=rebuild, progress=_indexing)
    chosen = selection.of(catalogue.runs)
    if target is not None:
        _write_new(target, csv_text(chosen))
    if as_json:
        for run in chosen:
            click.echo(json.dumps(run.as_dict()))
    elif target is None and chosen:
        click.echo("\n".join(table_lines(chosen)))
    for note in catalogue.notes:
        click.echo(f"asot: note: {note}", err=True)
    for run in chosen:
        if run.fault:
            click.echo(f"asot: error: {run.fault}", err=True)
    for folder in sorted({run.path.parent for run in chosen if run.awaits_recovery}):
        click.echo(f"asot: note: journals in {folder} await `asot recover {folder}`.", err=True)
    if not as_json:
        click.echo(f"{len(chosen)} of {len(catalogue.runs)} runs.", err=True)


def _indexing(done: int, total: int) -> None:
    if total >= _MANY and (done % _MANY == 0 or done == total) and sys.stderr.isatty():
        click.echo(f"\rReading new files: {done} of {total}", err=True, nl=done == total)


@runs.command()
@run_argument
@folder_option
@json_option
def show(run: str, out: Path, as_json: bool) -> None:
    """Print what a run file says about itself: a path, or a stem or id in the folder --out.

    Example: asot runs show 0123abcd --out asot-demo
    """
    from acquisition.export import summary
    from acquisition.resume import find_run
    from analysis.run_file import load_run

    data = load_run(find_run(run, out))
    if as_json:
        click.echo(json.dumps({**data.attrs, "points": data.sizes["point"]}))
    else:
        click.echo("\n".join(summary(data)))


@runs.command()
@run_argument
@folder_option
@csv_option
def export(run: str, out: Path, target: Path | None) -> None:
    """Print the points of a run as CSV, metadata in lines that begin with #.

    Example: asot runs export 0123abcd --out asot-demo --csv loop.csv
    """
    from acquisition.export import csv_text
    from acquisition.resume import find_run
    from analysis.run_file import load_run

    text = csv_text(load_run(find_run(run, out)))
    if target is None:
        click.echo(text, nl=False)
    else:
        _write_new(target, text)


def _write_new(target: Path, text: str) -> None:
    try:
        target.open("x", encoding="utf-8", newline="").close()
        target.write_text(text, encoding="utf-8", newline="")
    except OSError as error:
        raise InputError(
            f"CSV file must be new and in a folder that can be written; {target}: {error.strerror}. Choose another."
        ) from None


@runs.command()
@run_argument
@folder_option
@json_option
def follow(run: str, out: Path, as_json: bool) -> int:
    """Print the points of a run of another program as they are committed, until it ends.

    Example: asot runs follow 0123abcd --out runs --json
    """
    from acquisition.follow import follow as follow_run
    from acquisition.resume import find_run

    status = ""
    for event in follow_run(find_run(run, out)):
        status = event.get("status", "")
        if as_json:
            click.echo(json.dumps(event))
        elif event["event"] == "point":
            click.echo("  ".join(f"{key}={value:.6g}" for key, value in event.items() if key != "event"))
        else:
            click.echo(f"{event['status']}: {event['path']} {event['reason']}".rstrip())
    return 0 if status == "finished" else 1


@runs.command("import")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--describe", "description", type=click.Path(path_type=Path),
    help="TOML file that says what the columns are; by default the one beside each file, with its name.",
)  # fmt: skip
@click.option("--sample", help="Sample: a name in config/samples, or a path.")
@click.option("--procedure", help="Whose analysis fits the columns, e.g. field-sweep.")
@click.option("--set", "settings", metavar="KEY=VALUE", multiple=True, help="Replace a key of the description.")
@folder_option
def import_runs(
    files: tuple[Path, ...],
    description: Path | None,
    sample: str | None,
    procedure: str | None,
    settings: tuple[str, ...],
    out: Path,
) -> None:
    """Make run files of CSV files, also of pymeasure's, and of LabVIEW's text measurement files (.lvm).

    Example: asot runs import coil.csv film.csv --sample py32-fused-silica --procedure field-sweep --out runs
    """
    from acquisition.foreign_data import import_files
    from analysis.configuration import parse_assignments

    changes = parse_assignments(settings)
    changes |= {key: value for key, value in {"sample": sample, "procedure": procedure}.items() if value is not None}
    for path in import_files(files, out, description=description, changes=changes):
        click.echo(str(path))
